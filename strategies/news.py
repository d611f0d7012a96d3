"""Order events as a strategy receives them between two decisions, in order.

The hooks change the strategy's state and return nothing; what follows from them is said at the next
``on_bar``, which comes right after the news of the same close.
"""

from __future__ import annotations

import msgspec

__all__ = ["Fill", "OrderUpdate", "Rejection"]


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One fill, also of a take-profit, a stop or a liquidation."""

    symbol: str
    leg: str
    action: str
    """``open``, ``add``, ``partial_close`` or ``close``."""
    side: str
    kind: str
    quantity: float
    price: float
    notional: float
    fee: float
    fee_currency: str
    liquidity: str
    realised: float
    """Realised PnL of this fill before fees."""
    slippage: float
    """Cost against the reference price; positive is adverse."""
    filled: float
    """Of the order, this fill included."""
    remaining: float
    is_done: bool
    """Whether the order is filled completely."""
    leg_quantity: float
    """The leg's quantity after this fill."""
    order_id: str
    intent_id: str
    reason: str
    at_ns: int


class Rejection(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An intent or order that came to nothing."""

    symbol: str
    leg: str
    action: str
    kind: str
    """``refused`` by the runner, ``rejected`` by the venue, or ``blocked`` by the strategy's own policy."""
    reason: str
    """A token (``missing_quantity``, ``backoff``) or the venue's code."""
    message: str
    retrying: bool
    """Whether a further order for the same intent follows by itself; False also where one is allowed but held back."""
    restored: bool
    """Whether the leg's state is again what it was before the ``on_bar`` that asked for this."""
    intent_id: str
    order_id: str
    at_ns: int


class OrderUpdate(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order changed otherwise, or a risk limit of the session was tripped or reset (without symbol or order)."""

    symbol: str
    leg: str
    action: str
    status: str
    """``requested``, ``submitted``, ``accepted``, ``cancel_requested``, ``cancelled``, ``expired`` or ``unknown``; of
    a limit ``limit_tripped`` or ``limit_reset``, and ``reason`` is its name."""
    filled: float
    """Known for ``cancelled`` and ``expired``, otherwise 0."""
    remaining: float
    reason: str
    restored: bool
    """Whether the leg's state is again what it was before the ``on_bar`` that asked for this."""
    intent_id: str
    order_id: str
    at_ns: int
