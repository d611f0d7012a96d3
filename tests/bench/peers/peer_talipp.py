"""talipp: indicators bar by bar, in Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.peers.protocol import Bars, Case, per_call, serve
from talipp.indicators import ATR, EMA, RSI
from talipp.ohlcv import OHLCV


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    closes = bars.close.tolist()
    rows = [OHLCV(*row) for row in zip(*(column.tolist() for column in bars[1:5]), strict=True)]

    def every(indicator: Any, values: list[Any]) -> None:
        for value in values:
            indicator.add(value)

    return {
        "ema": per_call(lambda: every(EMA(20), closes), len(closes)),
        "rsi": per_call(lambda: every(RSI(14), closes), len(closes)),
        "atr": per_call(lambda: every(ATR(14), rows), len(closes)),
    }


if __name__ == "__main__":
    serve("talipp", {"calls": calls})
