# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Moving averages: simple, exponential, weighted, double and triple exponential, and MACD.

The fast twin of reference/moving.py, which tells the formulas. Float operations stand in the same order as there.
"""

cimport cython

from collections.abc import Sequence
from typing import Any

from live_runner.hotpath.compiled.blocks cimport mean_column, ramp_column
from live_runner.hotpath.compiled.inputs cimport clear, finite
from live_runner.hotpath.compiled.windows cimport (
    Ramp,
    Sum,
    ramp_close,
    ramp_open,
    ramp_push,
    ramp_restore,
    ramp_state,
    ramp_weighted,
    sum_close,
    sum_open,
    sum_push,
    sum_restore,
    sum_state,
    sum_total,
)

from live_runner.hotpath.reference import inputs as _inputs
from live_runner.hotpath.reference.inputs import Column

__all__ = [
    "Dema",
    "Ema",
    "Macd",
    "Sma",
    "Tema",
    "Wma",
    "dema",
    "ema",
    "macd",
    "sma",
    "tema",
    "wma",
]


@cython.final
cdef class Sma:
    """Simple moving average: the mean of the last ``period`` closes (TA-Lib SMA). Warm after ``period`` bars."""

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        sum_open(&self.sum, self.period)

    def __dealloc__(self):
        sum_close(&self.sum)

    cdef void take(self, double close) noexcept nogil:
        sum_push(&self.sum, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.sum.count >= self.sum.length

    cdef double get(self) noexcept nogil:
        return sum_total(&self.sum) / <double>self.sum.length

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return sum_state(&self.sum)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        sum_restore(&self.sum, state)


@cython.final
cdef class Ema:
    """Exponential moving average: value += (close - value) * 2 / (period + 1).

    Worked out as the lag behind the close: lag = (lag + change of the close) * (period - 1) / (period + 1), value =
    close - lag. On a price that stands still the lag goes to nothing and the value is the price, to the bit.
    Seeded with the simple average of the first ``period`` closes (TA-Lib EMA). Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        self.length = self.period
        self.keep = <double>(self.length - 1) / <double>(self.length + 1)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.current if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.current, self.close, self.lag]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, value, close, lag = _inputs.parts(state, 4)
        self.count = _inputs.count_of(count, self.length)
        self.current, self.close, self.lag = float(value), float(close), float(lag)


@cython.final
cdef class Wma:
    """Weighted moving average: the newest of ``period`` closes counts ``period`` times, the oldest once (TA-Lib WMA).

    Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        ramp_open(&self.ramp, self.period)
        self.share = 2.0 / <double>(self.ramp.length * (self.ramp.length + 1))

    def __dealloc__(self):
        ramp_close(&self.ramp)

    cdef void take(self, double close) noexcept nogil:
        ramp_push(&self.ramp, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.ramp.count >= self.ramp.length

    cdef double get(self) noexcept nogil:
        return self.ramp.base + ramp_weighted(&self.ramp) * self.share

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return ramp_state(&self.ramp)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        ramp_restore(&self.ramp, state)


@cython.final
cdef class Dema:
    """Double exponential moving average: 2 * e1 - e2, e2 being the EMA of the EMA e1 (TA-Lib DEMA, Patrick Mulloy).

    Each is seeded as ``Ema`` is, e2 with the first ``period`` values of e1. e1 - e2 is the lag of e2, so the value is
    e1 + lag. Warm after 2 * ``period`` - 1 bars.
    """

    def __cinit__(self, period: int):
        self.first = Ema(period)
        self.period = self.first.period
        self.warmup = 2 * self.period - 1
        self.second = Ema(self.period)

    cdef void take(self, double close) noexcept nogil:
        self.first.take(close)
        if self.first.is_warm():
            self.second.take(self.first.current)

    cdef bint is_warm(self) noexcept nogil:
        return self.second.is_warm()

    cdef double get(self) noexcept nogil:
        return self.first.current + self.second.lag

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.first.state(), self.second.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        first, second = _inputs.parts(state, 2)
        self.first.restore(first)
        self.second.restore(second)


@cython.final
cdef class Tema:
    """Triple exponential moving average: 3 * (e1 - e2) + e3 (TA-Lib TEMA, Patrick Mulloy).

    e1 is the EMA of the close, e2 of e1, e3 of e2, each seeded as ``Ema`` is; e1 - e2 is the lag of e2. Warm after
    3 * ``period`` - 2 bars.
    """

    def __cinit__(self, period: int):
        self.first = Ema(period)
        self.period = self.first.period
        self.warmup = 3 * self.period - 2
        self.second = Ema(self.period)
        self.third = Ema(self.period)

    cdef void take(self, double close) noexcept nogil:
        self.first.take(close)
        if self.first.is_warm():
            self.second.take(self.first.current)
        if self.second.is_warm():
            self.third.take(self.second.current)

    cdef bint is_warm(self) noexcept nogil:
        return self.third.is_warm()

    cdef double get(self) noexcept nogil:
        return 3.0 * self.second.lag + self.third.current

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.first.state(), self.second.state(), self.third.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        first, second, third = _inputs.parts(state, 3)
        self.first.restore(first)
        self.second.restore(second)
        self.third.restore(third)


@cython.final
cdef class Macd:
    """Moving average convergence divergence: the fast EMA minus the slow one, and the EMA of that.

    Both averages begin with the bar on which the slow one is warm: the fast one is seeded with the mean
    of the ``fast`` closes up to it (TA-Lib MACD, Gerald Appel). Warm after ``slow`` + ``signal`` - 1 bars.
    """

    def __cinit__(self, fast: int, slow: int, signal: int):
        self.fast = _inputs.period_of(fast, "fast")
        self.slow = _inputs.period_of(slow, "slow")
        self.signal = _inputs.period_of(signal, "signal")
        if self.fast >= self.slow:
            from live_runner.hotpath.reference import moving
            moving.Macd(fast, slow, signal)  # refuses
        self.fast_average = Ema(self.fast)
        self.slow_average = Ema(self.slow)
        self.signal_average = Ema(self.signal)
        self.warmup = self.slow + self.signal - 1

    cdef void take(self, double close) noexcept nogil:
        self.slow_average.take(close)
        if self.count < self.slow_average.length:
            self.count += 1
        if self.count > self.slow_average.length - self.fast_average.length:
            self.fast_average.take(close)
        if self.slow_average.is_warm():
            self.line = self.fast_average.current - self.slow_average.current
            self.signal_average.take(self.line)

    cdef bint is_warm(self) noexcept nogil:
        return self.signal_average.is_warm()

    cdef void get(self, double *line, double *signal, double *histogram) noexcept nogil:
        line[0] = self.line
        signal[0] = self.signal_average.current
        histogram[0] = self.line - self.signal_average.current

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Line, signal, and line minus signal; None until warm."""
        cdef double line, signal, histogram
        if not self.is_warm():
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
        count, line, fast, slow, signal = _inputs.parts(state, 5)
        self.count, self.line = _inputs.count_of(count, self.slow), float(line)
        self.fast_average.restore(fast)
        self.slow_average.restore(slow)
        self.signal_average.restore(signal)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------
#
# A batch lets the class take the bars until it is warm and goes on with its numbers in registers; a window is
# copied out of its class for the same reason. ``check`` is the sum of all numbers, finite as long as each of them
# is: who is to blame is looked for afterwards, so that looking costs nothing.


def sma(values: Column, period: int) -> Column:
    """``Sma`` over a column of closes."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t rows = close.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double[::1] scratch = _inputs.zeros(2 * (length + 1))
    cdef double check
    with nogil:
        check = mean_column(&close[0], &out[0], rows, length, &scratch[0])
        clear(&out[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def ema(values: Column, period: int) -> Column:
    """``Ema`` over a column of closes."""
    cdef Ema indicator = Ema(period)
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t index, rows = close.shape[0], seed = min(rows, indicator.length)
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, lag, keep = indicator.keep
    with nogil:
        for index in range(seed):
            check += close[index]
            indicator.take(close[index])
            out[index] = indicator.current
        lag = indicator.lag
        for index in range(seed, rows):
            check += close[index]
            lag = lag_after(lag, close[index] - close[index - 1], keep)
            out[index] = close[index] - lag
        clear(&out[0], rows, indicator.length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def wma(values: Column, period: int) -> Column:
    """``Wma`` over a column of closes."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    cdef double share = 2.0 / <double>(length * (length + 1))
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t rows = close.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double[::1] scratch = _inputs.zeros(4 * (length + 1))
    cdef double check
    with nogil:
        check = ramp_column(&close[0], &out[0], rows, length, &scratch[0], False, 0.0, share)
        clear(&out[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def dema(values: Column, period: int) -> Column:
    """``Dema`` over a column of closes."""
    cdef Dema indicator = Dema(period)
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t index, rows = close.shape[0], seed = min(rows, warmup)
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, first, before, lag, lag2, keep = indicator.first.keep
    with nogil:
        for index in range(seed):
            check += close[index]
            indicator.take(close[index])
            out[index] = indicator.get()
        before, lag, lag2 = indicator.first.current, indicator.first.lag, indicator.second.lag
        for index in range(seed, rows):
            check += close[index]
            lag = lag_after(lag, close[index] - close[index - 1], keep)
            first = close[index] - lag
            lag2 = lag_after(lag2, first - before, keep)
            before = first
            out[index] = first + lag2
        clear(&out[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def tema(values: Column, period: int) -> Column:
    """``Tema`` over a column of closes."""
    cdef Tema indicator = Tema(period)
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t index, rows = close.shape[0], seed = min(rows, warmup)
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, first, second, third, before, before2, lag, lag2, lag3, keep = indicator.first.keep
    with nogil:
        for index in range(seed):
            check += close[index]
            indicator.take(close[index])
            out[index] = indicator.get()
        before, before2 = indicator.first.current, indicator.second.current
        lag, lag2, lag3 = indicator.first.lag, indicator.second.lag, indicator.third.lag
        for index in range(seed, rows):
            check += close[index]
            lag = lag_after(lag, close[index] - close[index - 1], keep)
            first = close[index] - lag
            lag2 = lag_after(lag2, first - before, keep)
            before = first
            second = first - lag2
            lag3 = lag_after(lag3, second - before2, keep)
            before2 = second
            third = second - lag3
            out[index] = 3.0 * lag2 + third
        clear(&out[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def macd(values: Column, fast: int, slow: int, signal: int) -> tuple[Column, Column, Column]:
    """``Macd`` over a column of closes: line, signal, line minus signal."""
    cdef Macd indicator = Macd(fast, slow, signal)
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t index, rows = close.shape[0], seed = min(rows, warmup)
    results = _inputs.blanks(3, rows)
    cdef double[::1] lines, signals, differences
    lines, signals, differences = results
    cdef double check = 0.0, change, line, before, average, fast_lag, slow_lag, lag
    cdef double fast_keep = indicator.fast_average.keep, slow_keep = indicator.slow_average.keep
    cdef double keep = indicator.signal_average.keep
    with nogil:
        for index in range(seed):
            check += close[index]
            indicator.take(close[index])
            indicator.get(&lines[index], &signals[index], &differences[index])
        fast_lag, slow_lag = indicator.fast_average.lag, indicator.slow_average.lag
        lag, before = indicator.signal_average.lag, indicator.line
        for index in range(seed, rows):
            check += close[index]
            change = close[index] - close[index - 1]
            fast_lag = lag_after(fast_lag, change, fast_keep)
            slow_lag = lag_after(slow_lag, change, slow_keep)
            line = (close[index] - fast_lag) - (close[index] - slow_lag)
            lag = lag_after(lag, line - before, keep)
            before = line
            average = line - lag
            lines[index] = line
            signals[index] = average
            differences[index] = line - average
        clear(&lines[0], rows, warmup)
        clear(&signals[0], rows, warmup)
        clear(&differences[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return results
