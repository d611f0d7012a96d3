"""History in pages (D02), from a venue that is a list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from fix_market import MINUTE_NS, START_NS

from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.services.market_data.core.warmup import plan_live
from live_runner.services.market_data.live.history import History, columns_of
from live_runner.services.venues.calls import Caller, VenueClock
from live_runner.services.venues.port import Candle

BTC = "BTC/USDT:USDT"


class ListedVenue:
    """Minutes 0 to ``minutes``, the last of them forming; at most ``page_limit`` an answer."""

    name = "listed"
    streams = False
    libraries: Mapping[str, str] = {}

    def __init__(self, minutes: int, page_limit: int, absent: Sequence[int] = ()) -> None:
        self.page_limit = page_limit
        self.now_ns = START_NS + minutes * MINUTE_NS + MINUTE_NS // 2
        self.asked: list[int] = []
        self._opens = [START_NS + minute * MINUTE_NS for minute in range(minutes + 1) if minute not in absent]

    async def candles(self, symbol: str, timeframe: str, since_ns: int, limit: int) -> list[Candle]:
        assert limit <= self.page_limit
        self.asked.append(limit)
        rows = [at for at in self._opens if at >= since_ns][:limit]
        return [Candle(at, 100.0, 101.0, 99.0, 100.5, 1.0) for at in rows]

    async def open(self, symbols: Sequence[str], timeframe: str) -> None:
        return

    async def close(self) -> None:
        return

    async def time_ns(self) -> int:
        return self.now_ns

    async def funding(self, symbol: str, since_ns: int) -> list[FundingRate]:
        return []

    async def watch(self, symbol: str, timeframe: str) -> list[Candle]:
        raise OurFault("This venue does not stream", remedy="Ask for candles")

    def instrument(self, symbol: str) -> Instrument:
        raise OurFault("This venue has no rules", remedy="Ask for candles")


def fetched(venue: ListedVenue, bars: int) -> list[Candle]:
    """The closed candles of so many bars before the forming one."""
    clock = VenueClock()
    clock.set(venue.now_ns)
    history = History(venue, Caller(clock), "1m")
    first_ns = venue.now_ns // MINUTE_NS * MINUTE_NS
    asyncio.run(history.fetch(BTC, first_ns - bars * MINUTE_NS))
    return history.closed(BTC)


@pytest.mark.parametrize(("page_limit", "pages"), [(1441, 1), (1440, 2), (1000, 2), (720, 3), (500, 3), (1, 1441)])
def test_a_day_of_minutes_comes_whole_whatever_a_page_holds(page_limit: int, pages: int) -> None:
    """D02: 1440 are needed; the answer ends with the forming candle, which is not one of them."""
    venue = ListedVenue(2000, page_limit)
    rows = fetched(venue, 1440)

    assert len(rows) == 1440
    assert {later.open_ns - earlier.open_ns for earlier, later in pairwise(rows)} == {MINUTE_NS}
    assert len(venue.asked) == pages
    made = plan_live([columns_of(BTC, rows, "1m")], "1m", 1440, first_open_ns=rows[-1].open_ns + MINUTE_NS)
    assert made.warmup_found == 1440


def test_a_page_that_is_empty_is_no_end_of_the_history() -> None:
    """D02: the market was still for longer than a page."""
    rows = fetched(ListedVenue(2000, 100, absent=range(900, 1250)), 1440)

    assert len(rows) == 1440 - 350
