# The C side: ``take`` is ``update`` for numbers that are known to be finite. Read the value only when ``is_warm``.

cimport cython

from live_runner.hotpath.compiled.windows cimport Sum


cdef inline double typical_price(double high, double low, double close) noexcept nogil:
    return (high + low + close) / 3.0


@cython.final
cdef class Obv:
    cdef readonly object warmup
    cdef long long count
    cdef double close
    cdef double current

    cdef void take(self, double close, double volume) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Mfi:
    cdef readonly object period
    cdef readonly object warmup
    cdef long long count
    cdef double price
    cdef Sum rising
    cdef Sum falling

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class Vwap:
    cdef readonly object period
    cdef readonly object warmup
    cdef double price
    cdef Sum money
    cdef Sum volume

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil


@cython.final
cdef class AnchoredVwap:
    cdef readonly object warmup
    cdef long long count
    cdef double price
    cdef double money
    cdef double volume

    cdef void take(self, double high, double low, double close, double volume) noexcept nogil
    cdef bint is_warm(self) noexcept nogil
    cdef double get(self) noexcept nogil
