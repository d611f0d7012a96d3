# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Orders as a state machine, and the execution policy in numbers.

Reports from a venue arrive late, twice and out of order. ``TRANSITIONS`` has every pair of a state and a
report, and the state that follows; docs/order_life.svg is drawn from it. ``KEPT`` marks the pairs that fit no
row: such a report is recorded for reconciliation and changes nothing, and nothing ever leaves a closed state.
Quantities are not checked here: a report carries the total filled so far, and what exceeds our own count is the
new fill (reports.py).
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.contracts.ids import client_order_id
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.vocabulary import CLOSED_STATES, FALLBACKS, KINDS, OPEN_STATES, ORDER_STATES, PARTS, STYLES

if not cython.compiled:
    from live_runner.hotpath.engine.words import CLOSE, FILLED, LONG, LONG_PART, MARKET, NO_PART, REQUESTED

__all__ = [
    "CLOSED",
    "KEPT",
    "OPEN_STATES",
    "REPORTS",
    "STATES",
    "TRANSITIONS",
    "WAIT_NS_MAX",
    "Order",
    "Policy",
    "next_state",
    "restored_order",
    "wait_ns",
]

CLOSED: Final = CLOSED_STATES
STATES: Final = ORDER_STATES
REPORTS: Final = (
    "submitted",  # handed over, the answer is awaited
    "accepted",  # the venue has it
    "partly_filled",
    "filled",
    "cancelled",
    "expired",
    "rejected",  # the venue refused it
    "cancel_requested",  # we asked to take it off the book
    "cancel_refused",  # not cancelled: the venue reports that it still stands
    "unknown",  # no answer, or none that can be read
    "absent",  # a complete and late enough answer proves that the venue never had it
)
KEPT: Final = ""
"""The report fits no row: kept and reconciled."""

TRANSITIONS: Final[dict[str, dict[str, str]]] = {
    "requested": {
        "submitted": "submitted",
        "accepted": "accepted",  # the answer overtook our own note of sending
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",
        "cancel_requested": "cancel_requested",
        "cancel_refused": KEPT,
        "unknown": "unknown",
        "absent": KEPT,  # not sent yet: absence proves nothing
    },
    "submitted": {
        "submitted": "submitted",
        "accepted": "accepted",
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",
        "cancel_requested": "cancel_requested",
        "cancel_refused": KEPT,
        "unknown": "unknown",
        "absent": KEPT,  # it may still be on its way
    },
    "accepted": {
        "submitted": "accepted",
        "accepted": "accepted",
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",  # some venues acknowledge first and refuse afterwards
        "cancel_requested": "cancel_requested",
        "cancel_refused": "accepted",
        "unknown": "unknown",
        "absent": "unknown",  # the venue had it: asked once more, and lost when that is proven
    },
    "partly_filled": {
        "submitted": "partly_filled",
        "accepted": "partly_filled",
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",  # the rest of it; what has filled stays
        "cancel_requested": "cancel_requested",
        "cancel_refused": "partly_filled",
        "unknown": "unknown",
        "absent": "unknown",
    },
    "cancel_requested": {
        "submitted": "cancel_requested",
        "accepted": "cancel_requested",  # the acknowledgement was late, the cancel stands
        "partly_filled": "cancel_requested",
        "filled": "filled",  # filled while being cancelled
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",
        "cancel_requested": "cancel_requested",
        "cancel_refused": "unknown",  # gone or still there: only a query shows
        "unknown": "unknown",  # the cancel is not confirmed
        "absent": "unknown",
    },
    "unknown": {
        "submitted": "unknown",
        "accepted": "accepted",
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": "rejected",
        "cancel_requested": "unknown",  # what is not known cannot be cancelled with certainty
        "cancel_refused": "unknown",
        "unknown": "unknown",
        "absent": "requested",  # may be sent again, under the same client order id
    },
    "filled": dict.fromkeys(REPORTS, KEPT),
    "cancelled": dict.fromkeys(REPORTS, KEPT),
    "expired": dict.fromkeys(REPORTS, KEPT),
    "rejected": dict.fromkeys(REPORTS, KEPT),
}

CHECK: Final = "Check prices, quantities and the market's grid"
WAIT_NS_MAX: Final = 2**62 - 1
"""The longest wait that is counted, 146 years: a longer one ends there."""

FALLBACK_BITS: Final = {word: 1 << number for number, word in enumerate(FALLBACKS)}


if not cython.compiled:
    KEPT_CODE: Final = 255
TABLE: Final = bytes(
    STATES.index(following) if following != KEPT else 255
    for state in STATES
    for following in (TRANSITIONS[state][report] for report in REPORTS)
)
"""``TRANSITIONS`` in numbers: row by state, column by report."""


def next_state(state: str, report: str) -> str:
    """The state after a report; ``KEPT`` when it fits no row or is not a known report."""
    return TRANSITIONS[state].get(report, KEPT)


def wait_ns(seconds: float) -> int:
    """Nanoseconds of a wait, at most ``WAIT_NS_MAX`` in either direction."""
    limit = WAIT_NS_MAX / 1e9
    return round(max(-limit, min(seconds, limit)) * 1e9)


class Policy:
    """An execution policy in numbers. Times are nanoseconds; -1 where the policy gives none.

    ``add_style`` is the number of a style among the kinds, -1 without one and -2 for a word that is not a style.
    """

    def __init__(self, given: ExecutionPolicy, brought: bool) -> None:
        self.given = given if brought else None
        self.attempts = given.attempts
        self.max_failures = given.max_failures
        self.retry_spacing_ns = wait_ns(given.retry_spacing_s)
        # A block that ends before it begins is one that ends at once.
        self.backoff_ns = -1 if given.backoff_s is None else max(wait_ns(given.backoff_s), 0)
        self.has_time_to_live = given.time_to_live_s is not None
        self.time_to_live_ns = 0 if given.time_to_live_s is None else wait_ns(given.time_to_live_s)
        self.fallback = 0
        self.unknown_fallback = None
        for word in given.fallback:
            if word in FALLBACK_BITS:
                self.fallback |= FALLBACK_BITS[word]
            elif self.unknown_fallback is None:
                self.unknown_fallback = word
        self.add_style = -1
        self.add_style_text = given.add_style
        if given.add_style is not None:
            self.add_style = KINDS.index(given.add_style) if given.add_style in STYLES else -2
        self.open_rounding = given.open_rounding


class Order:
    """One attempt at an intent, or an order of the venue's own (a child of a bracket, a liquidation).

    Quantities are lots, prices ticks (0: none), times nanoseconds (-1: none). ``close_ns`` and ``number`` name the
    intent: the decision's close and its number there. ``stop`` and ``target`` are the triggers of the bracket that is
    created with its fills. ``reference`` is the close that the decision saw. ``whole``: the stop or target of the whole
    leg, whose quantity follows the leg's. ``by_side``: the venue closes by the position's side, without a reduce-only
    flag. ``syncs``: a close that is done where the venue proves that it holds nothing.
    """

    session: str
    close_ns: int
    number: int
    named_attempt: int
    attempt: int
    part: int
    part_number: int
    symbol: int
    side: int
    action: int
    kind: int
    state: int
    reduce: bool
    buy: bool
    quantity: int
    price: int
    reference: int
    filled: int
    fills: int
    stop: int
    target: int
    expires_ns: int
    fallback: int
    policy: Any
    reason: str
    asked: Any
    cancel_reason: str
    timed_out: bool
    venue_order_id: str
    venue_number: int
    gone: bool
    waits: bool
    rested: bool
    triggered: bool
    at_next_open: bool
    used: int
    pair: Any
    request_seq: int
    request_ns: int
    intent_text: str | None
    order_text: str | None
    client_text: str | None
    pending: Any
    view: Any
    whole: bool
    by_side: bool
    syncs: bool

    @property
    def is_entry(self) -> bool:
        """Whether it can open or enlarge a position."""
        return not self.reduce

    @property
    def is_closed(self) -> bool:
        """Whether nothing can change it any more."""
        return self.state >= FILLED

    @property
    def remaining(self) -> int:
        """Lots that are not filled."""
        return self.quantity - self.filled

    @property
    def order_id(self) -> str:
        """Its id in messages."""
        return order_name(self)


def new_order(
    session: str,
    close_ns: int,
    number: int,
    attempt: int,
    symbol: int,
    side: int,
    action: int,
    kind: int,
    quantity: int,
    price: int,
    reference: int,
    reduce: bool,
    reason: str,
) -> Order:
    """An order that is about to be requested."""
    order = Order.__new__(Order)
    order.session = session
    order.close_ns = close_ns
    order.number = number
    order.attempt = attempt
    order.named_attempt = attempt
    order.part = NO_PART
    order.part_number = 1
    order.symbol = symbol
    order.side = side
    order.action = action
    order.kind = kind
    order.state = REQUESTED
    order.reduce = reduce
    order.buy = (side == LONG) != reduce
    order.quantity = quantity
    order.price = price
    order.reference = reference
    order.filled = 0
    order.fills = 0
    order.stop = 0
    order.target = 0
    order.expires_ns = -1
    order.fallback = 0
    order.policy = None
    order.reason = reason
    order.asked = None
    order.cancel_reason = ""
    order.timed_out = False
    order.venue_order_id = ""
    order.venue_number = 0
    order.gone = False
    order.waits = False
    order.rested = False
    order.triggered = False
    order.at_next_open = False
    order.used = 0
    order.pair = None
    order.request_seq = 0
    order.request_ns = 0
    order.intent_text = None
    order.order_text = None
    order.client_text = None
    order.pending = None
    order.view = None
    order.whole = False
    order.by_side = False
    order.syncs = False
    return order


def flatten_order(
    session: str, symbol: int, side: int, lots: int, reference: int, intent_id: str, policy: Policy
) -> Order:
    """A market close that an operator asked for."""
    order = new_order(session, 0, 0, 1, symbol, side, CLOSE, MARKET, lots, 0, reference, True, "flatten")
    order.intent_text = intent_id
    order.policy = policy
    return order


def next_attempt(order: Order, kind: int, price: int, reference: int, waits: bool) -> Order:
    """The same intent, tried once more: a new id, for what is not filled."""
    following = new_order(
        order.session,
        order.close_ns,
        order.number,
        order.attempt + 1,
        order.symbol,
        order.side,
        order.action,
        kind,
        order.quantity - order.filled,
        price,
        reference,
        order.reduce,
        order.reason,
    )
    following.stop = order.stop
    following.target = order.target
    following.expires_ns = -1 if price == 0 else order.expires_ns
    following.fallback = order.fallback
    following.policy = order.policy
    following.at_next_open = order.at_next_open
    following.waits = waits
    following.request_seq = order.request_seq
    following.request_ns = order.request_ns
    following.intent_text = order.intent_text
    following.by_side = order.by_side
    following.syncs = order.syncs
    return following


def intent_name(order: Order) -> str:
    """The id of the intent that the order belongs to."""
    if order.intent_text is None:
        order.intent_text = f"{order.session}/{order.close_ns}/{order.number}"
    return order.intent_text


def order_name(order: Order) -> str:
    """The order's id."""
    if order.order_text is None:
        name = f"{intent_name(order)}/{order.named_attempt}"
        if order.part != NO_PART:
            name += PARTS[order.part]
            if order.part < LONG_PART and order.part_number != 1:
                name += str(order.part_number)
        order.order_text = name
    return order.order_text


def client_name(order: Order) -> str:
    """The id under which the venue knows the order."""
    if order.client_text is None:
        order.client_text = client_order_id(order_name(order))
    return order.client_text


def apply_report(order: Order, report: int) -> bool:
    """Move the order by the table; False when the report is to be kept instead."""
    following = TABLE[order.state * 11 + report]
    if following == KEPT_CODE:
        return False
    order.state = following
    return True


_ROW: Final = (
    "session", "close_ns", "number", "attempt", "symbol", "side", "action", "kind", "quantity", "price", "reference",
    "reduce", "reason",
)  # fmt: skip
_REST: Final = (
    "named_attempt", "part", "part_number", "state", "filled", "fills", "stop", "target", "expires_ns", "fallback",
    "asked", "cancel_reason", "venue_order_id", "venue_number", "gone", "waits", "rested", "triggered",
    "at_next_open", "request_seq", "request_ns", "timed_out", "whole", "by_side", "syncs",
)  # fmt: skip


def order_row(order: Order) -> list[Any]:
    """Plain data of an order for a snapshot. Its pair is kept by the book."""
    policy = order.policy.given if order.policy is not None else None
    return [
        [getattr(order, name) for name in _ROW],
        [getattr(order, name) for name in _REST],
        intent_name(order),
        policy,
    ]


def restored_order(row: list[Any], policy: Policy | None) -> Order:
    """An order from its row in a snapshot; ``policy`` where its intent brought none."""
    first = row[0]
    order = new_order(
        first[0], first[1], first[2], first[3], first[4], first[5], first[6], first[7], first[8], first[9], first[10],
        first[11], first[12],
    )  # fmt: skip
    restore_rest(order, row[1])
    order.intent_text = row[2]
    order.policy = policy
    return order


def restore_rest(order: Order, row: list[Any]) -> None:
    """The fields that ``new_order`` does not take."""
    (
        order.named_attempt, order.part, order.part_number, order.state, order.filled, order.fills, order.stop,
        order.target, order.expires_ns, order.fallback, order.asked, order.cancel_reason, order.venue_order_id,
        order.venue_number, order.gone, order.waits, order.rested, order.triggered, order.at_next_open,
        order.request_seq, order.request_ns, order.timed_out, order.whole, order.by_side, order.syncs,
    ) = row  # fmt: skip


def take_out(orders: list[Order], order: Order) -> None:
    """Remove an order from a list that holds it; the newest are at its end."""
    at = len(orders) - 1
    while orders[at] is not order:
        at -= 1
    del orders[at]


def out_of_range(order: Order) -> LedgerOverflow:
    """The error of an order that the account could not book."""
    return LedgerOverflow(
        f"An order of {order.quantity} lots at {order.price} ticks is out of the book's range", remedy=CHECK
    )


def out_of_order(order: Order) -> OurFault:
    """The error of an order that is none."""
    return OurFault(
        f"An order of {order.quantity - order.filled} lots at {order.price} ticks reached the book", remedy=CHECK
    )
