"""What an answer of the gateway says of an order, as reports for the log.

Pure. An answer that proves nothing becomes ``unknown``, whatever it looks like, and the engine decides what follows: it
asks, and sends again only what is proven absent. So a call that the venue turned away for now (too many requests, its
clock) is looked up before it is tried again, and so is one that never left this machine.
"""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.gateway import OrderAnswer, Outcome

__all__ = ["VenueEffect", "reports_of"]

type VenueEffect = SendOrder | CancelOrder | QueryOrder

_REFUSED: Final = ("rejected", "duplicate")


def reports_of(effect: VenueEffect, outcome: Outcome) -> list[dict[str, Any]]:
    """Fields of an ``order.report`` for each thing that the answer says, in the order in which they happened."""
    order = effect.order if isinstance(effect, SendOrder) else effect
    about: dict[str, Any] = {"client_order_id": order.client_order_id, "symbol": order.symbol, "via": outcome.via}
    at_ns = outcome.answered_ns
    reports: list[dict[str, Any]] = []
    if isinstance(effect, SendOrder) and outcome.sent_ns:
        # When it left, on the venue's clock: before that nothing of it can exist, long after it nothing can arrive.
        reports.append({**about, "status": "submitted", "sent_ns": outcome.sent_ns, "event_ns": outcome.sent_ns})
    about |= {"code": outcome.code, "message": outcome.message, "event_ns": at_ns}
    if isinstance(effect, QueryOrder):
        about["asked_ns"] = outcome.asked_ns  # what answers a request that changes something was not asked for
    if isinstance(effect, SendOrder) and outcome.sent_ns:
        about["sent_ns"] = outcome.sent_ns
    if outcome.fate == "done" and outcome.orders:
        reports += [{**about, **_answered(answer, outcome)} for answer in outcome.orders]
    elif outcome.fate == "gone" and isinstance(effect, QueryOrder):
        reports.append({**about, "status": "absent", "complete": outcome.complete})
    elif outcome.fate in _REFUSED and isinstance(effect, SendOrder):
        meaning = "duplicate" if outcome.fate == "duplicate" else outcome.meaning
        reports.append({**about, "status": "rejected", "meaning": meaning})
    else:
        reports.append({**about, "status": "unknown"})
    if outcome.fate == "unlisted" and isinstance(effect, SendOrder):
        # It holds once the order is proven absent: the engine asks before it believes a refusal of what may stand.
        reports.append({**about, "status": "rejected", "meaning": outcome.meaning})
    return reports


def _answered(answer: OrderAnswer, outcome: Outcome) -> dict[str, Any]:
    return {
        "client_order_id": answer.client_order_id,
        "symbol": answer.symbol,
        "status": answer.status,
        "venue_order_id": answer.venue_order_id,
        "filled": answer.filled,
        "cost": answer.cost,
        "quantity": answer.quantity,
        "last_price": answer.last_price,
        "trades": answer.trades,
        "parent": answer.parent,
        "complete": outcome.complete,
    }
