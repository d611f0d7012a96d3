"""backtrader: bar by bar, orders on the next open, commission per side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import backtrader as bt
import pandas as pd
from bench.peers.protocol import Answer, Bars, Case, Clock, Cross, serve, told


def run(bars: Bars, case: Case, clock: Clock) -> Answer:
    """One backtest."""
    trades: list[tuple[str, int, float]] = []
    equity: list[float] = []

    class EmaCross(bt.Strategy):
        def __init__(self) -> None:
            self.cross = Cross(case.fast, case.slow)

        def notify_order(self, order: Any) -> None:
            if order.status == order.Completed:
                trades.append(("buy" if order.isbuy() else "sell", len(self) - 1, float(order.executed.price)))

        def next(self) -> None:
            equity.append(self.broker.getvalue())
            crossed = self.cross.update(self.data.close[0])
            if not crossed or len(self) <= case.first:
                return
            if crossed > 0:
                self.buy(size=case.quantity)
            elif self.position:
                self.close()

    with clock.measure("load"):
        columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
        frame = pd.DataFrame(columns, index=pd.to_datetime(bars.open_ns))
    with clock.measure("run"):
        cerebro = bt.Cerebro(stdstats=False)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(EmaCross)
        cerebro.broker.setcash(case.cash)
        cerebro.broker.setcommission(commission=case.fee)
        cerebro.run()
    return Answer(trades, equity)


def cross(bars: Bars, case: Case) -> dict[str, Any]:
    clock = Clock()
    return told(run(bars, case, clock), clock)


if __name__ == "__main__":
    serve("backtrader", {"cross": cross})
