"""Search worlds, or the engine with faults planted in it.

python -m tests.model 8                     every world to that depth, two side by side: an hour
python -m tests.model 8 "entry and add"     one of them: 1,257,210 states, five minutes, 6 GB
python -m tests.model faults                the shortest way to each planted fault (LIVE_RUNNER_HOTPATH=reference)
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from model.explored import explored
from model.search import described, search
from model.worlds import WORLDS


def explore(names: list[str], depth: int) -> int:
    """Search worlds side by side and print what was visited; the number of broken rules."""
    broken = 0
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:  # each has its memory back when it is done
        for text, findings in pool.map(explored, names, repeat(depth)):
            print(text, flush=True)
            broken += findings
    return broken


def find_planted(names: list[str]) -> int:
    """Plant every fault and print the shortest way to it; the number of those that were not found."""
    from model.faults import FAULTS, planted  # the interpreted engine only

    missed = 0
    for name in names or FAULTS:
        fault = FAULTS[name]
        with planted(fault):
            world, first = WORLDS[fault.world]()
            world.rules = world.rules._replace(mishaps=fault.mishaps)
            result = search(world, first, 5, stop_at_first=True)
            print(f"planted: {name} ({fault.world}, {result.states:,} states)")
            missed += not result.findings
            for finding in result.findings:
                print("\n".join(described(world, first, finding)), flush=True)
    return missed


if __name__ == "__main__":
    if sys.argv[1] == "faults":
        sys.exit(find_planted(sys.argv[2:]))
    sys.exit(explore(sys.argv[2:] or list(WORLDS), int(sys.argv[1])))
