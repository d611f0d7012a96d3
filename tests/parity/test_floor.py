"""The C loops that the bench measures beside give the backtest's own fills and money, to the last unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from bench import c_floor
from bench.engines import ENGINES, contest

from live_runner.contracts.config import Fills, StrategyChoice
from live_runner.contracts.messages import BarSet, Event, Filled
from live_runner.hotpath import fixed
from live_runner.services.backtest.session import run_backtest
from live_runner.services.market_data.core import simulation

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]

_SYMBOLS = ("BTC/USDT:USDT", "DOGE/USDT:USDT")
_EMA = StrategyChoice(module="live_runner.strategies.ema_cross", parameters={"fast": 9, "slow": 21, "quantity": 0.25})
_LADDER = StrategyChoice(module="live_runner.strategies.dual_lifo")
_ROOM = 20_000
_LOOPS = ("ema_cross", "dual_lifo")


def played(world: World) -> tuple[list[c_floor.Fill], dict[str, object], int]:
    """Fills and summary of the backtest, and the first bar that it trades."""
    from session_world import ENGINE

    facts, items = world.facts_and_items()
    instrument = facts.instruments[0]
    ticks, lots = fixed.Grid(instrument.tick_size), fixed.Grid(instrument.lot_size)
    events: list[Event] = []
    result = run_backtest(world.config, world.source, facts, items, ENGINE, sink=events.append)
    sets = [event for event in events if isinstance(event, BarSet)]
    number = {time: at for at, event in enumerate(sets) for time in (event.open_ns,)}
    fills = [
        c_floor.Fill(
            number[event.event_ns],
            ("long", "short").index(event.leg),
            lots.units(event.quantity) * (1 if event.action in ("open", "add") else -1),
            ticks.units(event.price),
        )
        for event in events
        if isinstance(event, Filled)
    ]
    return fills, result.stopped.summary, sum(event.warmup for event in sets)


@pytest.mark.parametrize("symbol", _SYMBOLS)
@pytest.mark.parametrize("slippage", ["0", "2.5"])
@pytest.mark.parametrize("market_seed", [3, 11])
def test_the_loop_of_ema_cross(make_world: MakeWorld, market_seed: int, slippage: str, symbol: str) -> None:
    choice = _EMA
    if symbol.startswith("DOGE"):
        choice = StrategyChoice(module=_EMA.module, parameters={**_EMA.parameters, "quantity": 700.0})
    world = make_world(
        choice, symbols=(symbol,), bars=4_000, market_seed=market_seed, fills=Fills(slippage_bp=slippage)
    )
    world.funding.clear()
    fills, summary, first = played(world)
    instrument = world.facts_and_items()[0].instruments[0]

    floor = c_floor.ema_cross(world.config, instrument, world.columns[0], first, fast=9, slow=21, room=_ROOM)

    assert len(fills) > 100
    assert floor.fills == fills
    assert {name: summary[name] for name in floor.totals} == floor.totals


@pytest.mark.parametrize("symbol", _SYMBOLS)
@pytest.mark.parametrize("slippage", ["0", "2.5"])
@pytest.mark.parametrize("market_seed", [3, 11])
def test_the_loop_of_dual_lifo(make_world: MakeWorld, market_seed: int, slippage: str, symbol: str) -> None:
    world = make_world(
        _LADDER, symbols=(symbol,), bars=6_000, market_seed=market_seed, fills=Fills(slippage_bp=slippage)
    )
    world.funding.clear()
    fills, summary, first = played(world)
    instrument = world.facts_and_items()[0].instruments[0]

    floor = c_floor.dual_lifo(world.config, instrument, world.columns[0], first, room=_ROOM)

    assert len(fills) > 100
    assert {leg for _, leg, _, _ in fills} == {0, 1}
    assert floor.fills == fills
    assert {name: summary[name] for name in floor.totals} == floor.totals


@pytest.mark.parametrize(
    ("engine", "strategy"),
    [(name, strategy) for name, one in ENGINES.items() for strategy in one.strategies if strategy in _LOOPS],
)
def test_every_engine_comes_to_the_money_of_the_loop(engine: str, strategy: str) -> None:
    choice = ENGINES[engine].strategies[strategy]
    given = contest(choice, [simulation.simulate(17, "ETH/USDT:USDT", "1m", 0, 5_000)])

    summary = ENGINES[engine].run(given).summary

    market = (given.config, given.facts.instruments[0], given.columns[0], given.first)
    if strategy == "ema_cross":
        totals = c_floor.ema_cross(*market, fast=20, slow=50).totals
    else:
        totals = c_floor.dual_lifo(*market).totals
    assert {name: summary[name] for name in totals} == totals
