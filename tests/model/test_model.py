"""Orders at a venue, every way they can go: worlds within so many steps, planted faults, and long drawn runs.

``make soak`` searches every world to depth 7, and without refusals to depth 8 (``python -m tests.model 8 --calm``).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model.search import Finding, described, rest, search
from model.world import BrokenRuleError, Step
from model.worlds import WORLDS, long_run

ROOT = Path(__file__).parents[2]

DEPTHS = {
    "entry and add": 5,
    "close and partial close": 6,
    "resting close and close": 7,
    "flatten and resting close": 6,
    "entry and flatten": 7,
    "entry of totals": 5,
    "entry with a stop": 6,
    "stop of a leg": 5,
}
"""For every change, some 180,000 states; make soak goes further."""


@pytest.mark.parametrize("name", WORLDS)
def test_every_way_ends_as_the_venue_has_it(name: str) -> None:
    """O10 O11 O12 O15 O19 O20 O23 P02: each fill once, no attempt twice, no more closed than held."""
    world, first = WORLDS[name]()

    result = search(world, first, DEPTHS[name])

    assert not result.findings, "\n".join(line for found in result.findings for line in described(world, first, found))
    assert result.states > 1_000


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
