"""Payloads of the user data streams, with the keys and types that the venue sends."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from live_runner.services.emulator.binance.amounts import ZERO, digits, text
from live_runner.services.emulator.binance.margin import open_notional
from live_runner.services.emulator.binance.payloads import average_text, price_text, quantity_text
from live_runner.services.emulator.binance.state import Account, AlgoOrder, Order, Position, Trade
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["account_update", "algo_update", "configuration_update", "margin_call", "order_update", "trade_lite"]


def order_update(
    venue: Venue, order: Order, execution: str, now_ms: int, trade: Trade | None = None, status: str = ""
) -> dict[str, Any]:
    """ORDER_TRADE_UPDATE: what happened to an order (``x``), its state after it (``X``), and the fill."""
    rules = venue.market(order.symbol).rules
    bids, asks = open_notional(venue, order.account, order.symbol)
    body: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": quantity_text(rules, order.quantity),
        "p": price_text(rules, order.price),
        "ap": average_text(rules, order.average),
        "sp": price_text(rules, order.stop_price),
        "x": execution,
        "X": status or order.status,
        "i": order.id,
        "l": quantity_text(rules, trade.quantity if trade else ZERO),
        "z": quantity_text(rules, order.executed),
        "L": price_text(rules, trade.price if trade else ZERO),
        "N": trade.fee_asset if trade else rules.quote,
        "n": text(trade.fee) if trade else "0",
        "T": now_ms,
        "t": trade.id if trade else 0,
        "b": digits(bids),
        "a": digits(asks),
        "m": trade.maker if trade else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_type or order.type,
        "ps": order.position_side,
        "cp": order.close_position,
        "AP": "0",
        "cr": "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "rp": text(trade.realized if trade else ZERO),
        "V": order.stp,
        "pm": "NONE",
        "gtd": order.good_till_ms,
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": now_ms, "E": now_ms, "o": body}


def trade_lite(venue: Venue, order: Order, trade: Trade) -> dict[str, Any]:
    """TRADE_LITE: a fill at once, without fee and state."""
    rules = venue.market(order.symbol).rules
    return {
        "e": "TRADE_LITE",
        "E": trade.at_ms,
        "T": trade.at_ms,
        "s": order.symbol,
        "q": quantity_text(rules, order.quantity),
        "p": price_text(rules, order.price),
        "m": trade.maker,
        "c": order.client_id,
        "S": order.side,
        "L": price_text(rules, trade.price),
        "l": quantity_text(rules, trade.quantity),
        "t": trade.id,
        "i": order.id,
    }


def account_update(
    venue: Venue,
    account: Account,
    reason: str,
    changes: Sequence[tuple[str, Decimal]],
    positions: Sequence[Position],
    now_ms: int,
) -> dict[str, Any]:
    """ACCOUNT_UPDATE: balances after a change, each with what came from outside (``bc``), and the positions touched."""
    wallet: dict[str, str] = {}
    balances: dict[str, Decimal] = {}
    for asset, outside in changes:
        wallet[asset] = text(account.wallet.get(asset, ZERO))
        balances[asset] = balances.get(asset, ZERO) + outside
    return {
        "e": "ACCOUNT_UPDATE",
        "T": now_ms,
        "E": now_ms,
        "a": {
            "m": reason,
            "B": [
                {"a": asset, "wb": wallet[asset], "cw": wallet[asset], "bc": digits(outside)}
                for asset, outside in balances.items()
            ],
            "P": [_position(venue, position) for position in positions],
        },
    }


def _position(venue: Venue, position: Position) -> dict[str, Any]:
    market = venue.market(position.symbol)
    return {
        "s": position.symbol,
        "pa": quantity_text(market.rules, position.quantity),
        "ep": average_text(market.rules, position.entry),
        "bep": average_text(market.rules, position.entry),
        "cr": text(position.realized),
        "up": text(position.unrealized(market.mark)),
        "mt": "cross",
        "iw": "0",
        "ps": position.side,
        "ma": market.rules.quote,
    }


def algo_update(venue: Venue, algo: AlgoOrder, now_ms: int) -> dict[str, Any]:
    """ALGO_UPDATE: a conditional order's own state, and the order that it became (``ai``)."""
    rules = venue.market(algo.symbol).rules
    child = venue.state.orders.get(algo.order_id)
    body: dict[str, Any] = {
        "caid": algo.client_id,
        "aid": algo.id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side,
        "ps": algo.position_side,
        "f": algo.time_in_force,
        "q": quantity_text(rules, algo.quantity),
        "X": algo.status,
        "ai": str(child.id) if child else "",
    }
    # Where the order has just been sent on, the venue does not know yet what became of it.
    if algo.status != "TRIGGERING":
        body |= {
            "ap": average_text(rules, child.average if child else ZERO),
            "aq": quantity_text(rules, child.executed if child else ZERO),
            "act": child.type if child else "0",
        }
    body |= {
        "tp": price_text(rules, algo.trigger),
        "p": price_text(rules, algo.price),
        "V": algo.stp,
        "wt": algo.working_type,
        "pm": "NONE",
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": algo.good_till_ms,
    }
    if algo.reason:
        body["rm"] = algo.reason
    return {"e": "ALGO_UPDATE", "T": now_ms, "E": now_ms, "o": body}


def margin_call(venue: Venue, account: Account, asset: str, now_ms: int) -> dict[str, Any]:
    """MARGIN_CALL: the positions that use up the margin."""
    rows = []
    for position in account.held():
        market = venue.market(position.symbol)
        notional = abs(position.quantity) * market.mark
        rows.append(
            {
                "s": position.symbol,
                "ps": position.side,
                "pa": quantity_text(market.rules, position.quantity),
                "mt": "CROSSED",
                "iw": "0",
                "mp": average_text(market.rules, market.mark),
                "up": text(position.unrealized(market.mark)),
                "mm": text(market.rules.maintenance(notional)),
            }
        )
    return {"e": "MARGIN_CALL", "E": now_ms, "cw": text(account.wallet.get(asset, ZERO)), "p": rows}


def configuration_update(symbol: str, leverage: int, now_ms: int) -> dict[str, Any]:
    """ACCOUNT_CONFIG_UPDATE: the leverage of a symbol was changed."""
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": now_ms, "T": now_ms, "ac": {"s": symbol, "l": leverage}}
