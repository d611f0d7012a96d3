# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""The bars of a session: C arrays compiled, plain objects interpreted, one syntax for both.

In a backtest the bars come from columns, which are read where they stand. In a service they come from messages
(``put``). ``bars[at]`` is the symbol's last bar; its ``number`` is the bar set that it came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cython

from live_runner.contracts.errors import DataError

__all__ = ["Columns"]

PRICES: Final = ("open", "high", "low", "close", "volume")
INTEGERS: Final = ("l", "q")
FLOATS: Final = ("d",)
TIME_END_NS: Final = 2**62
"""In 2116: what is counted on from here still fits 64 bits."""


class Row:
    """Stands for a struct of C. No defaults in the class: the interpreter reads a field that hides one much slower."""

    if TYPE_CHECKING:
        opens_ns: Any

    def __init__(self) -> None:
        self.symbol = 0
        self.open_ns = 0
        self.close_ns = 0
        self.open = self.high = self.low = self.close = self.volume = 0.0
        self.late = False
        self.number = 0
        self.rows = 0
        self.row = 0


class Columns:
    """Last bars of ``symbols`` symbols, and the columns that the next ones come from.

    ``columns`` has per symbol the open times in nanoseconds (int64) and open, high, low, close and volume (float64),
    each contiguous; none for a session whose bars come from messages. What does not fit together is a DataError.
    """

    bars: Any
    columns: Any
    busy: Any

    def __init__(self, symbols: int, columns: list[Any] | None = None) -> None:
        if self.is_set_up():
            raise RuntimeError("Columns are set up once")
        self.symbols = symbols
        # Of its own, and tuples: what is read by address must not go away with the caller's lists.
        self.kept = None if columns is None else [tuple(rows) for rows in columns]
        self.allocate()
        if self.kept is not None:
            if len(self.kept) != symbols:
                raise unfit(f"{len(self.kept)} symbols come to a session of {symbols}", "symbols", -1, -1)
            for at in range(symbols):
                check_lengths(at, self.kept[at])
                if len(self.kept[at][0]):
                    self.point(at, self.kept[at])

    def is_set_up(self) -> bool:
        """Whether there is memory already, which somebody may read."""
        ready: bool = self.bars != cython.NULL if cython.compiled else "bars" in vars(self)
        return ready

    def allocate(self) -> None:
        """Room for the bars, the columns and the flags."""
        if cython.compiled:
            self.bars = cython.cast(bar_p, calloc(self.symbols + 1, cython.sizeof(bar_t)))
            self.columns = cython.cast(column_p, calloc(self.symbols + 1, cython.sizeof(column_t)))
            self.busy = cython.cast(flag_p, calloc(self.symbols + 1, cython.sizeof(cython.bint)))
            if self.bars == cython.NULL or self.columns == cython.NULL or self.busy == cython.NULL:
                raise MemoryError
        else:
            self.bars = [Row() for _ in range(self.symbols)]
            self.columns = [Row() for _ in range(self.symbols)]
            self.busy = [False for _ in range(self.symbols)]
        for at in range(self.symbols):
            self.bars[at].symbol = at

    def point(self, at: int, rows: tuple[Any, ...]) -> None:
        """Read a symbol's bars from these columns."""
        self.columns[at].rows = len(rows[0])
        if cython.compiled:
            times = rows[0]
            self.columns[at].opens_ns = cython.address(times[0])
            opens = rows[1]
            self.columns[at].open = cython.address(opens[0])
            highs = rows[2]
            self.columns[at].high = cython.address(highs[0])
            lows = rows[3]
            self.columns[at].low = cython.address(lows[0])
            closes = rows[4]
            self.columns[at].close = cython.address(closes[0])
            volumes = rows[5]
            self.columns[at].volume = cython.address(volumes[0])
        else:
            column = self.columns[at]
            column.opens_ns, column.open, column.high, column.low, column.close, column.volume = (
                values.tolist() for values in rows
            )

    def check(self, grid: Any, length_ns: int, warmup_sets: int) -> None:
        """Sets one after the other, and each bar in one: another would never come up, nor those after it."""
        if not 0 < length_ns <= TIME_END_NS or warmup_sets < 0:
            raise unfit(
                f"Bars of {length_ns} ns after {warmup_sets} sets of warmup are not possible", "length_ns", -1, -1
            )
        times = grid if cython.compiled else grid.tolist()
        sets = len(grid)
        end_ns = TIME_END_NS
        for number in range(sets):
            if not 0 <= times[number] <= end_ns:
                raise unfit(f"Set {number} opens at {times[number]} ns, outside 1970 to 2116", "time", -1, number)
            if number > 0 and times[number] <= times[number - 1]:
                raise unfit(f"Set {number} does not open after the one before it", "time", -1, number)
        for at in range(self.symbols):
            number = 0
            for row in range(self.columns[at].rows):
                while number < sets and times[number] < self.columns[at].opens_ns[row]:
                    number += 1
                if number == sets or times[number] != self.columns[at].opens_ns[row]:
                    raise unfit(f"Row {row} of symbol {at} opens in no set, or twice in one", "time", at, row)
                number += 1

    def __dealloc__(self) -> None:
        if cython.compiled:
            free(self.bars)
            free(self.columns)
            free(self.busy)

    def take(self, at: int, open_ns: int, close_ns: int, number: int) -> bool:
        """Whether the symbol's next row is of this set; it is the symbol's bar then."""
        columns = self.columns
        row = columns[at].row
        if row >= columns[at].rows or columns[at].opens_ns[row] != open_ns:
            return False
        columns[at].row = row + 1
        bars = self.bars
        bars[at].open_ns = open_ns
        bars[at].close_ns = close_ns
        bars[at].open = columns[at].open[row]
        bars[at].high = columns[at].high[row]
        bars[at].low = columns[at].low[row]
        bars[at].close = columns[at].close[row]
        bars[at].volume = columns[at].volume[row]
        bars[at].number = number
        return True

    def put(
        self,
        at: int,
        open_ns: int,
        close_ns: int,
        open: float,
        high: float,
        low: float,
        close: float,
        volume: float,
        late: bool,
        number: int,
    ) -> None:
        """The symbol's bar of this set, from a message."""
        self.bars[at].open_ns = open_ns
        self.bars[at].close_ns = close_ns
        self.bars[at].open = open
        self.bars[at].high = high
        self.bars[at].low = low
        self.bars[at].close = close
        self.bars[at].volume = volume
        self.bars[at].late = late
        self.bars[at].number = number

    def check_symbol(self, at: int) -> None:
        """Refuse the number of no symbol: C would read beyond its array."""
        if not 0 <= at < self.symbols:
            raise IndexError(f"There is no symbol {at} among {self.symbols}")

    def row(self, at: int) -> list[Any]:
        """Plain data of the symbol's last bar for a snapshot: close, volume, lateness, number of its set."""
        self.check_symbol(at)
        return [self.bars[at].close, self.bars[at].volume, bool(self.bars[at].late), self.bars[at].number]

    def restore(self, at: int, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.check_symbol(at)
        self.bars[at].close = row[0]
        self.bars[at].volume = row[1]
        self.bars[at].late = row[2]
        self.bars[at].number = row[3]


def check_lengths(at: int, rows: tuple[Any, ...]) -> None:
    """Every column of a symbol has one value per open time, one after the other in memory."""
    if len(rows) != 1 + len(PRICES):
        raise unfit(f"Symbol {at} has {len(rows) - 1} columns instead of {len(PRICES)}", "symbols", at, -1)
    check_layout(at, "time", rows[0], INTEGERS)
    for name, values in zip(PRICES, rows[1:], strict=True):
        check_layout(at, name, values, FLOATS)
        if len(values) != len(rows[0]):
            raise unfit(f"Symbol {at} has {len(values)} rows of {name} and {len(rows[0])} times", name, at, -1)


def check_layout(at: int, name: str, values: Any, formats: tuple[str, ...]) -> None:
    """One contiguous row of 64-bit numbers."""
    view = memoryview(values)
    if view.ndim != 1 or not view.c_contiguous or view.format not in formats:
        raise unfit(f"The {name} column of symbol {at} is not one contiguous row of 64-bit numbers", name, at, -1)


def unfit(what: str, field: str, symbol: int, row: int) -> DataError:
    """Columns that do not fit together."""
    return DataError(what, remedy="Make the columns from a timeline of sets", field=field, symbol=symbol, row=row)
