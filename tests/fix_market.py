"""Small candle series and files, written out by hand or from the simulated market."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.services.market_data.core.candles import Candles

__all__ = ["MINUTE_NS", "START_NS", "candles", "config", "csv_lines", "write_csv"]

MINUTE_NS = 60_000_000_000
START_NS = 1_746_000_000_000_000_000 // MINUTE_NS * MINUTE_NS


def candles(minutes: Sequence[int], symbol: str = "BTC/USDT:USDT", price: float = 100.0) -> Candles:
    """Bars that open at the given minutes after ``START_NS``; bar m has open price + m and close price + m + 0.5."""
    opens = np.array([price + minute for minute in minutes], dtype=np.float64)
    return Candles(
        symbol,
        np.array([START_NS + minute * MINUTE_NS for minute in minutes], dtype=np.int64),
        opens,
        opens + 1.0,
        opens - 1.0,
        opens + 0.5,
        np.full(len(minutes), 2.0),
    )


def csv_lines(minutes: Sequence[int], price: float = 100.0) -> list[str]:
    """The same bars as lines of a CSV file, header included."""
    rows = [
        f"{START_NS // 1_000_000 + m * 60_000},{price + m},{price + m + 1},{price + m - 1},{price + m + 0.5},2"
        for m in minutes
    ]
    return ["ts_ms,open,high,low,close,volume", *rows]


def write_csv(path: Path, lines: Sequence[str]) -> Path:
    """The lines as a file."""
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def config(**market: Any) -> Config:
    """A session over a market; what the market leaves out is a simulated one of one-minute bars."""
    fields: dict[str, Any] = {
        "venue": "simulated",
        "symbols": ("BTC/USDT:USDT",),
        "timeframe": "1m",
        "source": "simulated",
    }
    return Config(session="md", strategy=StrategyChoice(module="m"), market=Market(**(fields | market)))
