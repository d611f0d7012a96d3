"""Placing and cancelling orders: checks in the venue's order, then acceptance, then what fills at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from live_runner.services.emulator.binance import events
from live_runner.services.emulator.binance.amounts import ZERO
from live_runner.services.emulator.binance.book import best, take
from live_runner.services.emulator.binance.fills import end, fill_from_book
from live_runner.services.emulator.binance.margin import asset_margin, closable, reduces, symbol_margin
from live_runner.services.emulator.binance.parameters import (
    check_notional,
    check_price,
    check_quantity,
    client_id,
    decimal,
    flag,
    integer,
)
from live_runner.services.emulator.binance.refusals import malformed, refusal
from live_runner.services.emulator.binance.rules import ORDER_TYPES, TIMES_IN_FORCE
from live_runner.services.emulator.binance.state import Account, Order, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = [
    "accept",
    "check",
    "check_margin",
    "draft",
    "find_open",
    "find_order",
    "position_side",
    "side_of",
    "time_in_force",
]

_CONDITIONAL: Final = frozenset(ORDER_TYPES) - {"LIMIT", "MARKET"}
_FORGOTTEN_EMPTY_MS: Final = 3 * 86_400_000
_FORGOTTEN_MS: Final = 90 * 86_400_000
GOOD_TILL_LEAD_MS: Final = 600_000
"""A GTD order lives at least this long."""


def draft(venue: Venue, account: Account, params: Mapping[str, str], now_ms: int) -> Order:
    """The order that the parameters describe, checked but not accepted; its number is the next one.

    Raises Refused with the venue's code.
    """
    market = venue.market(params.get("symbol", ""))
    side = side_of(params)
    kind = params.get("type", "")
    if kind in _CONDITIONAL:
        raise refusal(-4120)
    if kind not in ("LIMIT", "MARKET"):
        raise refusal(-1116) if kind else malformed("type")
    order = Order(
        id=venue.state.next_order_id,
        account=account.key,
        client_id=client_id(params, "newClientOrderId", venue.state.next_order_id),
        symbol=market.rules.symbol,
        side=side,
        position_side=position_side(account, params),
        type=kind,
        time_in_force=time_in_force(params) if kind == "LIMIT" else "GTC",
        quantity=decimal(params, "quantity"),
        price=decimal(params, "price") if kind == "LIMIT" else ZERO,
        created_ms=now_ms,
        updated_ms=now_ms,
        reduce_only=_reduce_only(account, params),
        good_till_ms=_good_till(params, now_ms),
        stp=params.get("selfTradePreventionMode", "EXPIRE_MAKER"),
    )
    if kind == "MARKET":
        for name in ("price", "timeInForce"):
            if params.get(name):
                raise refusal(-1106, name)
    if params.get("closePosition", "false") != "false":
        raise refusal(-4136, kind)
    if params.get("priceMatch", "NONE") != "NONE":
        raise refusal(-1130, "priceMatch")
    check(venue, account, market, order)
    return order


def check(venue: Venue, account: Account, market: SymbolMarket, order: Order) -> None:
    """Everything that the venue looks at before it accepts an order; cuts a reduce-only order to the position."""
    rules = market.rules
    if not account.options.may_trade:
        raise refusal(-2015)
    check_quantity(rules, order.quantity, market_order=order.type == "MARKET")
    if order.type == "LIMIT":
        check_price(market, "price", order.price, order.side)
    if rules.status != "TRADING" and (rules.status != "PRE_SETTLE" or not reduces(order)):
        raise refusal(-4140 if rules.status in ("PENDING_TRADING", "PRE_SETTLE") else -4141)
    open_orders = venue.open_orders(account.key, rules.symbol)
    if any(o.is_open for o in venue.named(account.key, order.client_id)):
        raise refusal(-4116)
    if len(open_orders) >= rules.max_orders:
        raise refusal(-2025)
    if account.isolated.get(rules.symbol):
        raise refusal(-4051)
    if reduces(order):
        most = closable(account, order)
        # In one-way mode the venue cuts a reduce-only order to the position, in hedge mode it refuses a close of more.
        if not most or (order.quantity > most and order.position_side != "BOTH"):
            raise refusal(-2022)
        order.quantity = min(order.quantity, most)
        return
    price = order.price or best(market, order.side)
    check_notional(rules, order.quantity * price)
    check_margin(venue, account, order)


def check_margin(venue: Venue, account: Account, order: Order) -> None:
    """Whether the account can carry the order; -2019 when not, -2027 beyond the largest position of its leverage."""
    rules = venue.market(order.symbol).rules
    before = symbol_margin(venue, account, order.symbol)
    after = symbol_margin(venue, account, order.symbol, order)
    added = after.initial - before.initial
    if added <= 0:
        return
    leverage = account.leverage_of(order.symbol)
    if after.initial * leverage > rules.largest_notional(leverage):
        raise refusal(-2027)
    if added > asset_margin(venue, account, rules.quote).available:
        raise refusal(-2019)


def accept(venue: Venue, order: Order, now_ms: int) -> None:
    """Take an order that was checked into the book, and fill what fills at once.

    Raises Refused (-5021, -5022) before anything has happened where the exchange refuses what it cannot fill.
    """
    market = venue.market(order.symbol)
    limit = order.price if order.type == "LIMIT" else None
    offered = sum((part for _, part in take(market, order.side, order.quantity, limit)), ZERO)
    unfillable = 0
    if order.time_in_force == "GTX" and offered:
        unfillable = -5022
    if order.time_in_force == "FOK" and offered < order.quantity:
        unfillable = -5021
    if unfillable and not venue.state.options.unfillable_expires:
        raise refusal(unfillable)
    order.id = venue.state.take_order_id()
    venue.add(order)
    venue.send(order.account, events.order_update(venue, order, "NEW", now_ms))
    if unfillable:
        end(venue, order, "EXPIRED", now_ms)
        return
    if offered:
        fill_from_book(venue, order, now_ms)
    if order.is_open and (order.type == "MARKET" or order.time_in_force in ("IOC", "FOK")):
        end(venue, order, "EXPIRED", now_ms)


def find_order(venue: Venue, account: Account, params: Mapping[str, str], now_ms: int) -> Order:
    """The order that is asked for, by its number or the latest with its client id; -2013 as the venue forgets.

    Not shown: a cancelled or expired order without a fill after 3 days, any order after 90 days, and an order that
    filled less than ``Options.hide_ms`` ago.
    """
    found = _find(venue, account, params, -2013)
    age_ms = now_ms - found.created_ms
    empty = found.status in ("CANCELED", "EXPIRED", "REJECTED") and not found.executed
    if age_ms > _FORGOTTEN_MS or (empty and age_ms > _FORGOTTEN_EMPTY_MS) or found.hidden_until_ms > now_ms:
        raise refusal(-2013)
    return found


def find_open(venue: Venue, account: Account, params: Mapping[str, str], now_ms: int) -> Order:
    """The open order that is asked for; -2011 when there is none, or it is hidden."""
    found = _find(venue, account, params, -2011)
    if not found.is_open or found.hidden_until_ms > now_ms:
        raise refusal(-2011)
    return found


def _find(venue: Venue, account: Account, params: Mapping[str, str], code: int) -> Order:
    symbol = venue.market(params.get("symbol", "")).rules.symbol
    number, own = integer(params, "orderId"), params.get("origClientOrderId", "")
    if number is None and not own:
        raise malformed("orderId")
    if number is not None:
        found = venue.state.orders.get(number)
        if found is None or found.account != account.key or found.symbol != symbol:
            raise refusal(code)
        return found
    # A client id protects open orders only: an id that was used again names its latest order, an open one first.
    named = [o for o in venue.named(account.key, own) if o.symbol == symbol]
    if not named:
        raise refusal(code)
    return max(named, key=lambda o: (o.is_open, o.id))


def side_of(params: Mapping[str, str]) -> str:
    """BUY or SELL."""
    side = params.get("side", "")
    if side not in ("BUY", "SELL"):
        raise refusal(-1117) if side else malformed("side")
    return side


def time_in_force(params: Mapping[str, str]) -> str:
    """The mandatory time in force of a limit order."""
    given = params.get("timeInForce", "")
    if given not in TIMES_IN_FORCE:
        raise refusal(-1115) if given else malformed("timeInForce")
    return given


def position_side(account: Account, params: Mapping[str, str]) -> str:
    """BOTH in one-way mode, LONG or SHORT in hedge mode; -4061 for the other mode's."""
    given = params.get("positionSide", "BOTH")
    if given not in ("BOTH", "LONG", "SHORT"):
        raise refusal(-1130, "positionSide")
    if account.options.hedge == (given == "BOTH"):
        raise refusal(-4061)
    return given


def _reduce_only(account: Account, params: Mapping[str, str]) -> bool:
    if account.options.hedge and "reduceOnly" in params:
        raise refusal(-1106, "reduceonly")
    return flag(params, "reduceOnly")


def _good_till(params: Mapping[str, str], now_ms: int) -> int:
    if params.get("timeInForce") != "GTD":
        return 0
    good_till = integer(params, "goodTillDate")
    if good_till is None:
        raise malformed("goodTillDate")
    if good_till < now_ms + GOOD_TILL_LEAD_MS:
        raise refusal(-1130, "goodTillDate")
    return good_till // 1000 * 1000
