"""backtesting.py: one position, orders on the next open, commission per side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import pandas as pd
from backtesting import Backtest, Strategy
from bench.peers.protocol import Answer, Bars, Case, Clock, averages, serve, told


def run(bars: Bars, case: Case, clock: Clock) -> Answer:
    """One backtest."""
    with clock.measure("load"):
        frame = pd.DataFrame(
            {
                "Open": bars.open,
                "High": bars.high,
                "Low": bars.low,
                "Close": bars.close,
                "Volume": bars.volume,
            },
            index=pd.to_datetime(bars.open_ns),
        )

    class EmaCross(Strategy):
        def init(self) -> None:
            self.fast = self.I(averages, bars.close, case.fast)
            self.slow = self.I(averages, bars.close, case.slow)
            self.above: bool | None = None

        def next(self) -> None:
            # The engine asks from the second bar on that has both averages; the first one is the one before it.
            if self.above is None and self.fast[-2] != self.slow[-2]:
                self.above = bool(self.fast[-2] > self.slow[-2])
            fast, slow = self.fast[-1], self.slow[-1]
            if fast == slow:
                return
            before, self.above = self.above, bool(fast > slow)
            if before is None or before == self.above or len(self.data) <= case.first:
                return
            if self.above:
                self.buy(size=case.quantity)
            elif self.position:
                self.position.close()

    with clock.measure("run"):
        backtest = Backtest(
            frame, EmaCross, cash=case.cash, commission=case.fee, trade_on_close=False, finalize_trades=False
        )
        done = backtest.run()
    return Answer(_trades(done), done["_equity_curve"]["Equity"].tolist())


def _trades(done: Any) -> list[tuple[str, int, float]]:
    strategy = done["_strategy"]
    closed, still_open = strategy.closed_trades, strategy.trades
    trades = [("buy", trade.entry_bar, trade.entry_price) for trade in (*closed, *still_open)]
    trades += [("sell", trade.exit_bar, trade.exit_price) for trade in closed]
    return sorted(((side, int(bar), float(price)) for side, bar, price in trades), key=lambda trade: trade[1])


def cross(bars: Bars, case: Case) -> dict[str, Any]:
    clock = Clock()
    return told(run(bars, case, clock), clock)


if __name__ == "__main__":
    serve("backtesting", {"cross": cross})
