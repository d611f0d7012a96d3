# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Reports of a real venue about orders, folded through the transition table.

A fill is a trade: it is booked once, by the venue's id, whenever it arrives, also after its order has ended. A status
never fills. What a report counts as filled beyond the trades is asked for, and after a grace booked at the order's
average price; its trades then correct price and fee. An end waits for the fills that came before it.

Absence is proven only by a complete answer that was asked for when the order could no longer arrive. A rejection of an
order that may stand already is not believed before the venue was asked. A report that fits no row of the table, or is
not about an order of ours, becomes an incident and changes nothing; reconciliation reads it from the log.

A stop or target never fills: it becomes another order, whose reports name it as their parent and are taken for its
own. What it says of itself as filled only shows that it has triggered.

A price between two ticks (a venue's average) is taken to the nearest tick. A fee in the settle currency is booked as
the venue names it, one in another currency stands in the fill and is not the account's; without one the configured rate
applies.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.errors import LedgerOverflow
from live_runner.contracts.messages import Report, Trade
from live_runner.contracts.vocabulary import ORDER_STATES, SIDES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.orders import KEPT, REPORTS, next_state
from live_runner.hotpath.engine.reconcile import Reconciler
from live_runner.hotpath.engine.state import half_even
from live_runner.hotpath.engine.venue_protection import VenueProtection

if not cython.compiled:
    from live_runner.hotpath.engine.at_venue import AtVenue, is_child, is_own_end, is_trigger, owed_lots, trades_of
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, apply_report, order_name
    from live_runner.hotpath.engine.python_money import money_text, of_whole, units_text, whole
    from live_runner.hotpath.engine.reconcile import fee_of
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.venue import RemoteVenue
    from live_runner.hotpath.engine.words import (
        CANCEL_REQUESTED,
        FILLED,
        IOC,
        MARKET,
        NO_PART,
        POST_ONLY,
        REPORT_CANCELLED,
        REPORT_EXPIRED,
        REPORT_PARTLY_FILLED,
        REQUESTED,
        SUBMITTED,
        TRADING_FLATTENING,
        UNKNOWN,
    )

__all__ = ["Reports"]

ENDS: Final = ("filled", "cancelled", "expired", "rejected")


class Reports:
    """Reports of one session, in the order of the log."""

    def __init__(self, state: State, manager: Manager, venue: RemoteVenue) -> None:
        self.state = state
        self.manager = manager
        self.venue = venue
        self.protection = VenueProtection(state, manager, venue)
        self.reconciler = Reconciler(state, manager, venue)

    def fold(self, report: Report) -> None:
        """One report: its trades, then its status; or kept."""
        at = self.venue.find(report.client_order_id, report.parent)
        if at is None:
            self.keep(report, "It is about an order that is not ours, or ended long ago")
            return
        order = at.order
        was_over = order.state >= FILLED
        booked = len(at.trades)
        if self.note(at, report) and self.book(at, report):
            if not was_over:
                self.status(at, report)
            elif len(at.trades) == booked and owed_lots(at) == 0 and not self.venue.says_nothing(at, report):
                self.keep(report, "It is about a closed order")
        self.go_on()

    def timer(self) -> None:
        """Ask again, and book what is still owed, where it is due."""
        for at in [*self.venue.open.values(), *self.venue.closed.values()]:
            if 0 <= at.fills_ns <= self.state.now_ns:
                self.book_owed(at)
            self.venue.ask_when_due(at)
        self.go_on()

    def go_on(self) -> None:
        """What follows from what has ended or been filled: closes that waited, stops and targets."""
        self.venue.sweep()
        self.reconciler.book_forced()
        self.venue.release()
        self.protection.reconcile()

    def note(self, at: AtVenue, report: Report) -> bool:
        """What every report shows; False for a status that is not one."""
        order = at.order
        if report.status not in REPORTS:
            self.keep(report, f"'{report.status}' is not a status of an order")
            return False
        if report.venue_order_id and (is_child(at, report) or not at.child):
            order.venue_order_id = report.venue_order_id
        if is_child(at, report):
            at.child = report.client_order_id
            order.triggered = True
        if report.sent_ns > at.sent_ns:
            at.sent_ns = report.sent_ns
        if report.status == "unknown":
            at.sent_ns = max(at.sent_ns, report.event_ns if order.state in (REQUESTED, SUBMITTED) else 0)
        else:
            at.must_ask = False
        if report.status in ("accepted", "partly_filled", "filled") or report.venue_order_id:
            at.seen = True
        if report.status in ("accepted", "partly_filled") and not is_child(at, report):
            at.shown_ns = max(at.shown_ns, report.asked_ns)
        return True

    # -- fills ------------------------------------------------------------------------------------

    def book(self, at: AtVenue, report: Report) -> bool:
        """Book the trades that are new, and note what is owed; False when the report cannot be relied on."""
        order = at.order
        market = self.state.markets[order.symbol]
        try:
            total = market.lot_grid.units(report.filled)
        except ValueError:
            self.keep(report, f"'{report.filled}' is not a valid quantity of {market.symbol}")
            return False
        if is_trigger(order) and not is_child(at, report):
            total = 0  # it does not fill, whatever the venue writes into its own report
        if total > order.quantity:
            self.keep(report, f"It fills {report.filled} of an order of {units_text(market.lot_grid, order.quantity)}")
            return False
        for trade in trades_of(report):
            if not self.trade(at, report, trade):
                return False
        if total > at.total:
            at.total = total
            at.cost = report.cost
            at.last_price = report.last_price
        if owed_lots(at) == 0:
            at.fills_ns = -1
        elif at.fills_ns < 0:
            at.fills_ns = self.state.now_ns + self.venue.grace_ns
            self.state.sink.set_timer(f"fills {order_name(order)}", at.fills_ns)
            self.venue.ask(at)
        return True

    def trade(self, at: AtVenue, report: Report, trade: Trade) -> bool:
        """Book one trade, unless it is booked; False when it cannot be."""
        if trade.id in at.trades:
            return True
        order = at.order
        market = self.state.markets[order.symbol]
        try:
            lots = market.lot_grid.units(trade.quantity)
            ticks = market.grid.nearest(trade.price)
            fee = fee_of(trade)
        except (ValueError, LedgerOverflow):
            lots = 0
            ticks = 0
            fee = 0
        if lots <= 0 or ticks <= 0:
            self.keep(report, f"Trade {trade.id} of {trade.quantity} at '{trade.price}' is not a valid trade")
            return False
        part = lots
        while part > 0 and at.provisional:
            part -= self.correct(at, trade, part, lots, ticks, fee)
        if part > 0:
            leg = market.leg(order.side)
            if part > order.quantity - order.filled:
                self.keep(report, f"Trade {trade.id} fills more than was ordered")
                return False
            if order.reduce and part > leg.quantity:
                self.keep(report, f"Trade {trade.id} closes more than there is")
                return False
            self.fill(at, trade, part, ticks, of_whole(half_even(whole(fee) * part, lots)))
        at.trades.append(trade.id)
        at.worth += lots * ticks
        return True

    def fill(self, at: AtVenue, trade: Trade, lots: int, ticks: int, fee: int) -> None:
        """A trade that nothing was booked for: one fill."""
        order = at.order
        state = self.state
        market = state.markets[order.symbol]
        was_over = order.state >= FILLED
        self.venue.absences.pop(f"{market.symbol} {SIDES[order.side]}", None)
        self.reconciler.booked(order.symbol, order.side)
        if order.state == UNKNOWN:
            self.manager.resolve(order, -1)
        fee_given = trade.fee != ""
        is_foreign = fee_given and trade.fee_currency not in ("", market.instrument.settle)
        if is_foreign:
            self.charge(trade.fee_currency, fee)
        state.foreign_fee = trade.fee if is_foreign else ""
        state.foreign_currency = trade.fee_currency if is_foreign else ""
        state.foreign_rate = trade.fee_rate if is_foreign else None
        self.manager.fill(
            order,
            lots,
            ticks,
            order.reference,
            trade.liquidity == "maker",
            trade.at_ns,
            trade.id,
            fee_given,
            0 if is_foreign else fee,
        )
        state.foreign_fee = ""
        state.foreign_currency = ""
        state.foreign_rate = None
        self.protection.filled(order, lots)
        if was_over:
            self.incident(
                trade.at_ns,
                "fill_after_end",
                f"Trade {trade.id} filled {trade.quantity} of {order_name(order)} after its end; it is booked",
                order,
            )
        if not order.reduce and state.trading == TRADING_FLATTENING and not self.manager.risk.flattens:
            self.venue.flatten_leg(market, order.side)

    def charge(self, currency: str, fee: int) -> None:
        """A fee in another currency than the account's: counted by currency, and in no other total."""
        fees = self.state.foreign_fees
        fees[currency] = money_text(of_whole(fixed.money(fees.get(currency, "0")) + whole(fee)))

    def correct(self, at: AtVenue, trade: Trade, part: int, lots: int, ticks: int, fee: int) -> int:
        """A trade replaces what was booked at the average price: the lots of it that it does."""
        order = at.order
        state = self.state
        market = state.markets[order.symbol]
        ledger = state.ledger
        before = at.provisional[0]
        taken: int = min(part, before[0])
        fee_before = half_even(int(before[2]) * taken, before[0])
        fee_after = fee_before
        if trade.fee != "" and trade.fee_currency in ("", market.instrument.settle):
            fee_after = half_even(whole(fee) * taken, lots)
        elif trade.fee != "":
            fee_after = 0
            self.charge(trade.fee_currency, of_whole(half_even(whole(fee) * taken, lots)))
        gained = (before[1] - ticks) * taken if order.buy else (ticks - before[1]) * taken
        gain = of_whole(half_even(gained * whole(market.multiplier), whole(market.divisor)))
        was_maker = bool(before[3])
        is_maker = was_maker if trade.liquidity == "" else trade.liquidity == "maker"
        ledger.correct(market.leg(order.side), gain, of_whole(fee_before), was_maker, of_whole(fee_after), is_maker)
        state.change(market, order.side)
        state.moved = True
        state.seq += 1
        state.sink.corrected(
            order, trade, taken, before[1], ticks, of_whole(fee_before), of_whole(fee_after), is_maker, gain
        )
        before[0] -= taken
        before[2] = str(int(before[2]) - fee_before)
        if before[0] == 0:
            del at.provisional[0]
        return taken

    def book_owed(self, at: AtVenue) -> None:
        """The grace is over: book what is owed at the order's average price, or go on asking where none is known."""
        order = at.order
        state = self.state
        market = state.markets[order.symbol]
        lots = owed_lots(at)
        at.fills_ns = -1
        if lots == 0:
            return
        leg = market.leg(order.side)
        ticks = self.average(at, market, lots)
        if ticks <= 0 or (order.reduce and lots > leg.quantity):
            at.fills_ns = state.now_ns + self.venue.longest_ns
            state.sink.set_timer(f"fills {order_name(order)}", at.fills_ns)
            self.venue.ask(at)
            return
        self.venue.absences.pop(f"{market.symbol} {SIDES[order.side]}", None)
        self.reconciler.booked(order.symbol, order.side)
        if order.state == UNKNOWN:
            self.manager.resolve(order, -1)
        state.provisional = True
        self.manager.fill(order, lots, ticks, order.reference, False, state.now_ns, None, False, 0)
        state.provisional = False
        self.protection.filled(order, lots)
        at.provisional.append([lots, ticks, str(whole(state.ledger.filled_fee)), False])
        at.worth += lots * ticks
        if not order.reduce and state.trading == TRADING_FLATTENING and not self.manager.risk.flattens:
            self.venue.flatten_leg(market, order.side)
        if at.ending is not None and order.state < FILLED:
            self.end(at, at.ending)

    def average(self, at: AtVenue, market: Market, lots: int) -> int:
        """Ticks at which lots of the total are booked without their trades, at most 0 where no price is known."""
        try:
            if at.cost:
                mantissa, decimals = fixed.parse_decimal(at.cost)
                scale = 10 ** (market.grid.decimals + market.lot_grid.decimals)
                size, size_decimals = fixed.parse_decimal(market.instrument.contract_size)
                unit = market.grid.mantissa * market.lot_grid.mantissa * size * 10**decimals
                worth = mantissa * scale * 10**size_decimals
                return half_even(worth - at.worth * unit, lots * unit)
            return int(market.grid.nearest(at.last_price)) if at.last_price else 0
        except ValueError:
            return 0

    # -- states -----------------------------------------------------------------------------------

    def status(self, at: AtVenue, report: Report) -> None:
        """Move the order by the status that came with the report."""
        order = at.order
        if order.state >= FILLED:
            return  # its last fill ended it; what the report calls it does not matter any more
        status = report.status
        following = next_state(ORDER_STATES[order.state], status)
        if at.ending is not None and owed_lots(at) == 0:
            self.end(at, at.ending)
        elif following == KEPT and status == "absent" and report.asked_ns > 0:
            return  # asked for before it was sent, or sent again: the answer to that is on its way
        elif following == KEPT:
            self.keep(report, f"An order that is {ORDER_STATES[order.state]} takes no '{status}'")
        elif status in ("unknown", "cancel_refused"):
            if following == "unknown":
                self.venue.query_unknown(order, report.message or status)
        elif status == "absent":
            self.absent(at, report)
        elif status == "rejected" and self.may_stand(at, report):
            refusal = [report.code, report.message, report.retryable, report.meaning, report.event_ns]
            at.refusal = None if report.meaning == "duplicate" else refusal
            at.seen = at.seen or report.meaning == "duplicate"
            self.venue.query_unknown(order, "duplicate" if report.meaning == "duplicate" else "rejected_resend")
        elif is_own_end(at, report):
            order.triggered = True
            self.stands(at)
            self.venue.ask(at)
        elif status in ENDS:
            self.ends(at, report)
        elif status in ("accepted", "partly_filled"):
            self.stands(at)
            self.cut(at, report)
        elif status == "submitted" and order.state == REQUESTED:
            self.manager.submitted(order, report.event_ns)

    def may_stand(self, at: AtVenue, report: Report) -> bool:
        """Whether an order may stand at the venue although it was rejected: an earlier copy of it was sent."""
        if report.meaning == "duplicate":
            return True
        if is_child(at, report):
            return False  # the venue itself made it of the stop or target
        was_asked = report.asked_ns > 0 or report.via == "query"
        return not was_asked and (at.order.state == UNKNOWN or at.sends > 1)

    def ends(self, at: AtVenue, report: Report) -> None:
        """The venue says that the order is off its book: once its fills are booked, it ends."""
        order = at.order
        ending = [
            report.status, report.code, report.message, report.retryable, report.meaning, report.event_ns
        ]  # fmt: skip
        if report.status == "filled" and order.filled == 0 and owed_lots(at) == 0:
            self.venue.query_unknown(order, "filled_without_quantity")
        elif owed_lots(at) > 0:
            at.ending = ending
            self.venue.query_unknown(order, "fills_missing")
        else:
            self.end(at, ending)

    def end(self, at: AtVenue, ending: list[Any]) -> None:
        """An order that is off the book, with all its fills."""
        order = at.order
        status, code, message, retryable, meaning, at_ns = ending
        at.ending = None
        self.resolve(order)
        if status == "filled":
            # The venue's own quantity is smaller: it cut the order to what it could reduce, or prevented a self-trade.
            self.manager.cancelled(order, "quantity_changed")
        elif status == "cancelled":
            self.taken_off(order, REPORT_CANCELLED, order.cancel_reason or code or "venue")
        elif status == "rejected" or (order.kind == POST_ONLY and not self.is_due(order)):
            self.venue.refused(order, [code, message, retryable, meaning, at_ns])
            if meaning == "account_differs":
                self.reconciler.refused(order, f"{code}: {message}")
        elif order.kind == IOC:
            self.manager.cancelled(order, "ioc")
        elif self.is_due(order):
            self.manager.expired(order, code or "time_to_live")
        else:
            order.fallback = 0  # the venue ended it early: it did not time out, so no fallback follows
            self.taken_off(order, REPORT_EXPIRED, code or "venue")

    def taken_off(self, order: Order, status: int, reason: str) -> None:
        """The order is off the book. A market close that nobody cancelled is tried again, unless its leg's follows."""
        again = order.reduce and order.kind == MARKET and order.part == NO_PART and not order.cancel_reason
        again = again and not self.venue.is_closing(order.symbol, order.side)
        apply_report(order, status)
        self.manager.end(order, reason, order.timed_out, again)

    def is_due(self, order: Order) -> bool:
        """Whether the order's own time has run out."""
        return order.timed_out or 0 <= order.expires_ns <= self.state.now_ns

    def stands(self, at: AtVenue) -> None:
        """The venue has the order; a cancel that was lost with its answer is asked again."""
        order = at.order
        at.refusal = None
        self.resolve(order)
        if order.state in (REQUESTED, SUBMITTED, UNKNOWN):
            self.manager.accept(order)
            if order.filled:
                apply_report(order, REPORT_PARTLY_FILLED)
            order.pending = None
        if order.cancel_reason and order.state != CANCEL_REQUESTED and order.state < FILLED:
            self.venue.cancel_again(order)

    def cut(self, at: AtVenue, report: Report) -> None:
        """The venue holds a smaller quantity than was sent, and all of it is filled: the order ends there."""
        order = at.order
        market = self.state.markets[order.symbol]
        try:
            theirs = market.lot_grid.units(report.quantity) if report.quantity else order.quantity
        except ValueError:
            return
        if order.state < FILLED and 0 < theirs < order.quantity and order.filled >= theirs:
            self.end(at, ["filled", "", "", False, "", 0])

    def absent(self, at: AtVenue, report: Report) -> None:
        """The venue does not know the order: proof, or a reason to ask again."""
        order = at.order
        age_ns = report.asked_ns - at.sent_ns
        if not report.complete or report.asked_ns == 0 or age_ns < self.venue.expiry_ns:
            self.venue.query_unknown(order, "absent_unproven")
        elif 0 <= self.venue.history_ns < age_ns:
            self.forgotten(at, report)
        elif order.state != UNKNOWN:
            self.venue.query_unknown(order, "absent")
        elif at.seen:
            self.resolve(order)
            self.taken_off(order, REPORT_CANCELLED, "lost")
        else:
            self.venue.send_again(at)

    def forgotten(self, at: AtVenue, report: Report) -> None:
        """The order is older than what the venue remembers: no answer proves anything, and the leg stays blocked."""
        order = at.order
        if not at.forgotten:
            at.forgotten = True
            self.venue.query_unknown(order, "history_window")
            self.incident(
                report.event_ns,
                "history_window",
                f"{order_name(order)} is older than what the venue remembers: its absence proves nothing, "
                f"and its leg stays blocked",
                order,
            )

    def resolve(self, order: Order) -> None:
        """The fate of an unknown order is known."""
        if order.state == UNKNOWN:
            self.manager.resolve(order, -1)

    # -- incidents and snapshots --------------------------------------------------------------------

    def incident(self, at_ns: int, code: str, message: str, order: Order) -> None:
        """An incident about an order."""
        market = self.state.markets[order.symbol]
        self.state.seq += 1
        details = {"order_id": order_name(order), "symbol": market.symbol}
        self.state.sink.incident(at_ns, "warning", code, message, details)

    def keep(self, report: Report, why: str) -> None:
        """An incident for a report that changes nothing."""
        self.state.seq += 1
        self.state.sink.incident(
            report.event_ns,
            "warning",
            "report_kept",
            f"A report '{report.status}' on {report.client_order_id} is kept for reconciliation: {why}",
            {"report": report.id, "client_order_id": report.client_order_id, "symbol": report.symbol},
        )

    def timers(self) -> list[Any]:
        """Names and times of what is due."""
        return self.venue.timers() + self.protection.timers()

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self.venue.row()

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot, with the open orders there already."""
        self.venue.restore(row)
