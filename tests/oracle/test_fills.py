"""The engine fills, funds and liquidates as the oracle does, to the last unit; both forms of it, by ``make parity``."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from oracle.sessions import play

GROUPS = 10
GROUP = 25


@pytest.mark.parametrize("group", range(GROUPS))
def test_drawn_sessions_end_as_in_exact_rationals(group: int) -> None:
    """Random bars and orders of every kind: hedge and one-way, every method of lots, fees, funding, liquidation."""
    compared: Counter[str] = Counter()
    for number in range(group * GROUP, (group + 1) * GROUP):
        compared += play(f"{number:05}")

    kinds = ("market", "limit", "stop", "take_profit", "ioc", "post_only", "liquidations", "rejected", "cancelled")
    assert all(compared[kind] for kind in kinds), compared


def test_the_oracle_imports_nothing_of_the_program() -> None:
    tree = ast.parse(Path(__file__).with_name("simulator.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}

    assert modules == {"__future__", "dataclasses", "fractions"}
