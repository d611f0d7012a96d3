"""Orders that are open: found by leg, shown as ``settled`` lists them, written as a request names them."""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.messages import Pending
from live_runner.services.execution.core.orders import Order
from live_runner.services.execution.core.session import Session

__all__ = ["OpenOrders"]


class OpenOrders:
    """Open orders by id, in the order of their requests."""

    def __init__(self, session: Session) -> None:
        self._session: Final = session
        self.orders: dict[str, Order] = {}
        self._pending: dict[str, Pending] = {}
        """How each order was last shown, until it changes."""

    def remember(self, order: Order) -> None:
        """One more open order."""
        self.orders[order.order_id] = order

    def forget(self, order: Order) -> None:
        """It is closed."""
        self.orders.pop(order.order_id, None)
        self._pending.pop(order.order_id, None)

    def on_leg(self, symbol: str, leg: str) -> list[Order]:
        """Open orders of a leg."""
        return [order for order in self.orders.values() if order.symbol == symbol and order.leg == leg]

    def closes_whole_leg(self, symbol: str, leg: str) -> bool:
        """Whether a market order is on its way that closes all of the leg."""
        return any(
            order.action == "close" and order.kind == "market" and not order.cancel_reason
            for order in self.on_leg(symbol, leg)
        )

    def changed(self, order: Order) -> None:
        """The order looks different now to whoever lists the pending ones."""
        self._pending.pop(order.order_id, None)

    def pending(self) -> list[Pending]:
        """Every open order, in the order of requests."""
        if not self.orders:
            return []
        return [self._pending.get(order.order_id) or self._as_pending(order) for order in self.orders.values()]

    def _as_pending(self, order: Order) -> Pending:
        market = self._session.markets[order.symbol]
        pending = self._pending[order.order_id] = Pending(
            order_id=order.order_id,
            intent_id=order.intent_id,
            symbol=order.symbol,
            leg=order.leg,
            side=order.side,
            kind=order.kind,
            action=order.action,
            remaining=market.lot_grid.text(order.remaining),
            price=None if order.price is None else market.grid.text(order.price),
            status=order.state,
            expires_ns=order.expires_ns,
            parent=order.parent,
        )
        return pending

    def request_fields(self, order: Order) -> dict[str, Any]:
        """The fields of an order's request, the same each time they are asked for."""
        market = self._session.markets[order.symbol]
        return {
            "order_id": order.order_id,
            "client_order_id": order.client_order_id,
            "intent_id": order.intent_id,
            "attempt": order.attempt,
            "symbol": order.symbol,
            "leg": order.leg,
            "side": order.side,
            "action": order.action,
            "kind": order.kind,
            "quantity": market.lot_grid.text(order.quantity),
            "price": None if order.price is None else market.grid.text(order.price),
            "reduce_only": order.reduce_only,
            "reference_price": market.grid.text(order.reference),
            "expires_ns": order.expires_ns,
            "reason": order.reason,
            "asked_quantity": order.asked,
            "parent": order.parent,
        }
