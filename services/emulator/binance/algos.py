"""Conditional orders (Binance's Algo Service): numbers, statuses and streams of their own.

An algo order never fills. When its trigger is met it becomes another order:

    NEW -> TRIGGERING -> (the order's own events) -> TRIGGERED -> FINISHED, when that order has ended, filled or not
    NEW -> CANCELED     by the account
    NEW -> EXPIRED      a stop that closes the position, and the position is gone
    TRIGGERING -> REJECTED  the order was refused (margin, nothing to reduce)

The order's first events come before TRIGGERED, as the venue's do.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import ZERO, cut
from live_runner.services.emulator.binance.fills import end_algo, finish_algo
from live_runner.services.emulator.binance.margin import closable
from live_runner.services.emulator.binance.parameters import (
    check_price,
    check_quantity,
    client_id,
    decimal,
    flag,
    integer,
)
from live_runner.services.emulator.binance.placing import accept, check, position_side, side_of, time_in_force
from live_runner.services.emulator.binance.refusals import Refused, malformed, refusal
from live_runner.services.emulator.binance.state import Account, AlgoOrder, Order, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["find_algo", "is_met", "place", "rises", "trigger", "trigger_price"]

_LIMITS: Final = ("STOP", "TAKE_PROFIT")
_MARKETS: Final = ("STOP_MARKET", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_CALLBACKS: Final = (Decimal("0.1"), Decimal(10))
_FORGOTTEN_MS: Final = 90 * 86_400_000


def place(venue: Venue, account: Account, params: Mapping[str, str], now_ms: int) -> AlgoOrder:
    """Check and accept a conditional order; Refused with the venue's code."""
    if params.get("algoType", "") != "CONDITIONAL":
        raise malformed("algoType")
    market = venue.market(params.get("symbol", ""))
    kind = params.get("type", "")
    if kind not in _LIMITS + _MARKETS:
        raise refusal(-1116) if kind else malformed("type")
    closes = flag(params, "closePosition")
    if account.options.hedge and "reduceOnly" in params:
        raise refusal(-1106, "reduceonly")
    algo = AlgoOrder(
        id=venue.state.next_algo_id,
        account=account.key,
        client_id=client_id(params, "clientAlgoId", venue.state.next_algo_id),
        symbol=market.rules.symbol,
        side=side_of(params),
        position_side=position_side(account, params),
        type=kind,
        time_in_force=time_in_force({"timeInForce": "GTC", **params}),
        quantity=ZERO if closes else decimal(params, "quantity"),
        trigger=_trigger(params, kind),
        price=decimal(params, "price") if kind in _LIMITS else ZERO,
        working_type=params.get("workingType", "CONTRACT_PRICE"),
        created_ms=now_ms,
        updated_ms=now_ms,
        reduce_only=flag(params, "reduceOnly") or closes,
        close_position=closes,
        price_protect=flag(params, "priceProtect"),
        good_till_ms=integer(params, "goodTillDate") or 0,
        callback=decimal(params, "callbackRate") if kind == "TRAILING_STOP_MARKET" else ZERO,
    )
    _check(venue, account, market, algo, params)
    venue.state.next_algo_id += 1
    if kind == "TRAILING_STOP_MARKET" and not algo.trigger:
        algo.extreme = _price(market, algo)
    venue.add_algo(algo)
    venue.send(account.key, events.algo_update(venue, algo, now_ms))
    return algo


def find_algo(venue: Venue, account: Account, params: Mapping[str, str], now_ms: int, code: int) -> AlgoOrder:
    """The algo order that is asked for, by its number or the latest with its client id; ``code`` when there is none."""
    number, own = integer(params, "algoId"), params.get("clientAlgoId", "")
    if number is None and not own:
        raise malformed("algoId")
    if number is not None:
        found = venue.state.algos.get(number)
        mine = [] if found is None else [found]
    else:
        mine = [a for a in venue.state.algos.values() if a.client_id == own]
    mine = [a for a in mine if a.account == account.key and now_ms - a.created_ms <= _FORGOTTEN_MS]
    mine = [a for a in mine if a.hidden_until_ms <= now_ms]
    if not mine:
        raise refusal(code)
    return max(mine, key=lambda a: (a.status == "NEW", a.id))


def rises(algo: AlgoOrder) -> bool:
    """Whether a rising price triggers the order."""
    if algo.type == "TRAILING_STOP_MARKET":
        # Before it is active it waits for the better price, then for the worse one.
        return (algo.side == "BUY") == bool(algo.extreme)
    return (algo.side == "BUY") == algo.type.startswith("STOP")


def trigger_price(market: SymbolMarket, algo: AlgoOrder) -> Decimal:
    """Last price, not rounded, at which the order triggers or a trailing stop becomes active."""
    price = algo.trigger
    if algo.extreme:
        share = algo.callback * algo.extreme / 100
        price = algo.extreme + (share if algo.side == "BUY" else -share)
    return price - market.mark_gap if algo.working_type == "MARK_PRICE" else price


def is_met(market: SymbolMarket, algo: AlgoOrder, last: Decimal) -> bool:
    """Whether a last price reaches the trigger."""
    price = trigger_price(market, algo)
    return last >= price if rises(algo) else last <= price


def trigger(venue: Venue, algo: AlgoOrder, now_ms: int) -> None:
    """Send the order on to the matching engine."""
    market = venue.market(algo.symbol)
    if algo.type == "TRAILING_STOP_MARKET" and not algo.extreme:
        algo.extreme = _price(market, algo)
        return
    account = venue.account(algo.account)
    algo.status, algo.triggered_ms, algo.updated_ms = "TRIGGERING", now_ms, now_ms
    venue.settle_algo(algo)
    venue.send(algo.account, events.algo_update(venue, algo, now_ms))
    order = _child(venue, account, market, algo, now_ms)
    try:
        check(venue, account, market, order)
        algo.order_id = order.id
        accept(venue, order, now_ms)
    except Refused as refused:
        algo.order_id = 0
        end_algo(venue, algo.id, "REJECTED", now_ms, refused.message)
        return
    algo.status = "TRIGGERED"
    venue.send(algo.account, events.algo_update(venue, algo, now_ms))
    if not order.is_open:
        finish_algo(venue, order, now_ms)


def follow(market: SymbolMarket, algo: AlgoOrder) -> None:
    """Let an active trailing stop follow the price."""
    if algo.extreme:
        price = _price(market, algo)
        algo.extreme = min(algo.extreme, price) if algo.side == "BUY" else max(algo.extreme, price)


def _child(venue: Venue, account: Account, market: SymbolMarket, algo: AlgoOrder, now_ms: int) -> Order:
    number = venue.state.next_order_id
    limit = algo.type in _LIMITS
    order = Order(
        id=number,
        account=algo.account,
        client_id=f"algo_{number}" if venue.state.options.own_child_ids else algo.client_id,
        symbol=algo.symbol,
        side=algo.side,
        position_side=algo.position_side,
        type="LIMIT" if limit else "MARKET",
        time_in_force=algo.time_in_force if limit else "GTC",
        quantity=algo.quantity,
        price=algo.price,
        created_ms=now_ms,
        updated_ms=now_ms,
        reduce_only=algo.reduce_only and algo.position_side == "BOTH",
        close_position=algo.close_position,
        algo_id=algo.id,
        original_type=algo.type,
        stop_price=algo.trigger,
        working_type=algo.working_type,
    )
    if algo.close_position:
        order.quantity = cut(closable(account, order), market.rules.step)
    elif algo.position_side != "BOTH":
        # A stop of a hedged position that became smaller closes what is left of it.
        order.quantity = min(algo.quantity, closable(account, order) or algo.quantity)
    return order


def _check(venue: Venue, account: Account, market: SymbolMarket, algo: AlgoOrder, params: Mapping[str, str]) -> None:
    rules = market.rules
    if not account.options.may_trade:
        raise refusal(-2015)
    if rules.status != "TRADING":
        raise refusal(-4140 if rules.status in ("PENDING_TRADING", "PRE_SETTLE") else -4141)
    if account.isolated.get(rules.symbol):
        raise refusal(-4051)
    if algo.working_type not in ("CONTRACT_PRICE", "MARK_PRICE"):
        raise refusal(-1130, "workingType")
    if algo.close_position and (params.get("quantity") or algo.type not in ("STOP_MARKET", "TAKE_PROFIT_MARKET")):
        raise refusal(-4136, algo.type)
    if not algo.close_position:
        check_quantity(rules, algo.quantity, market_order=algo.type in _MARKETS)
    if algo.type != "TRAILING_STOP_MARKET" or algo.trigger:
        check_price(market, "triggerPrice", algo.trigger)
    if algo.price:
        check_price(market, "price", algo.price)
    if algo.type == "TRAILING_STOP_MARKET" and not _CALLBACKS[0] <= algo.callback <= _CALLBACKS[1]:
        raise refusal(-1130, "callbackRate")
    if any(a.client_id == algo.client_id for a in venue.open_algos(account.key)):
        raise refusal(-4116)
    if len(venue.open_algos(account.key, rules.symbol)) >= rules.max_algo_orders:
        raise refusal(-4045)
    if market.last and algo.trigger and is_met(market, algo, market.last):
        raise refusal(-2021)


def _trigger(params: Mapping[str, str], kind: str) -> Decimal:
    if kind != "TRAILING_STOP_MARKET":
        return decimal(params, "triggerPrice")
    return decimal(params, "activatePrice") if params.get("activatePrice") else ZERO


def _price(market: SymbolMarket, algo: AlgoOrder) -> Decimal:
    return market.mark if algo.working_type == "MARK_PRICE" else market.last
