"""What a real venue says about orders, folded through the transition table.

A report names the total filled so far; what exceeds our count is one new fill, so a doubled or older
report fills nothing, and a fill whose own quantity is missing is still found. Fills are applied before
the status that came with them. A report that fits no row, of an order that is closed or not ours, becomes
an incident and changes nothing; reconciliation reads it from the log.

A price between two ticks (a venue's average) is taken to the nearest tick. A fee that the venue gives in
the settle currency is booked as it is, otherwise the configured rate applies.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from live_runner.contracts.messages import Incident, Report, Submitted
from live_runner.hotpath import fixed
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.manager import OrderManager
from live_runner.services.execution.core.orders import KEPT, REPORTS, Order, next_state
from live_runner.services.execution.core.remote import RemoteVenue
from live_runner.services.execution.core.session import Session

__all__ = ["CLOSED_KEPT_MAX", "Reports"]

CLOSED_KEPT_MAX: Final = 10_000
"""Closed orders whose client ids are remembered, so that a late report is not taken for a stranger's."""


class Reports:
    """Reports of one session, in the order of the log."""

    def __init__(self, session: Session, account: Account, manager: OrderManager, venue: RemoteVenue) -> None:
        self._session: Final = session
        self._account: Final = account
        self._manager: Final = manager
        self._venue: Final = venue
        self._closed: deque[str] = deque(maxlen=CLOSED_KEPT_MAX)

    def fold(self, report: Report) -> None:
        """One report: its fill, then its status; or kept."""
        order = self._find(report.client_order_id)
        if order is None:
            why = "a closed order" if report.client_order_id in self._closed else "an order that is not ours"
            self._keep(report, f"It is about {why}")
            return
        if report.status not in REPORTS or next_state(order.state, report.status) == KEPT:
            self._keep(report, f"An order that is {order.state} takes no '{report.status}'")
            return
        if report.venue_order_id:
            order.venue_order_id = report.venue_order_id
        if self._fill(order, report):
            self._status(order, report)
        if order.is_closed:
            self._closed.append(order.client_order_id)

    def _find(self, client: str) -> Order | None:
        return next((order for order in self._manager.orders.values() if order.client_order_id == client), None)

    def _fill(self, order: Order, report: Report) -> bool:
        """Apply what was filled since the last report; False when the report cannot be relied on."""
        market = self._session.markets[order.symbol]
        try:
            total = market.lot_grid.units(report.filled)
        except ValueError:
            self._keep(report, f"'{report.filled}' is no quantity of {order.symbol}")
            return False
        lots = total - order.filled
        if lots <= 0:
            return True
        if total > order.quantity:
            self._keep(report, f"It fills {report.filled} of an order of {market.lot_grid.text(order.quantity)}")
            return False
        if order.reduce_only and lots > self._account.quantity(market, order.leg):
            self._keep(report, "It closes more than there is")
            return False
        try:
            ticks = market.grid.nearest(report.last_price)
        except ValueError:
            ticks = 0
        if ticks <= 0:
            # A quantity without a price cannot be booked; the venue has to tell.
            self._venue.lose(order, "fill_without_price")
            return False
        if order.state == "unknown":
            self._account.resolve(order, -1)
        self._manager.fill(
            order,
            lots,
            ticks,
            order.reference,
            maker=report.liquidity == "maker",
            at_ns=report.event_ns,
            identity=report.fill_id,
            fee=self._fee(order, report),
        )
        return True

    def _fee(self, order: Order, report: Report) -> int | None:
        settle = self._session.markets[order.symbol].instrument.settle
        if not report.fee or report.fee_currency not in ("", settle):
            return None
        mantissa, decimals = fixed.parse_decimal(report.fee)
        return int(fixed.div_half_even(mantissa * 10**fixed.MONEY_DECIMALS, 10**decimals))

    def _status(self, order: Order, report: Report) -> None:
        """Move the order by the status that came with the report."""
        status = report.status
        if order.is_closed:
            return  # its last fill ended it; what the report calls it does not matter any more
        if status in ("unknown", "cancel_refused") and next_state(order.state, status) == "unknown":
            self._venue.lose(order, report.message or status)
        elif status == "absent":
            self._venue.send_again(order)
        elif status == "filled":
            self._venue.lose(order, "filled_without_quantity")
        elif status in ("cancelled", "expired", "rejected"):
            self._resolve(order)
            self._end(order, report)
        elif status in ("accepted", "partly_filled"):
            self._stands(order)
        elif status == "submitted" and order.state == "requested":
            order.apply("submitted")
            self._manager.changed(order)
            self._session.emit(Submitted, report.event_ns, order_id=order.order_id, symbol=order.symbol)

    def _end(self, order: Order, report: Report) -> None:
        if report.status == "cancelled":
            self._manager.cancelled(order, order.cancel_reason or report.code or "venue")
        elif report.status == "expired":
            self._manager.expired(order, report.code or "time_to_live")
        else:
            self._manager.reject(order, report.code, report.message, retryable=report.retryable)

    def _stands(self, order: Order) -> None:
        """The venue has the order; a cancel that was lost with its answer is asked again."""
        self._resolve(order)
        if order.state in ("requested", "submitted", "unknown"):
            if order.filled:
                order.apply("partly_filled")
            else:
                self._manager.accept(order, order.venue_order_id)
            self._manager.changed(order)
        if order.cancel_reason and order.state != "cancel_requested" and not order.is_closed:
            self._manager.cancel(order, order.cancel_reason)

    def _resolve(self, order: Order) -> None:
        if order.state == "unknown":
            self._account.resolve(order, -1)

    def _keep(self, report: Report, why: str) -> None:
        self._session.emit(
            Incident,
            report.event_ns,
            severity="warning",
            code="report_kept",
            message=f"A report '{report.status}' on {report.client_order_id} is kept for reconciliation: {why}",
            details={"report": report.id, "client_order_id": report.client_order_id, "symbol": report.symbol},
        )

    def state(self) -> list[str]:
        """Plain data for a snapshot."""
        return list(self._closed)

    def restore(self, state: list[str]) -> None:
        """Go on from a snapshot."""
        self._closed = deque(state, maxlen=CLOSED_KEPT_MAX)
