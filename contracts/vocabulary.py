"""The words of messages, once, in the order of the numbers that the engine has for them.

The engine counts (hotpath/engine/words.py), messages, configurations and the database have the word: the
number is the word's place in its tuple.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACTIONS",
    "CLOSED_STATES",
    "END_REASONS",
    "ENTRIES",
    "EXITS",
    "FALLBACKS",
    "KINDS",
    "LOT_METHODS",
    "OPEN_STATES",
    "ORDER_STATES",
    "PARTS",
    "PROTECTION",
    "RISK_AUTHOR",
    "SIDES",
    "SIZINGS",
    "STYLES",
    "TRADING_STATES",
    "WITHOUT_ORDER",
]

SIDES: Final = ("long", "short")
"""The leg of a position, not the side of an order."""

ENTRIES: Final = ("open", "add")
"""Actions that open or enlarge a position."""
EXITS: Final = ("partial_close", "close")
WITHOUT_ORDER: Final = ("cancel", "sync_state", "hold")
"""Actions that request no order."""
PROTECTION: Final = ("protect",)
"""Actions that set, move or remove the stop and the target of a leg."""
ACTIONS: Final = (*ENTRIES, *EXITS, *WITHOUT_ORDER, *PROTECTION)

STYLES: Final = ("market", "limit", "post_only", "ioc")
"""Order styles that an intent may ask for; ``ioc`` (immediate or cancel) takes what it can at once and never rests."""
KINDS: Final = ("market", "limit", "post_only", "stop", "take_profit", "ioc")
"""Kinds of orders: the styles, and the two of a bracket. A style has the number of its kind."""

SIZINGS: Final = ("explicit", "delegate_notional")
FALLBACKS: Final = ("reject", "timeout")
"""Reasons for which a limit order may become a market order."""

OPEN_STATES: Final = ("requested", "submitted", "accepted", "partly_filled", "cancel_requested", "unknown")
CLOSED_STATES: Final = ("filled", "cancelled", "expired", "rejected")
ORDER_STATES: Final = OPEN_STATES + CLOSED_STATES

END_REASONS: Final = ("oco", "leg_flat", "one_way_conflict", "liquidation", "ioc")
"""Why the paper venue takes an order off its book."""

PARTS: Final = ("", "sl", "tp", "long", "short")
"""The endings of order ids: attempts of an intent nothing, children of a bracket and liquidations their part."""

LOT_METHODS: Final = ("lifo", "fifo", "average")

RISK_AUTHOR: Final = "risk:"
"""The beginning of the author of a command that an account's limits give; the account's name follows."""

TRADING_STATES: Final = ("open", "stopped", "killed", "flattening")
