# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Prices and amounts as a venue takes them, in every way that ccxt's venues count precision.

The fast twin of reference/normalize.py, which tells the rules. What fits 27 digits is worked out here in
integers of 128 bits, where nothing is rounded but what should be, and a float of up to 15 digits without
writing it out; everything else, every refusal included, is handed to the reference, which is loaded when it
is first needed. The arithmetic needs no interpreter.
"""

cimport cython
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.mem cimport PyMem_Free
from cpython.unicode cimport PyUnicode_CheckExact
from libc.math cimport fabs, floor, isfinite
from libc.stdint cimport int64_t
from libc.string cimport strlen

from live_runner.hotpath.compiled.fixed cimport (
    DIGITS_15_END,
    POWERS,
    ST_OK,
    c_lots_floor,
    c_notional,
    decimal_text_c,
    grid_of,
    int128_of,
    int_of,
    multiply_overflows,
    parse_ascii,
    parse_c,
    units_of,
    valuation_of,
)

from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.messages import Instrument
from live_runner.hotpath.compiled.fixed import parse_decimal
from live_runner.hotpath.constants import AMOUNT_END, UNITS_END
from live_runner.hotpath.market_rules import limit_money, limit_units, rules

cdef extern from "Python.h":
    char *PyOS_double_to_string(double value, char format_code, int precision, int flags, int *kind) except NULL

__all__ = ["NormalizationRefused", "Normalizer", "decimal_to_precision"]

cdef enum:
    # Ways to count; GRID is steps and decimal places alike.
    GRID = 0
    SIGNIFICANT = 1
    SIGNIFICANT_OR_WHOLE = 2
    EXACT_POWER = 27  # numbers below 10**27 stay clear of ccxt's 28 digits, whatever is added to them
    FLOAT_POWER = 22  # the last power of ten that is exact as float64

cdef double TENTHS[FLOAT_POWER + 1]
cdef double TENS[FLOAT_POWER + 1]


cdef void fill_tables() noexcept:
    cdef int index
    for index in range(FLOAT_POWER + 1):
        TENS[index] = <double>POWERS[index]
        TENTHS[index] = 1.0 / TENS[index]


fill_tables()


cdef object plain():
    """The reference, for what is not everyday."""
    from live_runner.hotpath.reference import normalize

    return normalize


# -- passes ------------------------------------------------------------------------------------------


cdef int compile_pass(object step, pass_t *target) except -1:
    """One pass of the reference as numbers; 0 when it is left to the reference."""
    target.rounding = ROUND_NEAREST if step.rounding == "round" else ROUND_DOWN
    try:
        if step.mode == "tick_size":
            mantissa, decimals = parse_decimal(step.precision)
        elif step.mode == "decimal_places":
            decimals = int(step.precision)
            mantissa = 10 ** min(max(-decimals, 0), 30)
            decimals = max(decimals, 0)
        else:
            target.mode = SIGNIFICANT if step.precision else SIGNIFICANT_OR_WHOLE
            target.digits = int(step.precision) if step.precision else 5
            return 0 < target.digits <= 26
    except ValueError:
        return 0
    if not 0 < mantissa < 2**53 or not 0 <= decimals <= FLOAT_POWER:
        return 0
    target.mode = GRID
    target.grid.mantissa = mantissa
    target.grid.decimals = decimals
    target.grid.scale = TENS[decimals]
    return 1


cdef inline int digits_of(int128 size) noexcept nogil:
    cdef int digits = 1
    while digits < 38 and size >= POWERS[digits]:
        digits += 1
    return digits


cdef bint apply_pass(const pass_t *step, int rounding, int128 *mantissa, int *decimals) noexcept nogil:
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
        places = step.grid.decimals
        unit = step.grid.mantissa
    else:
        digits = digits_of(size)
        places = step.digits
        if step.mode == SIGNIFICANT_OR_WHOLE and digits - decimals[0] > places:
            places = digits - decimals[0]
        if step.mode == SIGNIFICANT_OR_WHOLE and negative:
            return False
        places -= digits - decimals[0]
        if places < 0 and rounding == ROUND_NEAREST:
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
    if rest and rounding == ROUND_NEAREST:
        if rest > unit - rest or (rest == unit - rest and not half_down):
            quotient += 1
    if places < decimals[0]:
        unit = unit / POWERS[decimals[0] - places]
    quotient = quotient * unit
    mantissa[0] = -quotient if negative else quotient
    decimals[0] = places
    return True


cdef bint float_pass(const pass_t *step, int rounding, double value, int128 *mantissa, int *decimals) noexcept nogil:
    """The shortest decimal text of a float above zero after one pass; False leaves it to the text.

    No text is made: a float is compared with the float of a decimal of at most 15 digits, which tells how
    their texts compare (c_lots_floor in fixed.pxd says why).
    """
    cdef grid_t grid
    cdef int places
    cdef int64_t count
    cdef bint sure
    if step.mode == GRID:
        grid = step.grid
    else:
        places = power_below(value)
        if places > FLOAT_POWER:
            return False
        if step.mode == SIGNIFICANT_OR_WHOLE and places >= step.digits:
            places = 0
        else:
            places = step.digits - 1 - places
        if not 0 <= places <= FLOAT_POWER:
            return False
        grid.mantissa = 1
        grid.decimals = places
        grid.scale = TENS[places]
    if rounding == ROUND_NEAREST:
        sure = nearest_away(&grid, value, &count)
    else:
        c_lots_floor(&grid, value, &count, &sure)
    if not sure:
        return False
    mantissa[0] = <int128>count * <int128>grid.mantissa
    decimals[0] = grid.decimals
    return True


cdef inline bint nearest_away(const grid_t *grid, double value, int64_t *count) noexcept nogil:
    """The nearest count of steps to the text of a float above zero, a half to the larger one."""
    cdef double whole = value * grid.scale
    cdef int128 half
    if grid.mantissa != 1:
        whole = whole / <double>grid.mantissa
    if not whole < 1e15:
        return False
    whole = floor(whole)
    # The half above, in tenths of the last place; its text is compared with the value's.
    half = (<int128><int64_t>whole * 2 + 1) * <int128>grid.mantissa * 5
    if half >= DIGITS_15_END or grid.decimals >= FLOAT_POWER:
        return False
    count[0] = <int64_t>whole + (value >= <double><int64_t>half / (grid.scale * 10.0))
    return True


cdef inline int power_below(double value) noexcept nogil:
    """The largest power of ten not above the text of a float above zero, as its exponent; 99 for unknown."""
    cdef int power = 0
    if value >= 1.0:
        while power < FLOAT_POWER and value >= TENS[power + 1]:
            power += 1
        return power if power < FLOAT_POWER else 99
    while power < FLOAT_POWER and value < TENTHS[power]:
        power += 1
    return -power if power < FLOAT_POWER else 99


cdef inline bint through(
    const pass_t *passes, int first, int count, int rounding, int128 *mantissa, int *decimals
) noexcept nogil:
    """The number after the passes from ``first`` on; False leaves it to the reference."""
    cdef int index
    for index in range(first, count):
        if not apply_pass(
            &passes[index], passes[index].rounding if rounding == ROUND_AS_VENUE else rounding, mantissa, decimals
        ):
            return False
    return True


cdef inline bint float_through(
    const pass_t *passes, int count, int rounding, double value, int128 *mantissa, int *decimals
) noexcept nogil:
    """The same of a float above zero, from the first pass on."""
    if count == 0 or not float_pass(
        passes, passes.rounding if rounding == ROUND_AS_VENUE else rounding, value, mantissa, decimals
    ):
        return False
    return through(passes, 1, count, rounding, mantissa, decimals)


cdef inline bint on_grid(const grid_t *grid, int128 mantissa, int decimals, int64_t *units) noexcept nogil:
    """The number, not negative, as a count of steps; False when it is none."""
    cdef int128 count
    while decimals > grid.decimals:
        if mantissa % 10:
            return False
        mantissa = mantissa / 10
        decimals -= 1
    if multiply_overflows(mantissa, POWERS[grid.decimals - decimals], &mantissa):
        return False
    count = mantissa
    if grid.mantissa != 1:
        count = mantissa / <int128>grid.mantissa
        if count * <int128>grid.mantissa != mantissa:
            return False
    units[0] = <int64_t>count
    return <int128>units[0] == count


# -- orders ------------------------------------------------------------------------------------------


cdef const char *c_reason(int status) noexcept nogil:
    if status == REASON_NOT_A_NUMBER:
        return "not_a_number"
    if status == REASON_NEGATIVE:
        return "negative"
    if status == REASON_PRICE_OUT_OF_RANGE:
        return "price_out_of_range"
    if status == REASON_AMOUNT_ROUNDS_TO_ZERO:
        return "amount_rounds_to_zero"
    if status == REASON_BELOW_MIN_AMOUNT:
        return "below_min_amount"
    if status == REASON_ABOVE_MAX_AMOUNT:
        return "above_max_amount"
    if status == REASON_BELOW_MIN_NOTIONAL:
        return "below_min_notional"
    if status == REASON_ABOVE_MAX_NOTIONAL:
        return "above_max_notional"
    return ""


cdef inline int price_in_limits(const market_t *m, int64_t count, int64_t *ticks) noexcept nogil:
    if (count == 0 and not m.zero_price) or not m.min_ticks <= count <= m.max_ticks:
        return REASON_PRICE_OUT_OF_RANGE
    ticks[0] = count
    return ST_OK


cdef inline int amount_in_limits(const market_t *m, int64_t count, bint limits, int64_t *lots) noexcept nogil:
    if count == 0:
        return REASON_AMOUNT_ROUNDS_TO_ZERO
    if limits and count < m.min_lots:
        return REASON_BELOW_MIN_AMOUNT
    if limits and count > m.max_lots:
        return REASON_ABOVE_MAX_AMOUNT
    lots[0] = count
    return ST_OK


cdef int c_price_ticks(const market_t *m, double value, int64_t *ticks, bint *sure) noexcept nogil:
    cdef int128 mantissa
    cdef int decimals
    cdef int64_t count
    sure[0] = True
    if not isfinite(value):
        return REASON_NOT_A_NUMBER
    if value < 0.0:
        return REASON_NEGATIVE
    if m.price_is_ticks:
        if value > 0.0 and m.price[0].rounding == ROUND_NEAREST and nearest_away(&m.ticks, value, &count):
            return price_in_limits(m, count, ticks)
    if value > 0.0 and float_through(m.price, m.price_count, ROUND_AS_VENUE, value, &mantissa, &decimals):
        if on_grid(&m.ticks, mantissa, decimals, &count):
            return price_in_limits(m, count, ticks)
    sure[0] = False
    return ST_OK


cdef int c_decimal_ticks(const market_t *m, int128 mantissa, int decimals, int64_t *ticks, bint *sure) noexcept nogil:
    cdef int64_t count
    sure[0] = True
    if mantissa < 0:
        return REASON_NEGATIVE
    if mantissa > 0 and m.price_count and through(m.price, 0, m.price_count, ROUND_AS_VENUE, &mantissa, &decimals):
        if on_grid(&m.ticks, mantissa, decimals, &count):
            return price_in_limits(m, count, ticks)
    sure[0] = False
    return ST_OK


cdef int c_amount_lots(
    const market_t *m, double value, int rounding, bint limits, int64_t *lots, bint *sure
) noexcept nogil:
    cdef int128 mantissa
    cdef int decimals
    cdef int64_t count
    sure[0] = True
    if not isfinite(value):
        return REASON_NOT_A_NUMBER
    if value < 0.0:
        return REASON_NEGATIVE
    if value > 0.0 and m.amount_is_lots and rounding == ROUND_DOWN:
        c_lots_floor(&m.lots, value, &count, sure)
        if sure[0]:
            return amount_in_limits(m, count, limits, lots)
        sure[0] = True
    if value > 0.0 and float_through(m.amount, m.amount_count, rounding, value, &mantissa, &decimals):
        if on_grid(&m.lots, mantissa, decimals, &count):
            return amount_in_limits(m, count, limits, lots)
    sure[0] = False
    return ST_OK


cdef int c_decimal_lots(
    const market_t *m, int128 mantissa, int decimals, int rounding, bint limits, int64_t *lots, bint *sure
) noexcept nogil:
    cdef int64_t count
    sure[0] = True
    if mantissa < 0:
        return REASON_NEGATIVE
    if mantissa > 0 and m.amount_count and through(m.amount, 0, m.amount_count, rounding, &mantissa, &decimals):
        if on_grid(&m.lots, mantissa, decimals, &count):
            return amount_in_limits(m, count, limits, lots)
    sure[0] = False
    return ST_OK


cdef int c_order_notional(const market_t *m, int64_t lots, int64_t ticks, int128 *money) noexcept nogil:
    cdef int128 units
    cdef int status = c_notional(&m.valuation, lots, 1 if m.inverse else ticks, &units)
    if status < ST_OK:
        return status
    if units < m.min_notional:
        return REASON_BELOW_MIN_NOTIONAL
    if units > m.max_notional:
        return REASON_ABOVE_MAX_NOTIONAL
    money[0] = units
    return ST_OK


# -- the shell ---------------------------------------------------------------------------------------


def decimal_to_precision(text: str, rounding: str, count: str, mode: str, padding: str) -> str:
    """A decimal number at a precision, as decimal text.

    ``rounding`` is ``round`` (halves away from zero) or ``truncate``; ``mode`` is ``tick_size``,
    ``decimal_places`` or ``significant_digits``, of which ``count`` is the step or the number (a
    negative one counts places left of the point); ``padding`` is ``no_padding`` or ``pad_with_zero``.
    ValueError for what is not a finite number, needs more than 28 digits, or for an unknown word.
    """
    return plain().decimal_to_precision(text, rounding, count, mode, padding)


cdef bint read(object value, int128 *mantissa, int *decimals) except -1:
    """The number as its text says it; False for everything unusual."""
    cdef char *digits
    cdef bint parsed
    if PyUnicode_CheckExact(value):
        return parse_c(value, mantissa, decimals)
    if not PyFloat_CheckExact(value) or not isfinite(PyFloat_AS_DOUBLE(value)):
        return False
    digits = PyOS_double_to_string(PyFloat_AS_DOUBLE(value), b"r", 0, 0, NULL)
    parsed = parse_ascii(digits, strlen(digits), mantissa, decimals)
    PyMem_Free(digits)
    return parsed


cdef inline str sent(object value, const pass_t *passes, int count):
    """The text after every pass; None leaves it to the reference, as every zero is."""
    cdef int128 mantissa = 0
    cdef int decimals = 0
    cdef double number
    if PyFloat_CheckExact(value):
        number = PyFloat_AS_DOUBLE(value)
        if number > 0.0 and float_through(passes, count, ROUND_AS_VENUE, number, &mantissa, &decimals):
            return decimal_text_c(mantissa, decimals) if mantissa != 0 else None
    if count == 0 or not read(value, &mantissa, &decimals):
        return None
    if mantissa != 0 and through(passes, 0, count, ROUND_AS_VENUE, &mantissa, &decimals) and mantissa != 0:
        return decimal_text_c(mantissa, decimals)
    return None


@cython.final
cdef class Normalizer:
    """The rules of one market, applied. Immutable.

    ``ticks`` and ``lots`` are its grids, ``valuation`` its money. ConfigError for an instrument whose
    sizes are unusable.
    """

    def __cinit__(self, instrument: Instrument):
        self.instrument = instrument
        self.ticks = Grid(instrument.tick_size)
        self.lots = Grid(instrument.lot_size)
        self.c.ticks = grid_of(self.ticks)[0]
        self.c.lots = grid_of(self.lots)[0]
        self.c.inverse = instrument.inverse
        tick_size = "1" if instrument.inverse else instrument.tick_size
        self.valuation = Valuation(tick_size, instrument.lot_size, instrument.contract_size)
        self.c.valuation = valuation_of(self.valuation)[0]
        made = rules(instrument, parse_decimal)
        self.c.zero_price = made.zero_price
        self.c.price_count = compile_passes(made.price, self.c.price)
        self.c.amount_count = compile_passes(made.amount, self.c.amount)
        self.c.price_is_ticks = is_grid(self.c.price, self.c.price_count, &self.c.ticks)
        self.c.amount_is_lots = is_grid(self.c.amount, self.c.amount_count, &self.c.lots)
        end = UNITS_END - 1
        self.c.min_ticks = within(limit_units(instrument.min_price, self.ticks, "up", 1, parse_decimal))
        self.c.max_ticks = within(limit_units(instrument.max_price, self.ticks, "down", end, parse_decimal))
        self.c.min_lots = within(limit_units(instrument.min_amount, self.lots, "up", 1, parse_decimal))
        self.c.max_lots = within(limit_units(instrument.max_amount, self.lots, "down", end, parse_decimal))
        minimum = limit_money(instrument.min_notional, parse_decimal)
        maximum = limit_money(instrument.max_notional, parse_decimal)
        self.c.min_notional = int128_of(-AMOUNT_END if minimum is None else max(min(minimum, AMOUNT_END), -AMOUNT_END))
        self.c.max_notional = int128_of(AMOUNT_END if maximum is None else max(min(maximum, AMOUNT_END), -AMOUNT_END))

    cdef object _plain(self):
        if self._reference is None:
            self._reference = plain().Normalizer(self.instrument)
        return self._reference

    def price(self, value: str | float) -> str:
        """The price as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = sent(value, self.c.price, self.c.price_count)
        return self._plain().price(value) if text is None else text

    def amount(self, value: str | float) -> str:
        """The amount as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = sent(value, self.c.amount, self.c.amount_count)
        return self._plain().amount(value) if text is None else text

    def price_ticks(self, value: str | float) -> int:
        """The price on the tick grid, inside the market's price limits."""
        cdef int64_t count = 0
        cdef int128 mantissa
        cdef int decimals
        cdef bint sure = False
        cdef int status = ST_OK
        if PyFloat_CheckExact(value):
            status = c_price_ticks(&self.c, PyFloat_AS_DOUBLE(value), &count, &sure)
        elif read(value, &mantissa, &decimals):
            status = c_decimal_ticks(&self.c, mantissa, decimals, &count, &sure)
        if sure and status == ST_OK:
            return count
        return self._plain().price_ticks(value)

    def amount_lots(self, value: str | float, rounding: str = "down", limits: bool = True) -> int:
        """The amount on the lot grid: ``down``, never more than asked for, or ``nearest``.

        Without ``limits`` the minimum and maximum are not looked at: a close takes what is there.
        """
        cdef int64_t count = 0
        cdef int128 mantissa
        cdef int decimals
        cdef bint sure = False
        cdef int status = ST_OK
        cdef int how = ROUND_DOWN
        if rounding == "nearest":
            how = ROUND_NEAREST
        elif rounding != "down":
            return self._plain().amount_lots(value, rounding, limits)
        if PyFloat_CheckExact(value):
            status = c_amount_lots(&self.c, PyFloat_AS_DOUBLE(value), how, limits, &count, &sure)
        elif read(value, &mantissa, &decimals):
            status = c_decimal_lots(&self.c, mantissa, decimals, how, limits, &count, &sure)
        if sure and status == ST_OK:
            return count
        return self._plain().amount_lots(value, rounding, limits)

    def notional(self, lots: int, ticks: int) -> int:
        """Money of the order, inside the market's notional limits (closes need not ask)."""
        cdef int128 units
        cdef int64_t count = units_of(lots)
        cdef int64_t price = 1 if self.c.inverse else units_of(ticks)
        if c_order_notional(&self.c, count, price, &units) == ST_OK:
            return int_of(units)
        return self._plain().notional(lots, ticks)


cdef int compile_passes(object steps, pass_t *passes) except -1:
    """Number of passes; 0 leaves all of them to the reference."""
    cdef int index
    if len(steps) > PASSES_MAX:
        return 0
    for index in range(len(steps)):
        if not compile_pass(steps[index], &passes[index]):
            return 0
    return len(steps)


cdef inline bint is_grid(const pass_t *passes, int count, const grid_t *grid) noexcept:
    """Whether the only pass counts on the grid itself."""
    if count != 1 or passes.mode != GRID:
        return False
    return passes.grid.mantissa == grid.mantissa and passes.grid.decimals == grid.decimals


cdef inline int64_t within(object units) except? -1:
    """A limit as 64 bits; one beyond limits no more than the last number does."""
    return max(min(units, UNITS_END - 1), 1 - UNITS_END)


def _verdict(market: Normalizer, what: str, value: float, rounding: str = "down", limits: bool = True):
    """The C functions' answer for a float: the count, or the token of the refusal; None when not sure."""
    cdef Normalizer rules_of = market
    cdef int64_t count = 0
    cdef bint sure = False
    cdef int status
    if what == "price_ticks":
        status = c_price_ticks(&rules_of.c, value, &count, &sure)
    else:
        status = c_amount_lots(
            &rules_of.c, value, ROUND_NEAREST if rounding == "nearest" else ROUND_DOWN, limits, &count, &sure
        )
    if not sure:
        return None
    return count if status == ST_OK else c_reason(status).decode()
