"""Prices and amounts made ready for a venue, beside ccxt's own functions on the same markets and numbers.

One figure is a price and an amount together, as text from floats, called from Python; the loop that calls is
taken off both. ``price_ticks`` and ``amount_lots``, which the execution core uses, are told beside it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import ccxt
from bench.table import Row, entry

from live_runner.hotpath import normalize
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt

MARKETS = {
    "steps (okx)": ("okx", 0.1, 0.001),
    "significant digits (bitfinex)": ("bitfinex", 5, 8),
    "digits, then decimals (hyperliquid)": ("hyperliquid", 0.1, 0.001),
}
SYMBOL = "A/B:B"
GOAL_US = 0.2
REPEATS = 7


def rows(quick: bool) -> list[Row]:
    """A price and an amount, per kind of market."""
    numbers = 500 if quick else 5_000
    prices = [64_000.0 + 0.037 * n for n in range(numbers)]
    amounts = [0.01 + 0.000_37 * n for n in range(numbers)]
    found = []
    for name, (venue, price, amount) in MARKETS.items():
        exchange, market = _market(venue, price, amount)
        rules = normalize.Normalizer(instrument_from_ccxt(market, venue=venue, precision_mode=exchange.precisionMode))
        ours = _pair_us(rules.price, rules.amount, prices, amounts)
        counts = _pair_us(rules.price_ticks, rules.amount_lots, prices, amounts)
        theirs = _pair_us(
            partial(exchange.price_to_precision, SYMBOL),
            partial(exchange.amount_to_precision, SYMBOL),
            prices[: numbers // 10],
            amounts[: numbers // 10],
        )
        found.append(
            Row(
                what=f"normalization, a price and an amount: {name}",
                figure=ours,
                unit="us",
                floor=theirs,
                beside=f"ccxt {ccxt.__version__}",
                goal=GOAL_US,
                better="less",
                details=f"as counts of ticks and lots {counts:.3f} us",
            )
        )
    return found


def _market(venue: str, price: float, amount: float) -> tuple[Any, dict[str, Any]]:
    """An exchange of ccxt with one made-up market."""
    exchange = getattr(ccxt, venue)()
    market = {
        "symbol": SYMBOL,
        "base": "A",
        "quote": "B",
        "settle": "B",
        "spot": False,
        "contract": True,
        "inverse": False,
        "contractSize": 1.0,
        "precision": {"price": price, "amount": amount},
        "limits": {},
    }
    exchange.markets = {SYMBOL: market}
    return exchange, market


def _pair_us(
    price: Callable[[float], object], amount: Callable[[float], object], prices: list[float], amounts: list[float]
) -> float:
    """Microseconds of the process for one price and one amount, the best of several goes, without the loop."""

    def go() -> None:
        for one, other in zip(prices, amounts, strict=True):
            price(one)
            amount(other)

    def bare() -> None:
        for one, other in zip(prices, amounts, strict=True):
            one, other  # noqa: B018 - what the loop itself costs

    return (_best_s(go) - _best_s(bare)) / len(prices) * 1e6


def _best_s(call: Callable[[], None]) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        began = time.process_time_ns()
        call()
        best = min(best, (time.process_time_ns() - began) / 1e9)
    return best


if __name__ == "__main__":
    entry("normalization", rows)
