"""The bus against a real NATS server: order, guards, gaps, loss, snapshots."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
import socket
import weakref
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import msgspec
import pytest
from fix_nats import BusFactory

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import (
    BusUnavailable,
    MessageError,
    OwnershipLost,
    ServiceUnavailable,
    SnapshotMismatch,
)
from live_runner.contracts.messages import Executed, Owned
from live_runner.services.runtime.config.settings import NatsSettings
from live_runner.services.runtime.embedded.nats_server import NatsServer
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.publisher import WINDOW, Guard
from live_runner.services.runtime.service.ownership import AlreadyOwned, Ownership

DEADLINE_S = 30.0


def in_a_loop[**P](test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run the test in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def executed(number: int) -> Executed:
    return Executed(
        close_ns=number,
        requested=0,
        refused=0,
        id=f"s/execution/{number}",
        session="s",
        source="execution",
        seq=number,
        event_ns=number,
    )


def owned(epoch: int) -> Owned:
    return Owned(
        role="execution",
        instance="test",
        epoch=epoch,
        id=f"s/{epoch}",
        session="s",
        source=f"execution.shell.{epoch}",
        seq=1,
        event_ns=0,
    )


@in_a_loop
async def test_events_come_back_in_order_with_their_bytes(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        publisher = await bus.publisher()
        sent = [executed(number) for number in range(1, WINDOW * 2 + 1)]
        for event in sent:
            await publisher.publish(event)
        await publisher.flush()

        reader = await bus.reader(subjects.of_session("s"))
        got = []
        async for message in reader:
            got.append(message)
            if message.pending == 0:
                break
        await reader.close()

        assert [codec.encode(event) for event in sent] == [codec.canonical(message.data) for message in got]
        assert [message.stream_seq for message in got] == list(range(1, len(sent) + 1))
        assert all(codec.head(message.data).recorded_ns > 0 for message in got)


@in_a_loop
async def test_what_several_tasks_number_and_publish_leaves_in_the_order_of_its_numbers(
    bus_factory: BusFactory,
) -> None:
    """Who waits for the window goes before whoever comes as it opens."""
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        publisher = await bus.publisher()
        numbers = count(1)
        await publisher.publish(executed(next(numbers)))
        opens = publisher.acknowledgement()
        for _ in range(1, WINDOW):
            await publisher.publish(executed(0))

        async def after(opened: asyncio.Future[int] | None) -> None:
            if opened is not None:
                await opened
            await publisher.publish(executed(next(numbers)))

        await asyncio.gather(after(None), after(opens))
        await publisher.flush()
        reader = await bus.reader(subjects.of_session("s"))
        got = []
        async for message in reader:
            got.append(codec.head(message.data).seq)
            if message.pending == 0:
                break
        await reader.close()

        assert got == [1, *[0] * (WINDOW - 1), 2, 3]


@in_a_loop
async def test_an_acknowledgement_is_the_place_of_what_was_sent_last(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        publisher = await bus.publisher()
        places = []
        for number in range(1, 6):
            await publisher.publish(executed(number))
            places.append(publisher.acknowledgement())

        assert await asyncio.gather(*places) == [1, 2, 3, 4, 5]
        assert await publisher.acknowledgement() == 5
        publisher.fail(BusUnavailable("gone", remedy=""))
        with pytest.raises(BusUnavailable, match="gone"):
            await publisher.acknowledgement()


@in_a_loop
async def test_a_reader_sees_what_is_published_while_it_reads(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        seen: list[int] = []
        enough = asyncio.Event()

        async def handle(message: object) -> None:
            seen.append(codec.head(message.data).seq)  # type: ignore[attr-defined]  # a Message
            if len(seen) == 100:
                enough.set()

        reader = await bus.reader(subjects.of_session("s"), 1, handle)
        publisher = await bus.publisher()
        for number in range(1, 101):
            await publisher.publish(executed(number))
        await enough.wait()
        await reader.close()

        assert list(range(1, 101)) == seen


@in_a_loop
async def test_a_publisher_is_refused_once_another_owner_came(bus_factory: BusFactory) -> None:
    """One writer: every publish asserts the epoch, so a process that wakes up late stores nothing."""
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        first = await bus.publish(owned(1), expect_last_of_subject=0)
        publisher = await bus.publisher(Guard(subjects.owned("s", "execution"), first))
        await publisher.publish(executed(1))
        await publisher.flush()
        await bus.publish(owned(2), expect_last_of_subject=first)
        before = await bus.last_seq()

        with pytest.raises(OwnershipLost, match="another owner"):
            await _publish_all(publisher, [executed(2), executed(3)])
        with pytest.raises(OwnershipLost):
            await publisher.publish(executed(4))

        assert before == await bus.last_seq()


@in_a_loop
async def test_an_epoch_is_taken_once(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus:
        await bus.publish(owned(1), expect_last_of_subject=0)

        with pytest.raises(OwnershipLost, match="first"):
            await bus.publish(owned(1), expect_last_of_subject=0)


@in_a_loop
async def test_a_living_owner_is_left_alone_and_a_gone_one_followed(
    bus_factory: BusFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bus_factory("one") as one, bus_factory("two") as two, asyncio.timeout(DEADLINE_S):
        first = await Ownership.take(one, "s", "execution", "first")

        # Both are in this loop: what holds it up for LIVENESS_TIMEOUT_S makes the owner count as paused.
        with monkeypatch.context() as patient:
            patient.setattr("live_runner.services.runtime.service.ownership.LIVENESS_TIMEOUT_S", DEADLINE_S)
            with pytest.raises(AlreadyOwned, match="owned by first"):
                await Ownership.take(two, "s", "execution", "second")
        await one.close()
        second = await Ownership.take(two, "s", "execution", "second")

        assert (first.epoch, second.epoch) == (1, 2)
        assert second.note(Executed, close_ns=1, requested=0, refused=0).seq == 2


@in_a_loop
async def test_the_last_message_of_a_subject_is_found(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus:
        seq = await bus.publish(executed(1))

        found = await bus.last_message(subjects.event_subject("account.executed", "s"))

        assert found is not None
        assert (seq, executed(1).id) == (found[0], codec.decode(found[1]).id)
        assert await bus.last_message(subjects.event_subject("account.executed", "other")) is None


@in_a_loop
async def test_objects_come_back_and_absent_ones_are_named(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus:
        data = bytes(range(256)) * 4096
        await bus.put_object("s/execution/1", data)

        assert data == await bus.get_object("s/execution/1")
        await bus.delete_object("s/execution/1")
        with pytest.raises(SnapshotMismatch, match="s/execution/1"):
            await bus.get_object("s/execution/1")


@in_a_loop
async def test_nobody_and_silence_are_told_apart(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus:
        with pytest.raises(ServiceUnavailable) as nobody:
            await bus.request("live.execution.s", b"")

        async def silent(_subject: str, _data: bytes) -> None:
            return None

        await bus.on("live.strategy.s", silent)
        with pytest.raises(ServiceUnavailable) as silence:
            await bus.request("live.strategy.s", b"", timeout_s=0.2)

        assert (nobody.value.fields["silent"], silence.value.fields["silent"]) == (False, True)


@in_a_loop
async def test_everything_on_a_lost_connection_raises(own_nats_server: NatsServer) -> None:
    """Crash-only: no silent reconnect, no message that is lost unnoticed."""
    bus = await Bus.connect(NatsSettings(own_nats_server.url, token=own_nats_server.token))
    async with asyncio.timeout(DEADLINE_S):
        await bus.ensure_stream()
        reader = await bus.reader(subjects.of_session("s"))
        publisher = await bus.publisher()
        assert own_nats_server.process is not None
        os.kill(own_nats_server.process.pid, signal.SIGKILL)

        with pytest.raises(BusUnavailable):
            await bus.lost
        with pytest.raises(BusUnavailable):
            await anext(aiter(reader))
        with pytest.raises(BusUnavailable):
            await _publish_all(publisher, [executed(1)])
    await bus.close()


@in_a_loop
async def test_what_is_closed_may_be_closed_again(bus_factory: BusFactory) -> None:
    """A reader whose consumer could not be made anew has given its subscription up already."""

    async def nothing(*_: object) -> None:
        return

    async with bus_factory() as bus:
        reader, bulk = await bus.reader(["order.>"]), await bus.bulk_reader(["order.>"], 1, nothing)
        publisher, undo = await bus.publisher(), await bus.on("ops.cmd.*.s", nothing)
        for _ in range(2):
            await reader.close()
            await bulk.close()
            await publisher.close()
            await undo()
        assert await bus.consumers() == []
        await bus.close()
        await reader.close()
        await undo()
        await bus.send("beat.a.s", b"nobody reads it")


@in_a_loop
async def test_a_closed_connection_begins_nothing_new(bus_factory: BusFactory) -> None:
    """What is begun just as the connection goes is told like what was under way."""

    async def nobody(_subject: str, _data: bytes) -> None:
        return

    async with bus_factory() as bus:
        await bus.close()

        with pytest.raises(BusUnavailable):
            await bus.publisher()
        with pytest.raises(BusUnavailable):
            await bus.reader(["order.>"])
        with pytest.raises(BusUnavailable):
            await bus.on("ops.cmd.*.s", nobody)


@in_a_loop
async def test_a_connection_keeps_nothing_of_what_was_closed(bus_factory: BusFactory) -> None:
    """A service hosts session after session on one connection."""
    async with bus_factory() as bus:
        publisher, reader = await bus.publisher(), await bus.reader(["order.>"])
        gone: list[weakref.ref[Any]] = [weakref.ref(publisher), weakref.ref(reader)]
        await publisher.close()
        await reader.close()
        del publisher, reader
        async with asyncio.timeout(DEADLINE_S):
            while any(ref() is not None for ref in gone):
                await asyncio.sleep(0)
                gc.collect()


@in_a_loop
async def test_who_is_cancelled_while_subscribing_answers_nothing_and_leaves_the_connection(
    bus_factory: BusFactory,
) -> None:
    """At every step of it: the role of a session would look alive for ever, and all other sessions lose their bus."""

    async def answer(_subject: str, _data: bytes) -> bytes:
        return b"alive"

    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        for steps in range(12):
            subscribing = asyncio.ensure_future(bus.on(subjects.liveness("execution", f"s{steps}"), answer))
            for _ in range(steps):
                await asyncio.sleep(0)
            is_late = subscribing.done()
            subscribing.cancel()
            await asyncio.wait({subscribing})
            if not is_late:
                with pytest.raises(ServiceUnavailable) as caught:
                    await bus.request(subjects.liveness("execution", f"s{steps}"), b"")
                assert not caught.value.fields["silent"]
        await bus.publish(executed(1))
        assert not bus.lost.done()


@in_a_loop
async def test_a_server_that_is_not_there_is_named_without_its_token() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(BusUnavailable, match=rf"127.0.0.1:{port} does not answer") as refused:
        await Bus.connect(f"nats://secret@127.0.0.1:{port}")

    assert "secret" not in str(refused.value)


@in_a_loop
async def test_a_full_stream_refuses_and_keeps_what_it_has(own_nats_server: NatsServer) -> None:
    """P09: discard-new; publishing fails, and nothing that was acknowledged is dropped."""
    bus = await Bus.connect(NatsSettings(own_nats_server.url, token=own_nats_server.token))
    async with asyncio.timeout(DEADLINE_S):
        await bus.ensure_stream(max_bytes=50_000)
        publisher = await bus.publisher()

        with pytest.raises(BusUnavailable, match="refused a message"):
            await _publish_all(publisher, [executed(number) for number in range(1, 1000)])

        state = await bus.log_state()
        assert state.first_seq == 1
        assert state.last_seq > 100
    await bus.close()


async def _publish_all(publisher: object, events: list[Executed]) -> None:
    for event in events:
        await publisher.publish(event)  # type: ignore[attr-defined]  # a Publisher
    await publisher.flush()  # type: ignore[attr-defined]  # a Publisher


@in_a_loop
async def test_a_message_larger_than_nats_takes_is_refused_before_it_is_sent(bus_factory: BusFactory) -> None:
    async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
        large = msgspec.structs.replace(executed(1), cause="c" * bus._connection.max_payload)
        publisher = await bus.publisher()

        with pytest.raises(MessageError, match="larger than"):
            await publisher.publish(large)
        with pytest.raises(MessageError, match="larger than"):
            await bus.publish(large)

        await publisher.publish(executed(1))
        await publisher.flush()
        assert await bus.publish(executed(2)) == 2
