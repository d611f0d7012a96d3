"""The emulator's market: the seeded simulated one, laid on wall-clock time, without an end.

Each bar of the simulation is one bar of the asked timeframe, counted from a fixed epoch, so that any two
emulators of one seed show the same candles at the same moment, after a restart too. Timeframes are markets of
their own: five one-minute candles do not make the five-minute one.

Pure: the time comes in with every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from live_runner.contracts.messages import Instrument
from live_runner.contracts.timeframe import bar_open_ns, duration_ns
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.core.randomness import key, normals
from live_runner.services.market_data.core.simulated_symbols import listing
from live_runner.services.market_data.core.simulation import BLOCK_BARS, EPOCH_NS, instrument, simulate

__all__ = ["FUNDING_NS", "EmulatedMarket", "Row"]

FUNDING_NS: Final = 8 * 3600 * 1_000_000_000
BLOCKS_KEPT: Final = 256
"""Simulated weeks (at one minute) that stay in memory, about 0.5 MB each."""

type Row = tuple[int, str, str, str, str, str]
"""Open time in nanoseconds; open, high, low, close and volume as the venue writes them."""


class EmulatedMarket:
    """Candles, funding and rules of some symbols at any moment."""

    def __init__(self, seed: int, symbols: Sequence[str], *, epoch_ns: int = EPOCH_NS) -> None:
        self.symbols = {venue_symbol(symbol): symbol for symbol in symbols}
        """Unified symbols by what the venue calls them: BTCUSDT."""
        self._seed = seed
        self._epoch_ns = epoch_ns
        self._block = lru_cache(BLOCKS_KEPT)(self._simulated)

    def rules(self, symbol: str) -> Instrument:
        """Market rules."""
        return instrument(symbol, "emulator")

    def whole(self, symbol: str, timeframe: str, from_ns: int, to_ns: int) -> list[Row]:
        """Candles that open in [from_ns, to_ns), as they are when they are over."""
        length = duration_ns(timeframe)
        zero_ns = bar_open_ns(self._epoch_ns, timeframe)
        from_ns = max(from_ns, zero_ns)
        rows: list[Row] = []
        if to_ns <= from_ns:
            return rows
        first = -(-(from_ns - zero_ns) // length)
        last = (to_ns - 1 - zero_ns) // length
        for block in range(first // BLOCK_BARS, last // BLOCK_BARS + 1):
            rows += _rows(self._block(symbol, timeframe, block).between(from_ns, to_ns), symbol)
        return rows

    def mark_text(self, symbol: str, at_ns: int) -> str:
        """The mark price at a moment: the open of that minute's bar."""
        minute_ns = bar_open_ns(at_ns, "1m")
        rows = self.whole(symbol, "1m", minute_ns, minute_ns + 1)
        return rows[0][1] if rows else ""

    def funding(self, symbol: str, from_ns: int, to_ns: int) -> list[tuple[int, str, str]]:
        """(stamp_ns, rate, mark) in [from_ns, to_ns]; stamps lie some milliseconds after the hour, as real ones do."""
        found = []
        due = -(-max(from_ns - 1_000_000_000, self._epoch_ns) // FUNDING_NS)
        while (due_ns := due * FUNDING_NS) <= to_ns:
            draw = normals(key(self._seed, "funding", symbol), 1, due)[0]
            stamp_ns = due_ns + key(self._seed, "jitter", symbol, due) % 20 * 1_000_000
            if from_ns <= stamp_ns <= to_ns:
                found.append((stamp_ns, f"{1e-4 + float(draw) * 9e-5:.8f}", self.mark_text(symbol, due_ns)))
            due += 1
        return found

    def _simulated(self, symbol: str, timeframe: str, block: int) -> Candles:
        first = block * BLOCK_BARS
        return simulate(self._seed, symbol, timeframe, first, BLOCK_BARS, holes=False, epoch_ns=self._epoch_ns)


def venue_symbol(symbol: str) -> str:
    """``BTC/USDT:USDT`` as the venue calls it: BTCUSDT."""
    return symbol.partition(":")[0].replace("/", "")


def _rows(part: Candles, symbol: str) -> list[Row]:
    listed = listing(symbol)
    columns = (part.open_ns, part.open, part.high, part.low, part.close, part.volume)
    rows: list[Row] = []
    for open_ns, *prices, volume in zip(*(column.tolist() for column in columns), strict=True):
        opened, high, low, close = (f"{price:.{listed.price_decimals}f}" for price in prices)
        rows.append((open_ns, opened, high, low, close, f"{volume:.{listed.lot_decimals}f}"))
    return rows
