"""The order book that taking orders meet: made around the last price, used up by what is taken.

The best bid is the last price, the best ask ``spread_ticks`` above it. With ``level_quantity`` every level, a tick
apart, holds that much; what was taken since the last print is gone until the next one. Without it the best level has
no end.
The book is other people's: orders of this exchange's accounts trade with the market alone, never with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from live_runner.services.emulator.binance.amounts import ZERO
from live_runner.services.emulator.binance.state import SymbolMarket

__all__ = ["best", "levels", "take"]


def best(market: SymbolMarket, side: str) -> Decimal:
    """Best price for whoever takes with that side: the ask for BUY, the bid for SELL."""
    return market.last + market.book.spread_ticks * market.rules.tick if side == "BUY" else market.last


def levels(market: SymbolMarket, side: str) -> Iterator[tuple[Decimal, Decimal | None]]:
    """(price, quantity) for whoever takes with that side, best first; quantity None has no end."""
    if not market.last:
        return
    price = best(market, side)
    if market.book.level_quantity is None:
        yield price, None
        return
    step = market.rules.tick if side == "BUY" else -market.rules.tick
    taken = market.taken.get(side, ZERO)
    for _ in range(market.book.levels):
        if price < market.rules.tick:
            return
        left = max(ZERO, market.book.level_quantity - taken)
        taken = max(ZERO, taken - market.book.level_quantity)
        if left:
            yield price, left
        price += step


def take(market: SymbolMarket, side: str, quantity: Decimal, limit: Decimal | None) -> list[tuple[Decimal, Decimal]]:
    """(price, quantity) that an order of that quantity gets now, at its limit or better; the book is not changed."""
    found = []
    for price, offered in levels(market, side):
        if limit is not None and (price > limit if side == "BUY" else price < limit):
            break
        part = quantity if offered is None else min(quantity, offered)
        found.append((price, part))
        quantity -= part
        if not quantity:
            break
    return found
