"""Every venue that has a profile of its own, by ccxt's name for it."""

from __future__ import annotations

from typing import Final

from live_runner.services.venues import (
    binanceusdm,
    bingx,
    bitfinex,
    bitget,
    bithumb,
    bybit,
    gate,
    hyperliquid,
    krakenfutures,
    okx,
)
from live_runner.services.venues.profile import VenueProfile

__all__ = ["PROFILES", "profile_of"]

PROFILES: Final = {
    "binanceusdm": binanceusdm.PROFILE,
    "bingx": bingx.PROFILE,
    "bitfinex": bitfinex.PROFILE,
    "bitget": bitget.PROFILE,
    "bithumb": bithumb.PROFILE,
    "bybit": bybit.PROFILE,
    "gate": gate.PROFILE,
    "hyperliquid": hyperliquid.PROFILE,
    "krakenfutures": krakenfutures.PROFILE,
    "okx": okx.PROFILE,
}
_DEFAULT: Final = VenueProfile()


def profile_of(venue: str) -> VenueProfile:
    """The venue's profile, the default one for a venue that has none of its own."""
    return PROFILES.get(venue, _DEFAULT)
