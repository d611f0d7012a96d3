"""Order events from the log: which mean something to a strategy, for which intent, and as it sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Denied,
    Event,
    Expired,
    Filled,
    LimitReset,
    LimitTripped,
    Rejected,
    Requested,
    Submitted,
    Unknown,
)
from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine import words
from live_runner.hotpath.engine.python_calls import message_notice
from live_runner.strategies.base import Fill, OrderUpdate, Rejection, Strategy

__all__ = ["NEWS", "OpenOrder", "OrderEvents", "fill_of", "hooks_of", "rejection_of", "update_of"]

NEWS: Final[dict[type[Event], int]] = {
    Requested: words.NOTICE_REQUESTED,
    Submitted: words.NOTICE_SUBMITTED,
    Accepted: words.NOTICE_ACCEPTED,
    Filled: words.NOTICE_FILLED,
    CancelRequested: words.NOTICE_CANCEL_REQUESTED,
    Cancelled: words.NOTICE_CANCELLED,
    Expired: words.NOTICE_EXPIRED,
    Rejected: words.NOTICE_REJECTED,
    Denied: words.NOTICE_DENIED,
    Unknown: words.NOTICE_UNKNOWN,
    LimitTripped: words.NOTICE_LIMIT_TRIPPED,
    LimitReset: words.NOTICE_LIMIT_RESET,
}
"""The events that a strategy may hear of: of its orders and of the session's risk limits."""

OF_LIMITS: Final = (LimitTripped, LimitReset)

RESULTS: Final = (Filled, Cancelled, Expired, Rejected, Denied)
"""Events that settle an intent, and so the leg state that it changed."""

_STATUSES: Final[dict[type[Event], str]] = {
    Requested: "requested",
    Submitted: "submitted",
    Accepted: "accepted",
    CancelRequested: "cancel_requested",
    Cancelled: "cancelled",
    Expired: "expired",
    Unknown: "unknown",
    LimitTripped: "limit_tripped",
    LimitReset: "limit_reset",
}

_SIDES: Final = {side: number for number, side in enumerate(SIDES)}
_NOT_OURS: Final = (0, 0)


def hooks_of(strategy: Strategy[Any, Any], names: Iterable[str]) -> list[str]:
    """Those of the hooks that the strategy has overridden."""
    return [name for name in names if getattr(type(strategy), name) is not getattr(Strategy, name)]


class OpenOrder(msgspec.Struct, frozen=True):
    """An order that is not finished, for the events that only name it."""

    intent_id: str
    symbol: str
    leg: str
    action: str


class OrderEvents:
    """Holds the order events of a session until their close is settled, and turns them into notices.

    What no hook of the strategy would hear and no leg state depends on is not held. ``count`` is the number of events
    since the last close, ``latest_ns`` the largest time in them.
    """

    def __init__(self, session: str, symbols: Collection[str], *, keeps_state: bool, hooks: Collection[str]) -> None:
        self._prefix: Final = f"{session}/"
        self._places: Final = {symbol: place for place, symbol in enumerate(symbols)}
        self._updates: Final = "on_order_update" in hooks
        kept: set[type[Event]] = set()
        if keeps_state or hooks:
            kept.update(RESULTS)
        if self._updates:
            kept.update(NEWS)
        self._kept: Final = frozenset(kept)
        self.held: list[Event] = []
        self.count = 0
        self.latest_ns = 0
        self.orders: dict[str, OpenOrder] = {}

    def hold(self, event: Event) -> None:
        """One more event of the close in the making."""
        self.count += 1
        if event.event_ns > self.latest_ns:
            self.latest_ns = event.event_ns
        if type(event) in self._kept:
            self.held.append(event)

    def take(self) -> list[Any] | None:
        """The notices of the events held, in their order; None when there are none. Forgets the events."""
        self.count = 0
        self.latest_ns = 0
        if not self.held:
            return None
        held, self.held = self.held, []
        return [self._notice(event) for event in held]

    def _notice(self, event: Any) -> Any:
        kind = type(event)
        symbol = self._places.get(getattr(event, "symbol", ""), -1)
        if kind in OF_LIMITS:
            return message_notice(NEWS[kind], symbol, -1, -1, 0, 0, False, False, event, None)
        if kind in RESULTS:
            close_ns, number = self._intent(event.intent_id)
            ended = kind is Cancelled or kind is Expired
            order = self._end(event) if self._updates else None
            return message_notice(
                NEWS[kind],
                symbol,
                _SIDES.get(event.leg, -1),
                ACTIONS.index(event.action) if event.action in ACTIONS else -1,
                close_ns,
                number,
                ended and float(event.filled) > 0,
                (ended or kind is Rejected) and event.retrying,
                event,
                order,
            )
        if kind is Requested:
            self.orders[event.order_id] = OpenOrder(event.intent_id, event.symbol, event.leg, event.action)
        order = self.orders.get(event.order_id)
        side = -1 if order is None else _SIDES.get(order.leg, -1)
        return message_notice(NEWS[kind], symbol, side, -1, 0, 0, False, False, event, order)

    def _end(self, event: Any) -> OpenOrder | None:
        order = self.orders.get(event.order_id)
        if type(event) is not Filled or event.status == "filled":
            self.orders.pop(event.order_id, None)
        return order

    def _intent(self, intent_id: str) -> tuple[int, int]:
        """Close and number of an intent of the strategy; zeros for one of an operator or of the venue."""
        if not intent_id.startswith(self._prefix):
            return _NOT_OURS
        close_ns, _, number = intent_id[len(self._prefix) :].partition("/")
        if not (close_ns.isdecimal() and number.isdecimal()):
            return _NOT_OURS
        return int(close_ns), int(number)


def fill_of(event: Filled) -> Fill:
    """A fill as the strategy sees it."""
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


def rejection_of(event: Denied | Rejected, *, restored: bool) -> Rejection:
    """A rejection or denial as the strategy sees it."""
    rejected = isinstance(event, Rejected)
    return Rejection(
        symbol=event.symbol,
        leg=event.leg,
        action=event.action,
        kind="rejected" if rejected else "refused",
        reason=event.code if isinstance(event, Rejected) else event.reason,
        message=event.message,
        retrying=isinstance(event, Rejected) and event.retrying,
        restored=restored,
        intent_id=event.intent_id,
        order_id=event.order_id,
        at_ns=event.event_ns,
    )


def update_of(event: Any, order: OpenOrder | None, *, restored: bool) -> OrderUpdate:
    """Another change of an order, or a risk limit that was tripped or reset, as the strategy sees it."""
    filled = remaining = 0.0
    if isinstance(event, Cancelled | Expired):
        filled, remaining = float(event.filled), float(event.remaining)
    if isinstance(event, OF_LIMITS):
        return OrderUpdate(
            symbol=getattr(event, "symbol", ""),
            leg="",
            action="",
            status=_STATUSES[type(event)],
            filled=0.0,
            remaining=0.0,
            reason=event.limit,
            restored=False,
            intent_id="",
            order_id="",
            at_ns=event.event_ns,
        )
    return OrderUpdate(
        symbol=event.symbol,
        leg=order.leg if order else getattr(event, "leg", ""),
        action=order.action if order else getattr(event, "action", ""),
        status=_STATUSES[type(event)],
        filled=filled,
        remaining=remaining,
        reason=getattr(event, "reason", ""),
        restored=restored,
        intent_id=order.intent_id if order else getattr(event, "intent_id", ""),
        order_id=event.order_id,
        at_ns=event.event_ns,
    )
