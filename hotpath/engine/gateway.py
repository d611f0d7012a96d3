# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Where orders go: the paper venue (paper.py) or a real one (venue.py), as the order manager sees them."""

from __future__ import annotations

import cython

from live_runner.hotpath.engine.book import Venue

if not cython.compiled:
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.state import Market

__all__ = ["Gateway", "Retry"]


class Gateway(Venue):
    """Where orders go."""

    def submit(self, order: Order) -> None:
        """Hand over an order whose request has been recorded."""
        raise NotImplementedError

    def cancel(self, order: Order, reason: str) -> None:
        """Take an order off the book."""
        raise NotImplementedError

    def expire(self, order: Order) -> None:
        """Take an order off the book because its time has run out."""
        raise NotImplementedError

    def is_irrevocable(self, order: Order) -> bool:
        """Whether it is too late to cancel: a market order on its way to the next open."""
        raise NotImplementedError

    def highest_attempt(self, order: Order) -> int:
        """The highest number that an attempt at the order's intent has."""
        return order.attempt

    def flatten(self, command_id: str) -> None:
        """Close every leg at the market; the orders are numbered after the command."""
        raise NotImplementedError

    def close_leg(self, market: Market, side: int, intent_id: str) -> None:
        """Close one leg at the market, by an intent that is not the strategy's."""
        raise NotImplementedError


class Retry:
    """An attempt that waits for its spacing."""

    def __init__(self, due_ns: int, order: Order) -> None:
        self.due_ns = due_ns
        self.order = order
