"""Acts of the venue and of others on an account: what its owner did not ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.binance import algos, events
from live_runner.services.emulator.binance.account_data import AccountData
from live_runner.services.emulator.binance.amounts import ZERO, decimals_of, is_multiple
from live_runner.services.emulator.binance.clock import charge_funding
from live_runner.services.emulator.binance.fills import end, end_algo, fill
from live_runner.services.emulator.binance.forced import adl, liquidate, settle_symbol
from live_runner.services.emulator.binance.margin import asset_margin, closable, reduces
from live_runner.services.emulator.binance.payloads import algo_body, order_body
from live_runner.services.emulator.binance.rules import MONEY_UNIT, changed_rules, symbol_info
from live_runner.services.emulator.binance.state import Account, AlgoOrder, Book, Order
from live_runner.services.emulator.binance.trading import Trading
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["VERBS", "Acts"]

type Given = Mapping[str, Any]

_AMOUNT_MAX: Final = Decimal(10**15)
_DECIMALS_MAX: Final = 20


class Acts:
    """Each verb takes its parameters and the time, and answers what came of it; ConfigError for a wrong parameter.

    ``order`` is the number or the client id of an order or an algo order, ``account`` an API key; amounts are decimal
    text.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._trading = Trading(venue)
        self._settings = AccountData(venue)

    def fill(self, given: Given, now_ms: int) -> Any:
        """Fill ``quantity`` (all of the rest) of an order at ``price`` (its own, or the last one), as maker or not.

        An order that was cancelled or has expired may fill late: its end stays, its quantity grows.
        """
        order = self._order(given)
        late = order.status in ("CANCELED", "EXPIRED")
        if not order.is_open and not late:
            raise ConfigError(f"order {order.id} is {order.status} and cannot fill", remedy="Name an open order")
        market = self._venue.market(order.symbol)
        quantity = _amount(given, "quantity", order.rest)
        price = _amount(given, "price", order.price or market.last)
        if not ZERO < quantity <= order.rest or not is_multiple(quantity, market.rules.step):
            raise ConfigError(f"{quantity} cannot fill: {order.rest} is left", remedy="Give less, in whole steps")
        if price <= 0 or not is_multiple(price, market.rules.tick):
            raise ConfigError(f"{price} is not a valid price", remedy=f"Give a multiple of {market.rules.tick}")
        if reduces(order) and not closable(self._venue.account(order.account), order):
            raise ConfigError(f"order {order.id} may only reduce, and nothing is held", remedy="Name another order")
        maker = bool(given.get("maker", order.type == "LIMIT"))
        fill(self._venue, order, quantity, price, now_ms, maker=maker)
        return self._shown(order)

    def cancel(self, given: Given, now_ms: int) -> Any:
        """End an order or an algo order as CANCELED."""
        return self._end(given, "CANCELED", now_ms)

    def expire(self, given: Given, now_ms: int) -> Any:
        """End an order or an algo order as EXPIRED."""
        return self._end(given, "EXPIRED", now_ms)

    def reject(self, given: Given, now_ms: int) -> Any:
        """End an order or an algo order as REJECTED."""
        return self._end(given, "REJECTED", now_ms)

    def resize(self, given: Given, now_ms: int) -> Any:
        """Cut an order to ``quantity``; it ends when that has filled, as FILLED, or EXPIRED when nothing is left."""
        order = self._order(given)
        quantity = _amount(given, "quantity", ZERO)
        if not order.is_open or not max(order.executed, ZERO) <= quantity <= order.quantity:
            raise ConfigError(
                f"order {order.id} cannot be cut to {quantity}", remedy="Name an open order and less of it"
            )
        order.quantity, order.updated_ms = quantity, now_ms
        if order.rest:
            self._venue.send(order.account, events.order_update(self._venue, order, "AMENDMENT", now_ms))
        else:
            end(self._venue, order, "FILLED" if order.executed else "EXPIRED", now_ms, execution="AMENDMENT")
        return self._shown(order)

    def trigger(self, given: Given, now_ms: int) -> Any:
        """Trigger an algo order, wherever the price is."""
        algo = self._algo(given)
        if algo is None or algo.status != "NEW":
            raise ConfigError(
                "the algo order is unknown, or is not waiting for its trigger",
                remedy="Name one by its number or client id",
            )
        algos.trigger(self._venue, algo, now_ms)
        return algo_body(self._venue, algo)

    def hide(self, given: Given, now_ms: int) -> Any:
        """Answer -2013 (-2011 to a cancel) for an order or an algo order for ``hide_ms``; the lists show it."""
        until_ms = now_ms + _number(given, "hide_ms")
        algo = self._algo(given)
        if algo is not None:
            algo.hidden_until_ms = until_ms
            return algo_body(self._venue, algo)
        order = self._order(given)
        order.hidden_until_ms = until_ms
        return self._shown(order)

    def liquidate(self, given: Given, now_ms: int) -> Any:
        """Liquidate the account's positions of ``symbol``, or all of them.

        ``status``: what the stream shows as the order's (NEW_INSURANCE) instead of FILLED.
        """
        named, status = str(given.get("symbol") or ""), str(given.get("status", ""))
        symbol = self._venue.market(named).rules.symbol if named else None
        return liquidate(self._venue, self._account(given), symbol, now_ms, status)

    def adl(self, given: Given, now_ms: int) -> Any:
        """Close ``quantity`` (all) of a position by auto-deleveraging, at ``price`` (the mark price).

        ``status``: what the stream shows as the order's (NEW_ADL) instead of FILLED.
        """
        status = str(given.get("status", ""))
        quantity = _amount(given, "quantity", ZERO)
        price = _amount(given, "price", ZERO)
        symbol = self._venue.market(str(given.get("symbol", ""))).rules.symbol
        return adl(self._venue, self._account(given), symbol, quantity, price, now_ms, status)

    def settle(self, given: Given, now_ms: int) -> Any:
        """Delist ``symbol``: orders expire, every account's position is closed at ``price`` (the mark price)."""
        return settle_symbol(self._venue, str(given.get("symbol", "")), _amount(given, "price", ZERO), now_ms)

    def funding(self, given: Given, now_ms: int) -> Any:
        """Charge funding of ``symbol`` now at ``rate`` (the coming one)."""
        market = self._venue.market(str(given.get("symbol", "")))
        charge_funding(self._venue, market, _amount(given, "rate", market.funding_rate), now_ms)
        return {"symbol": market.rules.symbol, "charged": len(market.funding)}

    def transfer(self, given: Given, now_ms: int) -> Any:
        """Move ``amount`` of ``asset`` into the account, or out of it when it is below 0."""
        account, asset = self._account(given), str(given.get("asset", "USDT"))
        amount = _amount(given, "amount", ZERO)
        if not amount or not is_multiple(amount, MONEY_UNIT):
            raise ConfigError(f"{amount} cannot be transferred", remedy="Give an amount of at most 8 decimals")
        if amount < 0 and -amount > asset_margin(self._venue, account, asset).withdrawable:
            raise ConfigError(f"{-amount} {asset} is more than can be withdrawn", remedy="Give less")
        self._venue.state.book_income(account, "TRANSFER", amount, asset, now_ms, info="TRANSFER")
        reason = "DEPOSIT" if amount > 0 else "WITHDRAW"
        update = events.account_update(self._venue, account, reason, [(asset, amount)], [], now_ms)
        self._venue.send(account.key, update)
        return {"asset": asset, "balance": str(account.wallet[asset])}

    def mode(self, given: Given, now_ms: int) -> Any:
        """Switch hedge mode (``hedge``), or with ``symbol`` its ``margin_type``; refused while something is open."""
        if "margin_type" in given:
            sent = {"symbol": str(given.get("symbol", "")), "marginType": str(given["margin_type"])}
            return self._settings.set_margin_type(self._account(given), sent, now_ms)
        asked = {"dualSidePosition": str(given.get("hedge", "")).lower()}
        return self._settings.set_position_mode(self._account(given), asked, now_ms)

    def leverage(self, given: Given, now_ms: int) -> Any:
        """Change the leverage of ``symbol`` from outside."""
        asked = {"symbol": str(given.get("symbol", "")), "leverage": str(given.get("leverage", ""))}
        return self._settings.set_leverage(self._account(given), asked, now_ms)

    def manual_order(self, given: Given, now_ms: int) -> Any:
        """Place an order from outside, with the parameters of POST order; its client id begins with ``web_``."""
        asked = {name: str(value) for name, value in given.items() if name != "account"}
        asked.setdefault("newClientOrderId", f"web_{self._venue.state.next_order_id}")
        return self._trading.place(self._account(given), {"newOrderRespType": "RESULT", **asked}, now_ms)

    def rules(self, given: Given, _now_ms: int) -> Any:
        """Change rules of ``symbol``: any field of ``SymbolRules``."""
        market = self._venue.market(str(given.get("symbol", "")))
        changes = {name: value for name, value in given.items() if name != "symbol"}
        market.rules = changed_rules(market.rules, changes)
        return symbol_info(market.rules)

    def market(self, given: Given, _now_ms: int) -> Any:
        """Set ``mark_gap``, ``funding_rate``, ``next_funding_ms`` and the depth (fields of ``Book``) of ``symbol``."""
        market = self._venue.market(str(given.get("symbol", "")))
        own = ("symbol", "mark_gap", "funding_rate", "next_funding_ms")
        depth = {name: value for name, value in given.items() if name not in own}
        unknown = sorted(set(depth) - set(Book.__struct_fields__))
        if unknown:
            fields = ", ".join((*own[1:], *Book.__struct_fields__))
            raise ConfigError(f"'{unknown[0]}' is not a field of a market", remedy=f"Use {fields}", field=unknown[0])
        market.book = _changed(market.book, depth)
        gap = _amount(given, "mark_gap", market.mark_gap)
        if market.last + gap < 0:
            raise ConfigError(f"the mark price cannot be {market.last + gap}", remedy="Give a smaller mark_gap")
        market.mark_gap = gap
        market.funding_rate = _amount(given, "funding_rate", market.funding_rate)
        if "next_funding_ms" in given:
            market.next_funding_ms = _number(given, "next_funding_ms")
        return {"symbol": market.rules.symbol, "mark": str(market.mark), "next_funding_ms": market.next_funding_ms}

    def _end(self, given: Given, status: str, now_ms: int) -> Any:
        algo = self._algo(given)
        if algo is not None and algo.status == "NEW":
            end_algo(self._venue, algo.id, status, now_ms)
            return algo_body(self._venue, algo)
        order = self._order(given)
        if not order.is_open:
            raise ConfigError(f"order {order.id} is {order.status}", remedy="Name an open order")
        end(self._venue, order, status, now_ms)
        return self._shown(order)

    def _account(self, given: Given) -> Account:
        key = str(given.get("account", ""))
        if key not in self._venue.state.accounts:
            raise ConfigError(f"'{key}' is not an account of this exchange", remedy="Open it first", account=key)
        return self._venue.state.accounts[key]

    def _order(self, given: Given) -> Order:
        name = str(given.get("order", ""))
        orders = self._venue.state.orders
        if name.isdecimal() and int(name) in orders:
            return orders[int(name)]
        found = [o for key, named in self._venue.open.named.items() if key[1] == name for o in named]
        if not found:
            raise ConfigError(f"'{name}' is not an order of this exchange", remedy="Give its number or client id")
        return max(found, key=lambda o: (o.is_open, o.id))

    def _algo(self, given: Given) -> AlgoOrder | None:
        name = str(given.get("order", ""))
        found = [a for a in self._venue.state.algos.values() if name in (str(a.id), a.client_id)]
        return max(found, key=lambda a: (a.status == "NEW", a.id), default=None)

    def _shown(self, order: Order) -> dict[str, Any]:
        return order_body(self._venue.market(order.symbol).rules, order)


def _amount(given: Given, name: str, default: Decimal) -> Decimal:
    if name not in given:
        return default
    try:
        value = Decimal(str(given[name]))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) >= _AMOUNT_MAX or decimals_of(value or Decimal(1)) > _DECIMALS_MAX:
        raise ConfigError(f"'{given[name]}' is not a valid decimal number", remedy=f"Correct {name}")
    return value


def _changed(book: Book, changes: Given) -> Book:
    try:
        changed = msgspec.convert({**msgspec.to_builtins(book), **changes}, Book, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the depth is not valid: {error}", remedy="Give numbers, or null for no end") from error
    lowest = (changed.spread_ticks, changed.levels, changed.level_quantity or 1)
    if min(lowest) <= 0 or (changed.participation is not None and changed.participation < 0):
        raise ConfigError("the depth is not valid: a number is too small", remedy="Give numbers above 0")
    return changed


def _number(given: Given, name: str) -> int:
    value = _amount(given, name, Decimal("NaN"))
    if value.is_nan() or value % 1:
        raise ConfigError(f"{name} is not a whole number", remedy=f"Give {name} in milliseconds")
    return int(value)


VERBS: Final[dict[str, Callable[[Acts, Given, int], Any]]] = {
    "fill": Acts.fill,
    "cancel": Acts.cancel,
    "expire": Acts.expire,
    "reject": Acts.reject,
    "resize": Acts.resize,
    "trigger": Acts.trigger,
    "hide": Acts.hide,
    "liquidate": Acts.liquidate,
    "adl": Acts.adl,
    "settle": Acts.settle,
    "funding": Acts.funding,
    "transfer": Acts.transfer,
    "mode": Acts.mode,
    "leverage": Acts.leverage,
    "manual_order": Acts.manual_order,
    "rules": Acts.rules,
    "market": Acts.market,
}
"""Verb to method of ``Acts``."""
