"""The private endpoints of orders and trades."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from live_runner.services.emulator.binance import algos
from live_runner.services.emulator.binance.fills import end, end_algo
from live_runner.services.emulator.binance.parameters import DAY_MS, integer, number, window
from live_runner.services.emulator.binance.payloads import algo_body, order_body, placed_body, trade_body
from live_runner.services.emulator.binance.placing import accept, draft, find_open, find_order
from live_runner.services.emulator.binance.refusals import Refused, malformed, refusal
from live_runner.services.emulator.binance.state import Account, Order
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["BATCH_MAX", "ROUTES", "Trading"]

type Parameters = Mapping[str, str]

BATCH_MAX: Final = 5
_WEEK_MS: Final = 7 * DAY_MS
_ORDERS_KEPT_MS: Final = 90 * DAY_MS
_TRADES_KEPT_MS: Final = 180 * DAY_MS
_DONE: Final = "The operation of cancel all open order is done."


class Trading:
    """Answers as plain data; every method takes the account, the parameters and the time, and raises Refused."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def place(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST order. ``newOrderRespType=RESULT`` answers what became of it, ACK (the default) what was accepted."""
        wanted = params.get("newOrderRespType", "ACK")
        if wanted not in ("ACK", "RESULT"):
            raise refusal(-1130, "newOrderRespType")
        order = draft(self._venue, account, params, now_ms)
        accepted = self._body(order)
        accept(self._venue, order, now_ms)
        return self._body(order) if wanted == "RESULT" else accepted | {"orderId": order.id}

    def test(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST order/test: every check, and nothing else."""
        return self._body(draft(self._venue, account, params, now_ms))

    def batch(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST batchOrders: each order's answer, or its refusal, in the same place."""
        answers: list[Any] = []
        for each in _batch(params, "batchOrders"):
            try:
                if not isinstance(each, dict):
                    raise malformed("batchOrders")
                answers.append(self.place(account, {name: str(value) for name, value in each.items()}, now_ms))
            except Refused as refused:
                answers.append({"code": refused.code, "msg": refused.message})
        return answers

    def cancel(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """DELETE order."""
        order = find_open(self._venue, account, params, now_ms)
        end(self._venue, order, "CANCELED", now_ms)
        return self._body(order)

    def cancel_batch(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """DELETE batchOrders."""
        # ccxt writes the first of the names in lower case, and the venue takes it.
        name = next((name for name in ("orderIdList", "orderidlist") if name in params), "origClientOrderIdList")
        key = "origClientOrderId" if name == "origClientOrderIdList" else "orderId"
        answers: list[Any] = []
        for each in _batch(params, name):
            try:
                asked = {"symbol": params.get("symbol", ""), key: str(each)}
                answers.append(self.cancel(account, asked, now_ms))
            except Refused as refused:
                answers.append({"code": refused.code, "msg": refused.message})
        return answers

    def cancel_all(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """DELETE allOpenOrders of a symbol."""
        symbol = self._venue.market(params.get("symbol", "")).rules.symbol
        for order in self._venue.open_orders(account.key, symbol):
            end(self._venue, order, "CANCELED", now_ms)
        return {"code": 200, "msg": _DONE}

    def countdown(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST countdownCancelAll: cancel a symbol's orders unless this is called again in time; 0 stops it."""
        symbol = self._venue.market(params.get("symbol", "")).rules.symbol
        wait_ms = integer(params, "countdownTime")
        if wait_ms is None or wait_ms < 0:
            raise malformed("countdownTime")
        account.countdowns.pop(symbol, None)
        if wait_ms:
            account.countdowns[symbol] = now_ms + wait_ms
        return {"symbol": symbol, "countdownTime": str(wait_ms)}

    def query(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET order."""
        return self._full(find_order(self._venue, account, params, now_ms))

    def query_open(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET openOrder."""
        order = find_order(self._venue, account, params, now_ms)
        if not order.is_open:
            raise refusal(-2013)
        return self._full(order)

    def open_orders(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET openOrders of one symbol or of all; conditional orders are not among them."""
        return [self._full(order) for order in self._venue.open_orders(account.key, self._optional(params))]

    def all_orders(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET allOrders of a symbol: from an order number on, or a window of at most 7 days."""
        symbol = self._venue.market(params.get("symbol", "")).rules.symbol
        limit, first = number(params, "limit", 500, 1000), integer(params, "orderId")
        from_ms, to_ms = window(params, now_ms, _WEEK_MS, _ORDERS_KEPT_MS)
        found = []
        for order in self._venue.state.orders.values():
            if order.account != account.key or order.symbol != symbol:
                continue
            within = order.id >= first if first is not None else from_ms <= order.created_ms <= to_ms
            empty = not order.executed and not order.is_open
            if within and now_ms - order.created_ms <= (3 * DAY_MS if empty else _ORDERS_KEPT_MS):
                found.append(self._full(order))
        return found[:limit] if first is not None or "startTime" in params else found[-limit:]

    def trades(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET userTrades of a symbol: from a trade number on, or a window of at most 7 days."""
        market = self._venue.market(params.get("symbol", ""))
        limit, first = number(params, "limit", 500, 1000), integer(params, "fromId")
        order_id = integer(params, "orderId")
        if first is not None and ("startTime" in params or "endTime" in params):
            raise refusal(-1128)
        from_ms, to_ms = window(params, now_ms, _WEEK_MS, _TRADES_KEPT_MS)
        if order_id is not None and "startTime" not in params:
            from_ms = now_ms - _TRADES_KEPT_MS
        found = [
            trade_body(market.rules, trade)
            for trade in account.trades
            if trade.symbol == market.rules.symbol
            and order_id in (None, trade.order_id)
            and (trade.id >= first if first is not None else from_ms <= trade.at_ms <= to_ms)
        ]
        return found[:limit] if first is not None or "startTime" in params else found[-limit:]

    def place_algo(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """POST algoOrder."""
        return algo_body(self._venue, algos.place(self._venue, account, params, now_ms))

    def cancel_algo(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """DELETE algoOrder."""
        algo = algos.find_algo(self._venue, account, params, now_ms, -2011)
        if algo.status != "NEW":
            raise refusal(-2011)
        end_algo(self._venue, algo.id, "CANCELED", now_ms)
        return {"algoId": algo.id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def cancel_all_algos(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """DELETE algoOpenOrders of a symbol."""
        symbol = self._venue.market(params.get("symbol", "")).rules.symbol
        for algo in self._venue.open_algos(account.key, symbol):
            end_algo(self._venue, algo.id, "CANCELED", now_ms)
        return {"code": 200, "msg": _DONE}

    def query_algo(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET algoOrder."""
        return algo_body(self._venue, algos.find_algo(self._venue, account, params, now_ms, -2013))

    def open_algos(self, account: Account, params: Parameters, _now_ms: int) -> Any:
        """GET openAlgoOrders of one symbol or of all."""
        return [algo_body(self._venue, algo) for algo in self._venue.open_algos(account.key, self._optional(params))]

    def all_algos(self, account: Account, params: Parameters, now_ms: int) -> Any:
        """GET allAlgoOrders of a symbol, a window of at most 7 days."""
        symbol = self._venue.market(params.get("symbol", "")).rules.symbol
        from_ms, to_ms = window(params, now_ms, _WEEK_MS, _ORDERS_KEPT_MS)
        found = [
            algo_body(self._venue, algo)
            for algo in self._venue.state.algos.values()
            if algo.account == account.key and algo.symbol == symbol and from_ms <= algo.created_ms <= to_ms
        ]
        return found[-number(params, "limit", 500, 1000) :]

    def _optional(self, params: Parameters) -> str | None:
        return self._venue.market(params["symbol"]).rules.symbol if params.get("symbol") else None

    def _body(self, order: Order) -> dict[str, Any]:
        return placed_body(self._venue.market(order.symbol).rules, order)

    def _full(self, order: Order) -> dict[str, Any]:
        return order_body(self._venue.market(order.symbol).rules, order)


def _batch(params: Parameters, name: str) -> list[Any]:
    try:
        each = json.loads(params.get(name, ""))
    except json.JSONDecodeError:
        raise malformed(name) from None
    if not isinstance(each, list) or not 1 <= len(each) <= BATCH_MAX:
        raise malformed(name)
    return each


ROUTES: Final = {
    "POST /fapi/v1/order": Trading.place,
    "POST /fapi/v1/order/test": Trading.test,
    "DELETE /fapi/v1/order": Trading.cancel,
    "GET /fapi/v1/order": Trading.query,
    "POST /fapi/v1/batchOrders": Trading.batch,
    "DELETE /fapi/v1/batchOrders": Trading.cancel_batch,
    "DELETE /fapi/v1/allOpenOrders": Trading.cancel_all,
    "POST /fapi/v1/countdownCancelAll": Trading.countdown,
    "GET /fapi/v1/openOrder": Trading.query_open,
    "GET /fapi/v1/openOrders": Trading.open_orders,
    "GET /fapi/v1/allOrders": Trading.all_orders,
    "GET /fapi/v1/userTrades": Trading.trades,
    "POST /fapi/v1/algoOrder": Trading.place_algo,
    "DELETE /fapi/v1/algoOrder": Trading.cancel_algo,
    "GET /fapi/v1/algoOrder": Trading.query_algo,
    "DELETE /fapi/v1/algoOpenOrders": Trading.cancel_all_algos,
    "GET /fapi/v1/openAlgoOrders": Trading.open_algos,
    "GET /fapi/v1/allAlgoOrders": Trading.all_algos,
}
"""Method and path to method of ``Trading``."""
