"""Closed candles of one symbol as columns, and what makes a row unusable.

What recordings and venues send is not always clean. The rules, the same for files and live answers:

    exact repeat of a row                dropped, counted
    rows out of order                    sorted, counted
    two different rows for one open      error
    open time off the timeframe's grid   error
    price NaN, infinite, zero, negative  error
    high below low, or open/close        error
      outside [low, high]
    volume zero                          fine: nobody traded
    volume NaN, infinite, negative       error
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from live_runner.contracts.errors import DataError
from live_runner.contracts.timeframe import bar_open_ns, duration_ns

__all__ = ["FIELDS", "PRICES", "Candles", "Cleaned", "Floats", "Times", "clean", "holes", "merge"]

type Floats = NDArray[np.float64]
type Times = NDArray[np.int64]

PRICES: Final = ("open", "high", "low", "close")
FIELDS: Final = (*PRICES, "volume")


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Rows in order of their open time, each open time once."""

    symbol: str
    open_ns: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.open_ns)

    def column(self, field: str) -> Floats:
        """One of ``FIELDS`` by name."""
        values: Floats = getattr(self, field)
        return values

    def slice(self, start: int, stop: int) -> Candles:
        """Rows [start, stop), as views."""
        return Candles(self.symbol, self.open_ns[start:stop], *(self.column(f)[start:stop] for f in FIELDS))

    def between(self, from_ns: int, to_ns: int) -> Candles:
        """Rows that open in [from_ns, to_ns)."""
        start, stop = np.searchsorted(self.open_ns, [from_ns, to_ns])
        return self.slice(int(start), int(stop))


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """Candles that passed, and what had to be done to them."""

    candles: Candles
    duplicates: int = 0
    """Exact repeats that were dropped."""
    reordered: int = 0
    """Rows that stood after a later one."""


def clean(candles: Candles, timeframe: str, *, source: str, first_row: int = 1) -> Cleaned:
    """Put raw rows in order; DataError names ``source``, the row (counted from ``first_row``) and the field."""
    _check_grid(candles, timeframe, source, first_row)
    _check_values(candles, source, first_row)
    steps = np.diff(candles.open_ns)
    if np.all(steps > 0):
        return Cleaned(candles)
    running = np.maximum.accumulate(candles.open_ns)
    reordered = int(np.count_nonzero(candles.open_ns < running))
    order = np.argsort(candles.open_ns, kind="stable")
    ordered = _take(candles, order)
    repeats = np.concatenate(([False], np.diff(ordered.open_ns) == 0))
    for field in FIELDS:
        values = ordered.column(field)
        differs = np.flatnonzero(repeats[1:] & (values[1:] != values[:-1])) + 1
        if len(differs):
            row = int(order[differs[0]]) + first_row
            _refuse(source, row, field, "contradicts another row with the same open time", "Keep one of the two rows")
    return Cleaned(_take(ordered, np.flatnonzero(~repeats)), int(np.count_nonzero(repeats)), reordered)


def merge(parts: list[Cleaned], *, source: str) -> Cleaned:
    """One series of several files of a symbol: the same rules between them as inside one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0].candles
    joined = Candles(
        first.symbol,
        np.concatenate([part.candles.open_ns for part in parts]),
        *(np.concatenate([part.candles.column(field) for part in parts]) for field in FIELDS),
    )
    order = np.argsort(joined.open_ns, kind="stable")
    ordered = _take(joined, order)
    repeats = np.concatenate(([False], np.diff(ordered.open_ns) == 0))
    for field in FIELDS:
        values = ordered.column(field)
        differs = np.flatnonzero(repeats[1:] & (values[1:] != values[:-1]))
        if len(differs):
            at_ns = int(ordered.open_ns[differs[0]])
            raise DataError(
                f"Files of {first.symbol} contradict each other in '{field}' at open time {at_ns // 1_000_000} ms",
                remedy=f"Keep one of {source}",
                symbol=first.symbol,
                field=field,
                open_ns=at_ns,
            )
    duplicates = sum(part.duplicates for part in parts) + int(np.count_nonzero(repeats))
    return Cleaned(_take(ordered, np.flatnonzero(~repeats)), duplicates, sum(part.reordered for part in parts))


def holes(open_ns: Times, timeframe: str) -> list[tuple[int, int]]:
    """Missing stretches between the first and the last row, as [from, to) in open times."""
    steps = np.diff(open_ns)
    length = duration_ns(timeframe)
    at = np.flatnonzero(steps > length)
    return [(int(open_ns[i]) + length, int(open_ns[i + 1])) for i in at]


def _take(candles: Candles, rows: NDArray[np.intp]) -> Candles:
    return Candles(candles.symbol, candles.open_ns[rows], *(candles.column(field)[rows] for field in FIELDS))


def _check_grid(candles: Candles, timeframe: str, source: str, first_row: int) -> None:
    length = duration_ns(timeframe)
    offset = bar_open_ns(0, timeframe)
    off = np.flatnonzero((candles.open_ns - offset) % length)
    if len(off):
        row = int(off[0])
        at_ns = int(candles.open_ns[row])
        _refuse(
            source,
            row + first_row,
            "time",
            f"is {at_ns // 1_000_000} ms, which is not an open time of a {timeframe} bar",
            "Bars are labelled by their open time; check the timeframe and the time unit",
        )


def _check_values(candles: Candles, source: str, first_row: int) -> None:
    for field in PRICES:
        values = candles.column(field)
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            row = int(bad[0])
            _refuse(
                source,
                row + first_row,
                field,
                f"is {values[row]!r}, which is not a valid price",
                "Repair or drop the row",
            )
    bad = np.flatnonzero(~(np.isfinite(candles.volume) & (candles.volume >= 0)))
    if len(bad):
        row = int(bad[0])
        _refuse(source, row + first_row, "volume", f"is {candles.volume[row]!r}", "Repair the row; 0 is allowed")
    for field in ("low", "open", "close"):
        bad = np.flatnonzero(candles.high < candles.column(field))
        if len(bad):
            _refuse(source, int(bad[0]) + first_row, "high", f"is below {field}", "Repair or drop the row")
    for field in ("open", "close"):
        bad = np.flatnonzero(candles.low > candles.column(field))
        if len(bad):
            _refuse(source, int(bad[0]) + first_row, "low", f"is above {field}", "Repair or drop the row")


def _refuse(source: str, row: int, field: str, what: str, remedy: str) -> NoReturn:
    raise DataError(f"{source}, row {row}: {field} {what}", remedy=remedy, file=source, row=row, field=field)
