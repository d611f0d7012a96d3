"""A strategy's compiled twin cannot be told from it: the same events, from the first decision to the last total.

Markets, parameters, accounts and fill models are drawn at random. A draw is its number and the run's seed, so the
name of a failing test and the header are enough to run it again.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import session_world
from bench import cython_module
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Config, Fees, Fills, Market, StrategyChoice
from live_runner.contracts.messages import Decided, Denied, Event, Filled, Rejected, Stopped
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.session import load_strategy, run_backtest, warmup_needed, with_defaults
from live_runner.services.market_data.core import simulation
from live_runner.strategies import loader

_DRAWS = 40
_SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
_TRADABLE = 400


# -- what is drawn ------------------------------------------------------------------------------


def cross_parameters(draw: random.Random) -> dict[str, Any]:
    fast = draw.choice([1, 2, 5])
    sizing, size = draw.choice(
        [
            ("quantity", 0.013),
            ("quantity", 2.0),
            ("notional", 1234.5),
            ("equity_fraction", 0.3),
            ("equity_fraction", 40.0),
        ]
    )
    return {"fast": fast, "slow": fast + draw.choice([1, 4, 9]), "short": draw.random() < 0.6, sizing: size}


def ladder_parameters(draw: random.Random) -> dict[str, Any]:
    """Every field, among few values; percentages so small that a few hundred bars reach every rule."""
    sizes: list[dict[str, Any]] = [
        {"base_notional": draw.choice([5.0, 200.0, 900.0, 6000.0])},
        {
            "base_notional": None,
            "equity_percent": draw.choice([0.5, 3.0, 40.0, 300.0]),
            "sizing_equity": draw.choice(["cash", "equity"]),
        },
    ]
    return draw.choice(sizes) | {
        "enabled": draw.random() < 0.9,
        "min_order_notional": draw.choice([0.0, 2.0, 75.0]),
        "entry_style": draw.choice(["market", "market", "post_only"]),
        "entry_offset_bp": draw.choice([0.0, 1.0, 7.5]),
        "entry_time_to_live_s": draw.choice([None, 1e-10, 60.0, 7200.0]),
        "steps": [draw.choice([0.01, 0.03, 0.05, 0.1, 0.3]) for _ in range(5)],
        "linear_step": draw.choice([0.01, 0.02, 0.1]),
        "multipliers": [draw.choice([0.3, 1.0, 1.2, 3.5]) for _ in range(4)],
        "confirm_adds": draw.random() < 0.5,
        "max_fills": draw.choice([1, 3, 8, 50]),
        "max_fills_per_bar": draw.choice([1, 3, 10]),
        "max_exposure": draw.choice([0.1, 1.0, 50.0]),
        "heavy_exposure": draw.choice([0.01, 0.5, 5.0]),
        "rate_orders": draw.choice([1, 4, 100]),
        "rate_window_s": draw.choice([60.0, 119.5, 1e5, 1e12]),
        "regime_move": draw.choice([None, 0.002, 0.02]),
        "take_profit": draw.choice([0.02, 0.05, 0.2, 0.8]),
        "callback": draw.choice([None, 0.005, 0.02]),
        "sub_take_profit": draw.choice([0.01, 0.05, 0.3]),
        "fees_bp": draw.choice([0.0, 1.0, 3.0]),
        "reenter": draw.random() < 0.5,
        "compensation_cap": draw.choice([None, 0.01, 0.5, 20.0]),
    }


def dual_parameters(draw: random.Random) -> dict[str, Any]:
    return {
        "long": ladder_parameters(draw),
        "short": ladder_parameters(draw),
        "max_failures": draw.choice([0, 1, 3]),
        "backoff_s": draw.choice([60.0, 7200.0]),
    }


_STRATEGIES = {"ema_cross": cross_parameters, "dual_lifo": dual_parameters}


def drawn(strategy: str, number: int, seed: int) -> World:
    """A session to be, wholly determined by the three."""
    draw = random.Random(f"{strategy}/{number}/{seed}")
    symbols = tuple(draw.sample(_SYMBOLS, draw.choice([1, 2, 3])))
    timeframe = draw.choice(["1m", "15m", "1h"])
    choice = StrategyChoice(
        module=f"live_runner.strategies.{strategy}", parameters=_STRATEGIES[strategy](draw), on_error="manage_only"
    )
    source = loader.collect(path=None, module=choice.module, name=None)
    config = Config(
        session="twin",
        strategy=choice,
        market=Market(venue="simulated", symbols=symbols, timeframe=timeframe, warmup_holes="accept"),
        account=Account(
            equity=draw.choice(["150", "10000", "10000", "1000000"]),
            position_mode=draw.choice(["hedge", "hedge", "one_way"]),
            lots=draw.choice(["lifo", "lifo", "fifo", "average"]),
            leverage=draw.choice(["1", "10", "100"]),
        ),
        fills=Fills(
            market=draw.choice(["next_open", "bar_close"]),
            limit=draw.choice(["touch", "through"]),
            slippage_bp=draw.choice(["0", "2", "15"]),
            participation=draw.choice([None, None, "0.001"]),
        ),
        fees=draw.choice([Fees(), Fees(maker="0", taker="0"), Fees(maker="0.01", taker="0.05")]),
    )
    strategy_class = load_strategy(config, source)
    config = with_defaults(config, strategy_class)
    bars = _TRADABLE + warmup_needed(config, strategy_class)
    columns = [simulation.simulate(draw.getrandbits(32), symbol, timeframe, 0, bars) for symbol in symbols]
    funding = {
        symbol: simulation.funding(number, symbol, column) for symbol, column in zip(symbols, columns, strict=True)
    }
    return World(config, source, columns, funding)


# -- both ways of running it --------------------------------------------------------------------


def in_python(world: World) -> list[Event]:
    """Every event of the cores, in log order."""
    facts, items = world.facts_and_items()
    events: list[Event] = []
    run_backtest(world.config, world.source, facts, items, ENGINE, sink=events.append)
    return events


def compiled(world: World) -> list[Event]:
    facts, _ = world.facts_and_items()
    events: list[Event] = []
    run_columns(world.config, world.source, facts, world.timeline(), ENGINE, compiled=True, sink=events.append)
    return events


@cache
def recorded(strategy: str, number: int, seed: int) -> tuple[Event, ...]:
    return tuple(in_python(drawn(strategy, number, seed)))


@pytest.mark.parametrize("number", range(_DRAWS))
@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_the_twin_says_and_leads_to_the_same(strategy: str, number: int, seed: int) -> None:
    expected = recorded(strategy, number, seed)
    assert not any(event.failed for event in expected if isinstance(event, Decided))

    events = compiled(drawn(strategy, number, seed))

    for there, here in zip(expected, events, strict=False):
        assert here == there
    assert len(events) == len(expected)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("strategy", _STRATEGIES)
def test_without_events_the_totals_are_the_same(strategy: str, number: int, seed: int) -> None:
    world = drawn(strategy, number, seed)
    (stopped,) = (event for event in recorded(strategy, number, seed) if isinstance(event, Stopped))

    facts, _ = world.facts_and_items()
    result = run_columns(world.config, world.source, facts, world.timeline(), ENGINE, compiled=True)

    assert result.stopped == stopped


def test_the_draws_reach_every_rule_of_both_strategies(seed: int) -> None:
    said: Counter[str] = Counter()
    for strategy in _STRATEGIES:
        for number in range(_DRAWS):
            for event in recorded(strategy, number, seed):
                if isinstance(event, Decided):
                    said.update(f"{strategy}: {intent.reason} {intent.action}" for intent in event.intents)
                    said.update(f"{strategy}: blocked" for _ in event.blocked)
                elif isinstance(event, Denied | Rejected | Filled):
                    said[f"{strategy}: {type(event).__name__}"] += 1

    outcomes = {"Filled", "Denied", "Rejected", "blocked"}
    levels = {f"level_{number} add" for number in (2, 3, 4, 5, 6, 7, 20)}
    rules = {"entry open", "take_profit close", "sub_take_profit partial_close"} | levels
    wanted = {f"dual_lifo: {what}" for what in rules | outcomes}
    wanted |= {f"ema_cross: {what}" for what in {"cross open", "cross close"} | outcomes}
    assert wanted - said.keys() == set()


@pytest.mark.parametrize("bars", [0, 1, 3, 10])
def test_the_twin_that_the_bench_builds_says_and_leads_to_the_same(bars: int) -> None:
    folder = Path(cython_module.__file__).parent / "strategies"
    if "every_so_often_twin" not in sys.modules:
        cython_module.load(folder / "every_so_often_twin.pyx")
    choice = StrategyChoice(path=str(folder / "every_so_often.py"), parameters={"bars": bars, "quantity": 0.5})
    world = session_world.make_world(choice, market_seed=4, bars=200)

    expected = in_python(world)

    assert compiled(world) == expected
    assert any(isinstance(event, Filled) for event in expected) == (bars > 0)
