"""Market rules of a recording: given by whoever made it, or read off the bars.

Inferred rules are the coarsest grid on which every price (and volume) of the recording stands:
tick size = 10 ** -(most decimals seen in a price). Values that came through floats carry noise in
their last bits (0.00010756000000000001), so a value counts as standing on a grid when it is within two
units of its last place, and the grid is never finer than doubles can count exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np

from live_runner.contracts.config import rule_problems
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Instrument
from live_runner.contracts.symbols import split_symbol
from live_runner.services.market_data.core.candles import PRICES, Candles, Floats

__all__ = ["decimals_of", "infer", "override"]

LOT_DECIMALS_MAX: Final = 8
PRICE_DECIMALS_MAX: Final = 18
_EXACT: Final = 1e15  # below 2**53 with room for arithmetic on ticks
_ULPS: Final = 2.0


def decimals_of(values: Floats, most: int) -> int:
    """The fewest decimals that write every value, up to ``most``."""
    if not len(values):
        return 0
    largest = float(np.max(np.abs(values)))
    slack = _ULPS * np.spacing(np.abs(values))
    for decimals in range(most + 1):
        scale = 10.0**decimals
        if decimals and largest * scale >= _EXACT:
            return decimals - 1
        off = np.abs(np.rint(values * scale) / scale - values) > slack
        if not off.any():
            return decimals
        values, slack = values[off], slack[off]
    return most


def infer(candles: Candles, venue: str) -> Instrument:
    """The rules that the bars themselves show."""
    prices = max(decimals_of(candles.column(field), PRICE_DECIMALS_MAX) for field in PRICES)
    lots = decimals_of(candles.volume, LOT_DECIMALS_MAX)
    base, quote, settle = split_symbol(candles.symbol)
    lot_size = _step(lots)
    return Instrument(
        symbol=candles.symbol,
        venue=venue,
        base=base,
        quote=quote,
        settle=settle or quote,
        contract=bool(settle),
        inverse=bool(settle) and settle == base,
        tick_size=_step(prices),
        lot_size=lot_size,
        price_precision=_step(prices),
        amount_precision=lot_size,
        min_amount=lot_size,
        rules="inferred",
    )


def override(instrument: Instrument, rules: Mapping[str, Any]) -> Instrument:
    """The instrument with some rules given in the configuration; ConfigError names what is none."""
    if not rules:
        return instrument
    for problem in rule_problems(rules, f"market.instruments.{instrument.symbol}"):
        raise ConfigError(f"{problem.key}: {problem.what}", remedy=problem.remedy, key=problem.key)
    changed = dict(rules)
    # The precision follows the grid unless it is given too: they are one rule in most venues.
    if "tick_size" in changed:
        changed.setdefault("price_precision", changed["tick_size"])
    if "lot_size" in changed:
        changed.setdefault("amount_precision", changed["lot_size"])
    return msgspec.structs.replace(instrument, **changed, rules="given")


def _step(decimals: int) -> str:
    return "1" if decimals == 0 else "0." + "0" * (decimals - 1) + "1"
