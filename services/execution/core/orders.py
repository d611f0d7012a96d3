"""Orders as a state machine.

Reports from a venue arrive late, twice and out of order. ``TRANSITIONS`` lists every pair of a state and
a report, and the state that follows. ``KEPT`` marks the pairs that fit no row: such a report is written
down for reconciliation and changes nothing, and nothing ever leaves a closed state. Quantities are not
judged here: a report carries the total filled so far, and what exceeds our own count is the new fill
(reports.py). Nothing here waits, sends or looks at a clock.
"""

from __future__ import annotations

from typing import Final

import msgspec

from live_runner.contracts.policy import ExecutionPolicy

__all__ = ["CLOSED", "KEPT", "OPEN_STATES", "REPORTS", "STATES", "TRANSITIONS", "Order", "next_state"]

OPEN_STATES: Final = ("requested", "submitted", "accepted", "partly_filled", "cancel_requested", "unknown")
CLOSED: Final = ("filled", "cancelled", "expired", "rejected")
STATES: Final = OPEN_STATES + CLOSED
REPORTS: Final = (
    "submitted",  # handed over, the answer is awaited
    "accepted",  # the venue has it
    "partly_filled",
    "filled",
    "cancelled",
    "expired",
    "rejected",  # the venue refused it
    "cancel_requested",  # we asked to take it off the book
    "cancel_refused",  # the venue says that it was not cancelled and still stands
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
        "absent": KEPT,  # not sent yet: absence says nothing
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
        "absent": KEPT,  # the venue had it: one answer to the contrary proves nothing
    },
    "partly_filled": {
        "submitted": "partly_filled",
        "accepted": "partly_filled",
        "partly_filled": "partly_filled",
        "filled": "filled",
        "cancelled": "cancelled",
        "expired": "expired",
        "rejected": KEPT,  # what has filled was not refused
        "cancel_requested": "cancel_requested",
        "cancel_refused": "partly_filled",
        "unknown": "unknown",
        "absent": KEPT,
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
        "cancel_refused": "unknown",  # gone or still there: only a query tells
        "unknown": "unknown",  # the cancel is not confirmed
        "absent": KEPT,
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


def next_state(state: str, report: str) -> str:
    """The state after a report, ``KEPT`` when it fits no row or is none we know."""
    return TRANSITIONS[state].get(report, KEPT)


class Order(msgspec.Struct, kw_only=True):
    """One order and what the order manager has to remember of its intent. Lots and ticks."""

    order_id: str
    client_order_id: str
    intent_id: str
    attempt: int
    symbol: str
    leg: str
    side: str
    action: str
    kind: str
    quantity: int
    price: int | None
    reduce_only: bool
    reference: int
    """What the decision saw: the close of its bar."""
    expires_ns: int | None
    reason: str
    stop: int = 0
    """Trigger of the stop that is born with its fills, 0 for none."""
    target: int = 0
    fallback: tuple[str, ...] = ()
    policy: ExecutionPolicy | None = None
    """Brought along by the intent; None is the strategy's."""
    state: str = "requested"
    filled: int = 0
    fills: int = 0
    venue_order_id: str = ""
    key: int = 0
    """Its number on the paper venue's book of the symbol."""
    cancel_reason: str = ""
    """Why we asked to take it off the book; kept until that is confirmed."""
    asked: str | None = None
    request_seq: int = 0
    """Number and time of its request in the log, for sending the very same once more."""
    request_ns: int = 0
    at_next_open: bool = False
    """Asked for by an operator between closes: the close of the last bar is past, whatever the fill model."""
    waits: bool = False
    """Decided on a late bar, not on the book before the first bar that is not late."""
    parent: str = ""
    """The entry order that this stop or target protects."""

    @property
    def remaining(self) -> int:
        """Lots that are not filled."""
        return self.quantity - self.filled

    @property
    def is_entry(self) -> bool:
        """Whether it can open or enlarge a position."""
        return not self.reduce_only

    @property
    def is_closed(self) -> bool:
        """Whether nothing can change it any more."""
        return self.state in CLOSED

    def apply(self, report: str) -> bool:
        """Move by the table; False when the report is to be kept instead."""
        following = next_state(self.state, report)
        if following == KEPT:
            return False
        self.state = following
        return True
