cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

ctypedef struct bar_t:
    int symbol
    int64_t open_ns
    int64_t close_ns
    double open
    double high
    double low
    double close
    double volume
    bint late
    int64_t number          # of the bar set that it came in, 0 before the first

ctypedef struct column_t:
    const int64_t *opens_ns
    const double *open
    const double *high
    const double *low
    const double *close
    const double *volume
    int64_t rows
    int64_t row

@cython.final
cdef class Columns:
    cdef readonly int symbols
    cdef bar_t *bars
    cdef column_t *columns
    cdef bint *busy         # a position, an order on the book or funding that waits
    cdef object kept
    cdef bint take(self, int at, int64_t open_ns, int64_t close_ns, int64_t number) noexcept
    cdef int put(self, int at, int64_t open_ns, int64_t close_ns, double open, double high, double low, double close, double volume, bint late, int64_t number) except -1
