"""The known answer: an EMA 20/50 long-only cross, market order at the next open, fee per side.

A plain loop over the columns says what it has to be. backtesting.py 0.6.6, given the same bars and averages, was seen
to make the same trades and the same equity to the cent (20 000 bars of this market: 190 round trips).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from session_world import make_world

from live_runner.contracts.config import Account, Fees, Fills, StrategyChoice
from live_runner.contracts.messages import BarSet, Filled, Stopped
from live_runner.hotpath import indicators

SYMBOL = "BTC/USDT:USDT"
FEE = 0.0005
CASH = 1_000_000.0


def test_trades_and_equity_are_those_of_a_plain_loop() -> None:
    choice = StrategyChoice(
        module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "quantity": 1.0}
    )
    world = make_world(
        choice,
        market_seed=5,
        symbols=(SYMBOL,),
        bars=6000,
        account=Account(equity="1000000", maintenance_margin="0", leverage="100"),
        fills=Fills(slippage_bp="0"),
        fees=Fees(maker="0.0005", taker="0.0005"),
    )
    events = replace(world, funding={}).record()
    bars = [bar for event in events if isinstance(event, BarSet) for bar in event.bars]
    closes = np.array([bar.close for bar in bars])
    fast, slow = indicators.ema(closes, 20), indicators.ema(closes, 50)

    prices: list[float] = []
    cash, held = CASH, 0.0
    for n in range(51, len(bars) - 1):
        rises = fast[n - 1] < slow[n - 1] and fast[n] > slow[n]
        falls = fast[n - 1] > slow[n - 1] and fast[n] < slow[n]
        if (rises and not held) or (falls and held):
            price = bars[n + 1].open
            cash -= (price if rises else -price) + price * FEE
            held = 1.0 if rises else 0.0
            prices.append(price)

    fills = [float(event.price) for event in events if isinstance(event, Filled)]
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    assert len(fills) > 50
    assert fills == prices
    assert round(float(stopped.summary["equity"]), 2) == round(cash + held * bars[-1].close, 2)
