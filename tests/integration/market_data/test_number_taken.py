"""Another program publishes under the next number of a session's market data: the session goes on, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fix_nats import BusFactory
from msgspec.structs import replace
from refusals import Log, Player, Refusals, as_live, events

from live_runner.contracts import codec, subjects
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import BarRevised, BarSet, Decided, Event, Finished, Gap, Incident, SetBar, Started
from live_runner.contracts.sequence import Sequences
from live_runner.services.forensics.replay import replay
from live_runner.services.recorder.core.batch import Packer
from live_runner.services.runtime.nats.publisher import Publisher

DEADLINE_S = 60.0
TAKEN = 6
"""The number that the other program is faster with: of a bar set that is decided upon."""
BAR = SetBar("BTC/USDT:USDT", 1.0, 1.0, 1.0, 1.0, 1.0)


def sets(found: list[Event]) -> list[tuple[int, int, list[SetBar]]]:
    return [(event.number, event.close_ns, event.bars) for event in found if isinstance(event, BarSet)]


def gap(**envelope: Any) -> Event:
    return Gap("BTC/USDT:USDT", 0, 60_000_000_000, 1, False, "foreign", **envelope)


def revision(**envelope: Any) -> Event:
    return BarRevised("BTC/USDT:USDT", 0, BAR, BAR, **envelope)


@pytest.fixture
def player(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Player:
    return Player(Refusals(monkeypatch), tmp_path)


def taken(log: Log) -> list[Event]:
    """What readers take of the log, by number and bar sequence, in order: as the recorder stores it."""
    packer = Packer(1_700_000_000_000_000_000, Sequences({}))
    found: list[Event] = []
    for place, ((subject, data), event) in enumerate(zip(log, events(log), strict=True), 1):
        before = packer.sequences.last(event.session, event.source)
        packer.add(place, subject, data)
        if packer.sequences.last(event.session, event.source) != before:
            found.append(event)
    return found


def publish_before(monkeypatch: pytest.MonkeyPatch, make: Callable[..., Event], *, is_live: bool) -> None:
    """Have another program publish under market data's number ``TAKEN`` right before it does; once.

    A live feed does not wait for decisions: it goes on for as long as this is not found.
    """
    publish = Publisher.publish_bytes
    waiting, ends = [True], [is_live] * is_live

    async def publish_bytes(publisher: Publisher, subject: str, canonical: bytes) -> None:
        head = codec.head(canonical)
        if waiting and (head.source, head.seq) == ("market_data", TAKEN):
            waiting.clear()
            foreign = make(id=head.id, session=head.session, source=head.source, seq=head.seq, event_ns=0)
            data = codec.stamp(codec.encode(foreign), 1)
            publisher._connection.publish_direct(subjects.of(foreign).encode(), data, b"", b"")
        if ends and head.type == "market.feed_ended":
            ends.clear()
            await asyncio.Event().wait()
        await publish(publisher, subject, canonical)

    monkeypatch.setattr(Publisher, "publish_bytes", publish_bytes)


@pytest.mark.parametrize("is_live", [False, True], ids=["recording", "live"])
@pytest.mark.parametrize("make", [gap, revision])
def test_what_is_dropped_for_a_foreign_event_comes_again(
    bus_factory: BusFactory, player: Player, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Event], is_live: bool
) -> None:
    if is_live:
        as_live(monkeypatch)

    async def run() -> tuple[Log, Log]:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            undisturbed = await player.play(bus)
            publish_before(monkeypatch, make, is_live=is_live)
            return undisturbed, await player.play(bus)

    undisturbed, log = asyncio.run(run())

    mine, theirs = taken(undisturbed), taken(log)
    assert sets(theirs) == sets(mine)
    assert [e.intents for e in theirs if type(e) is Decided] == [e.intents for e in mine if type(e) is Decided]
    assert isinstance(theirs[-1], type(mine[-1]))
    assert [type(e) for e in theirs if e.source == "market_data" and e.seq == TAKEN] in ([Gap], [BarRevised])
    for role in CORE_ROLES:
        numbers = [event.seq for event in theirs if event.source == role]
        assert numbers == list(range(1, len(numbers) + 1))
    (found,) = [e for e in events(log) if isinstance(e, Incident) and e.code == "number_taken"]
    assert found.message.startswith(f"Another program has published number {TAKEN} of market_data")
    assert any(isinstance(event, Finished) for event in theirs)
    assert replay([codec.stamp(codec.encode(event), 1) for event in theirs]).agrees


def test_a_second_manifest_takes_no_number_and_ends_nothing(
    bus_factory: BusFactory, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the next number of its source, which the source's own next event has then."""
    publish = Publisher.publish_bytes
    waiting = [True]

    async def run() -> tuple[Log, Log]:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            undisturbed = await player.play(bus)
            first = next(event for event in events(undisturbed) if isinstance(event, Started))
            seq = first.seq + 1
            foreign = replace(first, id=f"{first.session}/{first.source}/{seq}", seq=seq, engine_version="foreign")
            second = codec.stamp(codec.encode(foreign), 1)

            async def publish_bytes(publisher: Publisher, subject: str, canonical: bytes) -> None:
                head = codec.head(canonical)
                if waiting and (head.source, head.seq) == ("market_data", TAKEN):
                    waiting.clear()
                    publisher._connection.publish_direct(subjects.of(first).encode(), second, b"", b"")
                await publish(publisher, subject, canonical)

            monkeypatch.setattr(Publisher, "publish_bytes", publish_bytes)
            return undisturbed, await player.play(bus)

    undisturbed, log = asyncio.run(run())

    assert len(log) == len(undisturbed) + 1
    assert [codec.encode(event) for event in taken(log) if event.source in CORE_ROLES] == [
        codec.encode(event) for event in taken(undisturbed) if event.source in CORE_ROLES
    ]
    assert [event.seq for event in taken(log) if isinstance(event, Started)] == [2]
