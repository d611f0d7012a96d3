"""Replay of sessions whose orders went to a real venue: what the venue said is an input like any other."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from live_log import LiveLog
from session_world import EMA, LADDER, make_world, wires

from live_runner.contracts.messages import (
    AccountReported,
    Event,
    Filled,
    Income,
    Owned,
    Quote,
    Report,
    StreamGap,
    Theoretical,
    Timer,
    Unknown,
)
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.forensics.errors import RecordingError
from live_runner.services.forensics.replay import replay

FACTS = (Report, Owned, Timer, StreamGap, AccountReported, Income, Quote)


@pytest.fixture(scope="module")
def log() -> list[Event]:
    """A session of an EMA cross over two symbols, with every kind of input."""
    world = make_world(EMA, market_seed=1, bars=400)
    return LiveLog(world, 1).play(world.market()).events


@pytest.mark.parametrize(("choice", "bars"), [(EMA, 500), (LADDER, 1_800)])
@pytest.mark.parametrize("seed", range(3))
def test_a_live_session_replays_without_a_difference(choice: object, bars: int, seed: int) -> None:
    world = make_world(choice, market_seed=seed, bars=bars)  # type: ignore[arg-type]  # both are choices
    events = LiveLog(world, seed).play(world.market()).events

    result = replay(wires(events))

    assert result.agrees, result.first
    assert result.compared == sum(event.source in ("execution", "strategy") for event in events)
    assert {Report, Owned, Unknown, Filled, Theoretical} <= {type(event) for event in events}


@pytest.mark.parametrize("kind", FACTS)
def test_an_input_that_is_missing_is_named(log: list[Event], kind: type[Event]) -> None:
    """R07."""
    for at in places(log, kind):
        assert log[at].id in findings(log[:at] + log[at + 1 :])


@pytest.mark.parametrize("kind", FACTS)
def test_an_input_that_is_doubled_is_named_and_changes_nothing(log: list[Event], kind: type[Event]) -> None:
    """R07."""
    for at in places(log, kind):
        result = replay(wires([*log[: at + 1], *log[at:]]))

        assert result.agrees
        assert any(log[at].id in note for note in result.notes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Report, {"trades": []}),
        (Income, {"amount": "123"}),
        (Owned, {"epoch": 1}),
        (AccountReported, {"positions": []}),
    ],
)
def test_the_first_difference_of_an_input_that_was_changed_names_it(
    log: list[Event], kind: type[Event], changes: dict[str, object]
) -> None:
    """R07: of those inputs that led to something."""
    causes = {event.cause for event in log}
    found = 0
    for at in [at for at, event in enumerate(log) if isinstance(event, kind) and event.id in causes][-8:]:
        result = replay(wires([*log[:at], msgspec.structs.replace(log[at], **changes), *log[at + 1 :]]))
        if result.first is not None:
            assert result.first.cause == log[at].id
            found += 1

    assert found


def test_a_core_that_is_restored_anywhere_goes_on_the_same(log: list[Event]) -> None:
    """A snapshot holds what is asked, what was booked, and the model's own orders."""
    whole, core = feed(ExecutionCore("test"), log), ExecutionCore("test")
    for at in range(0, len(log), 97):
        feed(core, log[max(at - 97, 0) : at])
        restored = ExecutionCore("test")
        restored.restore(core.snapshot())
        feed(restored, log[at:])

        assert restored.state_hash() == whole.state_hash(), at


@pytest.mark.parametrize("stage", ["shadow", "dry_order", "paper"])
def test_stages_that_send_nothing_fill_on_paper_and_pass_over_what_a_venue_says(stage: str) -> None:
    world = make_world(EMA, market_seed=1, bars=300)
    paper = world.record()

    staged = LiveLog(world, 1, stage=stage).play(world.market()).events

    for source in ("execution", "strategy"):
        assert [plain(event) for event in staged if event.source == source] == [
            plain(event) for event in paper if event.source == source
        ]


def plain(event: Event) -> dict[str, object]:
    """An event without its hashes, which cover the manifest and its stage."""
    return {name: value for name, value in msgspec.to_builtins(event).items() if name not in ("hash", "state_hash")}


def findings(events: Sequence[Event]) -> str:
    """What a replay says: why it refuses the recording, or its notes and what led to the first difference."""
    try:
        result = replay(wires(events))
    except RecordingError as error:
        return str(error)
    return " ".join([*result.notes, "" if result.first is None else result.first.cause])


def places(log: Sequence[Event], kind: type[Event]) -> list[int]:
    """Some events of one kind: first, middle and last."""
    found = [at for at, event in enumerate(log) if isinstance(event, kind)]
    return sorted({found[0], found[len(found) // 2], found[-1]})


def feed(core: ExecutionCore, events: Sequence[Event]) -> ExecutionCore:
    for event in events:
        if type(event) in ExecutionShell.inputs:
            core.handle(event)
    return core
