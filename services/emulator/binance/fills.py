"""Fills and ends of orders: the only place where a trade comes to be.

A fill is booked as trade, position, incomes (realised profit, commission) and three events, in the venue's order:
TRADE_LITE, ACCOUNT_UPDATE, ORDER_TRADE_UPDATE.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import ZERO, divided, rounded
from live_runner.services.emulator.binance.book import take
from live_runner.services.emulator.binance.margin import closable, reduces
from live_runner.services.emulator.binance.positions import apply_fill
from live_runner.services.emulator.binance.state import Account, Order, Position, Trade
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["end", "end_algo", "fill", "fill_from_book", "finish_algo"]

_BURN: Final = Decimal("0.9")
"""Share of the fee that is left when it is paid in BNB."""


def fill(
    venue: Venue,
    order: Order,
    quantity: Decimal,
    price: Decimal,
    now_ms: int,
    *,
    maker: bool,
    execution: str = "TRADE",
    status: str = "",
) -> Trade | None:
    """Book a fill; None when the order may only reduce and there is nothing left to reduce (it has then expired).

    An order that may only reduce is cut to what it can close: it ends FILLED with a smaller quantity. ``status`` is
    what the stream shows instead of the order's own (NEW_ADL, NEW_INSURANCE).
    """
    account = venue.account(order.account)
    if reduces(order):
        most = closable(account, order)
        if not most:
            end(venue, order, "EXPIRED", now_ms)
            return None
        if quantity >= most:
            quantity, order.quantity = most, order.executed + most
    position = account.position(order.symbol, order.position_side)
    before = position.quantity
    realized = apply_fill(position, quantity * order.sign, price, now_ms)
    fee, asset = _fee(venue, account, order.symbol, quantity * price, maker)
    order.executed += quantity
    order.quote += quantity * price
    order.updated_ms = now_ms
    if order.status not in ("CANCELED", "EXPIRED") or not order.rest:
        order.status = "PARTIALLY_FILLED" if order.rest else "FILLED"
    if order.status == "FILLED":
        order.hidden_until_ms = now_ms + venue.state.options.hide_ms
    trade = Trade(
        id=venue.state.take_trade_id(),
        order_id=order.id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        position_side=order.position_side,
        price=price,
        quantity=quantity,
        realized=realized,
        fee=fee,
        fee_asset=asset,
        maker=maker,
        at_ms=now_ms,
    )
    account.trades.append(trade)
    _book(venue, account, trade, venue.market(order.symbol).rules.quote)
    venue.settle(order)
    if execution == "TRADE":
        venue.send(order.account, events.trade_lite(venue, order, trade))
    changed = [(venue.market(order.symbol).rules.quote, ZERO)] + ([(asset, ZERO)] if fee else [])
    venue.send(order.account, events.account_update(venue, account, "ORDER", changed, [position], now_ms))
    venue.send(order.account, events.order_update(venue, order, execution, now_ms, trade, status))
    if abs(position.quantity) < abs(before) or position.quantity * before < 0:
        _end_what_has_nothing_to_close(venue, account, position, now_ms)
    if not order.is_open:
        finish_algo(venue, order, now_ms)
    return trade


def fill_from_book(venue: Venue, order: Order, now_ms: int) -> None:
    """Take from the book what the order wants and its limit allows."""
    market = venue.market(order.symbol)
    limit = order.price if order.type == "LIMIT" else None
    for price, quantity in take(market, order.side, order.rest, limit):
        if not order.is_open:
            break
        market.taken[order.side] = market.taken.get(order.side, ZERO) + quantity
        fill(venue, order, quantity, price, now_ms, maker=False)


def end(venue: Venue, order: Order, status: str, now_ms: int, *, execution: str = "") -> None:
    """End an open order without a fill: CANCELED, EXPIRED or REJECTED."""
    order.status = status
    order.updated_ms = now_ms
    venue.settle(order)
    venue.send(order.account, events.order_update(venue, order, execution or status, now_ms))
    finish_algo(venue, order, now_ms)


def end_algo(venue: Venue, algo_id: int, status: str, now_ms: int, reason: str = "") -> None:
    """End a waiting algo order: CANCELED, EXPIRED or REJECTED."""
    algo = venue.state.algos[algo_id]
    algo.status, algo.updated_ms, algo.reason = status, now_ms, reason
    venue.settle_algo(algo)
    venue.send(algo.account, events.algo_update(venue, algo, now_ms))


def finish_algo(venue: Venue, order: Order, now_ms: int) -> None:
    """The order of a triggered algo order has ended: so has the algo order, filled or not."""
    algo = venue.state.algos.get(order.algo_id)
    if algo is None or algo.status != "TRIGGERED":
        return
    algo.status, algo.updated_ms = "FINISHED", now_ms
    venue.send(algo.account, events.algo_update(venue, algo, now_ms))


def _fee(venue: Venue, account: Account, symbol: str, notional: Decimal, maker: bool) -> tuple[Decimal, str]:
    options = account.options
    quote = venue.market(symbol).rules.quote
    fee = rounded(notional * (options.maker_fee if maker else options.taker_fee))
    if options.bnb_burn and fee > 0:
        market = venue.state.markets.get(f"BNB{quote}")
        burnt = divided(fee * _BURN, market.last if market is not None and market.last else options.bnb_price)
        if ZERO < burnt <= account.wallet.get("BNB", ZERO):
            return burnt, "BNB"
    return fee, quote


def _book(venue: Venue, account: Account, trade: Trade, quote: str) -> None:
    booked: dict[str, Any] = {"symbol": trade.symbol, "info": str(trade.id), "trade_id": trade.id}
    if trade.realized:
        venue.state.book_income(account, "REALIZED_PNL", trade.realized, quote, trade.at_ms, **booked)
    if trade.fee:
        venue.state.book_income(account, "COMMISSION", -trade.fee, trade.fee_asset, trade.at_ms, **booked)


def _end_what_has_nothing_to_close(venue: Venue, account: Account, position: Position, now_ms: int) -> None:
    """Orders that may only reduce expire with their position, and so do stops that close it."""
    for order in venue.open_orders(account.key, position.symbol):
        if order.position_side == position.side and reduces(order) and not closable(account, order):
            end(venue, order, "EXPIRED", now_ms)
    for algo in venue.open_algos(account.key, position.symbol):
        side = 1 if algo.side == "BUY" else -1
        if algo.close_position and algo.position_side == position.side and position.quantity * side >= 0:
            end_algo(venue, algo.id, "EXPIRED", now_ms)
