# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Indicators of range: standard deviation, Bollinger bands, ATR, Keltner and Donchian channels, supertrend.

The fast twin of reference/ranges.py, which tells the formulas. Float operations stand in the same order as there.
"""

cimport cython

from collections.abc import Sequence
from typing import Any

from live_runner.hotpath.compiled.blocks cimport deviation_column, extreme_columns
from live_runner.hotpath.compiled.inputs cimport clear, finite, pick
from live_runner.hotpath.compiled.moving cimport Ema, lag_after
from live_runner.hotpath.compiled.windows cimport (
    Extremes,
    Moments,
    extremes_close,
    extremes_lower,
    extremes_open,
    extremes_push,
    extremes_restore,
    extremes_state,
    extremes_upper,
    moments_close,
    moments_deviation,
    moments_open,
    moments_push,
    moments_restore,
    moments_shift,
    moments_state,
)

from live_runner.hotpath.reference import inputs as _inputs
from live_runner.hotpath.reference.inputs import Column

__all__ = [
    "Atr",
    "Bollinger",
    "Donchian",
    "Keltner",
    "Stddev",
    "Supertrend",
    "atr",
    "bollinger",
    "donchian",
    "keltner",
    "stddev",
    "supertrend",
]


@cython.final
cdef class Stddev:
    """Population standard deviation of the last ``period`` closes (TA-Lib STDDEV). Warm after ``period`` bars.

    sqrt(s2 / period - (s1 / period) ** 2), s1 and s2 being sums of the distance to a close of the window and of
    its square: prices far from zero lose no digits.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        moments_open(&self.moments, self.period)

    def __dealloc__(self):
        moments_close(&self.moments)

    cdef void take(self, double close) noexcept nogil:
        moments_push(&self.moments, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.moments.count >= self.moments.length

    cdef double get(self) noexcept nogil:
        return moments_deviation(&self.moments, moments_shift(&self.moments))

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The deviation in units of price, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return moments_state(&self.moments)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        moments_restore(&self.moments, state)


cdef inline void bands(
    double middle, double reach, double *upper, double *centre, double *lower
) noexcept nogil:
    upper[0] = middle + reach
    centre[0] = middle
    lower[0] = middle - reach


@cython.final
cdef class Bollinger:
    """Bollinger bands: mean of the last ``period`` closes, and ``width`` population deviations (``Stddev``) off it.

    TA-Lib BBANDS with a simple average, John Bollinger. Warm after ``period`` bars.
    """

    def __cinit__(self, period: int, width: float):
        self.period = _inputs.period_of(period, "period")
        self.width = _inputs.width_of(width, "width")
        self.warmup = self.period
        self.factor = self.width
        moments_open(&self.moments, self.period)

    def __dealloc__(self):
        moments_close(&self.moments)

    cdef void take(self, double close) noexcept nogil:
        moments_push(&self.moments, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.moments.count >= self.moments.length

    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil:
        cdef double shift = moments_shift(&self.moments)
        cdef double reach = self.factor * moments_deviation(&self.moments, shift)
        bands(self.moments.base + shift, reach, upper, middle, lower)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        cdef double upper, middle, lower
        if not self.is_warm():
            return None
        self.get(&upper, &middle, &lower)
        return upper, middle, lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return moments_state(&self.moments)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        moments_restore(&self.moments, state)


@cython.final
cdef class Atr:
    """Average true range: Wilder average of max(high - low, |high - close before|, |low - close before|).

    Seeded with the mean of the first ``period`` true ranges, which begin with the second bar, then
    average = average * keep + range / period, keep being (period - 1) / period (TA-Lib ATR). Worked out from the
    average of every second bar, the anchor: one bar on it is anchor * keep + tail, two bars on anchor * keep**2 + tail,
    so that a column waits half as often for the bar before. Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period + 1
        self.length = self.period
        self.average.keep = <double>(self.length - 1) / <double>self.length
        self.average.share = 1.0 / <double>self.length

    cdef void take(self, double high, double low, double close) noexcept nogil:
        cdef double span = true_range(high, low, self.close)
        self.close = close
        if self.count > self.length:
            self.current = wilder_push(&self.average, span * self.average.share)
            return
        self.count += 1
        if self.count == 1:
            return
        self.current += span
        if self.count > self.length:
            self.current /= <double>self.length
            self.average.anchor = self.current

    cdef bint is_warm(self) noexcept nogil:
        return self.count > self.length

    cdef double get(self) noexcept nogil:
        return self.current

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The range in units of price, None until warm."""
        return self.current if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        cdef Wilder average = self.average
        return [self.count, self.close, self.current, average.anchor, average.tail, bool(average.odd)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value, anchor, tail, odd = _inputs.parts(state, 6)
        self.count = _inputs.count_of(count, self.length + 1)
        self.close, self.current, self.average.anchor = float(close), float(value), float(anchor)
        self.average.tail, self.average.odd = float(tail), bool(odd)


@cython.final
cdef class Keltner:
    """Keltner channel: ``Ema(period)`` of the close, and ``width`` times ``Atr(atr_period)`` off it.

    Chester Keltner's idea in the form of Linda Bradford Raschke. Warm when both are.
    """

    def __cinit__(self, period: int, atr_period: int, width: float):
        self.period = _inputs.period_of(period, "period")
        self.atr_period = _inputs.period_of(atr_period, "atr_period")
        self.width = _inputs.width_of(width, "width")
        self.factor = self.width
        self.average = Ema(self.period)
        self.range = Atr(self.atr_period)
        self.warmup = max(self.average.warmup, self.range.warmup)

    cdef void take(self, double high, double low, double close) noexcept nogil:
        self.average.take(close)
        self.range.take(high, low, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.average.count >= self.average.length and self.range.is_warm()

    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil:
        bands(self.average.current, self.factor * self.range.current, upper, middle, lower)

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        cdef double upper, middle, lower
        if not self.is_warm():
            return None
        self.get(&upper, &middle, &lower)
        return upper, middle, lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.average.state(), self.range.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        average, span = _inputs.parts(state, 2)
        self.average.restore(average)
        self.range.restore(span)


@cython.final
cdef class Donchian:
    """Donchian channel: highest high and lowest low of the last ``period`` bars (TA-Lib MAX and MIN).

    The bar just taken is among them. Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        extremes_open(&self.extremes, self.period)

    def __dealloc__(self):
        extremes_close(&self.extremes)

    cdef void take(self, double high, double low) noexcept nogil:
        extremes_push(&self.extremes, high, low)
        self.upper = extremes_upper(&self.extremes)
        self.lower = extremes_lower(&self.extremes)

    cdef bint is_warm(self) noexcept nogil:
        return self.extremes.count >= self.extremes.length

    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil:
        upper[0] = self.upper
        middle[0] = (self.upper + self.lower) / 2.0
        lower[0] = self.lower

    def update(self, high: float, low: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Highest high, the middle, lowest low; None until warm."""
        if not self.is_warm():
            return None
        return self.upper, (self.upper + self.lower) / 2.0, self.lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return extremes_state(&self.extremes)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        extremes_restore(&self.extremes, state)
        self.upper = extremes_upper(&self.extremes)
        self.lower = extremes_lower(&self.extremes)


cdef struct Trend:
    double upper
    double lower
    bint rising


cdef inline void begin(Trend *self, double middle, double reach) noexcept nogil:
    self.upper = middle + reach
    self.lower = middle - reach


cdef inline void follow(Trend *self, double middle, double reach, double close, double before) noexcept nogil:
    cdef double upper = middle + reach
    cdef double lower = middle - reach
    # Bitwise, so that nothing branches: which way these go cannot be predicted.
    upper = pick((upper >= self.upper) & (before <= self.upper), self.upper, upper)
    lower = pick((lower <= self.lower) & (before >= self.lower), self.lower, lower)
    self.rising = (self.rising & (close >= lower)) | ((not self.rising) & (close > upper))
    self.upper = upper
    self.lower = lower


@cython.final
cdef class Supertrend:
    """Supertrend (Olivier Seban): a line on the far side of the trend, ``width`` times ``Atr(period)`` off the middle.

    The middle is (high + low) / 2. The lower line only rises and the upper one only falls, unless the close before
    lay beyond it. A falling trend turns when the close is above the upper line, a rising one when it is below the
    lower line. The first value is of a falling trend (TradingView ta.supertrend, but for the seed of the ATR).
    Warm when the ATR is: after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int, width: float):
        self.period = _inputs.period_of(period, "period")
        self.width = _inputs.width_of(width, "width")
        self.factor = self.width
        self.range = Atr(self.period)
        self.warmup = self.range.warmup

    cdef void take(self, double high, double low, double close) noexcept nogil:
        cdef double before = self.range.close
        cdef bint was_warm = self.range.is_warm()
        cdef Trend trend
        self.range.take(high, low, close)
        if not self.range.is_warm():
            return
        trend.upper, trend.lower, trend.rising = self.upper, self.lower, self.rising
        if was_warm:
            follow(&trend, (high + low) / 2.0, self.factor * self.range.current, close, before)
        else:
            begin(&trend, (high + low) / 2.0, self.factor * self.range.current)
        self.upper, self.lower, self.rising = trend.upper, trend.lower, trend.rising

    cdef bint is_warm(self) noexcept nogil:
        return self.range.is_warm()

    cdef void get(self, double *line, double *direction) noexcept nogil:
        line[0] = self.lower if self.rising else self.upper
        direction[0] = 1.0 if self.rising else -1.0

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float] | None:
        """The line, and 1 for a rising or -1 for a falling trend; None until warm."""
        cdef double line, direction
        if not self.is_warm():
            return None
        self.get(&line, &direction)
        return line, direction

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.range.state(), self.upper, self.lower, bool(self.rising)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        span, upper, lower, rising = _inputs.parts(state, 4)
        self.range.restore(span)
        self.upper, self.lower, self.rising = float(upper), float(lower), bool(rising)


# -- whole columns: nan until warm, bit for bit what the classes give; as in moving.pyx --------------


def stddev(values: Column, period: int) -> Column:
    """``Stddev`` over a column of closes."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t rows = close.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double[::1] scratch = _inputs.zeros(4 * (length + 1))
    cdef double check
    with nogil:
        check = deviation_column(&close[0], &out[0], NULL, rows, length, &scratch[0])
        clear(&out[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def bollinger(values: Column, period: int, width: float) -> tuple[Column, Column, Column]:
    """``Bollinger`` over a column of closes: upper, middle, lower."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    cdef double factor = _inputs.width_of(width, "width")
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t index, rows = close.shape[0]
    results = _inputs.blanks(3, rows)
    cdef double[::1] upper, middle, lower
    upper, middle, lower = results
    cdef double[::1] scratch = _inputs.zeros(4 * (length + 1))
    cdef double check
    with nogil:
        check = deviation_column(&close[0], &upper[0], &middle[0], rows, length, &scratch[0])
        for index in range(rows):
            bands(middle[index], factor * upper[index], &upper[index], &middle[index], &lower[index])
        clear(&upper[0], rows, length)
        clear(&middle[0], rows, length)
        clear(&lower[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return results


def atr(high: Column, low: Column, close: Column, period: int) -> Column:
    """``Atr`` over columns of bars."""
    cdef Atr indicator = Atr(period)
    given = _inputs.shaped(high=high, low=low, close=close)
    cdef const double[::1] highs, lows, closes
    highs, lows, closes = given
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t i, rows = closes.shape[0], seed = min(rows, warmup)
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, anchor, tail, keep = indicator.average.keep, share = indicator.average.share
    cdef double keep_twice = keep * keep
    with nogil:
        for i in range(seed):
            check += highs[i] + lows[i] + closes[i]
            indicator.take(highs[i], lows[i], closes[i])
            out[i] = indicator.current
        anchor = indicator.current
        for i in range(seed, rows - 1, 2):  # the pairs of wilder_push
            check += (highs[i] + lows[i] + closes[i]) + (highs[i + 1] + lows[i + 1] + closes[i + 1])
            tail = true_range(highs[i], lows[i], closes[i - 1]) * share
            out[i] = anchor * keep + tail
            tail = tail * keep + true_range(highs[i + 1], lows[i + 1], closes[i]) * share
            anchor = anchor * keep_twice + tail
            out[i + 1] = anchor
        if rows > seed and (rows - seed) % 2:
            i = rows - 1
            check += highs[i] + lows[i] + closes[i]
            out[i] = anchor * keep + true_range(highs[i], lows[i], closes[i - 1]) * share
        clear(&out[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2])
    return result


def keltner(
    high: Column, low: Column, close: Column, period: int, atr_period: int, width: float
) -> tuple[Column, Column, Column]:
    """``Keltner`` over columns of bars: upper, middle, lower."""
    cdef Keltner indicator = Keltner(period, atr_period, width)
    given = _inputs.shaped(high=high, low=low, close=close)
    cdef const double[::1] highs, lows, closes
    highs, lows, closes = given
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t i, rows = closes.shape[0], seed = min(rows, warmup)
    results = _inputs.blanks(3, rows)
    cdef double[::1] upper, middle, lower
    upper, middle, lower = results
    cdef double check = 0.0, lag, span, factor = indicator.factor, slow = indicator.average.keep
    cdef Wilder average = indicator.range.average
    with nogil:
        for i in range(seed):
            check += highs[i] + lows[i] + closes[i]
            indicator.take(highs[i], lows[i], closes[i])
            indicator.get(&upper[i], &middle[i], &lower[i])
        lag, average = indicator.average.lag, indicator.range.average
        for i in range(seed, rows):
            check += highs[i] + lows[i] + closes[i]
            lag = lag_after(lag, closes[i] - closes[i - 1], slow)
            span = wilder_push(&average, true_range(highs[i], lows[i], closes[i - 1]) * average.share)
            bands(closes[i] - lag, factor * span, &upper[i], &middle[i], &lower[i])
        clear(&upper[0], rows, warmup)
        clear(&middle[0], rows, warmup)
        clear(&lower[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2])
    return results


def donchian(high: Column, low: Column, period: int) -> tuple[Column, Column, Column]:
    """``Donchian`` over columns of bars: upper, middle, lower."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    given = _inputs.shaped(high=high, low=low)
    cdef const double[::1] highs, lows
    highs, lows = given
    cdef Py_ssize_t rows = highs.shape[0]
    results = _inputs.blanks(3, rows)
    cdef double[::1] upper, middle, lower
    upper, middle, lower = results
    cdef double[::1] scratch = _inputs.zeros(4 * (length + 1))
    cdef double check
    with nogil:
        check = extreme_columns(
            &highs[0], &lows[0], &upper[0], &middle[0], &lower[0], rows, length, &scratch[0]
        )
        clear(&upper[0], rows, length)
        clear(&middle[0], rows, length)
        clear(&lower[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1])
    return results


def supertrend(high: Column, low: Column, close: Column, period: int, width: float) -> tuple[Column, Column]:
    """``Supertrend`` over columns of bars: line, direction."""
    cdef Supertrend indicator = Supertrend(period, width)
    given = _inputs.shaped(high=high, low=low, close=close)
    cdef const double[::1] highs, lows, closes
    highs, lows, closes = given
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t i, rows = closes.shape[0], seed = min(rows, warmup)
    results = _inputs.blanks(2, rows)
    cdef double[::1] lines, directions
    lines, directions = results
    cdef double check = 0.0, span, factor = indicator.factor
    cdef Wilder average = indicator.range.average
    cdef Trend trend
    with nogil:
        for i in range(seed):
            check += highs[i] + lows[i] + closes[i]
            indicator.take(highs[i], lows[i], closes[i])
            indicator.get(&lines[i], &directions[i])
        average = indicator.range.average
        trend.upper, trend.lower, trend.rising = indicator.upper, indicator.lower, indicator.rising
        for i in range(seed, rows):
            check += highs[i] + lows[i] + closes[i]
            span = wilder_push(&average, true_range(highs[i], lows[i], closes[i - 1]) * average.share)
            follow(&trend, (highs[i] + lows[i]) / 2.0, factor * span, closes[i], closes[i - 1])
            lines[i] = pick(trend.rising, trend.lower, trend.upper)
            directions[i] = pick(trend.rising, 1.0, -1.0)
        clear(&lines[0], rows, warmup)
        clear(&directions[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2])
    return results
