"""Indicators: nanoseconds a bar over whole columns beside TA-Lib, and of one ``update``.

The same arrays, taken in turns in the same run; the least of many repeats, because everything else only adds.
TA-Lib picks code for the processor at hand (fused multiply and add, wider vectors); ours may not, because its bits must
be the same everywhere. Where TA-Lib has no such function there is no floor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import talib
from bench import cython_module
from bench.table import Row, entry, note

from live_runner.hotpath import IMPLEMENTATION, indicators

_LOOP = Path(__file__).parent / "indicator_loop.pyx"
_BARS, _BARS_QUICK = 200_000, 50_000
_REPEATS, _REPEATS_QUICK = 40, 10
_UPDATES = 20_000
_UPDATE_GOAL_NS, _LOOP_GOAL_NS = 30, 5

type Call = Callable[[], Any]


def rows(quick: bool) -> list[Row]:
    """Columns, then updates from Python, then from a compiled loop."""
    bars, repeats = (_BARS_QUICK, _REPEATS_QUICK) if quick else (_BARS, _REPEATS)
    market = _market(bars)
    found = [_column(name, ours, theirs, bars, repeats) for name, (ours, theirs) in _columns(market).items()]
    return found + _updates(market, repeats) + _compiled(market, repeats)


def _market(bars: int) -> dict[str, Any]:
    chance = np.random.default_rng(7)
    close = 60_000.0 * np.exp(np.cumsum(chance.normal(0.0, 0.001, bars)))
    return {
        "high": close * (1.0 + np.abs(chance.normal(0.0, 0.0005, bars))),
        "low": close * (1.0 - np.abs(chance.normal(0.0, 0.0005, bars))),
        "close": close,
        "volume": chance.exponential(10.0, bars),
    }


def _columns(market: dict[str, Any]) -> dict[str, tuple[Call, Call | None]]:
    high, low, close, volume = market.values()
    return {
        "sma 20": (lambda: indicators.sma(close, 20), lambda: talib.SMA(close, 20)),
        "ema 20": (lambda: indicators.ema(close, 20), lambda: talib.EMA(close, 20)),
        "wma 20": (lambda: indicators.wma(close, 20), lambda: talib.WMA(close, 20)),
        "dema 20": (lambda: indicators.dema(close, 20), lambda: talib.DEMA(close, 20)),
        "tema 20": (lambda: indicators.tema(close, 20), lambda: talib.TEMA(close, 20)),
        "macd 12 26 9": (lambda: indicators.macd(close, 12, 26, 9), lambda: talib.MACD(close, 12, 26, 9)),
        "rsi 14": (lambda: indicators.rsi(close, 14), lambda: talib.RSI(close, 14)),
        "roc 10": (lambda: indicators.roc(close, 10), lambda: talib.ROC(close, 10)),
        "stochastic 14 3 3": (
            lambda: indicators.stochastic(high, low, close, 14, 3, 3),
            lambda: talib.STOCH(high, low, close, fastk_period=14, slowk_period=3, slowd_period=3),
        ),
        "adx 14, with +DI and -DI (TA-Lib: without)": (
            lambda: indicators.adx(high, low, close, 14),
            lambda: talib.ADX(high, low, close, 14),
        ),
        "slope 14": (lambda: indicators.slope(close, 14), lambda: talib.LINEARREG_SLOPE(close, 14)),
        "stddev 20": (lambda: indicators.stddev(close, 20), lambda: talib.STDDEV(close, 20, 1.0)),
        "bollinger 20": (lambda: indicators.bollinger(close, 20, 2.0), lambda: talib.BBANDS(close, 20, 2.0, 2.0)),
        "atr 14": (lambda: indicators.atr(high, low, close, 14), lambda: talib.ATR(high, low, close, 14)),
        "donchian 20 (TA-Lib: MAX and MIN, no middle)": (
            lambda: indicators.donchian(high, low, 20),
            lambda: (talib.MAX(high, 20), talib.MIN(low, 20)),
        ),
        "obv": (lambda: indicators.obv(close, volume), lambda: talib.OBV(close, volume)),
        "mfi 14": (
            lambda: indicators.mfi(high, low, close, volume, 14),
            lambda: talib.MFI(high, low, close, volume, 14),
        ),
        "keltner 20 10": (lambda: indicators.keltner(high, low, close, 20, 10, 2.0), None),
        "supertrend 10": (lambda: indicators.supertrend(high, low, close, 10, 3.0), None),
        "vwap 20": (lambda: indicators.vwap(high, low, close, volume, 20), None),
        "anchored_vwap": (lambda: indicators.anchored_vwap(high, low, close, volume), None),
    }


def _least_ns(calls: list[Call], repeats: int) -> list[int]:
    """The least nanoseconds of each, taken in turns."""
    least = [sys.maxsize] * len(calls)
    for _ in range(repeats):
        for place, call in enumerate(calls):
            began = perf_counter_ns()
            call()
            least[place] = min(least[place], perf_counter_ns() - began)
    return least


def _column(name: str, ours: Call, theirs: Call | None, bars: int, repeats: int) -> Row:
    taken = _least_ns([ours] if theirs is None else [ours, theirs], repeats)
    return Row(
        what=f"column of {name}",
        figure=taken[0] / bars,
        unit="ns",
        floor=taken[1] / bars if theirs else None,
        beside=f"TA-Lib {talib.__version__}" if theirs else "",
        goal=1.0 if theirs else None,
        goal_is="ratio",
        better="less",
        details=f"{bars:,} bars, a bar",
    )


def _updates(market: dict[str, Any], repeats: int) -> list[Row]:
    """``update`` from Python; the loop around it is the floor."""
    found = []
    for name, parameters, fields in (
        ("Ema", (20,), ("close",)),
        ("Sma", (20,), ("close",)),
        ("Rsi", (14,), ("close",)),
        ("Macd", (12, 26, 9), ("close",)),
        ("Bollinger", (20, 2.0), ("close",)),
        ("Atr", (14,), ("high", "low", "close")),
        ("Donchian", (20,), ("high", "low")),
    ):
        update = getattr(indicators, name)(*parameters).update
        columns = [market[field][:_UPDATES].tolist() for field in fields]
        taken, bare = _least_ns([_looped(update, columns), _looped(None, columns)], repeats)
        found.append(
            Row(
                what=f"{name}.update from Python",
                figure=taken / _UPDATES,
                unit="ns",
                floor=bare / _UPDATES,
                beside="the loop around it alone",
                goal=_UPDATE_GOAL_NS if name in ("Ema", "Sma", "Rsi", "Macd") else None,
                better="less",
                details=f"{len(fields)} number{'s' if len(fields) > 1 else ''} a bar, loop included",
            )
        )
    return found


def _looped(update: Callable[..., None] | None, columns: list[list[float]]) -> Call:
    first, *rest = columns

    def one() -> None:
        for close in first:
            update(close)  # type: ignore[misc]

    def several() -> None:
        for bar in zip(*columns, strict=True):
            update(*bar)  # type: ignore[misc]

    def bare() -> None:
        for _ in zip(*columns, strict=True) if rest else first:
            pass

    if update is None:
        return bare
    return several if rest else one


def _compiled(market: dict[str, Any], repeats: int) -> list[Row]:
    """``take`` and ``get`` from a loop in another compiled module."""
    if IMPLEMENTATION != "compiled":
        note("the compiled loop needs the compiled hot path: left out")
        return []
    loop = cython_module.load(_LOOP)
    high, low, close, _ = market.values()
    calls: dict[str, tuple[Any, ...]] = {
        "Ema": (20, close),
        "Sma": (20, close),
        "Rsi": (14, close),
        "Atr": (14, high, low, close),
        "Donchian": (20, high, low),
    }
    found = []
    for name, (period, *columns) in calls.items():
        run, indicator = getattr(loop, name.lower()), getattr(indicators, name)(period)
        (taken,) = _least_ns([lambda run=run, i=indicator, c=columns: run(i, *c)], repeats)  # type: ignore[misc]
        found.append(
            Row(
                what=f"{name} in a compiled loop",
                figure=taken / len(close),
                unit="ns",
                goal=_LOOP_GOAL_NS,
                better="less",
                details="take and value, from another module",
            )
        )
    return found


if __name__ == "__main__":
    entry("indicators", rows)
