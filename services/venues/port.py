"""The port to a venue: its calls, and the three errors that come instead of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from live_runner.contracts.errors import VenueUnavailable
from live_runner.contracts.messages import FundingRate, Instrument

__all__ = ["Candle", "MarketData", "VenueBusy", "VenueRefused", "VenueSilent"]


class VenueSilent(VenueUnavailable):
    """No answer, or none that can be read: worth another try."""


class VenueBusy(VenueUnavailable):
    """The venue asks for a pause (429, 418)."""


class VenueRefused(VenueUnavailable):
    """The venue answered that it will not do this; trying again changes nothing."""


class Candle(NamedTuple):
    """A row of a venue's history or stream; prices and volume as the venue wrote them, NaN where it wrote none."""

    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class MarketData(Protocol):
    """Market data of one venue. Every method may raise the three errors above."""

    name: str
    page_limit: int
    """Candles that one answer holds at most."""
    streams: bool
    """Whether ``watch`` works."""
    libraries: Mapping[str, str]
    """Versions of what speaks to the venue, for the manifest."""

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
