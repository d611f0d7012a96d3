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

ctypedef bar_t *bar_p
ctypedef column_t *column_p
ctypedef bint *flag_p

@cython.final
cdef class Columns:
    cdef readonly int symbols
    cdef bar_t *bars
    cdef column_t *columns
    cdef bint *busy         # a position, an order on the book or funding that waits
    cdef object kept
    cdef bint is_set_up(self) except -1
    @cython.locals(at=int)
    cdef allocate(self)
    @cython.locals(times="const int64_t[::1]", opens="const double[::1]", highs="const double[::1]", lows="const double[::1]", closes="const double[::1]", volumes="const double[::1]")
    cdef point(self, int at, tuple rows)
    @cython.locals(times="const int64_t[::1]", number=int64_t, row=int64_t, at=int, sets=int64_t, end_ns=int64_t)
    cpdef check(self, grid, object length_ns, object warmup_sets)
    @cython.locals(bars=bar_p, columns=column_p, row=int64_t)
    cdef bint take(self, int at, int64_t open_ns, int64_t close_ns, int64_t number) noexcept
    cdef int put(self, int at, int64_t open_ns, int64_t close_ns, double open, double high, double low, double close, double volume, bint late, int64_t number) except -1
    cdef int check_symbol(self, int at) except -1
    cpdef list row(self, int at)
    cpdef restore(self, int at, list row)

cpdef check_lengths(int at, tuple rows)
cpdef object unfit(str what, str field, int symbol, int64_t row)
