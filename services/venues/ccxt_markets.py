"""The rules of a market, out of what ccxt says about it.

Pure: a ccxt market (``exchange.market(symbol)``) and the exchange's ``precisionMode`` in, an
``Instrument`` out. Numbers become the shortest decimal text that reads back as the same float.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import Instrument
from live_runner.services.venues.profile import Precision
from live_runner.services.venues.registry import profile_of

__all__ = ["PRECISION_MODES", "instrument_from_ccxt"]

PRECISION_MODES: Final = {2: "decimal_places", 3: "significant_digits", 4: "tick_size"}
"""ccxt's ``precisionMode`` constants by their meaning here."""


def instrument_from_ccxt(market: Mapping[str, Any], *, venue: str, precision_mode: int) -> Instrument:
    """One market of a venue.

    DataError when a precision is missing or no positive number, or when the mode is unknown: without
    them no order can be made.
    """
    mode = PRECISION_MODES.get(precision_mode)
    symbol = str(market["symbol"])
    if mode is None:
        raise DataError(
            f"{venue} has precision mode {precision_mode}, which ccxt does not define",
            remedy=f"Use a ccxt release whose modes are {sorted(PRECISION_MODES)}",
            venue=venue,
        )
    price = _precision(market, "price", venue)
    amount = _precision(market, "amount", venue)
    limits = market.get("limits") or {}
    contract = bool(market.get("contract"))
    profile = profile_of(venue)
    precision = Precision(mode, price, amount, contract)
    return Instrument(
        symbol=symbol,
        venue=venue,
        base=str(market["base"]),
        quote=str(market["quote"]),
        settle=str(market.get("settle") or market["quote"]),
        contract=contract,
        inverse=bool(market.get("inverse")),
        contract_size=_number(market.get("contractSize")) if contract and market.get("contractSize") else "1",
        tick_size=profile.tick_size(precision),
        lot_size=profile.lot_size(precision),
        precision_mode=mode,
        price_precision=price,
        amount_precision=amount,
        min_amount=_limit(limits, "amount", "min"),
        max_amount=_limit(limits, "amount", "max"),
        min_price=_limit(limits, "price", "min"),
        max_price=_limit(limits, "price", "max"),
        min_notional=_limit(limits, "cost", "min"),
        max_notional=_limit(limits, "cost", "max"),
    )


def _precision(market: Mapping[str, Any], name: str, venue: str) -> str:
    value = (market.get("precision") or {}).get(name)
    if value is None:
        raise DataError(
            f"{market['symbol']} at {venue} has no {name} precision",
            remedy="Give the market's rules in the configuration (market.instruments)",
            venue=venue,
            symbol=market["symbol"],
        )
    return _number(value)


def _limit(limits: Mapping[str, Any], name: str, end: str) -> str:
    """A limit, "" for none; a zero is none as well."""
    value = (limits.get(name) or {}).get(end)
    return "" if value is None or not Decimal(str(value)) else _number(value)


def _number(value: Any) -> str:
    number = Decimal(str(value))
    if not number.is_finite():
        raise DataError(f"{value} is not a valid number", remedy="Reload the market from the venue")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
