"""A venue's past candles, in as many pages as it takes (D02)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core import live
from live_runner.services.market_data.core.candles import Candles, clean, holes
from live_runner.services.venues.calls import Caller
from live_runner.services.venues.port import Candle, MarketData

__all__ = ["History", "Page", "columns_of"]

PAGES_MAX: Final = 5_000
HOLES_ASKED_MAX: Final = 50
"""Holes of one answer that are asked for once more."""
CALLS_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Page:
    """All candles from some time on, in order; the last one may still be forming."""

    rows: list[Candle]
    venue_ns: int
    """The venue's clock was at least there when it made the last answer."""


class History:
    """Pages of one venue and timeframe, and what was fetched last of each symbol."""

    def __init__(self, venue: MarketData, caller: Caller, timeframe: str) -> None:
        self._venue = venue
        self._caller = caller
        self._timeframe = timeframe
        self._length_ns = duration_ns(timeframe)
        self._pages: dict[str, Page] = {}
        self._gate = asyncio.Semaphore(CALLS_AT_ONCE)

    async def fetch(self, symbol: str, since_ns: int) -> Page:
        """Every candle from ``since_ns`` to now; holes are asked for a second time."""
        async with self._gate:
            page = await self._pages_from(symbol, since_ns, None)
            page = await self._request_gaps(symbol, page)
        self._pages[symbol] = page
        return page

    def take(self) -> dict[str, Page]:
        """Give away the pages that were fetched last."""
        pages, self._pages = self._pages, {}
        return pages

    def closed(self, symbol: str) -> list[Candle]:
        """The closed candles among what was fetched last."""
        page = self._pages[symbol]
        return live.closed(page.rows, self._length_ns, page.venue_ns)

    async def _pages_from(self, symbol: str, since_ns: int, until_ns: int | None) -> Page:
        rows: dict[int, Candle] = {}
        at_ns = since_ns
        venue_ns = 0
        for _ in range(PAGES_MAX):
            venue_ns = self._caller.clock.now_ns()
            answer = await self._one(symbol, at_ns, venue_ns if until_ns is None else until_ns)
            rows.update((row.open_ns, row) for row in answer)
            # A listing may begin inside the range: an empty answer only means nothing in this page.
            newest_ns = max((row.open_ns for row in answer), default=None)
            skipped_ns = at_ns + self._venue.page_limit * self._length_ns
            next_ns = skipped_ns if newest_ns is None else newest_ns + self._length_ns
            if next_ns <= at_ns or next_ns > venue_ns or (until_ns is not None and next_ns >= until_ns):
                break
            at_ns = next_ns
        return Page([rows[at] for at in sorted(rows)], venue_ns)

    async def _one(self, symbol: str, since_ns: int, until_ns: int) -> list[Candle]:
        wanted = max(0, until_ns - since_ns) // self._length_ns + 2
        limit = min(self._venue.page_limit, wanted)
        return await self._caller.call(
            "fetch_ohlcv",
            {"symbol": symbol, "timeframe": self._timeframe, "since_ns": since_ns, "limit": limit},
            lambda: self._venue.candles(symbol, self._timeframe, since_ns, limit),
        )

    async def _request_gaps(self, symbol: str, page: Page) -> Page:
        opens = np.array([row.open_ns for row in page.rows], dtype=np.int64)
        found = holes(opens, self._timeframe)
        if not found or len(found) > HOLES_ASKED_MAX:
            return page
        rows = {row.open_ns: row for row in page.rows}
        for from_ns, to_ns in found:
            more = await self._pages_from(symbol, from_ns, to_ns)
            for row in more.rows:
                rows.setdefault(row.open_ns, row)
        return Page([rows[at] for at in sorted(rows)], page.venue_ns)


def columns_of(symbol: str, rows: Sequence[Candle], timeframe: str) -> Candles:
    """Closed candles as columns; DataError when one is unusable."""
    columns = [np.array([row[place] for row in rows], dtype=np.float64) for place in range(1, 6)]
    opens = np.array([row.open_ns for row in rows], dtype=np.int64)
    return clean(Candles(symbol, opens, *columns), timeframe, source=f"history of {symbol}").candles
