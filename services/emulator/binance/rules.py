"""Rules of a symbol: steps, limits, leverage brackets and status."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.binance.amounts import ASSET_DECIMALS, decimals_of, digits, rounded

__all__ = [
    "BRACKETS",
    "MONEY_UNIT",
    "NEVER_MS",
    "STATUSES",
    "Bracket",
    "SymbolRules",
    "changed_rules",
    "checked_rules",
    "symbol_info",
]

NEVER_MS: Final = 4_133_404_800_000
"""Delivery date of a contract that is never delivered."""
STATUSES: Final = ("TRADING", "PENDING_TRADING", "PRE_SETTLE", "SETTLING", "CLOSE")
ORDER_TYPES: Final = (
    *("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"),
    "TRAILING_STOP_MARKET",
)
TIMES_IN_FORCE: Final = ("GTC", "IOC", "FOK", "GTX", "GTD")


class Bracket(msgspec.Struct, frozen=True):
    """Notional from ``floor`` to ``cap``: the highest leverage, and the share kept as maintenance margin."""

    floor: Decimal
    cap: Decimal
    leverage: int
    ratio: Decimal
    deduction: Decimal
    """What is taken off ``notional * ratio``, so that the maintenance margin has no jump at a floor."""


BRACKETS: Final = (
    Bracket(Decimal(0), Decimal(50_000), 125, Decimal("0.004"), Decimal(0)),
    Bracket(Decimal(50_000), Decimal(600_000), 100, Decimal("0.005"), Decimal(50)),
    Bracket(Decimal(600_000), Decimal(3_000_000), 75, Decimal("0.0065"), Decimal(950)),
    Bracket(Decimal(3_000_000), Decimal(12_000_000), 50, Decimal("0.01"), Decimal(11_450)),
    Bracket(Decimal(12_000_000), Decimal(70_000_000), 25, Decimal("0.02"), Decimal(131_450)),
    Bracket(Decimal(70_000_000), Decimal(100_000_000), 20, Decimal("0.025"), Decimal(481_450)),
    Bracket(Decimal(100_000_000), Decimal(230_000_000), 10, Decimal("0.05"), Decimal(2_981_450)),
    Bracket(Decimal(230_000_000), Decimal(480_000_000), 5, Decimal("0.1"), Decimal(14_481_450)),
    Bracket(Decimal(480_000_000), Decimal(1_800_000_000), 1, Decimal("0.5"), Decimal(206_481_450)),
)
"""Brackets of a symbol that names none."""


class SymbolRules(msgspec.Struct, frozen=True):
    """One perpetual contract, margined and settled in its quote asset."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    min_notional: Decimal = Decimal(5)
    max_quantity: Decimal = Decimal(1_000_000)
    max_market_quantity: Decimal = Decimal(1_000_000)
    min_price: Decimal | None = None
    """None: one tick."""
    max_price: Decimal = Decimal(10_000_000)
    multiplier_up: Decimal = Decimal("1.05")
    """A buy may ask for at most this times the mark price (PERCENT_PRICE)."""
    multiplier_down: Decimal = Decimal("0.95")
    """A sale may ask for at least this times the mark price."""
    max_orders: int = 200
    max_algo_orders: int = 200
    liquidation_fee: Decimal = Decimal("0.0125")
    """Share of the notional that the insurance fund takes of a liquidated position."""
    status: str = "TRADING"
    onboard_ms: int = 0
    delivery_ms: int = NEVER_MS
    listed: bool = True
    """Whether the venue still knows the symbol: else it is missing from its lists and answered with -1121."""
    brackets: tuple[Bracket, ...] = BRACKETS

    @property
    def price_decimals(self) -> int:
        """Digits after the point of a price."""
        return decimals_of(self.tick)

    @property
    def quantity_decimals(self) -> int:
        """Digits after the point of a quantity."""
        return decimals_of(self.step)

    @property
    def lowest_price(self) -> Decimal:
        """The smallest price an order may have."""
        return self.tick if self.min_price is None else self.min_price

    def bracket(self, notional: Decimal) -> Bracket:
        """The bracket of a notional (0 or more); the last one has no end."""
        return next((bracket for bracket in self.brackets if notional < bracket.cap), self.brackets[-1])

    def maintenance(self, notional: Decimal) -> Decimal:
        """Maintenance margin of a notional (0 or more): ``notional * ratio - deduction`` of its bracket."""
        bracket = self.bracket(notional)
        return rounded(notional * bracket.ratio - bracket.deduction)

    def largest_notional(self, leverage: int) -> Decimal:
        """Largest position at a leverage; 0 when the symbol does not allow the leverage."""
        return max((bracket.cap for bracket in self.brackets if bracket.leverage >= leverage), default=Decimal(0))


MONEY_UNIT: Final = Decimal("1E-8")
"""The smallest amount of an asset."""
_AMOUNT_MAX: Final = Decimal(10**12)
_CHANGES: Final = {name: name for name in SymbolRules.__struct_fields__ if name not in ("symbol", "brackets")}


def changed_rules(rules: SymbolRules, changes: Mapping[str, Any]) -> SymbolRules:
    """The rules with some fields replaced; ConfigError for an unknown field."""
    unknown = sorted(set(changes) - set(_CHANGES))
    if unknown:
        raise ConfigError(
            f"'{unknown[0]}' is not a rule of a symbol", remedy=f"Use {', '.join(_CHANGES)}", rule=unknown[0]
        )
    try:
        changed = msgspec.convert({**msgspec.to_builtins(rules), **changes}, SymbolRules, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"the rules of {rules.symbol} are not valid: {error}", remedy="Give decimal text") from error
    return checked_rules(changed)


def checked_rules(rules: SymbolRules) -> SymbolRules:
    """The rules; ConfigError when the exchange could not keep them."""
    if rules.status not in STATUSES:
        raise ConfigError(f"'{rules.status}' is not a status of a symbol", remedy=f"Use {', '.join(STATUSES)}")
    amounts = {name: value for name in _CHANGES if isinstance(value := getattr(rules, name), Decimal)}
    for name, value in amounts.items():
        lowest = 0 if name in ("min_notional", "liquidation_fee") else MONEY_UNIT
        if not value.is_finite() or not lowest <= value <= _AMOUNT_MAX:
            raise ConfigError(
                f"{name} of {rules.symbol} cannot be {value}", remedy=f"Give a number from {lowest} to {_AMOUNT_MAX}"
            )
    if decimals_of(rules.tick) + decimals_of(rules.step) > ASSET_DECIMALS:
        raise ConfigError(
            f"{rules.symbol} trades in amounts of more than {ASSET_DECIMALS} decimals",
            remedy="Give a larger tick or step",
        )
    return rules


def symbol_info(rules: SymbolRules) -> dict[str, Any]:
    """The symbol's entry in ``exchangeInfo``."""
    lots = {"minQty": digits(rules.min_quantity), "stepSize": digits(rules.step)}
    return {
        "symbol": rules.symbol,
        "pair": rules.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": rules.delivery_ms,
        "onboardDate": rules.onboard_ms,
        "status": rules.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": rules.base,
        "quoteAsset": rules.quote,
        "marginAsset": rules.quote,
        "pricePrecision": rules.price_decimals,
        "quantityPrecision": rules.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": f"{rules.liquidation_fee:.6f}",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "permissionSets": ["GRID", "COPY"],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": digits(rules.lowest_price),
                "maxPrice": digits(rules.max_price),
                "tickSize": digits(rules.tick),
            },
            {"filterType": "LOT_SIZE", "maxQty": digits(rules.max_quantity), **lots},
            {"filterType": "MARKET_LOT_SIZE", "maxQty": digits(rules.max_market_quantity), **lots},
            {"filterType": "MAX_NUM_ORDERS", "limit": rules.max_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": rules.max_algo_orders},
            {"filterType": "MIN_NOTIONAL", "notional": digits(rules.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": f"{rules.multiplier_up:.4f}",
                "multiplierDown": f"{rules.multiplier_down:.4f}",
                "multiplierDecimal": "4",
            },
            {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
        ],
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": list(TIMES_IN_FORCE),
    }
