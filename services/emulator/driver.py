"""Moves the venue's market along with its clock: each candle of the source as the trades that make it.

The exchange matches on these trades and makes of them the candles that it serves, so what an order met and what a
client is shown are one thing. Pure: the time comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from live_runner.services.emulator.binance import Exchange
from live_runner.services.emulator.binance.candles import next_print_ms, way_of
from live_runner.services.emulator.binance.state import Print
from live_runner.services.emulator.market_source import Source

__all__ = ["Driver", "Moved"]

FUNDING_MS: Final = 8 * 3_600_000
ROWS_KEPT: Final = 10_000
"""Candles of each symbol in memory; the source has the older ones."""
JITTER_MS: Final = 1000
"""A stamp may lie so long after its hour."""
FUNDING_SHOWN_MS: Final = 14 * 86_400_000
"""How far back the venue shows funding rates when it begins."""


class Moved(NamedTuple):
    """One trade of the market."""

    symbol: str
    traded: Print


class Driver:
    """The market of one exchange, from ``start_ms`` on."""

    def __init__(self, exchange: Exchange, source: Source, start_ms: int) -> None:
        self.exchange = exchange
        self.done_ms = start_ms - start_ms % source.interval_ms - 1
        """Everything up to here has happened."""
        self.stalled: set[str] = set()
        """Symbols whose market stands still."""
        self._source = source
        self._rules = {rules.symbol: rules for rules in source.symbols()}
        self._funding_set_ms = 0
        for symbol in self._rules:
            exchange.load(symbol, [], source.funding(symbol, start_ms - FUNDING_SHOWN_MS, start_ms))

    def advance(self, now_ms: int) -> list[Moved]:
        """Let the market trade up to ``now_ms``; every trade, in order of time."""
        if now_ms <= self.done_ms:
            return []
        self._set_funding(self.done_ms)
        if now_ms < next_print_ms(self.done_ms, self._source.interval_ms):
            self.done_ms = now_ms
            return []
        moved = sorted(self._due(now_ms), key=lambda each: each.traded.at_ms)
        for symbol, traded in moved:
            self._set_funding(traded.at_ms)
            self.exchange.price(symbol, traded.price, traded.at_ms, quantity=traded.quantity, jumps=traded.jumps)
        self.done_ms = now_ms
        self._set_funding(now_ms)
        self.exchange.forget(ROWS_KEPT)
        return moved

    def _due(self, now_ms: int) -> Iterator[Moved]:
        interval_ms = self._source.interval_ms
        first_ms = self.done_ms - self.done_ms % interval_ms
        for symbol, rules in self._rules.items():
            if symbol in self.stalled:
                continue
            for row in self._source.rows(symbol, first_ms, now_ms + 1):
                for traded in way_of(rules, row, interval_ms):
                    if self.done_ms < traded.at_ms <= now_ms:
                        yield Moved(symbol, traded)

    def _set_funding(self, now_ms: int) -> None:
        """Tell the exchange the rate and the moment of the next funding, once the last one is over."""
        if now_ms < self._funding_set_ms:
            return
        self.exchange.pass_time(now_ms)
        following_ms = coming_ms = now_ms - now_ms % FUNDING_MS + FUNDING_MS + JITTER_MS
        for symbol in self._rules:
            stamps = self._source.funding(symbol, now_ms + 1, coming_ms)
            if stamps:
                given = {"symbol": symbol, "funding_rate": str(stamps[0].rate), "next_funding_ms": stamps[0].at_ms}
                self.exchange.act("market", given, now_ms)
                following_ms = min(following_ms, stamps[0].at_ms + 1)
        self._funding_set_ms = following_ms
