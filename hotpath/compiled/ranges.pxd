# The C side: ``take`` is ``update`` for numbers that are known to be finite. Read the value only when ``is_warm``.

cimport cython

from live_runner.hotpath.compiled.inputs cimport higher, lower
from live_runner.hotpath.compiled.moving cimport Ema
from live_runner.hotpath.compiled.windows cimport Extremes, Moments


cdef inline double true_range(double high, double low, double close_before) noexcept nogil:
    return higher(close_before, high) - lower(close_before, low)


cdef struct Wilder:
    double keep
    double share
    double anchor
    double tail
    bint odd


cdef inline double wilder_push(Wilder *self, double share) noexcept nogil:
    """The average after one more ``share`` of a value, in the pairs of reference/ranges.py."""
    self.odd = not self.odd
    if self.odd:
        self.tail = share
        return self.anchor * self.keep + self.tail
    self.tail = self.tail * self.keep + share
    self.anchor = self.anchor * (self.keep * self.keep) + self.tail
    return self.anchor


@cython.final
cdef class Stddev:
    cdef readonly object period
    cdef readonly object warmup
    cdef Moments moments

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Bollinger:
    cdef readonly object period
    cdef readonly object width
    cdef readonly object warmup
    cdef double factor
    cdef Moments moments

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil


@cython.final
cdef class Atr:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef Wilder average
    cdef double close
    cdef double current

    cdef void take(self, double high, double low, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Keltner:
    cdef readonly object period
    cdef readonly object atr_period
    cdef readonly object width
    cdef readonly object warmup
    cdef double factor
    cdef Ema average
    cdef Atr range

    cdef void take(self, double high, double low, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil


@cython.final
cdef class Donchian:
    cdef readonly object period
    cdef readonly object warmup
    cdef double upper
    cdef double lower
    cdef Extremes extremes

    cdef void take(self, double high, double low) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *upper, double *middle, double *lower) noexcept nogil


@cython.final
cdef class Supertrend:
    cdef readonly object period
    cdef readonly object width
    cdef readonly object warmup
    cdef double factor
    cdef double upper
    cdef double lower
    cdef bint rising
    cdef Atr range

    cdef void take(self, double high, double low, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *line, double *direction) noexcept nogil
