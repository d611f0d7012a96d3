"""A stream that refuses an output of a core and takes later ones: recovery names the hole and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fix_nats import BusFactory
from refusals import Log, Player, Refusals, as_live, events, read_log

from live_runner.contracts import codec, subjects
from live_runner.contracts.codec import Head
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, ServiceUnavailable
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import (
    Announced,
    Event,
    Executed,
    FeedEnded,
    Finished,
    Gap,
    Incident,
    Owned,
    Settled,
    Snapshot,
    Started,
    Stopped,
    Voided,
)
from live_runner.contracts.sequence import Sequences
from live_runner.services.cli.closing import close
from live_runner.services.forensics.compare import compare
from live_runner.services.forensics.recording import Recording
from live_runner.services.forensics.replay import replay
from live_runner.services.recorder.core.batch import Packer
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.publisher import Publisher, StreamFull
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.runtime.service.voiding import void_rest

DEADLINE_S = 120.0
EPOCH_NS = 1_700_000_000_000_000_000
STREAM_BYTES = 256 * 1024 * 1024


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    return Refusals(monkeypatch)


@pytest.fixture
def player(refusals: Refusals, tmp_path: Path) -> Player:
    return Player(refusals, tmp_path)


def taken(log: Log) -> dict[str, list[bytes]]:
    """The events of each core as a reader takes them: by their numbers."""
    numbers, found = Sequences({}), {role: list[bytes]() for role in CORE_ROLES}
    for event in events(log):
        if numbers.check(event.session, event.source, event.seq).is_new and event.source in found:
            found[event.source].append(codec.encode(event))
    return found


def stored(log: Log) -> list[tuple[str, int]]:
    """Source and number of the core events that the recorder stores, in its order."""
    packer = Packer(EPOCH_NS, Sequences({}))
    found: list[tuple[str, int]] = []
    for place, (subject, data) in enumerate(log, 1):
        head = codec.head(data)
        before = packer.sequences.last(head.session, head.source)
        packer.add(place, subject, data)
        if packer.sequences.last(head.session, head.source) != before and head.source in CORE_ROLES:
            found.append((head.source, head.seq))
    assert {finding.code for finding in packer.take().findings} <= {"sequence_ahead"}
    return found


def early(log: Log) -> list[tuple[int, Event]]:
    """Place and event of what stands in the log before its time."""
    numbers, found = Sequences({}), list[tuple[int, Event]]()
    for place, event in enumerate(events(log)):
        verdict = numbers.check(event.session, event.source, event.seq)
        if not verdict.is_new:
            assert event.seq > numbers.last(event.session, event.source), f"{event.id} stands in the log twice"
            # By these others act without reading every number before.
            assert not isinstance(event, (Executed, FeedEnded, Finished, Stopped)), event.id
            found.append((place, event))
    return found


def check_played(log: Log, undisturbed: Log) -> list[Voided]:
    """The same, and that it replays and equals its backtest; the ``voided`` messages."""
    voids = check(log, undisturbed)
    result = replay(data for _, data in log)
    assert result.agrees, result.first
    assert any("are void" in note for note in result.notes) == bool(voids)
    assert not any("before its time" in note for note in result.notes)
    assert compare([data for _, data in log]).agrees
    return voids


def recorded(log: Log) -> tuple[Recording, list[Head]]:
    """The log as `replay` and `compare` read it, and the envelopes of what they take."""
    recording, passed = Recording(), list[Head]()
    for _, data in log:
        head = recording.head(data)
        if head is not None:
            passed.append(head)
            if head.type in ("session.announced", "session.started"):
                recording.manifest(data)
    return recording, passed


def check(log: Log, undisturbed: Log) -> list[Voided]:
    """That every reader finds the undisturbed session, and that what is void is named once; the ``voided`` messages."""
    assert taken(log) == taken(undisturbed)
    everything = sorted((event.source, event.seq) for event in events(undisturbed) if event.source in CORE_ROLES)
    assert sorted(stored(log)) == everything
    recording, passed = recorded(log)
    assert sorted((head.source, head.seq) for head in passed if head.source in CORE_ROLES) == everything
    assert (recording.ahead, recording.voided) == (0, len(early(log)))

    voids = [(place, event) for place, event in enumerate(events(log)) if isinstance(event, Voided)]
    named: list[tuple[int, str, int]] = []
    for place, void in voids:
        unnamed = [
            (at, event.source, event.seq)
            for at, event in early(log)
            if at < place and event.source == void.role and (at, event.source, event.seq) not in named
        ]
        assert max(seq for _, _, seq in unnamed) == void.to_seq
        assert min(seq for _, _, seq in unnamed) > void.from_seq
        after = next(e.seq for e in events(log)[place:] if e.source == void.role)
        assert after == void.from_seq
        named += unnamed
    assert sorted(named) == sorted((at, event.source, event.seq) for at, event in early(log))
    incidents = [event.cause for event in events(log) if isinstance(event, Incident) and event.code == "numbers_voided"]
    assert len(set(incidents)) == len(incidents)
    assert set(incidents) <= {event.id for _, event in voids}
    return [event for _, event in voids]


def play(bus_factory: BusFactory, work: Callable[[Bus], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            await work(bus)

    asyncio.run(run())


def last_number(log: Log, role: str) -> int:
    return max(event.seq for event in events(log) if event.source == role)


@pytest.mark.parametrize("role", CORE_ROLES)
def test_a_refusal_at_every_position_is_recovered_from(
    bus_factory: BusFactory, refusals: Refusals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role: str
) -> None:
    """Each output of each core in turn, with everything after it under way in the same window."""
    is_market = role == "market_data"
    if is_market:
        as_live(monkeypatch)
    # A full state hash includes the sets that wait in a core, and a live feed waits for nobody.
    player = Player(refusals, tmp_path, state_hash_every=1_000 if is_market else 3)

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        ranges: list[int] = []
        positions = range(1, last_number(undisturbed, role) + 1)
        for position in positions:
            refusals.plan({role: [{position}]})
            log = await (player.play(bus) if is_market else player.play_alone(bus, role, undisturbed))
            voids = check_played(log, undisturbed) if is_market else check(log, undisturbed)
            assert [void.from_seq for void in voids] in ([], [position])
            ranges += [void.to_seq - void.from_seq for void in voids]
        assert refusals.refused == len(positions)
        # The first output of a process goes alone, and so does the last one: all others had something behind them.
        assert len(ranges) > len(positions) // 3
        assert max(ranges) > 3

    play(bus_factory, work)


@pytest.mark.parametrize("role", ["execution", "strategy"])
def test_a_refusal_at_every_position_of_a_step_leaves_a_recording_as_it_is(
    bus_factory: BusFactory, player: Player, refusals: Refusals, role: str
) -> None:
    """With all services running: also the order of the stream stays, since nobody goes on from what is void."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        said = [event for event in events(undisturbed) if event.source == role]
        if role == "execution":
            said = busiest_step(said)
        for event in said:
            refusals.plan({role: [{event.seq}]})
            log = await player.play(bus)
            check_played(log, undisturbed)
            assert in_order(log) == in_order(undisturbed)
        assert refusals.refused == len(said)
        assert len(said) > 7

    play(bus_factory, work)


def busiest_step(said: list[Event]) -> list[Event]:
    """Execution's outputs from one settled account to the next, where they are the most, in the middle of a session."""
    steps: list[list[Event]] = [[]]
    for event in said:
        if isinstance(event, Settled):
            steps.append([])
        steps[-1].append(event)
    return max(steps[4:-1], key=len)


def in_order(log: Log) -> list[str]:
    """Ids of the core events in the order of the stream, as a reader takes them."""
    numbers = Sequences({})
    new = [event for event in events(log) if numbers.check(event.session, event.source, event.seq).is_new]
    return [event.id for event in new if event.source in CORE_ROLES]


def test_several_refusals_and_refused_recoveries_are_each_named_once(
    bus_factory: BusFactory, player: Player, refusals: Refusals
) -> None:
    """Also a process that dies between ``voided`` and what it was to publish, and one whose ``voided`` is refused."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        last = last_number(undisturbed, "execution")
        at = next(event.seq for event in busiest_step(of_role(undisturbed, "execution"))) + 1
        plans = {
            "the same number again": ({"execution": [{at}, {at}, {at}]}, 1),
            "several at once": ({"execution": [{at, at + 2, at + 3}]}, 1),
            "the next one in recovery": ({"execution": [{at}, {at + 1}, {at + 3}]}, 3),
            "an earlier process's own again": ({"execution": [{at}, {at + 3}, {at + 3}]}, 2),
            "voided itself": ({"execution": [{at}], "execution.shell.2": [{2}]}, 1),
            "its incident": ({"execution": [{at}], "execution.shell.2": [{3}]}, 1),
            "everything, one by one": ({"execution": [{number} for number in range(at, at + 12)]}, None),
        }
        for name, (plan, voids) in plans.items():
            refusals.plan(plan)
            found = check(await player.play_alone(bus, "execution", undisturbed), undisturbed)
            assert len(found) == voids or (voids is None and len(found) > 3), name
        assert last > at + 12

    play(bus_factory, work)


def of_role(log: Log, role: str) -> list[Event]:
    return [event for event in events(log) if event.source == role]


def test_snapshots_before_and_after_a_hole_carry_on(
    bus_factory: BusFactory, player: Player, refusals: Refusals
) -> None:
    """A core that is put back from a snapshot takes the numbers of the others as the one that read everything."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        found = events(undisturbed)
        taken_at = [place for place, event in enumerate(found) if isinstance(event, Snapshot)]
        assert len(taken_at) >= 4
        # A hole just before a snapshot of its core, one just after it, and the other core put back after both.
        for role in ("execution", "strategy"):
            place = next(place for place in taken_at if found[place].source.startswith(role))
            before = [event.seq for event in found[:place] if event.source == role][-1]
            for number in (before - 1, before, before + 1):
                plan = {role: [{number}, {number + 1}], "execution" if role == "strategy" else "strategy": [{number}]}
                refusals.plan(plan)
                log = await player.play(bus)
                check_played(log, undisturbed)
        assert refusals.refused >= 6

    play(bus_factory, work)


def test_a_stream_that_is_full_and_has_room_again(bus_factory: BusFactory, player: Player) -> None:
    """The server's own refusals: what is small still fits behind what is large, at every amount of room."""

    async def limit(bus: Bus, max_bytes: int) -> None:
        info = await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}")
        answer = await bus.jetstream(f"STREAM.UPDATE.{subjects.STREAM}", info["config"] | {"max_bytes": max_bytes})
        assert "error" not in answer, answer

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        holes = 0
        for room in range(1_000, 20_000, 1_000):
            await player.prepare(bus, "execution", undisturbed)
            await limit(bus, (await bus.log_state()).bytes + room)
            with pytest.raises(StreamFull, match="maximum bytes exceeded"):
                await player.run(bus, "execution", 1)
            await limit(bus, STREAM_BYTES)
            await player.keep(bus, "execution")
            holes += len(check(await read_log(bus), undisturbed))
        assert holes > 0

    play(bus_factory, work)


def test_a_command_behind_a_refused_message_is_not_said_to_be_refused(
    bus_factory: BusFactory, player: Player, refusals: Refusals
) -> None:
    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        await player.forget(bus)
        for subject, data in undisturbed:
            if subject.startswith(("session.evt.announced.", "session.evt.started.")):
                await bus.publish(codec.decode(data))
        refusals.plan({"execution.shell.1": [{3}]})  # after owned and joined
        running = asyncio.create_task(player.run(bus, "execution", 1))
        body = msgspec.msgpack.encode({"author": "a trader", "reason": "a test"})
        answer = None
        while answer is None:
            try:
                answer = codec.fields(await bus.request(subjects.command("stop", player.session), body))
            except ServiceUnavailable:
                assert not running.done()
        assert not answer["accepted"]
        assert str(answer["message"]).startswith("It is not known whether the stop command is in the log")
        with pytest.raises(BusUnavailable, match="The stream refused a message"):
            await running

    play(bus_factory, work)


def test_a_session_that_is_closed_with_a_hole_can_be_replayed(
    bus_factory: BusFactory, player: Player, refusals: Refusals
) -> None:
    """``end`` names what is void in execution's place: nobody comes back who would."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        for role in ("execution", "strategy"):
            refusals.plan({role: [{4}]})
            await player.prepare(bus, role, undisturbed)
            with pytest.raises(BusUnavailable, match="The stream refused a message"):
                await player.run(bus, role, 1)
            if role == "execution":
                await close(bus, player.session, "a trader", "a test")
            else:
                ownership = await Ownership.take(bus, player.session, role, "somebody")
                await void_rest(bus, ownership, (role,))
                await void_rest(bus, ownership, (role,))
                await ownership.release()
            log = await read_log(bus)
            void = next(event for event in events(log) if isinstance(event, Voided))
            assert (void.role, void.from_seq, void.to_seq) == (role, 4, max(event.seq for _, event in early(log)))
            recording, _ = recorded(log)
            assert (recording.ahead, recording.voided) == (0, len(early(log)))

    play(bus_factory, work)


def test_a_feed_that_left_a_gap_behind_what_is_void_goes_on_with_the_next_number(
    bus_factory: BusFactory, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last bar set stands before the void one, and its last event behind it."""
    as_live(monkeypatch)

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        await player.forget(bus)
        said = of_role(undisturbed, "market_data")
        for event in events(undisturbed):
            if isinstance(event, Announced | Started) or event in said[:3]:
                await bus.publish(event)
        await bus.publish(said[4])
        fields: dict[str, Any] = {"session": player.session, "event_ns": 0}
        shell = "market_data.shell.7"
        await bus.publish(Voided("market_data", 4, 5, id=f"{player.session}/{shell}/1", source=shell, seq=1, **fields))
        gap_id = f"{player.session}/market_data/4"
        gap = Gap("BTC/USDT:USDT", 0, 60, 1, False, "a test", id=gap_id, source="market_data", seq=4, **fields)
        await bus.publish(gap)
        await player.keep(bus, "market_data")

        log = await read_log(bus)
        assert len([event for event in events(log) if isinstance(event, Voided)]) == 1
        numbers = [codec.decode(data).seq for data in taken(log)["market_data"]]
        assert numbers == list(range(1, len(said) + 2))
        assert isinstance(events(log)[-1], FeedEnded)

    play(bus_factory, work)


@pytest.fixture
def take_over(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has another process own a role right before its fourth output is published, as when it was paused there."""
    publish = Publisher.publish_bytes

    def plan(role: str) -> None:
        source = f"{role}.shell.2"
        owned = Owned(role, "another", 2, id=f"test/{source}/1", session="test", source=source, seq=1, event_ns=0)
        waiting = [codec.stamp(codec.encode(owned), 1)]

        async def publish_bytes(publisher: Publisher, subject: str, canonical: bytes) -> None:
            head = codec.head(canonical)
            if waiting and (head.source, head.seq) == (role, 4):
                publisher._connection.publish_direct(subjects.of(owned).encode(), waiting.pop(), b"", b"")
            await publish(publisher, subject, canonical)

        monkeypatch.setattr(Publisher, "publish_bytes", publish_bytes)

    return plan


@pytest.mark.parametrize("role", ["execution", "strategy"])
def test_a_role_that_is_taken_over_in_the_middle_of_a_window_leaves_no_hole(
    bus_factory: BusFactory, player: Player, take_over: Callable[[str], None], role: str
) -> None:
    """All that the old owner sends after the new one's first event is refused: nothing is void, and nothing doubled."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        await player.prepare(bus, role, undisturbed)
        take_over(role)
        with pytest.raises(OwnershipLost, match="has another owner now"):
            await player.run(bus, role, 1)
        assert of_role(await read_log(bus), role)[-1].seq == 3
        await player.keep(bus, role)
        assert check(await read_log(bus), undisturbed) == []

    play(bus_factory, work)


@pytest.mark.parametrize("role", CORE_ROLES)
def test_a_role_that_is_taken_over_and_back_changes_nothing(
    bus_factory: BusFactory, player: Player, take_over: Callable[[str], None], role: str
) -> None:
    """While all others run: the log has no incident, and each event once."""

    async def work(bus: Bus) -> None:
        undisturbed = await player.play(bus)
        take_over(role)
        log = await player.play(bus)
        assert check_played(log, undisturbed) == []
        epochs = [event.epoch for event in events(log) if isinstance(event, Owned) and event.role == role]
        assert epochs == [1, 2, 3]
        assert not [event for event in events(log) if isinstance(event, Incident)]

    play(bus_factory, work)
