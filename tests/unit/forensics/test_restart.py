"""A replay with a restart of the strategy half way, and one of a strategy that does not decide the same twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from session_world import EMA, LADDER, wires

from live_runner.contracts.config import StrategyChoice
from live_runner.services.forensics.replay import replay

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]

FORGETFUL = """\
from live_runner.strategies.base import Strategy, intent


class Forgetful(Strategy):
    def __init__(self, parameters, symbols, timeframe):
        super().__init__(parameters, symbols, timeframe)
        self.seen = 0

    def on_bar(self, bar, view):
        self.seen += 1
        if self.seen % 7:
            return []
        if view.leg(bar.symbol, "long").is_open:
            return [intent.close(bar.symbol, "long", reason="out")]
        return [intent.open(bar.symbol, "long", 0.01, style="market", reason="in")]
"""
BY_CHANCE = """\
import random

from live_runner.strategies.base import Strategy, intent


class ByChance(Strategy):
    def on_bar(self, bar, view):
        return [intent.open(bar.symbol, "long", random.random(), style="market", reason="chance")]
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], StrategyChoice]:
    def write(text: str) -> StrategyChoice:
        path = tmp_path / "tried.py"
        path.write_text(text)
        return StrategyChoice(path=str(path))

    return write


@pytest.mark.parametrize("choice", [EMA, LADDER], ids=["ema_cross", "dual_lifo"])
def test_the_examples_go_on_as_without_a_restart(make_world: MakeWorld, choice: StrategyChoice) -> None:
    events = wires(make_world(choice, bars=1800 if choice is LADDER else 400).record())

    for restart_at in (len(events) // 4, len(events) // 2, len(events) - 10):
        assert replay(events, restart_at=restart_at).agrees


def test_what_is_kept_outside_state_is_lost(make_world: MakeWorld, written: Callable[[str], StrategyChoice]) -> None:
    events = wires(make_world(written(FORGETFUL), bars=300).record())

    plain, restarted = replay(events), replay(events, restart_at=len(events) // 2)

    assert plain.agrees
    assert not restarted.agrees
    assert restarted.first is not None
    assert restarted.first.source == "strategy"


def test_chance_is_named(make_world: MakeWorld, written: Callable[[str], StrategyChoice]) -> None:
    result = replay(wires(make_world(written(BY_CHANCE), bars=50).record()))

    assert not result.agrees
    (note,) = [note for note in result.notes if "does not decide the same twice" in note]
    assert "tried.py:8: random.random (random numbers)" in note
