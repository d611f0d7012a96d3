"""ccxt: a price and an amount at the precision of a market."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import ccxt
from bench.peers.protocol import Bars, Case, per_call, serve


def calls(bars: Bars, case: Case) -> dict[str, Any]:
    exchange = ccxt.binanceusdm()
    symbol = "ETH/USDT:USDT"
    precision = {"price": 10.0**-case.price_decimals, "amount": 10.0**-case.quantity_decimals}
    exchange.markets = {symbol: {"symbol": symbol, "id": "ETHUSDT", "precision": precision, "limits": {}}}
    closes = bars.close.tolist()

    def normalize() -> None:
        for close in closes:
            exchange.price_to_precision(symbol, close)
            exchange.amount_to_precision(symbol, close)

    return {"precision": per_call(normalize, len(closes))}


if __name__ == "__main__":
    serve("ccxt", {"calls": calls})
