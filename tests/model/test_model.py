"""Orders at a venue, every way they can go: worlds within so many steps, planted faults, and long drawn runs.

``make soak`` searches every world to depth 8 (``python -m tests.model 8``).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model.engine import Engine, Outcome
from model.search import Finding, described, rest, search
from model.world import BrokenRuleError, Step
from model.worlds import WORLDS, long_run

ROOT = Path(__file__).parents[2]

DEPTHS = {
    "entry and add": 5,
    "close and partial close": 6,
    "resting close and close": 6,
    "flatten and resting close": 6,
    "entry and flatten": 6,
    "entry of totals": 5,
    "entry with a stop": 6,
    "two stops": 4,
    "entry with both": 5,
    "stop of a leg": 5,
    "target of a leg": 5,
    "both of a leg": 4,
}
"""For every change, some 130,000 states; make soak goes further."""


@pytest.mark.parametrize("name", WORLDS)
def test_every_way_ends_as_the_venue_has_it(name: str) -> None:
    """O10 O11 O12 O15 O19 O20 O23 P02: each fill once, no attempt twice, no more closed than held."""
    world, first = WORLDS[name]()

    result = search(world, first, DEPTHS[name])

    assert not result.findings, "\n".join(line for found in result.findings for line in described(world, first, found))
    assert result.states > 1_000


class Twice:
    """A core that takes each step once more, restored from the snapshot before it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def step(self, state: int, given: Any, now: int) -> tuple[int, tuple[Outcome, ...]]:
        """The step, which must be the same either way."""
        found = self.engine.step(state, given, now)
        core = self.engine.restored(state)
        effects = core.handle(self.engine.message(given, now))
        assert (self.engine.number(core), self.engine.outcomes_of(effects)) == found
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


@pytest.mark.parametrize("name", ["entry and add", "flatten and resting close", "both of a leg"])
def test_the_search_leaves_nothing_out(name: str) -> None:
    """P10: beside a search that keeps every world whole, and restarts the core at each step."""
    world, first = WORLDS[name]()
    found = search(world, first, 3)
    world.engine = Twice(world.engine)  # type: ignore[assignment]  # it is one in all that a world asks of it
    seen, frontier, visited = {first}, [first], [1]
    for _ in range(3):
        frontier = [world.after(state, step) for state in frontier for step in world.steps(state)]
        frontier = list(set(frontier) - seen)
        seen.update(frontier)
        visited.append(len(frontier))

    assert found.visited == visited


def test_every_planted_fault_is_found() -> None:
    """In a process of its own: the faults replace methods of the interpreted engine."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.model", "faults"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "LIVE_RUNNER_HOTPATH": "reference"},
        capture_output=True,
        text=True,
        timeout=200,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    planted = re.findall(r"^planted: (.*)\n(.*), after (\d+) steps$", ran.stdout, re.MULTILINE)
    assert len(planted) >= 10
    assert len(planted) == ran.stdout.count("planted: ")


WORLD, FIRST = long_run()
AT_REST: set[int] = set()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 999), min_size=10, max_size=80))
def test_long_runs_end_as_the_venue_has_it(choices: list[int]) -> None:
    """More orders, bars, restarts, repeated messages and refusals than the search has room for."""
    state = FIRST
    way: list[Step] = []
    try:
        for choice in choices:
            steps = list(WORLD.steps(state))
            if not steps:
                break
            way.append(steps[choice % len(steps)])
            state = WORLD.after(state, way[-1])
        rest(WORLD, state, AT_REST, way)
    except BrokenRuleError as broken:
        pytest.fail("\n".join(described(WORLD, FIRST, Finding(broken, way, []))))


def test_the_venue_imports_nothing_of_the_program() -> None:
    tree = ast.parse(Path(__file__).with_name("venue.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}

    assert modules == {"__future__", "typing"}
