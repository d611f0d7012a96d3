"""Indicators, bar by bar and over whole columns, seeded as TA-Lib seeds them: the face of their four families.

An indicator has no value until it is warm: ``value`` is None and a column holds nan. After ``warmup``
bars it has one, always. Inputs are finite float64; anything else is a ValueError that names the field.
The order of float operations is part of the specification: the compiled twin, a column and a
restored state give the same bits. Wilder's averages are those of J. Welles Wilder, New Concepts in
Technical Trading Systems (1978). Windows are never summed by taking out what left (``windows``), so rounding errors
do not pile up over a long session. docs/indicators.md has them all in one table.
"""

from __future__ import annotations

from live_runner.hotpath.reference.inputs import BARS_MAX, PERIOD_MAX, Column
from live_runner.hotpath.reference.momentum import Adx, Roc, Rsi, Slope, Stochastic, adx, roc, rsi, slope, stochastic
from live_runner.hotpath.reference.moving import Dema, Ema, Macd, Sma, Tema, Wma, dema, ema, macd, sma, tema, wma
from live_runner.hotpath.reference.ranges import (
    Atr,
    Bollinger,
    Donchian,
    Keltner,
    Stddev,
    Supertrend,
    atr,
    bollinger,
    donchian,
    keltner,
    stddev,
    supertrend,
)
from live_runner.hotpath.reference.volume import AnchoredVwap, Mfi, Obv, Vwap, anchored_vwap, mfi, obv, vwap

__all__ = [
    "BARS_MAX",
    "PERIOD_MAX",
    "Adx",
    "AnchoredVwap",
    "Atr",
    "Bollinger",
    "Column",
    "Dema",
    "Donchian",
    "Ema",
    "Keltner",
    "Macd",
    "Mfi",
    "Obv",
    "Roc",
    "Rsi",
    "Slope",
    "Sma",
    "Stddev",
    "Stochastic",
    "Supertrend",
    "Tema",
    "Vwap",
    "Wma",
    "adx",
    "anchored_vwap",
    "atr",
    "bollinger",
    "dema",
    "donchian",
    "ema",
    "keltner",
    "macd",
    "mfi",
    "obv",
    "roc",
    "rsi",
    "slope",
    "sma",
    "stddev",
    "stochastic",
    "supertrend",
    "tema",
    "vwap",
    "wma",
]
