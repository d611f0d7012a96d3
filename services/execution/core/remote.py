"""The gateway to a real venue: effects for the shell, and what a missing answer means.

An order whose answer is missing is ``unknown``: it is asked for by its client order id, and nothing is
sent for its leg until the venue has told. It is sent again only after proven absence, under the same
client order id.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import Requested, Unknown
from live_runner.services.execution.core.accounts import Account
from live_runner.services.execution.core.gate import Gate
from live_runner.services.execution.core.manager import OrderManager
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["RemoteVenue"]


class RemoteVenue:
    """Turns orders into calls for the shell to make; what came of them comes back as reports."""

    def __init__(self, session: Session, account: Account, manager: OrderManager, gate: Gate) -> None:
        self._session: Final = session
        self._account: Final = account
        self._manager: Final = manager
        self._gate: Final = gate

    def submit(self, order: Order, requested: Requested) -> None:
        """Send, once the request is acknowledged; its end of life is a timer."""
        order.request_seq, order.request_ns = requested.seq, requested.event_ns
        self._session.out.append(SendOrder(order=requested))
        if order.expires_ns is not None:
            self._session.out.append(SetTimer(name=f"expire {order.order_id}", due_ns=order.expires_ns))

    def cancel(self, order: Order, reason: str) -> None:
        """Ask the venue to take it off; only its answer ends the order."""
        self._session.out.append(
            CancelOrder(order_id=order.order_id, client_order_id=order.client_order_id, symbol=order.symbol)
        )

    def expire(self, order: Order) -> None:
        """The time is over: cancel, and wait for what had filled by then."""
        self._manager.cancel(order, "timeout")

    def is_irrevocable(self, order: Order) -> bool:
        """A market order at a venue fills before a cancel could reach it."""
        return order.kind == "market"

    def lose(self, order: Order, reason: str) -> None:
        """The answer is missing: nobody knows, and the venue is asked."""
        if order.state != "unknown":
            order.apply("unknown")
            self._account.resolve(order, 1)
            self._manager.changed(order)
            self._session.emit(
                Unknown, self._session.now_ns, order_id=order.order_id, symbol=order.symbol, reason=reason
            )
        self._session.out.append(
            QueryOrder(order_id=order.order_id, client_order_id=order.client_order_id, symbol=order.symbol)
        )

    def send_again(self, order: Order) -> None:
        """Proven absent: the same request under the same client order id, unless entries are held back."""
        order.apply("absent")
        self._account.resolve(order, -1)
        self._manager.changed(order)
        if order.cancel_reason or (order.is_entry and not self._gate.is_open):
            self._manager.cancelled(order, order.cancel_reason or self._gate.token)
            return
        session = self._session
        requested = Requested(
            **self._manager.request_fields(order),
            v=Requested.VERSION,
            id=event_id(session.name, session.numbering.source, order.request_seq),
            session=session.name,
            source=session.numbering.source,
            seq=order.request_seq,
            event_ns=order.request_ns,
            cause=session.cause,
        )
        session.out.append(SendOrder(order=requested))
