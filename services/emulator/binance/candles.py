"""Candles: kept as they were matched on, and served from there; longer ones are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from live_runner.contracts.errors import DataError
from live_runner.services.emulator.binance.amounts import ZERO, divided, is_multiple, rounded
from live_runner.services.emulator.binance.payloads import price_text, quantity_text
from live_runner.services.emulator.binance.rules import SymbolRules
from live_runner.services.emulator.binance.state import Print, Row, SymbolMarket

__all__ = ["History", "add_print", "candles", "check_row", "next_print_ms", "put_row", "way_of"]

type History = Callable[[str, int, int], Sequence[Row]]
"""Candles of a symbol that open in [from_ms, to_ms), from before the exchange began to match."""

_WAYPOINTS: Final = 4


def way_of(rules: SymbolRules, row: Row, interval_ms: int) -> list[Print]:
    """The prices that a candle passes: open, then the extreme that lies behind its close, the other one, and close.

    A rising candle goes down first. Each print has a quarter of the volume, the last one what is left; the first jumps,
    since the candle before it may have closed elsewhere.
    """
    first, high, low, last = (Decimal(text) for text in (row.open, row.high, row.low, row.close))
    volume = Decimal(row.volume)
    part = rounded(divided(volume, Decimal(_WAYPOINTS)), rules.quantity_decimals)
    turns = (low, high) if last >= first else (high, low)
    quantities = (part, part, part, volume - 3 * part)
    return [
        Print(row.open_ms + place * interval_ms // _WAYPOINTS, price, max(ZERO, quantity), place == 0)
        for place, (price, quantity) in enumerate(zip((first, *turns, last), quantities, strict=True))
    ]


def next_print_ms(at_ms: int, interval_ms: int) -> int:
    """When the first print after a moment can come."""
    open_ms = at_ms - at_ms % interval_ms
    moments = (open_ms + place * interval_ms // _WAYPOINTS for place in range(1, _WAYPOINTS + 1))
    return next(moment for moment in moments if moment > at_ms)


def check_row(market: SymbolMarket, row: Row, interval_ms: int) -> None:
    """Refuse a candle that is out of order, not on the steps, or whose prices lie outside its range (DataError)."""
    first, high, low, last = (Decimal(text) for text in (row.open, row.high, row.low, row.close))
    where = {"symbol": market.rules.symbol, "open_ms": row.open_ms}
    if not low <= min(first, last) <= max(first, last) <= high or low <= 0:
        raise DataError("the candle's prices lie outside its range", remedy="Give low <= open, close <= high", **where)
    if not all(is_multiple(price, market.rules.tick) for price in (first, high, low, last)):
        raise DataError("a price of the candle is not on the tick", remedy=f"Round to {market.rules.tick}", **where)
    if row.open_ms % interval_ms or (market.rows and row.open_ms < market.rows[-1].open_ms):
        raise DataError(
            "the candle does not follow the last one", remedy="Give candles in order, on their interval", **where
        )


def put_row(market: SymbolMarket, row: Row) -> None:
    """Keep a candle; one with the same open time is replaced."""
    if market.rows and market.rows[-1].open_ms == row.open_ms:
        market.rows[-1] = row
    else:
        market.rows.append(row)


def add_print(market: SymbolMarket, traded: Print, interval_ms: int) -> None:
    """Let the forming candle take in a trade."""
    rules, open_ms = market.rules, traded.at_ms - traded.at_ms % interval_ms
    price, volume = price_text(rules, traded.price), traded.quantity
    if market.rows and market.rows[-1].open_ms >= open_ms:
        last = market.rows[-1]
        high, low = max(Decimal(last.high), traded.price), min(Decimal(last.low), traded.price)
        volume += Decimal(last.volume)
        row = Row(
            last.open_ms,
            last.open,
            price_text(rules, high),
            price_text(rules, low),
            price,
            quantity_text(rules, volume),
        )
        put_row(market, row)
    else:
        put_row(market, Row(open_ms, price, price, price, price, quantity_text(rules, volume)))


def candles(
    market: SymbolMarket, history: History | None, interval_ms: int, length_ms: int, from_ms: int, to_ms: int
) -> list[Row]:
    """Candles of ``length_ms`` that open in [from_ms, to_ms), made of those of ``interval_ms``; the last may form."""
    offset = 4 * 86_400_000 if length_ms == 7 * 86_400_000 else 0  # weeks open on Mondays
    first_ms = (from_ms - offset + length_ms - 1) // length_ms * length_ms + offset
    rows = _rows(market, history, first_ms, (to_ms - 1 - offset) // length_ms * length_ms + offset + length_ms)
    if length_ms == interval_ms:
        return rows
    made: list[list[Row]] = []
    for row in rows:
        open_ms = (row.open_ms - offset) // length_ms * length_ms + offset
        if not made or (made[-1][0].open_ms - offset) // length_ms * length_ms + offset != open_ms:
            made.append([])
        made[-1].append(row)
    return [_joined(market.rules, part, (part[0].open_ms - offset) // length_ms * length_ms + offset) for part in made]


def _rows(market: SymbolMarket, history: History | None, from_ms: int, to_ms: int) -> list[Row]:
    begun_ms = market.rows[0].open_ms if market.rows else to_ms
    found: list[Row] = []
    if history is not None and from_ms < begun_ms:
        found += history(market.rules.symbol, from_ms, min(begun_ms, to_ms))
    low, high = _place(market.rows, from_ms), _place(market.rows, to_ms)
    return found + market.rows[low:high]


def _place(rows: Sequence[Row], at_ms: int) -> int:
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle].open_ms < at_ms:
            low = middle + 1
        else:
            high = middle
    return low


def _joined(rules: SymbolRules, rows: Sequence[Row], open_ms: int) -> Row:
    high = max(Decimal(row.high) for row in rows)
    low = min(Decimal(row.low) for row in rows)
    volume = sum((Decimal(row.volume) for row in rows), ZERO)
    return Row(
        open_ms,
        rows[0].open,
        price_text(rules, high),
        price_text(rules, low),
        rows[-1].close,
        quantity_text(rules, volume),
    )
