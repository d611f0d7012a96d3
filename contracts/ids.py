"""Ids, made from what they identify and never random, so that a replay makes the same ones.

The session stands in each of them: one recording can be played by any number of sessions.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

__all__ = ["CLIENT_ORDER_ID_BYTES", "CORE_ROLES", "client_order_id", "event_id", "fill_id", "intent_id", "order_id"]


CORE_ROLES: Final = ("market_data", "execution", "strategy")
"""Sources whose numbers have no hole and decide what a session is; of every other source they only count."""

CLIENT_ORDER_ID_BYTES: Final = 14
"""Of the digest: two characters each."""


def event_id(session: str, source: str, seq: int) -> str:
    """Id of an event: what its source said as number ``seq`` in this session."""
    return f"{session}/{source}/{seq}"


def intent_id(session: str, close_ns: int, number: int) -> str:
    """Id of the ``number``-th intent (from 1) of the decision at ``close_ns``."""
    return f"{session}/{close_ns}/{number}"


def order_id(intent: str, attempt: int, part: str = "") -> str:
    """Id of one attempt (from 1) at an intent; ``part`` names a protective order: ``sl``, ``tp``."""
    return f"{intent}/{attempt}{part}"


def fill_id(order: str, number: int) -> str:
    """Id of the ``number``-th fill (from 1) of an order at the paper venue."""
    return f"{order}/f{number}"


def client_order_id(order: str) -> str:
    """The order's id at a venue: 28 characters of ``[0-9a-f]``.

    28 is what the strictest venue leaves (30 with a prefix of two); lower case and no punctuation pass everywhere.
    Where a venue wants another form, its adapter makes it of these by a fixed rule and takes it off again: ``t-``
    in front, or ``0x`` in front and ``0000`` behind for 128 bits.
    """
    return blake2b(order.encode(), digest_size=CLIENT_ORDER_ID_BYTES).hexdigest()
