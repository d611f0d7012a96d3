"""One world searched to a depth; a module of its own, for a spawned process does not import ``__main__``."""

from __future__ import annotations

import gc
import resource
import time

from model.search import described, search
from model.worlds import WORLDS

__all__ = ["explored"]


def explored(name: str, depth: int) -> tuple[str, int]:
    """What was visited of a world, with every broken rule; and the number of those."""
    world, first = WORLDS[name]()
    gc.disable()  # millions of values, and none of them leads back to itself
    began = time.process_time()
    result = search(world, first, depth)
    took = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lines = [
        f"{name}: {result.states:,} states within {depth} steps{' (all there are)' if result.whole else ''}, by depth"
        f" {result.visited}; {result.transitions:,} transitions, {result.engine_steps:,} steps of the core;"
        f" {took:.0f} s, {result.transitions / took:,.0f} transitions/s, {memory:,} MB"
    ]
    for finding in result.findings:
        lines += described(world, first, finding)
    return "\n".join(lines), len(result.findings)
