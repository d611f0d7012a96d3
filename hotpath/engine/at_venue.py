# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""What is known of one order at a real venue: when it was sent, what was asked, which trades are booked.

A fill is a trade, known by the venue's id. What the venue counts as filled beyond the trades is owed: its trades are
asked for, and after a grace it is booked at the order's average price, provisionally.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.messages import Report, Trade

if not cython.compiled:
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.words import ACCEPTED, STOP, TAKE_PROFIT

__all__ = ["AtVenue", "at_venue"]


class AtVenue:
    """One of our orders at the venue. Times are nanoseconds on the venue's clock, -1 for none; quantities are lots.

    ``provisional`` are fills booked without their trades, oldest first: lots, ticks, fee in 1e-12, whether as maker.
    ``child`` is the client order id of the order that a stop or target has become. ``ending`` is an end that waits for
    its trades, ``refusal`` a rejection that is not believed until the venue was asked: status or code, message and
    whether it may be tried again; ``retryable``, of a rejection that is believed, the same. ``shown_ns`` is when the
    last answer was asked for that showed it on the book, unfilled.
    """

    order: Order
    sends: int
    requested_ns: int
    sent_ns: int
    query_ns: int
    wait_ns: int
    fills_ns: int
    shown_ns: int
    total: int
    worth: int
    cost: str
    last_price: str
    seen: bool
    must_ask: bool
    forgotten: bool
    retryable: bool
    child: str
    trades: list[str]
    provisional: list[Any]
    ending: Any
    refusal: Any


def at_venue(order: Order, sent_ns: int) -> AtVenue:
    """An order that is being handed over."""
    at = AtVenue.__new__(AtVenue)
    at.order = order
    at.sends = 1
    at.requested_ns = sent_ns
    at.sent_ns = sent_ns
    at.query_ns = -1
    at.wait_ns = 0
    at.fills_ns = -1
    at.shown_ns = -1
    at.total = 0
    at.worth = 0
    at.cost = ""
    at.last_price = ""
    at.seen = False
    at.must_ask = False
    at.forgotten = False
    at.retryable = False
    at.child = ""
    at.trades = []
    at.provisional = []
    at.ending = None
    at.refusal = None
    return at


def owed_lots(at: AtVenue) -> int:
    """What the venue has filled and nobody has booked."""
    order = at.order
    return max(at.total - order.filled, 0)


def is_trigger(order: Order) -> bool:
    """Whether the venue keeps it until its price is met, and makes another order of it then."""
    return order.kind == STOP or order.kind == TAKE_PROFIT


def waits_since(at: AtVenue, since_ns: int) -> bool:
    """Whether the venue, asked after a time, showed that a stop or target still waits for its price."""
    order = at.order
    return is_trigger(order) and not order.triggered and order.state == ACCEPTED and at.shown_ns > since_ns


def is_child(at: AtVenue, report: Report) -> bool:
    """Whether the report is about what a stop or target has become."""
    return is_trigger(at.order) and (report.parent != "" or (at.child != "" and report.client_order_id == at.child))


def is_own_end(at: AtVenue, report: Report) -> bool:
    """Whether a stop or target says of itself that it is filled, which comes of its triggering, before or after."""
    return is_trigger(at.order) and not is_child(at, report) and report.status in ("partly_filled", "filled")


def trades_of(report: Report) -> list[Trade]:
    """The trades of a report; one that is given by its fields is the last of them."""
    if not (report.fill_id and report.last_quantity):
        return report.trades
    last = Trade(
        report.fill_id,
        report.last_quantity,
        report.last_price,
        report.event_ns,
        report.fee,
        report.fee_currency,
        report.liquidity,
    )
    return [*report.trades, last]


_FIELDS: Final = (
    "sends", "requested_ns", "sent_ns", "query_ns", "wait_ns", "fills_ns", "total", "cost", "last_price", "seen",
    "must_ask", "forgotten", "retryable", "child", "trades", "provisional", "ending", "refusal",
    "shown_ns",
)  # fmt: skip


def at_venue_row(at: AtVenue) -> list[Any]:
    """Plain data for a snapshot; what may outgrow 64 bits as text."""
    return [getattr(at, name) for name in _FIELDS] + [str(at.worth)]


def restored_at_venue(order: Order, row: list[Any]) -> AtVenue:
    """What is known of an order, from its row in a snapshot."""
    at = at_venue(order, 0)
    (
        at.sends, at.requested_ns, at.sent_ns, at.query_ns, at.wait_ns, at.fills_ns, at.total, at.cost, at.last_price,
        at.seen, at.must_ask, at.forgotten, at.retryable, at.child, at.trades, at.provisional, at.ending, at.refusal,
        at.shown_ns, worth,
    ) = row  # fmt: skip
    at.worth = int(worth)
    return at
