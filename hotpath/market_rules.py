"""Rules for prices and amounts at a venue: the passes of rounding that ccxt makes, and the market's limits.

Most venues count in steps (``tick_size``) and cut once. A few count significant digits, or cut twice: those
stand in ``rules``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Instrument
from live_runner.hotpath.constants import MONEY_DECIMALS

__all__ = ["Rules", "Step", "limit_money", "limit_units", "rules"]

type ParseDecimal = Callable[[str], tuple[int, int]]


class Step(NamedTuple):
    """One pass of ``decimal_to_precision``."""

    rounding: str
    precision: str
    """"" for five significant digits, or all digits of the whole part where those are more."""
    mode: str


class Rules(NamedTuple):
    """Rounding and limits of one market's prices and amounts, and whether ccxt lets a zero through."""

    price: tuple[Step, ...]
    amount: tuple[Step, ...]
    zero_price: bool = False
    zero_amount: bool = False


class _Steps(Protocol):
    """A grid of either twin."""

    def floor(self, text: str) -> int: ...
    def ceil(self, text: str) -> int: ...


def rules(instrument: Instrument, parse_decimal: ParseDecimal) -> Rules:
    """The passes of a market."""
    price_count = instrument.price_precision or instrument.tick_size
    amount_count = instrument.amount_precision or instrument.lot_size
    mode = instrument.precision_mode
    price = Step("round", price_count, mode)
    if instrument.venue == "bitfinex":
        # Significant digits, and never more than eight decimals; amounts have eight decimals.
        eight = Step("truncate", "8", "decimal_places")
        amount = Step("truncate", amount_count, "decimal_places")
        return Rules((price, eight), (amount,), zero_price=True, zero_amount=True)
    if instrument.venue == "bithumb":
        return Rules((price,), (Step("truncate", amount_count, "decimal_places"),), zero_amount=True)
    if instrument.venue == "hyperliquid":
        # Five significant digits, or all digits of the whole part, and decimals that the size leaves over.
        decimals = (6 if instrument.contract else 8) - parse_decimal(amount_count)[1]
        steps = (Step("round", "", "significant_digits"), Step("round", str(decimals), "decimal_places"))
        return Rules(steps, (Step("round", amount_count, mode),), zero_price=True)
    if instrument.venue == "polymarket":
        five = Step("round", "5", "significant_digits")
        cut = Step("truncate", "5", "significant_digits")
        return Rules((five, price), (cut, Step("truncate", amount_count, mode)))
    return Rules((price,), (Step("truncate", amount_count, mode),))


def limit_units(limit: str, grid: _Steps, direction: str, otherwise: int, parse_decimal: ParseDecimal) -> int:
    """A limit in steps; ``otherwise`` where there is none, or where it is beyond counting.

    ConfigError for a minimum beyond counting and a maximum below it: nothing could be traded.
    """
    if not limit:
        return otherwise
    try:
        return grid.ceil(limit) if direction == "up" else grid.floor(limit)
    except ValueError as error:
        if parse_decimal(limit)[0] > 0 and direction == "down":
            return otherwise
        raise ConfigError(
            f"A limit of {limit[:40]} cannot be counted in the market's steps",
            remedy="Check the market's limits of price and amount, and its tick and lot size",
            limit=limit,
        ) from error


def limit_money(limit: str, parse_decimal: ParseDecimal) -> int | None:
    """A limit of notional in units of money, None where there is none."""
    if not limit:
        return None
    mantissa, decimals = parse_decimal(limit)
    return mantissa * 10**MONEY_DECIMALS // int(10**decimals)
