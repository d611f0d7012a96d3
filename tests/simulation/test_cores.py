from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from in_memory_bus import Bus, said_by, settled_closes

from live_runner.contracts import codec
from live_runner.contracts.config import Account, Fills, Limits, StrategyChoice
from live_runner.contracts.messages import BarSet, Command, Event
from live_runner.services.backtest.session import begin
from live_runner.services.forensics.compare import compare
from live_runner.services.forensics.replay import replay

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]

_ROUNDS = 6
_EMA = StrategyChoice(
    module="live_runner.strategies.ema_cross", parameters={"fast": 4, "slow": 9, "notional": 1500.0, "short": True}
)
_LADDER = StrategyChoice(module="live_runner.strategies.dual_lifo")
_BREAKOUT = StrategyChoice(module="live_runner.strategies.breakout_bracket")


def _bus(world: World, seed: int, *, gated: bool) -> tuple[Bus, list[Event]]:
    from session_world import ENGINE

    from live_runner.services.execution.core.engine import ExecutionCore
    from live_runner.services.strategy.core.host import StrategyCore

    facts, _ = world.facts_and_items()
    strategy_class = world.strategy_class
    before = begin(world.config, world.source, strategy_class, facts, ENGINE)
    session = world.config.session
    bus = Bus(seed, lambda: ExecutionCore(session), lambda: StrategyCore(session, strategy_class), gated)
    return bus, list(before)


def _command(number: int, name: str) -> Command:
    source = "execution.shell"
    return Command(
        command=name,
        author="somebody",
        reason="a test",
        id=f"test/{source}/{number}",
        session="test",
        source=source,
        seq=number,
        event_ns=0,
    )


def _wires(log: list[Event]) -> list[bytes]:
    return [codec.stamp(codec.encode(event), 1 + number) for number, event in enumerate(log)]


@pytest.mark.parametrize("choice", [_EMA, _LADDER, _BREAKOUT], ids=["ema_cross", "dual_lifo", "breakout_bracket"])
@pytest.mark.parametrize("number", range(_ROUNDS))
def test_delays_repetitions_and_restarts_change_nothing(
    make_world: MakeWorld, seed: int, number: int, choice: StrategyChoice
) -> None:
    """P10, P11, X08, O15 in small: whatever is slow, doubled or killed, the cores say the same, byte for byte."""
    warmup = 1450 if choice is _LADDER else 60
    world = make_world(
        choice,
        bars=warmup + 80,
        market_seed=seed + number,
        limits=Limits(state_hash_every=25),
        fills=Fills(slippage_bp="3", participation="0.5"),
        account=Account(lots=("lifo", "fifo", "average")[number % 3]),
    )
    undisturbed = world.record()
    bus, before = _bus(world, seed * 1000 + number, gated=True)

    log = bus.play(before, world.market(), {})

    for source in ("execution", "strategy"):
        assert said_by(log, source) == said_by(undisturbed, source)
    assert [codec.encode(event) for event in log] == [codec.encode(event) for event in undisturbed]
    assert replay(_wires(log)).agrees


@pytest.mark.parametrize("number", range(_ROUNDS))
def test_feed_that_waits_for_nobody_changes_nothing(make_world: MakeWorld, seed: int, number: int) -> None:
    """X06, X14 in real time sets come before the answers to earlier ones; the answers are those of the backtest."""
    # No full state hash on the way: that of a core includes the sets that wait in it.
    world = make_world(_EMA, bars=160, market_seed=seed + number, limits=Limits(state_hash_every=25))
    undisturbed = world.record()
    bus, before = _bus(world, seed * 1000 + number, gated=False)

    log = bus.play(before, world.market(), {})

    assert bus.counts.read_ahead > 2
    assert settled_closes(log) == settled_closes(undisturbed)
    for source in ("execution", "strategy"):
        assert said_by(log, source) == said_by(undisturbed, source)
    assert replay(_wires(log)).agrees
    assert compare(_wires(log)).agrees


@pytest.mark.parametrize("gated", [True, False], ids=["recording", "live feed"])
@pytest.mark.parametrize("number", range(_ROUNDS))
def test_commands_land_where_the_log_has_them(make_world: MakeWorld, seed: int, number: int, gated: bool) -> None:
    """S01, S02, S03, R01: a stop in the middle of a disturbed session is found again by its backtest."""
    world = make_world(_EMA, bars=160, market_seed=seed + number, limits=Limits(state_hash_every=25))
    bus, before = _bus(world, seed * 1000 + number, gated=gated)
    market = world.market()
    sets = [at for at, event in enumerate(market) if isinstance(event, BarSet) and not event.warmup]
    names = ("stop", "resume", "kill", "resume", "flatten", "resume")
    commands = {sets[20 * at + number]: _command(at, name) for at, name in enumerate(names, start=1)}

    log = bus.play(before, market, commands)

    assert sum(isinstance(event, Command) for event in log) == len(names)
    assert replay(_wires(log)).agrees
    comparison = compare(_wires(log))
    assert comparison.first is None
    assert comparison.agrees


def test_the_simulation_does_disturb(make_world: MakeWorld, seed: int) -> None:
    """A simulation in which nothing ever happens proves nothing."""
    world = make_world(_EMA, bars=200, limits=Limits(state_hash_every=25))
    bus, before = _bus(world, seed, gated=True)

    bus.play(before, world.market(), {})

    assert bus.counts.restarts >= 3
    assert bus.counts.repeated >= 10
    assert bus.counts.snapshots >= 5
