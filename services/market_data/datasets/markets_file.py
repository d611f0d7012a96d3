"""Market rules that are handed to an import: JSON lines, each a market as ccxt parses it.

Besides ccxt's own fields a line holds ``exchange`` and ``precisionMode``, which ccxt keeps beside the market.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import Instrument
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt

__all__ = ["read_markets"]


def read_markets(path: Path, venue: str, symbols: Sequence[str]) -> dict[str, Instrument]:
    """Rules of those symbols that the file has for this venue, marked as given."""
    found: dict[str, Instrument] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} cannot be read: {error}", remedy="Check --markets", file=path.name) from error
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        market = _market(path, row, line)
        symbol = market.get("symbol")
        if symbol in symbols and market.get("exchange") == venue:
            rules = instrument_from_ccxt(market, venue=venue, precision_mode=int(market.get("precisionMode", 4)))
            found[str(symbol)] = msgspec.structs.replace(rules, rules="given")
    return found


def _market(path: Path, row: int, line: str) -> dict[str, Any]:
    try:
        market = json.loads(line)
    except ValueError as error:
        raise _no_market(path, row, str(error)) from error
    if not isinstance(market, dict) or "symbol" not in market:
        raise _no_market(path, row, "no 'symbol'")
    return market


def _no_market(path: Path, row: int, what: str) -> DataError:
    return DataError(
        f"{path.name}, row {row} is not a ccxt market: {what}",
        remedy="Write one market a line, as ccxt's exchange.market(symbol) gives it, with exchange and precisionMode",
        file=path.name,
        row=row,
    )
