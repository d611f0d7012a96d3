"""Hyperliquid: prices have the decimals that the size leaves over, of six (perpetuals) or eight (spot)."""

from __future__ import annotations

from live_runner.services.venues.profile import Precision, VenueProfile, decimals_of, power_of_ten

__all__ = ["PROFILE"]


def _tick_size(precision: Precision) -> str:
    return power_of_ten((6 if precision.is_contract else 8) - decimals_of(precision.amount))


PROFILE = VenueProfile(tick_size=_tick_size)
