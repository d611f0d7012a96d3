"""money.pxd for the interpreter: Python's own integers with the same bounds, errors and roundings.

Money is counted in 1e-12 of the settle currency and stays below 2**100, products and sums on the way to it below
2**127, lots and ticks below 2**63. What leaves its range is a LedgerOverflow. This module is not compiled.
"""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.errors import LedgerOverflow
from live_runner.hotpath import fixed
from live_runner.hotpath.constants import AMOUNT_END, EXACT_END, MONEY_DECIMALS, PRODUCT_END, UNITS_END
from live_runner.hotpath.reference.fixed import is_near_a_tie

__all__ = [
    "add64",
    "amount",
    "count64",
    "divide",
    "floor_of",
    "is_exact",
    "money",
    "money_float",
    "money_text",
    "mul",
    "near",
    "nearest",
    "of_whole",
    "overflow_error",
    "plus",
    "power_of_ten",
    "quick_lots",
    "quick_lots_text",
    "quick_ticks",
    "quick_ticks_text",
    "ticks_at",
    "times",
    "to_float",
    "units_text",
    "whole",
]


FAR_FROM_TIES_END: Final = 2.0**48
"""Below this a count within a quarter of a whole number is not near a tie."""


def overflow_error(what: str) -> LedgerOverflow:
    """The error of a number that left its range; ``what`` is the sentence."""
    return LedgerOverflow(what, remedy="Check prices, quantities, equity and the market's contract size")


def times(a: int, b: int) -> int:
    """A product of two 64-bit numbers; it always fits."""
    return a * b


def mul(a: int, b: int) -> int:
    """A product that may not fit."""
    if not -PRODUCT_END <= a * b < PRODUCT_END:
        raise overflow_error("A product of quantity and price does not fit 128 bits")
    return a * b


def plus(a: int, b: int) -> int:
    """A sum that may not fit."""
    if not -PRODUCT_END <= a + b < PRODUCT_END:
        raise overflow_error("A sum of quantities times prices does not fit 128 bits")
    return a + b


def add64(a: int, b: int) -> int:
    """A sum of two counts of lots or ticks."""
    if not -UNITS_END <= a + b < UNITS_END:
        raise overflow_error("A sum of lots or ticks does not fit 64 bits")
    return a + b


def is_exact(units: int) -> bool:
    """Whether lots or ticks are below 2**53, where float64 counts in ones."""
    return -EXACT_END < units < EXACT_END


def floor_of(a: int, b: int) -> int:
    """The largest whole number that is not above a / b, for b above 0."""
    return a // b


def count64(units: int) -> int:
    """A count of lots or ticks out of a wider computation."""
    if not -UNITS_END <= units < UNITS_END:
        raise overflow_error("A count of lots or ticks does not fit 64 bits")
    return units


def amount(units: int) -> int:
    """The amount, if it is inside the range of money: below 2**100."""
    if not -AMOUNT_END < units < AMOUNT_END:
        raise overflow_error("An amount of money is out of range: 2**100 units of 1e-12 or more")
    return units


def divide(a: int, b: int) -> int:
    """The quotient as an amount, a half to the even one. The divisor is never 0."""
    if b < 0:
        a, b = -a, -b
    if b == 0 or b >= PRODUCT_END or not -PRODUCT_END < a < PRODUCT_END:
        raise overflow_error("An amount of money is out of range: 2**100 units of 1e-12 or more")
    quotient, rest = divmod(a, b)
    return amount(quotient + (2 * rest > b or (2 * rest == b and quotient % 2 == 1)))


def money(product: int, multiplier: int, divisor: int) -> int:
    """Money of a sum of lots * ticks, rounded once; multiplier / divisor is the money of one tick of one lot."""
    if divisor != 1:
        return divide(mul(product, multiplier), divisor)
    units = product * multiplier
    return units if -AMOUNT_END < units < AMOUNT_END else amount(mul(product, multiplier))


def power_of_ten(exponent: int) -> int:
    """10**exponent, 0 to 38."""
    return int(10**exponent)


def nearest(count: float) -> int:
    """The nearest whole number below 2**53, a half to the even one."""
    return round(count)


def ticks_at(price: float, scale: float, mantissa: float) -> int:
    """A market price in ticks of mantissa / scale, a half to the even count; 0 for one that is not on the grid."""
    count = price * scale
    if mantissa != 1.0:
        count = count / mantissa
    if not 0.0 < count < 9007199254740992.0:
        return 0
    ticks = round(count)
    if -0.25 < count - ticks < 0.25 and count < FAR_FROM_TIES_END:
        return ticks
    return exact_ticks(price, scale, mantissa) if is_near_a_tie(count) else ticks


def exact_ticks(price: float, scale: float, mantissa: float) -> int:
    """The nearest count to the decimal that the float prints, a half to the even one: floats lose a tie."""
    digits, decimals = fixed.parse_decimal(fixed.float_text(price))
    steps, of = digits * int(scale), 10**decimals * int(mantissa)
    ticks, rest = divmod(steps, of)
    return int(ticks + (2 * rest > of or (2 * rest == of and ticks % 2 == 1)))


def to_float(grid: Any, units: int) -> float:
    """The float64 nearest to a count of steps."""
    return float(grid.to_float(units))


def money_float(units: int) -> float:
    """The float64 nearest to an amount, in whole units of the currency."""
    return units / 10**MONEY_DECIMALS


def near(units: int) -> float:
    """The units as a float, correct to a few units in the last place."""
    return float(units)


def whole(units: int) -> int:
    """As a Python int, which it is already."""
    return units


def of_whole(units: int) -> int:
    """From a Python int."""
    if not -PRODUCT_END < units < PRODUCT_END:
        raise overflow_error("A product of quantity and price does not fit 128 bits")
    return units


money_text: Final = fixed.money_text


def units_text(grid: Any, units: int) -> str:
    """Shortest decimal text of a count of steps."""
    return str(grid.text(units))


def quick_ticks(normalizer: Any, price: float) -> int:
    """The price in ticks as the market takes it; -1 where the normalizer has to be asked, which is always here."""
    return -1


def quick_ticks_text(normalizer: Any, price: str) -> int:
    """The same of decimal text."""
    return -1


def quick_lots(normalizer: Any, quantity: float, rounding: str) -> int:
    """The quantity in lots as the market takes it; -1 where the normalizer has to be asked, which is always here."""
    return -1


def quick_lots_text(normalizer: Any, quantity: str, rounding: str) -> int:
    """The same of decimal text."""
    return -1
