"""The answer that backtesting.py, backtrader and vectorbt give too: an EMA 20/50 long-only cross.

The oracle below is independent of everything of ours: plain floats, one position, market orders at the
next open, a fee per side. Trades must be the same, the equity the same to the cent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from live_runner.contracts.config import Fees, Fills, StrategyChoice
from live_runner.contracts.messages import BarSet, Filled, SetBar, Settled

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]

_SYMBOL = "BTC/USDT:USDT"
_FEE = 0.0005
_QUANTITY = 0.01
_CASH = 10_000.0


class _Answer(NamedTuple):
    trades: list[tuple[str, int, float]]
    equity: list[float]


def _ema(closes: list[float], period: int) -> list[float | None]:
    """Seeded with the simple average of the first closes, as TA-Lib does."""
    values: list[float | None] = [None] * (period - 1)
    value = sum(closes[:period]) / period
    values.append(value)
    for close in closes[period:]:
        value += (close - value) * 2.0 / (period + 1)
        values.append(value)
    return values


def _oracle(bars: list[SetBar], first: int, fast: int, slow: int) -> _Answer:
    closes = [bar.close for bar in bars]
    above = [
        None if one is None or two is None else one > two
        for one, two in zip(_ema(closes, fast), _ema(closes, slow), strict=True)
    ]
    cash, held, wanted = _CASH, 0.0, 0.0
    trades: list[tuple[str, int, float]] = []
    equity: list[float] = []
    for at in range(first, len(bars)):
        bar = bars[at]
        if wanted != held:
            moved = wanted - held
            cash -= moved * bar.open + abs(moved) * bar.open * _FEE
            trades.append(("buy" if moved > 0 else "sell", at, bar.open))
            held = wanted
        if above[at] is not None and above[at - 1] is not None and above[at] != above[at - 1]:
            wanted = _QUANTITY if above[at] else 0.0
        equity.append(cash + held * bar.close)
    return _Answer(trades, equity)


@pytest.mark.parametrize("market_seed", [1, 7, 20240229])
def test_ema_cross_gives_the_known_answer_to_the_cent(make_world: MakeWorld, market_seed: int) -> None:
    """X05, X07, X09, X13: labels, fills at the next open, fees per side, and one sizing rule."""
    world = make_world(
        StrategyChoice(
            module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "quantity": _QUANTITY}
        ),
        symbols=(_SYMBOL,),
        bars=2500,
        market_seed=market_seed,
        fees=Fees(maker="0.0005", taker="0.0005"),
        fills=Fills(slippage_bp="0"),
    )
    world.funding.clear()
    events = world.record()
    sets = [event for event in events if isinstance(event, BarSet)]
    bars = [event.bars[0] for event in sets]
    number = {event.open_ns: at for at, event in enumerate(sets)}
    warmup = sum(event.warmup for event in sets)

    answer = _oracle(bars, warmup, 20, 50)
    trades = [(event.side, number[event.event_ns], float(event.price)) for event in events if isinstance(event, Filled)]
    equity = [float(event.equity) for event in events if isinstance(event, Settled)]

    assert len(trades) > 30
    assert trades == answer.trades
    assert [round(value, 2) for value in equity] == pytest.approx(
        [round(value, 2) for value in answer.equity], abs=0.01
    )
    assert equity == pytest.approx(answer.equity, abs=1e-6)
