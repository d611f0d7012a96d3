"""Bar sets that cannot follow in their session: every reader of the log refuses the same, and none takes a number."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_world import make_world

from live_runner.contracts import codec, subjects
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import Announced, BarSet, Event, FeedEnded, FundingRate, Started
from live_runner.contracts.numbering import FIRST_HASH, bar_hash
from live_runner.contracts.sequence import Sequences
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.forensics.bundle import read_bundle, write_bundle
from live_runner.services.forensics.replay import replay
from live_runner.services.forensics.session_log import SessionLog
from live_runner.services.market_data.feed_progress import FeedProgress
from live_runner.services.recorder.core.batch import Packer
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service.stored_snapshot import StoredSnapshot, unpack

MINUTE_NS = 60_000_000_000
EPOCH_NS = 1_700_000_000_000_000_000
SESSION = "test"


def session_events() -> list[Event]:
    """A session in log order, its sets with hashes and its first ones warmup."""
    found, before = [], FIRST_HASH
    for event in make_world(bars=60, market_seed=7).record():
        if isinstance(event, BarSet):
            event = msgspec.structs.replace(event, hash=bar_hash(before, event))
            before = event.hash
        found.append(event)
    return found


EVENTS = session_events()
FED = [at for at, event in enumerate(EVENTS) if isinstance(event, BarSet | FeedEnded)]
STARTED = next(at for at, event in enumerate(EVENTS) if isinstance(event, Started))


def changed(bars: BarSet, /, **changes: Any) -> BarSet:
    """Another set in the place of this one."""
    return msgspec.structs.replace(bars, **changes)


def hashed(bars: BarSet, before: BarSet | None) -> BarSet:
    """With the hash that it has to have, so that something else must be what is refused."""
    return changed(bars, hash=bar_hash(FIRST_HASH if before is None else before.hash, bars))


def moved(bars: BarSet, by_ns: int) -> BarSet:
    """At another time."""
    return changed(bars, open_ns=bars.open_ns + by_ns, close_ns=bars.close_ns + by_ns, event_ns=bars.event_ns + by_ns)


def of(bars: BarSet, source: str, seq: int) -> BarSet:
    """As number ``seq`` of another source."""
    return changed(bars, source=source, seq=seq, id=event_id(bars.session, source, seq))


WRONG: dict[str, Callable[[BarSet], BarSet]] = {
    "back in time": lambda bars: moved(bars, -100 * MINUTE_NS),
    "the same close again": lambda bars: moved(bars, -MINUTE_NS),
    "off the timeframe": lambda bars: moved(bars, 1_000),
    "another length": lambda bars: changed(bars, close_ns=bars.close_ns + MINUTE_NS),
    "a number left out": lambda bars: changed(bars, number=bars.number + 1),
    "the number before": lambda bars: changed(bars, number=max(bars.number - 1, 1), open_ns=bars.open_ns + 1),
    "a symbol left out": lambda bars: changed(bars, bars=bars.bars[1:]),
    "another symbol": lambda bars: changed(bars, missing=["DOGE/USDT:USDT"]),
    "symbols in another order": lambda bars: changed(bars, bars=bars.bars[::-1]),
    "funding of another symbol": lambda bars: changed(bars, funding=[FundingRate("DOGE", bars.open_ns, "0.1")]),
    "a rate that is not a number": lambda bars: changed(
        bars, funding=[FundingRate(bars.bars[0].symbol, bars.open_ns, "high")]
    ),
}
UNHASHED: dict[str, Callable[[BarSet], BarSet]] = {
    "another hash": lambda bars: changed(bars, hash="ab" * 16),
    "another source": lambda bars: of(bars, "market_data.shell.1", 1),
    "another id": lambda bars: changed(bars, id="mine"),
}
KINDS = [*WRONG, *UNHASHED]


def wrong_set(kind: str, at: int) -> BarSet:
    """A wrong set with the number of the one that is at that place."""
    real = EVENTS[at]
    assert isinstance(real, BarSet)
    if kind in UNHASHED:
        return UNHASHED[kind](real)
    before = [event for event in EVENTS[:at] if isinstance(event, BarSet)]
    return hashed(WRONG[kind](real), before[-1] if before else None)


def wrong_end(at: int) -> FeedEnded:
    """An end of the feed in the place of the event that is there."""
    real, last = EVENTS[at], EVENTS[FED[-1]]
    assert isinstance(last, FeedEnded)
    return msgspec.structs.replace(last, seq=real.seq, id=real.id, sets=real.seq, close_ns=real.event_ns)


AN_END = "an end of the feed"
disturbances = st.lists(
    st.tuples(st.integers(1, len(FED) - 2), st.sampled_from([*KINDS, AN_END]), st.floats(0, 1)),
    min_size=1,
    max_size=4,
    unique_by=(lambda one: one[0], lambda one: one[1] == "another source" or one),
)
"""Before which event of the feed, what is wrong, and where between it and the one before."""


def disturbed(drawn: list[tuple[int, str, float]]) -> tuple[list[Event], list[Event]]:
    """The session with a wrong event in front of some real ones of the same number, and those events."""
    found, wrong = list(EVENTS), list[Event]()
    for place, kind, share in sorted(drawn, reverse=True):
        at, before = FED[place], FED[place - 1]
        event: Event = wrong_end(at) if kind == AN_END else wrong_set(kind, at)
        found.insert(before + 1 + round(share * (at - before - 1)), event)
        wrong.append(event)
    return found, wrong


def wires(events: list[Event]) -> list[tuple[int, bytes]]:
    """As they would stand in the stream."""
    return [(seq, codec.stamp(codec.encode(event), 1_000_000 + seq)) for seq, event in enumerate(events, start=1)]


def messages(events: list[Event]) -> list[Message]:
    """As a reader gets them."""
    return [Message(seq, subjects.of(event), data, 1) for event, (seq, data) in zip(events, wires(events), strict=True)]


def recorded(events: list[Event]) -> tuple[dict[tuple[str, str], int], list[dict[str, Any]]]:
    """Events that the recorder stores by source, and the details of what it finds."""
    packer = Packer(EPOCH_NS, Sequences({}))
    for message in messages(events):
        packer.add(message.stream_seq, message.subject, message.data)
    batch = packer.take()
    return {key: stored.events for key, stored in batch.stored.items()}, [one.details for one in batch.findings]


def refolded(events: list[Event]) -> None:
    """Fold through the shell of the execution core, which raises when its outputs are not those of the log."""
    announced = events[0]
    assert isinstance(announced, Announced)
    shell = ExecutionShell(cast(Any, None), announced, "me", Path())
    produced: deque[Event] = deque()
    stored: deque[tuple[int, str, bytes]] = deque()

    async def fold() -> None:
        for message in messages(events):
            await shell._refold(message, produced, stored, 1)

    asyncio.run(fold())
    assert (produced, stored) == (deque(), deque())


def fed(events: list[Event]) -> list[Event]:
    """Events of the feed that market_data takes for its own when it comes back."""
    progress = FeedProgress()
    taken = [progress.take(message) for message in messages(events)]
    return [msgspec.structs.replace(event, recorded_ns=0) for event in taken if isinstance(event, BarSet | FeedEnded)]


def test_the_session_itself_is_taken_by_all() -> None:
    _, findings = recorded(EVENTS)

    assert findings == []
    refolded(EVENTS)
    assert fed(EVENTS) == [EVENTS[at] for at in FED]
    assert replay(wires(EVENTS)).agrees


@given(drawn=disturbances)
def test_every_reader_refuses_the_same_sets_and_takes_the_real_ones(drawn: list[tuple[int, str, float]]) -> None:
    events, wrong = disturbed(drawn)

    stored, findings = recorded(events)
    assert stored == recorded(EVENTS)[0]
    assert sorted((one["id"], one["source"]) for one in findings) == sorted((one.id, one.source) for one in wrong)

    refolded(events)
    assert fed(events) == [EVENTS[at] for at in FED]

    result = replay(wires(events))
    assert result.agrees
    assert f"{len(wrong)} events of the feed cannot follow those before them; passed over" in result.notes
    assert list(SessionLog(wires(events)).market()) == [EVENTS[at] for at in FED]


def test_a_bundle_leaves_out_what_cannot_follow(tmp_path: Path) -> None:
    events = list(EVENTS)
    events.insert(FED[9], wrong_set("back in time", FED[9]))

    write_bundle(tmp_path / "one.zip", wires(events))

    assert [data for _, data in read_bundle(tmp_path / "one.zip")] == [
        data for (_, data), event in zip(wires(events), events, strict=True) if event is not events[FED[9]]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_one_incident_with_its_subject_id_and_source(kind: str) -> None:
    event = wrong_set(kind, FED[9])

    _, [details] = recorded([*EVENTS[: FED[9]], event, *EVENTS[FED[9] :]])

    assert details["subject"] == f"market.evt.bar_set.{SESSION}"
    assert (details["id"], details["source"]) == (event.id, event.source)


@pytest.mark.parametrize("at", [STARTED, len(EVENTS)], ids=["before the session starts", "after its feed has ended"])
def test_a_set_out_of_its_session_is_refused(at: int) -> None:
    sets = [event for event in EVENTS if isinstance(event, BarSet)]
    last = EVENTS[FED[-1]]
    event = sets[0] if at == STARTED else hashed(of(moved(sets[-1], MINUTE_NS), "market_data", last.seq + 1), sets[-1])

    events = [*EVENTS[:at], event, *EVENTS[at:]]

    stored, [details] = recorded(events)
    assert stored == recorded(EVENTS)[0]
    assert (details["id"], details["source"]) == (event.id, event.source)
    refolded(events)
    assert fed(events) == [EVENTS[at] for at in FED]
    assert replay(wires(events)).agrees


def test_the_place_of_the_sets_is_the_same_after_a_restart() -> None:
    """Kept with a core's snapshot; the recorder reads it from the database, market_data from the log."""
    announced = EVENTS[0]
    assert isinstance(announced, Announced)
    shell = ExecutionShell(cast(Any, None), announced, "me", Path())
    asyncio.run(_fold(shell, messages(EVENTS[: FED[9]])))

    restored = unpack(StoredSnapshot(b"", {}, shell._bars).pack()).bars

    assert restored == shell._bars
    assert restored.number == 9


async def _fold(shell: ExecutionShell, read: list[Message]) -> None:
    for message in read:
        await shell._refold(message, deque(), deque(), 1)
