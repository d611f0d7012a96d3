"""Conditions under which orders may be sent to a venue, and ccxt's options that are ours then.

Pure. Some of ccxt's options change what leaves: ``maxRetriesOnFailure`` sends an order again, ``enableRateLimit`` lets
it wait after its time was checked, ``defaultType`` lists another market's positions. In a stage that sends orders
``market.options`` therefore is a list of what may be given, and everything else is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from live_runner.contracts.errors import ConfigError
from live_runner.services.venues.registry import PROFILES, profile_of

__all__ = ["OPTIONS_WHILE_SENDING", "check_sending", "check_source", "rehearsed_venues"]

OPTIONS_WHILE_SENDING: Final = frozenset({"cafile", "httpsProxy", "page_limit", "stream", "timeout", "wssProxy"})
"""What ``market.options`` may hold while orders are sent: the way to the venue, and how market data is read."""

_VENUE_SOURCE: Final = "ccxt"


def check_source(source: str) -> None:
    """ConfigError where the bars are not the venue's own: orders would be sent by the prices of another market."""
    if source != _VENUE_SOURCE:
        raise ConfigError(
            f"market.source: the bars of source '{source}' are not the venue's, where the orders are sent to",
            remedy=f"Write market.source: {_VENUE_SOURCE}, or run this session in stage paper",
            key="market.source",
        )


def rehearsed_venues() -> list[str]:
    """Venues to which orders may be sent."""
    return sorted(name for name, profile in PROFILES.items() if profile.is_rehearsed)


def check_sending(venue: str, options: Mapping[str, Any]) -> None:
    """ConfigError where no order may be sent to the venue, or an option is given that would change how it is sent."""
    if not profile_of(venue).is_rehearsed:
        raise ConfigError(
            f"market.venue: no order has been rehearsed at {venue} (venue_not_rehearsed)",
            remedy=f"Trade on {' or '.join(rehearsed_venues())}, or run this session in stage paper or shadow",
            key="market.venue",
            reason="venue_not_rehearsed",
        )
    for option in options:
        if option not in OPTIONS_WHILE_SENDING:
            raise ConfigError(
                f"market.options.{option} is not permitted in a stage that sends orders: it may change what is sent",
                remedy=f"Take it out; {', '.join(sorted(OPTIONS_WHILE_SENDING))} may be given",
                key=f"market.options.{option}",
            )
