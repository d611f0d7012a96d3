# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Prices and amounts as a venue takes them, in every way that ccxt's venues count precision.

The fast twin of reference/normalize.py, which tells the rules. What fits 27 digits is worked out here in
integers of 128 bits, where nothing is rounded but what should be; everything else, every refusal included,
is handed to the reference.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.mem cimport PyMem_Free
from cpython.unicode cimport PyUnicode_CheckExact
from libc.math cimport fabs, floor, isfinite
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport strlen

from live_runner.hotpath.compiled.fixed cimport (
    Grid,
    Valuation,
    decimal_text_c,
    int128,
    int128_of,
    int_of,
    multiply_overflows,
    parse_ascii,
    parse_c,
    c_notional,
    POWERS,
    ST_OK,
    units_of,
)

from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.messages import Instrument
from live_runner.hotpath.reference import fixed as _plain_fixed
from live_runner.hotpath.reference import normalize as _reference

cdef extern from "Python.h":
    char *PyOS_double_to_string(double value, char format_code, int precision, int flags, int *kind) except NULL

__all__ = _reference.__all__

CONTEXT_DIGITS = _reference.CONTEXT_DIGITS

cdef enum:
    TRUNCATE = 0
    ROUND = 1
    # Ways to count; GRID is steps and decimal places alike.
    GRID = 0
    SIGNIFICANT = 1
    SIGNIFICANT_OR_WHOLE = 2
    STEPS_MAX = 2
    EXACT_POWER = 27  # numbers below 10**27 stay clear of ccxt's 28 digits, whatever is added to them

cdef struct Pass:
    int rounding
    int mode
    int64_t mantissa
    int decimals
    int digits
    double scale


cdef int compile_pass(object step, Pass *target) except -1:
    """One pass of the reference as numbers; 0 when it is left to the reference."""
    target.rounding = ROUND if step.rounding == "round" else TRUNCATE
    if step.mode == "significant_digits":
        target.mode = SIGNIFICANT if step.precision else SIGNIFICANT_OR_WHOLE
        target.digits = int(step.precision) if step.precision else 5
        return 0 < target.digits <= 26
    if step.mode == "tick_size":
        mantissa, decimals = _plain_fixed.parse_decimal(step.precision)
    else:
        mantissa, decimals = 1, int(step.precision)
    if not 0 < mantissa < 2**53 or not 0 <= decimals <= 22:
        return 0
    target.mode = GRID
    target.mantissa = mantissa
    target.decimals = decimals
    target.scale = 10.0**decimals
    return 1


cdef inline int digits_of(int128 size) noexcept:
    cdef int digits = 1
    while digits < 38 and size >= POWERS[digits]:
        digits += 1
    return digits


cdef bint apply_pass(const Pass *step, int rounding, int128 *mantissa, int *decimals) noexcept:
    """The number after one pass; False leaves it to the reference."""
    cdef int128 size = -mantissa[0] if mantissa[0] < 0 else mantissa[0]
    cdef bint negative = mantissa[0] < 0
    cdef int128 unit = 1
    cdef int128 quotient, rest
    cdef int places, digits
    cdef bint half_down = False
    if size == 0:
        return True
    if step.mode == GRID:
        places = step.decimals
        unit = step.mantissa
    else:
        digits = digits_of(size)
        places = step.digits
        if step.mode == SIGNIFICANT_OR_WHOLE and digits - decimals[0] > places:
            places = digits - decimals[0]
        if step.mode == SIGNIFICANT_OR_WHOLE and negative:
            return False
        places -= digits - decimals[0]
        if places < 0 and rounding == ROUND:
            if negative:
                return False
            half_down = True
    if places < 0:
        if places < -EXACT_POWER:
            return False
        unit = unit * POWERS[-places]
        places = 0
    if places > decimals[0]:
        if places - decimals[0] > EXACT_POWER or multiply_overflows(size, POWERS[places - decimals[0]], &size):
            return False
    elif places < decimals[0]:
        if decimals[0] - places > EXACT_POWER:
            return False
        if multiply_overflows(unit, POWERS[decimals[0] - places], &unit):
            return False
    if size >= POWERS[EXACT_POWER] or unit >= POWERS[EXACT_POWER]:
        return False
    # Both are now counted in the finer of the two units.
    quotient = size / unit
    rest = size - quotient * unit
    if rest and rounding == ROUND:
        if rest > unit - rest or (rest == unit - rest and not half_down):
            quotient += 1
    if places < decimals[0]:
        unit = unit / POWERS[decimals[0] - places]
    quotient = quotient * unit
    mantissa[0] = -quotient if negative else quotient
    decimals[0] = places
    return True


cdef bint float_on_step(const Pass *step, double value, int128 *mantissa) noexcept:
    """The float on the step, where its own digits cannot tip the balance; False otherwise.

    ccxt rounds the shortest text of the float, which is within half a unit in the last place of it. So
    the count is certain when it is further from a tie (or, cut off, from the next step) than the error
    of the three operations here.
    """
    cdef double count, whole, rest, doubt
    if step.mode != GRID or step.mantissa > 1000000000:
        return False
    count = fabs(value) * step.scale / <double>step.mantissa
    if not 1.0 <= count < 1125899906842624.0:
        return False
    doubt = count * 1e-15
    whole = floor(count)
    rest = count - whole
    if step.rounding == ROUND:
        if fabs(rest - 0.5) <= doubt:
            return False
        whole += rest > 0.5
    elif rest <= doubt or rest >= 1.0 - doubt:
        return False
    mantissa[0] = <int128><int64_t>whole * <int128>step.mantissa
    if value < 0.0:
        mantissa[0] = -mantissa[0]
    return True


def decimal_to_precision(text: str, rounding: str, count: str, mode: str, padding: str) -> str:
    """A decimal number at a precision, as decimal text.

    ``rounding`` is ``round`` (halves away from zero) or ``truncate``; ``mode`` is ``tick_size``,
    ``decimal_places`` or ``significant_digits``, of which ``count`` is the step or the number (a
    negative one counts places left of the point); ``padding`` is ``no_padding`` or ``pad_with_zero``.
    ValueError for what is no finite number, needs more than 28 digits, or for an unknown word.
    """
    return _reference.decimal_to_precision(text, rounding, count, mode, padding)


@cython.final
cdef class Normalizer:
    """The rules of one market, applied. Immutable.

    ``ticks`` and ``lots`` are its grids, ``valuation`` its money. ConfigError for an instrument whose
    sizes are unusable.
    """

    cdef readonly object instrument
    cdef readonly Grid ticks
    cdef readonly Grid lots
    cdef readonly Valuation valuation
    cdef object _plain
    cdef Pass _price_passes[STEPS_MAX]
    cdef Pass _amount_passes[STEPS_MAX]
    cdef int _price_count
    cdef int _amount_count
    cdef bint _inverse
    cdef int64_t _min_ticks
    cdef int64_t _max_ticks
    cdef int64_t _min_lots
    cdef int64_t _max_lots
    cdef int128 _min_notional
    cdef int128 _max_notional

    def __cinit__(self, instrument: Instrument):
        plain = _reference.Normalizer(instrument)
        self._plain = plain
        self.instrument = instrument
        self.ticks = Grid(instrument.tick_size)
        self.lots = Grid(instrument.lot_size)
        self._inverse = instrument.inverse
        self.valuation = Valuation("1" if self._inverse else instrument.tick_size, instrument.lot_size, instrument.contract_size)
        self._price_count = self._compile(plain._rules.price, self._price_passes)
        self._amount_count = self._compile(plain._rules.amount, self._amount_passes)
        self._min_ticks, self._max_ticks = plain._min_ticks, plain._max_ticks
        self._min_lots, self._max_lots = plain._min_lots, plain._max_lots
        minimum, maximum = plain._limits
        end = _plain_fixed.AMOUNT_END
        self._min_notional = int128_of(-end if minimum is None else min(minimum, end))
        self._max_notional = int128_of(end if maximum is None else min(maximum, end))

    cdef int _compile(self, object steps, Pass *passes) except -1:
        """How many passes there are; 0 leaves all of them to the reference."""
        cdef int index
        if len(steps) > STEPS_MAX:
            return 0
        for index in range(len(steps)):
            if not compile_pass(steps[index], &passes[index]):
                return 0
        return len(steps)

    cdef bint _read(self, object value, int128 *mantissa, int *decimals) except -1:
        cdef char *digits
        cdef bint parsed
        cdef double number
        if PyUnicode_CheckExact(value):
            return parse_c(value, mantissa, decimals)
        if not PyFloat_CheckExact(value):
            return False
        number = PyFloat_AS_DOUBLE(value)
        if not isfinite(number):
            return False
        digits = PyOS_double_to_string(number, b"r", 0, 0, NULL)
        parsed = parse_ascii(digits, strlen(digits), mantissa, decimals)
        PyMem_Free(digits)
        return parsed

    cdef str _fast(self, object value, const Pass *passes, int count):
        """The text after every pass; None leaves it to the reference, as every zero is."""
        cdef int128 mantissa = 0
        cdef int decimals = 0
        cdef int index
        if count == 1 and PyFloat_CheckExact(value):
            if float_on_step(passes, PyFloat_AS_DOUBLE(value), &mantissa):
                return decimal_text_c(mantissa, passes.decimals)
        if count == 0 or not self._read(value, &mantissa, &decimals):
            return None
        for index in range(count):
            if not apply_pass(&passes[index], passes[index].rounding, &mantissa, &decimals):
                return None
        return decimal_text_c(mantissa, decimals) if mantissa != 0 else None

    cdef int64_t _units(self, object text, const Pass *passes, int count, int rounding, Grid grid) except -1:
        """Steps of the grid after every pass, above zero; 0 leaves it to the reference."""
        cdef int128 mantissa, units
        cdef int decimals, index
        if count == 0 or not self._read(text, &mantissa, &decimals) or mantissa <= 0:
            return 0
        for index in range(count):
            if not apply_pass(
                &passes[index], passes[index].rounding if rounding < 0 else rounding, &mantissa, &decimals
            ):
                return 0
        while decimals > grid.c.decimals:
            if mantissa % 10:
                return 0
            mantissa = mantissa / 10
            decimals -= 1
        if multiply_overflows(mantissa, POWERS[grid.c.decimals - decimals], &mantissa):
            return 0
        units = mantissa / <int128>grid.c.mantissa
        if units * <int128>grid.c.mantissa != mantissa or units > <int128>0x7FFFFFFFFFFFFFFF:
            return 0
        return <int64_t>units

    def price(self, value: str | float) -> str:
        """The price as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = self._fast(value, self._price_passes, self._price_count)
        return self._plain.price(value) if text is None else text

    def amount(self, value: str | float) -> str:
        """The amount as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = self._fast(value, self._amount_passes, self._amount_count)
        return self._plain.amount(value) if text is None else text

    def price_ticks(self, text: str) -> int:
        """The price on the tick grid, inside the market's price limits."""
        cdef int64_t count = self._units(text, self._price_passes, self._price_count, -1, self.ticks)
        if count > 0 and self._min_ticks <= count <= self._max_ticks:
            return count
        return self._plain.price_ticks(text)

    def amount_lots(self, text: str, rounding: str = "down", limits: bool = True) -> int:
        """The amount on the lot grid: ``down``, never more than asked for, or ``nearest``.

        Without ``limits`` the minimum and maximum are not looked at: a close takes what is there.
        """
        cdef int64_t count = 0
        if rounding == "down":
            count = self._units(text, self._amount_passes, self._amount_count, TRUNCATE, self.lots)
        elif rounding == "nearest":
            count = self._units(text, self._amount_passes, self._amount_count, ROUND, self.lots)
        if count > 0 and (not limits or self._min_lots <= count <= self._max_lots):
            return count
        return self._plain.amount_lots(text, rounding, limits)

    def notional(self, lots: int, ticks: int) -> int:
        """Money of the order, inside the market's notional limits (closes need not ask)."""
        cdef int128 units
        cdef int64_t price = 1 if self._inverse else units_of(ticks)
        if c_notional(&self.valuation.c, units_of(lots), price, &units) == ST_OK and self._min_notional <= units <= self._max_notional:
            return int_of(units)
        return self._plain.notional(lots, ticks)
