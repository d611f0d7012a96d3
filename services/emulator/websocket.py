"""The emulator's WebSocket: kline streams, as Binance USD-M sends them.

``{"method": "SUBSCRIBE", "params": ["btcusdt@kline_1m"], "id": 1}`` is answered by ``{"result": null, "id": 1}``. Then
the forming candle comes with every push, and once more with ``x`` true when it is over.
"""

from __future__ import annotations

import json
from typing import Any, Final

from live_runner.contracts.timeframe import TIMEFRAMES, bar_open_ns
from live_runner.services.emulator.emulated_market import EmulatedMarket, Row

__all__ = ["STREAMS_MAX", "Subscriptions"]

STREAMS_MAX: Final = 200
"""Of one connection, as at the venue."""
_MS: Final = 1_000_000


class Subscriptions:
    """The subscriptions of one connection. Pure: texts and times in, texts out."""

    def __init__(self, market: EmulatedMarket) -> None:
        self._market = market
        self._open_ns: dict[str, int] = {}

    def handle(self, text: str, now_ns: int) -> str:
        """The answer to a request."""
        try:
            request = json.loads(text)
            method, names, number = request["method"], list(request.get("params") or []), request.get("id")
        except (ValueError, KeyError, TypeError, AttributeError):
            return json.dumps({"error": {"code": 3, "msg": "Invalid JSON"}})
        if method == "SUBSCRIBE":
            fine = [name for name in names if self._parts(name) is not None]
            if len(fine) < len(names) or len(self._open_ns) + len(fine) > STREAMS_MAX:
                return json.dumps({"error": {"code": 2, "msg": "Invalid request: unknown stream"}, "id": number})
            for name in fine:
                self._open_ns.setdefault(name, bar_open_ns(now_ns, name.partition("@kline_")[2]))
        elif method == "UNSUBSCRIBE":
            for name in names:
                self._open_ns.pop(name, None)
        return json.dumps({"result": None, "id": number})

    def push(self, now_ns: int) -> list[str]:
        """Messages for what is new since the last push: closed candles first, then the forming one."""
        messages: list[str] = []
        for name, last_ns in self._open_ns.items():
            parts = self._parts(name)
            if parts is None:
                continue
            symbol, timeframe = parts
            length = TIMEFRAMES[timeframe]
            for row in self._market.candles(symbol, timeframe, last_ns, now_ns + 1, now_ns):
                is_closed = row[0] + length <= now_ns
                messages.append(json.dumps(_event(name, timeframe, row, length, is_closed, now_ns)))
            self._open_ns[name] = bar_open_ns(now_ns, timeframe)
        return messages

    def _parts(self, name: Any) -> tuple[str, str] | None:
        venue_symbol, _, timeframe = str(name).partition("@kline_")
        symbol = self._market.symbols.get(venue_symbol.upper())
        return (symbol, timeframe) if symbol is not None and timeframe in TIMEFRAMES else None


def _event(name: str, timeframe: str, row: Row, length_ns: int, is_closed: bool, now_ns: int) -> dict[str, Any]:
    symbol = name.partition("@")[0].upper()
    open_ms = row[0] // _MS
    return {
        "e": "kline",
        "E": now_ns // _MS,
        "s": symbol,
        "k": {
            "t": open_ms,
            "T": open_ms + length_ns // _MS - 1,
            "s": symbol,
            "i": timeframe,
            "f": 1,
            "L": 1,
            "o": row[1],
            "c": row[4],
            "h": row[2],
            "l": row[3],
            "v": row[5],
            "n": 1,
            "x": is_closed,
            "q": "0",
            "V": "0",
            "Q": "0",
            "B": "0",
        },
    }
