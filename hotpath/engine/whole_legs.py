# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Stops and targets of a whole leg among the open orders: which legs have one, and for how much it is."""

from __future__ import annotations

import cython

if not cython.compiled:
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.state import Market

__all__ = ["cover", "follow"]


def cover(market: Market, order: Order, change: int) -> None:
    """An order is open (+1), or has ended (-1): its leg has one more or less of its own where it is such an order."""
    if order.whole:
        leg = market.leg(order.side)
        leg.covered += change


def follow(market: Market, side: int) -> None:
    """Something was filled: they are for what the leg holds now. Those of a flat leg end anyway.

    On the paper venue: at a real one they are replaced (venue_protection.py).
    """
    leg = market.leg(side)
    if leg.covered and leg.quantity > 0:
        for order in market.open_orders:
            if order.whole and order.side == side and order.venue_number:
                order.quantity = order.filled + leg.quantity
                order.pending = None
                order.view = None
