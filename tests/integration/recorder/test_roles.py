"""The recorder's part in sessions: it joins when the database answers, and only where it is the one that records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from announcements import announced
from fix_nats import BusFactory
from fix_proxy import proxy_to
from fix_recorder import DEADLINE_S, until
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from live_runner.contracts import codec, subjects
from live_runner.contracts.messages import JoinDeclined, Joined, Owned
from live_runner.services.recorder.service import RecorderService
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.hosting import Host


def is_well(running: Running) -> bool:
    return running.host._check()[0]


class Running:
    """A recorder service under a name of its own."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.stop = asyncio.Event()
        self.service = RecorderService(settings, self.stop)
        self.service._instance = name
        self.recorder = self.service._recorder
        self.host = Host(settings, "recorder", self.service.run_session, check=self.service.health)
        self.tasks = [asyncio.create_task(self.service.record()), asyncio.create_task(self.host.run(self.stop))]

    async def end(self) -> None:
        """Stop in order, and raise what it failed with."""
        self.stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*self.tasks)


@asynccontextmanager
async def recorder(url: str, dsn: str, home: Path, name: str = "one") -> AsyncIterator[Running]:
    running = Running(Settings(home=home, nats_url=url, timescale_dsn=dsn), name)
    try:
        yield running
    finally:
        await running.end()


async def answer(bus: Bus, session: str) -> Joined | JoinDeclined:
    kinds = ("session.joined", "session.refused")
    reader = await bus.reader([subjects.event_subject(kind, session) for kind in kinds])
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for message in reader:
                found = codec.decode(message.data)
                assert isinstance(found, Joined | JoinDeclined)
                return found
    finally:
        await reader.close()
    raise AssertionError("the log ended")


async def owners(bus: Bus, session: str, wanted: int) -> list[str]:
    """Who took the role, one after the other, as soon as so many have."""
    found: list[str] = []
    reader = await bus.reader([subjects.owned(session, "recorder")])
    try:
        async with asyncio.timeout(DEADLINE_S):
            async for message in reader:
                event = codec.decode(message.data)
                assert isinstance(event, Owned)
                found.append(event.instance)
                if len(found) == wanted:
                    return found
    finally:
        await reader.close()
    return found


def test_a_session_that_is_announced_while_the_database_is_away_is_joined_when_it_is_back(
    bus_factory: BusFactory, dsn: str, tmp_path: Path
) -> None:
    parts = conninfo_to_dict(dsn)
    place = str(parts["host"]), int(parts["port"] or 5432)

    async def run() -> Joined | JoinDeclined:
        async with bus_factory() as bus, proxy_to(*place) as proxy:
            through = make_conninfo(dsn, host="127.0.0.1", port=proxy.port)
            async with recorder(bus_factory.url, through, tmp_path) as running:
                await until(lambda: running.recorder.is_recording)
                target, proxy.target = proxy.target, None
                proxy.cut()
                is_waiting = asyncio.Event()

                async def on_beat(_subject: str, data: bytes) -> None:
                    if b"the database is unavailable" in data:
                        is_waiting.set()

                await bus.on(subjects.beat("recorder", "mine"), on_beat)
                await bus.publish(announced("mine"))
                answering = asyncio.create_task(answer(bus, "mine"))
                waiting = asyncio.create_task(is_waiting.wait())
                async with asyncio.timeout(DEADLINE_S):
                    await asyncio.wait([answering, waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                proxy.target = target
                return await answering

    assert isinstance(asyncio.run(run()), Joined)


def test_of_two_recorders_the_one_that_records_has_the_role_and_the_other_takes_over(
    bus_factory: BusFactory, dsn: str, tmp_path: Path
) -> None:
    sessions = [f"s{number}" for number in range(4)]

    async def run() -> list[str]:
        async with bus_factory() as bus, recorder(bus_factory.url, dsn, tmp_path, "first") as first:
            await until(lambda: first.recorder.is_recording)
            async with recorder(bus_factory.url, dsn, tmp_path, "second") as second:
                await until(lambda: second.recorder.stands_by)
                for session in sessions:
                    await bus.publish(announced(session))
                before = [(await owners(bus, session, 1))[-1] for session in sessions]
                await first.end()
                after = [(await owners(bus, session, 2))[-1] for session in sessions]
                end = await bus.publish(announced("later"))
                await until(lambda: second.recorder.committed >= end)
                return before + after

    assert asyncio.run(run()) == ["first"] * 4 + ["second"] * 4


def test_the_health_of_a_recorder_follows_its_database(
    bus_factory: BusFactory, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while nothing is published."""
    monkeypatch.setattr("live_runner.services.recorder.shell.LOOK_EVERY_S", 0.05)
    parts = conninfo_to_dict(dsn)
    place = str(parts["host"]), int(parts["port"] or 5432)

    async def run() -> None:
        async with bus_factory(), proxy_to(*place) as proxy:
            through = make_conninfo(dsn, host="127.0.0.1", port=proxy.port)
            async with recorder(bus_factory.url, through, tmp_path, "first") as first:
                await until(lambda: is_well(first))
                async with recorder(bus_factory.url, dsn, tmp_path, "second") as second:
                    await until(lambda: second.recorder.stands_by)
                    await until(lambda: is_well(second))
                target, proxy.target = proxy.target, None
                proxy.cut()
                await until(lambda: not is_well(first))
                assert first.host._check()[1]["database"] == "away"
                proxy.target = target
                await until(lambda: is_well(first))

    asyncio.run(run())
