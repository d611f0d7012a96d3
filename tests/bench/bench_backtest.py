"""Bars per second of the backtest, for both strategies.

Beside each figure, in the same run: a plain Python loop that trades an EMA cross over the same bars, one float at
a time; and, in the details, the bar sets made and walked without cores. In processor time, so that other
work on the machine does not enter.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import session_world
from bench.house import SYMBOLS
from bench.table import Row, entry
from session_world import ENGINE, World

from live_runner.contracts.config import StrategyChoice
from live_runner.contracts.messages import BarSet
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import run_backtest

_FAST, _SLOW, _FEE = 20, 50, 0.0004
_ONE = ("BTC/USDT:USDT",)
_EMA = StrategyChoice(
    module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "notional": 1000.0}
)
_LADDER = StrategyChoice(module="live_runner.strategies.dual_lifo")


def rows(quick: bool) -> list[Row]:
    """Every case once, over so many bar sets of one symbol and a sixth of it of twelve."""
    cases = (("ema_cross", _EMA), ("dual_lifo", _LADDER))
    sets = 4_000 if quick else 20_000
    return [_row(name, choice, symbols, sets) for name, choice in cases for symbols in (_ONE, SYMBOLS)]


def _row(name: str, choice: StrategyChoice, symbols: tuple[str, ...], sets: int) -> Row:
    count = sets if len(symbols) == 1 else max(sets // 6, 2_000)
    world = session_world.make_world(choice, market_seed=3, symbols=symbols, bars=count)
    facts, items = world.facts_and_items()
    bars = count * len(symbols)
    bare_s, plain_s = _bare(world), _plain_loop(world)
    began = process_time()
    result = run_backtest(world.config, world.source, facts, items, ENGINE)
    taken_s = process_time() - began
    return Row(
        what=f"backtest of {name} in Python, {len(symbols)} symbol{'s' if len(symbols) > 1 else ''}",
        figure=bars / taken_s,
        unit="bars/s",
        floor=bars / plain_s,
        beside="plain EMA loop",
        goal=1_100_000 if name == "ema_cross" and len(symbols) == 1 else None,
        details=f"{count:,} sets, {result.stopped.summary['fills']} fills, {taken_s / bars * 1e6:.1f} us a bar; "
        f"walking the sets alone {bars / bare_s:,.0f} bars/s",
    )


def _plain_loop(world: World) -> float:
    """Seconds of a loop that crosses two averages, trades at the next open and keeps an equity."""
    columns = [(c.open.tolist(), c.close.tolist()) for c in world.columns]
    up, down = 2 / (_FAST + 1), 2 / (_SLOW + 1)
    began = process_time()
    for opens, closes in columns:
        fast = slow = closes[0]
        cash, held, wanted = 10_000.0, 0.0, False
        for open_, close in zip(opens, closes, strict=True):
            if wanted and held == 0.0:
                held = cash / open_
                cash = -held * open_ * _FEE
            elif not wanted and held > 0.0:
                cash += held * open_ * (1 - _FEE)
                held = 0.0
            fast += up * (close - fast)
            slow += down * (close - slow)
            wanted = fast > slow
    return process_time() - began


def _bare(world: World) -> float:
    """Seconds to number every set and look at every bar, with no core behind."""
    items = world.facts_and_items()[1]
    highest = 0.0
    began = process_time()
    for event in numbered(world.config.session, items):
        if isinstance(event, BarSet):
            for bar in event.bars:
                if bar.high > highest:
                    highest = bar.high
    return process_time() - began


if __name__ == "__main__":
    entry("backtest", rows)
