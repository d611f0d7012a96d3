"""REST bodies of orders, algo orders, trades and incomes, with the keys and types that the venue sends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from live_runner.services.emulator.binance.amounts import ZERO, digits, text
from live_runner.services.emulator.binance.rules import SymbolRules
from live_runner.services.emulator.binance.state import AlgoOrder, Income, Order, Trade
from live_runner.services.emulator.binance.venue import Venue

__all__ = [
    "algo_body",
    "average_text",
    "income_body",
    "order_body",
    "placed_body",
    "price_text",
    "quantity_text",
    "trade_body",
]

_AVERAGE_DECIMALS = 4
"""Digits that an average price has more than a price."""


def price_text(rules: SymbolRules, price: Decimal) -> str:
    """A price of the symbol."""
    return text(price, rules.price_decimals)


def quantity_text(rules: SymbolRules, quantity: Decimal) -> str:
    """A quantity of the symbol."""
    return text(quantity, rules.quantity_decimals)


def average_text(rules: SymbolRules, price: Decimal) -> str:
    """An average of prices, which needs not stand on the tick."""
    return text(price, min(8, rules.price_decimals + _AVERAGE_DECIMALS))


def order_body(rules: SymbolRules, order: Order) -> dict[str, Any]:
    """An order, as placing, cancelling and querying answer it."""
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": price_text(rules, order.price),
        "avgPrice": average_text(rules, order.average),
        "origQty": quantity_text(rules, order.quantity),
        "executedQty": quantity_text(rules, order.executed),
        "cumQuote": digits(order.quote),
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": price_text(rules, order.stop_price),
        "workingType": order.working_type,
        "priceProtect": False,
        "origType": order.original_type or order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp,
        "goodTillDate": order.good_till_ms,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def placed_body(rules: SymbolRules, order: Order) -> dict[str, Any]:
    """An order as placing and cancelling answer it: without the time of its creation, with ``cumQty``."""
    body = order_body(rules, order)
    del body["time"]
    return {**body, "cumQty": body["executedQty"]}


def algo_body(venue: Venue, algo: AlgoOrder) -> dict[str, Any]:
    """An algo order, as placing and querying answer it."""
    rules = venue.market(algo.symbol).rules
    child = venue.state.orders.get(algo.order_id)
    body: dict[str, Any] = {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type,
        "type": algo.type,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": algo.position_side,
        "timeInForce": algo.time_in_force,
        "quantity": quantity_text(rules, algo.quantity),
        "algoStatus": algo.status,
        "actualOrderId": str(algo.order_id) if algo.order_id else "",
        "actualPrice": average_text(rules, child.average if child is not None else ZERO),
        "triggerPrice": price_text(rules, algo.trigger),
        "price": price_text(rules, algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": algo.stp,
        "workingType": algo.working_type,
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created_ms,
        "updateTime": algo.updated_ms,
        "triggerTime": algo.triggered_ms,
        "goodTillDate": algo.good_till_ms,
    }
    if algo.type == "TRAILING_STOP_MARKET":
        body |= {"activatePrice": price_text(rules, algo.trigger), "callbackRate": digits(algo.callback)}
    return body


def trade_body(rules: SymbolRules, trade: Trade) -> dict[str, Any]:
    """A trade of the account."""
    return {
        "symbol": trade.symbol,
        "id": trade.id,
        "orderId": trade.order_id,
        "side": trade.side,
        "price": price_text(rules, trade.price),
        "qty": quantity_text(rules, trade.quantity),
        "realizedPnl": text(trade.realized),
        "marginAsset": rules.quote,
        "quoteQty": text(trade.price * trade.quantity),
        "commission": text(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.at_ms,
        "positionSide": trade.position_side,
        "buyer": trade.side == "BUY",
        "maker": trade.maker,
    }


def income_body(income: Income) -> dict[str, Any]:
    """A line of the income history."""
    return {
        "symbol": income.symbol,
        "incomeType": income.kind,
        "income": text(income.amount),
        "asset": income.asset,
        "time": income.at_ms,
        "info": income.info or income.kind,
        "tranId": income.id,
        "tradeId": str(income.trade_id) if income.trade_id else "",
    }
