"""Order events as the strategy is told them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Denied,
    Event,
    Expired,
    Filled,
    Rejected,
    Requested,
    Submitted,
    Unknown,
)
from live_runner.services.strategy.core.calls import Calls
from live_runner.services.strategy.core.legs import LegBook
from live_runner.services.strategy.core.open_intents import Blocked, Notice
from live_runner.strategies.base import Fill, OrderUpdate, Rejection, View

__all__ = ["NEWS", "tell", "told"]

NEWS: Final[dict[type[Event], str]] = {
    Filled: "on_fill",
    Denied: "on_rejection",
    Rejected: "on_rejection",
    Requested: "on_order_update",
    Submitted: "on_order_update",
    Accepted: "on_order_update",
    CancelRequested: "on_order_update",
    Cancelled: "on_order_update",
    Expired: "on_order_update",
    Unknown: "on_order_update",
}
"""The order events that a strategy hears of, and the hook that hears them."""

_STATUSES: Final[dict[type[Event], str]] = {
    Requested: "requested",
    Submitted: "submitted",
    Accepted: "accepted",
    CancelRequested: "cancel_requested",
    Cancelled: "cancelled",
    Expired: "expired",
    Unknown: "unknown",
}


def tell(notices: Iterable[Notice], legs: LegBook, calls: Calls, view: View) -> None:
    """Bring the news in its order; a leg whose intents all came to nothing is put back before."""
    for notice in notices:
        group = notice.puts_back
        if group is not None and group.version == legs.versions[notice.key]:
            legs.restore_leg(notice.key, group.before)
            group.restored = True
        hook = "on_rejection" if isinstance(notice.event, Blocked) else NEWS[type(notice.event)]
        if calls.hears(hook):
            calls.tell(hook, told(notice), view)


def told(notice: Notice) -> Fill | Rejection | OrderUpdate:
    """The news of one notice."""
    event = notice.event
    restored = notice.group is not None and notice.group.restored
    if isinstance(event, Blocked):
        return _blocked(event, restored)
    if isinstance(event, Filled):
        return _fill(event)
    if isinstance(event, Denied | Rejected):
        return _rejection(event, restored)
    return _update(event, notice, restored)


def _fill(event: Filled) -> Fill:
    return Fill(
        symbol=event.symbol,
        leg=event.leg,
        action=event.action,
        side=event.side,
        kind=event.kind,
        quantity=float(event.quantity),
        price=float(event.price),
        notional=float(event.notional),
        fee=float(event.fee),
        fee_currency=event.fee_currency,
        liquidity=event.liquidity,
        realised=float(event.realised),
        slippage=float(event.slippage),
        filled=float(event.filled),
        remaining=float(event.remaining),
        is_done=event.status == "filled",
        leg_quantity=float(event.leg_quantity),
        order_id=event.order_id,
        intent_id=event.intent_id,
        reason=event.reason,
        at_ns=event.event_ns,
    )


def _rejection(event: Denied | Rejected, restored: bool) -> Rejection:
    denied = isinstance(event, Denied)
    return Rejection(
        symbol=event.symbol,
        leg=event.leg,
        action=event.action,
        kind="refused" if denied else "rejected",
        reason=event.reason if isinstance(event, Denied) else event.code,
        message=event.message,
        retrying=isinstance(event, Rejected) and event.retrying,
        restored=restored,
        intent_id=event.intent_id,
        order_id=event.order_id,
        at_ns=event.event_ns,
    )


def _blocked(event: Blocked, restored: bool) -> Rejection:
    intent = event.blocked.intent
    return Rejection(
        symbol=intent.symbol,
        leg=intent.leg,
        action=intent.action,
        kind="blocked",
        reason=event.blocked.reason,
        message=event.blocked.detail,
        retrying=False,
        restored=restored,
        intent_id=intent.id,
        order_id="",
        at_ns=event.at_ns,
    )


def _update(event: Event, notice: Notice, restored: bool) -> OrderUpdate:
    order = notice.order
    symbol, leg = notice.key
    filled = remaining = 0.0
    if isinstance(event, Cancelled | Expired):
        filled, remaining = float(event.filled), float(event.remaining)
    return OrderUpdate(
        symbol=symbol,
        leg=leg,
        action=order.action if order else getattr(event, "action", ""),
        status=_STATUSES[type(event)],
        filled=filled,
        remaining=remaining,
        reason=getattr(event, "reason", ""),
        restored=restored,
        intent_id=order.intent_id if order else getattr(event, "intent_id", ""),
        order_id=getattr(event, "order_id", ""),
        at_ns=event.event_ns,
    )
