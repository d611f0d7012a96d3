"""Bar sets of a recording: the session's symbols merged in close-time order.

One set per close time at which at least one symbol has a bar; symbols without one stand in ``missing``.
No bar is made up. A hole in a symbol's recording is told by one ``Gap``, just before the set in which the
symbol is back. A funding rate stands in the set of the first bar that ends after it: due at an open, it
is in the bar that opens there.

The timeline is a pure function of the columns, so it can start anywhere: after a crash the shell asks for
what comes after the last set that it published. Rows become Python objects in chunks, which keeps a
year of twelve symbols small in memory and a set cheap.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import BarSet, Event, FundingRate, Gap, SetBar
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core import funding as funding_rates
from live_runner.services.market_data.core.candles import Candles, Times, holes
from live_runner.services.market_data.core.columns import check_columns

__all__ = ["CHUNK_SETS", "Item", "SetTimeline"]

CHUNK_SETS: Final = 4096
"""Close times turned into Python objects at a time."""

_NO_GAPS: Final[list[Item]] = []
_NO_RATES: Final[list[FundingRate]] = []


class Item(NamedTuple):
    """An event to publish next: the message's own fields, without the envelope."""

    kind: type[Event]
    event_ns: int
    fields: dict[str, Any]


class SetTimeline:
    """Everything that a session over these columns publishes, in order.

    ``columns`` stand in the configured symbol order; DataError names a row that is not a closed candle. The session is
    [begin_ns, end_ns) in open times; sets that open before ``first_open_ns`` are warmup.
    """

    def __init__(
        self,
        columns: Sequence[Candles],
        timeframe: str,
        *,
        begin_ns: int,
        first_open_ns: int,
        end_ns: int | None = None,
        funding: Mapping[str, list[FundingRate]] | None = None,
    ) -> None:
        for candles in columns:
            check_columns(candles)
        stop_ns = end_ns if end_ns is not None else np.iinfo(np.int64).max
        self._columns = [candles.between(begin_ns, stop_ns) for candles in columns]
        self._length_ns = duration_ns(timeframe)
        self._first_open_ns = first_open_ns
        self._grid: Times = _merged([candles.open_ns for candles in self._columns])
        self._gaps = self._gaps_by_open(timeframe)
        self._funding = self._funding_by_open(funding or {}, begin_ns)

    def __len__(self) -> int:
        """Number of sets."""
        return len(self._grid)

    @property
    def warmup_sets(self) -> int:
        """Number of sets before the first tradable bar."""
        return int(np.searchsorted(self._grid, self._first_open_ns))

    @property
    def columns(self) -> list[Candles]:
        """The session's candles, warmup included, in configured symbol order."""
        return self._columns

    @property
    def opens_ns(self) -> Times:
        """Open time of every set."""
        return self._grid

    @property
    def length_ns(self) -> int:
        """From the open of a bar to its close."""
        return self._length_ns

    @property
    def funding(self) -> Mapping[int, list[FundingRate]]:
        """Rates by the open time of the set that brings them."""
        return self._funding

    def items(self, after_close_ns: int | None = None, number: int = 0) -> Iterator[Item]:
        """Everything after the set of ``after_close_ns``, the ``number``-th; from the first one for None."""
        start = 0
        if after_close_ns is not None:
            start = int(np.searchsorted(self._grid, after_close_ns - self._length_ns, side="right"))
        if start != number:
            raise OurFault(
                f"Set {number} of this recording does not close at {after_close_ns}",
                remedy="The log belongs to another recording; start a new session",
                number=number,
                expected=start,
            )
        for begin in range(start, len(self._grid), CHUNK_SETS):
            yield from self._chunk(begin, min(begin + CHUNK_SETS, len(self._grid)))

    def _chunk(self, begin: int, end: int) -> Iterator[Item]:
        opens = self._grid[begin:end]
        rows = list(zip(*(_set_bars(candles, opens) for candles in self._columns), strict=True))
        symbols = [candles.symbol for candles in self._columns]
        length, first_open_ns, gaps, funding = self._length_ns, self._first_open_ns, self._gaps, self._funding
        for number, (open_ns, row) in enumerate(zip(opens.tolist(), rows, strict=True), start=begin + 1):
            yield from gaps.get(open_ns, _NO_GAPS)
            missing: list[str] = []
            bars = list(row)
            if None in row:
                bars = [bar for bar in row if bar is not None]
                missing = [symbol for symbol, bar in zip(symbols, row, strict=True) if bar is None]
            close_ns = open_ns + length
            yield Item(
                BarSet,
                close_ns,
                {
                    "number": number,
                    "open_ns": open_ns,
                    "close_ns": close_ns,
                    "bars": bars,
                    "missing": missing,
                    "funding": funding.get(open_ns, _NO_RATES),
                    "warmup": open_ns < first_open_ns,
                },
            )

    def _gaps_by_open(self, timeframe: str) -> dict[int, list[Item]]:
        found: defaultdict[int, list[Item]] = defaultdict(list)
        for candles in self._columns:
            for from_ns, to_ns in holes(candles.open_ns, timeframe):
                fields = {
                    "symbol": candles.symbol,
                    "from_ns": from_ns,
                    "to_ns": to_ns,
                    "bars": (to_ns - from_ns) // self._length_ns,
                    "filled": False,
                    "reason": "no_candle_in_recording",
                }
                found[to_ns].append(Item(Gap, to_ns, fields))
        return dict(found)

    def _funding_by_open(self, funding: Mapping[str, list[FundingRate]], begin_ns: int) -> dict[int, list[FundingRate]]:
        if not len(self._grid):
            return {}
        found: defaultdict[int, list[FundingRate]] = defaultdict(list)
        end_ns = int(self._grid[-1]) + self._length_ns
        rates = [
            rate
            for candles in self._columns
            for rate in funding_rates.between(funding.get(candles.symbol, []), begin_ns, end_ns)
        ]
        rates.sort(key=lambda rate: rate.funding_ns)  # stable: symbols keep their order at one stamp
        due = np.array([rate.funding_ns for rate in rates], dtype=np.int64)
        at = np.searchsorted(self._grid + self._length_ns, due, side="right")
        for rate, open_ns in zip(rates, self._grid[at].tolist(), strict=True):
            found[open_ns].append(rate)
        return dict(found)


def _merged(columns: Sequence[Times]) -> Times:
    """Every open time once, in order. Each column is in order already, which a merge sort is quick with."""
    if len(columns) == 1:
        return columns[0]
    times = np.sort(np.concatenate(columns), kind="stable")
    first = np.ones(len(times), dtype=bool)
    np.not_equal(times[1:], times[:-1], out=first[1:])
    return times[first]


def _set_bars(candles: Candles, opens: Times) -> list[SetBar | None]:
    """The symbol's bars at the given open times, None where there is none."""
    start, stop = np.searchsorted(candles.open_ns, [opens[0], opens[-1] + 1])
    part = candles.slice(int(start), int(stop))
    symbol = candles.symbol
    columns = (part.open, part.high, part.low, part.close, part.volume)
    made = [SetBar(symbol, *row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    if len(made) == len(opens):
        return list(made)
    bars: list[SetBar | None] = [None] * len(opens)
    for position, bar in zip(np.searchsorted(opens, part.open_ns).tolist(), made, strict=True):
        bars[position] = bar
    return bars
