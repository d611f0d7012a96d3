"""The private streams of an account, for what they are good for: which symbols something has happened to.

No fact is taken from them. ccxt keeps the last state of an order between two looks, and a socket may stay open and
silent; whoever is woken asks the venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import aiohttp
import ccxt

from live_runner.contracts.errors import VenueUnavailable
from live_runner.services.venues.ccxt_account import Credentials, private_config

__all__ = ["STREAMS", "AccountStreams"]

STREAMS: Final = ("watch_my_trades", "watch_orders")
"""Trades know nothing of liquidations, orders do; an order's update may be lost in a later one, a trade is not."""
_UNREADABLE: Final = (TypeError, KeyError, IndexError, ValueError, AttributeError)


class AccountStreams:
    """The streams of one account, through unmodified ccxt.pro, which connects by itself."""

    def __init__(
        self, venue: str, credentials: Credentials, options: Mapping[str, Any], *, is_demo: bool = False
    ) -> None:
        config = private_config(venue, credentials, options)
        # Neither is looked at, and each would ask the venue for a listing at every connection.
        config["options"] |= {
            "watchBalance": {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False},
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
        }
        self._exchange = getattr(import_module("ccxt.pro"), venue)(config)
        if is_demo:
            self._exchange.enable_demo_trading(True)

    async def next(self, stream: str) -> set[str]:
        """Symbols of the next update; VenueUnavailable where the stream is lost."""
        try:
            rows = await getattr(self._exchange, stream)()
            return {str(row["symbol"]) for row in rows if row.get("symbol")}
        except (ccxt.BaseError, aiohttp.ClientError, OSError, *_UNREADABLE) as error:
            raise VenueUnavailable(
                f"{stream}: {type(error).__name__} {str(error)[:300]}", remedy="Nothing to do: it is connected again"
            ) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._exchange.close()
