"""Reading in bulk: everything, once, in order, whatever the server does meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from fix_nats import BusFactory
from fix_recorder import DEADLINE_S, bar_sets, publish

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, SessionRefused
from live_runner.services.runtime.nats import bulk_reader
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.reader import Message

SETS = 3 * bulk_reader.BATCH_MESSAGES // 4
"""Three messages each: more than two answers of the server."""


class Heard:
    """What a handler was given, and when it is enough."""

    def __init__(self, expected: int) -> None:
        self.messages: list[Message] = []
        self.enough = asyncio.Event()
        self._expected = expected

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)
        if len(self.messages) >= self._expected:
            self.enough.set()

    def check(self) -> None:
        """Everything came once and in its order."""
        assert [message.stream_seq for message in self.messages] == list(range(1, self._expected + 1))
        ids = [codec.head(message.data).id for message in self.messages]
        assert ids == [event.id for event in bar_sets("s", self._expected // 3)]


async def _wait(heard: Heard) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await heard.enough.wait()


async def _consumers(bus: Bus) -> list[str]:
    return [consumer["name"] for consumer in await bus.consumers()]


def test_what_is_stored_and_what_comes_is_handed_over_once_in_order(bus_factory: BusFactory) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            events = bar_sets("s", SETS)
            heard = Heard(len(events))
            await publish(bus, events[: len(events) // 2])
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 1, heard)
            await publish(bus, events[len(events) // 2 :])
            await _wait(heard)
            heard.check()
            assert await _consumers(bus) == [reader._consumer]
            await reader.close()
            assert await _consumers(bus) == []

    asyncio.run(run())


def test_it_begins_where_it_is_told(bus_factory: BusFactory) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            await publish(bus, bar_sets("s", 4))
            heard = Heard(5)
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 8, heard)
            await _wait(heard)
            assert [message.stream_seq for message in heard.messages] == [8, 9, 10, 11, 12]
            await reader.close()

    asyncio.run(run())


def test_answers_of_a_few_bytes_lead_to_the_same(bus_factory: BusFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends an answer at its size as well as at its count."""
    monkeypatch.setattr(bulk_reader, "BATCH_BYTES", 2_000)

    async def run() -> None:
        async with bus_factory() as bus:
            events = bar_sets("s", 60)
            heard = Heard(len(events))
            await publish(bus, events)
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 1, heard)
            await _wait(heard)
            heard.check()
            await reader.close()

    asyncio.run(run())


def test_a_consumer_that_is_dropped_under_it_is_made_anew(bus_factory: BusFactory) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            events = bar_sets("s", 20)
            heard = Heard(len(events))
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 1, heard)
            await publish(bus, events[:30])
            for name in await _consumers(bus):
                await bus.jetstream(f"CONSUMER.DELETE.{subjects.STREAM}.{name}")
            await publish(bus, events[30:])
            await _wait(heard)
            heard.check()
            await reader.close()

    asyncio.run(run())


def test_a_server_that_answers_nothing_is_given_up(bus_factory: BusFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_reader, "WAIT_S", 0.005)
    monkeypatch.setattr(bulk_reader, "ANSWER_LIMIT_S", 0.005)
    monkeypatch.setattr(bulk_reader.BulkReader, "_end_of_answer", lambda _self, _status: None)

    async def run() -> None:
        async with bus_factory() as bus:
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 1, Heard(1))
            with pytest.raises(BusUnavailable, match="fell silent"):
                await asyncio.wait_for(reader.done, DEADLINE_S)
            await reader.close()

    asyncio.run(run())


def test_a_handlers_error_ends_it(bus_factory: BusFactory) -> None:
    async def refuse(_message: Message) -> None:
        raise SessionRefused("no", remedy="none")

    async def run() -> None:
        async with bus_factory() as bus:
            reader = await bus.bulk_reader(subjects.STREAM_SUBJECTS, 1, refuse)
            await publish(bus, bar_sets("s", 1))
            with pytest.raises(SessionRefused):
                await asyncio.wait_for(reader.done, DEADLINE_S)
            await reader.close()

    asyncio.run(run())
