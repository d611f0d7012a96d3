"""The emulator's REST answers, as Binance USD-M gives them.

``/fapi/v1/`` ping, time, exchangeInfo, klines, markPriceKlines, fundingRate. Errors are Binance's: HTTP 400 with
``{"code": -1121, "msg": "Invalid symbol."}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from live_runner.contracts.timeframe import TIMEFRAMES, bar_open_ns
from live_runner.services.emulator.emulated_market import EmulatedMarket, Row

__all__ = ["ROUTES", "Refused", "Rest", "kline"]

_MS: Final = 1_000_000
LIMIT_DEFAULT: Final = 500
LIMIT_MAX: Final = 1000
FUNDING_LIMIT_DEFAULT: Final = 100
_FOREVER_MS: Final = 4_133_404_800_000
"""Delivery date of a contract that is never delivered."""

type Query = Mapping[str, str]

ROUTES: Final = {
    "GET /fapi/v1/ping": "ping",
    "GET /fapi/v1/time": "time",
    "GET /fapi/v1/exchangeInfo": "exchange_info",
    "GET /fapi/v1/klines": "klines",
    "GET /fapi/v1/markPriceKlines": "mark_klines",
    "GET /fapi/v1/fundingRate": "funding_rate",
}
"""Endpoint to method of ``Rest``."""


class Refused(Exception):  # noqa: N818  # what the venue calls it, and no error of ours
    """The venue's refusal: HTTP status, code and text."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Rest:
    """Answers as plain data; every method takes the query and the time."""

    def __init__(self, market: EmulatedMarket) -> None:
        self._market = market

    def handle(self, endpoint: str, _account: str | None, params: Query, now_ms: int) -> Any:
        """The answer of an endpoint."""
        if endpoint not in ROUTES:
            method, _, path = endpoint.partition(" ")
            raise Refused(404, -5000, f"Path {path}, Method {method} is invalid")
        return getattr(self, ROUTES[endpoint])(params, now_ms * _MS)

    def ping(self, _query: Query, _now_ns: int) -> Any:
        """An empty answer."""
        return {}

    def time(self, _query: Query, now_ns: int) -> Any:
        """The venue's clock."""
        return {"serverTime": now_ns // _MS}

    def exchange_info(self, _query: Query, now_ns: int) -> Any:
        """Rules of every symbol."""
        symbols = [self._symbol_info(name, symbol) for name, symbol in self._market.symbols.items()]
        assets = sorted({info["marginAsset"] for info in symbols})
        return {
            "timezone": "UTC",
            "serverTime": now_ns // _MS,
            "futuresType": "U_MARGINED",
            "rateLimits": [],
            "exchangeFilters": [],
            "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in assets],
            "symbols": symbols,
        }

    def klines(self, query: Query, now_ns: int) -> Any:
        """Candles; the last row is the one that is forming."""
        symbol, timeframe = self._symbol(query), _interval(query)
        limit = min(_number(query, "limit", LIMIT_DEFAULT), LIMIT_MAX)
        if limit < 1:
            raise Refused(400, -1130, "Data sent for parameter 'limit' is not valid.")
        length = TIMEFRAMES[timeframe]
        current_ns = bar_open_ns(now_ns, timeframe)
        end_ns = min(_number(query, "endTime", now_ns // _MS) * _MS, now_ns)
        if "startTime" in query:
            from_ns = bar_open_ns(_number(query, "startTime", 0) * _MS + length - 1, timeframe)
            to_ns = min(end_ns + 1, from_ns + limit * length)
        else:
            to_ns = min(bar_open_ns(end_ns, timeframe), current_ns) + length
            from_ns = to_ns - limit * length
        rows = self._market.candles(symbol, timeframe, from_ns, to_ns, now_ns)
        return [kline(row, length) for row in rows]

    def mark_klines(self, query: Query, now_ns: int) -> Any:
        """Mark price candles: the traded ones, without volume."""
        return [[*row[:5], "0", row[6], "0", 0, "0", "0", "0"] for row in self.klines(query, now_ns)]

    def funding_rate(self, query: Query, now_ns: int) -> Any:
        """Funding rates that have become due."""
        symbol = self._symbol(query)
        limit = min(_number(query, "limit", FUNDING_LIMIT_DEFAULT), LIMIT_MAX)
        end_ns = min(_number(query, "endTime", now_ns // _MS) * _MS, now_ns)
        from_ns = _number(query, "startTime", (end_ns - limit * 8 * 3600 * 10**9) // _MS) * _MS
        found = self._market.funding(symbol, from_ns, end_ns)
        found = found[:limit] if "startTime" in query else found[-limit:]
        return [
            {"symbol": query["symbol"], "fundingTime": stamp_ns // _MS, "fundingRate": rate, "markPrice": mark}
            for stamp_ns, rate, mark in found
        ]

    def _symbol(self, query: Query) -> str:
        name = query.get("symbol", "")
        if not name:
            raise Refused(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        try:
            return self._market.symbols[name]
        except KeyError:
            raise Refused(400, -1121, "Invalid symbol.") from None

    def _symbol_info(self, name: str, symbol: str) -> dict[str, Any]:
        rules = self._market.rules(symbol)
        lots = {"minQty": rules.min_amount, "maxQty": "1000000", "stepSize": rules.lot_size}
        return {
            "symbol": name,
            "pair": name,
            "contractType": "PERPETUAL",
            "deliveryDate": _FOREVER_MS,
            "onboardDate": 0,
            "status": "TRADING",
            "baseAsset": rules.base,
            "quoteAsset": rules.quote,
            "marginAsset": rules.settle,
            "pricePrecision": _decimals(rules.tick_size),
            "quantityPrecision": _decimals(rules.lot_size),
            "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": rules.tick_size,
                    "maxPrice": "10000000",
                    "tickSize": rules.tick_size,
                },
                {"filterType": "LOT_SIZE", **lots},
                {"filterType": "MARKET_LOT_SIZE", **lots},
                {"filterType": "MIN_NOTIONAL", "notional": rules.min_notional},
            ],
        }


def kline(row: Row, length_ns: int) -> list[Any]:
    """A candle as the twelve values of Binance's REST answer."""
    open_ms = row[0] // _MS
    turnover = f"{float(row[4]) * float(row[5]):.5f}"
    return [open_ms, *row[1:], open_ms + length_ns // _MS - 1, turnover, 1, "0", "0", "0"]


def _interval(query: Query) -> str:
    interval = query.get("interval", "")
    if interval not in TIMEFRAMES:
        raise Refused(400, -1120, "Invalid interval.")
    return interval


def _number(query: Query, name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise Refused(400, -1102, f"Mandatory parameter '{name}' was malformed.") from None


def _decimals(step: str) -> int:
    return len(step.partition(".")[2])
