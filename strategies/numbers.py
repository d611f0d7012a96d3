"""Numbers that a strategy says, as exact decimal text.

A float becomes the shortest text that reads back as the same float, so a quantity that was shown as
a float and is given back comes out as the decimal it was.
"""

from __future__ import annotations

from decimal import Decimal
from typing import SupportsFloat, SupportsIndex

from live_runner.hotpath import fixed

__all__ = ["Number", "number_text"]

type Number = float | int | str | Decimal | SupportsIndex | SupportsFloat


def number_text(value: Number) -> str:
    """Shortest decimal text without an exponent; ValueError for anything but a finite number."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a valid number")
    if isinstance(value, float):
        return fixed.float_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str | Decimal):
        return fixed.decimal_text(*fixed.parse_decimal(str(value)))
    if isinstance(value, SupportsIndex):
        return str(value.__index__())
    if isinstance(value, SupportsFloat):
        return fixed.float_text(float(value))
    raise ValueError(f"{type(value).__name__} is not a valid number")
