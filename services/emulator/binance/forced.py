"""Closes that nobody ordered: liquidation, auto-deleveraging, settlement of a delisted symbol.

The venue's own orders carry the client ids ``autoclose-``, ``adl_autoclose-`` and ``settlement_autoclose-``, and their
fills come with the execution type CALCULATED, without TRADE_LITE.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import ZERO, rounded
from live_runner.services.emulator.binance.fills import end, end_algo, fill
from live_runner.services.emulator.binance.margin import asset_margin
from live_runner.services.emulator.binance.payloads import order_body
from live_runner.services.emulator.binance.rules import changed_rules
from live_runner.services.emulator.binance.state import Account, Order, Position, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["adl", "liquidate", "settle_symbol", "watch_margin"]

_WARNING: Final = Decimal("0.8")
"""Share of the margin balance that the maintenance margin takes when MARGIN_CALL is sent."""


def watch_margin(venue: Venue, symbol: str, now_ms: int) -> None:
    """After a price of the symbol: MARGIN_CALL when the margin gets short, liquidation when it is used up."""
    for account in venue.state.accounts.values():
        if not account.options.liquidates or not account.held(symbol):
            continue
        margin = asset_margin(venue, account, venue.market(symbol).rules.quote)
        if margin.balance <= margin.maintenance:
            liquidate(venue, account, None, now_ms)
            account.warned = False
        elif margin.maintenance >= _WARNING * margin.balance:
            if not account.warned:
                account.warned = True
                venue.send(account.key, events.margin_call(venue, account, venue.market(symbol).rules.quote, now_ms))
        else:
            account.warned = False


def liquidate(
    venue: Venue, account: Account, symbol: str | None, now_ms: int, status: str = ""
) -> list[dict[str, Any]]:
    """Cancel the account's orders and close its positions (of one symbol, or all) at the mark price.

    Besides the taker's fee the insurance fund takes its share of the notional (INSURANCE_CLEAR); what is then missing
    below a balance of 0 it gives.
    """
    for order in venue.open_orders(account.key, symbol):
        end(venue, order, "EXPIRED", now_ms)
    for algo in venue.open_algos(account.key, symbol):
        end_algo(venue, algo.id, "EXPIRED", now_ms)
    closed = []
    for position in account.held(symbol):
        market = venue.market(position.symbol)
        part = abs(position.quantity)
        order = _close(venue, account, market, position, part, ZERO, "autoclose-", now_ms, status)
        _clear(venue, account, market, -rounded(order.quote * market.rules.liquidation_fee), now_ms)
        missing = -account.wallet.get(market.rules.quote, ZERO)
        if missing > 0 and not account.held():
            _clear(venue, account, market, missing, now_ms)
        closed.append(order_body(market.rules, order))
    return closed


def adl(
    venue: Venue, account: Account, symbol: str, quantity: Decimal, price: Decimal, now_ms: int, status: str = ""
) -> list[dict[str, Any]]:
    """Close ``quantity`` (0: all) of each of the symbol's positions at ``price`` (0: the mark price)."""
    market = venue.market(symbol)
    return [
        order_body(
            market.rules, _close(venue, account, market, position, part, price, "adl_autoclose-", now_ms, status)
        )
        for position in account.held(symbol)
        if (part := min(quantity or abs(position.quantity), abs(position.quantity)))
    ]


def settle_symbol(venue: Venue, symbol: str, price: Decimal, now_ms: int) -> list[dict[str, Any]]:
    """Delist the symbol: orders expire, positions are closed at ``price`` (0: the mark price), its status is CLOSE."""
    market, closed = venue.market(symbol), []
    market.rules = changed_rules(market.rules, {"status": "SETTLING", "delivery_ms": now_ms})
    for account in venue.state.accounts.values():
        for order in venue.open_orders(account.key, symbol):
            end(venue, order, "EXPIRED", now_ms)
        for algo in venue.open_algos(account.key, symbol):
            end_algo(venue, algo.id, "EXPIRED", now_ms)
        for position in account.held(symbol):
            part = abs(position.quantity)
            order = _close(venue, account, market, position, part, price, "settlement_autoclose-", now_ms)
            closed.append(order_body(market.rules, order))
    market.rules = changed_rules(market.rules, {"status": "CLOSE"})
    return closed


def _clear(venue: Venue, account: Account, market: SymbolMarket, amount: Decimal, now_ms: int) -> None:
    """Book what the insurance fund takes or gives."""
    quote = market.rules.quote
    if amount:
        venue.state.book_income(account, "INSURANCE_CLEAR", amount, quote, now_ms, symbol=market.rules.symbol)
        update = events.account_update(venue, account, "INSURANCE_CLEAR", [(quote, amount)], [], now_ms)
        venue.send(account.key, update)


def _close(
    venue: Venue,
    account: Account,
    market: SymbolMarket,
    position: Position,
    quantity: Decimal,
    price: Decimal,
    prefix: str,
    now_ms: int,
    status: str = "",
) -> Order:
    number = venue.state.take_order_id()
    at = price or rounded(market.mark, market.rules.price_decimals)
    order = Order(
        id=number,
        account=account.key,
        client_id=f"{prefix}{number}",
        symbol=market.rules.symbol,
        side="SELL" if position.quantity > 0 else "BUY",
        position_side=position.side,
        type="LIMIT",
        time_in_force="IOC",
        quantity=quantity,
        price=at,
        created_ms=now_ms,
        updated_ms=now_ms,
        reduce_only=position.side == "BOTH",
        stp="NONE",
    )
    venue.add(order)
    fill(venue, order, quantity, at, now_ms, maker=False, execution="CALCULATED", status=status)
    return order
