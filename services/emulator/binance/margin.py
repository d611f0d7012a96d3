"""Margin of an account in cross margin, single-asset mode.

Binance's rules ("Initial margin for position and open orders", "Maintenance margin"): a symbol's initial margin is, in
one-way mode, the larger of |position + bids| and |position - asks| over the leverage, in hedge mode the sum of both
positions and of the orders that would open; orders that only reduce count for nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from live_runner.services.emulator.binance.amounts import ZERO, divided
from live_runner.services.emulator.binance.state import Account, Order, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = [
    "AssetMargin",
    "SymbolMargin",
    "asset_margin",
    "closable",
    "liquidation_price",
    "open_notional",
    "reduces",
    "symbol_margin",
]


class SymbolMargin(NamedTuple):
    """What one symbol ties up."""

    position: Decimal
    """Initial margin of what is held."""
    orders: Decimal
    """Initial margin that the open orders need beyond it."""
    maintenance: Decimal
    bids: Decimal
    """Notional of the open orders that buy."""
    asks: Decimal

    @property
    def initial(self) -> Decimal:
        """Of position and orders."""
        return self.position + self.orders


class AssetMargin(NamedTuple):
    """One asset of an account."""

    wallet: Decimal
    unrealized: Decimal
    position: Decimal
    orders: Decimal
    maintenance: Decimal

    @property
    def balance(self) -> Decimal:
        """Margin balance: wallet and unrealised profit."""
        return self.wallet + self.unrealized

    @property
    def initial(self) -> Decimal:
        """Of positions and orders."""
        return self.position + self.orders

    @property
    def available(self) -> Decimal:
        """For new positions; not below 0."""
        return max(ZERO, self.balance - self.initial)

    @property
    def withdrawable(self) -> Decimal:
        """Without unrealised profits."""
        return max(ZERO, min(self.wallet, self.balance) - self.initial)


def reduces(order: Order) -> bool:
    """Whether the order may only close: reduce-only, or the closing side of a hedged position."""
    if order.position_side == "BOTH":
        return order.reduce_only
    return (order.side == "SELL") == (order.position_side == "LONG")


def closable(account: Account, order: Order) -> Decimal:
    """How much the order can close of what is held."""
    held = account.position(order.symbol, order.position_side).quantity
    return abs(held) if held * order.sign < 0 else ZERO


def symbol_margin(venue: Venue, account: Account, symbol: str, added: Order | None = None) -> SymbolMargin:
    """The symbol's margin, with an order that is about to be added."""
    market = venue.market(symbol)
    mark, leverage = market.mark, Decimal(account.leverage_of(symbol))
    bids, asks = open_notional(venue, account.key, symbol, added)
    held = ZERO
    gross = maintenance = ZERO
    for position in account.held(symbol):
        notional = position.quantity * mark
        held += notional
        gross += abs(notional)
        maintenance += market.rules.maintenance(abs(notional))
    needed = gross + bids + asks if account.options.hedge else max(abs(held + bids), abs(held - asks), gross)
    of_position = divided(gross, leverage)
    return SymbolMargin(of_position, divided(needed, leverage) - of_position, maintenance, bids, asks)


def open_notional(venue: Venue, key: str, symbol: str, added: Order | None = None) -> tuple[Decimal, Decimal]:
    """What the orders that may open buy and sell, at their own prices, a market order at the mark price."""
    bids = asks = ZERO
    mark = venue.market(symbol).mark
    orders = venue.open.orders[symbol].values()
    for order in [*orders, added] if added is not None else orders:
        if order.account != key or reduces(order):
            continue
        notional = order.rest * (order.price or mark)
        if order.side == "BUY":
            bids += notional
        else:
            asks += notional
    return bids, asks


def asset_margin(venue: Venue, account: Account, asset: str) -> AssetMargin:
    """The asset's margin over every symbol that is margined in it."""
    position = orders = maintenance = unrealized = ZERO
    held = {p.symbol for p in account.held()}
    for symbol, market in venue.state.markets.items():
        if market.rules.quote != asset or not (symbol in held or venue.open.orders[symbol]):
            continue
        margin = symbol_margin(venue, account, symbol)
        position, orders = position + margin.position, orders + margin.orders
        maintenance += margin.maintenance
        unrealized += sum((p.unrealized(market.mark) for p in account.held(symbol)), ZERO)
    return AssetMargin(account.wallet.get(asset, ZERO), unrealized, position, orders, maintenance)


def liquidation_price(account: Account, market: SymbolMarket, margin: AssetMargin, side: str) -> Decimal:
    """Mark price at which the account's margin falls to its maintenance margin while all other prices stand still.

    Binance's formula for cross margin: (balance - other maintenance + deduction - cost) / (|quantity| * ratio -
    quantity); 0 when there is no such price.
    """
    position = account.position(market.rules.symbol, side)
    if not position.quantity:
        return ZERO
    notional = abs(position.quantity) * market.mark
    bracket = market.rules.bracket(notional)
    own = position.unrealized(market.mark)
    others = margin.maintenance - market.rules.maintenance(notional)
    divisor = abs(position.quantity) * bracket.ratio - position.quantity
    dividend = margin.balance - own - others + bracket.deduction - position.cost
    price = divided(dividend, divisor)
    return max(ZERO, price)
