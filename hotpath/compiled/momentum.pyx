# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Momentum: RSI, rate of change, stochastic, ADX and the slope of the regression line.

The fast twin of reference/momentum.py, which tells the formulas. Float operations stand in the same order as there.
"""

cimport cython

from collections.abc import Sequence
from typing import Any

from cpython.mem cimport PyMem_Free
from libc.math cimport fabs
from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.blocks cimport ramp_column
from live_runner.hotpath.compiled.inputs cimport clear, finite, higher, pick
from live_runner.hotpath.compiled.ranges cimport true_range
from live_runner.hotpath.compiled.windows cimport (
    Extremes,
    Ramp,
    Sum,
    as_list,
    cells,
    extremes_close,
    extremes_lower,
    extremes_open,
    extremes_push,
    extremes_restore,
    extremes_state,
    extremes_upper,
    ramp_close,
    ramp_open,
    ramp_push,
    ramp_restore,
    ramp_state,
    ramp_total,
    ramp_weighted,
    sum_close,
    sum_open,
    sum_push,
    sum_restore,
    sum_state,
    sum_total,
)

from live_runner.hotpath import constants as _constants
from live_runner.hotpath.reference import inputs as _inputs
from live_runner.hotpath.reference.inputs import Column

__all__ = ["Adx", "Roc", "Rsi", "Slope", "Stochastic", "adx", "roc", "rsi", "slope", "stochastic"]


@cython.final
cdef class Rsi:
    """Relative strength index: 100 * gain / (gain + loss), both Wilder averages of the changes of the close.

    Seeded with the mean gain and loss of the first ``period`` changes, then
    average = average * (period - 1) / period + change / period (TA-Lib RSI). 0 where there was neither gain nor
    loss, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period + 1
        self.length = self.period
        self.keep = <double>(self.length - 1) / <double>self.length
        self.share = 1.0 / <double>self.length

    cdef void take(self, double close) noexcept nogil:
        cdef double change = close - self.close
        cdef double gain = pick(change > 0.0, change, 0.0)
        cdef double loss = pick(change < 0.0, -change, 0.0)
        self.close = close
        if self.count > self.length:
            self.gain = self.gain * self.keep + gain * self.share
            self.loss = self.loss * self.keep + loss * self.share
            return
        self.count += 1
        if self.count == 1:
            return
        self.gain += gain
        self.loss += loss
        if self.count > self.length:
            self.gain /= <double>self.length
            self.loss /= <double>self.length

    cdef bint is_warm(self) noexcept nogil:
        return self.count > self.length

    cdef double get(self) noexcept nogil:
        cdef double both = self.gain + self.loss
        return 100.0 * (self.gain / both) if both > 0.0 else 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The index, 0 to 100, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.close, self.gain, self.loss]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, gain, loss = _inputs.parts(state, 4)
        self.count = _inputs.count_of(count, self.length + 1)
        self.close, self.gain, self.loss = float(close), float(gain), float(loss)


cdef extern from *:
    """
    /* Two at a time, because dividing two takes as long as one. Returns the sum of the closes. */
    typedef double lr_pair __attribute__((vector_size(16)));
    typedef long long lr_mask __attribute__((vector_size(16)));
    static double lr_changes(const double *close, double *out, Py_ssize_t length, Py_ssize_t rows) {
        Py_ssize_t i = length;
        lr_pair now, before, change, sums = {0.0, 0.0};
        double sum = 0.0;
        for (; i + 1 < rows; i += 2) {
            memcpy(&now, close + i, 16);
            memcpy(&before, close + i - length, 16);
            sums += now;
            change = (now / before - 1.0) * 100.0;
            change = (lr_pair)((lr_mask)change & (lr_mask)(before != 0.0));
            memcpy(out + i, &change, 16);
        }
        for (; i < rows; i++) {
            sum += close[i];
            out[i] = close[i - length] != 0.0 ? (close[i] / close[i - length] - 1.0) * 100.0 : 0.0;
        }
        return sum + (sums[0] + sums[1]);
    }
    """
    double changes "lr_changes"(const double *close, double *out, Py_ssize_t length, Py_ssize_t rows) noexcept nogil


cdef inline double change_of(double close, double before) noexcept nogil:
    return (close / before - 1.0) * 100.0 if before != 0.0 else 0.0


@cython.final
cdef class Roc:
    """Rate of change: 100 * (close / close of ``period`` bars before - 1) (TA-Lib ROC).

    0 where the close before is 0, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period + 1
        self.length = self.period
        self.window = cells(self.length)

    def __dealloc__(self):
        PyMem_Free(self.window)

    cdef void take(self, double close) noexcept nogil:
        self.current = change_of(close, self.window[self.slot])
        self.window[self.slot] = close
        self.count += 1
        self.slot += 1
        if self.slot == self.length:
            self.slot = 0

    cdef bint is_warm(self) noexcept nogil:
        return self.count > self.length

    cdef double get(self) noexcept nogil:
        return self.current

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The change in percent, None until warm."""
        return self.current if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.current, as_list(self.window, self.length)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        cdef long long slot
        count, value, window = _inputs.parts(state, 3)
        cdef list values = _inputs.floats(window, self.length)
        self.count, self.current = _inputs.count_of(count, _inputs.BARS_MAX), float(value)
        self.slot = self.count % self.length
        for slot in range(self.length):
            self.window[slot] = values[slot]


cdef inline double place_of(const Extremes *extremes, double close) noexcept nogil:
    cdef double lowest = extremes_lower(extremes)
    cdef double span = extremes_upper(extremes) - lowest
    return 100.0 * ((close - lowest) / span) if span != 0.0 else 0.0


@cython.final
cdef class Stochastic:
    """Stochastic oscillator: where the close lies between the lowest low and the highest high, and averages of it.

    Fast %K = 100 * (close - lowest) / (highest - lowest) over ``period`` bars, 0 where both are equal; slow %K is
    its mean over ``slowing`` bars, %D the mean of that over ``signal`` (TA-Lib STOCH with simple averages,
    George Lane). Warm after ``period`` + ``slowing`` + ``signal`` - 2 bars.
    """

    def __cinit__(self, period: int, slowing: int, signal: int):
        self.period = _inputs.period_of(period, "period")
        self.slowing = _inputs.period_of(slowing, "slowing")
        self.signal = _inputs.period_of(signal, "signal")
        self.warmup = self.period + self.slowing + self.signal - 2
        extremes_open(&self.range, self.period)
        sum_open(&self.slow, self.slowing)
        sum_open(&self.average, self.signal)

    def __dealloc__(self):
        extremes_close(&self.range)
        sum_close(&self.slow)
        sum_close(&self.average)

    cdef void take(self, double high, double low, double close) noexcept nogil:
        extremes_push(&self.range, high, low)
        if self.range.count < self.range.length:
            return
        sum_push(&self.slow, place_of(&self.range, close))
        if self.slow.count >= self.slow.length:
            sum_push(&self.average, sum_total(&self.slow) / <double>self.slow.length)

    cdef bint is_warm(self) noexcept nogil:
        return self.average.count >= self.average.length

    cdef void get(self, double *slow, double *signal) noexcept nogil:
        slow[0] = sum_total(&self.slow) / <double>self.slow.length
        signal[0] = sum_total(&self.average) / <double>self.average.length

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float] | None:
        """Slow %K and %D, 0 to 100; None until warm."""
        cdef double slow, signal
        if not self.is_warm():
            return None
        self.get(&slow, &signal)
        return slow, signal

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [extremes_state(&self.range), sum_state(&self.slow), sum_state(&self.average)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        extremes, slow, signal = _inputs.parts(state, 3)
        extremes_restore(&self.range, extremes)
        sum_restore(&self.slow, slow)
        sum_restore(&self.average, signal)


cdef double CHANGE_LEAST = _constants.CHANGE_LEAST


cdef inline double larger_move(double move, double other, double least) noexcept nogil:
    return pick((move - other > least) & (move > 0.0), move, 0.0)


@cython.final
cdef class Adx:
    """Average directional movement index, with both directional indicators.

    A bar moves up by high - high before, down by low before - low; the larger counts if positive, and neither where
    they are equal: to a part in 1e12 of the high, because equal steps of a tick differ in their last bits. Sums of both
    and of the true range begin with the first ``period`` - 1 moves, then sum = sum * (period - 1) / period + new.
    +DI and -DI are 100 * sum of moves / sum of ranges, DX is 100 * |difference| / sum of both, and the index is
    Wilder's average of DX, seeded with the mean of the first ``period`` (TA-Lib ADX, PLUS_DI, MINUS_DI). A bar on which
    neither sum is above zero leaves the index as it was, as in TA-Lib. Warm after 2 * ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = 2 * self.period
        self.length = self.period
        self.keep = <double>(self.length - 1) / <double>self.length
        self.share = 1.0 / <double>self.length

    cdef void take(self, double high, double low, double close) noexcept nogil:
        cdef double rise = high - self.high
        cdef double fall = self.low - low
        cdef double span = true_range(high, low, self.close)
        cdef double least = fabs(high) * CHANGE_LEAST
        cdef double keep, both, index
        cdef bint was_warm = self.is_warm()
        self.high, self.low, self.close = high, low, close
        if not was_warm:
            self.count += 1
        if self.count == 1:
            return
        keep = self.keep if self.count > self.length else 1.0
        self.up = self.up * keep + larger_move(rise, fall, least)
        self.down = self.down * keep + larger_move(fall, rise, least)
        self.range = self.range * keep + span
        if self.count <= self.length:
            return
        both = self.up + self.down
        if both > 0.0:
            index = 100.0 * (fabs(self.up - self.down) / both)
            self.index = self.index * self.keep + index * self.share if was_warm else self.index + index
        if not was_warm and self.is_warm():
            self.index /= <double>self.length

    cdef bint is_warm(self) noexcept nogil:
        return self.count >= 2 * self.length

    cdef void get(self, double *index, double *plus, double *minus) noexcept nogil:
        index[0] = self.index
        plus[0] = 100.0 * (self.up / self.range) if self.range > 0.0 else 0.0
        minus[0] = 100.0 * (self.down / self.range) if self.range > 0.0 else 0.0

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> tuple[float, float, float] | None:
        """ADX, +DI and -DI, each 0 to 100; None until warm."""
        cdef double index, plus, minus
        if not self.is_warm():
            return None
        self.get(&index, &plus, &minus)
        return index, plus, minus

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [
            self.count,
            [self.high, self.low, self.close],
            [self.up, self.down, self.range],
            self.index,
        ]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, bar, sums, index = _inputs.parts(state, 4)
        bar, sums = _inputs.floats(bar, 3), _inputs.floats(sums, 3)
        self.count, self.index = _inputs.count_of(count, self.warmup), float(index)
        self.high, self.low, self.close = bar
        self.up, self.down, self.range = sums


@cython.final
cdef class Slope:
    """Slope of the least squares line through the last ``period`` closes, per bar (TA-Lib LINEARREG_SLOPE).

    With places 1 to n it is (sum of place * close - (n + 1) / 2 * sum of close) / (n * (n * n - 1) / 12); closes
    count as distances to one of them, so that a high price costs no digits. Warm after ``period`` bars, at least 2.
    """

    def __cinit__(self, period: int):
        cdef int64_t bars = _inputs.period_of(period, "period")
        if bars < 2:
            from live_runner.hotpath.reference import momentum
            momentum.Slope(period)  # refuses
        self.period = bars
        self.warmup = self.period
        self.centre = <double>(bars + 1) / 2.0
        self.share = 12.0 / <double>(bars * (bars * bars - 1))  # below 2**63 for every period there is
        ramp_open(&self.ramp, self.period)

    def __dealloc__(self):
        ramp_close(&self.ramp)

    cdef void take(self, double close) noexcept nogil:
        ramp_push(&self.ramp, close)

    cdef bint is_warm(self) noexcept nogil:
        return self.ramp.count >= self.ramp.length

    cdef double get(self) noexcept nogil:
        return (ramp_weighted(&self.ramp) - self.centre * ramp_total(&self.ramp)) * self.share

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The slope in price per bar, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return ramp_state(&self.ramp)

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        ramp_restore(&self.ramp, state)


# -- whole columns: nan until warm, bit for bit what the classes give; as in moving.pyx --------------


def rsi(values: Column, period: int) -> Column:
    """``Rsi`` over a column of closes."""
    cdef Rsi indicator = Rsi(period)
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t index, rows = close.shape[0], seed = min(rows, warmup)
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, gain, loss, both, change, keep = indicator.keep, share = indicator.share
    with nogil:
        for index in range(seed):
            check += close[index]
            indicator.take(close[index])
            out[index] = indicator.get()
        gain, loss = indicator.gain, indicator.loss
        for index in range(seed, rows):
            check += close[index]
            change = close[index] - close[index - 1]
            gain = gain * keep + higher(change, 0.0) * share
            loss = loss * keep + higher(-change, 0.0) * share
            both = gain + loss
            out[index] = 100.0 * (gain / both) if both > 0.0 else 0.0
        clear(&out[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def roc(values: Column, period: int) -> Column:
    """``Roc`` over a column of closes."""
    cdef Py_ssize_t length = _inputs.period_of(period, "period")
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t index, rows = close.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0
    with nogil:
        for index in range(min(rows, length)):
            check += close[index]
        check += changes(&close[0], &out[0], length, rows)
        clear(&out[0], rows, length + 1)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result


def stochastic(
    high: Column, low: Column, close: Column, period: int, slowing: int, signal: int
) -> tuple[Column, Column]:
    """``Stochastic`` over columns of bars: slow %K, %D."""
    cdef Stochastic indicator = Stochastic(period, slowing, signal)
    given = _inputs.shaped(high=high, low=low, close=close)
    cdef const double[::1] highs, lows, closes
    highs, lows, closes = given
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t index, rows = closes.shape[0], seed = min(rows, warmup)
    results = _inputs.blanks(2, rows)
    cdef double[::1] firsts, seconds
    firsts, seconds = results
    cdef double check = 0.0, mean
    cdef Extremes extremes
    cdef Sum slow, average
    with nogil:
        for index in range(seed):
            check += highs[index] + lows[index] + closes[index]
            indicator.take(highs[index], lows[index], closes[index])
            indicator.get(&firsts[index], &seconds[index])
        extremes, slow, average = indicator.range, indicator.slow, indicator.average
        for index in range(seed, rows):
            check += highs[index] + lows[index] + closes[index]
            extremes_push(&extremes, highs[index], lows[index])
            sum_push(&slow, place_of(&extremes, closes[index]))
            mean = sum_total(&slow) / <double>slow.length
            sum_push(&average, mean)
            firsts[index] = mean
            seconds[index] = sum_total(&average) / <double>average.length
        clear(&firsts[0], rows, warmup)
        clear(&seconds[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2])
    return results


def adx(high: Column, low: Column, close: Column, period: int) -> tuple[Column, Column, Column]:
    """``Adx`` over columns of bars: ADX, +DI, -DI."""
    cdef Adx indicator = Adx(period)
    given = _inputs.shaped(high=high, low=low, close=close)
    cdef const double[::1] highs, lows, closes
    highs, lows, closes = given
    cdef Py_ssize_t warmup = indicator.warmup
    cdef Py_ssize_t i, rows = closes.shape[0], seed = min(rows, warmup)
    results = _inputs.blanks(3, rows)
    cdef double[::1] firsts, seconds, thirds
    firsts, seconds, thirds = results
    cdef double check = 0.0, keep = indicator.keep, share = indicator.share
    cdef double up, down, span, index, rise, fall, both, least
    with nogil:
        for i in range(seed):
            check += highs[i] + lows[i] + closes[i]
            indicator.take(highs[i], lows[i], closes[i])
            indicator.get(&firsts[i], &seconds[i], &thirds[i])
        up, down, span, index = indicator.up, indicator.down, indicator.range, indicator.index
        for i in range(seed, rows):
            check += highs[i] + lows[i] + closes[i]
            rise = highs[i] - highs[i - 1]
            fall = lows[i - 1] - lows[i]
            least = fabs(highs[i]) * CHANGE_LEAST
            up = up * keep + larger_move(rise, fall, least)
            down = down * keep + larger_move(fall, rise, least)
            span = span * keep + true_range(highs[i], lows[i], closes[i - 1])
            both = up + down
            if both > 0.0:
                index = index * keep + 100.0 * (fabs(up - down) / both) * share
            firsts[i] = index
            seconds[i] = 100.0 * (up / span) if span > 0.0 else 0.0
            thirds[i] = 100.0 * (down / span) if span > 0.0 else 0.0
        clear(&firsts[0], rows, warmup)
        clear(&seconds[0], rows, warmup)
        clear(&thirds[0], rows, warmup)
    if check - check != 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2])
    return results


def slope(values: Column, period: int) -> Column:
    """``Slope`` over a column of closes."""
    cdef Slope indicator = Slope(period)
    cdef Py_ssize_t length = indicator.ramp.length
    given = _inputs.shaped(close=values)
    cdef const double[::1] close = given[0]
    cdef Py_ssize_t rows = close.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double[::1] scratch = _inputs.zeros(4 * (length + 1))
    cdef double check
    with nogil:
        check = ramp_column(&close[0], &out[0], rows, length, &scratch[0], True, indicator.centre, indicator.share)
        clear(&out[0], rows, length)
    if check - check != 0.0:
        _inputs.refuse(close=given[0])
    return result
