"""Ranges and codes that both twins of a module share, so that neither has to load the other."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AMOUNT_END",
    "CHANGE_LEAST",
    "CONTEXT_DIGITS",
    "EXACT_END",
    "GRID_DECIMALS_MAX",
    "MONEY_DECIMALS",
    "PRODUCT_END",
    "UNITS_END",
]

# -- exact decimals ----------------------------------------------------------------------------------

MONEY_DECIMALS: Final = 12
"""Money is counted in 1e-12 of the settle currency."""
UNITS_END: Final = 2**63
"""Ticks and lots stay below this."""
PRODUCT_END: Final = 2**127
"""Intermediate products stay below this."""
AMOUNT_END: Final = 2**100
"""Amounts and totals of money stay below this."""
EXACT_END: Final = 2**53
"""Integers below this are exact as float64: ticks and lots of one order or fill, which come from bars."""
GRID_DECIMALS_MAX: Final = 22
"""The finest grid: 10**22 is the last power of ten that is exact as float64."""
CONTEXT_DIGITS: Final = 28
"""ccxt's precision: the default of Python's decimal context."""

# -- indicators --------------------------------------------------------------------------------------

CHANGE_LEAST: Final = 1e-12
"""The least difference of two moves or typical prices, as a part of the price: below a tick, above rounding errors."""
