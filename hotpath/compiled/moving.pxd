# The C side: ``take`` is ``update`` for a number that is known to be finite. Read the value only when ``is_warm``.

cimport cython

from live_runner.hotpath.compiled.windows cimport Ramp, Sum


cdef inline double lag_after(double lag, double change, double keep) noexcept nogil:
    return (lag + change) * keep


@cython.final
cdef class Sma:
    cdef readonly object period
    cdef readonly object warmup
    cdef Sum sum

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Ema:
    cdef readonly object period
    cdef readonly object warmup
    # What changes with a bar does not lie side by side: the compiler would store two of them as one, and the
    # processor would wait for that when the next bar reads one.
    cdef double close
    cdef long long length
    cdef double lag
    cdef double keep
    cdef double current
    cdef long long count

    # Inline, so that a compiled strategy takes a bar in without a call.
    cdef inline void take(self, double close) noexcept nogil:
        if self.count >= self.length:
            self.lag = lag_after(self.lag, close - self.close, self.keep)
            self.close = close
            self.current = close - self.lag
            return
        self.count += 1
        self.current += close
        if self.count == self.length:
            self.current /= <double>self.length
            self.close = close
            self.lag = close - self.current

    cdef inline bint is_warm(self) noexcept nogil:
        return self.count >= self.length

    cdef inline double get(self) noexcept nogil:
        return self.current


@cython.final
cdef class Wma:
    cdef readonly object period
    cdef readonly object warmup
    cdef double share
    cdef Ramp ramp

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Dema:
    cdef readonly object period
    cdef readonly object warmup
    cdef Ema first
    cdef Ema second

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Tema:
    cdef readonly object period
    cdef readonly object warmup
    cdef Ema first
    cdef Ema second
    cdef Ema third

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


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

    cdef void take(self, double close) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef void get(self, double *line, double *signal, double *histogram) noexcept nogil
