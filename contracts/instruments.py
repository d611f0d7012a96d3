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

__all__ = ["PRECISION_MODES", "instrument_from_ccxt"]

PRECISION_MODES: Final = {2: "decimal_places", 3: "significant_digits", 4: "tick_size"}
"""ccxt's ``precisionMode`` constants by their meaning here."""

FINEST_STEP: Final = "0.00000001"
"""Grid of markets that count significant digits: eight decimals, the finest that such venues take."""


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
    return Instrument(
        symbol=symbol,
        venue=venue,
        base=str(market["base"]),
        quote=str(market["quote"]),
        settle=str(market.get("settle") or market["quote"]),
        contract=contract,
        inverse=bool(market.get("inverse")),
        contract_size=_number(market.get("contractSize")) if contract and market.get("contractSize") else "1",
        tick_size=_tick_size(venue, mode, price, amount, contract),
        lot_size=_lot_size(venue, mode, amount),
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


def _tick_size(venue: str, mode: str, price: str, amount: str, contract: bool) -> str:
    """The grid of prices: what every price the venue takes is a multiple of."""
    if venue == "hyperliquid":
        # Decimals that the size leaves over, of six (perpetuals) or eight (spot).
        return _power_of_ten((6 if contract else 8) - _decimals(amount))
    return _grid(mode, price)


def _lot_size(venue: str, mode: str, amount: str) -> str:
    if venue in ("bitfinex", "bithumb"):
        return _power_of_ten(int(amount))  # decimal places, whatever the mode
    return _grid(mode, amount)


def _grid(mode: str, precision: str) -> str:
    if mode == "decimal_places":
        return _power_of_ten(int(precision))
    return precision if mode == "tick_size" else FINEST_STEP


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


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _power_of_ten(decimals: int) -> str:
    """10**-decimals as text."""
    return format(Decimal(1).scaleb(-decimals), "f")
