"""Every shipped strategy gives a policy, a backoff, a minimum order and a snapshot (I13)."""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import Any

import pytest
from fix_strategy import BTC, SYMBOLS, Stream

import live_runner.strategies as package
from live_runner.contracts.messages import SetBar
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Strategy
from live_runner.strategies.breakout_bracket import BreakoutBracket
from live_runner.strategies.dual_lifo import DualLifo
from live_runner.strategies.ema_cross import EmaCross
from live_runner.strategies.loader import collect

SHIPPED: list[tuple[type[Strategy[Any, Any]], dict[str, Any]]] = [
    (EmaCross, {"fast": 3, "slow": 8, "notional": 100.0, "short": True}),
    (BreakoutBracket, {"channel": 5, "atr": 4}),
    (DualLifo, {"long": {"regime_move": None}, "short": {"regime_move": None}}),
]
each = pytest.mark.parametrize(("kind", "parameters"), SHIPPED, ids=lambda value: getattr(value, "__name__", ""))


def wave(number: int) -> list[SetBar]:
    """Bars that rise and fall."""
    bars = []
    for index, symbol in enumerate(SYMBOLS):
        close = 100.0 + 8.0 * math.sin(number / 6 + index) + 3.0 * math.sin(number / 1.7)
        bars.append(SetBar(symbol, close, close + 1.0, close - 1.0, close, 1.0))
    return bars


def test_every_strategy_that_ships_is_among_them() -> None:
    """I13"""
    found = set()
    for module in pkgutil.iter_modules(package.__path__):
        for kind in vars(importlib.import_module(f"{package.__name__}.{module.name}")).values():
            if isinstance(kind, type) and issubclass(kind, Strategy) and not kind.__name__.startswith("_"):
                found.add(kind)

    assert found - {Strategy} == {kind for kind, _ in SHIPPED}


@each
def test_it_states_policy_and_backoff(kind: type[Strategy[Any, Any]], parameters: dict[str, Any]) -> None:
    """I13"""
    policy = Stream(kind, parameters).start().core.strategy.policy()

    assert policy.add_style == "market"
    assert policy.max_failures > 0
    assert policy.backoff_s
    assert policy.fallback == ()


@each
def test_it_knows_the_smallest_order_worth_sending(kind: type[Strategy[Any, Any]], parameters: dict[str, Any]) -> None:
    """I13"""
    seen: list[float] = []

    class Watched(kind):  # type: ignore[misc, valid-type]  # a shipped class, chosen by the parameter
        def on_bar(self, bar: Any, view: Any) -> Any:
            seen.append(self.minimum_order(view, bar.symbol))
            return super().on_bar(bar, view)

    stream = Stream(Watched, parameters).start()
    for number in range(12):
        stream.step(*wave(number))

    # 5 of notional at prices around 100.
    assert all(0.04 < quantity < 0.06 for quantity in seen[-2:])


@each
def test_its_snapshot_carries_on(kind: type[Strategy[Any, Any]], parameters: dict[str, Any]) -> None:
    """I13, X08, P10"""
    stream = Stream(kind, parameters).start()
    for number in range(30):
        stream.step(*wave(number))
    core = StrategyCore("test", kind)
    core.restore(stream.core.snapshot())
    assert core.snapshot() == stream.core.snapshot()

    intents = 0
    for number in range(30, 60):
        bar_set = stream.bar_set(*wave(number))
        settled = stream.settled()
        for event in (bar_set, settled):
            assert core.handle(event) == stream.fold(event)
        intents += len(stream.outputs[-1].intents)  # type: ignore[attr-defined]  # the last output is a decision
    assert intents


@each
def test_it_is_collected_and_loads(kind: type[Strategy[Any, Any]], parameters: dict[str, Any]) -> None:
    assert collect(module=kind.__module__).strategy == f"{kind.__module__}:{kind.__name__}"


@each
def test_its_parameters_have_descriptions_or_defaults_that_speak(
    kind: type[Strategy[Any, Any]], parameters: dict[str, Any]
) -> None:
    assert kind.__doc__
    assert kind.Params.__doc__
    assert Stream(kind, parameters).start().core.strategy.leg(BTC, "long") == kind.Leg()
