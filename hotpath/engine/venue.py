# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The gateway to a real venue: effects for the shell, and what a missing answer means.

An order without a response is ``unknown``: it is queried by its client order id, and nothing is sent for its leg
until the venue has answered. It is sent again only after proven absence, under the same client order id.
"""

from __future__ import annotations

import cython

from live_runner.hotpath.engine.manager import Gateway
from live_runner.hotpath.engine.theory import Theory

if not cython.compiled:
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, apply_report, order_name
    from live_runner.hotpath.engine.state import State
    from live_runner.hotpath.engine.trading_state import trading_reason
    from live_runner.hotpath.engine.words import MARKET, REPORT_ABSENT, TRADING_OPEN, UNKNOWN

__all__ = ["RemoteVenue"]


class RemoteVenue(Gateway):
    """Turns orders into calls for the shell to make; their outcomes come back as reports."""

    def __init__(self, state: State, manager: Manager) -> None:
        self.state = state
        self.manager = manager
        self.theory = Theory(state)

    def submit(self, order: Order) -> None:
        """Send, once the request is acknowledged; expiry is a timer."""
        self.state.sink.send(order)
        if order.expires_ns >= 0:
            self.state.sink.set_timer(f"expire {order_name(order)}", order.expires_ns)
        self.theory.place(order)

    def cancel(self, order: Order, reason: str) -> None:
        """Ask the venue to take it off; only its answer ends the order."""
        self.theory.take_off(order)
        self.state.sink.cancel_order(order)

    def expire(self, order: Order) -> None:
        """The time is over: cancel, and wait for what had filled by then."""
        order.timed_out = True
        self.manager.cancel(order, "timeout")

    def is_irrevocable(self, order: Order) -> bool:
        """A market order at a venue fills before a cancel could reach it."""
        return order.kind == MARKET

    def query_unknown(self, order: Order, reason: str) -> None:
        """No response: set the state to unknown and query by client order id."""
        if order.state != UNKNOWN:
            self.manager.mark_unknown(order, reason)
        self.state.sink.query(order)

    def send_again(self, order: Order) -> None:
        """Proven absent: the same request under the same client order id, unless entries are held back."""
        apply_report(order, REPORT_ABSENT)
        self.manager.resolve(order, -1)
        order.pending = None
        if order.cancel_reason or (not order.reduce and self.state.trading != TRADING_OPEN):
            self.manager.cancelled(order, order.cancel_reason or trading_reason(self.state))
        else:
            self.state.sink.send_again(order)
