"""A backtest over columns ends, reports and asks as the one through messages does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import session_world
from session_world import ENGINE, World

from live_runner.contracts.config import Account, StrategyChoice
from live_runner.contracts.errors import DataError, LedgerOverflow
from live_runner.contracts.messages import Decided, Event, FundingRate, Settled
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.session import run_backtest

SOURCE = '''
from live_runner.strategies.base import *

class Given(Parameters, frozen=True, kw_only=True):
    quantity: float = 0.01
    interrupts: int = 0

class Choosy(Strategy[Given, LegState]):
    """Decides for one symbol at a time, and for those that it has to do with."""

    def __init__(self, *given):
        super().__init__(*given)
        self.closes = 0

    def select(self, bars, view):
        self.closes += 1
        if self.closes == self.parameters.interrupts:
            raise KeyboardInterrupt
        return [self.symbols[self.closes % 2]] if self.closes % 5 else None

    def on_bar(self, bar, view):
        waiting = view.pending(bar.symbol)
        if waiting:
            return [intent.cancel(bar.symbol, "long", order.order_id, reason=order.status) for order in waiting]
        if view.leg(bar.symbol, "long").is_open:
            return [intent.close(bar.symbol, "long")] if self.closes % 3 == 0 else []
        if self.closes % 4:
            return [intent.open(bar.symbol, "long", self.parameters.quantity, style="market")]
        return [intent.open(bar.symbol, "long", 0.01, style="limit", limit_price=bar.close * 0.9)]
'''
MINUTE_NS = 60_000_000_000
BARS = 120


@pytest.fixture(name="world_of")
def fixture_world_of(tmp_path: Path) -> Callable[..., World]:
    """A session of the strategy above, whose second symbol has no bar for a while; two funding rates are due."""
    path = tmp_path / "choosy.py"
    path.write_text(SOURCE)

    def make(**parameters: Any) -> World:
        choice = StrategyChoice(path=str(path), parameters=parameters)
        world = session_world.make_world(choice, market_seed=3, bars=BARS, warmup_holes="accept")
        first, second = world.columns
        kept = np.r_[0:50, 61:BARS]
        fields = ("open_ns", "open", "high", "low", "close", "volume")
        world.columns[1] = replace(second, **{name: getattr(second, name)[kept] for name in fields})
        due = [int(first.open_ns[number]) for number in (40, 90)]
        world.funding = {
            column.symbol: [FundingRate(column.symbol, at_ns, "0.001", None) for at_ns in due]
            for column in world.columns
        }
        return world

    return make


def over_columns(world: World, **options: Any) -> Any:
    facts, _ = world.facts_and_items()
    return run_columns(world.config, world.source, facts, world.timeline(), ENGINE, **options)


def through_messages(world: World, **options: Any) -> Any:
    facts, items = world.facts_and_items()
    return run_backtest(world.config, world.source, facts, items, ENGINE, **options)


def test_holes_funding_and_a_choice_of_symbols_lead_to_the_same(world_of: Callable[..., World]) -> None:
    world = world_of()
    events: list[Event] = []
    expected: list[Event] = []

    result = over_columns(world, sink=events.append)
    assert result.stopped == through_messages(world, sink=expected.append).stopped

    assert events == expected
    assert over_columns(world).stopped == result.stopped
    assert result.stopped.summary["funding"] != "0"
    asked = [intent.action for event in events if isinstance(event, Decided) for intent in event.intents]
    assert set(asked) == {"open", "close", "cancel"}


def test_progress_begins_with_nothing_and_ends_with_every_set(world_of: Callable[..., World]) -> None:
    numbers: list[int] = []
    over_columns(world_of(), progress=numbers.append)

    assert numbers == [0, BARS]


@pytest.mark.parametrize(("fields", "price"), [(["open", "high"], 1e300), (["high"], 1e300), (["low"], 1e-9)])
def test_a_price_that_is_on_no_tick_names_symbol_and_set(
    world_of: Callable[..., World], fields: list[str], price: float
) -> None:
    world = world_of()
    for column in world.columns:
        for field in fields:
            getattr(column, field)[30:] = price

    for run in (over_columns, through_messages):
        with pytest.raises(DataError, match=r"USDT has the price 1e.* in bar set 31, .* not a price on a tick"):
            run(world)


def test_a_decision_that_ends_the_session_stands_in_the_log(world_of: Callable[..., World]) -> None:
    """What was asked is known, although nothing came of it."""
    world = world_of(quantity=1e9)
    world.config = msgspec.structs.replace(world.config, account=Account(leverage="0.000000000000000001"))
    events: list[Event] = []
    expected: list[Event] = []
    with pytest.raises(LedgerOverflow):
        over_columns(world, sink=events.append)
    with pytest.raises(LedgerOverflow):
        through_messages(world, sink=expected.append)

    assert events == expected
    assert isinstance(events[-1], Decided)
    assert [intent.quantity for intent in events[-1].intents] == ["1000000000"]


def test_what_went_before_an_interrupt_is_passed_on(world_of: Callable[..., World]) -> None:
    events: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        over_columns(world_of(interrupts=30), sink=events.append)

    assert sum(isinstance(event, Decided) for event in events) == 29
    assert isinstance(events[-1], Settled)
