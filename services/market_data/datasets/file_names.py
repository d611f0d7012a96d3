"""Parser for names of candle files.

    binanceusdm_BTC-USDT-USDT_1m.csv.gz        venue, base, quote, settle, timeframe
    bittrex_XRP-BTC_1m_gappy.csv.gz            spot; whatever follows the timeframe is a remark
    binanceusdm_BTC-USDT-USDT_funding.csv      funding rates
    binanceusdm_BTC-USDT-USDT_8h-mark.csv.gz   mark candles
    BTC_USDT_USDT-1m.parquet  BTC-USDT-5m.csv  no venue
    BTC_USDT_USDT-8h-funding_rate.parquet      funding rates, as a backtester stores them
    BTC-USDT-SWAP_1m.csv                       a linear perpetual, as some venues call it
    BTCUSDT-1m-2025-01.csv                     a venue's own archives, in monthly or daily parts
    BTCUSDT-fundingRate-2025-01.csv            and its funding rates
    btcusdt_1m.csv  btc-usdt-1m.csv            lower case, where the quote currency is a known one

Options given to an import go over what the name says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from live_runner.contracts.timeframe import TIMEFRAMES

__all__ = ["SUFFIXES", "FileName", "parse"]

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

_FRAMES: Final = "|".join(TIMEFRAMES)
_QUOTES: Final = "USDT|USDC|FDUSD|BUSD|TUSD|USD|EUR|BTC|ETH|BNB"
_VENUE: Final = r"(?:(?P<venue>[A-Za-z][A-Za-z0-9]*)_)?"
_DASHED: Final = r"(?P<base>[A-Z0-9]+)-(?P<quote>[A-Z]{2,})(?:-(?P<settle>[A-Z]{2,}))?"
_SCORED: Final = r"(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z]{2,})(?:_(?P<settle>[A-Z]{2,}))?"
_GLUED: Final = rf"(?i:(?P<base>[A-Z0-9]+?)(?P<quote>{_QUOTES}))"
_LOWER: Final = rf"(?i:(?P<base>[A-Z0-9]+)[-_](?P<quote>{_QUOTES})(?:[-_](?P<settle>{_QUOTES}|SWAP|PERP))?)"
_RATES: Final = "funding_?[Rr]ate|funding"
_WHAT: Final = (
    rf"(?:(?P<kind>{_RATES})|(?P<timeframe>{_FRAMES})(?:-(?:(?P<mark>mark)|(?P<rates>{_RATES})))?)(?:[_.-].*)?"
)
_PATTERNS: Final = (
    re.compile(rf"{_VENUE}{_DASHED}[-_]{_WHAT}"),
    re.compile(rf"{_SCORED}-{_WHAT}"),
    re.compile(rf"{_VENUE}{_GLUED}[-_]{_WHAT}"),
    re.compile(rf"{_VENUE}{_LOWER}[-_]{_WHAT}"),
    re.compile(rf"{_VENUE}{_DASHED}"),
    re.compile(rf"{_VENUE}{_GLUED}"),
    re.compile(rf"{_LOWER}"),
)
_LINEAR: Final = ("SWAP", "PERP")
"""Market types that some venues write in place of the settle currency."""


@dataclass(frozen=True, slots=True)
class FileName:
    """A candle file of a folder, by its name alone; None is what the name does not say."""

    path: Path
    kind: Literal["candles", "funding", "mark"] = "candles"
    venue: str | None = None
    symbol: str | None = None
    timeframe: str | None = None


def parse(path: Path) -> FileName | None:
    """The facts in a file's name; None when it is not a file of candles or funding at all."""
    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    if suffix is None:
        return None
    stem = path.name[: -len(suffix)]
    for pattern in _PATTERNS:
        match = pattern.fullmatch(stem)
        if match is None:
            continue
        parts = match.groupdict()
        base, quote, settle = (str(parts.get(part) or "").upper() for part in ("base", "quote", "settle"))
        if settle in _LINEAR:
            settle = base if quote == "USD" else quote
        kind: Literal["candles", "funding", "mark"] = "candles"
        if parts.get("kind") or parts.get("rates"):
            kind = "funding"
        elif parts.get("mark"):
            kind = "mark"
        symbol = f"{base}/{quote}:{settle}" if settle else f"{base}/{quote}"
        return FileName(path, kind, (parts.get("venue") or "").lower() or None, symbol, parts.get("timeframe"))
    return FileName(path)
