"""Indicators: known answers, warmup, and agreement with TA-Lib on recorded and generated bars."""

from __future__ import annotations

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from live_runner.hotpath import indicators

type Bars = dict[str, NDArray[np.float64]]

TOLERANCE = 1e-9


def _walk(seed: int, price: float, rows: int = 4000) -> Bars:
    chance = random.Random(seed)
    bars: dict[str, list[float]] = {"high": [], "low": [], "close": []}
    for _ in range(rows):
        price *= 1 + chance.gauss(0, 0.001)
        bars["close"].append(price)
        bars["high"].append(price * (1 + abs(chance.gauss(0, 0.0005))))
        bars["low"].append(price * (1 - abs(chance.gauss(0, 0.0005))))
    return {name: np.array(column) for name, column in bars.items()}


def _recorded(path: Path) -> Bars:
    with gzip.open(path, "rt") as lines:
        rows = list(csv.DictReader(lines))[:20_000]
    return {name: np.array([float(row[name]) for row in rows]) for name in ("high", "low", "close")}


def _pairs(bars: Bars) -> list[tuple[str, Any, Any]]:
    high, low, close = bars["high"], bars["low"], bars["close"]
    pairs: list[tuple[str, Any, Any]] = []
    for period in (2, 5, 14, 20, 200):
        pairs += [
            (f"ema {period}", indicators.ema(close, period), talib.EMA(close, period)),
            (f"sma {period}", indicators.sma(close, period), talib.SMA(close, period)),
            (f"rsi {period}", indicators.rsi(close, period), talib.RSI(close, period)),
            (f"atr {period}", indicators.atr(high, low, close, period), talib.ATR(high, low, close, period)),
        ]
        upper, _, lower = indicators.donchian(high, low, period)
        pairs += [(f"max {period}", upper, talib.MAX(high, period)), (f"min {period}", lower, talib.MIN(low, period))]
        bands = zip(indicators.bollinger(close, period, 2.0), talib.BBANDS(close, period, 2.0, 2.0), strict=True)
        pairs += [(f"bollinger {period}", ours, theirs) for ours, theirs in bands]
    for lengths in ((12, 26, 9), (3, 10, 16), (5, 35, 5)):
        lines = zip(indicators.macd(close, *lengths), talib.MACD(close, *lengths), strict=True)
        pairs += [(f"macd {lengths}", ours, theirs) for ours, theirs in lines]
    return pairs


def _assert_equal(bars: Bars) -> None:
    scale = float(np.max(np.abs(bars["close"])))
    for name, ours, theirs in _pairs(bars):
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
        warm = ~np.isnan(ours)
        # MACD is a small difference of prices: what is relative is relative to those.
        size = scale if name.startswith("macd") else np.abs(theirs[warm])
        assert np.all(np.abs(ours[warm] - theirs[warm]) <= TOLERANCE * size), name


@pytest.mark.parametrize("price", [0.0000123, 1.0, 61728.3])
def test_generated_bars_agree_with_talib(price: float, seed: int) -> None:
    """I03"""
    _assert_equal(_walk(seed, price))


def test_recorded_bars_agree_with_talib(shared_data: Path) -> None:
    """I03"""
    manifest = json.loads((shared_data / "candles" / "manifest.json").read_text())
    assert manifest
    for name in ("binanceusdm_BTC-USDT-USDT_1m", "binanceusdm_DOGE-USDT-USDT_1m", "okx_ETH-USDT-USDT_5m"):
        _assert_equal(_recorded(shared_data / "candles" / f"{name}.csv.gz"))


@pytest.mark.parametrize(
    ("indicator", "warmup"),
    [
        (indicators.Ema(20), 20),
        (indicators.Sma(20), 20),
        (indicators.Rsi(14), 15),
        (indicators.Bollinger(20, 2.0), 20),
        (indicators.Macd(12, 26, 9), 34),
    ],
)
def test_an_indicator_has_no_value_before_it_is_warm(indicator: Any, warmup: int) -> None:
    """I03: not warm is None, never 0."""
    assert indicator.warmup == warmup
    for number in range(1, warmup + 3):
        assert (indicator.warm, indicator.value is not None) == (number > warmup, number > warmup)
        indicator.update(100.0 + number)


def test_indicators_of_whole_bars_have_no_value_before_they_are_warm() -> None:
    """I03"""
    range_, channel = indicators.Atr(3), indicators.Donchian(3)
    for number in range(3):
        assert (range_.value, channel.value) == (None, None)
        range_.update(10.0 + number, 9.0 + number, 9.5 + number)
        channel.update(10.0 + number, 9.0 + number)

    assert (range_.warmup, range_.value) == (4, None)
    assert (channel.warmup, channel.value) == (3, (12.0, 10.5, 9.0))


def test_ema_begins_with_the_mean_and_then_follows() -> None:
    average = indicators.Ema(3)
    for close in (1.0, 2.0, 6.0):
        average.update(close)
    assert average.value == 3.0

    average.update(7.0)

    assert average.value == 5.0


def test_rsi_of_a_market_that_only_rises_is_100_and_of_a_still_one_0() -> None:
    rising, still = indicators.Rsi(3), indicators.Rsi(3)
    for number in range(6):
        rising.update(float(number))
        still.update(5.0)

    assert (rising.value, still.value) == (100.0, 0.0)


def test_bands_of_a_still_market_lie_on_the_price() -> None:
    bands = indicators.Bollinger(5, 2.0)
    for _ in range(12):
        bands.update(0.1)

    assert bands.value == (0.1, 0.1, 0.1)


def test_bands_far_from_zero_keep_their_width() -> None:
    """Ticks of 1e-4 on a price of 1e8: the plain sum of squares has no digits left for them."""
    bands, near = indicators.Bollinger(4, 1.0), indicators.Bollinger(4, 1.0)
    for number in range(10):
        bands.update(1e8 + (number % 2) * 0.125)
        near.update((number % 2) * 0.125)
    assert bands.value is not None
    assert near.value is not None

    assert bands.value[0] - bands.value[2] == near.value[0] - near.value[2] == 0.125


def test_a_spike_leaves_no_trace_once_it_is_out_of_the_window() -> None:
    """Running sums are taken afresh: an outlier of 1e16 does not spoil the averages for ever."""
    average, bands = indicators.Sma(4), indicators.Bollinger(4, 2.0)
    for close in (1.0, 1e16, *[1.1] * 11):
        average.update(close)
        bands.update(close)

    assert average.value == 1.1
    assert bands.value == (1.1, 1.1, 1.1)


def test_a_wrong_bar_names_the_field() -> None:
    with pytest.raises(ValueError, match="close is nan: an indicator takes finite numbers"):
        indicators.Ema(3).update(float("nan"))
    with pytest.raises(ValueError, match="low is inf"):
        indicators.Atr(3).update(1.0, float("inf"), 1.0)
    with pytest.raises(ValueError, match=r"close\[1\] is nan"):
        indicators.sma(np.array([1.0, np.nan]), 2)


def test_a_column_shorter_than_the_warmup_has_no_value() -> None:
    assert np.isnan(indicators.ema(np.array([1.0, 2.0]), 3)).all()
    assert len(indicators.ema(np.array([]), 3)) == 0
