# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The order manager: every order from its request to its end, attempts and fallbacks included.

It records what happens to an order and keeps what is open; where orders go is the gateway's matter (paper.py for the
paper venue, venue.py for a real one). A limit becomes a market order only for a reason that the intent or the policy
names, once, and only for what is certainly not filled and certainly off the book. Closes are tried again until done;
opens and adds as often as the policy allows. A stop blocks entries, their fallbacks and attempts, and never a close.
"""

from __future__ import annotations

from typing import Any

import cython
import msgspec

from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.vocabulary import ACTIONS, SIDES
from live_runner.hotpath.engine.caps import Caps
from live_runner.hotpath.engine.orders import Policy
from live_runner.hotpath.engine.risk import Risk

if not cython.compiled:
    from live_runner.hotpath.engine.backoff import after_rejection
    from live_runner.hotpath.engine.gateway import Retry
    from live_runner.hotpath.engine.notices import new_notice
    from live_runner.hotpath.engine.orders import (
        Order,
        apply_report,
        intent_name,
        next_attempt,
        order_name,
        take_out,
    )
    from live_runner.hotpath.engine.state import State
    from live_runner.hotpath.engine.trading_state import trading_reason
    from live_runner.hotpath.engine.whole_legs import cover, follow
    from live_runner.hotpath.engine.words import (
        CANCELLED,
        FALLBACK_REJECT,
        FALLBACK_TIMEOUT,
        FILLED,
        MARKET,
        NO_PART,
        NOTICE_ACCEPTED,
        NOTICE_CANCEL_REQUESTED,
        NOTICE_CANCELLED,
        NOTICE_DENIED,
        NOTICE_EXPIRED,
        NOTICE_FILLED,
        NOTICE_REJECTED,
        NOTICE_REQUESTED,
        REPORT_ACCEPTED,
        REPORT_CANCEL_REQUESTED,
        REPORT_CANCELLED,
        REPORT_EXPIRED,
        REPORT_FILLED,
        REPORT_PARTLY_FILLED,
        REPORT_REJECTED,
        REPORT_SUBMITTED,
        REPORT_UNKNOWN,
    )

__all__ = ["Manager"]


class Manager:
    """Keeps the orders: every move of one, and what follows from it."""

    gateway: Any
    retries: list[Any]

    def __init__(self, state: State) -> None:
        self.state = state
        self.risk = Risk(state)
        self.caps = Caps(state)
        self.gateway = None
        self.retries = []
        self.next_expiry = -1

    # -- requests -------------------------------------------------------------------------------

    def request(self, order: Order) -> None:
        """Record the request, then hand the order over."""
        self.record_request(order)
        self.gateway.submit(order)

    def record_request(self, order: Order) -> None:
        """One more open order."""
        state = self.state
        state.requested += 1
        self.caps.requested()
        state.orders.append(order)
        market = state.markets[order.symbol]
        market.open_orders.append(order)
        cover(market, order, 1)
        if order.expires_ns >= 0 and (self.next_expiry < 0 or order.expires_ns < self.next_expiry):
            self.next_expiry = order.expires_ns
        state.seq += 1
        order.request_seq = state.seq
        order.request_ns = state.now_ns
        if state.journals:
            state.sink.requested(order)
        if state.notes_updates:
            state.note(NOTICE_REQUESTED, order, state.now_ns)

    def accept(self, order: Order) -> None:
        """The venue has the order."""
        state = self.state
        apply_report(order, REPORT_ACCEPTED)
        self.risk.accepted()
        state.seq += 1
        if state.journals:
            state.sink.accepted(order)
        if state.notes_updates:
            state.note(NOTICE_ACCEPTED, order, state.now_ns)

    def submitted(self, order: Order, at_ns: int) -> None:
        """The order was handed to the venue; its answer is awaited."""
        state = self.state
        apply_report(order, REPORT_SUBMITTED)
        order.pending = None
        state.seq += 1
        if state.journals:
            state.sink.submitted(order, at_ns)

    def reject(self, order: Order, code: str, message: str, retryable: bool) -> None:
        """The venue refused the order; what the intent or the policy permits follows."""
        state = self.state
        market = state.markets[order.symbol]
        leg = market.leg(order.side)
        held_back = leg.backoff is not None and leg.backoff.blocks(state.now_ns)
        apply_report(order, REPORT_REJECTED)
        state.rejected += 1
        state.count_failure(state.rejections, code, f"{market.symbol} {SIDES[order.side]}: {message or code}")
        policy = order.policy if order.policy is not None else state.policy
        taken_off = order.part != NO_PART or (order.cancel_reason != "" and not order.timed_out)
        permitted = not taken_off and self.may_fall_back(order, FALLBACK_REJECT)
        tries_again = (
            retryable and not permitted and not taken_off and (order.reduce or order.attempt < policy.attempts)
        )
        retrying = tries_again or (permitted and not self.is_blocked(order, held_back))
        state.seq += 1
        if state.journals:
            state.sink.rejected(order, code, message, retryable, retrying)
        if state.notes:
            notice = state.note(NOTICE_REJECTED, order, state.now_ns)
            notice.reason = code
            notice.message = message
            notice.retrying = retrying
        self.forget(order)
        if not order.reduce:
            failures = 0
            if leg.backoff is None:
                state.backoffs += 1
            else:
                failures = leg.backoff.failures
            detail = f"{code}: {message}" if message else code
            leg.backoff = after_rejection(
                failures, policy.max_failures, policy.backoff_ns, state.event_id(), detail, state.now_ns
            )
            state.change(market, order.side)
        if not taken_off:
            self.fall_back(order, FALLBACK_REJECT, held_back)
        if tries_again:
            self.try_again(order)

    def try_again(self, order: Order) -> None:
        """The same order once more for what is not filled, when the policy's spacing has passed."""
        state = self.state
        market = state.markets[order.symbol]
        policy = order.policy if order.policy is not None else state.policy
        following = next_attempt(order, order.kind, order.price, market.close_ticks(), state.is_late(market))
        self.number(following, order)
        self.retry(state.now_ns + policy.retry_spacing_ns, following)

    def deny(
        self,
        close_ns: int,
        number: int,
        index: int,
        side: int,
        intent_id: str,
        symbol: str,
        leg: str,
        action: int,
        action_text: str,
        reason: str,
        message: str,
        order: Order | None,
    ) -> None:
        """The runner does not carry an intent out, or tries no further: a token and one sentence for the strategy."""
        state = self.state
        state.denied += 1
        state.count_failure(state.refusals, reason, f"{symbol} {leg}: {message}")
        state.seq += 1
        if state.journals:
            state.sink.denied(
                intent_id, symbol, leg, action_text, reason, message, "" if order is None else order_name(order)
            )
        if state.notes and index >= 0 and side >= 0:
            notice = new_notice(NOTICE_DENIED, order, index, side, action, close_ns, number, state.now_ns)
            notice.reason = reason
            notice.message = message
            state.notices.append(notice)
            state.has_notices = True
        if self.risk.on:
            self.risk.refused(reason, symbol, leg)

    # -- fills and ends -------------------------------------------------------------------------

    def fill(
        self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int, fill_id: str | None,
        fee_given: bool, fee: int,
    ) -> None:  # fmt: skip
        """One fill: one ledger entry and one event; ``fee`` where the venue named it."""
        state = self.state
        market = state.markets[order.symbol]
        leg = market.leg(order.side)
        was_open = order.state < FILLED
        if self.risk.on:
            self.risk.before_fill()
        rate = state.maker_rate if maker else state.taker_rate
        scale = state.maker_scale if maker else state.taker_scale
        if not leg.changed:
            state.change(market, order.side)
        if order.reduce:
            state.ledger.reduce(market, leg, lots, ticks, reference, rate, scale, maker, fee_given, fee)
        else:
            state.ledger.increase(market, leg, lots, ticks, reference, rate, scale, maker, fee_given, fee, at_ns, order)
            if leg.backoff is not None:
                leg.backoff = None
                state.backoffs -= 1
        order.filled += lots
        order.fills += 1
        follow(market, order.side)
        apply_report(order, REPORT_FILLED if order.filled == order.quantity else REPORT_PARTLY_FILLED)
        if not was_open and order.filled == order.quantity:
            order.state = FILLED  # it had not ended otherwise, as was thought
        order.pending = None
        state.fills += 1
        state.moved = True
        state.seq += 1
        if state.journals:
            state.sink.filled(order, lots, ticks, reference, maker, at_ns, fill_id)
        if state.notes:
            notice = state.note(NOTICE_FILLED, order, at_ns)
            notice.lots = lots
            notice.ticks = ticks
            notice.reference = reference
            notice.maker = maker
            notice.fill_number = order.fills
            notice.leg_lots = leg.quantity
            notice.notional = state.ledger.filled_notional
            notice.fee = state.ledger.filled_fee
            notice.realised = state.ledger.filled_realised
            notice.slippage = state.ledger.filled_slippage
        if was_open and order.state >= FILLED:
            self.forget(order)
        if self.risk.on:
            self.risk.filled(order, market, leg, ticks)

    def cancelled(self, order: Order, reason: str) -> None:
        """The order is certainly off the book; a cancel for its time may be followed by its fallback."""
        apply_report(order, REPORT_CANCELLED)
        self.end(order, reason, order.timed_out, False)

    def expired(self, order: Order, reason: str) -> None:
        """The order's time ran out and it is certainly off the book."""
        apply_report(order, REPORT_EXPIRED)
        self.end(order, reason, True, False)

    def end(self, order: Order, reason: str, for_its_time: bool, again: bool) -> None:
        """The end of an order that did not fill; ``for_its_time``: its fallback may follow; ``again``: a retry."""
        state = self.state
        market = state.markets[order.symbol]
        leg = market.leg(order.side)
        held_back = leg.backoff is not None and leg.backoff.blocks(state.now_ns)
        falls_back = for_its_time and self.may_fall_back(order, FALLBACK_TIMEOUT)
        retrying = again or (falls_back and not self.is_blocked(order, held_back))
        state.seq += 1
        if state.journals:
            state.sink.ended(order, reason, retrying)
        if state.notes:
            notice = state.note(NOTICE_CANCELLED if order.state == CANCELLED else NOTICE_EXPIRED, order, state.now_ns)
            notice.reason = reason
            notice.retrying = retrying
        self.forget(order)
        if for_its_time:
            self.fall_back(order, FALLBACK_TIMEOUT, held_back)
        if again:
            self.try_again(order)

    def forget(self, order: Order) -> None:
        """Remove a closed order."""
        market = self.state.markets[order.symbol]
        take_out(self.state.orders, order)
        take_out(market.open_orders, order)
        cover(market, order, -1)

    # -- what follows by permission -------------------------------------------------------------

    def may_fall_back(self, order: Order, why: int) -> bool:
        """Whether one market order for the remainder is permitted for that reason."""
        return (order.fallback & why) != 0 and order.kind != MARKET and order.filled < order.quantity

    def is_blocked(self, order: Order, held_back: bool) -> bool:
        """Whether a further attempt at an entry is held back."""
        return self.block(order, held_back, False, True) != ""

    def block(self, order: Order, held_back: bool, unresolved: bool, at_market: bool) -> str:
        """Why a further attempt at an entry is held back: trading state, leg, backoff or cap; "" where it is not.

        ``at_market``: the attempt is a market order for the remainder, whatever the order was.
        """
        if order.reduce:
            return ""
        why = trading_reason(self.state)
        if not why and 2 * order.symbol + order.side in self.state.halts:
            why = "leg_halted"
        if not why and unresolved:
            why = "leg_blocked"
        if not why and held_back:
            why = "backoff"
        if not why and not self.caps.permit(order, at_market):
            why = self.caps.reason
        return why

    def fall_back(self, order: Order, why: int, held_back: bool) -> None:
        """One market order for the remainder, where that reason is permitted.

        ``held_back``: the leg was in backoff before this very event.
        """
        if not self.may_fall_back(order, why):
            return
        block = self.block(order, held_back, False, True)
        if block:
            self.give_up(order, "fallback_blocked", block)
        else:
            market = self.state.markets[order.symbol]
            following = next_attempt(order, MARKET, 0, market.close_ticks(), self.state.is_late(market))
            following.fallback = 0
            self.number(following, order)
            self.request(following)

    def number(self, following: Order, order: Order) -> None:
        """Name an attempt after all others at its intent: a part of a close may have been sent since."""
        highest = self.gateway.highest_attempt(order)
        for retry in self.retries:
            if intent_name(retry.order) == intent_name(order):
                highest = max(highest, retry.order.attempt)
        following.attempt = following.named_attempt = highest + 1

    def drop_resting(self, symbol: int, side: int) -> None:
        """The whole leg is closed at the market: no limit that would close a part of it is tried again."""
        waiting = self.retries
        self.retries = []
        for retry in waiting:
            order = retry.order
            if order.symbol == symbol and order.side == side and order.reduce and order.kind != MARKET:
                self.give_up(order, "attempt_dropped", "closing")
            else:
                self.retries.append(retry)

    def is_retrying(self, symbol: int, side: int) -> bool:
        """Whether a close of the leg waits to be tried again."""
        for retry in self.retries:
            if retry.order.symbol == symbol and retry.order.side == side and retry.order.reduce:
                return True
        return False

    def retry(self, due_ns: int, order: Order) -> None:
        """Request an attempt when its spacing has passed; a simulated venue rejects for good, so there is none."""
        self.retries.append(Retry(due_ns, order))
        self.state.sink.set_timer(f"retry {order_name(order)}", due_ns)

    def retry_due(self) -> None:
        """Request the attempts whose spacing has passed; entries only while nothing holds them back."""
        state = self.state
        waiting = self.retries
        self.retries = []
        due = []
        for retry in waiting:
            if retry.due_ns > state.now_ns:
                self.retries.append(retry)
            else:
                due.append(retry.order)
        for order in due:
            market = state.markets[order.symbol]
            leg = market.leg(order.side)
            if order.reduce:
                order.quantity = min(order.quantity, market.closable(order.side))
                why = "" if order.quantity else "no_position"
            else:
                held_back = leg.backoff is not None and leg.backoff.blocks(state.now_ns)
                why = self.block(order, held_back, leg.unresolved > 0, False)
            if why:
                self.give_up(order, "attempt_dropped", why)
            else:
                self.request(order)

    def timers(self) -> list[Any]:
        """Names and times of the attempts that wait."""
        return [(f"retry {order_name(retry.order)}", retry.due_ns) for retry in self.retries]

    def give_up(self, order: Order, code: str, why: str) -> None:
        """An order that would have been tried once more is not: operator and strategy are informed."""
        state = self.state
        intent = intent_name(order)
        market = state.markets[order.symbol]
        leg = SIDES[order.side]
        message = f"No further attempt is made at {intent}: {why}"
        state.seq += 1
        if state.journals:
            details = {"intent_id": intent, "symbol": market.symbol, "leg": leg, "reason": why}
            state.sink.incident(state.now_ns, "warning", code, message, details)
        self.deny(
            order.close_ns,
            order.number,
            order.symbol,
            order.side,
            intent,
            market.symbol,
            leg,
            order.action,
            ACTIONS[order.action],
            why,
            message,
            order,
        )

    def expire(self) -> None:
        """Take off the book what has reached its time, once the bar is matched."""
        state = self.state
        if 0 <= self.next_expiry <= state.now_ns:
            for order in list(state.orders):
                if order.state < FILLED and not order.cancel_reason and 0 <= order.expires_ns <= state.now_ns:
                    self.gateway.expire(order)
            self.next_expiry = -1
            for order in state.orders:
                if order.expires_ns < 0 or order.cancel_reason:
                    continue
                if self.next_expiry < 0 or order.expires_ns < self.next_expiry:
                    self.next_expiry = order.expires_ns

    # -- cancelling and asking ------------------------------------------------------------------

    def cancel(self, order: Order, reason: str) -> None:
        """Ask for an order to be taken off the book."""
        state = self.state
        order.cancel_reason = reason
        apply_report(order, REPORT_CANCEL_REQUESTED)
        order.pending = None
        state.seq += 1
        if state.journals:
            state.sink.cancel_requested(order)
        if state.notes_updates:
            notice = state.note(NOTICE_CANCEL_REQUESTED, order, state.now_ns)
            notice.reason = reason
        self.gateway.cancel(order, reason)

    def cancel_entries(self, reason: str) -> None:
        """Take every entry off the book that is not already on its way to a fill, and drop entry attempts."""
        for order in list(self.state.orders):
            if not order.reduce and not order.cancel_reason and not self.gateway.is_irrevocable(order):
                self.cancel(order, reason)
        waiting = self.retries
        self.retries = []
        for retry in waiting:
            if retry.order.reduce:
                self.retries.append(retry)
            else:
                self.give_up(retry.order, "attempt_dropped", trading_reason(self.state))

    def mark_unknown(self, order: Order, reason: str) -> None:
        """No response: the state is unknown until the venue answers a query."""
        state = self.state
        apply_report(order, REPORT_UNKNOWN)
        self.resolve(order, 1)
        order.pending = None
        state.seq += 1
        if state.journals:
            state.sink.unknown(order, reason)

    def resolve(self, order: Order, change: int) -> None:
        """An order of the leg became unknown (+1), or its fate is known again (-1)."""
        market = self.state.markets[order.symbol]
        leg = market.leg(order.side)
        leg.unresolved += change
        self.state.change(market, order.side)

    def policy_of(self, stored: list[Any]) -> Policy:
        """The policy of a stored order: its intent's own, or the strategy's."""
        if stored[3] is None:
            return self.state.policy
        return Policy(msgspec.convert(stored[3], ExecutionPolicy), True)
