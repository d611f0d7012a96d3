# The C side: ``take`` is ``update`` for numbers that are known to be finite. Read the value only when ``is_warm``.

cimport cython

from live_runner.hotpath.compiled.windows cimport Extremes, Ramp, Sum


@cython.final
cdef class Rsi:
    cdef readonly object period
    cdef readonly object warmup
    # Apart, as in Ema.
    cdef double close
    cdef long long length
    cdef double gain
    cdef double keep
    cdef double loss
    cdef double share
    cdef long long count

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Roc:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef long long slot
    cdef double current
    cdef double *window

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Stochastic:
    cdef readonly object period
    cdef readonly object slowing
    cdef readonly object signal
    cdef readonly object warmup
    cdef Extremes range
    cdef Sum slow
    cdef Sum average

    cdef void take(self, double high, double low, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *slow, double *signal) noexcept nogil


@cython.final
cdef class Adx:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef double keep
    cdef double share
    cdef double high
    cdef double low
    cdef double close
    cdef double up
    cdef double down
    cdef double range
    cdef double index

    cdef void take(self, double high, double low, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *index, double *plus, double *minus) noexcept nogil


@cython.final
cdef class Slope:
    cdef readonly object period
    cdef readonly object warmup
    cdef double centre
    cdef double share
    cdef Ramp ramp

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil
