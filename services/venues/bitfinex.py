"""Bitfinex: prices count significant digits, amounts decimal places."""

from __future__ import annotations

from live_runner.services.venues.profile import VenueProfile, power_of_ten

__all__ = ["PROFILE"]

PROFILE = VenueProfile(lot_size=lambda precision: power_of_ten(int(precision.amount)))
