# The C side of fixed: for the other compiled modules.
#
#     from live_runner.hotpath.compiled.fixed cimport Grid, Valuation, int128, grid_from_float, money_text_c
#
# A ``*_c`` function raises what its Python namesake raises; arguments that fit their C type are in range.

cimport cython
from libc.math cimport fabs, rint
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef __int128 lr_int128;
    typedef unsigned __int128 lr_uint128;
    #define LR_INT128(high, low) ((lr_int128)(((lr_uint128)(uint64_t)(high) << 64) | (uint64_t)(low)))
    """
    # Known to Cython as long long, to the C compiler as what they are: cast before mixing with other types.
    ctypedef long long int128 "lr_int128"
    ctypedef unsigned long long uint128 "lr_uint128"
    int128 make_int128 "LR_INT128"(int64_t high, uint64_t low) nogil
    bint multiply_overflows "__builtin_mul_overflow"(int128 left, int128 right, int128 *result) nogil
    bint add_overflows "__builtin_add_overflow"(int128 left, int128 right, int128 *result) nogil


@cython.final
cdef class Grid:
    cdef readonly object mantissa
    cdef readonly object decimals
    cdef readonly str step
    cdef int64_t mantissa_c
    cdef int decimals_c
    cdef double scale
    cdef object _plain

    cdef str text_c(self, int64_t units)
    cdef object _count(self, str text, int how)


@cython.final
cdef class Valuation:
    cdef readonly object multiplier
    cdef readonly object divisor
    cdef int128 multiplier_c
    cdef int128 divisor_c

    cdef int128 product_c(self, int128 lots_times_ticks) except? -1
    cdef int128 notional_c(self, int64_t lots, int64_t ticks) except? -1
    cdef int128 fee_c(self, int64_t lots, int64_t ticks, int64_t rate_mantissa, int rate_decimals) except? -1


# Exact integers of 128 bits, and back.
cdef int128 int128_of(object value) except? -1
cdef object int_of(int128 value)

# The int as ticks or lots; LedgerOverflow when it does not fit.
cdef int64_t units_of(object value) except? -1

# 10**exponent, 0 to 38.
cdef int128 power_of_ten(int exponent) noexcept

# left * right, LedgerOverflow from 2**127 on.
cdef int128 product_of(int128 left, int128 right) except? -1
cdef int128 div_half_even_c(int128 numerator, int128 denominator) except? -1

# Shortest text of mantissa / 10**decimals (0 to 50 decimals), and of money.
cdef str decimal_text_c(int128 mantissa, int decimals)
cdef str money_text_c(int128 units)

# Reads a plain number of up to 37 digits; False for everything else, right or wrong.
cdef bint parse_c(str text, int128 *mantissa, int *decimals) except -1
cdef bint parse_ascii(const char *at, Py_ssize_t length, int128 *mantissa, int *decimals) noexcept

cdef int64_t raise_off_grid(Grid grid, double value) except? -1


cdef inline int64_t grid_from_float(Grid grid, double value) except? -1:
    cdef double count = value * grid.scale
    if grid.mantissa_c != 1:
        count = count / <double>grid.mantissa_c
    if fabs(count) < 9007199254740992.0:
        return <int64_t>rint(count)
    return raise_off_grid(grid, value)


cdef inline double grid_to_float(Grid grid, int64_t units) noexcept:
    # Exact while units * mantissa stays below 2**53, which every price and amount of a market does.
    return <double>(units * grid.mantissa_c) / grid.scale
