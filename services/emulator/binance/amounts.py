"""Decimal arithmetic that never rounds unless it is asked to.

Everything the exchange works out runs in the context ``EXACT``, which raises ``decimal.Inexact`` where a result does
not fit its 60 digits: a sum that lost a digit cannot pass unseen. Where the venue rounds (a fee, a realised profit, an
average) the code calls ``rounded`` or ``divided``.
"""

from __future__ import annotations

from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from functools import lru_cache
from typing import Final

__all__ = [
    "ASSET_DECIMALS",
    "EXACT",
    "ZERO",
    "cut",
    "decimals_of",
    "digits",
    "divided",
    "is_multiple",
    "rounded",
    "text",
]

_TRAPS: Final = [InvalidOperation, DivisionByZero, Overflow]
EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[*_TRAPS, Inexact])
_ROUNDING: Final = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=_TRAPS)

ZERO: Final = Decimal(0)
ASSET_DECIMALS: Final = 8
"""Digits after the point of every amount of an asset at this venue."""


_UNITS: Final = tuple(Decimal(1).scaleb(-decimals) for decimals in range(21))
"""The last digit for a number of digits after the point."""


def rounded(value: Decimal, decimals: int = ASSET_DECIMALS) -> Decimal:
    """To that many digits after the point, half to even."""
    return value.quantize(_UNITS[decimals], ROUND_HALF_EVEN, _ROUNDING)


def divided(dividend: Decimal, divisor: Decimal, decimals: int = ASSET_DECIMALS) -> Decimal:
    """The quotient, rounded half to even."""
    return rounded(_ROUNDING.divide(dividend, divisor), decimals)


def cut(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of ``step`` that is not above a value of 0 or more."""
    return _ROUNDING.divide_int(value, step) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whether the value stands on the step."""
    return not _ROUNDING.remainder(value, step)


@lru_cache(1024)
def decimals_of(step: Decimal) -> int:
    """Digits after the point of a step: 2 for 0.01, 0 for 10."""
    exponent = step.normalize(_ROUNDING).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def text(value: Decimal, decimals: int = ASSET_DECIMALS) -> str:
    """With exactly that many digits after the point, cut off; zero has no sign."""
    shown = value.quantize(_UNITS[decimals], ROUND_DOWN, _ROUNDING)
    return f"{shown if shown else abs(shown):f}"


def digits(value: Decimal) -> str:
    """The shortest text: no exponent, no trailing zeros."""
    return f"{value.normalize(_ROUNDING):f}" if value else "0"
