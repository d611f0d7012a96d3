"""What a fill does to a position, exactly."""

from __future__ import annotations

from decimal import Decimal

from live_runner.services.emulator.binance.amounts import ZERO, divided
from live_runner.services.emulator.binance.state import Position

__all__ = ["apply_fill"]


def apply_fill(position: Position, quantity: Decimal, price: Decimal, now_ms: int) -> Decimal:
    """Add a signed quantity at a price; what it realises, before fees.

    What is closed takes its share of the cost with it, rounded to 8 digits as the cost itself is, so that the last
    share takes what is left: the sum of what is realised is exact to the last unit once the position is flat.
    """
    realized = ZERO
    if position.quantity * quantity < 0:
        closed = min(abs(quantity), abs(position.quantity))
        signed = closed if position.quantity > 0 else -closed
        share = divided(position.cost * closed, abs(position.quantity))
        realized = signed * price - share
        position.quantity -= signed
        position.cost -= share
        quantity += signed
    position.quantity += quantity
    position.cost += quantity * price
    position.realized += realized
    position.updated_ms = now_ms
    return realized
