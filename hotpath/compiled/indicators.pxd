# The C side of the indicators: ``take`` is ``update`` for a number that is known to be finite.
#
# Read the value only when ``is_warm``.

cimport cython


@cython.final
cdef class Ema:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef double factor
    cdef double current

    cdef void take(self, double close) noexcept
    cdef bint is_warm(self) noexcept


@cython.final
cdef class Sma:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef long long slot
    cdef double total
    cdef double *window

    cdef void take(self, double close) noexcept
    cdef bint is_warm(self) noexcept
    cdef double get(self) noexcept


@cython.final
cdef class Rsi:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef double close
    cdef double gain
    cdef double loss

    cdef void take(self, double close) noexcept
    cdef bint is_warm(self) noexcept
    cdef double get(self) noexcept


@cython.final
cdef class Atr:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef double close
    cdef double current

    cdef void take(self, double high, double low, double close) noexcept
    cdef bint is_warm(self) noexcept


@cython.final
cdef class Bollinger:
    cdef readonly object period
    cdef readonly object width
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef long long slot
    cdef double factor
    cdef double base
    cdef double total
    cdef double squares
    cdef double *window

    cdef void take(self, double close) noexcept
    cdef bint is_warm(self) noexcept
    cdef void get(self, double *upper, double *middle, double *lower) noexcept


@cython.final
cdef class Macd:
    cdef readonly object fast
    cdef readonly object slow
    cdef readonly object signal
    cdef readonly object warmup
    cdef long long count
    cdef double line
    cdef Ema fast_average
    cdef Ema slow_average
    cdef Ema signal_average

    cdef void take(self, double close) noexcept
    cdef bint is_warm(self) noexcept
    cdef void get(self, double *line, double *signal, double *histogram) noexcept


@cython.final
cdef class Donchian:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long length
    cdef long long count
    cdef long long slot
    cdef double upper
    cdef double lower
    cdef double *highs
    cdef double *lows

    cdef void take(self, double high, double low) noexcept
    cdef bint is_warm(self) noexcept
