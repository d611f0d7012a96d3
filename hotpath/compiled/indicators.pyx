# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Indicators, bar by bar and over whole columns, seeded as TA-Lib seeds them.

The fast twin of reference/indicators.py, which tells the formulas. Float operations stand in the same order
as there; checks of what is given, and their errors, are the reference's own.
"""

cimport cython

from collections.abc import Sequence
from typing import Any

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport INFINITY, fabs, isfinite, sqrt

from live_runner.hotpath.reference import indicators as _reference
from live_runner.hotpath.reference.indicators import Column

__all__ = _reference.__all__

PERIOD_MAX = _reference.PERIOD_MAX
BARS_MAX = _reference.BARS_MAX


cdef inline double finite(object value, str name) except? -1.0:
    cdef double number = value
    if not isfinite(number):
        _reference._finite(value, name)
    return number


cdef double *new_window(long long length) except NULL:
    cdef double *window = <double *>PyMem_Calloc(length, sizeof(double))
    if window == NULL:
        raise MemoryError
    return window


cdef list window_list(double *window, long long length):
    cdef long long index
    return [window[index] for index in range(length)]


cdef int fill_window(double *window, list values) except -1:
    cdef Py_ssize_t index
    for index in range(len(values)):
        window[index] = values[index]
    return 0


@cython.final
cdef class Ema:
    """Exponential moving average: value += (close - value) * 2 / (period + 1).

    Seeded with the simple average of the first ``period`` closes (TA-Lib EMA). Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _reference._period(period, "period")
        self.warmup = self.period
        self.length = self.period
        self.factor = 2.0 / <double>(self.length + 1)

    cdef void take(self, double close) noexcept:
        if self.count >= self.length:
            self.current = (close - self.current) * self.factor + self.current
            return
        self.count += 1
        self.current += close
        if self.count == self.length:
            self.current /= <double>self.length

    cdef bint is_warm(self) noexcept:
        return self.count >= self.length

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count >= self.length

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.current if self.count >= self.length else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.current]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, value = _reference._shape(state, 2)
        self.count = _reference._count(count, self.length)
        self.current = float(value)


@cython.final
cdef class Sma:
    """Simple moving average: the mean of the last ``period`` closes (TA-Lib SMA). Warm after ``period`` bars."""

    def __cinit__(self, period: int):
        self.period = _reference._period(period, "period")
        self.warmup = self.period
        self.length = self.period
        self.window = new_window(self.length)

    def __dealloc__(self):
        PyMem_Free(self.window)

    cdef void take(self, double close) noexcept:
        cdef long long index
        self.total = self.total - self.window[self.slot] + close
        self.window[self.slot] = close
        self.count += 1
        self.slot += 1
        if self.slot == self.length:
            self.slot = 0
            self.total = 0.0
            for index in range(self.length):
                self.total += self.window[index]

    cdef bint is_warm(self) noexcept:
        return self.count >= self.length

    cdef double get(self) noexcept:
        return self.total / <double>self.length

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count >= self.length

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.get() if self.count >= self.length else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.total, window_list(self.window, self.length)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, total, window = _reference._shape(state, 3)
        fill_window(self.window, _reference._floats(window, self.length))
        self.count = _reference._count(count, _reference.BARS_MAX)
        self.slot = self.count % self.length
        self.total = float(total)


@cython.final
cdef class Rsi:
    """Relative strength index: 100 * gain / (gain + loss), both Wilder averages of the changes of the close.

    Seeded with the mean gain and loss of the first ``period`` changes, then
    average = (average * (period - 1) + change) / period (TA-Lib RSI). 0 where there was neither gain nor
    loss, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _reference._period(period, "period")
        self.warmup = self.period + 1
        self.length = self.period

    cdef void take(self, double close) noexcept:
        cdef double change = close - self.close
        cdef double gain = change if change > 0.0 else 0.0
        cdef double loss = -change if change < 0.0 else 0.0
        self.close = close
        if self.count > self.length:
            self.gain = (self.gain * <double>(self.length - 1) + gain) / <double>self.length
            self.loss = (self.loss * <double>(self.length - 1) + loss) / <double>self.length
            return
        self.count += 1
        if self.count == 1:
            return
        self.gain += gain
        self.loss += loss
        if self.count > self.length:
            self.gain /= <double>self.length
            self.loss /= <double>self.length

    cdef bint is_warm(self) noexcept:
        return self.count > self.length

    cdef double get(self) noexcept:
        cdef double both = self.gain + self.loss
        return 100.0 * (self.gain / both) if both > 0.0 else 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count > self.length

    @property
    def value(self) -> float | None:
        """The index, 0 to 100, None until warm."""
        return self.get() if self.count > self.length else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.close, self.gain, self.loss]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, gain, loss = _reference._shape(state, 4)
        self.count = _reference._count(count, self.length + 1)
        self.close, self.gain, self.loss = float(close), float(gain), float(loss)


@cython.final
cdef class Atr:
    """Average true range: Wilder average of max(high - low, |high - close before|, |low - close before|).

    Seeded with the mean of the first ``period`` true ranges, which begin with the second bar, then
    average = (average * (period - 1) + range) / period (TA-Lib ATR). Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _reference._period(period, "period")
        self.warmup = self.period + 1
        self.length = self.period

    cdef void take(self, double high, double low, double close) noexcept:
        cdef double span = high - low
        cdef double above = fabs(high - self.close)
        cdef double below = fabs(low - self.close)
        if above > span:
            span = above
        if below > span:
            span = below
        self.close = close
        if self.count > self.length:
            self.current = (self.current * <double>(self.length - 1) + span) / <double>self.length
            return
        self.count += 1
        if self.count == 1:
            return
        self.current += span
        if self.count > self.length:
            self.current /= <double>self.length

    cdef bint is_warm(self) noexcept:
        return self.count > self.length

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count > self.length

    @property
    def value(self) -> float | None:
        """The range in units of price, None until warm."""
        return self.current if self.count > self.length else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.close, self.current]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value = _reference._shape(state, 3)
        self.count = _reference._count(count, self.length + 1)
        self.close, self.current = float(close), float(value)


@cython.final
cdef class Bollinger:
    """Bollinger bands: mean of the last ``period`` closes, and ``width`` population deviations off it.

    The deviation is sqrt((s2 - s1 * s1 / period) / period), s1 and s2 being sums of the distance to a
    close of the window and of its square: prices far from zero lose no digits (TA-Lib BBANDS with a
    simple average, John Bollinger). Warm after ``period`` bars.
    """

    def __cinit__(self, period: int, width: float):
        self.period = _reference._period(period, "period")
        self.width = _reference._finite(width, "width")
        self.warmup = self.period
        self.length = self.period
        self.factor = self.width
        self.window = new_window(self.length)

    def __dealloc__(self):
        PyMem_Free(self.window)

    cdef void take(self, double close) noexcept:
        cdef double left, came
        cdef long long index
        if self.count == 0:
            self.base = close
        if self.count >= self.length:
            left = self.window[self.slot] - self.base
            self.total -= left
            self.squares -= left * left
        came = close - self.base
        self.total += came
        self.squares += came * came
        self.window[self.slot] = close
        self.count += 1
        self.slot += 1
        if self.slot == self.length:
            self.slot = 0
            self.base = close
            self.total = 0.0
            self.squares = 0.0
            for index in range(self.length):
                came = self.window[index] - close
                self.total += came
                self.squares += came * came

    cdef bint is_warm(self) noexcept:
        return self.count >= self.length

    cdef void get(self, double *upper, double *middle, double *lower) noexcept:
        cdef double mean = self.total / <double>self.length
        cdef double variance = self.squares / <double>self.length - mean * mean
        cdef double deviation = sqrt(variance) if variance > 0.0 else 0.0
        middle[0] = self.base + mean
        upper[0] = middle[0] + self.factor * deviation
        lower[0] = middle[0] - self.factor * deviation

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count >= self.length

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        cdef double upper, middle, lower
        if self.count < self.length:
            return None
        self.get(&upper, &middle, &lower)
        return upper, middle, lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.base, self.total, self.squares, window_list(self.window, self.length)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, base, total, squares, window = _reference._shape(state, 5)
        fill_window(self.window, _reference._floats(window, self.length))
        self.count = _reference._count(count, _reference.BARS_MAX)
        self.slot = self.count % self.length
        self.base, self.total, self.squares = float(base), float(total), float(squares)


@cython.final
cdef class Macd:
    """Moving average convergence divergence: the fast EMA minus the slow one, and the EMA of that.

    Both averages begin with the bar on which the slow one is warm: the fast one is seeded with the mean
    of the ``fast`` closes up to it (TA-Lib MACD, Gerald Appel). Warm after ``slow`` + ``signal`` - 1 bars.
    """

    def __cinit__(self, fast: int, slow: int, signal: int):
        _reference.Macd(fast, slow, signal)
        self.fast_average = Ema(fast)
        self.slow_average = Ema(slow)
        self.signal_average = Ema(signal)
        self.fast = self.fast_average.period
        self.slow = self.slow_average.period
        self.signal = self.signal_average.period
        self.warmup = self.slow + self.signal - 1

    cdef void take(self, double close) noexcept:
        self.slow_average.take(close)
        if self.count < self.slow_average.length:
            self.count += 1
        if self.count > self.slow_average.length - self.fast_average.length:
            self.fast_average.take(close)
        if self.slow_average.is_warm():
            self.line = self.fast_average.current - self.slow_average.current
            self.signal_average.take(self.line)

    cdef bint is_warm(self) noexcept:
        return self.signal_average.is_warm()

    cdef void get(self, double *line, double *signal, double *histogram) noexcept:
        line[0] = self.line
        signal[0] = self.signal_average.current
        histogram[0] = self.line - self.signal_average.current

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.signal_average.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Line, signal, and line minus signal; None until warm."""
        cdef double line, signal, histogram
        if not self.signal_average.is_warm():
            return None
        self.get(&line, &signal, &histogram)
        return line, signal, histogram

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [
            self.count,
            self.line,
            self.fast_average.state(),
            self.slow_average.state(),
            self.signal_average.state(),
        ]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, line, fast, slow, signal = _reference._shape(state, 5)
        self.count = _reference._count(count, self.slow)
        self.line = float(line)
        self.fast_average.restore(fast)
        self.slow_average.restore(slow)
        self.signal_average.restore(signal)


@cython.final
cdef class Donchian:
    """Donchian channel: highest high and lowest low of the last ``period`` bars (TA-Lib MAX and MIN).

    The bar just taken is among them. Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _reference._period(period, "period")
        self.warmup = self.period
        self.length = self.period
        self.highs = new_window(self.length)
        self.lows = new_window(self.length)
        self.upper = -INFINITY
        self.lower = INFINITY

    def __dealloc__(self):
        PyMem_Free(self.highs)
        PyMem_Free(self.lows)

    cdef void take(self, double high, double low) noexcept:
        # The extremes are carried along; the window is searched only when the bar that held one leaves it.
        cdef bint search_high = False
        cdef bint search_low = False
        cdef long long index
        high += 0.0
        low += 0.0
        if self.count >= self.length:
            search_high = self.highs[self.slot] == self.upper
            search_low = self.lows[self.slot] == self.lower
        self.highs[self.slot] = high
        self.lows[self.slot] = low
        self.count += 1
        self.slot += 1
        if self.slot == self.length:
            self.slot = 0
        if high >= self.upper:
            self.upper = high
        elif search_high:
            self.upper = high
            for index in range(self.length):
                if self.highs[index] > self.upper:
                    self.upper = self.highs[index]
        if low <= self.lower:
            self.lower = low
        elif search_low:
            self.lower = low
            for index in range(self.length):
                if self.lows[index] < self.lower:
                    self.lower = self.lows[index]

    cdef bint is_warm(self) noexcept:
        return self.count >= self.length

    def update(self, high: float, low: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.count >= self.length

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Highest high, the middle, lowest low; None until warm."""
        if self.count < self.length:
            return None
        return self.upper, (self.upper + self.lower) / 2.0, self.lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, window_list(self.highs, self.length), window_list(self.lows, self.length)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        cdef long long index, filled
        count, highs, lows = _reference._shape(state, 3)
        fill_window(self.highs, _reference._floats(highs, self.length))
        fill_window(self.lows, _reference._floats(lows, self.length))
        self.count = _reference._count(count, _reference.BARS_MAX)
        self.slot = self.count % self.length
        self.upper = -INFINITY
        self.lower = INFINITY
        filled = self.count if self.count < self.length else self.length
        for index in range(filled):
            self.upper = max(self.upper, self.highs[index])
            self.lower = min(self.lower, self.lows[index])


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


cdef tuple empty_columns(Py_ssize_t rows, int number):
    return tuple([_reference._empty(rows) for _ in range(number)])


def ema(values: Column, period: int) -> Column:
    """``Ema`` over a column of closes."""
    cdef Ema indicator = Ema(period)
    cdef const double[::1] close = _reference._columns(close=values)[0]
    cdef Py_ssize_t index
    result = _reference._empty(close.shape[0])
    cdef double[::1] out = result
    for index in range(close.shape[0]):
        indicator.take(close[index])
        if indicator.is_warm():
            out[index] = indicator.current
    return result


def sma(values: Column, period: int) -> Column:
    """``Sma`` over a column of closes."""
    cdef Sma indicator = Sma(period)
    cdef const double[::1] close = _reference._columns(close=values)[0]
    cdef Py_ssize_t index
    result = _reference._empty(close.shape[0])
    cdef double[::1] out = result
    for index in range(close.shape[0]):
        indicator.take(close[index])
        if indicator.is_warm():
            out[index] = indicator.get()
    return result


def rsi(values: Column, period: int) -> Column:
    """``Rsi`` over a column of closes."""
    cdef Rsi indicator = Rsi(period)
    cdef const double[::1] close = _reference._columns(close=values)[0]
    cdef Py_ssize_t index
    result = _reference._empty(close.shape[0])
    cdef double[::1] out = result
    for index in range(close.shape[0]):
        indicator.take(close[index])
        if indicator.is_warm():
            out[index] = indicator.get()
    return result


def atr(high: Column, low: Column, close: Column, period: int) -> Column:
    """``Atr`` over columns of bars."""
    cdef Atr indicator = Atr(period)
    cdef const double[::1] highs, lows, closes
    cdef Py_ssize_t index
    highs, lows, closes = _reference._columns(high=high, low=low, close=close)
    result = _reference._empty(closes.shape[0])
    cdef double[::1] out = result
    for index in range(closes.shape[0]):
        indicator.take(highs[index], lows[index], closes[index])
        if indicator.is_warm():
            out[index] = indicator.current
    return result


def bollinger(values: Column, period: int, width: float) -> tuple[Column, Column, Column]:
    """``Bollinger`` over a column of closes: upper, middle, lower."""
    cdef Bollinger indicator = Bollinger(period, width)
    cdef const double[::1] close = _reference._columns(close=values)[0]
    cdef double[::1] first, second, third
    cdef Py_ssize_t index
    results = empty_columns(close.shape[0], 3)
    first, second, third = results
    for index in range(close.shape[0]):
        indicator.take(close[index])
        if indicator.is_warm():
            indicator.get(&first[index], &second[index], &third[index])
    return results


def macd(values: Column, fast: int, slow: int, signal: int) -> tuple[Column, Column, Column]:
    """``Macd`` over a column of closes: line, signal, line minus signal."""
    cdef Macd indicator = Macd(fast, slow, signal)
    cdef const double[::1] close = _reference._columns(close=values)[0]
    cdef double[::1] first, second, third
    cdef Py_ssize_t index
    results = empty_columns(close.shape[0], 3)
    first, second, third = results
    for index in range(close.shape[0]):
        indicator.take(close[index])
        if indicator.is_warm():
            indicator.get(&first[index], &second[index], &third[index])
    return results


def donchian(high: Column, low: Column, period: int) -> tuple[Column, Column, Column]:
    """``Donchian`` over columns of bars: upper, middle, lower."""
    cdef Donchian indicator = Donchian(period)
    cdef const double[::1] highs, lows
    cdef double[::1] first, second, third
    cdef Py_ssize_t index
    highs, lows = _reference._columns(high=high, low=low)
    results = empty_columns(highs.shape[0], 3)
    first, second, third = results
    for index in range(highs.shape[0]):
        indicator.take(highs[index], lows[index])
        if indicator.is_warm():
            first[index] = indicator.upper
            second[index] = (indicator.upper + indicator.lower) / 2.0
            third[index] = indicator.lower
    return results
