from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec.structs import replace

from live_runner.contracts import codec
from live_runner.contracts.config import Config, Fees
from live_runner.contracts.errors import ConfigError, VersionMismatch
from live_runner.contracts.messages import Event, Started
from live_runner.hotpath import fixed
from live_runner.services.forensics.compare import Comparison, compare
from live_runner.services.forensics.errors import CodeMismatch
from live_runner.services.forensics.replay import replay
from live_runner.strategies.loader import StrategySource, source_hash

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world(bars=300)


@pytest.fixture
def recorded(world: World) -> list[bytes]:
    return _wires(world.record())


def _wires(events: Iterable[Event]) -> list[bytes]:
    return [codec.stamp(codec.encode(event), 5_000 + number) for number, event in enumerate(events)]


def _parts(comparison: Comparison) -> dict[str, str]:
    return {line.cause: line.amount for line in comparison.bridge.lines}


def _adds_up(comparison: Comparison) -> bool:
    bridge = comparison.bridge
    total = fixed.money(bridge.backtest) + sum(fixed.money(line.amount) for line in bridge.lines)
    return total + fixed.money(bridge.unexplained) == fixed.money(bridge.session)


def test_fees_of_the_wrong_side_are_named(world: World, recorded: list[bytes]) -> None:
    """X09, R02 another fee in the configuration: refused by name, and with permission bridged as what it is."""
    config = msgspec.structs.replace(world.config, fees=Fees(maker="0.0002", taker="0.0007"))

    with pytest.raises(CodeMismatch, match=r"fees\.taker: expected '0\.0005', got '0\.0007'"):
        compare(recorded, config=config)
    comparison = compare(recorded, config=config, allow_different_code=True)

    assert not comparison.agrees
    assert fixed.money(_parts(comparison)["code_and_parameters"]) > 0
    assert comparison.bridge.unexplained == "0"
    assert comparison.unreproduced == 0
    assert comparison.first is not None
    assert "fee" in [field.path for field in comparison.first.fields]


def test_one_changed_parameter_is_refused_and_named(world: World, recorded: list[bytes]) -> None:
    """R02"""
    strategy = world.config.strategy
    changed = msgspec.structs.replace(strategy, parameters=strategy.parameters | {"fast": 6})
    config = msgspec.structs.replace(world.config, strategy=changed)

    with pytest.raises(CodeMismatch) as caught:
        compare(recorded, config=config)

    assert "strategy.parameters.fast: expected 5, got 6" in str(caught.value)
    assert "--allow-different-code" in caught.value.remedy
    comparison = compare(recorded, config=config, allow_different_code=True)
    assert comparison.first is not None
    assert comparison.first.type in ("strategy.decided", "account.settled")
    assert comparison.trades.missing or comparison.trades.extra
    assert comparison.bridge.unexplained == "0"
    assert _adds_up(comparison)


def test_one_changed_line_of_code_is_refused_and_named(world: World, recorded: list[bytes]) -> None:
    """R02 the refusal names both hashes, the module and the line."""
    (name,) = world.source.sources
    text = world.source.sources[name]
    line = next(at for at, row in enumerate(text.splitlines(), start=1) if "fast_value > slow_value" in row)
    sources = {name: text.replace("fast_value > slow_value", "fast_value < slow_value")}
    other = StrategySource(strategy=world.source.strategy, sources=sources, hash=source_hash(sources))

    with pytest.raises(CodeMismatch) as caught:
        compare(recorded, strategy=other)

    assert f"line {line}" in str(caught.value)
    assert other.hash in str(caught.value)
    assert world.source.hash in str(caught.value)
    comparison = compare(recorded, strategy=other, allow_different_code=True)
    assert not comparison.agrees
    assert comparison.changes[0].what == "strategy"
    assert comparison.bridge.unexplained == "0"
    assert fixed.money(_parts(comparison)["code_and_parameters"]) != 0


def test_another_engine_is_refused_and_allowed(recorded: list[bytes]) -> None:
    """R02"""
    with pytest.raises(CodeMismatch, match="engine ffff"):
        compare(recorded, engine_hash="f" * 32)

    assert compare(recorded, engine_hash="f" * 32, allow_different_code=True).agrees


def test_another_engine_number_is_refused_whatever_is_allowed(recorded: list[bytes]) -> None:
    """X12: neither its decisions nor its backtest can be made again by other rules."""
    announced, started = (codec.decode(codec.canonical(wire)) for wire in recorded[:2])
    of_engine_1 = [*_wires([replace(announced, engine=1), replace(started, engine=1)]), *recorded[2:]]

    with pytest.raises(VersionMismatch, match="is of engine 1, which commit 4072634"):
        compare(of_engine_1, allow_different_code=True)
    with pytest.raises(VersionMismatch, match="is of engine 1, which commit 4072634"):
        replay(of_engine_1)


def test_another_version_of_a_model_is_refused_and_named(recorded: list[bytes]) -> None:
    """X12, X14"""
    started = codec.decode(codec.canonical(recorded[1]))
    assert isinstance(started, Started)
    other = replace(started, models=started.models | {"funding": "mark else open v0"})

    with pytest.raises(VersionMismatch, match="other models: funding 'mark else open v0', here 'mark else open v2'"):
        replay([recorded[0], *_wires([other]), *recorded[2:]])


def test_same_code_and_engine_by_hand_is_no_change(world: World, recorded: list[bytes]) -> None:
    assert compare(recorded, strategy=world.source, config=world.config, engine_hash="e" * 32).changes == []


def test_another_pace_and_name_is_no_change(world: World, recorded: list[bytes]) -> None:
    config = msgspec.structs.replace(
        world.config, session="copy", market=msgspec.structs.replace(world.config.market, speed=60.0)
    )

    assert compare(recorded, config=config).agrees


def test_another_market_is_refused(world: World, recorded: list[bytes]) -> None:
    market = msgspec.structs.replace(world.config.market, symbols=("BTC/USDT:USDT",))
    config: Config = msgspec.structs.replace(world.config, market=market)

    with pytest.raises(ConfigError, match="symbols"):
        compare(recorded, config=config, allow_different_code=True)
