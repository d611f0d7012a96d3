# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""What is known of one order at a real venue: when it was sent, what was asked, which trades are booked.

A fill is a trade, known by the venue's id. What the venue counts as filled beyond the trades is owed: its trades are
asked for, and after a grace it is booked at the order's average price, provisionally.
"""

from __future__ import annotations

from typing import Any, Final

import cython

if not cython.compiled:
    from live_runner.hotpath.engine.orders import Order

__all__ = ["AtVenue", "at_venue"]


class AtVenue:
    """One of our orders at the venue. Times are nanoseconds on the venue's clock, -1 for none; quantities are lots.

    ``provisional`` are fills booked without their trades, oldest first: lots, ticks, fee in 1e-12, whether as maker.
    ``ending`` is an end that waits for its trades, ``refusal`` a rejection that is not believed until the venue was
    asked: status or code, message and whether it may be tried again.
    """

    order: Order
    sends: int
    sent_ns: int
    query_ns: int
    wait_ns: int
    fills_ns: int
    total: int
    worth: int
    cost: str
    last_price: str
    seen: bool
    must_ask: bool
    forgotten: bool
    trades: list[str]
    provisional: list[Any]
    ending: Any
    refusal: Any


def at_venue(order: Order, sent_ns: int) -> AtVenue:
    """An order that is being handed over."""
    at = AtVenue.__new__(AtVenue)
    at.order = order
    at.sends = 1
    at.sent_ns = sent_ns
    at.query_ns = -1
    at.wait_ns = 0
    at.fills_ns = -1
    at.total = 0
    at.worth = 0
    at.cost = ""
    at.last_price = ""
    at.seen = False
    at.must_ask = False
    at.forgotten = False
    at.trades = []
    at.provisional = []
    at.ending = None
    at.refusal = None
    return at


def owed_lots(at: AtVenue) -> int:
    """What the venue has filled and nobody has booked."""
    order = at.order
    return max(at.total - order.filled, 0)


_FIELDS: Final = (
    "sends", "sent_ns", "query_ns", "wait_ns", "fills_ns", "total", "cost", "last_price", "seen", "must_ask",
    "forgotten", "trades", "provisional", "ending", "refusal",
)  # fmt: skip


def at_venue_row(at: AtVenue) -> list[Any]:
    """Plain data for a snapshot; what may outgrow 64 bits as text."""
    return [getattr(at, name) for name in _FIELDS] + [str(at.worth)]


def restored_at_venue(order: Order, row: list[Any]) -> AtVenue:
    """What is known of an order, from its row in a snapshot."""
    at = at_venue(order, 0)
    (
        at.sends, at.sent_ns, at.query_ns, at.wait_ns, at.fills_ns, at.total, at.cost, at.last_price, at.seen,
        at.must_ask, at.forgotten, at.trades, at.provisional, at.ending, at.refusal, worth,
    ) = row  # fmt: skip
    at.worth = int(worth)
    return at
