# The C side: ``take`` is ``update`` for numbers that are known to be finite. Read the value only when ``is_warm``.

cimport cython
from libc.math cimport fabs

from live_runner.hotpath.compiled.moving cimport Ema
from live_runner.hotpath.compiled.windows cimport Extremes, Moments


cdef inline double true_range(double high, double low, double close_before) noexcept nogil:
    cdef double span = high - low
    cdef double above = fabs(high - close_before)
    cdef double below = fabs(low - close_before)
    span = above if above > span else span
    return below if below > span else span


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
    cdef double keep
    cdef double share
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
