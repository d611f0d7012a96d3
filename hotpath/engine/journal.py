# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Messages of one session's execution: the only place that words one.

The engine counts its events (``State.seq``) whether or not somebody wants their messages; a journal makes them, in
the order of the log. ``hash`` is the running hash over the steps so far (contracts/numbering.py).
"""

from __future__ import annotations

from typing import Any, Final

import cython
from msgspec.structs import force_setattr

from live_runner.contracts.codec import encode
from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Corrected,
    Decided,
    Denied,
    Event,
    Executed,
    Expired,
    Filled,
    FundingPaid,
    Incident,
    Leg,
    LimitReset,
    LimitTripped,
    Liquidated,
    Lot,
    Pending,
    Reconciled,
    Rejected,
    Requested,
    RiskLevel,
    RiskLevels,
    Settled,
    Stopped,
    Submitted,
    Theoretical,
    Trade,
    Unknown,
)
from live_runner.contracts.numbering import FIRST_HASH, step_hash, with_hash
from live_runner.contracts.policy import BackoffState
from live_runner.contracts.vocabulary import ACTIONS, KINDS, ORDER_STATES, SIDES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.state import Sink

if not cython.compiled:
    from live_runner.hotpath.engine.ledger import Leg as Position
    from live_runner.hotpath.engine.ledger import Lot as HeldLot
    from live_runner.hotpath.engine.limits import Limit
    from live_runner.hotpath.engine.orders import Order, client_name, intent_name, order_name
    from live_runner.hotpath.engine.python_money import money, money_text, times, units_text
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.trading_state import trading_word
    from live_runner.hotpath.engine.words import CANCELLED, STOP_PART, TARGET_PART

__all__ = ["Journal"]

REQUESTED_V: Final = Requested.VERSION
SUBMITTED_V: Final = Submitted.VERSION
ACCEPTED_V: Final = Accepted.VERSION
FILLED_V: Final = Filled.VERSION
CANCEL_REQUESTED_V: Final = CancelRequested.VERSION
REJECTED_V: Final = Rejected.VERSION
DENIED_V: Final = Denied.VERSION
UNKNOWN_V: Final = Unknown.VERSION
INCIDENT_V: Final = Incident.VERSION
FUNDING_V: Final = FundingPaid.VERSION
LIQUIDATED_V: Final = Liquidated.VERSION
RECONCILED_V: Final = Reconciled.VERSION
SETTLED_V: Final = Settled.VERSION
EXECUTED_V: Final = Executed.VERSION
DECIDED_V: Final = Decided.VERSION
STOPPED_V: Final = Stopped.VERSION
THEORETICAL_V: Final = Theoretical.VERSION
CORRECTED_V: Final = Corrected.VERSION
LIMIT_TRIPPED_V: Final = LimitTripped.VERSION
LIMIT_RESET_V: Final = LimitReset.VERSION
RISK_LEVELS_V: Final = RiskLevels.VERSION


class Amount:
    """An amount of money as it was worded last."""

    def __init__(self) -> None:
        self.units = 0
        self.text = "0"

    def of(self, units: int) -> str:
        """Its text now."""
        if units != self.units:
            self.units = units
            self.text = money_text(units)
        return self.text


class Journal(Sink):
    """Words the events of one session. ``out`` collects messages and effects; whoever takes them clears it.

    ``cause`` is the id of the input being folded. Without ``hashing`` every hash stays empty; with it, whoever compares
    the messages sets ``encoded``, which then collects the canonical bytes of each.
    """

    settled_cause: str
    step: list[Any]
    out: list[Any]
    encoded: Any
    last_request: Any

    def __init__(self, state: State, hashing: bool) -> None:
        self.state = state
        self.name = state.name
        self.prefix = f"{state.name}/execution/"
        self.hashing = hashing
        self.hash = FIRST_HASH
        self.step = []
        self.out = []
        self.encoded = None
        self.cause = ""
        self.decisions = 0
        self.last_request = None
        self.cash = Amount()
        self.realised = Amount()
        self.unrealised = Amount()
        self.equity = Amount()
        self.fees = Amount()
        self.funding = Amount()
        self.slippage = Amount()
        self.turnover = Amount()
        self.exposure = Amount()
        self.margin = Amount()
        self.drawdown_realised = Amount()
        self.drawdown_equity = Amount()

    def add(self, event: Event) -> None:
        """One more message."""
        self.out.append(event)
        if self.hashing:
            data = encode(event)
            self.step.append(data)
            if self.encoded is not None:
                self.encoded.append(data)

    def event_name(self) -> str:
        """The id of the event that the engine has just counted."""
        return f"{self.prefix}{self.state.seq}"

    def close(self, event: Any) -> Any:
        """End a step: the event that carries the running hash up to and including itself."""
        if not self.hashing:
            self.out.append(event)
            return event
        data = encode(event)
        self.step.append(data)
        self.hash = step_hash(self.hash, self.step)
        self.step.clear()
        force_setattr(event, "hash", self.hash)  # nobody else has it yet
        self.out.append(event)
        if self.encoded is not None:
            self.encoded.append(with_hash(data, self.hash))
        return event

    # -- orders ---------------------------------------------------------------------------------

    def requested(self, order: Order) -> None:
        """The order is about to be handed to the venue."""
        event = self.request_of(order, self.event_name(), self.state.seq, self.state.now_ns)
        self.last_request = event
        self.add(event)

    def request_of(self, order: Order, name: str, seq: int, at_ns: int) -> Requested:
        """An order's request."""
        market = self.state.markets[order.symbol]
        asked = order.asked
        if isinstance(asked, float):
            asked = fixed.float_text(asked)
        return Requested(
            order_name(order),
            client_name(order),
            intent_name(order),
            order.attempt,
            market.symbol,
            SIDES[order.side],
            "buy" if order.buy else "sell",
            ACTIONS[order.action],
            KINDS[order.kind],
            units_text(market.lot_grid, order.quantity),
            units_text(market.grid, order.price) if order.price else None,
            bool(order.reduce),
            units_text(market.grid, order.reference),
            order.expires_ns if order.expires_ns >= 0 else None,
            order.reason,
            asked,
            parent_name(order),
            v=REQUESTED_V,
            id=name,
            session=self.name,
            source="execution",
            seq=seq,
            cause=self.cause,
            event_ns=at_ns,
        )

    def submitted(self, order: Order, at_ns: int) -> None:
        """The order was handed to the venue; its answer is awaited."""
        market = self.state.markets[order.symbol]
        self.add(
            Submitted(
                order_name(order),
                market.symbol,
                v=SUBMITTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    def accepted(self, order: Order) -> None:
        """The venue has the order."""
        market = self.state.markets[order.symbol]
        self.add(
            Accepted(
                order_name(order),
                market.symbol,
                venue_name(order),
                v=ACCEPTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def filled(
        self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int, fill_id: str | None
    ) -> None:
        """One fill."""
        market = self.state.markets[order.symbol]
        ledger = self.state.ledger
        name = order_name(order)
        self.add(
            Filled(
                name,
                f"{name}/f{order.fills}" if fill_id is None else fill_id,
                intent_name(order),
                market.symbol,
                SIDES[order.side],
                "buy" if order.buy else "sell",
                ACTIONS[order.action],
                KINDS[order.kind],
                units_text(market.lot_grid, lots),
                units_text(market.grid, ticks),
                money_text(ledger.filled_notional),
                self.state.foreign_fee or money_text(ledger.filled_fee),
                self.state.foreign_currency or market.instrument.settle,
                "maker" if maker else "taker",
                money_text(ledger.filled_realised),
                units_text(market.grid, reference),
                money_text(ledger.filled_slippage),
                units_text(market.lot_grid, order.filled),
                units_text(market.lot_grid, order.quantity - order.filled),
                ORDER_STATES[order.state],
                order.reason,
                units_text(market.lot_grid, market.leg(order.side).quantity),
                bool(self.state.provisional),
                self.state.foreign_rate,
                v=FILLED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    def theoretical(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """The paper venue's model fills an order that a real venue has."""
        market = self.state.markets[order.symbol]
        state = self.state
        worth = times(lots, ticks)
        adverse = worth - times(lots, reference) if order.buy else times(lots, reference) - worth
        rate = state.maker_rate if maker else state.taker_rate
        scale = state.maker_scale if maker else state.taker_scale
        self.add(
            Theoretical(
                order_name(order),
                intent_name(order),
                market.symbol,
                SIDES[order.side],
                "buy" if order.buy else "sell",
                ACTIONS[order.action],
                KINDS[order.kind],
                units_text(market.lot_grid, lots),
                units_text(market.grid, ticks),
                money_text(state.ledger.fee_of(market, lots, ticks, rate, scale)),
                "maker" if maker else "taker",
                units_text(market.grid, reference),
                money_text(money(adverse, market.multiplier, market.divisor)),
                units_text(market.lot_grid, order.quantity - order.filled),
                v=THEORETICAL_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    def corrected(
        self,
        order: Order,
        trade: Trade,
        lots: int,
        before: int,
        ticks: int,
        fee_before: int,
        fee: int,
        maker: bool,
        gain: int,
    ) -> None:
        """A trade replaces what was booked at the order's average price."""
        market = self.state.markets[order.symbol]
        settle = market.instrument.settle
        is_foreign = trade.fee != "" and trade.fee_currency not in ("", settle)
        self.add(
            Corrected(
                order_name(order),
                trade.id,
                intent_name(order),
                market.symbol,
                SIDES[order.side],
                "buy" if order.buy else "sell",
                units_text(market.lot_grid, lots),
                units_text(market.grid, before),
                units_text(market.grid, ticks),
                money_text(fee_before),
                trade.fee if is_foreign else money_text(fee),
                trade.fee_currency if is_foreign else settle,
                "maker" if maker else "taker",
                money_text(gain + fee_before - fee),
                trade.fee_rate if is_foreign else None,
                v=CORRECTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=trade.at_ns,
            )
        )

    def cancel_requested(self, order: Order) -> None:
        """The order is being taken off the book."""
        market = self.state.markets[order.symbol]
        self.add(
            CancelRequested(
                order_name(order),
                market.symbol,
                order.cancel_reason,
                v=CANCEL_REQUESTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def ended(self, order: Order, reason: str, retrying: bool) -> None:
        """Cancelled or expired."""
        market = self.state.markets[order.symbol]
        kind = Cancelled if order.state == CANCELLED else Expired
        self.add(
            kind(
                order_name(order),
                intent_name(order),
                market.symbol,
                SIDES[order.side],
                ACTIONS[order.action],
                units_text(market.lot_grid, order.filled),
                units_text(market.lot_grid, order.quantity - order.filled),
                reason,
                bool(retrying),
                v=kind.VERSION,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def rejected(self, order: Order, code: str, message: str, retryable: bool, retrying: bool) -> None:
        """The venue refused the order."""
        market = self.state.markets[order.symbol]
        self.add(
            Rejected(
                order_name(order),
                intent_name(order),
                market.symbol,
                SIDES[order.side],
                ACTIONS[order.action],
                code,
                message,
                bool(retryable),
                bool(retrying),
                v=REJECTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def denied(
        self, intent_id: str, symbol: str, leg: str, action: str, reason: str, message: str, order_id: str
    ) -> None:
        """The runner does not carry the intent out."""
        self.add(
            Denied(
                intent_id,
                symbol,
                leg,
                action,
                reason,
                message,
                order_id,
                v=DENIED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def unknown(self, order: Order, reason: str) -> None:
        """The venue's answer is missing or unreadable."""
        market = self.state.markets[order.symbol]
        self.add(
            Unknown(
                order_name(order),
                market.symbol,
                reason,
                v=UNKNOWN_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def incident(self, at_ns: int, severity: str, code: str, message: str, details: dict[str, Any]) -> None:
        """Something an operator should know."""
        self.add(
            Incident(
                severity,
                code,
                message,
                details,
                v=INCIDENT_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    # -- account --------------------------------------------------------------------------------

    def funded(self, market: Market, leg: str, funding_ns: int, rate: str, mark: str, lots: int, amount: int) -> None:
        """Funding on one leg."""
        self.add(
            FundingPaid(
                market.symbol,
                leg,
                funding_ns,
                rate,
                mark,
                units_text(market.lot_grid, lots),
                money_text(amount),
                v=FUNDING_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=funding_ns,
            )
        )

    def liquidated(self, market: Market, ticks: int, equity: int, maintenance: int, at_ns: int) -> None:
        """Margin is used up."""
        self.add(
            Liquidated(
                market.symbol,
                units_text(market.grid, ticks),
                money_text(equity),
                money_text(maintenance),
                v=LIQUIDATED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    def reconciled(self, market: Market, side: int, before: int, ticks: int, realised: int, fields: list[Any]) -> None:
        """A leg was moved without a fill of ours; -1 for an entry of the account that names none."""
        reason, order, report, asked_ns, difference, trade, fee, currency, at_ns = fields
        leg = "" if side < 0 else SIDES[side]
        after = "0" if side < 0 else units_text(market.lot_grid, market.leg(side).quantity)
        self.add(
            Reconciled(
                market.symbol,
                leg,
                reason,
                units_text(market.lot_grid, before),
                after,
                units_text(market.grid, ticks),
                money_text(realised),
                order,
                report,
                asked_ns,
                difference,
                trade,
                fee,
                currency,
                v=RECONCILED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=at_ns,
            )
        )

    def limit_tripped(self, limit: Limit, symbol: str, leg: str, order_id: str) -> None:
        """A risk limit has been reached."""
        self.add(
            LimitTripped(
                limit.name,
                money_text(limit.value),
                money_text(limit.most),
                limit.action,
                limit.reset,
                limit.until_ns if limit.until_ns >= 0 else None,
                symbol,
                leg,
                order_id,
                v=LIMIT_TRIPPED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def limit_reset(self, limit: Limit, why: str, author: str) -> None:
        """A risk limit that had tripped is reset."""
        self.add(
            LimitReset(
                limit.name,
                why,
                author,
                limit.action,
                v=LIMIT_RESET_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    def risk_levels(self, levels: list[RiskLevel]) -> None:
        """How near the limits and caps are."""
        self.add(
            RiskLevels(
                self.state.close_ns,
                levels,
                v=RISK_LEVELS_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.close_ns,
            )
        )

    def settled(self) -> None:
        """The account at one close, without a state hash."""
        self.settle("")

    def settle(self, state_hash: str) -> str:
        """The account at one close; the id of the message."""
        state = self.state
        ledger = state.ledger
        state.seq += 1
        name = self.event_name()
        self.close(
            Settled(
                state.close_ns,
                self.changed_legs() if state.changes else [],
                self.pending(),
                self.cash.of(ledger.cash),
                self.realised.of(ledger.realised),
                self.unrealised.of(ledger.unrealised),
                self.equity.of(ledger.cash + ledger.unrealised),
                self.fees.of(ledger.fees_maker + ledger.fees_taker),
                self.funding.of(ledger.funding),
                self.slippage.of(ledger.slippage),
                self.turnover.of(ledger.turnover),
                self.exposure.of(ledger.exposure),
                self.margin.of(state.margin_of(ledger.exposure)),
                self.drawdown_realised.of(ledger.drawdown_realised),
                self.drawdown_equity.of(ledger.drawdown_equity),
                trading_word(state),
                "",
                state_hash,
                dict(state.foreign_fees),
                v=SETTLED_V,
                id=name,
                session=self.name,
                source="execution",
                seq=state.seq,
                cause=self.cause,
                event_ns=state.close_ns,
            )
        )
        return name

    def changed_legs(self) -> list[Leg]:
        """Legs that changed since they were shown last, in the order of symbols, long before short."""
        legs = []
        for market in self.state.markets:
            if market.long.changed:
                legs.append(self.leg(market, market.long, 0))
            if market.short.changed:
                legs.append(self.leg(market, market.short, 1))
        return legs

    def leg(self, market: Market, held: Position, side: int) -> Leg:
        """One leg as ``settled`` shows it."""
        lots = []
        for lot in held.lots:
            if lot.message is None:
                lot.message = Lot(
                    units_text(market.lot_grid, lot.quantity),
                    market.average_text(lot.cost, lot.quantity),
                    lot.opened_ns,
                    entry_name(lot),
                )
            lots.append(lot.message)
        backoff = None
        blocked = ""
        if held.backoff is not None:
            backoff = BackoffState(
                failures=held.backoff.failures,
                blocked=held.backoff.blocked,
                blocked_until_ns=held.backoff.until_ns if held.backoff.until_ns >= 0 else None,
                event_id=held.backoff.event_id,
                detail=held.backoff.detail,
                at_ns=held.backoff.at_ns,
            )
            if held.backoff.blocks(self.state.now_ns):
                blocked = "backoff"
        if held.unresolved:
            blocked = "leg_blocked"
        elif 2 * market.index + side in self.state.halts:
            blocked = "leg_halted"
        return Leg(
            symbol=market.symbol,
            leg=SIDES[side],
            quantity=units_text(market.lot_grid, held.quantity),
            average=market.average_text(held.cost, held.quantity),
            lots=lots,
            realised=money_text(held.realised),
            blocked=blocked,
            backoff=backoff,
        )

    def pending(self) -> list[Pending]:
        """Every open order, in the order of requests."""
        found = []
        for order in self.state.orders:
            if order.pending is None:
                market = self.state.markets[order.symbol]
                order.pending = Pending(
                    order_id=order_name(order),
                    intent_id=intent_name(order),
                    symbol=market.symbol,
                    leg=SIDES[order.side],
                    side="buy" if order.buy else "sell",
                    kind=KINDS[order.kind],
                    action=ACTIONS[order.action],
                    remaining=units_text(market.lot_grid, order.quantity - order.filled),
                    price=units_text(market.grid, order.price) if order.price else None,
                    status=ORDER_STATES[order.state],
                    expires_ns=order.expires_ns if order.expires_ns >= 0 else None,
                    parent=parent_name(order),
                )
            found.append(order.pending)
        return found

    def executed(self, requested: int, denied: int) -> None:
        """The last effect of a decision that named intents is recorded."""
        self.add(
            Executed(
                self.state.close_ns,
                requested,
                denied,
                v=EXECUTED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.close_ns,
            )
        )

    def stopped(self, reason: str, summary: dict[str, Any], state_hash: str) -> None:
        """The session is over."""
        self.state.seq += 1
        self.close(
            Stopped(
                reason,
                summary,
                "",
                state_hash,
                v=STOPPED_V,
                id=self.event_name(),
                session=self.name,
                source="execution",
                seq=self.state.seq,
                cause=self.cause,
                event_ns=self.state.now_ns,
            )
        )

    # -- effects of a session with a real venue ---------------------------------------------------

    def send(self, order: Order) -> None:
        """Hand the order that was just requested to the venue."""
        self.out.append(SendOrder(order=self.last_request, by_side=order.by_side))

    def send_again(self, order: Order) -> None:
        """Hand the very same request to the venue once more."""
        name = f"{self.prefix}{order.request_seq}"
        request = self.request_of(order, name, order.request_seq, order.request_ns)
        self.out.append(SendOrder(order=request, by_side=order.by_side))

    def cancel_order(self, order: Order, is_child: bool) -> None:
        """Ask the venue to take the order off its book."""
        market = self.state.markets[order.symbol]
        self.out.append(
            CancelOrder(
                order_id=order_name(order),
                client_order_id=client_name(order),
                symbol=market.symbol,
                kind=KINDS[order.kind],
                venue_order_id=order.venue_order_id,
                triggered=bool(is_child),
                leg=SIDES[order.side],
            )
        )

    def query(self, order: Order, requested_ns: int, is_child: bool) -> None:
        """Ask the venue what became of the order."""
        market = self.state.markets[order.symbol]
        self.out.append(
            QueryOrder(
                order_id=order_name(order),
                client_order_id=client_name(order),
                symbol=market.symbol,
                kind=KINDS[order.kind],
                venue_order_id=order.venue_order_id,
                triggered=bool(is_child),
                leg=SIDES[order.side],
                requested_ns=requested_ns,
            )
        )

    def set_timer(self, name: str, due_ns: int) -> None:
        """Ask for a timer."""
        self.out.append(SetTimer(name=name, due_ns=due_ns))

    # -- a backtest whose events somebody wants ---------------------------------------------------

    def expect_decision(self) -> None:
        """The decision on this close comes next; what it leads to has it as its cause."""
        self.decisions += 1
        self.settled_cause = self.event_name()
        self.cause = f"{self.name}/strategy/{self.decisions}"

    def decided(self, decision: tuple[list[Any], list[Any], list[Any]], at: int) -> None:
        """The decision, in messages, at its place in ``out``: before what it led to."""
        self.out.insert(
            at,
            Decided(
                self.state.close_ns,
                decision[0],
                decision[1],
                decision[2],
                v=DECIDED_V,
                id=self.cause,
                session=self.name,
                source="strategy",
                seq=self.decisions,
                cause=self.settled_cause,
                event_ns=self.state.close_ns,
            ),
        )

    # -- snapshots ------------------------------------------------------------------------------

    def row(self) -> dict[str, Any]:
        """Plain data for a snapshot."""
        return {"hash": self.hash, "step": list(self.step)}

    def restore(self, row: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self.hash = row["hash"]
        self.step = list(row["step"])


def venue_name(order: Order) -> str:
    """The venue's id of an order."""
    if order.venue_number:
        return f"paper-{order.venue_number}"
    return order.venue_order_id


def entry_name(lot: HeldLot) -> str:
    """The order that opened a lot; of a lot from a snapshot its id is all that is known."""
    order = lot.order
    return order if isinstance(order, str) else order_name(order)


def parent_name(order: Order) -> str:
    """The entry that a stop or target protects, "" for every other order and for those of a whole leg."""
    if (order.part == STOP_PART or order.part == TARGET_PART) and not order.whole:
        return f"{intent_name(order)}/{order.named_attempt}"
    return ""
