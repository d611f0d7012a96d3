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
    """Random bars and orders of every kind (I14): hedge and one-way, methods of lots, fees, funding, liquidation."""
    compared: Counter[str] = Counter()
    for number in range(group * GROUP, (group + 1) * GROUP):
        compared += play(f"{number:05}")

    kinds = ("market", "limit", "stop", "take_profit", "ioc", "post_only", "liquidations", "rejected", "cancelled")
    assert all(compared[kind] for kind in (*kinds, "whole", "bare")), compared


def test_the_oracle_imports_nothing_of_the_program() -> None:
    modules = set()
    for name in ("market.py", "simulator.py"):
        for node in ast.walk(ast.parse(Path(__file__).with_name(name).read_text())):
            if isinstance(node, ast.ImportFrom):
                modules.add(node.module)
            elif isinstance(node, ast.Import):
                modules.update(alias.name for alias in node.names)

    assert modules == {"__future__", "dataclasses", "fractions", "oracle.market"}
