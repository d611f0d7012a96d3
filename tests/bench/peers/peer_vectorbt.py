"""vectorbt: whole columns of signals, compiled by numba."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import vectorbt as vbt
from bench.peers.protocol import Answer, Bars, Case, Clock, crosses, part, serve, told


def run(bars: Bars, case: Case, clock: Clock) -> Answer:
    """One run of the simulation; the signals are made beforehand, as its users make them."""
    with clock.measure("signals"):
        signals = crosses(bars, case)
        entries = np.concatenate(([False], signals[:-1] == 1))
        exits = np.concatenate(([False], signals[:-1] == -1))
    with clock.measure("run"):
        portfolio = vbt.Portfolio.from_signals(
            bars.close, entries, exits, price=bars.open, size=case.quantity, fees=case.fee, init_cash=case.cash
        )
        equity = np.asarray(portfolio.value(), dtype=np.float64)
    orders = portfolio.orders.values
    sides = ["buy" if side == 0 else "sell" for side in orders["side"]]
    trades = list(zip(sides, orders["idx"].tolist(), orders["price"].tolist(), strict=True))
    return Answer(trades, equity.tolist())


def cross(bars: Bars, case: Case) -> dict[str, Any]:
    # numba compiles at the first call, which nobody would count.
    run(part(bars, 2_000), case, Clock())
    clock = Clock()
    return told(run(bars, case, clock), clock)


if __name__ == "__main__":
    serve("vectorbt", {"cross": cross})
