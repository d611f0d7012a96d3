"""A venue's candle streams, one per symbol, as one queue of updates.

A stream repeats the forming candle and only shows that one is over by beginning the next. So each update
carries the candle before it along; after a broken connection it does not: what happened in between
is not known, and the bar is fetched instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from live_runner.contracts.errors import VenueUnavailable
from live_runner.services.venues.calls import BACKOFF_FIRST_S, BACKOFF_MAX_S, Caller
from live_runner.services.venues.port import Candle, MarketData

__all__ = ["Streams", "Update"]

UPDATES_MAX: Final = 1000
"""Updates that wait to be folded; then the streams wait."""


class Update(NamedTuple):
    """Candles of one symbol, the forming one last."""

    symbol: str
    rows: list[Candle]


class Streams:
    """Watches every symbol while the session runs; without a streaming venue it only waits."""

    def __init__(self, venue: MarketData, caller: Caller, symbols: Sequence[str], timeframe: str) -> None:
        self._venue = venue
        self._caller = caller
        self._symbols = symbols
        self._timeframe = timeframe
        self._updates: asyncio.Queue[Update] = asyncio.Queue(UPDATES_MAX)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        if self._venue.streams:
            self._tasks = [asyncio.create_task(self._watch(symbol)) for symbol in self._symbols]

    async def next(self, timeout_s: float) -> Update | None:
        """The next update that begins a new candle, None when there is none in time."""
        for task in self._tasks:
            if task.done():
                task.result()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._updates.get()
        except TimeoutError:
            return None

    async def stop(self) -> None:
        """End every watch."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _watch(self, symbol: str) -> None:
        last: Candle | None = None
        pause_s = BACKOFF_FIRST_S
        arguments = {"symbol": symbol, "timeframe": self._timeframe}
        while True:
            try:
                rows = await self._caller.once(
                    "watch_ohlcv", arguments, lambda: self._venue.watch(symbol, self._timeframe), timeout_s=None
                )
            except VenueUnavailable:
                last = None
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, BACKOFF_MAX_S)
                continue
            pause_s = BACKOFF_FIRST_S
            seen = {row.open_ns: row for row in ([last] if last else []) + rows}
            newest_ns = max(seen, default=None)
            if newest_ns is None:
                continue
            if last is not None and newest_ns > last.open_ns:
                await self._updates.put(Update(symbol, [seen[at] for at in sorted(seen) if at >= last.open_ns]))
            last = seen[newest_ns]
