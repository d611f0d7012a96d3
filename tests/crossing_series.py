"""Seeded bars on which averages cross in every way that matters: with a trend, in a chop, over gaps, on the flat.

Prices are whole ticks, so that what the peers compute in floats and what is exact differ by rounding only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from live_runner.services.market_data.core.candles import Candles

__all__ = ["KINDS", "SCALES", "Scale", "bars"]

type Floats = NDArray[np.float64]

KINDS = ("trend", "chop", "gaps", "flat")
_MINUTE_NS = 60_000_000_000
_EPOCH_NS = 1_735_862_400_000_000_000


@dataclass(frozen=True)
class Scale:
    """How big a market's numbers are."""

    price: float
    decimals: int
    """Of the tick."""
    quantity: int
    """Whole units per order, worth some thousands."""


SCALES = {
    "1e-6": Scale(price=4.2e-6, decimals=11, quantity=1_000_000_000),
    "100": Scale(price=100.0, decimals=2, quantity=30),
    "1e5": Scale(price=98_000.0, decimals=1, quantity=1),
}


def bars(kind: str, scale: Scale, seed: int, count: int) -> Candles:
    """So many one-minute bars; the same arguments always give the same."""
    random = np.random.default_rng([seed, KINDS.index(kind), scale.decimals])
    ticks = round(scale.price * 10**scale.decimals)
    closes = np.maximum(np.rint(ticks * _path(kind, random, count)), 10.0)
    before = np.concatenate((closes[:1], closes[:-1]))
    opens = before if kind == "flat" else np.maximum(before + random.integers(-3, 4, count), 1.0)
    if kind == "gaps":
        opens = np.where(random.random(count) < 0.05, np.rint((before + 2.0 * closes) / 3.0), opens)
    reach = np.rint(ticks * 2e-4 * np.abs(random.standard_normal((2, count))))
    highs = np.maximum(opens, closes) + reach[0]
    lows = np.maximum(np.minimum(opens, closes) - reach[1], 1.0)
    opens, highs, lows, closes = (column / 10.0**scale.decimals for column in (opens, highs, lows, closes))
    open_ns = _EPOCH_NS + np.arange(count, dtype=np.int64) * _MINUTE_NS
    if kind == "gaps":
        open_ns = _with_holes(open_ns, random)
    return Candles("BTC/USDT:USDT", open_ns, opens, highs, lows, closes, np.full(count, 7.0))


def _path(kind: str, random: np.random.Generator, count: int) -> Floats:
    """Closes as multiples of the price."""
    noise = random.standard_normal(count)
    if kind == "trend":
        drift = np.repeat(random.choice((-1.6e-4, 2e-4), -(-count // 150)), 150)[:count]
        return np.asarray(np.exp(np.cumsum(8e-4 * noise + drift)))
    if kind == "chop":
        # A price that is pulled back crosses its averages again and again.
        values, at = np.empty(count), 0.0
        for number, move in enumerate(noise.tolist()):
            at += 1.2e-3 * move - 0.03 * at
            values[number] = at
        return np.exp(values)
    if kind == "gaps":
        jumps = np.where(random.random(count) < 0.01, 0.02 * random.standard_normal(count), 0.0)
        return np.asarray(np.exp(np.cumsum(7e-4 * noise + jumps - jumps.mean())))
    # Stretches without a trade, the first bars among them: averages come to the very same number, then part.
    busy = np.arange(count) % 300 >= 200
    steps = np.where(busy & (random.random(count) < 0.2), np.rint(3.0 * noise), 0.0)
    return np.asarray(1.0 + 2e-3 * (np.cumsum(steps) % 17.0))


def _with_holes(open_ns: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
    """Minutes that are not there, after the bars of the warmup."""
    skipped = np.where(random.random(len(open_ns)) < 0.01, random.integers(1, 30, len(open_ns)), 0)
    skipped[:100] = 0
    return np.asarray(open_ns + np.cumsum(skipped) * _MINUTE_NS, dtype=np.int64)
