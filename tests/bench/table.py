"""One shape for every figure of the bench: what was measured, beside what, in the same run.

A bench module gives rows. Run by itself it prints them; with ``--json FILE`` it writes them there, which is
how the whole bench collects them (``python -m tests.bench``).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import quantiles
from typing import Literal

import msgspec

__all__ = ["Row", "entry", "goal_shown", "markdown", "note", "percentile", "show", "shown"]

PLAIN_WIDTH = 180
"""Columns of the table when it goes into a file."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside its floor or peer."""

    what: str
    figure: float
    unit: str
    """``bars/s``, ``sets/s``, ``rows/s``, ``events/s``; ``us``, ``ms``, ``s``, ``MiB``."""
    floor: float | None = None
    beside: str = ""
    """What the floor is."""
    goal: float | None = None
    """The bound of DESIGN.md section 11, where there is one; whether it is a least or a most is ``better``."""
    goal_is: Literal["ratio", "figure"] = "figure"
    better: Literal["more", "less"] = "more"
    details: str = ""

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of its floor."""
        return self.figure / self.floor if self.floor else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        reached = self.ratio if self.goal_is == "ratio" else self.figure
        if self.goal is None or reached is None:
            return None
        return reached >= self.goal if self.better == "more" else reached <= self.goal


def percentile(values: Iterable[float], percent: int) -> float:
    """The value that so many percent are not above."""
    found = sorted(values)
    if len(found) < 2:
        return found[0] if found else float("nan")
    return quantiles(found, n=100, method="inclusive")[percent - 1]


def shown(value: float | None) -> str:
    """A number with three digits that matter."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def note(text: str) -> None:
    """Say what is being done."""
    sys.stderr.write(f"  {text}\n")
    sys.stderr.flush()


def show(title: str, rows: Iterable[Row]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("what", "figure", "floor or peer", "ratio", "goal", "details"):
        table.add_column(name, justify="left" if name in ("what", "details") else "right", overflow="fold")
    for row in rows:
        floor = f"{shown(row.floor)} {row.unit}\n{row.beside}" if row.floor is not None else row.beside
        table.add_row(
            row.what, f"{shown(row.figure)} {row.unit}", floor, shown(row.ratio), goal_shown(row), row.details
        )
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False).print(table)


def markdown(rows: Iterable[Row]) -> str:
    """The table for a page of the documentation."""
    lines = ["| what | figure | floor or peer | ratio | goal | details |", "|---|---:|---:|---:|---|---|"]
    for row in rows:
        floor = f"{shown(row.floor)} {row.unit} ({row.beside})" if row.floor is not None else row.beside
        cells = (row.what, f"{shown(row.figure)} {row.unit}", floor, shown(row.ratio), goal_shown(row), row.details)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def goal_shown(row: Row) -> str:
    """The bound, and whether it is met; "" where there is none."""
    if row.goal is None:
        return ""
    word = "at least" if row.better == "more" else "at most"
    unit = "x" if row.goal_is == "ratio" else f" {row.unit}"
    return f"{word} {shown(row.goal)}{unit}: {'met' if row.is_met else 'not met'}"


def entry(name: str, rows: Callable[[bool], list[Row]]) -> None:
    """The command line of one bench; ``rows`` is told whether it has to be quick."""
    parser = argparse.ArgumentParser(description=f"Bench: {name}")
    parser.add_argument("--quick", action="store_true", help="fewer of everything: a look, no measurement")
    parser.add_argument("--json", type=Path, help="write the rows to this file instead of printing them")
    options = parser.parse_args()
    found = rows(options.quick)
    if options.json is None:
        show(name, found)
    else:
        options.json.write_bytes(msgspec.json.encode(found))
