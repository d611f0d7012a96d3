"""The market streams of one connection, as Binance USD-M sends them.

``{"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 1}`` is answered by ``{"result": null, "id": 1}``.
Candles come when they change, and once with ``x`` true when they are over; trades, best prices, books and mark prices
with each trade of the market. Pure: texts and times in, frames out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from live_runner.contracts.timeframe import TIMEFRAMES, bar_open_ns
from live_runner.services.emulator.binance import Exchange
from live_runner.services.emulator.binance.amounts import digits
from live_runner.services.emulator.binance.market_data import kline
from live_runner.services.emulator.driver import Moved

__all__ = ["STREAMS_MAX", "Subscriptions"]

STREAMS_MAX: Final = 200
"""Of one connection, as at the venue."""
_MS: Final = 1_000_000
_DEPTH: Final = re.compile(r"depth(5|10|20)?(@(100|250|500)ms)?")
_MARK: Final = ("markPrice", "markPrice@1s")


class Subscriptions:
    """What one connection has asked for."""

    def __init__(self, exchange: Exchange, symbols: Collection[str], interval_ms: int) -> None:
        self._exchange = exchange
        self._symbols = symbols
        self._interval_ms = interval_ms
        self._books: dict[str, tuple[int, dict[str, set[str]]]] = {}
        """The number and the prices of the book that each stream showed last."""
        self._open_ms: dict[str, int] = {}
        """Streams by name; of candles the open time of the last one that was sent."""
        self._shown: dict[str, tuple[Any, ...]] = {}
        """The candle that each stream showed last."""

    def handle(self, given: str, now_ms: int) -> str:
        """The answer to a request."""
        try:
            request = json.loads(given)
            method, names, number = request["method"], list(request.get("params") or []), request.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            return json.dumps({"error": {"code": 3, "msg": "Invalid JSON"}})
        if method == "SUBSCRIBE" and not self.add(names, now_ms):
            return json.dumps({"error": {"code": 2, "msg": "Invalid request: unknown stream"}, "id": number})
        if method == "UNSUBSCRIBE":
            for name in names:
                self._open_ms.pop(str(name), None)
        if method == "LIST_SUBSCRIPTIONS":
            return json.dumps({"result": list(self._open_ms), "id": number})
        return json.dumps({"result": None, "id": number})

    def add(self, names: Sequence[Any], now_ms: int) -> bool:
        """Subscribe to streams; False where one is unknown or they are too many."""
        fine = [str(name) for name in names if self._is_known(str(name))]
        if len(fine) < len(names) or len(self._open_ms) + len(fine) > STREAMS_MAX:
            return False
        for name in fine:
            self._open_ms.setdefault(name, _open_ms(name, now_ms))
        return True

    def push(self, moved: Sequence[Moved], now_ms: int) -> list[dict[str, Any]]:
        """Frames for what is new since the last push: candles that are over first, then the forming one."""
        frames: list[dict[str, Any]] = []
        for name in list(self._open_ms):
            symbol, _, kind = name.partition("@")
            mine = [each for each in moved if each.symbol == symbol.upper()]
            if kind.startswith("kline_"):
                frames += self._candles(name, symbol.upper(), kind.removeprefix("kline_"), now_ms)
            elif mine:
                frames += self._of_trades(symbol.upper(), kind, mine, now_ms)
        return frames

    def _candles(self, name: str, symbol: str, interval: str, now_ms: int) -> list[dict[str, Any]]:
        length_ms = TIMEFRAMES[interval] // _MS
        frames = []
        for row in self._exchange.market_data.rows(symbol, interval, self._open_ms[name], now_ms + 1):
            is_closed = row.open_ms + length_ms <= now_ms
            shown = (row, is_closed)
            if self._shown.get(name) != shown:
                self._shown[name] = shown
                frames.append(_kline(symbol, interval, kline(row, length_ms), is_closed, now_ms))
            if is_closed:
                self._open_ms[name] = row.open_ms + length_ms
        return frames

    def _of_trades(self, symbol: str, kind: str, moved: Sequence[Moved], now_ms: int) -> list[dict[str, Any]]:
        ask, params = self._exchange.handle, {"symbol": symbol}
        if kind in ("aggTrade", "trade"):
            return [_trade(kind, each, now_ms) for each in moved]
        if kind == "bookTicker":
            best = ask("GET /fapi/v1/ticker/bookTicker", None, params, now_ms)
            prices = {"b": best["bidPrice"], "B": best["bidQty"], "a": best["askPrice"], "A": best["askQty"]}
            return [
                {"e": kind, "u": best["time"], "E": now_ms, "T": now_ms, "s": symbol, **prices, "st": 1, "ps": symbol}
            ]
        if kind in _MARK:
            mark = ask("GET /fapi/v1/premiumIndex", None, params, now_ms)
            price = {"p": mark["markPrice"], "i": mark["indexPrice"], "P": mark["estimatedSettlePrice"]}
            rate = {"r": mark["lastFundingRate"], "T": mark["nextFundingTime"], "st": 1}
            return [{"e": "markPriceUpdate", "E": now_ms, "s": symbol, **price, **rate}]
        return [self._book(symbol, ask("GET /fapi/v1/depth", None, {**params, "limit": "20"}, now_ms), now_ms)]

    def _book(self, symbol: str, book: dict[str, Any], now_ms: int) -> dict[str, Any]:
        """The levels of a book, and those of the one before that are gone, with a quantity of 0."""
        number = book["lastUpdateId"]
        last, before = self._books.get(symbol, (number - 1, {"bids": set(), "asks": set()}))
        now = {side: {level[0] for level in book[side]} for side in ("bids", "asks")}
        self._books[symbol] = number, now
        sides = {side: book[side] + [[price, "0"] for price in sorted(before[side] - now[side])] for side in now}
        ids = {"U": last + 1, "u": number, "pu": last, "st": 1, "ps": symbol}
        return {
            "e": "depthUpdate",
            "E": now_ms,
            "T": now_ms,
            "s": symbol,
            **ids,
            "b": sides["bids"],
            "a": sides["asks"],
        }

    def _is_known(self, name: str) -> bool:
        symbol, _, kind = name.partition("@")
        if symbol.upper() not in self._symbols or symbol != symbol.lower():
            return False
        if kind.startswith("kline_"):
            length_ms = TIMEFRAMES.get(kind.removeprefix("kline_"), 0) // _MS
            return bool(length_ms) and length_ms % self._interval_ms == 0
        return kind in ("aggTrade", "trade", "bookTicker", *_MARK) or _DEPTH.fullmatch(kind) is not None


def _open_ms(name: str, now_ms: int) -> int:
    interval = name.partition("@kline_")[2]
    return bar_open_ns(now_ms * _MS, interval) // _MS if interval else now_ms


def _trade(kind: str, moved: Moved, now_ms: int) -> dict[str, Any]:
    traded, number = moved.traded, moved.traded.at_ms
    ids = {"a": number, "f": number, "l": number, "st": 1} if kind == "aggTrade" else {"t": number}
    price = {"p": digits(traded.price), "q": digits(traded.quantity)}
    return {"e": kind, "E": now_ms, "T": traded.at_ms, "s": moved.symbol, **ids, **price, "m": False}


def _kline(symbol: str, interval: str, row: list[Any], is_closed: bool, now_ms: int) -> dict[str, Any]:
    candle = {"t": row[0], "T": row[6], "s": symbol, "i": interval, "f": 1, "L": 1, "o": row[1], "c": row[4]}
    rest = {"h": row[2], "l": row[3], "v": row[5], "n": 1, "x": is_closed, "q": row[7], "V": "0", "Q": "0", "B": "0"}
    return {"e": "kline", "E": now_ms, "s": symbol, "k": candle | rest}
