"""A venue's market data: the port that sources speak to, its clock, and how often a call is tried.

An adapter (``ccxt_venue.py``) turns whatever goes wrong into one of three errors: worth another try, worth one after a
pause, or final. Each failed call becomes a ``VenueCall`` for the log; nothing is swallowed, and "the venue
did not answer" never becomes "there is nothing".
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from live_runner.contracts.errors import VenueUnavailable
from live_runner.contracts.messages import FundingRate, Instrument, VenueCall
from live_runner.services.market_data.core.live import Candle
from live_runner.services.market_data.core.sets import Item

__all__ = ["TRIES_MAX", "Caller", "Venue", "VenueBusy", "VenueClock", "VenueRefused", "VenueSilent"]

TRIES_MAX: Final = 5
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 8.0
BUSY_PAUSE_S: Final = 30.0
CALL_TIMEOUT_S: Final = 30.0
"""A call that takes longer than this is given up, whatever the library below it does."""
OBSERVATIONS_MAX: Final = 1000
"""Failed calls that wait to be published; older ones go first."""


class VenueSilent(VenueUnavailable):
    """No answer, or none that can be read: worth another try."""


class VenueBusy(VenueUnavailable):
    """The venue asks for a pause (429, 418)."""


class VenueRefused(VenueUnavailable):
    """The venue answered that it will not do this; trying again changes nothing."""


class Venue(Protocol):
    """Market data of one venue. Every method may raise the three errors above."""

    name: str
    page_limit: int
    """Candles that one answer holds at most."""
    streams: bool
    """Whether ``watch`` works."""

    async def open(self, symbols: Sequence[str], timeframe: str) -> None:
        """Load what the venue trades; ConfigError when a symbol or timeframe is not there."""

    async def time_ns(self) -> int | None:
        """The venue's clock; None when it does not tell."""

    async def candles(self, symbol: str, timeframe: str, since_ns: int, limit: int) -> list[Candle]:
        """Candles that open at or after ``since_ns``, the forming one included, at most ``limit``."""

    async def funding(self, symbol: str, since_ns: int) -> list[FundingRate]:
        """Rates that became due at or after ``since_ns``; none for a spot market."""

    async def watch(self, symbol: str, timeframe: str) -> list[Candle]:
        """The next update of the stream; connects and subscribes by itself."""

    def instrument(self, symbol: str) -> Instrument:
        """Market rules."""

    async def close(self) -> None:
        """Close every connection."""


@dataclass(slots=True)
class VenueClock:
    """The venue's time on our monotonic clock, so that a wrong or jumping wall clock here harms nothing."""

    margin_ns: int = 0
    """Taken off when only our wall clock is known."""
    _venue_ns: int | None = None
    _monotonic_ns: int = 0

    def set(self, venue_ns: int) -> None:
        """The venue said ``venue_ns`` in an answer that has just come: its clock is that far, or further."""
        self._venue_ns, self._monotonic_ns = venue_ns, time.monotonic_ns()

    @property
    def age_s(self) -> float:
        """Seconds since it was set."""
        if self._venue_ns is None:
            return float("inf")
        return (time.monotonic_ns() - self._monotonic_ns) / 1e9

    def now_ns(self) -> int:
        """A lower bound of the venue's time."""
        if self._venue_ns is None:
            return time.time_ns() - self.margin_ns
        return self._venue_ns + time.monotonic_ns() - self._monotonic_ns


@dataclass(slots=True)
class Caller:
    """Calls a venue with bounded tries, and keeps what failed until it is drained."""

    clock: VenueClock
    tries: int = TRIES_MAX
    backoff_s: float = BACKOFF_FIRST_S
    _observations: list[Item] = field(default_factory=list)

    async def call[R](self, name: str, arguments: dict[str, Any], call: Callable[[], Awaitable[R]]) -> R:
        """The answer; the last error after ``tries`` tries, at once when the venue refuses."""
        pause_s = self.backoff_s
        for number in range(1, self.tries + 1):
            try:
                return await self.once(name, arguments, call)
            except VenueRefused:
                raise
            except VenueUnavailable as error:
                if number == self.tries:
                    raise
                wait_s = BUSY_PAUSE_S if isinstance(error, VenueBusy) else pause_s
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)
        raise AssertionError("the last try returns or raises")

    def drain(self) -> list[Item]:
        """Failed calls since the last time, for the shell's own source."""
        items, self._observations = self._observations, []
        return items

    async def once[R](
        self,
        name: str,
        arguments: dict[str, Any],
        call: Callable[[], Awaitable[R]],
        *,
        timeout_s: float | None = CALL_TIMEOUT_S,
    ) -> R:
        """One try. A stream waits without ``timeout_s``: a quiet market sends nothing."""
        started_ns = time.time_ns()
        begun = time.monotonic_ns()
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    return await call()
            except TimeoutError as error:
                raise VenueSilent(
                    f"{name} had no answer in {timeout_s:g} s", remedy="Check the venue's status and the network"
                ) from error
        except VenueUnavailable as error:
            self._observe(name, arguments, error, started_ns, time.monotonic_ns() - begun)
            raise

    def _observe(
        self, name: str, arguments: dict[str, Any], error: VenueUnavailable, started_ns: int, latency_ns: int
    ) -> None:
        fields = {
            "call": name,
            "arguments": arguments,
            "outcome": error.code,
            "error": str(error),
            "started_ns": started_ns,
            "latency_ns": latency_ns,
        }
        self._observations.append(Item(VenueCall, self.clock.now_ns(), fields))
        del self._observations[:-OBSERVATIONS_MAX]
