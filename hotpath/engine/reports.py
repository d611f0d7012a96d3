# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Reports of a real venue about orders, folded through the transition table.

A report names the total filled so far; what exceeds our count is one new fill, so a doubled or older report fills
nothing, and a fill whose own quantity is missing is still found. Fills are applied before the status that came with
them. A report that fits no row, of an order that is closed or not ours, becomes an incident and changes nothing;
reconciliation reads it from the log.

A price between two ticks (a venue's average) is taken to the nearest tick. A fee that the venue gives in the settle
currency is booked as it is, otherwise the configured rate applies.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.messages import Report
from live_runner.contracts.vocabulary import ORDER_STATES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.orders import KEPT, REPORTS, next_state

if not cython.compiled:
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, apply_report, client_name
    from live_runner.hotpath.engine.python_money import of_whole, units_text
    from live_runner.hotpath.engine.state import State
    from live_runner.hotpath.engine.venue import RemoteVenue
    from live_runner.hotpath.engine.words import (
        CANCEL_REQUESTED,
        FILLED,
        REPORT_PARTLY_FILLED,
        REQUESTED,
        SUBMITTED,
        UNKNOWN,
    )

__all__ = ["CLOSED_KEPT_MAX", "Reports"]

CLOSED_KEPT_MAX: Final = 10_000
"""Closed orders whose client ids are remembered, so that a late report is not taken for a stranger's."""


class Reports:
    """Reports of one session, in the order of the log."""

    closed: list[Any]

    def __init__(self, state: State, manager: Manager, venue: RemoteVenue) -> None:
        self.state = state
        self.manager = manager
        self.venue = venue
        self.closed = []
        """Client ids of closed orders, oldest first."""

    def fold(self, report: Report) -> None:
        """One report: its fill, then its status; or kept."""
        order = self.find(report.client_order_id)
        if order is None:
            why = "a closed order" if report.client_order_id in self.closed else "an order that is not ours"
            self.keep(report, f"It is about {why}")
            return
        state = ORDER_STATES[order.state]
        if report.status not in REPORTS or next_state(state, report.status) == KEPT:
            self.keep(report, f"An order that is {state} takes no '{report.status}'")
            return
        if report.venue_order_id:
            order.venue_order_id = report.venue_order_id
        if self.fill(order, report):
            self.status(order, report)
        if order.state >= FILLED:
            self.venue.theory.leave(order)
            self.closed.append(client_name(order))
            if len(self.closed) > CLOSED_KEPT_MAX:
                self.closed.pop(0)

    def find(self, client: str) -> Order | None:
        """The open order that the venue knows by this id."""
        order: Order
        for order in self.state.orders:
            if client_name(order) == client:
                return order
        return None

    def fill(self, order: Order, report: Report) -> bool:
        """Book what was filled since the last report; False when the report cannot be relied on."""
        market = self.state.markets[order.symbol]
        try:
            total = market.lot_grid.units(report.filled)
        except ValueError:
            self.keep(report, f"'{report.filled}' is not a valid quantity of {market.symbol}")
            return False
        lots = total - order.filled
        if lots <= 0:
            return True
        if total > order.quantity:
            self.keep(report, f"It fills {report.filled} of an order of {units_text(market.lot_grid, order.quantity)}")
            return False
        leg = market.leg(order.side)
        if order.reduce and lots > leg.quantity:
            self.keep(report, "It closes more than there is")
            return False
        try:
            ticks = market.grid.nearest(report.last_price)
        except ValueError:
            ticks = 0
        if ticks <= 0:
            # A quantity without a price cannot be booked; the venue has to answer.
            self.venue.query_unknown(order, "fill_without_price")
            return False
        if order.state == UNKNOWN:
            self.manager.resolve(order, -1)
        fee_given = bool(report.fee) and report.fee_currency in ("", market.instrument.settle)
        fee = 0
        if fee_given:
            mantissa, decimals = fixed.parse_decimal(report.fee)
            fee = of_whole(fixed.div_half_even(mantissa * 10**fixed.MONEY_DECIMALS, 10**decimals))
        self.manager.fill(
            order,
            lots,
            ticks,
            order.reference,
            report.liquidity == "maker",
            report.event_ns,
            report.fill_id or None,
            fee_given,
            fee,
        )
        return True

    def status(self, order: Order, report: Report) -> None:
        """Move the order by the status that came with the report."""
        status = report.status
        if order.state >= FILLED:
            pass  # its last fill ended it; what the report calls it does not matter any more
        elif status in ("unknown", "cancel_refused") and next_state(ORDER_STATES[order.state], status) == "unknown":
            self.venue.query_unknown(order, report.message or status)
        elif status == "absent":
            self.venue.send_again(order)
        elif status == "filled":
            self.venue.query_unknown(order, "filled_without_quantity")
        elif status in ("cancelled", "expired", "rejected"):
            self.resolve(order)
            self.end(order, report)
        elif status in ("accepted", "partly_filled"):
            self.stands(order)
        elif status == "submitted" and order.state == REQUESTED:
            self.manager.submitted(order, report.event_ns)

    def end(self, order: Order, report: Report) -> None:
        """The venue says that the order is off its book."""
        if report.status == "cancelled":
            self.manager.cancelled(order, order.cancel_reason or report.code or "venue")
        elif report.status == "expired":
            self.manager.expired(order, report.code or "time_to_live")
        else:
            self.manager.reject(order, report.code, report.message, report.retryable)

    def stands(self, order: Order) -> None:
        """The venue has the order; a cancel that was lost with its answer is asked again."""
        self.resolve(order)
        if order.state in (REQUESTED, SUBMITTED, UNKNOWN):
            if order.filled:
                apply_report(order, REPORT_PARTLY_FILLED)
            else:
                self.manager.accept(order)
            order.pending = None
        if order.cancel_reason and order.state != CANCEL_REQUESTED and order.state < FILLED:
            self.manager.cancel(order, order.cancel_reason)

    def resolve(self, order: Order) -> None:
        """The fate of an unknown order is known."""
        if order.state == UNKNOWN:
            self.manager.resolve(order, -1)

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

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return list(self.closed)

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.closed = list(row)
