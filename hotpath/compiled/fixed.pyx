# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Exact decimals: ticks, lots and money as integers, text at the edges.

The fast twin of reference/fixed.py. Numbers of everyday size are handled in 64 and 128 bits; everything
else, every error included, is handed to the reference, so that there is one place that says what is right.
"""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLong, PyLong_FromLongLong
from cpython.mem cimport PyMem_Free
from libc.math cimport isfinite
from libc.string cimport memcpy, memset, strlen

from live_runner.hotpath.reference import fixed as _reference

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    char *PyOS_double_to_string(double value, char format_code, int precision, int flags, int *kind) except NULL

__all__ = _reference.__all__

MONEY_DECIMALS = _reference.MONEY_DECIMALS
UNITS_END = _reference.UNITS_END
PRODUCT_END = _reference.PRODUCT_END
AMOUNT_END = _reference.AMOUNT_END
EXACT_END = _reference.EXACT_END
GRID_DECIMALS_MAX = _reference.GRID_DECIMALS_MAX
DIGITS_MAX = _reference.DIGITS_MAX

cdef enum:
    TEXT_DECIMALS_MAX = 50      # of a text that is written here; finer ones go to the reference
    DIGITS_READ_MAX = 37        # of a number that is read here: 10**37 fits 128 bits with room for a sign
    FLOOR = 0
    CEIL = 1
    NEAREST = 2
    EXACT = 3

cdef int128 PRODUCT_LAST = make_int128(0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
cdef int128 AMOUNT_FIRST_OUT = make_int128(1 << 36, 0)
cdef int64_t UNITS_LAST = 0x7FFFFFFFFFFFFFFF
cdef int128 POWERS[39]
cdef char PAIRS[200]


cdef void fill_tables() noexcept:
    cdef int index
    cdef int128 power = 1
    for index in range(39):
        POWERS[index] = power
        power = power * 10
    for index in range(100):
        PAIRS[2 * index] = <char>(48 + index // 10)
        PAIRS[2 * index + 1] = <char>(48 + index % 10)


fill_tables()


# -- 128 bits and Python ----------------------------------------------------------------------------


cdef int128 int128_of(object value) except? -1:
    """The int as 128 bits; LedgerOverflow when it does not fit."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(value, &overflow)
    if not overflow:
        return small
    _reference._product(value)
    return make_int128(<int64_t>(value >> 64), PyLong_AsUnsignedLongLong(value & 0xFFFFFFFFFFFFFFFF))


cdef object int_of(int128 value):
    cdef int64_t small = <int64_t>value
    if <int128>small == value:
        return PyLong_FromLongLong(small)
    return (PyLong_FromLongLong(<int64_t>(value >> 64)) << 64) | <uint64_t>value


cdef int64_t units_of(object value) except? -1:
    """The int as ticks or lots; LedgerOverflow when it does not fit."""
    cdef int overflow = 0
    cdef int64_t units = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow or units < -UNITS_LAST:
        _reference._units(value)
    return units


cdef int128 power_of_ten(int exponent) noexcept:
    return POWERS[exponent]


cdef int128 product_of(int128 left, int128 right) except? -1:
    cdef int128 result
    if multiply_overflows(left, right, &result) or result < -PRODUCT_LAST:
        _reference._product(int_of(left) * int_of(right))
    return result


cdef inline int128 amount_of(int128 value) except? -1:
    if not -AMOUNT_FIRST_OUT < value < AMOUNT_FIRST_OUT:
        _reference._amount(int_of(value))
    return value


cdef int128 div_half_even_c(int128 numerator, int128 denominator) except? -1:
    cdef int128 size, quotient, rest
    cdef bint negative = (numerator < 0) != (denominator < 0)
    if denominator == 0:
        _reference.div_half_even(0, 0)
    size = -numerator if numerator < 0 else numerator
    if denominator < 0:
        denominator = -denominator
    if denominator == 1:
        quotient = size
    else:
        quotient = size / denominator
        rest = size - quotient * denominator
        if rest > denominator - rest or (rest == denominator - rest and quotient & 1):
            quotient += 1
    return amount_of(-quotient if negative else quotient)


# -- text ------------------------------------------------------------------------------------------


cdef inline char *write_digits(uint64_t value, char *end) noexcept:
    """The digits, ending before ``end``; where they begin."""
    cdef uint64_t rest
    while value >= 100:
        rest = value / 100
        end -= 2
        memcpy(end, &PAIRS[2 * (value - rest * 100)], 2)
        value = rest
    if value >= 10:
        end -= 2
        memcpy(end, &PAIRS[2 * value], 2)
    else:
        end -= 1
        end[0] = <char>(48 + value)
    return end


cdef str decimal_text_c(int128 mantissa, int decimals):
    cdef char buffer[128]
    cdef char *end = buffer + 128
    cdef char *start
    cdef char *target
    cdef bint negative = mantissa < 0
    cdef uint128 size = <uint128>(-mantissa if negative else mantissa)
    cdef uint64_t low
    cdef int whole, fraction, length
    cdef object text
    start = end
    while size >> 64:
        low = <uint64_t>(size % <uint128>1000000000000000000ull)
        size = size / <uint128>1000000000000000000ull
        target = start - 18
        start = write_digits(low, start)
        memset(target, 48, start - target)
        start = target
    start = write_digits(<uint64_t>size, start)
    whole = <int>(end - start) - decimals
    if whole < 1:
        memset(start - (1 - whole), 48, 1 - whole)
        start -= 1 - whole
        whole = 1
    fraction = decimals
    while fraction > 0 and (end - 1)[0] == 48:
        end -= 1
        fraction -= 1
    length = negative + whole + (fraction + 1 if fraction else 0)
    text = PyUnicode_New(length, 127)
    target = <char *>PyUnicode_1BYTE_DATA(text)
    if negative:
        target[0] = 45
        target += 1
    memcpy(target, start, whole)
    if fraction:
        target[whole] = 46
        memcpy(target + whole + 1, start + whole, fraction)
    return <str>text


cdef str money_text_c(int128 units):
    return decimal_text_c(amount_of(units), 12)


cdef inline void drop_zeros(int128 *mantissa, int *decimals) noexcept:
    cdef uint64_t small
    cdef bint negative = mantissa[0] < 0
    cdef uint128 size = <uint128>(-mantissa[0] if negative else mantissa[0])
    while decimals[0] > 0 and size >> 64 and size % 10 == 0:
        size = size / 10
        decimals[0] -= 1
    if not size >> 64:
        small = <uint64_t>size
        while decimals[0] > 0 and small % 10 == 0:
            small = small / 10
            decimals[0] -= 1
        size = small
    mantissa[0] = -<int128>size if negative else <int128>size


cdef bint parse_c(str text, int128 *mantissa, int *decimals) except -1:
    if text is None or not PyUnicode_IS_ASCII(text):
        return False
    return parse_ascii(<char *>PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text), mantissa, decimals)


cdef bint parse_ascii(const char *at, Py_ssize_t length, int128 *mantissa, int *decimals) noexcept:
    cdef const char *end = at + length
    cdef bint negative = False
    cdef bint exponent_negative = False
    cdef uint64_t small = 0
    cdef uint128 size = 0
    cdef int digits = 0
    cdef int places = 0
    cdef int exponent = 0
    cdef const char *point = NULL
    cdef unsigned char c
    if at < end and (at[0] == 45 or at[0] == 43):
        negative = at[0] == 45
        at += 1
    while at < end:
        c = <unsigned char>at[0]
        if 48 <= c <= 57:
            if digits < 18:
                small = small * 10 + (c - 48)
            else:
                if digits == 18:
                    size = small
                size = size * 10 + (c - 48)
            digits += 1
            if digits > DIGITS_READ_MAX:
                return False
        elif c == 46 and point == NULL:
            point = at
        else:
            break
        at += 1
    if digits == 0:
        return False
    if digits <= 18:
        size = small
    if point != NULL:
        places = <int>(at - point) - 1
    if at < end:
        if at[0] != 101 and at[0] != 69:
            return False
        at += 1
        if at < end and (at[0] == 45 or at[0] == 43):
            exponent_negative = at[0] == 45
            at += 1
        if not 0 < end - at <= 3:
            return False
        while at < end:
            c = <unsigned char>at[0]
            if not 48 <= c <= 57:
                return False
            exponent = exponent * 10 + (c - 48)
            at += 1
        places += exponent if exponent_negative else -exponent
    if size == 0:
        mantissa[0] = 0
        decimals[0] = 0
        return True
    if places < 0:
        if digits - places > DIGITS_READ_MAX:
            return False
        size = size * <uint128>POWERS[-places]
        places = 0
    mantissa[0] = -<int128>size if negative else <int128>size
    decimals[0] = places
    drop_zeros(mantissa, decimals)
    return decimals[0] <= TEXT_DECIMALS_MAX


def parse_decimal(text: str) -> tuple[int, int]:
    """Mantissa and decimals, without trailing zeros: ``0.10`` is (1, 1), ``100`` is (100, 0).

    Exponents are read (``7e-05``). ValueError for everything that is no finite decimal number, and for
    one of more than 400 digits.
    """
    cdef int128 mantissa
    cdef int decimals
    if parse_c(text, &mantissa, &decimals):
        return int_of(mantissa), decimals
    return _reference.parse_decimal(text)


def decimal_text(mantissa: int, decimals: int) -> str:
    """Shortest text of mantissa / 10**decimals: no exponent, no trailing zeros, no negative zero."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(mantissa, &overflow)
    if overflow or not 0 <= decimals <= TEXT_DECIMALS_MAX:
        return _reference.decimal_text(mantissa, decimals)
    return decimal_text_c(small, decimals)


def money(text: str) -> int:
    """Units of 1e-12 of an amount in decimal text.

    ValueError for more than 12 decimals, LedgerOverflow for an amount out of range.
    """
    cdef int128 mantissa
    cdef int decimals
    if parse_c(text, &mantissa, &decimals) and decimals <= 12:
        if -make_int128(1 << 20, 0) < mantissa < make_int128(1 << 20, 0):
            return int_of(amount_of(mantissa * POWERS[12 - decimals]))
    return _reference.money(text)


def money_text(units: int) -> str:
    """Shortest decimal text of an amount: ``0``, ``-0.5``, ``12.345``."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(units, &overflow)
    if not overflow:
        return decimal_text_c(small, 12)
    return decimal_text_c(int128_of(_reference._amount(units)), 12)


def float_text(value: float) -> str:
    """Shortest decimal text that reads back as the same float, without exponent: ``0.00001``.

    ValueError for nan and infinities.
    """
    cdef double number = value
    cdef int128 mantissa
    cdef int decimals
    cdef char *digits
    cdef bint parsed
    if not isfinite(number):
        return _reference.float_text(value)
    digits = PyOS_double_to_string(number, b"r", 0, 0, NULL)
    parsed = parse_ascii(digits, strlen(digits), &mantissa, &decimals)
    PyMem_Free(digits)
    if parsed:
        return decimal_text_c(mantissa, decimals)
    return _reference.float_text(value)


def div_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, a half to the even one.

    ZeroDivisionError for denominator 0; LedgerOverflow where numerator, denominator or result is out of
    range.
    """
    return int_of(div_half_even_c(int128_of(numerator), int128_of(denominator)))


# -- grids and money ---------------------------------------------------------------------------------


cdef int64_t raise_off_grid(Grid grid, double value) except? -1:
    return grid._plain.from_float(value)


@cython.final
cdef class Grid:
    """A tick or lot size: counts of it are exact, and text is what leaves the system. Immutable.

    ConfigError for a step that is not a positive decimal, has more than 22 decimals, or more digits
    than a float64 holds exactly. Every count is a signed 64-bit integer: a text beyond that is a
    ValueError, a count beyond it LedgerOverflow.
    """

    def __cinit__(self, step: str):
        self._plain = _reference.Grid(step)
        self.mantissa = self._plain.mantissa
        self.decimals = self._plain.decimals
        self.step = self._plain.step
        self.mantissa_c = self.mantissa
        self.decimals_c = self.decimals
        self.scale = 10.0**self.decimals

    cdef str text_c(self, int64_t units):
        return decimal_text_c(<int128>units * <int128>self.mantissa_c, self.decimals_c)

    cdef object _count(self, str text, int how):
        """The number in steps, rounded as told; None when that is the reference's business."""
        cdef int128 numerator, denominator, quotient, rest
        cdef int decimals, shift
        if not parse_c(text, &numerator, &decimals):
            return None
        denominator = self.mantissa_c
        shift = self.decimals_c - decimals
        if shift > 0:
            if multiply_overflows(numerator, POWERS[shift], &numerator):
                return None
        elif shift < 0:
            if shift < -38 or multiply_overflows(denominator, POWERS[-shift], &denominator):
                return None
        if denominator == 1:
            quotient = numerator
            rest = 0
        else:
            quotient = numerator / denominator
            rest = numerator - quotient * denominator
            if rest < 0:  # C divides towards zero, the reference towards minus infinity
                quotient -= 1
                rest += denominator
        if how == EXACT:
            if rest:
                return None
        elif how == CEIL:
            quotient += rest > 0
        elif how == NEAREST:
            if rest > denominator - rest or (rest == denominator - rest and quotient & 1):
                quotient += 1
        if not -<int128>UNITS_LAST <= quotient <= <int128>UNITS_LAST:
            return None
        return PyLong_FromLongLong(<int64_t>quotient)

    def text(self, units: int) -> str:
        """Decimal text of a count of steps."""
        return self.text_c(units_of(units))

    def units(self, text: str) -> int:
        """The count of steps that the text is exactly; ValueError when it is off the grid."""
        count = self._count(text, EXACT)
        return self._plain.units(text) if count is None else count

    def floor(self, text: str) -> int:
        """The largest count of steps that is not above the number."""
        count = self._count(text, FLOOR)
        return self._plain.floor(text) if count is None else count

    def ceil(self, text: str) -> int:
        """The smallest count of steps that is not below the number."""
        count = self._count(text, CEIL)
        return self._plain.ceil(text) if count is None else count

    def nearest(self, text: str) -> int:
        """The count of steps nearest to the number, a half to the even one."""
        count = self._count(text, NEAREST)
        return self._plain.nearest(text) if count is None else count

    def from_float(self, value: float) -> int:
        """A market observation on the grid, a half to the even count.

        In float64: rint(value * 10**decimals / mantissa). ValueError for what is not finite, and for a
        result of 2**53 or more, where float64 no longer counts in ones.
        """
        return PyLong_FromLongLong(grid_from_float(self, value))

    def to_float(self, units: int) -> float:
        """The float64 nearest to the exact decimal."""
        cdef int128 size = <int128>units_of(units) * <int128>self.mantissa_c
        if -9007199254740992 <= size <= 9007199254740992:
            return <double>size / self.scale
        return self._plain.to_float(units)

    def __repr__(self) -> str:
        return f"Grid('{self.step}')"


@cython.final
cdef class Valuation:
    """Exact money of lots at ticks, in the settle currency of a linear market. Immutable.

    Signs are carried through. LedgerOverflow for an amount or an intermediate product out of range;
    ConfigError for sizes that are no positive decimals, or whose product is outside 1e-50 to 1e18.
    """

    def __cinit__(self, tick_size: str, lot_size: str, contract_size: str):
        plain = _reference.Valuation(tick_size, lot_size, contract_size)
        self.multiplier = plain.multiplier
        self.divisor = plain.divisor
        self.multiplier_c = int128_of(plain.multiplier)
        self.divisor_c = int128_of(plain.divisor)

    cdef int128 product_c(self, int128 lots_times_ticks) except? -1:
        return div_half_even_c(product_of(lots_times_ticks, self.multiplier_c), self.divisor_c)

    cdef int128 notional_c(self, int64_t lots, int64_t ticks) except? -1:
        return self.product_c(<int128>lots * <int128>ticks)

    cdef int128 fee_c(self, int64_t lots, int64_t ticks, int64_t rate_mantissa, int rate_decimals) except? -1:
        cdef int128 value
        if not 0 <= rate_decimals <= 22:
            _reference._rate_decimals(rate_decimals)
        value = product_of(<int128>lots * <int128>ticks, self.multiplier_c)
        return div_half_even_c(
            product_of(value, rate_mantissa), product_of(self.divisor_c, POWERS[rate_decimals])
        )

    def notional(self, lots: int, ticks: int) -> int:
        """Money of a quantity at a price, rounded once."""
        return int_of(self.notional_c(units_of(lots), units_of(ticks)))

    def product(self, lots_times_ticks: int) -> int:
        """Money of a sum of quantity * price products, rounded once."""
        return int_of(self.product_c(int128_of(lots_times_ticks)))

    def fee(self, lots: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Money of a share (rate_mantissa / 10**rate_decimals) of a notional, rounded once.

        ValueError for a rate outside 0 to 22 decimals.
        """
        cdef int decimals = _reference._rate_decimals(rate_decimals)
        return int_of(self.fee_c(units_of(lots), units_of(ticks), units_of(rate_mantissa), decimals))
