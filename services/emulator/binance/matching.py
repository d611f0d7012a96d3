"""Matching on traded prices: orders that rest fill and conditional orders trigger as the price meets them.

A print moves the last price. Unless it jumps, the price passes every tick between; each order is met at its own price,
the nearer one first, at one price by number: first the resting orders (a trade at their price is what triggers the
others), then the conditional ones. A resting order fills at its limit as maker: wholly when the price goes beyond it,
and when the price only comes to it, up to ``Book.participation`` of the print's quantity. A triggered order meets
the book at the price that triggered it.
"""

from __future__ import annotations

from decimal import Decimal

from live_runner.services.emulator.binance.algos import follow, is_met, rises, trigger, trigger_price
from live_runner.services.emulator.binance.amounts import ZERO, cut, is_multiple
from live_runner.services.emulator.binance.fills import fill
from live_runner.services.emulator.binance.state import Order, Print, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["trade_at"]


def trade_at(venue: Venue, market: SymbolMarket, traded: Print) -> None:
    """A trade in the market: move the last price there and match what it meets."""
    market.taken.clear()
    market.updates += 1
    market.changed_ms = traded.at_ms
    share = market.book.participation
    budget = None if share is None else cut(traded.quantity * share, market.rules.step)
    if not market.last or traded.jumps:
        _arrive(venue, market, traded.price, traded, budget)
        return
    while market.last != traded.price:
        price = _next(venue, market, traded.price)
        _arrive(venue, market, price, traded, budget)
        if price == traded.price:
            return
    _arrive(venue, market, traded.price, traded, budget)


def _next(venue: Venue, market: SymbolMarket, target: Decimal) -> Decimal:
    """The nearest price on the way to ``target`` at which an order is met, or the target."""
    symbol, tick, up = market.rules.symbol, market.rules.tick, target > market.last
    first = min(market.last + tick, target) if up else max(market.last - tick, target)
    beyond = (tick if up else -tick) if market.book.through else ZERO
    nearest = target
    for order in venue.open.orders[symbol].values():
        # An order that used up a side of the book rests beyond the last price, and the next print meets it.
        if _meets(market, order, first):
            return first
        if (order.side == "SELL") == up:
            price = order.price + beyond
            nearest = min(nearest, price) if up else max(nearest, price)
    for algo in venue.open.algos[symbol].values():
        if is_met(market, algo, first):
            return first
        if rises(algo) == up:
            price = trigger_price(market, algo)
            if not is_multiple(price, tick):
                price = cut(price, tick) + (tick if up else ZERO)
            nearest = min(nearest, price) if up else max(nearest, price)
    return nearest


def _arrive(venue: Venue, market: SymbolMarket, price: Decimal, traded: Print, budget: Decimal | None) -> None:
    before, symbol, now_ms = market.last, market.rules.symbol, traded.at_ms
    market.last = price
    way = (price > before) - (price < before) if before else 0
    met = [o for o in venue.open.orders[symbol].values() if _meets(market, o, price)]
    met.sort(key=lambda o: (max(ZERO, (o.price - before) * way), o.id))
    for order in met:
        if not order.is_open:
            continue
        touched = order.price == price and price == traded.price
        quantity = order.rest if budget is None or not touched else min(order.rest, budget)
        if quantity:
            fill(venue, order, quantity, order.price, now_ms, maker=True)
            if budget is not None and touched:
                budget -= quantity
    waiting = [a for a in venue.open.algos[symbol].values() if is_met(market, a, price)]
    waiting.sort(key=lambda a: (max(ZERO, (trigger_price(market, a) - before) * way), a.id))
    for algo in waiting:
        if algo.status == "NEW" and is_met(market, algo, price):
            trigger(venue, algo, now_ms)
    for algo in venue.open.algos[symbol].values():
        follow(market, algo)


def _meets(market: SymbolMarket, order: Order, price: Decimal) -> bool:
    """Whether a trade at that price meets the resting order."""
    if price == order.price:
        return not market.book.through
    return price < order.price if order.side == "BUY" else price > order.price
