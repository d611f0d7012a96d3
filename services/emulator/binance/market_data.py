"""The public endpoints: time, rules, candles, book, prices and funding rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from live_runner.contracts.timeframe import TIMEFRAMES
from live_runner.services.emulator.binance.amounts import digits, text
from live_runner.services.emulator.binance.book import levels
from live_runner.services.emulator.binance.candles import History, candles
from live_runner.services.emulator.binance.clock import FUNDING_MS
from live_runner.services.emulator.binance.parameters import integer, number
from live_runner.services.emulator.binance.payloads import price_text, quantity_text
from live_runner.services.emulator.binance.refusals import refusal
from live_runner.services.emulator.binance.rules import symbol_info
from live_runner.services.emulator.binance.state import Row, SymbolMarket
from live_runner.services.emulator.binance.venue import Venue

__all__ = ["DEPTH_LIMITS", "ROUTES", "MarketData", "kline"]

type Parameters = Mapping[str, str]

DEPTH_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000)
_DAY_MS: Final = 86_400_000
_ENDLESS: Final = Decimal(1_000_000)
"""What the book shows of a level that has no end; a symbol's largest quantity when that is less."""


class MarketData:
    """Answers as plain data; every method takes the parameters and the time."""

    def __init__(self, venue: Venue, history: History | None) -> None:
        self._venue = venue
        self._history = history

    def ping(self, _params: Parameters, _now_ms: int) -> Any:
        """An empty answer."""
        return {}

    def time(self, _params: Parameters, now_ms: int) -> Any:
        """The venue's clock."""
        return {"serverTime": now_ms}

    def exchange_info(self, _params: Parameters, now_ms: int) -> Any:
        """Rules of every symbol."""
        markets = self._listed()
        assets = sorted({market.rules.quote for market in markets} | {"BNB"})
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
            ],
            "exchangeFilters": [],
            "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in assets],
            "symbols": [symbol_info(market.rules) for market in markets],
        }

    def rows(self, symbol: str, interval: str, from_ms: int, to_ms: int) -> list[Row]:
        """Candles of a symbol that open in [from_ms, to_ms), the forming one included."""
        return candles(
            self._venue.market(symbol),
            self._history,
            self._venue.state.interval_ms,
            self._length(interval),
            from_ms,
            to_ms,
        )

    def klines(self, params: Parameters, now_ms: int) -> Any:
        """Candles; the last row is the one that is forming."""
        market = self._venue.market(params.get("symbol", ""))
        interval = params.get("interval", "")
        length_ms = self._length(interval)
        limit = number(params, "limit", 500, 1500)
        start, end = integer(params, "startTime"), integer(params, "endTime")
        end_ms = min(now_ms if end is None else end, now_ms)
        from_ms = end_ms // length_ms * length_ms - (limit + 1) * length_ms if start is None else start
        rows = self.rows(market.rules.symbol, interval, max(0, from_ms), end_ms + 1)
        kept = rows[-limit:] if start is None else rows[:limit]
        return [kline(row, length_ms) for row in kept]

    def mark_klines(self, params: Parameters, now_ms: int) -> Any:
        """Mark price candles: the traded ones, moved by the gap between the two prices, without volume."""
        market = self._venue.market(params.get("symbol", ""))
        moved = []
        for row in self.klines(params, now_ms):
            prices = [price_text(market.rules, Decimal(price) + market.mark_gap) for price in row[1:5]]
            moved.append([row[0], *prices, "0", row[6], "0", row[8], "0", "0", "0"])
        return moved

    def depth(self, params: Parameters, _now_ms: int) -> Any:
        """The book."""
        market = self._venue.market(params.get("symbol", ""))
        limit = integer(params, "limit") or 500
        if limit not in DEPTH_LIMITS:
            raise refusal(-1130, "limit")
        return {
            "lastUpdateId": market.updates,
            "E": market.changed_ms,
            "T": market.changed_ms,
            "bids": self._side(market, "SELL", limit),
            "asks": self._side(market, "BUY", limit),
        }

    def book_ticker(self, params: Parameters, _now_ms: int) -> Any:
        """Best prices of one symbol or of all."""
        return self._each(params, self._best)

    def price_ticker(self, params: Parameters, _now_ms: int) -> Any:
        """Last price of one symbol or of all."""

        def row(market: SymbolMarket) -> dict[str, Any]:
            return {
                "symbol": market.rules.symbol,
                "price": price_text(market.rules, market.last),
                "time": market.changed_ms,
            }

        return self._each(params, row)

    def day_ticker(self, params: Parameters, now_ms: int) -> Any:
        """The last 24 hours of one symbol or of all."""
        return self._each(params, lambda market: self._day(market, now_ms))

    def premium_index(self, params: Parameters, now_ms: int) -> Any:
        """Mark price and coming funding of one symbol or of all."""

        def row(market: SymbolMarket) -> dict[str, Any]:
            return {
                "symbol": market.rules.symbol,
                "markPrice": text(market.mark),
                "indexPrice": text(market.mark),
                "estimatedSettlePrice": text(market.mark),
                "lastFundingRate": text(market.funding_rate),
                "interestRate": "0.00010000",
                "nextFundingTime": market.next_funding_ms,
                "time": now_ms,
            }

        return self._each(params, row)

    def funding_info(self, _params: Parameters, now_ms: int) -> Any:
        """How often funding is charged, and its bounds."""
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": FUNDING_MS // 3_600_000,
                "disclaimer": False,
                "updateTime": now_ms,
            }
            for symbol in self._venue.symbols
        ]

    def funding_rate(self, params: Parameters, now_ms: int) -> Any:
        """Funding rates that have become due."""
        limit = number(params, "limit", 100, 1000)
        start, end = integer(params, "startTime"), integer(params, "endTime")
        from_ms, to_ms = start or 0, min(now_ms if end is None else end, now_ms)
        symbol = params.get("symbol", "")
        markets = [self._venue.market(symbol)] if symbol else list(self._venue.state.markets.values())
        found: list[dict[str, Any]] = [
            {
                "symbol": market.rules.symbol,
                "fundingTime": stamp.at_ms,
                "fundingRate": text(stamp.rate),
                "markPrice": text(stamp.mark),
            }
            for market in markets
            for stamp in market.funding
            if from_ms <= stamp.at_ms <= to_ms
        ]
        found.sort(key=lambda row: row["fundingTime"])
        return found[-limit:] if start is None else found[:limit]

    def _length(self, interval: str) -> int:
        length_ms = TIMEFRAMES.get(interval, 0) // 1_000_000
        if not length_ms or length_ms % self._venue.state.interval_ms:
            raise refusal(-1120)
        return length_ms

    def _each(self, params: Parameters, row: Callable[[SymbolMarket], dict[str, Any]]) -> Any:
        symbol = params.get("symbol", "")
        if symbol:
            return row(self._venue.market(symbol))
        return [row(market) for market in self._listed()]

    def _listed(self) -> list[SymbolMarket]:
        return [market for market in self._venue.state.markets.values() if market.rules.listed]

    def _best(self, market: SymbolMarket) -> dict[str, Any]:
        bid, ask = (next(iter(self._side(market, side, 1)), ["0", "0"]) for side in ("SELL", "BUY"))
        return {
            "symbol": market.rules.symbol,
            "bidPrice": bid[0],
            "bidQty": bid[1],
            "askPrice": ask[0],
            "askQty": ask[1],
            "time": market.changed_ms,
        }

    def _side(self, market: SymbolMarket, side: str, limit: int) -> list[list[str]]:
        rules, found = market.rules, []
        for price, quantity in levels(market, side):
            shown = min(_ENDLESS, rules.max_quantity) if quantity is None else quantity
            found.append([price_text(rules, price), quantity_text(rules, shown)])
        return found[:limit]

    def _day(self, market: SymbolMarket, now_ms: int) -> dict[str, Any]:
        rules = market.rules
        rows = candles(
            market,
            self._history,
            self._venue.state.interval_ms,
            self._venue.state.interval_ms,
            now_ms - _DAY_MS,
            now_ms + 1,
        )
        first = Decimal(rows[0].open) if rows else market.last
        change = market.last - first
        volume = sum(Decimal(row.volume) for row in rows)
        turnover = sum(Decimal(row.volume) * Decimal(row.close) for row in rows)
        return {
            "symbol": rules.symbol,
            "priceChange": price_text(rules, change),
            "priceChangePercent": f"{100 * float(change) / float(first):.3f}" if first else "0.000",
            "weightedAvgPrice": f"{float(turnover) / float(volume):.8f}" if volume else "0",
            "lastPrice": price_text(rules, market.last),
            "lastQty": quantity_text(rules, rules.step),
            "openPrice": price_text(rules, first),
            "highPrice": price_text(rules, max((Decimal(row.high) for row in rows), default=market.last)),
            "lowPrice": price_text(rules, min((Decimal(row.low) for row in rows), default=market.last)),
            "volume": digits(Decimal(volume)),
            "quoteVolume": digits(Decimal(turnover)),
            "openTime": now_ms - _DAY_MS,
            "closeTime": now_ms,
            "firstId": 1,
            "lastId": max(1, market.updates),
            "count": market.updates,
        }


def kline(row: Row, length_ms: int) -> list[Any]:
    """A candle as the twelve values of the REST answer."""
    turnover = digits(Decimal(row.close) * Decimal(row.volume))
    prices = (row.open, row.high, row.low, row.close, row.volume)
    return [row.open_ms, *prices, row.open_ms + length_ms - 1, turnover, 1, "0", "0", "0"]


ROUTES: Final = {
    "GET /fapi/v1/ping": MarketData.ping,
    "GET /fapi/v1/time": MarketData.time,
    "GET /fapi/v1/exchangeInfo": MarketData.exchange_info,
    "GET /fapi/v1/klines": MarketData.klines,
    "GET /fapi/v1/markPriceKlines": MarketData.mark_klines,
    "GET /fapi/v1/depth": MarketData.depth,
    "GET /fapi/v1/ticker/bookTicker": MarketData.book_ticker,
    "GET /fapi/v1/ticker/price": MarketData.price_ticker,
    "GET /fapi/v2/ticker/price": MarketData.price_ticker,
    "GET /fapi/v1/ticker/24hr": MarketData.day_ticker,
    "GET /fapi/v1/premiumIndex": MarketData.premium_index,
    "GET /fapi/v1/fundingRate": MarketData.funding_rate,
    "GET /fapi/v1/fundingInfo": MarketData.funding_info,
}
"""Method and path to method of ``MarketData``."""
