"""Indicators: known answers, warmup, and agreement with TA-Lib on recorded and generated bars."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import talib
from numpy.typing import NDArray

from live_runner.hotpath import indicators

type Bars = dict[str, NDArray[np.float64]]

TOLERANCE = 1e-9
LIMITS = ("BARS_MAX", "PERIOD_MAX")
BATCHES = {"AnchoredVwap": "anchored_vwap"}


FIELDS = ("high", "low", "close", "volume")


def _walk(seed: int, price: float, rows: int = 4000) -> Bars:
    chance = random.Random(seed)
    bars: dict[str, list[float]] = {name: [] for name in FIELDS}
    for _ in range(rows):
        price *= 1 + chance.gauss(0, 0.001)
        bars["close"].append(price)
        bars["high"].append(price * (1 + abs(chance.gauss(0, 0.0005))))
        bars["low"].append(price * (1 - abs(chance.gauss(0, 0.0005))))
        bars["volume"].append(chance.expovariate(0.1))
    return {name: np.array(column) for name, column in bars.items()}


def _recorded(path: Path) -> Bars:
    with gzip.open(path, "rt") as lines:
        rows = list(csv.DictReader(lines))[:20_000]
    return {name: np.array([float(row[name]) for row in rows]) for name in FIELDS}


type Pair = tuple[str, Any, Any, float]
"""Name, ours, TA-Lib's, and what a difference is relative to: 0 for TA-Lib's own value."""


def _averages(bars: Bars, period: int, price: float) -> list[Pair]:
    close = bars["close"]
    bands = zip(indicators.bollinger(close, period, 2.0), talib.BBANDS(close, period, 2.0, 2.0), strict=True)
    return [
        ("sma", indicators.sma(close, period), talib.SMA(close, period), 0),
        ("ema", indicators.ema(close, period), talib.EMA(close, period), 0),
        ("wma", indicators.wma(close, period), talib.WMA(close, period), 0),
        ("dema", indicators.dema(close, period), talib.DEMA(close, period), 0),
        ("tema", indicators.tema(close, period), talib.TEMA(close, period), 0),
        ("stddev", indicators.stddev(close, period), talib.STDDEV(close, period, 1.0), price),
        ("slope", indicators.slope(close, period), talib.LINEARREG_SLOPE(close, period), price),
        *(("bollinger", ours, theirs, 0) for ours, theirs in bands),
    ]


def _oscillators(bars: Bars, period: int) -> list[Pair]:
    high, low, close, volume = (bars[name] for name in FIELDS)
    index, plus, minus = indicators.adx(high, low, close, period)
    # TA-Lib counts a rounding error where high and low move alike; on whole numbers there is none.
    whole_high, whole_low, whole_close = _whole(high), _whole(low), _whole(close)
    first = 2 * period - 1
    stochastic = zip(
        indicators.stochastic(high, low, close, period, 3, 4),
        talib.STOCH(high, low, close, fastk_period=period, slowk_period=3, slowd_period=4),
        strict=True,
    )
    return [
        ("rsi", indicators.rsi(close, period), talib.RSI(close, period), 100),
        ("roc", indicators.roc(close, period), talib.ROC(close, period), 0),
        ("mfi", indicators.mfi(high, low, close, volume, period), talib.MFI(high, low, close, volume, period), 100),
        ("adx", index, talib.ADX(whole_high, whole_low, whole_close, period), 100),
        # TA-Lib has these two from bar period + 1 on; ours begin with the index.
        ("plus", plus[first:], talib.PLUS_DI(whole_high, whole_low, whole_close, period)[first:], 100),
        ("minus", minus[first:], talib.MINUS_DI(whole_high, whole_low, whole_close, period)[first:], 100),
        *(("stochastic", ours, theirs, 100) for ours, theirs in stochastic),
    ]


def _whole(column: Any) -> Any:
    """Recorded prices, which have at most 8 decimals, as whole numbers; drawn ones as they are."""
    scaled = np.rint(column * 1e8)
    return scaled if np.array_equal(scaled / 1e8, column) else column


def _ranges(bars: Bars, period: int) -> list[Pair]:
    high, low, close = bars["high"], bars["low"], bars["close"]
    upper, middle, lower = indicators.donchian(high, low, period)
    return [
        ("atr", indicators.atr(high, low, close, period), talib.ATR(high, low, close, period), 0),
        ("max", upper, talib.MAX(high, period), 0),
        ("middle", middle, talib.MIDPRICE(high, low, period), 0),
        ("min", lower, talib.MIN(low, period), 0),
    ]


def _pairs(bars: Bars) -> list[Pair]:
    close, volume = bars["close"], bars["volume"]
    price = float(np.max(np.abs(close)))
    pairs: list[Pair] = [("obv", indicators.obv(close, volume), talib.OBV(close, volume), float(np.sum(volume)))]
    for period in (2, 5, 14, 20, 200):
        found = _averages(bars, period, price) + _oscillators(bars, period) + _ranges(bars, period)
        pairs += [(f"{name} {period}", ours, theirs, size) for name, ours, theirs, size in found]
    for lengths in ((12, 26, 9), (3, 10, 16), (5, 35, 5)):
        lines = zip(indicators.macd(close, *lengths), talib.MACD(close, *lengths), strict=True)
        # A small difference of prices: what is relative is relative to those.
        pairs += [(f"macd {lengths}", ours, theirs, price) for ours, theirs in lines]
    return pairs


def _assert_equal(bars: Bars) -> None:
    for name, ours, theirs, size in _pairs(bars):
        assert np.array_equal(np.isnan(ours), np.isnan(theirs)), name
        warm = ~np.isnan(ours)
        bound = TOLERANCE * (size or np.abs(theirs[warm]))
        assert np.all(np.abs(ours[warm] - theirs[warm]) <= bound), name


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


WARMUPS: list[tuple[str, tuple[Any, ...], int, int]] = [
    ("AnchoredVwap", (), 1, 4),
    ("Adx", (7,), 14, 3),
    ("Atr", (3,), 4, 3),
    ("Bollinger", (20, 2.0), 20, 1),
    ("Dema", (5,), 9, 1),
    ("Donchian", (3,), 3, 2),
    ("Ema", (20,), 20, 1),
    ("Keltner", (5, 8, 2.0), 9, 3),
    ("Keltner", (12, 8, 2.0), 12, 3),
    ("Macd", (12, 26, 9), 34, 1),
    ("Mfi", (6,), 7, 4),
    ("Obv", (), 1, 2),
    ("Roc", (10,), 11, 1),
    ("Rsi", (14,), 15, 1),
    ("Slope", (14,), 14, 1),
    ("Sma", (20,), 20, 1),
    ("Stddev", (9,), 9, 1),
    ("Stochastic", (5, 3, 4), 10, 3),
    ("Supertrend", (10, 3.0), 11, 3),
    ("Tema", (5,), 13, 1),
    ("Vwap", (6,), 6, 4),
    ("Wma", (4,), 4, 1),
]
"""Class, parameters, warmup, and how many numbers a bar has."""


def test_every_indicator_tells_its_warmup() -> None:
    told = {name for name, *_ in WARMUPS}

    assert told == {name for name in indicators.__all__ if name[0].isupper() and name not in {*LIMITS, "Column"}}


@pytest.mark.parametrize(("name", "parameters", "warmup", "fields"), WARMUPS)
def test_an_indicator_has_no_value_before_it_is_warm(
    name: str, parameters: tuple[Any, ...], warmup: int, fields: int
) -> None:
    """I03: not warm is None, never 0; a column holds nan."""
    indicator = getattr(indicators, name)(*parameters)
    assert indicator.warmup == warmup
    for number in range(1, warmup + 3):
        assert (indicator.warm, indicator.value is not None) == (number > warmup, number > warmup)
        indicator.update(*[100.0 + number] * fields)

    rows = np.arange(1.0, warmup + 3)
    batch = getattr(indicators, BATCHES.get(name, name.lower()))(*[rows] * fields, *parameters)
    for column in batch if isinstance(batch, tuple) else (batch,):
        assert np.array_equal(np.isnan(column), np.arange(1, len(rows) + 1) < warmup)


@pytest.mark.parametrize(("name", "parameters", "warmup", "fields"), WARMUPS)
def test_a_column_too_short_has_no_value_and_an_empty_one_no_row(
    name: str, parameters: tuple[Any, ...], warmup: int, fields: int
) -> None:
    for rows in {0, 1, warmup - 1} - {warmup}:
        batch = getattr(indicators, BATCHES.get(name, name.lower()))(*[np.ones(rows)] * fields, *parameters)
        for column in batch if isinstance(batch, tuple) else (batch,):
            assert len(column) == rows
            assert np.isnan(column).all()


def test_keltner_is_an_average_and_ranges_off_it(seed: int) -> None:
    """Keltner channel after Raschke: EMA of the close, plus and minus a multiple of the ATR; both from TA-Lib."""
    bars = _walk(seed, 300.0, 500)
    high, low, close = bars["high"], bars["low"], bars["close"]
    middle, reach = talib.EMA(close, 20), 1.5 * talib.ATR(high, low, close, 10)

    channel = indicators.keltner(high, low, close, 20, 10, 1.5)

    for ours, theirs in zip(channel, (middle + reach, middle, middle - reach), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE)


def test_vwap_is_money_over_volume(seed: int) -> None:
    """Berkowitz, Logue and Noser (1988): sum of price * volume / sum of volume, each window added up anew."""
    bars = _walk(seed, 300.0, 300)
    bars["volume"][40:60] = 0.0
    price = (bars["high"] + bars["low"] + bars["close"]) / 3
    high, low, close, volume = (bars[name] for name in FIELDS)

    rolling = indicators.vwap(high, low, close, volume, 12)
    anchored = indicators.anchored_vwap(high, low, close, volume)

    for row in range(300):
        window = slice(row - 11, row + 1)
        if row >= 11:
            traded = math.fsum(volume[window])
            money = math.fsum(price[window] * volume[window])
            assert rolling[row] == pytest.approx(money / traded if traded else price[row], rel=TOLERANCE)
        since = slice(0, row + 1)
        mean = math.fsum(price[since] * volume[since]) / math.fsum(volume[since])
        assert anchored[row] == pytest.approx(mean, rel=TOLERANCE)


def test_an_anchored_average_begins_again_after_a_reset() -> None:
    average = indicators.AnchoredVwap()
    average.update(12.0, 9.0, 12.0, 5.0)
    assert average.value == 11.0

    average.reset()
    before: float | None = average.value
    average.update(6.0, 3.0, 3.0, 2.0)

    assert (before, average.value) == (None, 4.0)


def test_donchian_is_highest_and_lowest(seed: int) -> None:
    """Richard Donchian: the highest high and the lowest low of the last bars, the newest among them."""
    bars = _walk(seed, 300.0, 200)

    upper, middle, lower = indicators.donchian(bars["high"], bars["low"], 7)

    for row in range(6, 200):
        highest, lowest = max(bars["high"][row - 6 : row + 1]), min(bars["low"][row - 6 : row + 1])
        assert (upper[row], middle[row], lower[row]) == (highest, (highest + lowest) / 2, lowest)


def test_supertrend_follows_the_far_line(seed: int) -> None:
    """ta.supertrend of TradingView's reference manual, transcribed: its direction is -1 for a rising trend."""
    bars = _walk(seed, 300.0, 2000)
    high, low, close = bars["high"], bars["low"], bars["close"]
    ranges = talib.ATR(high, low, close, 10)
    upper_before = lower_before = trend_before = math.nan

    lines, directions = indicators.supertrend(high, low, close, 10, 2.0)

    for row in range(10, 2000):
        source = (high[row] + low[row]) / 2
        upper, lower = source + 2.0 * ranges[row], source - 2.0 * ranges[row]
        if row == 10:
            direction = 1
        else:
            lower = lower if lower > lower_before or close[row - 1] < lower_before else lower_before
            upper = upper if upper < upper_before or close[row - 1] > upper_before else upper_before
            if trend_before == upper_before:
                direction = -1 if close[row] > upper else 1
            else:
                direction = 1 if close[row] < lower else -1
        trend = lower if direction == -1 else upper
        assert directions[row] == -direction
        assert lines[row] == pytest.approx(trend, rel=TOLERANCE)
        upper_before, lower_before, trend_before = upper, lower, trend
    assert {*directions[10:]} == {1.0, -1.0}


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
    """Nothing is taken out of a sum: with the bar that pushes an outlier of 1e16 out, it is gone."""
    average, bands, weighted = indicators.Sma(4), indicators.Bollinger(4, 2.0), indicators.Wma(4)
    for close in (1.0, 1e16, *[1.1] * 4):
        average.update(close)
        bands.update(close)
        weighted.update(close)

    assert average.value == 1.1
    assert bands.value == (1.1, 1.1, 1.1)
    assert weighted.value == 1.1


def test_an_average_of_a_still_price_is_the_price() -> None:
    """Else two averages of one price would cross on rounding errors."""
    averages: list[Any] = [indicators.Ema(7), indicators.Ema(31), indicators.Dema(5), indicators.Tema(5)]
    for number in range(3000):
        for average in averages:
            average.update(0.1 if number > 40 else 0.3 - number / 200)

    assert [average.value for average in averages] == [0.1] * 4


def test_deviation_is_that_of_exact_arithmetic(seed: int) -> None:
    """Also right after a jump of the price, when the window holds both levels and then the new one alone."""
    bars = _walk(seed, 60000.0, 400)
    close = bars["close"] * np.where(np.arange(400) < 150, 1.0, 50.0)

    ours = indicators.stddev(close, 20)

    for row in range(19, 400):
        window = [Fraction(float(value)) for value in close[row - 19 : row + 1]]
        mean = sum(window) / 20
        variance = sum((value - mean) ** 2 for value in window) / 20
        assert ours[row] == pytest.approx(math.sqrt(variance), rel=TOLERANCE)


def test_a_wrong_bar_names_the_field() -> None:
    with pytest.raises(ValueError, match="close is nan: an indicator takes finite numbers"):
        indicators.Ema(3).update(float("nan"))
    with pytest.raises(ValueError, match="low is inf"):
        indicators.Atr(3).update(1.0, float("inf"), 1.0)
    with pytest.raises(ValueError, match=r"close\[1\] is nan"):
        indicators.sma(np.array([1.0, np.nan]), 2)


def test_a_column_of_something_else_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="close holds <U1: a column of float64 is needed"):
        indicators.sma(np.array(["1", "2"]), 2)
    with pytest.raises(ValueError, match="low holds complex128"):
        indicators.donchian(np.ones(3), np.ones(3, dtype=complex), 2)
    with pytest.raises(ValueError, match="high, low, close, volume must be columns of one length"):
        indicators.mfi(np.ones(3), np.ones(3), np.ones(3), np.ones(4), 2)


def test_equal_typical_prices_are_equal_whatever_their_last_bit() -> None:
    """Both bars sum to 308049.7; as floats the second is lower by a bit."""
    index = indicators.Mfi(2)
    for high, low, close in (
        (102671.2, 102601.5, 102671.2),
        (102710.1, 102658.3, 102681.3),
        (102699.9, 102674.9, 102674.9),
    ):
        index.update(high, low, close, 10.0)

    assert index.value == 100.0


def test_a_negative_volume_is_refused() -> None:
    with pytest.raises(ValueError, match=r"volume is -1\.0: it must not be negative"):
        indicators.Obv().update(1.0, -1.0)
    with pytest.raises(ValueError, match=r"volume\[2\] is -1\.0: it must not be negative"):
        indicators.vwap(np.ones(3), np.ones(3), np.ones(3), np.array([1.0, 0.0, -1.0]), 2)


@pytest.mark.parametrize("period", [0, -1, 1_000_001])
def test_a_period_that_is_none_is_refused(period: int) -> None:
    with pytest.raises(ValueError, match=f"period is {period}: 1 to 1000000 bars are possible"):
        indicators.sma(np.ones(3), period)


def test_a_period_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"period is 2\.5: it must be a whole number of bars"):
        indicators.Ema(2.5)  # type: ignore[arg-type]


def test_columns_of_other_numbers_and_strides_are_taken() -> None:
    whole: Any = np.arange(40)
    expected = indicators.sma(whole[::2].astype(np.float64).copy(), 3)

    np.testing.assert_array_equal(indicators.sma(whole[::2], 3), expected)
    np.testing.assert_array_equal(indicators.sma(whole.astype(np.float32)[::2], 3), expected)


def _exact_adx(bars: list[tuple[Fraction, Fraction, Fraction]], period: int) -> Fraction:
    """The index of the last bar, by its definition."""
    up = down = index = Fraction(0)
    found = []
    for number in range(1, len(bars)):
        (high, low, _), (high_before, low_before, _) = bars[number], bars[number - 1]
        rise, fall = high - high_before, low_before - low
        keep = Fraction(period - 1, period) if number >= period else 1
        up = up * keep + (rise if rise > fall and rise > 0 else 0)
        down = down * keep + (fall if fall > rise and fall > 0 else 0)
        if number >= period:
            if up + down:
                index = 100 * abs(up - down) / (up + down)
            found.append(index)
    average = sum(found[:period], Fraction(0)) / period
    for index in found[period:]:
        average = (average * (period - 1) + index) / period
    return average


@pytest.mark.parametrize("tick", ["0.0000001", "0.01"])
def test_equal_moves_of_high_and_low_count_for_neither_side(tick: str, seed: int) -> None:
    """As exact decimals have it: floats differ in the last bit where both move by the same number of ticks."""
    draw = np.random.default_rng(seed)
    step, high, low = Fraction(tick), 30_000, 29_990
    bars = []
    for _ in range(200):
        move = int(draw.integers(0, 4))
        if draw.random() < 0.7:
            high, low = high + move, low - move
        else:
            high, low = high + int(draw.integers(-3, 4)), low + int(draw.integers(-3, 4))
        high = max(high, low)
        bars.append((high * step, low * step, low * step))
    columns = [np.array([float(bar[at]) for bar in bars]) for at in range(3)]
    index, _, _ = indicators.adx(columns[0], columns[1], columns[2], 14)

    assert abs(index[-1] - float(_exact_adx(bars, 14))) < 1e-7
