# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The gateway to a real venue: effects for the shell, what a missing answer means, and what may be closed.

An order without an answer is ``unknown``: the venue is asked for it by its client order id, soon and then ever less
often, and nothing is sent for its leg until the venue has answered. It is sent again only after proven absence, under
the same client order id. Closes never add up to more than is held: what other closes may still fill is left to them,
and the rest of a whole close waits until they have ended.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.config import Execution
from live_runner.contracts.messages import Report
from live_runner.contracts.timeframe import duration_ns
from live_runner.contracts.vocabulary import ORDER_STATES, SIDES
from live_runner.hotpath.engine.at_venue import at_venue_row, restored_at_venue
from live_runner.hotpath.engine.gateway import Gateway
from live_runner.hotpath.engine.orders import order_row, restored_order, wait_ns
from live_runner.hotpath.engine.theory import Theory

if not cython.compiled:
    from live_runner.hotpath.engine.at_venue import AtVenue, at_venue, is_own_end, owed_lots
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import (
        Order,
        apply_report,
        client_name,
        flatten_order,
        intent_name,
        next_attempt,
        order_name,
    )
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.trading_state import trading_reason
    from live_runner.hotpath.engine.words import (
        CLOSE,
        FILLED,
        MARKET,
        NO_PART,
        REPORT_ABSENT,
        REPORT_CANCEL_REQUESTED,
        STOP,
        TAKE_PROFIT,
        TRADING_OPEN,
        UNKNOWN,
    )

__all__ = ["CLOSED_KEPT_MAX", "RemoteVenue"]

CLOSED_KEPT_MAX: Final = 500
"""Closed orders that are remembered, so that a late trade is booked and a late report is not taken for a stranger's."""


class RemoteVenue(Gateway):
    """Turns orders into calls for the shell to make; their outcomes come back as reports."""

    open: dict[str, Any]
    closed: dict[str, Any]
    waiting: list[Any]
    absences: dict[str, Any]

    def __init__(self, state: State, manager: Manager) -> None:
        self.state = state
        self.manager = manager
        self.theory = Theory(state)
        self.open = {}
        """Open orders by client order id, in the order of their requests."""
        self.closed = {}
        """The last orders that have ended, oldest first."""
        self.waiting = []
        """Closes of whole legs that wait for other closes of theirs."""
        self.absences = {}
        """By symbol and leg: the close to which the venue answered that there is nothing, and when it did."""
        self.flatten_id = ""
        self.flattened = 0
        given: Any = state.config.execution
        execution = given if isinstance(given, Execution) else Execution()
        self.expiry_ns = wait_ns(execution.send_window_s) + execution.recv_window_ms * 1_000_000
        self.grace_ns = wait_ns(execution.fill_grace_s)
        self.first_ns = wait_ns(execution.query.first_s)
        self.factor = execution.query.factor
        self.longest_ns = wait_ns(execution.query.max_s)
        self.denies_late = execution.late_decision != "send"
        age = execution.max_resend_age_s
        self.resend_age_ns = duration_ns(state.config.market.timeframe) if age is None else wait_ns(age)
        self.history_ns = -1 if execution.history_window_s is None else wait_ns(execution.history_window_s)

    def find(self, client: str, parent: str) -> AtVenue | None:
        """An open order, or one that ended not long ago, by the id under which the venue knows it.

        What a stop or target has become is that order: by its ``parent``, or by an id that a report has named before.
        """
        found: AtVenue | None = self.open.get(client)
        if found is None:
            found = self.closed.get(client)
        if found is None and parent:
            found = self.find(parent, "")
        if found is None:
            for at in [*self.open.values(), *self.closed.values()]:
                if at.child == client:
                    found = at
        return found

    def says_nothing(self, at: AtVenue, report: Report) -> bool:
        """Whether a report on an order that has ended only repeats it, or proves nothing that speaks against it."""
        states = (ORDER_STATES[at.order.state], "unknown", "absent", "cancel_refused")
        return report.status in states or is_own_end(at, report)

    def next_part(self, order: Order) -> int:
        """The number of the next stop or target of its intent: each placement and replacement has one of its own."""
        name = intent_name(order)
        number = 1
        for at in [*self.open.values(), *self.closed.values()]:
            other = at.order
            if other.part == order.part and other.named_attempt == order.named_attempt and intent_name(other) == name:
                number = max(number, other.part_number + 1)
        return number

    # -- sending and cancelling -------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Send, once the request is acknowledged; expiry is a timer."""
        self.open[client_name(order)] = at_venue(order, self.state.now_ns)
        self.state.sink.send(order)
        if order.expires_ns >= 0:
            self.state.sink.set_timer(f"expire {order_name(order)}", order.expires_ns)
        self.theory.place(order)

    def cancel(self, order: Order, reason: str) -> None:
        """Ask the venue to take it off; one that is unknown is asked for first, and cancelled when it is found."""
        self.theory.take_off(order)
        if order.state == UNKNOWN:
            self.ask(self.open[client_name(order)])
        else:
            self.state.sink.cancel_order(order, self.open[client_name(order)].child != "")

    def cancel_again(self, order: Order) -> None:
        """The order was found standing after its cancel had been asked for."""
        apply_report(order, REPORT_CANCEL_REQUESTED)
        order.pending = None
        self.state.sink.cancel_order(order, self.open[client_name(order)].child != "")

    def expire(self, order: Order) -> None:
        """The time is over: cancel, and wait for what had filled by then."""
        order.timed_out = True
        self.manager.cancel(order, "timeout")

    def is_irrevocable(self, order: Order) -> bool:
        """A market order at a venue fills before a cancel could reach it."""
        return order.kind == MARKET

    def highest_attempt(self, order: Order) -> int:
        """The highest number that an attempt at the order's intent has, those that wait included."""
        name = intent_name(order)
        highest = order.attempt
        for at in [*self.open.values(), *self.closed.values()]:
            if intent_name(at.order) == name:
                highest = max(highest, at.order.attempt)
        for other in self.waiting:
            if intent_name(other) == name:
                highest = max(highest, other.attempt)
        return highest

    def sweep(self) -> None:
        """Put the orders that have ended aside."""
        for client in list(self.open):
            at = self.open[client]
            order = at.order
            if order.state >= FILLED:
                self.theory.leave(order)
                del self.open[client]
                self.closed[client] = at
                if len(self.closed) > CLOSED_KEPT_MAX:
                    del self.closed[next(iter(self.closed))]

    # -- asking -----------------------------------------------------------------------------------

    def ask(self, at: AtVenue) -> None:
        """Ask the venue for the order: now, or when enough time has passed since the last query."""
        state = self.state
        at.must_ask = True
        if at.forgotten or state.now_ns < at.query_ns:
            return
        at.wait_ns = self.first_ns if at.wait_ns == 0 else min(int(at.wait_ns * self.factor), self.longest_ns)
        at.query_ns = state.now_ns + at.wait_ns
        state.sink.query(at.order, at.requested_ns, at.child != "")
        state.sink.set_timer(f"query {order_name(at.order)}", at.query_ns)

    def ask_when_due(self, at: AtVenue) -> None:
        """The time of the next query: ask again, unless the venue has answered."""
        if at.query_ns < 0 or at.query_ns > self.state.now_ns:
            return
        order = at.order
        at.query_ns = -1
        if order.state == UNKNOWN or at.must_ask or owed_lots(at) > 0:
            self.ask(at)
        else:
            at.wait_ns = 0

    def query_unknown(self, order: Order, reason: str) -> None:
        """No answer: set the state to unknown and ask by client order id."""
        if order.state != UNKNOWN:
            self.manager.mark_unknown(order, reason)
        self.ask(self.open[client_name(order)])

    def send_again(self, at: AtVenue) -> None:
        """Proven absent: the same request under the same client order id, unless it is held back or too old."""
        order = at.order
        apply_report(order, REPORT_ABSENT)
        self.manager.resolve(order, -1)
        order.pending = None
        age_ns = self.state.now_ns - order.request_ns
        if at.refusal is not None:
            self.refused(order, at.refusal)
        elif order.cancel_reason:
            self.manager.cancelled(order, order.cancel_reason)
        elif not order.reduce and self.state.trading != TRADING_OPEN:
            self.manager.cancelled(order, trading_reason(self.state))
        elif not order.reduce and 2 * order.symbol + order.side in self.state.halts:
            self.manager.cancelled(order, "leg_halted")
        elif not order.reduce and age_ns > self.resend_age_ns:
            self.manager.cancelled(order, "resend_age")
        else:
            at.sends += 1
            at.sent_ns = self.state.now_ns
            self.state.sink.send_again(order)

    # -- closing ----------------------------------------------------------------------------------

    def close(self, order: Order) -> None:
        """Close a whole leg: resting closes are cancelled, and what they may still fill is left to them."""
        market = self.state.markets[order.symbol]
        for other in list(market.open_orders):
            if other.side == order.side and other.reduce and not other.cancel_reason and rests(other):
                self.manager.cancel(other, "closing")
        self.manager.drop_resting(order.symbol, order.side)
        lots = market.closable(order.side)
        leg = market.leg(order.side)
        if lots == 0:
            self.waiting.append(order)
            return
        order.quantity = lots
        self.request_part(order, leg.quantity)

    def request_part(self, order: Order, held: int) -> None:
        """Send a close; what it leaves of the leg waits."""
        if order.quantity < held:
            rest = next_attempt(order, MARKET, 0, order.reference, False)
            self.manager.number(rest, order)
            self.waiting.append(rest)
        self.manager.request(order)

    def is_closing(self, symbol: int, side: int) -> bool:
        """Whether a whole close of the leg waits."""
        return any(order.symbol == symbol and order.side == side for order in self.waiting)

    def closes_later(self, symbol: int, side: int) -> bool:
        """Whether a close of the whole leg is still to be sent: it waits for other closes, or to be tried again."""
        for retry in self.manager.retries:
            order = retry.order
            if order.symbol == symbol and order.side == side and order.action == CLOSE and order.kind == MARKET:
                return True
        return self.is_closing(symbol, side)

    def release(self) -> None:
        """Send what waits for other closes of its leg, as far as they have ended."""
        waiting = self.waiting
        if not waiting:
            return
        self.waiting = []
        for order in waiting:
            market = self.state.markets[order.symbol]
            leg = market.leg(order.side)
            lots = market.closable(order.side)
            if leg.quantity == 0:
                continue  # the others have closed it
            if lots == 0 or self.manager.is_retrying(order.symbol, order.side):
                self.waiting.append(order)
                continue
            order.quantity = lots
            order.reference = market.close_ticks()
            self.request_part(order, leg.quantity)

    def refused(self, order: Order, refusal: list[Any]) -> None:
        """The venue refused an order for certain; one that may only reduce is tried in the venue's way, or no more."""
        code, message, retryable, meaning, at_ns = refusal
        if order.reduce and meaning == "reduce_only_refused":
            retryable = not self.state.one_way and not order.by_side
            order.by_side = True
        elif order.reduce and meaning == "no_position":
            retryable = False
            if order.syncs:
                market = self.state.markets[order.symbol]
                self.absences[f"{market.symbol} {SIDES[order.side]}"] = [order_name(order), at_ns]
        at = self.open[client_name(order)]
        at.retryable = retryable
        self.manager.reject(order, code or "post_only", message, retryable)
        if meaning == "too_small":
            symbol = self.state.markets[order.symbol].symbol
            self.manager.risk.refused("below_min_amount", symbol, SIDES[order.side])
        if order.reduce and not retryable and order.part == NO_PART:
            self.drop_waiting(order.symbol, order.side)

    def drop_waiting(self, symbol: int, side: int) -> None:
        """A close of the leg was refused: what waits for it is not tried instead."""
        waiting = self.waiting
        self.waiting = []
        for order in waiting:
            if order.symbol == symbol and order.side == side:
                self.manager.give_up(order, "attempt_dropped", "rejected")
            else:
                self.waiting.append(order)

    def flatten(self, command_id: str) -> None:
        """Close what every leg holds; what an entry on its way still fills is closed when it does."""
        self.flatten_id = command_id
        self.flattened = 0
        for market in self.state.markets:
            for side in range(2):
                self.flatten_leg(market, side)

    def flatten_leg(self, market: Market, side: int) -> None:
        """A market close of what the leg holds."""
        leg = market.leg(side)
        if leg.quantity == 0 or self.is_closing(market.index, side):
            return
        self.flattened += 1
        self.close_leg(market, side, f"{self.flatten_id}/{self.flattened}")

    def close_leg(self, market: Market, side: int, intent_id: str) -> None:
        """A market close of what the leg holds, unless it is being closed."""
        leg = market.leg(side)
        if leg.quantity and not self.is_closing(market.index, side):
            state = self.state
            reference = market.close_ticks()
            self.close(flatten_order(state.name, market.index, side, leg.quantity, reference, intent_id, state.policy))

    # -- timers and snapshots ---------------------------------------------------------------------

    def timers(self) -> list[Any]:
        """Names and times of what is due: a process that takes over has to set them again."""
        due = []
        for at in [*self.open.values(), *self.closed.values()]:
            name = order_name(at.order)
            if at.order.expires_ns >= 0 and not at.order.cancel_reason and at.order.state < FILLED:
                due.append((f"expire {name}", at.order.expires_ns))
            if at.query_ns >= 0:
                due.append((f"query {name}", at.query_ns))
            if at.fills_ns >= 0:
                due.append((f"fills {name}", at.fills_ns))
        return due

    def query_open(self) -> None:
        """Ask for every open order, without a change of what is known: a venue may have said nothing of a fill."""
        for at in self.open.values():
            self.state.sink.query(at.order, at.requested_ns, at.child != "")

    def row(self) -> list[Any]:
        """Plain data of the orders for a snapshot; an open one's own is the manager's."""
        return [[name, None, at_venue_row(at)] for name, at in self.open.items()] + [
            [name, order_row(at.order), at_venue_row(at)] for name, at in self.closed.items()
        ]

    def restore(self, rows: list[Any]) -> None:
        """Go on from a snapshot, with the open orders there already."""
        orders = {client_name(order): order for order in self.state.orders}
        for name, stored, row in rows:
            if stored is None:
                self.open[name] = restored_at_venue(orders[name], row)
            else:
                self.closed[name] = restored_at_venue(restored_order(stored, self.manager.policy_of(stored)), row)

    def plans(self) -> list[Any]:
        """Plain data of what is still to be done, for a snapshot."""
        return [[order_row(order) for order in self.waiting], self.flatten_id, self.flattened, self.absences]

    def restore_plans(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.waiting = [restored_order(stored, self.manager.policy_of(stored)) for stored in row[0]]
        self.flatten_id = row[1]
        self.flattened = row[2]
        self.absences = row[3]


def rests(order: Order) -> bool:
    """Whether it is a limit that stands on the venue's book."""
    return order.kind not in (MARKET, STOP, TAKE_PROFIT)
