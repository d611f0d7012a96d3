"""Recorded candles and funding rates of a profile, read from their files."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from live_runner.contracts.timeframe import duration_ns
from live_runner.services.emulator.binance import FundingStamp, Row
from live_runner.services.emulator.market_source import Recorded
from live_runner.services.market_data.datasets.candle_files import read_candles, read_funding

__all__ = ["read_recordings"]

_MS = 1_000_000


def read_recordings(candles: Mapping[str, str], funding: Mapping[str, str], timeframe: str) -> Recorded:
    """Candles by symbol, and rates where there are files of them; DataError names file and row."""
    rows = {symbol: _rows(Path(path), symbol) for symbol, path in candles.items()}
    stamps = {symbol: _stamps(Path(path)) for symbol, path in funding.items()}
    return Recorded(rows, duration_ns(timeframe) // _MS, stamps)


def _rows(path: Path, symbol: str) -> list[Row]:
    # The shortest text of a number that was read from a file is the text that stood in the file.
    found, _ = read_candles(path, symbol)
    columns = (found.open, found.high, found.low, found.close, found.volume)
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [
        Row(open_ns // _MS, *(f"{Decimal(repr(value)):f}" for value in row))
        for open_ns, row in zip(found.open_ns.tolist(), values, strict=True)
    ]


def _stamps(path: Path) -> list[FundingStamp]:
    return [FundingStamp(at_ns // _MS, Decimal(rate), Decimal(0)) for at_ns, rate in read_funding(path)]
