# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Exact decimals: ticks, lots and money as integers, text at the edges.

The fast twin of reference/fixed.py. Numbers of everyday size are handled in 64 and 128 bits; everything
else, every error included, is handed to the reference, so that there is one place that says what is right.
It is loaded when it is first needed. The arithmetic itself is in fixed.pxd, for loops without the GIL.
"""

cimport cython
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLong, PyLong_FromLongLong
from cpython.mem cimport PyMem_Free
from libc.math cimport isfinite, ldexp
from libc.string cimport memcpy, memset, strlen

from math import gcd

from live_runner.hotpath.constants import (
    AMOUNT_END,
    EXACT_END,
    GRID_DECIMALS_MAX,
    MONEY_DECIMALS,
    PRODUCT_END,
    UNITS_END,
)

cdef extern from *:
    int leading_zeros "__builtin_clzll"(uint64_t value) nogil

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    char *PyOS_double_to_string(double value, char format_code, int precision, int flags, int *kind) except NULL

__all__ = [
    "MONEY_DECIMALS",
    "Grid",
    "Valuation",
    "decimal_text",
    "div_half_even",
    "float_text",
    "money",
    "money_float",
    "money_text",
    "parse_decimal",
]

cdef enum:
    TEXT_DECIMALS_MAX = 50      # of a text that is written here; finer ones go to the reference
    DIGITS_READ_MAX = 37        # of a number that is read here: 10**37 fits 128 bits with room for a sign
    FLOOR = 0
    CEIL = 1
    NEAREST = 2
    EXACT = 3

cdef int64_t UNITS_LAST = 0x7FFFFFFFFFFFFFFF
cdef char PAIRS[200]


cdef void fill_pairs() noexcept:
    cdef int index
    for index in range(100):
        PAIRS[2 * index] = <char>(48 + index // 10)
        PAIRS[2 * index + 1] = <char>(48 + index % 10)


fill_pairs()


cdef object plain():
    """The reference, for what is not everyday."""
    from live_runner.hotpath.reference import fixed

    return fixed


# -- 128 bits and Python ----------------------------------------------------------------------------


cdef int128 int128_of(object value) except? -1:
    """The int as 128 bits; LedgerOverflow when it does not fit."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(value, &overflow)
    if not overflow:
        return small
    if not -PRODUCT_END < value < PRODUCT_END:
        plain()._product(value)
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
        plain().in_range(value)
    return units


# -- floats ------------------------------------------------------------------------------------------


cdef double c_ratio_float(int128 n, int decimals) noexcept nogil:
    """The float64 nearest to n / 10**decimals (0 to 22), a half to the even one.

    n / 5**decimals is worked out to at least 60 binary digits, the last one set when there is a rest (round
    to odd); what is rounded to 53 digits from there is rounded as the exact number would be.
    """
    cdef uint128 size = -<uint128>n if n < 0 else <uint128>n
    cdef uint128 unit = <uint128>POWERS[decimals] >> decimals
    cdef uint128 quotient
    cdef int shift
    cdef double result
    if size == 0:
        return 0.0
    shift = 61 + bits_of(unit) - bits_of(size)
    if shift < 0:
        shift = 0
    size = size << shift
    quotient = size / unit
    if quotient * unit != size:
        quotient |= 1
    result = ldexp(<double>quotient, -shift - decimals)
    return -result if n < 0 else result


cdef inline int bits_of(uint128 size) noexcept nogil:
    """Binary digits of a number above zero."""
    if size >> 64:
        return 128 - leading_zeros(<uint64_t>(size >> 64))
    return 64 - leading_zeros(<uint64_t>size)


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
    return decimal_text_c(units, 12)


cdef inline void drop_zeros(int128 *mantissa, int *decimals) noexcept nogil:
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


cdef bint parse_ascii(const char *at, Py_ssize_t length, int128 *mantissa, int *decimals) noexcept nogil:
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

    Exponents are read (``7e-05``). ValueError for everything that is not a finite decimal number, and for
    one of more than 400 digits.
    """
    cdef int128 mantissa
    cdef int decimals
    if parse_c(text, &mantissa, &decimals):
        return int_of(mantissa), decimals
    return plain().parse_decimal(text)


def decimal_text(mantissa: int, decimals: int) -> str:
    """Shortest text of mantissa / 10**decimals: no exponent, no trailing zeros, no negative zero."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(mantissa, &overflow)
    if overflow or not 0 <= decimals <= TEXT_DECIMALS_MAX:
        return plain().decimal_text(mantissa, decimals)
    return decimal_text_c(small, decimals)


def money(text: str) -> int:
    """Units of 1e-12 of an amount in decimal text.

    ValueError for more than 12 decimals, LedgerOverflow for an amount out of range.
    """
    cdef int128 mantissa
    cdef int decimals
    if parse_c(text, &mantissa, &decimals) and decimals <= 12:
        if -make_int128(1 << 20, 0) < mantissa < make_int128(1 << 20, 0):
            mantissa = mantissa * POWERS[12 - decimals]
            if c_is_amount(mantissa):
                return int_of(mantissa)
    return plain().money(text)


def money_text(units: int) -> str:
    """Shortest decimal text of an amount: ``0``, ``-0.5``, ``12.345``."""
    cdef int overflow = 0
    cdef int64_t small = PyLong_AsLongLongAndOverflow(units, &overflow)
    if not overflow:
        return decimal_text_c(small, 12)
    return plain().money_text(units)


def money_float(units: int) -> float:
    """The float64 nearest to an amount, in whole units of the currency."""
    if -AMOUNT_END < units < AMOUNT_END:
        return c_money_float(int128_of(units))
    return plain().money_float(units)


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
        return plain().float_text(value)
    digits = PyOS_double_to_string(number, b"r", 0, 0, NULL)
    parsed = parse_ascii(digits, strlen(digits), &mantissa, &decimals)
    PyMem_Free(digits)
    if parsed:
        return decimal_text_c(mantissa, decimals)
    return plain().float_text(value)


def div_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, a half to the even one.

    ZeroDivisionError for denominator 0; LedgerOverflow where numerator, denominator or result is out of
    range.
    """
    cdef int128 quotient
    if c_div_half_even(int128_of(numerator), int128_of(denominator), &quotient) == ST_OK:
        return int_of(quotient)
    return plain().div_half_even(numerator, denominator)


# -- grids and money ---------------------------------------------------------------------------------


@cython.final
cdef class Grid:
    """A tick or lot size: counts of it are exact, and text is what leaves the system. Immutable.

    ConfigError for a step that is not a positive decimal, has more than 22 decimals, or more digits
    than a float64 holds exactly. Every count is a signed 64-bit integer: a text beyond that is a
    ValueError, a count beyond it LedgerOverflow.
    """

    def __cinit__(self, step: str):
        cdef int128 mantissa
        cdef int decimals
        if not parse_c(step, &mantissa, &decimals) or not 0 < mantissa < EXACT_LAST or decimals > 22:
            grid = plain().Grid(step)  # raises what is wrong with it
            mantissa, decimals = grid.mantissa, grid.decimals
        self.c.mantissa = <int64_t>mantissa
        self.c.decimals = decimals
        self.c.scale = 10.0**decimals
        self.mantissa = self.c.mantissa
        self.decimals = decimals
        self.step = decimal_text_c(mantissa, decimals)

    cdef object _plain(self):
        return plain().Grid(self.step)

    cdef object _count(self, str text, int how):
        """The number in steps, rounded as told; None when that is the reference's business."""
        cdef int128 numerator, denominator, quotient, rest
        cdef int decimals, shift
        if not parse_c(text, &numerator, &decimals):
            return None
        denominator = self.c.mantissa
        shift = self.c.decimals - decimals
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
        return decimal_text_c(<int128>units_of(units) * <int128>self.c.mantissa, self.c.decimals)

    def units(self, text: str) -> int:
        """The count of steps that the text is exactly; ValueError when it is off the grid."""
        count = self._count(text, EXACT)
        return self._plain().units(text) if count is None else count

    def floor(self, text: str) -> int:
        """The largest count of steps that is not above the number."""
        count = self._count(text, FLOOR)
        return self._plain().floor(text) if count is None else count

    def ceil(self, text: str) -> int:
        """The smallest count of steps that is not below the number."""
        count = self._count(text, CEIL)
        return self._plain().ceil(text) if count is None else count

    def nearest(self, text: str) -> int:
        """The count of steps nearest to the number, a half to the even one."""
        count = self._count(text, NEAREST)
        return self._plain().nearest(text) if count is None else count

    def from_float(self, value: float) -> int:
        """A market observation on the grid, a half to the even count.

        In float64: rint(value * 10**decimals / mantissa). ValueError for what is not finite, and for a
        result of 2**53 or more, where float64 no longer counts in ones.
        """
        cdef int64_t count
        if c_from_float(&self.c, value, &count) == ST_OK:
            return PyLong_FromLongLong(count)
        return self._plain().from_float(value)

    def floor_float(self, value: float) -> int:
        """The largest count of steps that is not above the float's shortest text."""
        cdef int64_t count
        cdef bint sure
        c_lots_floor(&self.c, value, &count, &sure)
        return PyLong_FromLongLong(count) if sure else self.floor(float_text(value))

    def nearest_float(self, value: float) -> int:
        """The count of steps nearest to the float's shortest text, a half to the even one."""
        cdef int64_t count
        cdef bint sure
        c_nearest(&self.c, value, &count, &sure)
        return PyLong_FromLongLong(count) if sure else self.nearest(float_text(value))

    def to_float(self, units: int) -> float:
        """The float64 nearest to the exact decimal."""
        return c_to_float(&self.c, units_of(units))

    def __repr__(self) -> str:
        return f"Grid('{self.step}')"


@cython.final
cdef class Valuation:
    """Exact money of lots at ticks, in the settle currency of a linear market. Immutable.

    Signs are carried through. LedgerOverflow for an amount or an intermediate product out of range;
    ConfigError for sizes that are not positive decimals, or whose product is outside 1e-50 to 1e18.
    """

    def __cinit__(self, tick_size: str, lot_size: str, contract_size: str):
        self._sizes = (tick_size, lot_size, contract_size)
        numerator, scale = 1, -MONEY_DECIMALS
        for size in self._sizes:
            try:
                mantissa, decimals = parse_decimal(size)
            except ValueError:
                self._plain()  # raises what is wrong with it, here and below
                raise
            if not 0 < mantissa < EXACT_END or decimals > GRID_DECIMALS_MAX:
                self._plain()
            numerator *= mantissa
            scale += decimals
        numerator *= 10 ** max(-scale, 0)
        denominator = 10 ** max(scale, 0)
        shared = gcd(numerator, denominator)
        self.multiplier = numerator // shared
        self.divisor = denominator // shared
        if self.multiplier >= AMOUNT_END or self.divisor >= PRODUCT_END:
            self._plain()
        self.c.multiplier = int128_of(self.multiplier)
        self.c.divisor = int128_of(self.divisor)

    cdef object _plain(self):
        return plain().Valuation(*self._sizes)

    def notional(self, lots: int, ticks: int) -> int:
        """Money of a quantity at a price, rounded once."""
        cdef int128 units
        if c_notional(&self.c, units_of(lots), units_of(ticks), &units) == ST_OK:
            return int_of(units)
        return self._plain().notional(lots, ticks)

    def product(self, lots_times_ticks: int) -> int:
        """Money of a sum of quantity * price products, rounded once."""
        cdef int128 units
        if c_product(&self.c, int128_of(lots_times_ticks), &units) == ST_OK:
            return int_of(units)
        return self._plain().product(lots_times_ticks)

    def fee(self, lots: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Money of a share (rate_mantissa / 10**rate_decimals) of a notional, rounded once.

        ValueError for a rate outside 0 to 22 decimals.
        """
        cdef int128 units
        cdef int decimals = rate_decimals if 0 <= rate_decimals <= GRID_DECIMALS_MAX else -1
        if decimals >= 0:
            if c_fee(&self.c, units_of(lots), units_of(ticks), units_of(rate_mantissa), decimals, &units) == ST_OK:
                return int_of(units)
        return self._plain().fee(lots, ticks, rate_mantissa, rate_decimals)
