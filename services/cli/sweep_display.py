"""Progress of a sweep, and the table at its end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from rich.table import Table

from live_runner.services.backtest.sweep.rows import Column, Row, ranked
from live_runner.services.cli.output import note, stderr_console
from live_runner.services.cli.progress_display import LINE_EVERY_S
from live_runner.services.runtime.config.masking import masked

__all__ = ["Display", "best_table"]

_BESIDE: Final = ("equity", "realised", "drawdown_equity", "fees", "trades", "fills")
"""Figures in the table, beside the one that ranks."""
_MONEY_SHOWN: Final = Decimal("0.01")


class Display:
    """A progress bar on a terminal, a line every few seconds elsewhere; nothing when quiet."""

    def __init__(self, name: str, total: int, column: Column, *, is_quiet: bool) -> None:
        self._name, self._total, self._column, self._is_quiet = name, total, column, is_quiet
        self._counts: Counter[str] = Counter()
        self._bars = 0
        self._best: Row | None = None
        self._began_s = self._printed_s = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Display:
        if not self._is_quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn(self._name, markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}", markup=False),
                TimeRemainingColumn(),
                console=stderr_console(),
                transient=True,
            )
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, row: Row) -> None:
        """A run came to its end."""
        self._counts[row["status"]] += 1
        self._bars += row["bars"] or 0
        self._best = next(iter(ranked([row] if self._best is None else [self._best, row], self._column, 1)), None)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._counts.total(), description=self._line())
        elif not self._is_quiet and time.monotonic() - self._printed_s >= LINE_EVERY_S:
            self._printed_s = time.monotonic()
            note(f"{self._name}: {self._counts.total()}/{self._total} runs  {self._line()}")

    def trouble(self, text: str) -> None:
        """A worker died or hung; shown whatever else is."""
        if self._bar is not None:
            self._bar.console.print(masked(f"{self._name}: warning: {text}"))
        else:
            note(f"{self._name}: warning: {text}")

    def _line(self) -> str:
        rate = self._bars / max(time.monotonic() - self._began_s, 1e-9)
        parts = [f"{rate:,.0f} bars/s"]
        parts += [f"{status} {self._counts[status]}" for status in ("refused", "failed") if self._counts[status]]
        if self._best is not None:
            parts.append(
                f"best {self._column.name} {_cell(self._best[self._column.name])} (run {self._best['number']})"
            )
        return "  ".join(parts)


def best_table(rows: Sequence[Row], column: Column) -> Table:
    """The best runs: their number, parameters and main figures."""
    figures = [column.name, *(name for name in _BESIDE if name != column.name)]
    paths = list(rows[0]["parameters"])
    table = Table(title=f"Best by {column.name}", title_justify="left")
    for heading in ("run", *paths, *figures):
        table.add_column(heading, justify="right")
    for row in rows:
        values = [row["number"], *(row["parameters"][path] for path in paths)]
        table.add_row(*map(str, values), *(_cell(row[name]) for name in figures))
    return table


def _cell(value: Any) -> str:
    """Money to the cent for the eye; the stored amounts are exact."""
    if isinstance(value, str):
        return f"{Decimal(value).quantize(_MONEY_SHOWN):,f}".replace(",", " ")
    return f"{value:,.3f}" if isinstance(value, float) else str(value)
