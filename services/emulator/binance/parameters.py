"""Parameters of a request, read from text and checked against a symbol's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from live_runner.services.emulator.binance.amounts import ZERO, decimals_of, is_multiple
from live_runner.services.emulator.binance.refusals import malformed, refusal
from live_runner.services.emulator.binance.rules import SymbolRules
from live_runner.services.emulator.binance.state import SymbolMarket

__all__ = [
    "check_notional",
    "check_price",
    "check_quantity",
    "client_id",
    "decimal",
    "flag",
    "integer",
    "number",
    "window",
]

type Parameters = Mapping[str, str]

_DECIMAL: Final = re.compile(r"-?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})")
_INTEGER: Final = re.compile(r"-?\d{1,19}")
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
DAY_MS: Final = 86_400_000


def decimal(params: Parameters, name: str) -> Decimal:
    """A mandatory decimal number."""
    given = params.get(name, "")
    if not _DECIMAL.fullmatch(given):
        raise malformed(name)
    return Decimal(given)


def integer(params: Parameters, name: str) -> int | None:
    """An optional whole number."""
    given = params.get(name, "")
    if not given:
        return None
    if not _INTEGER.fullmatch(given):
        raise malformed(name)
    return int(given)


def number(params: Parameters, name: str, default: int, most: int) -> int:
    """An optional count of 1 to ``most``; a larger one is taken as ``most``."""
    given = integer(params, name)
    if given is None:
        return default
    if given < 1:
        raise refusal(-1130, name)
    return min(given, most)


def flag(params: Parameters, name: str) -> bool:
    """An optional ``true`` or ``false``."""
    given = params.get(name, "false").lower()
    if given not in ("true", "false"):
        raise malformed(name)
    return given == "true"


def client_id(params: Parameters, name: str, number_: int) -> str:
    """The client id that was given, else one of the venue's."""
    given = params.get(name, "")
    if not given:
        return f"venue_{number_}"
    if len(given) > 36:  # the venue's documented length
        raise refusal(-4015)
    if not _CLIENT_ID.fullmatch(given):
        raise malformed(name)
    return given


def window(params: Parameters, now_ms: int, most_ms: int, oldest_ms: int) -> tuple[int, int]:
    """``startTime`` and ``endTime``, both included: the last ``most_ms`` when neither is given, never more than that.

    ``oldest_ms``: how far back the history goes.
    """
    start, end = integer(params, "startTime"), integer(params, "endTime")
    if start is None and end is None:
        return now_ms - most_ms, now_ms
    if start is None:
        start = (end or now_ms) - most_ms
    if end is None:
        end = start + most_ms
    if end - start > most_ms:
        raise refusal(-1127, most_ms // 3_600_000)
    if end < start:
        raise refusal(-1130, "startTime")
    if end < now_ms - oldest_ms:
        raise refusal(-4166)
    return start, end


def check_price(market: SymbolMarket, name: str, price: Decimal, side: str | None = None) -> None:
    """Steps and limits of a price; with a side also its distance from the mark price (PERCENT_PRICE)."""
    rules = market.rules
    if price < 0:
        raise refusal(-4001)
    if _decimals(price) > rules.price_decimals:
        raise refusal(-1111)
    if not price:
        raise malformed(name)
    if price > rules.max_price:
        raise refusal(-4002)
    if price < rules.lowest_price:
        raise refusal(-4013)
    if not is_multiple(price, rules.tick):
        raise refusal(-4014)
    if side == "BUY" and market.last and price > market.mark * rules.multiplier_up:
        raise refusal(-4016, f"{market.mark * rules.multiplier_up:.{rules.price_decimals}f}")
    if side == "SELL" and market.last and price < market.mark * rules.multiplier_down:
        raise refusal(-4024, f"{market.mark * rules.multiplier_down:.{rules.price_decimals}f}")


def check_quantity(rules: SymbolRules, quantity: Decimal, *, market_order: bool) -> None:
    """Steps and limits of a quantity."""
    if quantity <= ZERO:
        raise refusal(-4003)
    if _decimals(quantity) > rules.quantity_decimals:
        raise refusal(-1111)
    if quantity < rules.min_quantity:
        raise refusal(-4004)
    if quantity > (rules.max_market_quantity if market_order else rules.max_quantity):
        raise refusal(-4005)
    if not is_multiple(quantity, rules.step):
        raise refusal(-4023)


def check_notional(rules: SymbolRules, notional: Decimal) -> None:
    """The smallest worth of an order that may open."""
    if notional < rules.min_notional:
        raise refusal(-4164, f"{rules.min_notional:f}")


def _decimals(value: Decimal) -> int:
    return decimals_of(value) if value else 0
