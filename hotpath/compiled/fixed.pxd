# The C side of fixed: for the other compiled modules, with the GIL and without it.
#
#     from live_runner.hotpath.compiled.fixed cimport Grid, c_from_float, grid_of, int128
#
# Every ``c_*`` function that can fail returns ST_OK or a negative status and then leaves its results alone.

cimport cython
from libc.math cimport fabs, rint
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef __int128 lr_int128;
    typedef unsigned __int128 lr_uint128;
    #define LR_INT128(high, low) ((lr_int128)(((lr_uint128)(uint64_t)(high) << 64) | (uint64_t)(low)))
    #define LR_E18 ((lr_int128)1000000000000000000LL)
    static const lr_int128 LR_TENS[39] = {
        1LL, 10LL, 100LL, 1000LL, 10000LL, 100000LL, 1000000LL, 10000000LL, 100000000LL, 1000000000LL,
        10000000000LL, 100000000000LL, 1000000000000LL, 10000000000000LL, 100000000000000LL,
        1000000000000000LL, 10000000000000000LL, 100000000000000000LL, LR_E18,
        LR_E18 * 10LL, LR_E18 * 100LL, LR_E18 * 1000LL, LR_E18 * 10000LL, LR_E18 * 100000LL,
        LR_E18 * 1000000LL, LR_E18 * 10000000LL, LR_E18 * 100000000LL, LR_E18 * 1000000000LL,
        LR_E18 * 10000000000LL, LR_E18 * 100000000000LL, LR_E18 * 1000000000000LL,
        LR_E18 * 10000000000000LL, LR_E18 * 100000000000000LL, LR_E18 * 1000000000000000LL,
        LR_E18 * 10000000000000000LL, LR_E18 * 100000000000000000LL, LR_E18 * LR_E18,
        LR_E18 * LR_E18 * 10LL, LR_E18 * LR_E18 * 100LL
    };
    /* Whether a product overflows; of two numbers of 64 bits none does, and nearly all are. */
    static inline int lr_multiply(lr_int128 left, lr_int128 right, lr_int128 *result) {
        if (left == (int64_t)left && right == (int64_t)right) {
            *result = (lr_int128)(int64_t)left * (int64_t)right;
            return 0;
        }
        return __builtin_mul_overflow(left, right, result);
    }
    """
    # Known to Cython as long long, to the C compiler as what they are: cast before mixing with other types.
    ctypedef long long int128 "lr_int128"
    ctypedef unsigned long long uint128 "lr_uint128"
    int128 make_int128 "LR_INT128"(int64_t high, uint64_t low) nogil
    bint multiply_overflows "lr_multiply"(int128 left, int128 right, int128 *result) nogil
    bint add_overflows "__builtin_add_overflow"(int128 left, int128 right, int128 *result) nogil
    bint add_overflows_64 "__builtin_add_overflow"(int64_t left, int64_t right, int64_t *result) nogil
    const int128 *POWERS "LR_TENS"  # of ten, 0 to 38
    const int64_t EXACT_LAST "9007199254740992LL"  # 2**53
    const int64_t DIGITS_15_END "1000000000000000LL"


cdef enum:
    # What a C function came to.
    ST_OK = 0
    ST_OVERFLOW = -1        # LedgerOverflow
    ST_OFF_GRID = -2        # ValueError: a float that cannot be counted in steps
    ST_OUT_OF_MEMORY = -3   # MemoryError
    ST_FAULT = -4           # OurFault: the caller asks for what cannot be


ctypedef struct grid_t:     # a step is mantissa / 10**decimals
    int64_t mantissa        # 1 to 2**53 - 1
    int decimals            # 0 to 22
    double scale            # 10**decimals


ctypedef struct valuation_t:    # units of money of one lot at one tick: multiplier / divisor
    int128 multiplier
    int128 divisor


@cython.final
cdef class Grid:
    cdef readonly object mantissa
    cdef readonly object decimals
    cdef readonly str step
    cdef grid_t c

    cdef object _plain(self)
    cdef object _count(self, str text, int how)


@cython.final
cdef class Valuation:
    cdef readonly object multiplier
    cdef readonly object divisor
    cdef tuple _sizes
    cdef valuation_t c

    cdef object _plain(self)


cdef inline const grid_t *grid_of(Grid grid) noexcept:
    return &grid.c


cdef inline const valuation_t *valuation_of(Valuation valuation) noexcept:
    return &valuation.c


# Exact integers of 128 bits, and back; LedgerOverflow for what does not fit.
cdef int128 int128_of(object value) except? -1
cdef object int_of(int128 value)

# The int as ticks or lots; LedgerOverflow when it does not fit.
cdef int64_t units_of(object value) except? -1

# Shortest text of mantissa / 10**decimals (0 to 50 decimals), and of money that is in range.
cdef str decimal_text_c(int128 mantissa, int decimals)
cdef str money_text_c(int128 units)

# Reads a plain number of up to 37 digits; False for everything else, right or wrong.
cdef bint parse_c(str text, int128 *mantissa, int *decimals) except -1
cdef bint parse_ascii(const char *at, Py_ssize_t length, int128 *mantissa, int *decimals) noexcept nogil

# The float64 nearest to n / 10**decimals (0 to 22), a half to the even one.
cdef double c_ratio_float(int128 n, int decimals) noexcept nogil


# -- division and money ------------------------------------------------------------------------------


cdef inline bint c_is_amount(int128 value) noexcept nogil:
    """Whether the amount or total of money is inside its range, below 2**100."""
    return -make_int128(1 << 36, 0) < value < make_int128(1 << 36, 0)


@cython.cdivision(True)
cdef inline int c_div_half_even(int128 n, int128 d, int128 *q) noexcept nogil:
    """The quotient as an amount, a half to the even one. ST_FAULT for denominator 0."""
    cdef bint negative = (n < 0) != (d < 0)
    cdef uint128 size = -<uint128>n if n < 0 else <uint128>n
    cdef uint128 unit = -<uint128>d if d < 0 else <uint128>d
    cdef uint128 quotient, rest
    cdef uint64_t small, small_unit, small_quotient, small_rest
    if (size | unit) >> 127:
        return ST_OVERFLOW
    if unit == 0:
        return ST_FAULT
    if not (size | unit) >> 64:
        small = <uint64_t>size
        small_unit = <uint64_t>unit
        small_quotient = small / small_unit
        small_rest = small - small_quotient * small_unit
        if small_rest > small_unit - small_rest or (small_rest == small_unit - small_rest and small_quotient & 1):
            small_quotient += 1
        q[0] = -<int128>small_quotient if negative else <int128>small_quotient
        return ST_OK
    quotient = size / unit
    rest = size - quotient * unit
    if rest > unit - rest or (rest == unit - rest and quotient & 1):
        quotient += 1
    if quotient >> 100:
        return ST_OVERFLOW
    q[0] = -<int128>quotient if negative else <int128>quotient
    return ST_OK


cdef inline bint is_short(int128 number) noexcept nogil:
    """Whether it fits 64 bits."""
    return <int128><int64_t>number == number


cdef inline bint is_small(const valuation_t *v) noexcept nogil:
    """Whether the money of any 64 bits, where nothing is divided, is an amount: below 2**100."""
    return v.multiplier >> 36 == 0


cdef inline int c_product(const valuation_t *v, int128 lots_times_ticks, int128 *money) noexcept nogil:
    """Money of a sum of quantity * price products, rounded once."""
    cdef int128 value
    if v.divisor == 1 and is_small(v) and is_short(lots_times_ticks):
        money[0] = lots_times_ticks * v.multiplier
        return ST_OK
    if multiply_overflows(lots_times_ticks, v.multiplier, &value):
        return ST_OVERFLOW
    if v.divisor != 1:
        return c_div_half_even(value, v.divisor, money)
    if not c_is_amount(value):
        return ST_OVERFLOW
    money[0] = value
    return ST_OK


cdef inline int c_notional(const valuation_t *v, int64_t lots, int64_t ticks, int128 *money) noexcept nogil:
    """Money of a quantity at a price, rounded once."""
    return c_product(v, <int128>lots * <int128>ticks, money)


cdef inline int c_fee(
    const valuation_t *v, int64_t lots, int64_t ticks, int64_t rate_mantissa, int rate_decimals, int128 *money
) noexcept nogil:
    """Money of a share of a notional, rounded once. ST_FAULT for a rate outside 0 to 22 decimals."""
    cdef int128 value, unit
    if not 0 <= rate_decimals <= 22:
        return ST_FAULT
    if multiply_overflows(<int128>lots * <int128>ticks, v.multiplier, &value):
        return ST_OVERFLOW
    if multiply_overflows(value, rate_mantissa, &value):
        return ST_OVERFLOW
    if v.divisor == 1:
        unit = POWERS[rate_decimals]
    elif multiply_overflows(v.divisor, POWERS[rate_decimals], &unit):
        return ST_OVERFLOW
    return c_div_half_even(value, unit, money)


@cython.cdivision(True)
cdef inline double c_money_float(int128 units) noexcept nogil:
    """The float64 nearest to an amount, in whole units of the currency.

    Above 9,007 units of the currency the whole part is exact and the fraction off by at most 2**-54. Where the sum of
    both is the same with four times that on either side, it is the nearest; elsewhere it is worked out exactly.
    """
    cdef int64_t small = <int64_t>units
    cdef double whole, fraction, total, rest
    if -EXACT_LAST <= units <= EXACT_LAST:
        return <double>small / 1e12
    if <int128>small == units:
        whole = <double>(small / <int64_t>1000000000000)
        fraction = <double>(small % <int64_t>1000000000000) / 1e12
        total = whole + fraction
        rest = fraction - (total - whole)
        if total + (rest + 2.220446049250313e-16) == total and total + (rest - 2.220446049250313e-16) == total:
            return total
    return c_ratio_float(units, 12)


# -- floats on a grid --------------------------------------------------------------------------------


cdef inline bint is_near_a_tie(double count) noexcept nogil:
    """Whether a product or quotient of floats lies half way between two numbers, as far as its error lets one see."""
    return fabs(count - rint(count)) >= 0.5 - fabs(count) * 2.0**-50


@cython.cdivision(True)
cdef inline int c_from_float(const grid_t *g, double value, int64_t *units) noexcept nogil:
    """A market observation on the grid; ST_OFF_GRID from 2**53 on, for nan, and where only its text shows a tie."""
    cdef double count = value * g.scale
    if g.mantissa != 1:
        count = count / <double>g.mantissa
    if fabs(count) < 9007199254740992.0 and not is_near_a_tie(count):
        units[0] = <int64_t>rint(count)
        return ST_OK
    return ST_OFF_GRID


@cython.cdivision(True)
cdef inline double c_to_float(const grid_t *g, int64_t units) noexcept nogil:
    """The float64 nearest to the exact decimal."""
    cdef int128 size = <int128>units * <int128>g.mantissa
    if -EXACT_LAST <= size <= EXACT_LAST:
        return <double><int64_t>size / g.scale  # both exact, so the quotient is rounded once
    return c_ratio_float(size, g.decimals)


@cython.cdivision(True)
cdef inline int c_lots_floor(const grid_t *g, double value, int64_t *units, bint *sure) noexcept nogil:
    """The largest count not above the *shortest decimal text* of the float, where no text is needed to know.

    Not ``sure``: ask ``Grid.floor(float_text(value))``. Let r be the nearest count in float64, at most one
    off with 15 digits. Rounding to float64 is monotonic: where the float of r steps is below the value, so
    are r steps below its text; and where they are the same float, the text is r steps, since two decimals
    of at most 15 digits never share a float, and the shortest text has no more digits than r steps have.
    """
    cdef double count = value * g.scale
    cdef double at
    cdef int128 size
    if g.mantissa != 1:
        count = count / <double>g.mantissa
    sure[0] = False
    if not fabs(count) < 9007199254740992.0:
        return ST_OK if fabs(value) <= 1.7976931348623157e308 else ST_OFF_GRID
    count = rint(count)
    size = <int128><int64_t>count * <int128>g.mantissa
    if not -DIGITS_15_END < size < DIGITS_15_END:
        return ST_OK
    at = <double><int64_t>size / g.scale
    units[0] = <int64_t>count - (value < at)
    sure[0] = True
    return ST_OK


@cython.cdivision(True)
cdef inline int c_nearest(const grid_t *g, double value, int64_t *units, bint *sure) noexcept nogil:
    """The count nearest to the *shortest decimal text* of the float, where no text is needed to know.

    Not ``sure``: ask ``Grid.nearest(float_text(value))``. The text is within half a unit in the last place
    of the float and two operations add as much each, so the count is certain when it is further from a tie
    than that.
    """
    cdef double count = value * g.scale
    cdef double whole
    if g.mantissa != 1:
        count = count / <double>g.mantissa
    sure[0] = False
    if not fabs(count) < 1125899906842624.0:
        return ST_OK if fabs(value) <= 1.7976931348623157e308 else ST_OFF_GRID
    whole = rint(count)
    if fabs(fabs(count - whole) - 0.5) <= fabs(count) * 1e-15:
        return ST_OK
    units[0] = <int64_t>whole
    sure[0] = True
    return ST_OK
