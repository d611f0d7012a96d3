"""Exact decimals: ticks, lots and money as integers, text at the edges.

Money is an integer of 1e-12 of the settle currency. A price is a count of ticks, a quantity a count of
lots; such a count fits a signed 64-bit integer. A product on the way to an amount stays under 2**127 and
an amount under 2**100 (1.2e18 of the currency); what would leave that range raises LedgerOverflow, so
that no amount is ever wrong in silence. Each amount is rounded once, half-even.
"""

from __future__ import annotations

import math
from typing import Final, final

from live_runner.contracts.decimals import DIGITS_MAX, parse_decimal
from live_runner.contracts.errors import ConfigError, LedgerOverflow
from live_runner.hotpath.constants import (
    AMOUNT_END,
    EXACT_END,
    GRID_DECIMALS_MAX,
    MONEY_DECIMALS,
    PRODUCT_END,
    UNITS_END,
)

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


def decimal_text(mantissa: int, decimals: int) -> str:
    """Shortest text of mantissa / 10**decimals: no exponent, no trailing zeros, no negative zero."""
    if not 0 <= decimals <= DIGITS_MAX:
        raise ValueError(f"{decimals} decimals: 0 to {DIGITS_MAX} can be written")
    digits = str(abs(mantissa)).zfill(decimals + 1)
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    text = f"{whole}.{fraction}" if fraction else whole
    return f"-{text}" if mantissa < 0 else text


def money(text: str) -> int:
    """Units of 1e-12 of an amount in decimal text.

    ValueError for more than 12 decimals, LedgerOverflow for an amount out of range.
    """
    mantissa, decimals = parse_decimal(text)
    if decimals > MONEY_DECIMALS:
        raise ValueError(f"'{text}' has more than {MONEY_DECIMALS} decimals")
    return _amount(mantissa * 10 ** (MONEY_DECIMALS - decimals))


def money_text(units: int) -> str:
    """Shortest decimal text of an amount: ``0``, ``-0.5``, ``12.345``."""
    return decimal_text(_amount(units), MONEY_DECIMALS)


def money_float(units: int) -> float:
    """The float64 nearest to an amount, in whole units of the currency."""
    return _amount(units) / 10**MONEY_DECIMALS


def float_text(value: float) -> str:
    """Shortest decimal text that reads back as the same float, without exponent: ``0.00001``.

    ValueError for nan and infinities.
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return decimal_text(*parse_decimal(repr(float(value))))


def div_half_even(numerator: int, denominator: int) -> int:
    """The quotient rounded to the nearest integer, a half to the even one.

    ZeroDivisionError for denominator 0; LedgerOverflow where numerator, denominator or result is out of
    range.
    """
    _product(numerator)
    _product(denominator)
    if denominator == 0:
        raise ZeroDivisionError("division of an amount by zero")
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return _amount(_half_even(numerator, denominator))


def is_near_a_tie(count: float) -> bool:
    """Whether a product or quotient of floats lies half way between two numbers, as far as its error lets one see."""
    return abs(count - round(count)) >= 0.5 - abs(count) * 2.0**-50


@final
class Grid:
    """A tick or lot size: counts of it are exact, and text is what leaves the system. Immutable.

    ConfigError for a step that is not a positive decimal, has more than 22 decimals, or more digits
    than a float64 holds exactly. Every count is a signed 64-bit integer: a text beyond that is a
    ValueError, a count beyond it LedgerOverflow.
    """

    __slots__ = ("_scale", "decimals", "mantissa", "step")

    def __init__(self, step: str) -> None:
        mantissa, decimals = _positive(step, "step")
        self.mantissa: Final = mantissa
        self.decimals: Final = decimals
        self.step: Final = decimal_text(mantissa, decimals)
        self._scale: Final = float(10**decimals)

    def text(self, units: int) -> str:
        """Decimal text of a count of steps."""
        return decimal_text(in_range(units) * self.mantissa, self.decimals)

    def units(self, text: str) -> int:
        """The count of steps that the text is exactly; ValueError when it is off the grid."""
        numerator, denominator = self._ratio(text)
        count, rest = divmod(numerator, denominator)
        if rest:
            raise ValueError(f"{text} is not a multiple of {self.step}")
        return self._counted(count, text)

    def floor(self, text: str) -> int:
        """The largest count of steps that is not above the number."""
        numerator, denominator = self._ratio(text)
        return self._counted(numerator // denominator, text)

    def ceil(self, text: str) -> int:
        """The smallest count of steps that is not below the number."""
        numerator, denominator = self._ratio(text)
        return self._counted(-(-numerator // denominator), text)

    def nearest(self, text: str) -> int:
        """The count of steps nearest to the number, a half to the even one."""
        numerator, denominator = self._ratio(text)
        return self._counted(_half_even(numerator, denominator), text)

    def from_float(self, value: float) -> int:
        """A market observation on the grid, a half to the even count.

        In float64: rint(value * 10**decimals / mantissa); near a tie, which two float operations lose, by the decimal
        that the float prints. ValueError for what is not finite, and for a result of 2**53 or more, where float64 no
        longer counts in ones.
        """
        count = value * self._scale
        if self.mantissa != 1:
            count = count / self.mantissa
        if not abs(count) < EXACT_END:
            raise ValueError(f"{value} cannot be counted in steps of {self.step}")
        return self.nearest(float_text(value)) if is_near_a_tie(count) else round(count)

    def floor_float(self, value: float) -> int:
        """The largest count of steps that is not above the float's shortest text."""
        return self.floor(float_text(value))

    def nearest_float(self, value: float) -> int:
        """The count of steps nearest to the float's shortest text, a half to the even one."""
        return self.nearest(float_text(value))

    def to_float(self, units: int) -> float:
        """The float64 nearest to the exact decimal."""
        return float(in_range(units) * self.mantissa / 10**self.decimals)

    def __repr__(self) -> str:
        return f"Grid('{self.step}')"

    def _ratio(self, text: str) -> tuple[int, int]:
        """The number in steps, as numerator and denominator."""
        mantissa, decimals = parse_decimal(text)
        return mantissa * 10**self.decimals, self.mantissa * 10**decimals

    def _counted(self, count: int, text: str) -> int:
        if not -UNITS_END < count < UNITS_END:
            raise ValueError(f"{text} is out of range in steps of {self.step}")
        return count


@final
class Valuation:
    """Exact money of lots at ticks, in the settle currency of a linear market. Immutable.

    Signs are carried through. LedgerOverflow for an amount or an intermediate product out of range;
    ConfigError for sizes that are not positive decimals, or whose product is outside 1e-50 to 1e18.
    """

    __slots__ = ("divisor", "multiplier")

    def __init__(self, tick_size: str, lot_size: str, contract_size: str) -> None:
        tick, tick_decimals = _positive(tick_size, "tick_size")
        lot, lot_decimals = _positive(lot_size, "lot_size")
        contract, contract_decimals = _positive(contract_size, "contract_size")
        scale = tick_decimals + lot_decimals + contract_decimals - MONEY_DECIMALS
        numerator = tick * lot * contract * 10 ** max(-scale, 0)
        denominator = 10 ** max(scale, 0)
        shared = math.gcd(numerator, denominator)
        self.multiplier: Final = numerator // shared
        self.divisor: Final = denominator // shared
        if self.multiplier >= AMOUNT_END or self.divisor >= PRODUCT_END:
            raise ConfigError(
                f"One tick of one lot is {tick_size} * {lot_size} * {contract_size}: no amount that can be kept",
                remedy="Check tick size, lot size and contract size of the market",
                tick_size=tick_size,
                lot_size=lot_size,
                contract_size=contract_size,
            )

    def notional(self, lots: int, ticks: int) -> int:
        """Money of a quantity at a price, rounded once."""
        return self.product(in_range(lots) * in_range(ticks))

    def product(self, lots_times_ticks: int) -> int:
        """Money of a sum of quantity * price products, rounded once."""
        return div_half_even(_product(_product(lots_times_ticks) * self.multiplier), self.divisor)

    def fee(self, lots: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Money of a share (rate_mantissa / 10**rate_decimals) of a notional, rounded once.

        ValueError for a rate outside 0 to 22 decimals.
        """
        scale = 10 ** _rate_decimals(rate_decimals)
        count, rate = in_range(lots) * in_range(ticks), in_range(rate_mantissa)
        return div_half_even(_product(_product(count * self.multiplier) * rate), _product(self.divisor * scale))


def _half_even(numerator: int, denominator: int) -> int:
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def _positive(text: str, name: str) -> tuple[int, int]:
    """Mantissa and decimals of a size of a market."""
    try:
        mantissa, decimals = parse_decimal(text)
    except ValueError as error:
        raise ConfigError(f"The {name} '{text}' is not a valid decimal", remedy=_SIZES, **{name: text}) from error
    if not 0 < mantissa < EXACT_END or decimals > GRID_DECIMALS_MAX:
        raise ConfigError(f"The {name} '{text}' is not positive or too fine", remedy=_SIZES, **{name: text})
    return mantissa, decimals


def _rate_decimals(value: int) -> int:
    if not 0 <= value <= GRID_DECIMALS_MAX:
        raise ValueError(f"{value} decimals of a rate: 0 to {GRID_DECIMALS_MAX} are kept")
    return value


def in_range(value: int) -> int:
    if not -UNITS_END < value < UNITS_END:
        raise LedgerOverflow(f"{value} ticks or lots do not fit 64 bits", remedy=_RANGE)
    return value


def _product(value: int) -> int:
    if not -PRODUCT_END < value < PRODUCT_END:
        raise LedgerOverflow("A product of quantity and price does not fit 128 bits", remedy=_RANGE)
    return value


def _amount(value: int) -> int:
    if not -AMOUNT_END < value < AMOUNT_END:
        raise LedgerOverflow(f"An amount of {value} units of 1e-{MONEY_DECIMALS} is out of range", remedy=_RANGE)
    return value


_SIZES: Final = f"Give a positive decimal below 2**53 in its last place, with at most {GRID_DECIMALS_MAX} decimals"
_RANGE: Final = "Check prices, quantities and the market's contract size"
