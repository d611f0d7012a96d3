"""Ranges and codes that both twins of a module share, so that neither has to load the other."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AMOUNT_END",
    "BORN",
    "CANCELLED",
    "CHANGE_LEAST",
    "CONTEXT_DIGITS",
    "EXACT_END",
    "FILLED",
    "GRID_DECIMALS_MAX",
    "LEG_FLAT",
    "LIMIT",
    "LIQUIDATION",
    "LONG",
    "MARKET",
    "METHODS",
    "MONEY_DECIMALS",
    "NO_CAP",
    "OCO",
    "ONE_WAY",
    "POST_ONLY",
    "PRODUCT_END",
    "SHORT",
    "STOP",
    "TAKE_PROFIT",
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

# -- the ledger --------------------------------------------------------------------------------------

LONG: Final = 0
SHORT: Final = 1
METHODS: Final = ("lifo", "fifo", "average")
"""In the order of their numbers in C."""

# -- the book ----------------------------------------------------------------------------------------

# Kinds of orders.
MARKET: Final = 0
LIMIT: Final = 1
POST_ONLY: Final = 2
STOP: Final = 3
TAKE_PROFIT: Final = 4

# What happened: the first of every tuple that a book answers with.
FILLED: Final = 0
"""(FILLED, key, lots, ticks, reference ticks, maker)."""
BORN: Final = 1
"""(BORN, key, parent key, kind, lots, trigger ticks)."""
CANCELLED: Final = 2
"""(CANCELLED, key, why, 0, 0, 0)."""

# Why an order was cancelled.
OCO: Final = 0
LEG_FLAT: Final = 1
ONE_WAY: Final = 2
LIQUIDATION: Final = 3

NO_CAP: Final = -1
"""Any quantity of a bar may be taken."""

# -- indicators --------------------------------------------------------------------------------------

CHANGE_LEAST: Final = 1e-12
"""What counts as a change of a typical price, as a part of it; ticks are far above, rounding errors far below."""
