"""A strategy's view of its account: frozen, as of the close it decides at.

Numbers are the floats nearest to the exact decimals of the ledger. Positions live in the execution
service; nothing that is done to these objects can change one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["FLAT", "NO_BACKOFF", "BackoffView", "LegView", "LotView", "OrderView", "Rules", "View"]


class LotView(msgspec.Struct, frozen=True, gc=False):
    """One open piece of a leg."""

    quantity: float
    price: float
    opened_ns: int
    order_id: str = ""


class LegView(msgspec.Struct, frozen=True, gc=False):
    """One side of a symbol's position. Quantity is never negative; the lots stand oldest first."""

    quantity: float = 0.0
    average: float | None = None
    """Cost over quantity; None while flat."""
    lots: tuple[LotView, ...] = ()
    realised: float = 0.0
    """Realised PnL of the leg before fees and funding."""
    blocked: str = ""
    """Why execution refuses opens and adds on this leg, when it does."""

    @property
    def is_open(self) -> bool:
        """Whether there is a position."""
        return bool(self.lots)


FLAT = LegView()


class OrderView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order that is not finished."""

    order_id: str
    intent_id: str
    symbol: str
    leg: str
    side: str
    kind: str
    """One of ``contracts.vocabulary.KINDS``: an order style, ``stop`` or ``take_profit``."""
    action: str
    remaining: float
    price: float | None
    status: str
    expires_ns: int | None


class BackoffView(msgspec.Struct, frozen=True, gc=False):
    """Rejections in a row on one leg, and whether its opens and adds are held back now."""

    failures: int = 0
    blocked: bool = False
    until_ns: int | None = None
    detail: str = ""


class Rules(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The rules of one market. Limits are 0.0 where the market has none; the texts are exact."""

    symbol: str
    base: str
    quote: str
    settle: str
    contract: bool
    contract_size: float
    tick_size: float
    lot_size: float
    min_amount: float
    max_amount: float
    min_notional: float
    max_notional: float
    tick_size_text: str
    lot_size_text: str
    min_amount_text: str
    min_notional_text: str

    def smallest_quantity(self, price: float) -> float:
        """The least quantity that the market takes at this price, before rounding to the lot."""
        by_notional = self.min_notional / (price * self.contract_size) if price > 0 else 0.0
        return max(self.min_amount, self.lot_size, by_notional)


class View(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The account at one close, after matching; money in the settle currency.

    The same for every symbol of the close: what one symbol's ``on_bar`` asked for is not in it yet.
    """

    now_ns: int
    """The latest time in what was folded so far: the close, in simulated stages."""
    equity: float
    """Mark to market."""
    cash: float
    """Starting equity + realised - fees + funding."""
    exposure: float
    """Sum of the open notional of all legs."""
    margin: float
    gate: str
    """``open``, ``stopped``, ``killed`` or ``flattening``: only closes pass unless it is open."""
    legs: Mapping[tuple[str, str], LegView]
    orders: Mapping[str, tuple[OrderView, ...]]
    rules: Mapping[str, Rules]
    backoffs: Mapping[tuple[str, str], BackoffView]

    def leg(self, symbol: str, side: str) -> LegView:
        """The leg; flat when there is no position."""
        return self.legs.get((symbol, side), FLAT)

    def pending(self, symbol: str) -> tuple[OrderView, ...]:
        """Orders of the symbol that are not finished, oldest first."""
        return self.orders.get(symbol, ())

    def instrument(self, symbol: str) -> Rules:
        """The market's rules."""
        return self.rules[symbol]

    def backoff(self, symbol: str, side: str) -> BackoffView:
        """The leg's rejections in a row."""
        return self.backoffs.get((symbol, side), NO_BACKOFF)


NO_BACKOFF = BackoffView()
