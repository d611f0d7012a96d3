"""TA-Lib: indicators over whole columns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import talib
from bench.peers.protocol import Bars, Case, per_call, serve


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    count = len(bars.close)
    return {
        "ema batch": per_call(lambda: talib.EMA(bars.close, 20), count),
        "rsi batch": per_call(lambda: talib.RSI(bars.close, 14), count),
        "atr batch": per_call(lambda: talib.ATR(bars.high, bars.low, bars.close, 14), count),
    }


if __name__ == "__main__":
    serve("TA-Lib", {"calls": calls})
