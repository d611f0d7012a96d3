"""One decision carried out: closes first, then opens and adds, each group in the order given.

The intent's own fields are judged in intents.py; here is what depends on the position, on orders under
way, on the gate and on the strategy's backoff, which is asked again at the moment of sending.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.ids import client_order_id, order_id
from live_runner.contracts.messages import Command, Decided, Intent
from live_runner.contracts.policy import ENTRIES
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.gate import Gate
from live_runner.services.execution.core.intents import (
    EXITS,
    RefusalError,
    check_leg,
    order_of,
    order_side,
)
from live_runner.services.execution.core.manager import OrderManager
from live_runner.services.execution.core.market import LEGS, Market
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["Desk"]

FIRST: Final = (*EXITS, "cancel")
"""Actions that go before every open and add of the same decision."""


class Desk:
    """Takes intents and commands, gives orders to the order manager or refuses."""

    def __init__(self, session: Session, account: Account, gate: Gate, manager: OrderManager) -> None:
        self._session: Final = session
        self._account: Final = account
        self._gate: Final = gate
        self._manager: Final = manager
        self.intents = 0

    def carry_out(self, decided: Decided) -> None:
        """Every intent of one decision: requested, refused, or nothing to do."""
        self.intents += len(decided.intents)
        for intent in decided.intents:
            if intent.action in FIRST:
                self.one(intent)
        for intent in decided.intents:
            if intent.action not in FIRST:
                self.one(intent)

    def one(self, intent: Intent) -> None:
        """One intent: requested, refused, or nothing to do."""
        try:
            market = self._session.markets.get(intent.symbol)
            if market is None:
                raise RefusalError("unknown_symbol", f"'{intent.symbol}' is no symbol of this session")
            check_leg(intent)
            if intent.action in ("hold", "sync_state"):
                return
            if intent.action == "cancel":
                self._cancel(intent)
            else:
                self._manager.request(self._order(intent, market))
        except RefusalError as error:
            self._manager.refuse(intent.id, intent.symbol, intent.leg, intent.action, *error.refusal)

    def _order(self, intent: Intent, market: Market) -> Order:
        """The order of an entry or exit, when nothing speaks against it."""
        if not market.bar_set:
            raise RefusalError("no_price", f"{intent.symbol} has had no bar yet")
        position = self._account.quantity(market, intent.leg)
        closing = bool(position) and self._manager.closes_whole_leg(intent.symbol, intent.leg)
        order = order_of(intent, self._session, market, position, closing=closing)
        if intent.action in ENTRIES:
            self._check_entry(intent, market)
        else:
            self._check_exit(intent, order)
        return order

    def _check_entry(self, intent: Intent, market: Market) -> None:
        self._check_one_way(intent, market)
        if self._account.in_backoff(intent.symbol, intent.leg):
            state = self._account.backoff[intent.symbol, intent.leg]
            raise RefusalError("backoff", f"The {intent.leg} leg is in backoff since {state.event_id}: {state.detail}")
        late = market.late and market.bar_set == self._session.bar_set
        if late and not self._session.late_entries:
            raise RefusalError("late_bar", f"The bar of {intent.symbol} came late, and market.late_bars is not 'trade'")
        if not self._gate.is_open:
            raise RefusalError(
                self._gate.token, f"{self._gate.author} has {self._gate.state} this session: {self._gate.reason}"
            )
        if (intent.symbol, intent.leg) in self._account.unresolved:
            raise RefusalError("leg_blocked", f"What became of an order on the {intent.leg} leg is not known yet")

    def _check_one_way(self, intent: Intent, market: Market) -> None:
        """In one-way mode one leg at a time; a leg that a market order is closing counts as flat."""
        if not self._session.one_way:
            return
        other = LEGS[1 - LEGS.index(intent.leg)]
        held = self._account.quantity(market, other) and not self._manager.closes_whole_leg(intent.symbol, other)
        if held or any(order.is_entry for order in self._manager.on_leg(intent.symbol, other)):
            raise RefusalError("one_way_conflict", f"The {other} leg is open or being opened, and the mode is one_way")

    def _check_exit(self, intent: Intent, order: Order) -> None:
        """One close of a leg at a time: a second one only when it is at the market and the first is not."""
        if self._manager.closes_whole_leg(intent.symbol, intent.leg):
            raise RefusalError("close_pending", f"The {intent.leg} leg is being closed already")
        if intent.action == "close" and order.kind != "market":
            for other in self._manager.on_leg(intent.symbol, intent.leg):
                if other.action == "close" and other.kind in ("limit", "post_only"):
                    raise RefusalError("close_pending", f"{other.order_id} stands to close the {intent.leg} leg")

    def _cancel(self, intent: Intent) -> None:
        order = self._manager.orders.get(intent.order_id or "")
        if order is None or order.symbol != intent.symbol or order.leg != intent.leg:
            raise RefusalError("unknown_order", f"'{intent.order_id}' is no open order of the {intent.leg} leg")
        if not order.cancel_reason:
            self._manager.cancel(order, intent.reason or "intent")

    # -- commands -------------------------------------------------------------------------------

    def obey(self, command: Command) -> None:
        """An accepted operator command, at its place in the log; others are not execution's matter."""
        if not self._gate.move(command.command, command.author, command.reason):
            return
        if command.command in ("kill", "flatten"):
            self._manager.cancel_entries(command.command)
        if command.command == "flatten":
            self._flatten(command)

    def _flatten(self, command: Command) -> None:
        """A market close for every leg that is open, or about to be by an order that cannot be recalled."""
        number = 0
        for market in self._session.markets.values():
            for leg in LEGS:
                coming = sum(order.remaining for order in self._manager.on_leg(market.symbol, leg) if order.is_entry)
                lots = self._account.quantity(market, leg) + coming
                if not lots or self._manager.closes_whole_leg(market.symbol, leg):
                    continue
                number += 1
                intent = f"{command.id}/{number}"
                identity = order_id(intent, 1)
                self._manager.request(
                    Order(
                        order_id=identity,
                        client_order_id=client_order_id(identity),
                        intent_id=intent,
                        attempt=1,
                        symbol=market.symbol,
                        leg=leg,
                        side=order_side(leg, True),
                        action="close",
                        kind="market",
                        quantity=lots,
                        price=None,
                        reduce_only=True,
                        reference=market.close_ticks,
                        expires_ns=None,
                        reason="flatten",
                        at_next_open=True,
                    )
                )

    def state(self) -> list[int]:
        """Plain data for a snapshot."""
        return [self.intents]

    def restore(self, state: list[int]) -> None:
        """Go on from a snapshot."""
        (self.intents,) = state
