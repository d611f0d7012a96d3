"""Where the venue's prices come from: the seeded market, or recorded candles laid on venue time.

Pure: what a file holds comes in as ``Recorded``. Prices are decimal text from here on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

from live_runner.contracts.timeframe import duration_ns
from live_runner.services.emulator.binance import FundingStamp, Row, SymbolRules
from live_runner.services.emulator.emulated_market import EmulatedMarket, venue_symbol

__all__ = ["Recorded", "Seeded", "Source"]

_MS: Final = 1_000_000


class Source(Protocol):
    """Candles of one length, rules and funding rates of some symbols, by the venue's names for them."""

    interval_ms: int
    """Length of its candles."""

    def symbols(self) -> Sequence[SymbolRules]:
        """Every symbol's rules."""

    def rows(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Row]:
        """Whole candles that open in [from_ms, to_ms)."""

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> list[FundingStamp]:
        """Rates with a stamp in [from_ms, to_ms]."""


class Seeded:
    """The simulated market without an end; ``base`` is the timeframe that is matched on."""

    def __init__(self, market: EmulatedMarket, base: str) -> None:
        self._market = market
        self._base = base
        self.interval_ms = duration_ns(base) // _MS

    def symbols(self) -> Sequence[SymbolRules]:
        """Every symbol's rules."""
        found = []
        for name, symbol in self._market.symbols.items():
            rules = self._market.rules(symbol)
            tick, step, least = (Decimal(text) for text in (rules.tick_size, rules.lot_size, str(rules.min_amount)))
            found.append(SymbolRules(name, rules.base, rules.quote, tick=tick, step=step, min_quantity=least))
        return found

    def rows(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Row]:
        """Whole candles that open in [from_ms, to_ms)."""
        unified = self._market.symbols[symbol]
        found = self._market.whole(unified, self._base, from_ms * _MS, to_ms * _MS)
        return [Row(row[0] // _MS, *row[1:]) for row in found]

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> list[FundingStamp]:
        """Rates with a stamp in [from_ms, to_ms]."""
        stamps = self._market.funding(self._market.symbols[symbol], from_ms * _MS, to_ms * _MS)
        return [FundingStamp(at_ns // _MS, Decimal(rate), Decimal(mark)) for at_ns, rate, mark in stamps]


class Recorded:
    """Recorded candles by unified symbol, each in order; symbols trade on the finest step that their rows show."""

    def __init__(
        self, rows: Mapping[str, Sequence[Row]], interval_ms: int, funding: Mapping[str, Sequence[FundingStamp]]
    ) -> None:
        self.interval_ms = interval_ms
        self._rows = {venue_symbol(symbol): list(found) for symbol, found in rows.items()}
        self._opens = {symbol: [row.open_ms for row in found] for symbol, found in self._rows.items()}
        self._funding = {venue_symbol(symbol): list(found) for symbol, found in funding.items()}
        self._rules = [_rules(symbol, found) for symbol, found in rows.items()]

    def symbols(self) -> Sequence[SymbolRules]:
        """Every symbol's rules."""
        return self._rules

    def rows(self, symbol: str, from_ms: int, to_ms: int) -> Sequence[Row]:
        """Whole candles that open in [from_ms, to_ms)."""
        opens = self._opens[symbol]
        return self._rows[symbol][bisect_left(opens, from_ms) : bisect_left(opens, to_ms)]

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> list[FundingStamp]:
        """Rates with a stamp in [from_ms, to_ms]."""
        return [stamp for stamp in self._funding.get(symbol, ()) if from_ms <= stamp.at_ms <= to_ms]


def _rules(symbol: str, rows: Sequence[Row]) -> SymbolRules:
    base, _, quote = symbol.partition(":")[0].partition("/")
    tick = _step(text for row in rows for text in (row.open, row.high, row.low, row.close))
    step = _step(row.volume for row in rows)
    return SymbolRules(venue_symbol(symbol), base, quote, tick=tick, step=step, min_quantity=step)


def _step(texts: Iterable[str]) -> Decimal:
    decimals = max((len(text.rstrip("0").partition(".")[2]) for text in texts if "." in text), default=0)
    return Decimal(1).scaleb(-decimals)
