"""Schedule of funding requests in a live session: around each full hour, when venues make them due."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from live_runner.contracts.errors import VenueUnavailable
from live_runner.services.market_data.core.live import LiveBook
from live_runner.services.venues.calls import Caller
from live_runner.services.venues.port import MarketData

__all__ = ["FundingPoll"]

_S: Final = 1_000_000_000
_HOUR_NS: Final = 3600 * _S
AFTER_HOUR_NS: Final = 120 * _S
"""A venue may publish a rate so long after its hour."""
RETRY_NS: Final = 30 * _S
FIRST_NS: Final = _S // 2
"""The first question comes so long after the hour."""


class FundingPoll:
    """Rates of one session's symbols."""

    def __init__(self, venue: MarketData, caller: Caller, symbols: Sequence[str]) -> None:
        self._venue = venue
        self._caller = caller
        self._symbols = symbols
        self._next_ns = 0

    async def poll(self, book: LiveBook, now_ns: int) -> None:
        """Ask when it is time to; a call that fails is asked again."""
        if now_ns < self._next_ns:
            return
        since_ns = min(book.next_open_ns, now_ns - _HOUR_NS)
        for symbol in self._symbols:
            arguments = {"symbol": symbol, "since_ns": since_ns}
            ask = partial(self._venue.funding, symbol, since_ns)
            try:
                book.offer_funding(await self._caller.once("fetch_funding_rate_history", arguments, ask))
            except VenueUnavailable:
                # It is among the caller's observations; whatever became due is asked for again.
                self._next_ns = now_ns + RETRY_NS
                return
        hour_ns = now_ns // _HOUR_NS * _HOUR_NS
        self._next_ns = now_ns + RETRY_NS if now_ns - hour_ns < AFTER_HOUR_NS else hour_ns + _HOUR_NS + FIRST_NS
