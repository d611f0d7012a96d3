"""Symbols of the simulated market: price level, volatility and volume of each.

Symbols that are not in the table get characteristics from their name, so any session's symbols can be
simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from live_runner.contracts.symbols import split_symbol
from live_runner.services.market_data.core.randomness import key

__all__ = ["SYMBOLS", "Listing", "listing"]


@dataclass(frozen=True, slots=True)
class Listing:
    """One simulated symbol."""

    symbol: str
    base: str
    quote: str
    settle: str
    contract: bool
    price: float
    """Where the market begins."""
    price_decimals: int
    lot_decimals: int
    daily_volatility: float
    """Standard deviation of a day's return."""
    beta: float
    """Share of its moves that it has from the whole market."""
    daily_turnover: float
    """In the quote currency."""
    quiet_chance: float
    """Chance of a minute without a trade in a slow hour."""
    skips_quiet_bars: bool
    """Whether such a minute has no candle, or a flat one of volume 0."""

    @property
    def tick_size(self) -> str:
        """Price step as decimal text."""
        return _step(self.price_decimals)

    @property
    def lot_size(self) -> str:
        """Amount step as decimal text."""
        return _step(self.lot_decimals)


# price, price decimals, lot decimals, daily volatility, beta, daily turnover, quiet chance, skips quiet bars
_KNOWN: Final[dict[str, tuple[float, int, int, float, float, float, float, bool]]] = {
    "BTC": (96_500.0, 1, 3, 0.024, 0.90, 9e9, 0.0, False),
    "ETH": (3_450.0, 2, 3, 0.033, 0.88, 6e9, 0.0, False),
    "SOL": (205.0, 2, 2, 0.045, 0.80, 2.5e9, 0.0, False),
    "BNB": (705.0, 2, 2, 0.026, 0.75, 6e8, 0.001, False),
    "XRP": (2.4, 4, 1, 0.044, 0.70, 2e9, 0.0, False),
    "DOGE": (0.34, 5, 0, 0.050, 0.75, 1.2e9, 0.001, False),
    "ADA": (0.95, 4, 0, 0.046, 0.75, 5e8, 0.002, False),
    "LINK": (21.5, 3, 2, 0.045, 0.72, 3e8, 0.004, False),
    "AVAX": (38.0, 3, 0, 0.046, 0.74, 3e8, 0.004, False),
    "LTC": (104.0, 2, 3, 0.040, 0.70, 3e8, 0.006, True),
    "ETC": (26.4, 3, 2, 0.042, 0.70, 8e7, 0.012, True),
    "BCH": (440.0, 2, 3, 0.041, 0.68, 1.2e8, 0.012, True),
}

SYMBOLS: Final = tuple(f"{base}/USDT:USDT" for base in _KNOWN)
"""The symbols of the table, as perpetuals."""

_UNKNOWN_PRICES: Final = ((0.045, 5, 0), (0.6, 4, 0), (7.5, 3, 1), (62.0, 2, 2))


def listing(symbol: str) -> Listing:
    """The symbol's characteristics; ConfigError when it is not a spot or perpetual symbol."""
    base, quote, settle = split_symbol(symbol)
    known = _KNOWN.get(base) if quote in ("USDT", "USDC", "USD") else None
    if known is None:
        draw = key("listing", base, quote)
        price, price_decimals, lot_decimals = _UNKNOWN_PRICES[draw % len(_UNKNOWN_PRICES)]
        volatility = 0.04 + draw // 7 % 30 / 1000
        known = (price, price_decimals, lot_decimals, volatility, 0.65, 6e7, 0.015, True)
    return Listing(symbol, base, quote, settle or quote, bool(settle), *known)


def _step(decimals: int) -> str:
    return "1" if decimals == 0 else "0." + "0" * (decimals - 1) + "1"
