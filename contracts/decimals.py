"""Exact decimal numbers in text: what a configuration, a message and the engine's integers agree on."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DIGITS_MAX", "PATTERN", "parse_decimal"]

DIGITS_MAX: Final = 400
"""Longest number taken, in digits before or after the point: every float64 and more."""

PATTERN: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?$"
"""The grammar of a decimal number as a regular expression, for JSON schemas."""

_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?")


def parse_decimal(text: str) -> tuple[int, int]:
    """Mantissa and decimals, without trailing zeros: ``0.10`` is (1, 1), ``100`` is (100, 0).

    Exponents are read (``7e-05``). ValueError for text that is not a finite decimal number, and for a number
    of more than 400 digits.
    """
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        raise ValueError(f"'{text[:40]}' is not a valid decimal number")
    fraction = (match[3] or "").rstrip("0")
    digits = (match[2] + fraction).lstrip("0")
    decimals = len(fraction) - int(match[4] or "0")
    if not digits:
        return 0, 0
    if decimals > 0:
        kept = digits.rstrip("0")
        cut = min(decimals, len(digits) - len(kept))
        digits = digits[: len(digits) - cut]
        decimals -= cut
    if decimals > DIGITS_MAX or len(digits) + max(-decimals, 0) > DIGITS_MAX:
        raise ValueError(f"'{text[:40]}' has more than {DIGITS_MAX} digits")
    mantissa = int(digits) * 10 ** max(-decimals, 0)
    return (-mantissa if match[1] == "-" else mantissa), max(decimals, 0)
