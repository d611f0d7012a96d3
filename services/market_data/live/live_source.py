"""A live venue as a session's source: history in pages, then closed bars by stream and by poll.

What decides is pure and stands in ``core/live.py``; here are the calls and the waiting. Every wait ends by a
named limit. A live feed never gives up: it goes on asking, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final

from live_runner.contracts.config import Config
from live_runner.contracts.errors import DataError, OurFault, VenueUnavailable
from live_runner.contracts.messages import Incident, Instrument, VenueCall
from live_runner.contracts.time import optional_time_ns
from live_runner.contracts.timeframe import bar_open_ns, duration_ns
from live_runner.services.market_data.core.inferred_rules import override
from live_runner.services.market_data.core.live import LiveBook
from live_runner.services.market_data.core.sets import Item
from live_runner.services.market_data.core.warmup import Plan, iso, plan_live
from live_runner.services.market_data.live.candle_streams import Streams
from live_runner.services.market_data.live.funding_poll import FundingPoll
from live_runner.services.market_data.live.history import History, Page, columns_of
from live_runner.services.venues.calls import Caller, VenueClock
from live_runner.services.venues.ccxt_venue import CcxtVenue
from live_runner.services.venues.port import MarketData

__all__ = ["LiveSource", "open_live_source"]

_S: Final = 1_000_000_000
LOCAL_CLOCK_MARGIN_NS: Final = 5 * _S
"""Of venues that do not tell their time."""
SETTLE_NS: Final = _S // 2
"""Bars are asked for so long after their close: a venue writes the last trades first."""
STREAM_GRACE_NS: Final = 2 * _S
"""A stream may close its bar so long before it is asked for."""
RETRY_NS: Final = _S
"""Between two polls for a bar that is not there yet."""
OUTAGE_RETRY_MAX_NS: Final = 15 * _S
REVISION_CHECK_NS: Final = 300 * _S
"""With a stream, recent bars are compared with the venue's history so often."""
OVERLAP_BARS: Final = 3
"""Published bars that a poll asks for again, to see revisions and to prove an answer complete."""
LIVE_TRIES: Final = 2
CLOCK_REFRESH_S: Final = 600.0
"""The venue's clock is read again so often."""


async def open_live_source(config: Config) -> LiveSource:
    """The configured venue, opened; ConfigError or VenueUnavailable otherwise."""
    source = LiveSource(config, CcxtVenue(config.market.venue, config.market.options))
    try:
        await source.open()
    except BaseException:
        await source.close()
        raise
    return source


class LiveSource:
    """Closed bars of a venue, for one session."""

    is_live = True

    def __init__(self, config: Config, venue: MarketData) -> None:
        self._market = config.market
        self._venue = venue
        self._length_ns = duration_ns(config.market.timeframe)
        self._end_ns = optional_time_ns(config.market.end, "market.end")
        self._clock = VenueClock()
        self._caller = Caller(self._clock)
        self._history = History(venue, self._caller, config.market.timeframe)
        self._plan: Plan | None = None
        self._checked_at_ns = 0
        self._outage_reported = False

    async def open(self) -> None:
        """Load markets and read the venue's clock."""
        market = self._market
        await self._caller.call(
            "load_markets", {"venue": market.venue}, lambda: self._venue.open(market.symbols, market.timeframe)
        )
        await self._read_clock()

    def manifest_view(self) -> dict[str, Any]:
        """Provenance of bars that are not there yet: the venue, and what speaks to it."""
        market = self._market
        return {
            "name": "live",
            "source": "ccxt",
            "venue": market.venue,
            "market_type": "swap" if all(":" in symbol for symbol in market.symbols) else "spot",
            "timeframe": market.timeframe,
            "symbols": list(market.symbols),
            "symbol_format": "ccxt",
            **self._venue.libraries,
            "stream": self._venue.streams,
        }

    def instruments(self) -> list[Instrument]:
        """The venue's market rules, with the configured ones over them."""
        rules = (self._venue.instrument(symbol) for symbol in self._market.symbols)
        return [override(rule, self._market.instruments.get(rule.symbol, {})) for rule in rules]

    async def plan(self, warmup_bars: int) -> Plan:
        """Fetch the warmup; the bar that is forming now is the first tradable one (or the one at market.start)."""
        market = self._market
        now_ns = self._clock.now_ns()
        start_ns = optional_time_ns(market.start, "market.start") or 0
        first_open_ns = max(bar_open_ns(now_ns, market.timeframe), self._at_or_after(start_ns))
        if self._end_ns is not None and first_open_ns >= self._end_ns:
            raise DataError(
                f"market.end {iso(self._end_ns)} is over before the first tradable bar", remedy="Set market.end later"
            )
        begin_ns = first_open_ns - warmup_bars * self._length_ns
        await asyncio.gather(*(self._history.fetch(symbol, begin_ns) for symbol in market.symbols))
        past = [columns_of(symbol, self._history.closed(symbol), market.timeframe) for symbol in market.symbols]
        # What lies between now and a later market.start has not been traded yet: it is warmed up on live.
        until_ns = min(first_open_ns, bar_open_ns(now_ns, market.timeframe))
        known_bars = max(0, (until_ns - begin_ns) // self._length_ns)
        accept = market.warmup_holes == "accept"
        made = plan_live(past, market.timeframe, known_bars, first_open_ns=until_ns, accept_holes=accept)
        to_come = warmup_bars - known_bars
        self._plan = Plan(made.warmup_found + to_come, first_open_ns, begin_ns)
        return self._plan

    async def resume(self, first_open_ns: int, warmup_bars: int) -> None:
        """Go on with a session that has started."""
        self._plan = Plan(warmup_bars, first_open_ns, first_open_ns - warmup_bars * self._length_ns)

    def items(self, after_close_ns: int | None, number: int) -> Iterator[Item]:
        """A live feed cannot be had without waiting."""
        raise OurFault("A live source gives live_items only", remedy="Report this with the log")

    def drain(self) -> list[Item]:
        """Failed calls since the last time."""
        return [Item(VenueCall, call.at_ns, call.fields) for call in self._caller.drain()]

    async def close(self) -> None:
        """Let go of the venue."""
        await self._venue.close()

    async def live_items(self, after_close_ns: int | None, number: int) -> AsyncGenerator[Item]:
        """Warmup, then every set when its bars are closed, until ``market.end`` if there is one."""
        book = self._book(after_close_ns, number)
        for symbol, page in self._history.take().items():
            self._fold(book, symbol, page)
        self._checked_at_ns = 0
        self._caller.tries = LIVE_TRIES
        streams = Streams(self._venue, self._caller, self._market.symbols, self._market.timeframe)
        funding = FundingPoll(self._venue, self._caller, self._market.symbols)
        streams.start()
        try:
            pause_ns = RETRY_NS
            while not book.ended:
                answered = await self._poll(book)
                await funding.poll(book, self._clock.now_ns())
                items = book.due(self._clock.now_ns())
                for item in [*self.drain(), *self._outage(book, answered), *items]:
                    yield item
                pause_ns = RETRY_NS if answered else min(2 * pause_ns, OUTAGE_RETRY_MAX_NS)
                # What the stream closes goes out at once; the next poll waits for its time.
                until_ns = self._next_poll_ns(book, pause_ns)
                while not book.ended and (left_ns := until_ns - self._clock.now_ns()) > 0:
                    update = await streams.next(min(left_ns, self._until_close_ns(book)) / _S)
                    if update is not None:
                        book.offer(update.symbol, update.rows, 0, self._clock.now_ns())
                    fresh = book.due(self._clock.now_ns())
                    for item in fresh:
                        yield item
                    if fresh:
                        until_ns = self._next_poll_ns(book, pause_ns)
        finally:
            await streams.stop()

    def _book(self, after_close_ns: int | None, number: int) -> LiveBook:
        if self._plan is None:
            raise OurFault("The session was not planned yet", remedy="Report this with the log")
        market = self._market
        return LiveBook(
            market.symbols,
            market.timeframe,
            begin_ns=self._plan.begin_ns if after_close_ns is None else after_close_ns,
            first_open_ns=self._plan.first_open_ns,
            deadline_ns=round(market.missing_deadline_s * _S),
            end_ns=self._end_ns,
            number=number,
        )

    async def _poll(self, book: LiveBook) -> bool:
        """Ask for what is lacking; whether the venue answered at all."""
        now_ns = self._clock.now_ns()
        if self._clock.age_s > CLOCK_REFRESH_S:
            await self._read_clock()
        last_closed_ns = bar_open_ns(now_ns, self._market.timeframe) - self._length_ns
        wanted = book.lacking(book.next_open_ns) if book.next_open_ns <= last_closed_ns else []
        if now_ns - self._checked_at_ns >= REVISION_CHECK_NS:
            wanted, self._checked_at_ns = list(self._market.symbols), now_ns
        since_ns = book.next_open_ns - OVERLAP_BARS * self._length_ns
        answers = await asyncio.gather(*(self._request(book, symbol, since_ns) for symbol in wanted))
        return all(answers) if len(set(answers)) < 2 else True

    async def _request(self, book: LiveBook, symbol: str, since_ns: int) -> bool:
        try:
            page = await self._history.fetch(symbol, since_ns)
        except VenueUnavailable:
            # It is among the caller's observations; the bar stays lacking and is asked for again.
            return False
        self._fold(book, symbol, page)
        return True

    def _fold(self, book: LiveBook, symbol: str, page: Page) -> None:
        book.offer(symbol, page.rows, page.venue_ns, self._clock.now_ns())
        # An empty answer proves nothing: it is what an unreadable body looks like.
        if page.rows:
            newest_ns = page.rows[-1].open_ns
            silent_until_ns = page.venue_ns - round(self._market.missing_deadline_s * _S) - self._length_ns
            book.prove(symbol, max(newest_ns, bar_open_ns(silent_until_ns, self._market.timeframe)))

    async def _read_clock(self) -> None:
        try:
            venue_ns = await self._caller.once("fetch_time", {}, self._venue.time_ns)
        except VenueUnavailable:
            if self._clock.age_s == float("inf"):
                raise
            return
        if venue_ns is None:
            self._clock.margin_ns = LOCAL_CLOCK_MARGIN_NS
        else:
            self._clock.set(venue_ns)

    def _outage(self, book: LiveBook, answered: bool) -> Sequence[Item]:
        """One incident when the venue has been silent for longer than the deadline."""
        now_ns = self._clock.now_ns()
        overdue_ns = now_ns - book.next_open_ns - self._length_ns
        if answered:
            self._outage_reported = False
        if answered or self._outage_reported or overdue_ns < self._market.missing_deadline_s * _S:
            return ()
        self._outage_reported = True
        fields = {
            "severity": "error",
            "code": "venue_unavailable",
            "message": f"{self._market.venue} has not answered for {overdue_ns / _S:.0f} s after a close; still asking",
            "details": {"venue": self._market.venue, "next_open_ns": book.next_open_ns},
        }
        return (Item(Incident, now_ns, fields),)

    def _next_poll_ns(self, book: LiveBook, pause_ns: int) -> int:
        now_ns = self._clock.now_ns()
        close_ns = book.next_open_ns + self._length_ns
        wait_ns = STREAM_GRACE_NS if self._venue.streams else SETTLE_NS
        first_ns = close_ns + min(wait_ns, self._length_ns // 4)
        if now_ns < first_ns:
            return first_ns
        return now_ns + min(pause_ns, max(self._length_ns // 4, _S // 10))

    def _until_close_ns(self, book: LiveBook) -> int:
        """Time to the next close, so that a bar which the stream closed early is not held back."""
        left_ns = book.next_open_ns + self._length_ns - self._clock.now_ns()
        return left_ns if left_ns > 0 else self._length_ns

    def _at_or_after(self, at_ns: int) -> int:
        opened = bar_open_ns(at_ns, self._market.timeframe)
        return opened if opened == at_ns else opened + self._length_ns
