"""talipp: indicators bar by bar, in Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.peers.protocol import Bars, Case, per_update, serve
from talipp.indicators import ATR, EMA, RSI
from talipp.ohlcv import OHLCV


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    closes = bars.close.tolist()
    rows = [OHLCV(*row) for row in zip(*(column.tolist() for column in bars[1:5]), strict=True)]

    return {
        "ema": per_update(EMA(20).add, closes),
        "rsi": per_update(RSI(14).add, closes),
        "atr": per_update(ATR(14).add, rows),
    }


if __name__ == "__main__":
    serve("talipp", {"calls": calls})
