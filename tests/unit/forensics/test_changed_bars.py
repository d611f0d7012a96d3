"""Bars that were changed after they were recorded: by their running hash, and beside the session's dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from session_world import wires, with_bar

from live_runner.contracts.messages import BarSet, Event, Started
from live_runner.contracts.numbering import FIRST_HASH, bar_hash
from live_runner.services.cli.dataset_check import dataset_market
from live_runner.services.forensics.compare import compare, compare_log
from live_runner.services.forensics.errors import RecordingError
from live_runner.services.forensics.replay import replay
from live_runner.services.forensics.session_log import SessionLog
from live_runner.services.market_data.core.dataset import manifest_hash
from live_runner.services.market_data.datasets.simulated import simulated_dataset

if TYPE_CHECKING:
    from session_world import World

type MakeWorld = Callable[..., World]

CHANGED_SET = 150


def _published(events: list[Event]) -> list[Event]:
    """The bar sets with the hashes that market_data publishes them with."""
    before, found = FIRST_HASH, []
    for event in events:
        if isinstance(event, BarSet):
            event = msgspec.structs.replace(event, hash=bar_hash(before, event))
            before = event.hash
        found.append(event)
    return found


def _with_bar(events: list[Event], **changes: float) -> list[Event]:
    return [
        with_bar(event, 0, **changes) if isinstance(event, BarSet) and event.number == CHANGED_SET else event
        for event in events
    ]


def test_a_session_with_hashes_replays_and_compares(make_world: MakeWorld) -> None:
    events = wires(_published(make_world(bars=200).record()))

    assert replay(events).agrees
    assert compare(events).agrees


@pytest.mark.parametrize("change", [{"volume": 1.0}, {"high": 1e9}], ids=["volume", "high"])
@pytest.mark.parametrize("read", [replay, compare], ids=["replay", "compare"])
def test_a_changed_bar_is_named(
    make_world: MakeWorld, read: Callable[[list[bytes]], object], change: dict[str, float]
) -> None:
    events = _with_bar(_published(make_world(bars=200).record()), **change)

    with pytest.raises(RecordingError, match=f"test/market_data/{CHANGED_SET} .* does not match its hash"):
        read(wires(events))


def test_sets_of_a_program_without_hashes_are_taken(make_world: MakeWorld) -> None:
    assert replay(wires(make_world(bars=200).record())).agrees


def test_a_session_whose_bars_are_those_of_its_dataset(make_world: MakeWorld, tmp_path: Path) -> None:
    log = SessionLog(wires(_of_dataset(make_world(bars=200, market_seed=1))))

    assert dataset_market(log, tmp_path) == (None, "")


def test_a_bar_that_is_another_one_in_the_dataset_is_bridged(make_world: MakeWorld, tmp_path: Path) -> None:
    """Recorded with a hash of its own, so that nothing but the dataset shows it."""
    world = make_world(bars=200, market_seed=1)
    changed = _with_bar(world.market(), close=1.0, low=1.0)
    log = SessionLog(wires(_of_dataset(world, changed)))

    market, note = dataset_market(log, tmp_path)
    result = compare_log(log, market=market)

    assert note == f"Bar set {CHANGED_SET} of the session is not the one of its dataset"
    assert not result.agrees
    assert "bars" in [line.cause for line in result.bridge.lines]


def _of_dataset(world: World, market: list[Event] | None = None) -> list[Event]:
    """A session whose manifest names the simulated market that it is over."""
    config = world.config.market
    dataset = simulated_dataset(config.seed, config.symbols, config.timeframe, config.bars, venue=config.venue)
    named = {"name": "simulated", "hash": manifest_hash(dataset.manifest)}
    return [
        msgspec.structs.replace(event, dataset=named) if isinstance(event, Started) else event
        for event in _published(world.record(market=market))
    ]
