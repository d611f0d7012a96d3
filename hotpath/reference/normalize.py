"""Prices and amounts as a venue takes them, in every way that ccxt's venues count precision.

``Normalizer.price`` and ``Normalizer.amount`` give what ccxt's ``price_to_precision`` and
``amount_to_precision`` give: a price to the nearest, an amount cut off. Where ccxt raises, and where it
would hand on ``NaN`` or ``Infinity``, NormalizationRefused is raised, with its reason. The execution core
uses ``price_ticks`` and ``amount_lots``: counts on the instrument's grid, inside the market's limits,
an amount never more than was asked for unless it says ``nearest``.

Which passes a venue makes stands in market_rules.py. ccxt computes with 28 digits, halves away from zero;
so do we, and what needs more is refused.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Final, final

from live_runner.contracts.errors import ConfigError, NormalizationRefused
from live_runner.contracts.messages import Instrument
from live_runner.hotpath.constants import CONTEXT_DIGITS, UNITS_END
from live_runner.hotpath.market_rules import Step, limit_money, limit_units, rules
from live_runner.hotpath.reference import fixed

__all__ = ["NormalizationRefused", "Normalizer", "decimal_to_precision"]

_CONTEXT: Final = decimal.Context(
    prec=CONTEXT_DIGITS,
    rounding=decimal.ROUND_HALF_UP,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)


def decimal_to_precision(text: str, rounding: str, count: str, mode: str, padding: str) -> str:
    """A decimal number at a precision, as decimal text.

    ``rounding`` is ``round`` (halves away from zero) or ``truncate``; ``mode`` is ``tick_size``,
    ``decimal_places`` or ``significant_digits``, of which ``count`` is the step or the number (a
    negative one counts places left of the point); ``padding`` is ``no_padding`` or ``pad_with_zero``.
    ValueError for what is not a finite number, needs more than 28 digits, or for an unknown word.
    """
    if rounding not in ("round", "truncate") or padding not in ("no_padding", "pad_with_zero"):
        raise ValueError(f"'{rounding}' or '{padding}' is not a valid way to round or pad")
    fixed.parse_decimal(text)
    number = Decimal(text)
    try:
        if mode == "tick_size":
            mantissa, decimals = fixed.parse_decimal(count)
            if mantissa <= 0:
                raise ValueError(f"A step of {count} is not positive")
            step = Decimal(mantissa).scaleb(-decimals)
            return _places(_to_step(number, step, rounding), "round", decimals, padding)
        digits = min(int(count), CONTEXT_DIGITS - 2)
        if digits < 0 and mode in ("decimal_places", "significant_digits"):
            return _tens(number, Decimal(10**-digits), rounding, padding)
        if mode == "decimal_places":
            return _places(number, rounding, digits, padding)
        if mode == "significant_digits":
            return _significant(number, rounding, digits, padding)
    except decimal.DecimalException as error:
        raise ValueError(f"{text[:40]} needs more than {CONTEXT_DIGITS} digits") from error
    raise ValueError(f"'{mode}' is not a valid way to count precision")


def _to_step(number: Decimal, step: Decimal, rounding: str) -> Decimal:
    """The multiple of the step that is nearest, or the next one towards zero."""
    missing = _CONTEXT.remainder(_CONTEXT.abs(number), step)
    if not missing:
        return number
    size = _CONTEXT.subtract(_CONTEXT.copy_abs(number), missing)
    if rounding == "round" and missing >= _CONTEXT.divide(step, Decimal(2)):
        size = _CONTEXT.add(size, step)
    return size.copy_sign(number)


def _tens(number: Decimal, unit: Decimal, rounding: str, padding: str) -> str:
    """To a power of ten above one."""
    if rounding == "truncate":
        return _places(_CONTEXT.subtract(number, _CONTEXT.remainder(number, unit)), rounding, 0, padding)
    units = Decimal(_places(_CONTEXT.divide(number, unit), rounding, 0, padding))
    return format(_CONTEXT.multiply(unit, units), "f")


def _places(number: Decimal, rounding: str, digits: int, padding: str) -> str:
    """To a number of decimal places."""
    if rounding == "round":
        text = format(_CONTEXT.quantize(number, Decimal(1).scaleb(-digits)), "f")
    else:
        whole, _, fraction = format(number, "f").partition(".")
        text = f"{whole}.{fraction[:digits]}"
    whole, _, fraction = _unsigned_zero(text).partition(".")
    fraction = fraction.rstrip("0") if padding == "no_padding" else fraction.ljust(digits, "0")
    return f"{whole}.{fraction}" if fraction else whole


def _significant(number: Decimal, rounding: str, digits: int, padding: str) -> str:
    """To a number of significant digits."""
    plain = format(number, "f")
    if rounding == "round":
        places = digits - number.adjusted() - 1
        if places >= 0:
            plain = format(_CONTEXT.quantize(number, Decimal(1).scaleb(-places)), "f")
        else:
            # Left of the point ccxt takes the nearer of two candidates, a half to the one nearer zero,
            # and counts a minus sign as a digit.
            unit = Decimal(10**-places)
            below = _CONTEXT.multiply(unit, Decimal(plain[:digits] or "0"))
            above = _CONTEXT.add(below, unit)
            plain = format(min((below, above), key=lambda at: _CONTEXT.subtract(at, number).copy_abs()), "f")
    elif digits == 0:
        return "0"
    else:
        plain = _cut_significant(plain, number.adjusted(), digits)
    plain = _unsigned_zero(plain).rstrip(".") if rounding == "truncate" else _unsigned_zero(plain)
    whole, dot, fraction = plain.partition(".")
    if padding == "no_padding":
        fraction = fraction.rstrip("0")
        return f"{whole}.{fraction}" if fraction else whole
    if not dot:
        return f"{plain}.{'0' * (digits - len(plain))}" if digits > len(plain) else plain
    significant = plain.lstrip("0.")
    width = digits + 1 if "." in significant else digits
    return plain[: len(plain) - len(significant)] + significant.rstrip("0").ljust(width, "0")


def _cut_significant(plain: str, adjusted: int, digits: int) -> str:
    """The text cut off after a number of significant digits, zeros up to the point."""
    if digits >= len(plain.replace(".", "")):
        return plain
    point = plain.index(".") if "." in plain else len(plain)
    end = point - adjusted + digits
    if point >= end:
        end -= 1
    return plain[:end].ljust(point, "0")


def _unsigned_zero(text: str) -> str:
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


# -- one market ----------------------------------------------------------------------------------


@final
class Normalizer:
    """The rules of one market, applied. Immutable.

    ``ticks`` and ``lots`` are its grids, ``valuation`` its money. ConfigError for an instrument whose
    sizes are unusable.
    """

    __slots__ = (
        "_limits",
        "_max_lots",
        "_max_ticks",
        "_min_lots",
        "_min_ticks",
        "_rules",
        "instrument",
        "lots",
        "ticks",
        "valuation",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument: Final = instrument
        self.ticks: Final = fixed.Grid(instrument.tick_size)
        self.lots: Final = fixed.Grid(instrument.lot_size)
        # A contract of an inverse market is worth its size in the quote currency, whatever the price.
        tick_size = "1" if instrument.inverse else instrument.tick_size
        self.valuation: Final = fixed.Valuation(tick_size, instrument.lot_size, instrument.contract_size)
        self._rules: Final = rules(instrument, fixed.parse_decimal)
        parse, end = fixed.parse_decimal, UNITS_END - 1
        self._min_ticks: Final = limit_units(instrument.min_price, self.ticks, "up", 1, parse)
        self._max_ticks: Final = limit_units(instrument.max_price, self.ticks, "down", end, parse)
        self._min_lots: Final = limit_units(instrument.min_amount, self.lots, "up", 1, parse)
        self._max_lots: Final = limit_units(instrument.max_amount, self.lots, "down", end, parse)
        self._limits: Final = (
            limit_money(instrument.min_notional, parse),
            limit_money(instrument.max_notional, parse),
        )

    def price(self, value: str | float) -> str:
        """The price as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = _text(value, "price")
        steps = self._rules.price
        if self.instrument.venue == "hyperliquid":
            whole = fixed.decimal_text(*fixed.parse_decimal(text)).partition(".")[0]
            steps = (Step("round", str(max(5, len(whole))), "significant_digits"), *steps[1:])
        text = _through(steps, text, "price", "price_out_of_range")
        if text == "0" and not self._rules.zero_price:
            raise _refusal("price_out_of_range", f"A price of {value} is zero at the precision of the market")
        return text

    def amount(self, value: str | float) -> str:
        """The amount as ccxt would send it. A negative one is handed on, as ccxt does."""
        text = _through(self._rules.amount, asked := _text(value, "amount"), "amount", "above_max_amount")
        if text == "0" and not self._rules.zero_amount:
            # hyperliquid takes an explicit zero: its orders over a whole position have one.
            if self.instrument.venue == "hyperliquid" and fixed.parse_decimal(asked)[0] <= 0:
                return text
            raise _refusal("amount_rounds_to_zero", f"An amount of {value} is zero at the precision of the market")
        return text

    def price_ticks(self, value: str | float) -> int:
        """The price on the tick grid, inside the market's price limits."""
        text = _text(value, "price")
        if fixed.parse_decimal(text)[0] < 0:
            raise _refusal("negative", f"A price of {text} is negative")
        count = _on_grid(self.ticks, self.price(text), "price_out_of_range")
        if not self._min_ticks <= count <= self._max_ticks:
            raise _refusal(
                "price_out_of_range",
                f"A price of {text} is outside the market's limits",
                min_price=self.instrument.min_price,
                max_price=self.instrument.max_price,
            )
        return count

    def amount_lots(self, value: str | float, rounding: str = "down", limits: bool = True) -> int:
        """The amount on the lot grid: ``down``, never more than asked for, or ``nearest``.

        Without ``limits`` the minimum and maximum are not looked at: a close takes what is there.
        """
        if rounding not in ("down", "nearest"):
            raise ConfigError(
                f"'{rounding}' is not a valid rounding of amounts", remedy="Use down or nearest", key="rounding"
            )
        text = _text(value, "amount")
        if fixed.parse_decimal(text)[0] < 0:
            raise _refusal("negative", f"An amount of {text} is negative")
        how = "round" if rounding == "nearest" else "truncate"
        steps = tuple(step._replace(rounding=how) for step in self._rules.amount)
        count = _on_grid(self.lots, _through(steps, text, "amount", "above_max_amount"), "amount_rounds_to_zero")
        if count == 0:
            raise _refusal("amount_rounds_to_zero", f"An amount of {text} is less than one lot")
        if limits and count < self._min_lots:
            minimum = self.instrument.min_amount
            raise _refusal("below_min_amount", f"An amount of {text} is below {minimum}", min_amount=minimum)
        if limits and count > self._max_lots:
            maximum = self.instrument.max_amount
            raise _refusal("above_max_amount", f"An amount of {text} is above {maximum}", max_amount=maximum)
        return count

    def notional(self, lots: int, ticks: int) -> int:
        """Money of the order, inside the market's notional limits (closes need not ask)."""
        units = self.valuation.notional(lots, 1 if self.instrument.inverse else ticks)
        minimum, maximum = self._limits
        if minimum is not None and units < minimum:
            limit = self.instrument.min_notional
            worth = fixed.money_text(units)
            raise _refusal("below_min_notional", f"An order of {worth} is below {limit}", min_notional=limit)
        if maximum is not None and units > maximum:
            limit = self.instrument.max_notional
            worth = fixed.money_text(units)
            raise _refusal("above_max_notional", f"An order of {worth} is above {limit}", max_notional=limit)
        return units


def _through(steps: tuple[Step, ...], text: str, name: str, reason: str) -> str:
    """The text after every pass."""
    asked = text
    try:
        for step in steps:
            text = decimal_to_precision(text, step.rounding, step.precision, step.mode, "no_padding")
    except ValueError as error:
        raise _refusal(reason, f"The {name} {asked[:40]} has more digits than can be kept") from error
    return text


def _text(value: str | float, name: str) -> str:
    """Plain text of what was given; refused as ``not_a_number`` when it is none."""
    text = value if isinstance(value, str) else repr(float(value)) if isinstance(value, float) else str(value)
    try:
        fixed.parse_decimal(text)
    except ValueError as error:
        raise _refusal("not_a_number", f"The {name} '{text[:40]}' is not a finite number") from error
    return text


def _on_grid(grid: fixed.Grid, text: str, reason: str) -> int:
    try:
        return grid.units(text)
    except ValueError as error:
        raise _refusal(reason, f"{text} cannot be counted in steps of {grid.step}") from error


def _refusal(reason: str, what: str, **fields: str) -> NormalizationRefused:
    return NormalizationRefused(what, reason=reason, **fields)
