"""Bars per second of the backtest, for both strategies and every engine, on a simulated market and on a recording.

Beside a single symbol stands a C loop of the same rules (floor/), which comes to the same money to the last
unit; beside twelve a plain Python loop that trades an EMA cross, one float at a time. The details have the loop alone,
without what a run costs to begin, and walking the bar sets without cores. In processor time, so that other work on
the machine does not enter.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import process_time
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import c_floor
from bench.engines import ENGINES, Contest, Engine, Ran, contest
from bench.house import SYMBOLS
from bench.table import Row, entry, note
from fix_shared import SHARED_DATA
from msgspec.structs import replace

from live_runner.contracts.messages import BarSet
from live_runner.services.backtest.market import numbered
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.datasets.candle_files import read_candles

_FAST, _SLOW, _FEE = 20, 50, 0.0004
_SYMBOL = "ETH/USDT:USDT"
_RECORDING = SHARED_DATA / "candles" / "binanceusdm_ETH-USDT-USDT_1m.csv.gz"
_SEED = 3
_BARS_LEAST = 10_000
"""More than the day of warmup that dual_lifo needs."""
_GOALS: dict[tuple[str, str, str], tuple[float, Literal["ratio", "figure"]]] = {
    ("python", "ema_cross", "1 symbol"): (1_100_000.0, "figure"),
    ("interpreted", "ema_cross", "1 symbol"): (200_000.0, "figure"),
    ("compiled", "ema_cross", "1 symbol"): (20_000_000.0, "figure"),
    ("compiled", "dual_lifo", "1 symbol"): (1 / 3, "ratio"),
    ("compiled", "dual_lifo", "recorded candles"): (5_000_000.0, "figure"),
}


def rows(quick: bool) -> list[Row]:
    """Every engine with both strategies; of twelve symbols a sixth of the sets."""
    return rows_of(ENGINES, quick)


def rows_of(engines: Mapping[str, Engine], quick: bool) -> list[Row]:
    """The same of some engines."""
    found: list[Row] = []
    for name, engine in engines.items():
        count = max(engine.bars // 5, _BARS_LEAST) if quick else engine.bars
        one = [simulation.simulate(_SEED, _SYMBOL, "1m", 0, count)]
        twelve = [simulation.simulate(_SEED, symbol, "1m", 0, count // 6) for symbol in SYMBOLS]
        for strategy in ("ema_cross", "dual_lifo"):
            if strategy in engine.strategies:
                found.append(_one_symbol(name, engine, strategy, one, "1 symbol"))
                found.append(_many_symbols(engine, strategy, twelve))
        if "dual_lifo" in engine.strategies:
            found += _recorded(name, engine, count)
    return found


def _recorded(name: str, engine: Engine, count: int) -> Iterator[Row]:
    """The ladder on recorded candles, where there are any."""
    if not _RECORDING.exists():
        note("no recorded candles: ../shared/data is not there")
        return
    candles, _ = read_candles(_RECORDING, _SYMBOL)
    yield _one_symbol(name, engine, "dual_lifo", [candles.slice(0, count)], "recorded candles")


def _one_symbol(name: str, engine: Engine, strategy: str, columns: list[Candles], where: str) -> Row:
    given = contest(engine.strategies[strategy], columns, equity="100000")
    ran, floor = _fastest(engine, given), _floor(strategy, given)
    goal = _GOALS.get((name, strategy, where))
    return Row(
        what=f"backtest of {strategy}, {engine.name}, {where}",
        figure=given.bars / ran.seconds,
        unit="bars/s",
        floor=given.bars / floor.seconds,
        beside="C loop of the same rules",
        goal=goal[0] if goal else None,
        goal_is=goal[1] if goal else "figure",
        details=f"{given.bars:,} bars, {_cost(ran, given)}; {_agreement(ran, floor)}; {_around(given)}",
    )


def _many_symbols(engine: Engine, strategy: str, columns: list[Candles]) -> Row:
    choice = engine.strategies[strategy]
    if strategy == "ema_cross":
        # A quantity that fits one of these symbols does not fit another.
        parameters = {key: value for key, value in choice.parameters.items() if key != "quantity"}
        choice = replace(choice, parameters={**parameters, "notional": 1000.0})
    given = contest(choice, columns, equity="100000")
    ran = _fastest(engine, given)
    return Row(
        what=f"backtest of {strategy}, {engine.name}, {len(columns)} symbols",
        figure=given.bars / ran.seconds,
        unit="bars/s",
        floor=given.bars / _plain_loop(given),
        beside="plain EMA loop in Python",
        details=f"{len(columns[0]):,} sets, {_cost(ran, given)}",
    )


def _fastest(engine: Engine, given: Contest) -> Ran:
    return min((engine.run(given) for _ in range(2)), key=lambda ran: ran.seconds)


def _floor(strategy: str, given: Contest) -> c_floor.Floor:
    instrument, candles = given.facts.instruments[0], given.columns[0]

    def once() -> c_floor.Floor:
        if strategy == "dual_lifo":
            return c_floor.dual_lifo(given.config, instrument, candles, given.first)
        return c_floor.ema_cross(given.config, instrument, candles, given.first, fast=_FAST, slow=_SLOW)

    return min((once() for _ in range(7)), key=lambda floor: floor.seconds)


def _cost(ran: Ran, given: Contest) -> str:
    loop = f"the loop alone {given.bars / ran.loop_seconds:,.0f} bars/s"
    return f"{ran.summary['fills']:,} fills, {ran.seconds / given.bars * 1e6:.2f} us a bar, {loop}"


def _agreement(ran: Ran, floor: c_floor.Floor) -> str:
    apart = [name for name, value in floor.totals.items() if ran.summary[name] != value]
    return f"differs from the floor in {', '.join(apart)}" if apart else "the floor's money to the last unit"


def _around(given: Contest) -> str:
    return (
        f"plain EMA loop in Python {given.bars / _plain_loop(given):,.0f} bars/s, "
        f"walking the sets alone {given.bars / _bare(given):,.0f}"
    )


def _plain_loop(given: Contest) -> float:
    """Seconds of a loop that crosses two averages, trades at the next open and keeps an equity."""
    columns = [(c.open.tolist(), c.close.tolist()) for c in given.columns]
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


def _bare(given: Contest) -> float:
    """Seconds to make and number every set and look at every bar, with no core behind."""
    highest = 0.0
    began = process_time()
    for event in numbered(given.config.session, given.timeline().items()):
        if isinstance(event, BarSet):
            for bar in event.bars:
                if bar.high > highest:
                    highest = bar.high
    return process_time() - began


if __name__ == "__main__":
    entry("backtest", rows)
