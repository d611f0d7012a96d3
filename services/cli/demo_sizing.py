"""Sizing of the demo account: equity and order sizes in the market's own currency.

The examples are written for an account in dollars. A market that settles in bitcoin has other numbers for
the same money, and a market of large lots needs larger orders, or each would be below the least that it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import Instrument

__all__ = ["DemoSizing", "least_order"]

_EQUITY: Final = Decimal(10_000)
_NOTIONAL: Final = Decimal(500)
_FIRST_LOT: Final = Decimal(20)
_LEAST_NOTIONAL: Final = Decimal(2)
_SCALES: Final = {
    "BTC": Decimal("0.0001"),
    "XBT": Decimal("0.0001"),
    "ETH": Decimal("0.001"),
    "BNB": Decimal("0.01"),
    "SOL": Decimal("0.01"),
}
"""The same money in a currency whose unit is worth much more than a dollar; 1 for every other."""
_STEPS: Final = tuple(step * Decimal(10) ** tens for tens in range(12) for step in (1, 2, 5))
"""By how much everything is scaled up where the least order is large; beyond the last one nothing is tradable."""


@dataclass(frozen=True, slots=True)
class DemoSizing:
    """Amounts in the settle currency, in the proportions of the shipped examples."""

    currency: str
    factor: Decimal = Decimal(1)
    """Against the examples, which are in dollars."""
    scale_up: Decimal = Decimal(1)
    """By how much more than the currency alone asks for: the least order is that large."""

    @classmethod
    def of(cls, currency: str, least: Decimal) -> DemoSizing:
        """The sizing for markets whose least orders are worth ``least`` or less; DataError when none would do.

        Everything is scaled up together: a ladder whose first lot alone is larger is soon too large for its account.
        """
        scale = _SCALES.get(currency, Decimal(1))
        for step in _STEPS:
            if _FIRST_LOT * scale * step >= least:
                return cls(currency, scale * step, step)
        raise DataError(
            f"The least order of this market is worth {least:f} {currency}",
            remedy="Check the recorded volumes: their smallest step is taken as the lot size; or give --markets",
        )

    @property
    def equity(self) -> str:
        """The equity that the account begins with."""
        return _text(_EQUITY * self.factor)

    @property
    def notional(self) -> float:
        """Size of a position that is opened at once."""
        return float(_NOTIONAL * self.factor)

    @property
    def first_lot(self) -> float:
        """First rung of a ladder."""
        return float(_FIRST_LOT * self.factor)

    @property
    def least_notional(self) -> float:
        """Below this the ladder asks nothing."""
        return float(_LEAST_NOTIONAL * self.factor)

    def text(self, amount: float) -> str:
        """An amount for people."""
        return f"{_text(Decimal(repr(amount)))} {self.currency}"


def least_order(instruments: Sequence[Instrument], highest: Mapping[str, float]) -> Decimal:
    """Value of the least order of the dearest of these markets, at the highest price of its recording."""
    return max(_least(rules, Decimal(repr(highest[rules.symbol]))) for rules in instruments)


def _least(rules: Instrument, price: Decimal) -> Decimal:
    amount = max(Decimal(rules.lot_size), Decimal(rules.min_amount or 0))
    return max(amount * Decimal(rules.contract_size) * price, Decimal(rules.min_notional or 0))


def _text(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
