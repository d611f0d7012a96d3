"""The order manager: every order from its request to its end, attempts and fallbacks included.

It publishes what happens to an order and keeps what is open; where orders go is the gateway's matter
(paper.py for the paper venue, remote.py for a real one). A limit becomes a market order only for a
reason that the intent or the policy names, once, and only for what is certainly not filled and certainly
off the book. Closes are tried again until done; opens and adds as often as the policy says. A stop blocks
entries in every form, the fallback and the next attempt included, and never a close.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from live_runner.contracts.core import SetTimer
from live_runner.contracts.ids import client_order_id, fill_id, order_id
from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Denied,
    Expired,
    Filled,
    Incident,
    Rejected,
    Requested,
)
from live_runner.hotpath import fixed
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.gate import Gate
from live_runner.services.execution.core.open_orders import OpenOrders
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["Gateway", "OrderManager"]


class Gateway(Protocol):
    """Where orders go."""

    def submit(self, order: Order, requested: Requested) -> None:
        """Hand over an order whose request has been published."""

    def cancel(self, order: Order, reason: str) -> None:
        """Take an order off the book."""

    def expire(self, order: Order) -> None:
        """Take an order off the book because its time has run out."""

    def is_irrevocable(self, order: Order) -> bool:
        """Whether it is too late to cancel: a market order on its way to the next open."""


class OrderManager(OpenOrders):
    """What happens to orders, and what follows from it."""

    def __init__(self, session: Session, account: Account, gate: Gate) -> None:
        super().__init__(session)
        self._account: Final = account
        self._gate: Final = gate
        self.gateway: Gateway
        self._retries: dict[str, tuple[int, Order]] = {}
        """Attempts that wait for their spacing: due time and the order to request."""
        self.requested = 0
        self.refused = 0
        self.rejected = 0
        self.fills = 0
        self._next_expiry: int | None = None

    # -- requests -------------------------------------------------------------------------------

    def request(self, order: Order) -> None:
        """Publish the request, then hand the order over."""
        self.gateway.submit(order, self._write_request(order))

    def born(self, order: Order) -> None:
        """A protective order that the venue made from an entry's fill: it stands there already."""
        self._write_request(order)
        self.accept(order, order.venue_order_id)

    def _write_request(self, order: Order) -> Requested:
        self.requested += 1
        self.remember(order)
        if order.expires_ns is not None and (self._next_expiry is None or order.expires_ns < self._next_expiry):
            self._next_expiry = order.expires_ns
        return self._session.emit(Requested, self._session.now_ns, **self.request_fields(order))

    def accept(self, order: Order, venue_order_id: str) -> None:
        """The venue has the order."""
        order.apply("accepted")
        order.venue_order_id = venue_order_id
        self._session.emit(
            Accepted,
            self._session.now_ns,
            order_id=order.order_id,
            symbol=order.symbol,
            venue_order_id=venue_order_id,
        )

    def reject(self, order: Order, code: str, message: str, *, retryable: bool = False) -> None:
        """The venue refused the order; what the intent or the policy permits follows."""
        policy = order.policy or self._session.policy
        # Before this very rejection counts: what it leads to holds back the order after the next one.
        held_back = self._held_back(order)
        falls_back = self._may_fall_back(order, "reject")
        tries_again = not falls_back and retryable and (order.reduce_only or order.attempt < policy.attempts)
        order.apply("rejected")
        self.rejected += 1
        event = self._session.emit(
            Rejected,
            self._session.now_ns,
            order_id=order.order_id,
            intent_id=order.intent_id,
            symbol=order.symbol,
            leg=order.leg,
            action=order.action,
            code=code,
            message=message,
            retryable=retryable,
            retrying=tries_again or (falls_back and not held_back),
        )
        self.forget(order)
        if order.is_entry:
            self._account.rejected(order, policy, event.id, f"{code}: {message}" if message else code)
        if falls_back:
            self._fall_back(order, held_back)
        elif tries_again:
            due = self._session.now_ns + round(policy.retry_spacing_s * 1e9)
            self._retry(due, self._next_attempt(order, order.kind, order.price))

    def refuse(
        self, intent_id: str, symbol: str, leg: str, action: str, reason: str, message: str, *, order_id: str = ""
    ) -> None:
        """The runner does not carry an intent out, or tries no further: a token and one sentence for the strategy."""
        self.refused += 1
        self._session.emit(
            Denied,
            self._session.now_ns,
            intent_id=intent_id,
            symbol=symbol,
            leg=leg,
            action=action,
            reason=reason,
            message=message,
            order_id=order_id,
        )

    # -- fills and ends -------------------------------------------------------------------------

    def fill(
        self,
        order: Order,
        lots: int,
        ticks: int,
        reference: int,
        *,
        maker: bool,
        at_ns: int,
        identity: str = "",
        fee: int | None = None,
    ) -> None:
        """One fill: one ledger entry and one event; ``fee`` where the venue named it."""
        market = self._session.markets[order.symbol]
        notional, paid, realised, slippage = self._account.fill(
            market, order, lots, ticks, reference, maker, at_ns, fee
        )
        order.filled += lots
        order.fills += 1
        order.apply("partly_filled" if order.remaining else "filled")
        self.changed(order)
        self.fills += 1
        text, money = market.lot_grid.text, fixed.money_text
        self._session.emit(
            Filled,
            at_ns,
            order_id=order.order_id,
            fill_id=identity or fill_id(order.order_id, order.fills),
            intent_id=order.intent_id,
            symbol=order.symbol,
            leg=order.leg,
            side=order.side,
            action=order.action,
            kind=order.kind,
            quantity=text(lots),
            price=market.grid.text(ticks),
            notional=money(notional),
            fee=money(paid),
            fee_currency=market.instrument.settle,
            liquidity="maker" if maker else "taker",
            realised=money(realised),
            reference_price=market.grid.text(reference),
            slippage=money(slippage),
            filled=text(order.filled),
            remaining=text(order.remaining),
            status=order.state,
            reason=order.reason,
            leg_quantity=text(self._account.quantity(market, order.leg)),
        )
        if order.is_closed:
            self.forget(order)

    def cancelled(self, order: Order, reason: str) -> None:
        """The order is certainly off the book; a cancel for its time may be followed by its fallback."""
        order.apply("cancelled")
        self._end(Cancelled, order, reason, falls_back=reason == "timeout" and self._may_fall_back(order, "timeout"))

    def expired(self, order: Order, reason: str) -> None:
        """The order's time ran out and it is certainly off the book."""
        order.apply("expired")
        self._end(Expired, order, reason, falls_back=self._may_fall_back(order, "timeout"))

    def _end(self, kind: type[Cancelled] | type[Expired], order: Order, reason: str, *, falls_back: bool) -> None:
        market = self._session.markets[order.symbol]
        held_back = self._held_back(order)
        self._session.emit(
            kind,
            self._session.now_ns,
            order_id=order.order_id,
            intent_id=order.intent_id,
            symbol=order.symbol,
            leg=order.leg,
            action=order.action,
            filled=market.lot_grid.text(order.filled),
            remaining=market.lot_grid.text(order.remaining),
            reason=reason,
            retrying=falls_back and not held_back,
        )
        self.forget(order)
        if falls_back:
            self._fall_back(order, held_back)

    # -- what follows by permission -------------------------------------------------------------

    def _may_fall_back(self, order: Order, why: str) -> bool:
        """Whether intent or policy permit a market order for the remainder, for this reason."""
        return why in order.fallback and order.kind != "market" and order.remaining > 0

    def _held_back(self, order: Order) -> str:
        """What holds a further order of an entry back now: the trading state, else the leg's backoff."""
        if not order.is_entry:
            return ""
        return self._gate.token or ("backoff" if self._account.in_backoff(order.symbol, order.leg) else "")

    def _fall_back(self, order: Order, held_back: str) -> None:
        """One market order for the remainder, unless it is held back."""
        if held_back:
            self._give_up(order, "fallback_blocked", held_back)
            return
        following = self._next_attempt(order, "market", None)
        following.fallback = ()
        following.quantity = order.remaining
        self.request(following)

    def _next_attempt(self, order: Order, kind: str, price: int | None) -> Order:
        """The same intent, tried once more: a new id, for what is not filled."""
        attempt = order.attempt + 1
        identity = order_id(order.intent_id, attempt)
        market = self._session.markets[order.symbol]
        return msgspec.structs.replace(
            order,
            order_id=identity,
            client_order_id=client_order_id(identity),
            attempt=attempt,
            kind=kind,
            price=price,
            quantity=order.remaining,
            reference=market.close_ticks,
            expires_ns=None if kind == "market" else order.expires_ns,
            state="requested",
            filled=0,
            fills=0,
            venue_order_id="",
            key=0,
            cancel_reason="",
            asked=None,
            waits=market.late and market.bar_set == self._session.bar_set,
        )

    def _retry(self, due_ns: int, order: Order) -> None:
        self._retries[order.order_id] = (due_ns, order)
        if not self._session.simulated:
            self._session.out.append(SetTimer(name=f"retry {order.order_id}", due_ns=due_ns))

    def retry_due(self) -> None:
        """Request the attempts whose spacing has passed; entries only while nothing holds them back."""
        if not self._retries:
            return
        for identity, (due_ns, order) in list(self._retries.items()):
            if due_ns > self._session.now_ns:
                continue
            del self._retries[identity]
            if order.reduce_only:
                market = self._session.markets[order.symbol]
                order.quantity = min(order.quantity, self._account.quantity(market, order.leg))
                held_back = "" if order.quantity else "no_position"
            else:
                held_back = self._gate.token or self._account.blocked(order.symbol, order.leg)
            if held_back:
                self._give_up(order, "attempt_dropped", held_back)
            else:
                self.request(order)

    def _give_up(self, order: Order, code: str, why: str) -> None:
        """An order that would have been tried once more is not: operator and strategy are told."""
        message = f"No further attempt is made at {order.intent_id}: {why}"
        self._session.emit(
            Incident,
            self._session.now_ns,
            severity="warning",
            code=code,
            message=message,
            details={"intent_id": order.intent_id, "symbol": order.symbol, "leg": order.leg, "reason": why},
        )
        self.refuse(order.intent_id, order.symbol, order.leg, order.action, why, message, order_id=order.order_id)

    def expire(self) -> None:
        """Take off the book what has reached its time, once the bar is matched."""
        now = self._session.now_ns
        if self._next_expiry is None or now < self._next_expiry:
            return
        for order in list(self.orders.values()):
            if order.is_closed or order.cancel_reason:
                continue
            if order.expires_ns is not None and order.expires_ns <= now:
                self.gateway.expire(order)
        times = [o.expires_ns for o in self.orders.values() if o.expires_ns is not None and not o.cancel_reason]
        self._next_expiry = min(times, default=None)

    # -- cancelling and asking ------------------------------------------------------------------

    def cancel(self, order: Order, reason: str) -> None:
        """Ask for an order to be taken off the book."""
        order.cancel_reason = reason
        order.apply("cancel_requested")
        self.changed(order)
        self._session.emit(
            CancelRequested, self._session.now_ns, order_id=order.order_id, symbol=order.symbol, reason=reason
        )
        self.gateway.cancel(order, reason)

    def cancel_entries(self, reason: str) -> None:
        """Take every entry off the book that is not already on its way to a fill, and drop entry attempts."""
        for order in list(self.orders.values()):
            if order.is_entry and not order.cancel_reason and not self.gateway.is_irrevocable(order):
                self.cancel(order, reason)
        for identity, (_, order) in list(self._retries.items()):
            if order.is_entry:
                del self._retries[identity]
                self._give_up(order, "attempt_dropped", self._gate.token)

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {
            "orders": [msgspec.to_builtins(order) for order in self.orders.values()],
            "retries": [[due_ns, msgspec.to_builtins(order)] for due_ns, order in self._retries.values()],
            "next_expiry": self._next_expiry,
            "counts": [self.requested, self.refused, self.rejected, self.fills],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        orders = [msgspec.convert(row, Order) for row in state["orders"]]
        self.orders = {order.order_id: order for order in orders}
        retries = [(row[0], msgspec.convert(row[1], Order)) for row in state["retries"]]
        self._retries = {order.order_id: (due_ns, order) for due_ns, order in retries}
        self._next_expiry = state["next_expiry"]
        self.requested, self.refused, self.rejected, self.fills = state["counts"]
