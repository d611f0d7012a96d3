"""The same benches in another checkout beside this one, in turns: what a change made faster or slower.

Both play on one database server, each with its own code, its own environment and its own bench. Rows are matched by
what they measure; a row that only one of the two has stands alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from bench.table import PLAIN_WIDTH, Row, goal_shown, shown

__all__ = ["ROUNDS", "Pair", "Side", "fold", "markdown", "show"]

ROUNDS = 3
"""So often each bench is run on both sides; which side begins changes from round to round."""


class Side(msgspec.Struct, frozen=True):
    """A checkout and the interpreter of its environment."""

    root: Path
    python: Path

    @classmethod
    def of(cls, root: Path) -> Side:
        """Of a checkout that ``make setup`` was run in; SystemExit where there is none."""
        python = root / ".venv" / "bin" / "python"
        if not (root / ".venv" / "compiled").exists():
            raise SystemExit(f"{root} is not a built checkout: run make setup in it")
        return cls(root, python)

    def script(self, bench: str) -> Path:
        """Of one bench; older checkouts have fewer."""
        return self.root / "tests" / "bench" / f"bench_{bench}.py"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One figure on both sides, in the best round of each: other work only ever slows a round down."""

    after: Row
    before: float | None
    """None where the other checkout does not measure it."""
    ratio: float | None
    """After over before, of these two figures."""
    ratios: tuple[float, float] | None
    """After over before in one round: the lowest and the highest."""


def fold(after: Sequence[Sequence[Row]], before: Sequence[Sequence[Row]]) -> list[Pair]:
    """The rounds of both sides, in the order of this side's rows."""
    found = []
    for row in after[0]:
        ours = [_same(rows, row) for rows in after]
        theirs = [_same(rows, row) for rows in before]
        mine = [each for each in ours if each is not None]
        best = max(mine, key=_rank)
        pairs = [(one, two) for one, two in zip(ours, theirs, strict=True) if one is not None and two is not None]
        ratios = [one.figure / two.figure for one, two in pairs]
        before_best = max((two for _, two in pairs), key=_rank, default=None)
        found.append(
            Pair(
                after=best,
                before=None if before_best is None else before_best.figure,
                ratio=None if before_best is None else best.figure / before_best.figure,
                ratios=(min(ratios), max(ratios)) if ratios else None,
            )
        )
    return found


def _rank(row: Row) -> float:
    """More is better."""
    return row.figure if row.better == "more" else -row.figure


def _same(rows: Sequence[Row], wanted: Row) -> Row | None:
    """The row of another run: by what it measures, and by its peer where several have the same name."""
    named = [row for row in rows if row.what == wanted.what]
    return next((row for row in named if row.beside == wanted.beside), named[0] if len(named) == 1 else None)


def cells(pair: Pair) -> tuple[str, ...]:
    """A line of the table."""
    row = pair.after
    unit = row.unit
    before = f"{shown(pair.before)} {unit}" if pair.before is not None else ""
    ratio = ""
    if pair.ratio is not None and pair.ratios is not None:
        ratio = f"{pair.ratio:.2f} ({pair.ratios[0]:.2f} to {pair.ratios[1]:.2f})"
    floor = f"{shown(row.floor)} {unit} ({row.beside})" if row.floor is not None else ""
    return row.what, before, f"{shown(row.figure)} {unit}", ratio, floor, goal_shown(row)


_HEADS = ("what", "before", "after", "after / before (within one round)", "floor or peer", "goal")


def show(pairs: Sequence[Pair]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="live-runner bench, beside another checkout", title_justify="left")
    for at, head in enumerate(_HEADS):
        table.add_column(head, justify="right" if 0 < at < 5 else "left", overflow="fold")
    for pair in pairs:
        table.add_row(*cells(pair))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False).print(table)


def markdown(pairs: Sequence[Pair]) -> str:
    """The table for a page of the documentation."""
    lines = [f"| {' | '.join(_HEADS)} |", "|---|---:|---:|---:|---:|---|"]
    lines += [f"| {' | '.join(cells(pair))} |" for pair in pairs]
    return "\n".join(lines)
