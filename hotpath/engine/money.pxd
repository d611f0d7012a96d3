# Checked 128-bit arithmetic of money for the compiled engine: header only, so that every function is inlined.
# python_money.py has the same names for the interpreter; tests/property/test_money.py holds both to Python's integers.
#
# ``a * b`` of two int64 wraps: ``times``. ``abs()`` of an int128 is wrong: compare and negate. Sums and products whose
# size is not known go through ``plus`` and ``mul``.
from libc.math cimport rint
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport (
    EXACT_LAST,
    POWERS,
    ST_OK,
    Grid,
    add_overflows,
    add_overflows_64,
    c_div_half_even,
    c_is_amount,
    c_money_float,
    c_to_float,
    decimal_text_c,
    int128,
    int128_of,
    int_of,
    is_near_a_tie,
    is_short,
    money_text_c,
    multiply_overflows,
    parse_c,
)
from live_runner.hotpath.compiled.normalize cimport (
    ROUND_AS_VENUE,
    ROUND_DOWN,
    ROUND_NEAREST,
    Normalizer,
    c_amount_lots,
    c_decimal_lots,
    c_decimal_ticks,
    c_price_ticks,
    market_of,
)


cdef inline int overflow(str what) except -1:
    """It ends the step, so it may be slow."""
    from live_runner.hotpath.engine.python_money import overflow_error

    raise overflow_error(what)


cdef inline int128 times(int64_t a, int64_t b) noexcept:
    """A product of two 64-bit numbers; it always fits."""
    return <int128>a * <int128>b


cdef inline int128 mul(int128 a, int128 b) except? -1:
    cdef int128 result = 0
    if multiply_overflows(a, b, &result):
        overflow("A product of quantity and price does not fit 128 bits")
    return result


cdef inline int128 plus(int128 a, int128 b) except? -1:
    cdef int128 result = 0
    if add_overflows(a, b, &result):
        overflow("A sum of quantities times prices does not fit 128 bits")
    return result


cdef inline int64_t add64(int64_t a, int64_t b) except? -1:
    """A sum of two counts of lots or ticks."""
    cdef int64_t result = 0
    if add_overflows_64(a, b, &result):
        overflow("A sum of lots or ticks does not fit 64 bits")
    return result


cdef inline bint is_exact(int64_t units) noexcept:
    """Whether lots or ticks are below 2**53, where float64 counts in ones."""
    return -EXACT_LAST < units < EXACT_LAST


cdef inline int128 floor_of(int128 a, int64_t b) noexcept:
    """The largest whole number that is not above a / b, for b above 0."""
    if is_short(a):
        return <int64_t>a // b
    return a // b


cdef inline int64_t count64(int128 units) except? -1:
    """A count of lots or ticks out of a wider computation."""
    if not is_short(units):
        overflow("A count of lots or ticks does not fit 64 bits")
    return <int64_t>units


cdef inline int128 amount(int128 units) except? -1:
    """The amount, if it is inside the range of money: below 2**100."""
    if not c_is_amount(units):
        overflow("An amount of money is out of range: 2**100 units of 1e-12 or more")
    return units


cdef inline int128 divide(int128 a, int128 b) except? -1:
    """The quotient as an amount, a half to the even one. The divisor is never 0."""
    cdef int128 result = 0
    if c_div_half_even(a, b, &result) != ST_OK:
        overflow("An amount of money is out of range: 2**100 units of 1e-12 or more")
    return result


cdef inline int128 money(int128 product, int128 multiplier, int128 divisor) except? -1:
    """Money of a sum of lots * ticks, rounded once; multiplier / divisor is the money of one tick of one lot."""
    if divisor == 1 and multiplier >> 36 == 0 and is_short(product):
        return product * multiplier
    if divisor == 1:
        return amount(mul(product, multiplier))
    return divide(mul(product, multiplier), divisor)


cdef inline int128 power_of_ten(int exponent) noexcept:
    """10**exponent, 0 to 38."""
    return POWERS[exponent]


cdef inline int64_t nearest(double count) noexcept:
    """The nearest whole number below 2**53, a half to the even one: Python's own ``round``."""
    return <int64_t>rint(count)


cdef inline int64_t exact_ticks(double price, double scale, double mantissa) except? -1:
    """Of a price that lies half way between two ticks, or so near that a float cannot tell."""
    from live_runner.hotpath.engine import python_money

    return python_money.exact_ticks(price, scale, mantissa)


cdef inline int64_t ticks_at(double price, double scale, double mantissa) except? -1:
    """A market price in ticks of mantissa / scale, a half to the even count; 0 for one that is not on the grid."""
    cdef double count = price * scale
    if mantissa != 1.0:
        count = count / mantissa
    if not 0.0 < count < 9007199254740992.0:
        return 0
    if is_near_a_tie(count):
        return exact_ticks(price, scale, mantissa)
    return <int64_t>rint(count)


cdef inline double to_float(Grid grid, int64_t units) noexcept:
    """The float64 nearest to a count of steps."""
    return c_to_float(&grid.c, units)


cdef inline double money_float(int128 units) noexcept:
    """The float64 nearest to an amount, in whole units of the currency."""
    return c_money_float(units)


cdef inline double near(int128 units) noexcept:
    """The units as a float, correct to a few units in the last place."""
    return <double><int64_t>units if is_short(units) else <double>units


cdef inline object whole(int128 units):
    """As a Python int. The compiler's own conversion would cut it to 64 bits."""
    return int_of(units)


cdef inline int128 of_whole(object units) except? -1:
    """From a Python int."""
    return int128_of(units)


cdef inline str money_text(int128 units):
    """Shortest decimal text of an amount."""
    return money_text_c(units)


cdef inline str units_text(Grid grid, int64_t units):
    """Shortest decimal text of a count of steps."""
    return decimal_text_c(times(units, grid.c.mantissa), grid.c.decimals)


# Prices and quantities of everyday size as the market takes them; -1 where the normalizer has to be asked.

cdef inline int rounding_of(str rounding) noexcept:
    if rounding == "down":
        return ROUND_DOWN
    return ROUND_NEAREST if rounding == "nearest" else ROUND_AS_VENUE


cdef inline int64_t quick_ticks(Normalizer normalizer, double price) noexcept:
    cdef int64_t ticks = -1
    cdef bint sure = False
    cdef int status = c_price_ticks(market_of(normalizer), price, &ticks, &sure)
    return ticks if status == ST_OK and sure else -1


cdef inline int64_t quick_ticks_text(Normalizer normalizer, str price) except? -2:
    cdef int64_t ticks = -1
    cdef int128 mantissa = 0
    cdef int decimals = 0
    cdef bint sure = False
    cdef int status
    if not parse_c(price, &mantissa, &decimals):
        return -1
    status = c_decimal_ticks(market_of(normalizer), mantissa, decimals, &ticks, &sure)
    return ticks if status == ST_OK and sure else -1


cdef inline int64_t quick_lots(Normalizer normalizer, double quantity, str rounding) noexcept:
    cdef int64_t lots = -1
    cdef bint sure = False
    cdef int how = rounding_of(rounding)
    cdef int status
    if how == ROUND_AS_VENUE:
        return -1
    status = c_amount_lots(market_of(normalizer), quantity, how, True, &lots, &sure)
    return lots if status == ST_OK and sure else -1


cdef inline int64_t quick_lots_text(Normalizer normalizer, str quantity, str rounding) except? -2:
    cdef int64_t lots = -1
    cdef int128 mantissa = 0
    cdef int decimals = 0
    cdef bint sure = False
    cdef int how = rounding_of(rounding)
    cdef int status
    if how == ROUND_AS_VENUE or not parse_c(quantity, &mantissa, &decimals):
        return -1
    status = c_decimal_lots(market_of(normalizer), mantissa, decimals, how, True, &lots, &sure)
    return lots if status == ST_OK and sure else -1
