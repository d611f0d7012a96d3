# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Prices and what was traded at them: on-balance volume, money flow index, volume-weighted average price.

The fast twin of reference/volume.py, which tells the formulas. Float operations stand in the same order as there.
"""

cimport cython

from collections.abc import Sequence
from typing import Any

from libc.math cimport fabs

from live_runner.hotpath.compiled.inputs cimport clear, finite, lower, pick, volume_of
from live_runner.hotpath.compiled.windows cimport Sum, sum_close, sum_open, sum_push, sum_restore, sum_state, sum_total

from live_runner.hotpath import constants as _constants
from live_runner.hotpath.reference import inputs as _inputs
from live_runner.hotpath.reference.inputs import Column

__all__ = ["AnchoredVwap", "Mfi", "Obv", "Vwap", "anchored_vwap", "mfi", "obv", "vwap"]


@cython.final
cdef class Obv:
    """On-balance volume: the volume of bars that close higher minus that of bars that close lower (TA-Lib OBV).

    Begins with the volume of the first bar (Joseph Granville). Warm after 1 bar.
    """

    def __cinit__(self):
        self.warmup = 1

    cdef void take(self, double close, double volume) noexcept nogil:
        if self.count == 0 or close > self.close:
            self.current += volume
        elif close < self.close:
            self.current -= volume
        self.count = 1
        self.close = close

    cdef bint is_warm(self) noexcept nogil:
        return self.count >= 1

    cdef double get(self) noexcept nogil:
        return self.current

    def update(self, close: float, volume: float) -> None:
        """Take one closed bar."""
        self.take(finite(close, "close"), volume_of(volume))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The balance in units of volume, None until warm."""
        return self.current if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.close, self.current]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value = _inputs.parts(state, 3)
        self.count = _inputs.count_of(count, 1)
        self.close, self.current = float(close), float(value)


cdef double CHANGE_LEAST = _constants.CHANGE_LEAST


cdef inline double risen(double price, double before, double flow) noexcept nogil:
    return pick(price - before > fabs(price) * CHANGE_LEAST, flow, 0.0)


cdef inline double fallen(double price, double before, double flow) noexcept nogil:
    return pick(-(price - before) > fabs(price) * CHANGE_LEAST, flow, 0.0)


cdef inline double flow_index(double rising, double falling) noexcept nogil:
    cdef double both = rising + falling
    return 100.0 * (rising / both) if both > 0.0 else 0.0


@cython.final
cdef class Mfi:
    """Money flow index: 100 * rising flow / (rising + falling flow) over the last ``period`` bars (TA-Lib MFI).

    A bar's flow is typical price * volume; it rises or falls with the typical price, and counts for neither when
    that stays: to a part in 1e12, because equal sums of three decimals differ in their last bit. 0 where nothing
    flowed. Warm after ``period`` + 1 bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period + 1
        sum_open(&self.rising, self.period)
        sum_open(&self.falling, self.period)

    def __dealloc__(self):
        sum_close(&self.rising)
        sum_close(&self.falling)

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil:
        cdef double before = self.price
        cdef double flow
        self.price = typical_price(high, low, close)
        flow = self.price * volume
        if self.count == 0:
            self.count = 1
            return
        sum_push(&self.rising, risen(self.price, before, flow))
        sum_push(&self.falling, fallen(self.price, before, flow))

    cdef bint is_warm(self) noexcept nogil:
        return self.rising.count >= self.rising.length

    cdef double get(self) noexcept nogil:
        return flow_index(sum_total(&self.rising), sum_total(&self.falling))

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"), volume_of(volume))

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
        return [self.count, self.price, sum_state(&self.rising), sum_state(&self.falling)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, price, rising, falling = _inputs.parts(state, 4)
        self.count, self.price = _inputs.count_of(count, 1), float(price)
        sum_restore(&self.rising, rising)
        sum_restore(&self.falling, falling)


@cython.final
cdef class Vwap:
    """Volume-weighted average price of the last ``period`` bars: sum of typical price * volume / sum of volume.

    Where nothing was traded it is the typical price of the newest bar. Warm after ``period`` bars.
    """

    def __cinit__(self, period: int):
        self.period = _inputs.period_of(period, "period")
        self.warmup = self.period
        sum_open(&self.money, self.period)
        sum_open(&self.volume, self.period)

    def __dealloc__(self):
        sum_close(&self.money)
        sum_close(&self.volume)

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil:
        self.price = typical_price(high, low, close)
        sum_push(&self.money, self.price * volume)
        sum_push(&self.volume, volume)

    cdef bint is_warm(self) noexcept nogil:
        return self.volume.count >= self.volume.length

    cdef double get(self) noexcept nogil:
        cdef double volume = sum_total(&self.volume)
        return sum_total(&self.money) / volume if volume > 0.0 else self.price

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"), volume_of(volume))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average price, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.price, sum_state(&self.money), sum_state(&self.volume)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        price, money, volume = _inputs.parts(state, 3)
        self.price = float(price)
        sum_restore(&self.money, money)
        sum_restore(&self.volume, volume)


@cython.final
cdef class AnchoredVwap:
    """Volume-weighted average price of all bars since the first, or since ``reset()``: a session, an event.

    Where nothing was traded it is the typical price of the newest bar. Warm after 1 bar.
    """

    def __cinit__(self):
        self.warmup = 1

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil:
        self.count = 1
        self.price = typical_price(high, low, close)
        self.money += self.price * volume
        self.volume += volume

    cdef bint is_warm(self) noexcept nogil:
        return self.count >= 1

    cdef double get(self) noexcept nogil:
        return self.money / self.volume if self.volume > 0.0 else self.price

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        self.take(finite(high, "high"), finite(low, "low"), finite(close, "close"), volume_of(volume))

    def reset(self) -> None:
        """Begin again: the next bar is the first."""
        self.count = 0
        self.price = self.money = self.volume = 0.0

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self.is_warm()

    @property
    def value(self) -> float | None:
        """The average price, None until warm."""
        return self.get() if self.is_warm() else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, self.price, self.money, self.volume]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, price, money, volume = _inputs.parts(state, 4)
        self.count = _inputs.count_of(count, 1)
        self.price, self.money, self.volume = float(price), float(money), float(volume)


# -- whole columns: nan until warm, bit for bit what the classes give; as in moving.pyx --------------


def obv(close: Column, volume: Column) -> Column:
    """``Obv`` over columns of bars."""
    given = _inputs.shaped(close=close, volume=volume)
    cdef const double[::1] closes, volumes
    closes, volumes = given
    cdef Py_ssize_t i, rows = closes.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, least = 0.0, current = 0.0
    with nogil:
        for i in range(rows):
            check += closes[i] + volumes[i]
            least = lower(volumes[i], least)
            if i == 0:
                current += volumes[i]
            else:
                current += pick(closes[i] > closes[i - 1], volumes[i], pick(closes[i] < closes[i - 1], -volumes[i], 0.0))
            out[i] = current
    if check - check != 0.0 or least < 0.0:
        _inputs.refuse(close=given[0], volume=given[1])
    return result


def mfi(high: Column, low: Column, close: Column, volume: Column, period: int) -> Column:
    """``Mfi`` over columns of bars."""
    cdef Mfi indicator = Mfi(period)
    cdef Sum rising = indicator.rising, falling = indicator.falling
    given = _inputs.shaped(high=high, low=low, close=close, volume=volume)
    cdef const double[::1] highs, lows, closes, volumes
    highs, lows, closes, volumes = given
    cdef Py_ssize_t i, rows = closes.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, least = 0.0, before = 0.0, price, flow
    with nogil:
        for i in range(rows):
            check += highs[i] + lows[i] + closes[i] + volumes[i]
            least = lower(volumes[i], least)
            price = typical_price(highs[i], lows[i], closes[i])
            flow = price * volumes[i]
            if i > 0:
                sum_push(&rising, risen(price, before, flow))
                sum_push(&falling, fallen(price, before, flow))
            before = price
            out[i] = flow_index(sum_total(&rising), sum_total(&falling))
        clear(&out[0], rows, rising.length + 1)
    if check - check != 0.0 or least < 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2], volume=given[3])
    return result


def vwap(high: Column, low: Column, close: Column, volume: Column, period: int) -> Column:
    """``Vwap`` over columns of bars."""
    cdef Vwap indicator = Vwap(period)
    cdef Sum money = indicator.money, traded = indicator.volume
    given = _inputs.shaped(high=high, low=low, close=close, volume=volume)
    cdef const double[::1] highs, lows, closes, volumes
    highs, lows, closes, volumes = given
    cdef Py_ssize_t i, rows = closes.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, least = 0.0, price, total
    with nogil:
        for i in range(rows):
            check += highs[i] + lows[i] + closes[i] + volumes[i]
            least = lower(volumes[i], least)
            price = typical_price(highs[i], lows[i], closes[i])
            sum_push(&money, price * volumes[i])
            sum_push(&traded, volumes[i])
            total = sum_total(&traded)
            out[i] = sum_total(&money) / total if total > 0.0 else price
        clear(&out[0], rows, traded.length)
    if check - check != 0.0 or least < 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2], volume=given[3])
    return result


def anchored_vwap(high: Column, low: Column, close: Column, volume: Column) -> Column:
    """``AnchoredVwap`` over columns of bars, anchored at the first."""
    given = _inputs.shaped(high=high, low=low, close=close, volume=volume)
    cdef const double[::1] highs, lows, closes, volumes
    highs, lows, closes, volumes = given
    cdef Py_ssize_t i, rows = closes.shape[0]
    result = _inputs.blank(rows)
    cdef double[::1] out = result
    cdef double check = 0.0, least = 0.0, money = 0.0, traded = 0.0, price
    with nogil:
        for i in range(rows):
            check += highs[i] + lows[i] + closes[i] + volumes[i]
            least = lower(volumes[i], least)
            price = typical_price(highs[i], lows[i], closes[i])
            money += price * volumes[i]
            traded += volumes[i]
            out[i] = money / traded if traded > 0.0 else price
    if check - check != 0.0 or least < 0.0:
        _inputs.refuse(high=given[0], low=given[1], close=given[2], volume=given[3])
    return result
