"""Columns that come to a session, looked over before the first bar of it.

Files and venues' answers are put in order by ``clean``. What a program hands over itself has not been there, and the
compiled loop reads columns as they lie in memory. So the rules of candles.py are asked once more, in blocks
that stay in the processor's cache: a few nanoseconds per bar, and nothing is put in order here.
"""

from __future__ import annotations

from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from live_runner.contracts.errors import DataError
from live_runner.services.market_data.core.candles import FIELDS, PRICES, Candles

__all__ = ["OPEN_NS_MAX", "check_columns"]

OPEN_NS_MAX: Final = 2**62
"""In the year 2116: what is counted on from here, such as an order's time to live, still fits 64 bits."""

_BLOCK_ROWS: Final = 8192


def check_columns(candles: Candles) -> None:
    """DataError with symbol, row (counted from 1) and field of the first row that is not a closed candle.

    Columns are arrays of one length: times int64, rising, from 1970 to 2116; prices finite and positive, with
    low <= open, close <= high; volumes finite and not negative.
    """
    _check_shapes(candles)
    for start in range(0, len(candles.open_ns), _BLOCK_ROWS):
        # The row before comes along: the first of a block has to open after it.
        block = candles.slice(max(start - 1, 0), start + _BLOCK_ROWS)
        if not _is_sound(block):
            _name_fault(block, candles.symbol, max(start - 1, 0) + 1)


def _check_shapes(candles: Candles) -> None:
    rows = len(candles.open_ns)
    for field, values in (("time", candles.open_ns), *((field, candles.column(field)) for field in FIELDS)):
        kind = np.int64 if field == "time" else np.float64
        if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype != kind:
            found = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            _refuse(candles.symbol, 1, field, f"has type {found}", f"Give one array of {np.dtype(kind)}")
        if len(values) != rows:
            short = min(rows, len(values)) + 1
            remedy = f"Give every column of {candles.symbol} as many rows as there are times, {rows}"
            _refuse(candles.symbol, short, field, f"has {len(values)} rows beside {rows} times", remedy)


def _is_sound(block: Candles) -> bool:
    """Whether all rows are; what is not a number makes each of these comparisons false."""
    opens_ns, high, low, volume = block.open_ns, block.high, block.low, block.volume
    return bool(
        opens_ns[0] >= 0
        and opens_ns[-1] <= OPEN_NS_MAX
        and (opens_ns[1:] > opens_ns[:-1]).all()
        and low.min() > 0
        and high.max() < np.inf
        and (np.maximum(block.open, block.close) <= high).all()
        and (np.minimum(block.open, block.close) >= low).all()
        and volume.min() >= 0
        and volume.max() < np.inf
    )


def _name_fault(block: Candles, symbol: str, first_row: int) -> NoReturn:
    """Raise what is wrong with the first row at fault."""
    faults = []
    for number, (field, is_bad, what) in enumerate(_rules(block)):
        rows = np.flatnonzero(is_bad)
        if len(rows):
            faults.append((int(rows[0]), number, field, what))
    row, _, field, what = min(faults)
    value = block.open_ns[row] if field == "time" else block.column(field)[row]
    remedy = "Sort the rows by open time, keep one of each" if "open time" in what else "Repair or drop the row"
    _refuse(symbol, row + first_row, field, f"is {value}, {what}", remedy)


def _rules(block: Candles) -> list[tuple[str, NDArray[np.bool_], str]]:
    opens_ns, high, low = block.open_ns, block.high, block.low
    rules = [
        ("time", (opens_ns < 0) | (opens_ns > OPEN_NS_MAX), "which is not in nanoseconds from 1970 to 2116"),
        ("time", np.append(False, opens_ns[1:] <= opens_ns[:-1]), "not after the open time of the row before"),
    ]
    for field in PRICES:
        values = block.column(field)
        rules.append((field, ~(np.isfinite(values) & (values > 0)), "which is not a valid price"))
    rules.append(("volume", ~(np.isfinite(block.volume) & (block.volume >= 0)), "which is not a valid volume"))
    for field in ("low", "open", "close"):
        rules.append(("high", high < block.column(field), f"below {field}"))
    for field in ("open", "close"):
        rules.append(("low", low > block.column(field), f"above {field}"))
    return rules


def _refuse(symbol: str, row: int, field: str, what: str, remedy: str) -> NoReturn:
    raise DataError(f"{symbol}, row {row}: {field} {what}", remedy=remedy, symbol=symbol, row=row, field=field)
