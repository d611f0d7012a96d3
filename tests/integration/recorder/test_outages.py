"""The recorder while the database or the log fails it: it waits, says so, catches up, and stores once."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import psycopg
import pytest
from fix_nats import BusFactory
from fix_proxy import Proxy, proxy_to
from fix_recorder import bar_sets, publish, recording, stored_bytes, until
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from live_runner.contracts.errors import BusUnavailable, OwnershipLost, RunnerError, ServiceUnavailable
from live_runner.contracts.messages import Announced, Event
from live_runner.services.recorder.core.batch import EVENTS_MAX
from live_runner.services.recorder.core.position import LogMismatch
from live_runner.services.recorder.shell import Recorder
from live_runner.services.runtime.embedded.nats_server import NatsServer
from live_runner.services.runtime.embedded.postgres_server import PostgresServer, start_postgres
from live_runner.services.runtime.postgres import archive


def through(proxy: Proxy, dsn: str) -> str:
    return make_conninfo(dsn, host="127.0.0.1", port=proxy.port)


def address(dsn: str) -> tuple[str, int]:
    parts = conninfo_to_dict(dsn)
    return str(parts["host"]), int(parts["port"] or 5432)


def has_ended(server: PostgresServer | NatsServer) -> bool:
    assert server.process is not None
    return server.process.exit_code() is not None


def value(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_commit_whose_answer_was_lost_is_not_repeated(bus_factory: BusFactory, dsn: str) -> None:
    async def run() -> tuple[list[tuple[int, bytes]], int]:
        async with bus_factory() as bus, proxy_to(*address(dsn)) as proxy:
            async with recording(bus, through(proxy, dsn)) as running:
                await running.has(await publish(bus, bar_sets("first", 2)))
                proxy.cut_when = lambda data: b"COMMIT" in data
                await running.has(await publish(bus, bar_sets("cut", 5)))
                assert proxy.was_cut.is_set()
                await running.has(await publish(bus, bar_sets("last", 1)))
            return await stored_bytes(bus, "cut"), proxy.connections

    published, connections = asyncio.run(run())

    assert published == list(archive.events(dsn, "cut"))
    assert value(dsn, "select count(*) from event") == 24
    assert value(dsn, "select sum(events) from recorder_source") == 24
    assert connections >= 2


def test_a_connection_cut_inside_a_copy_loses_and_doubles_nothing(bus_factory: BusFactory, dsn: str) -> None:
    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus, proxy_to(*address(dsn)) as proxy:
            async with recording(bus, through(proxy, dsn)) as running:
                await running.has(await publish(bus, bar_sets("first", 1)))
                proxy.cut_when = lambda data: b"copy bars" in data
                await running.has(await publish(bus, bar_sets("cut", 400)))
                assert proxy.was_cut.is_set()
            return await stored_bytes(bus, "cut")

    published = asyncio.run(run())

    assert published == list(archive.events(dsn, "cut"))
    assert value(dsn, "select count(*) from bars where session = 'cut'") == 800


def test_while_the_database_is_away_the_recorder_waits_with_bounded_memory_and_says_so(
    bus_factory: BusFactory, dsn: str
) -> None:
    sets = EVENTS_MAX  # three messages each: three batches, of which the recorder may hold two

    async def run() -> tuple[int, list[tuple[int, bytes]]]:
        async with bus_factory() as bus, proxy_to(*address(dsn)) as proxy:
            async with recording(bus, through(proxy, dsn)) as running:
                await running.has(await publish(bus, bar_sets("before", 1)))
                target, proxy.target = proxy.target, None
                proxy.cut()
                end = await publish(bus, bar_sets("away", sets))
                recorder = running.recorder
                await until(lambda: recorder.status()["database"] == "away", running.task)
                await until(lambda: recorder.is_paused, running.task)
                held = recorder._read_seq - recorder.committed
                proxy.target = target
                await running.has(end)
            return held, await stored_bytes(bus, "away")

    held, published = asyncio.run(run())

    assert held <= 2 * EVENTS_MAX
    assert len(published) == 3 * sets
    assert published == list(archive.events(dsn, "away"))
    found = "from incidents where session = 'away' and code = 'database_away'"
    assert value(dsn, f"select count(*) {found}") == 1
    assert value(dsn, f"select details->>'attempts' {found}") >= "1"


def test_a_database_server_that_is_killed_gets_each_event_once(
    bus_factory: BusFactory, own_postgres_server: PostgresServer, tmp_path: Any
) -> None:
    server = own_postgres_server

    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus, proxy_to(*address(server.dsn)) as proxy:
            async with recording(bus, through(proxy, server.dsn)) as running:
                await running.has(await publish(bus, bar_sets("killed", 10)))
                publishing = asyncio.create_task(publish(bus, bar_sets("more", 3000)))
                await until(lambda: running.recorder.committed > 100, running.task)
                os.kill(server.pid, signal.SIGKILL)
                await until(lambda: has_ended(server))
                end = await publishing
                assert server.process is not None
                server.process.stop()  # its owner leaves the data to the next one
                revived.append(start_postgres(tmp_path / "postgres"))
                proxy.target = address(revived[0].dsn)
                await running.has(end)
            return await stored_bytes(bus, "more")

    revived: list[PostgresServer] = []
    try:
        published = asyncio.run(run())

        assert published == list(archive.events(revived[0].dsn, "more"))
        assert value(revived[0].dsn, "select count(*) from event") == 9030
        assert value(revived[0].dsn, "select count(*) from equity") == 3010
    finally:
        for again in revived:
            assert again.process is not None
            again.process.stop()


def test_an_absent_database_is_waited_for_from_the_start(bus_factory: BusFactory, postgres_dsn: str) -> None:
    async def run() -> None:
        async with bus_factory() as bus, proxy_to(*address(postgres_dsn)) as proxy:
            target, proxy.target = proxy.target, None
            async with recording(bus, through(proxy, postgres_dsn)) as running:
                end = await publish(bus, bar_sets("late", 2))
                await until(lambda: proxy.connections >= 2, running.task)
                assert not running.recorder.is_recording
                proxy.target = target
                await running.has(end)

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 6


def test_a_recorder_asked_to_stop_while_the_database_is_away_ends_within_its_grace(
    bus_factory: BusFactory, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_runner.services.recorder.shell.STOP_GRACE_S", 0.2)

    async def run() -> int:
        async with bus_factory() as bus, proxy_to(*address(postgres_dsn)) as proxy:
            async with recording(bus, through(proxy, postgres_dsn)) as running:
                await running.has(await publish(bus, bar_sets("before", 1)))
                proxy.target = None
                proxy.cut()
                await publish(bus, bar_sets("after", 1))
                await until(lambda: running.recorder.status()["database"] == "away", running.task)
            async with recording(bus, postgres_dsn) as again:
                await again.has(6)
            return again.recorder.events

    assert asyncio.run(run()) == 3
    assert value(postgres_dsn, "select count(*) from event") == 6


def test_a_killed_log_server_ends_the_run_and_the_next_one_goes_on(
    own_nats_server: NatsServer, postgres_dsn: str, tmp_path: Any
) -> None:
    from live_runner.services.runtime.embedded.nats_server import start_nats

    def factory(server: NatsServer) -> BusFactory:
        return BusFactory(server.url.replace("nats://", f"nats://{server.token}@"))

    revived: list[NatsServer] = []

    async def run() -> list[tuple[int, bytes]]:
        async with factory(own_nats_server)() as bus:
            recorder, stop = Recorder(), asyncio.Event()
            task = asyncio.create_task(recorder.run(bus, postgres_dsn, stop))
            await publish(bus, bar_sets("nats", 50))
            await until(lambda: recorder.committed > 10, task)
            os.kill(own_nats_server.pid, signal.SIGKILL)
            await until(lambda: has_ended(own_nats_server))
            with pytest.raises(BusUnavailable):
                await asyncio.wait_for(task, 30)
        assert own_nats_server.process is not None
        own_nats_server.process.stop()  # its owner leaves the store to the next one
        revived.append(start_nats(tmp_path / "nats"))
        async with factory(revived[0])() as bus:
            end = await publish(bus, bar_sets("nats-2", 5))
            async with recording(bus, postgres_dsn) as running:
                await running.has(end)
            return await stored_bytes(bus, "nats")

    try:
        published = asyncio.run(run())

        assert published == list(archive.events(postgres_dsn, "nats"))
        assert value(postgres_dsn, "select count(*) from event") == 165
    finally:
        for again in revived:
            assert again.process is not None
            again.process.stop()


def test_another_log_is_refused_until_it_is_adopted(
    bus_factory: BusFactory, own_nats_server: NatsServer, dsn: str
) -> None:
    other = BusFactory(own_nats_server.url.replace("nats://", f"nats://{own_nats_server.token}@"))

    async def run() -> str:
        async with bus_factory() as bus, recording(bus, dsn) as running:
            await running.has(await publish(bus, bar_sets("here", 3)))
        async with other() as bus:
            end = await publish(bus, bar_sets("there", 2))
            with pytest.raises(LogMismatch) as refused:
                await asyncio.wait_for(Recorder().run(bus, dsn, asyncio.Event()), 30)
            archive.adopt_log(dsn, (await bus.log_state()).epoch)
            async with recording(bus, dsn) as running:
                await until(lambda: running.recorder.is_recording, running.task)
                with pytest.raises(ServiceUnavailable):
                    archive.adopt_log(dsn, "2020-01-01T00:00:00Z")
                await running.has(end)
        return str(refused.value)

    message = asyncio.run(run())

    assert "live-runner db adopt-log" in message
    assert value(dsn, "select count(*) from event") == 15
    assert value(dsn, "select count(distinct log_epoch) from event") == 2


def test_a_position_beyond_the_end_of_the_log_is_refused(bus_factory: BusFactory, dsn: str) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            async with recording(bus, dsn) as running:
                await running.has(await publish(bus, bar_sets("here", 1)))
            archive.adopt_log(dsn, (await bus.log_state()).epoch, 1000)
            with pytest.raises(LogMismatch, match="lost its end"):
                await asyncio.wait_for(Recorder().run(bus, dsn, asyncio.Event()), 30)

    asyncio.run(run())


def test_a_second_recorder_stands_by_and_takes_over(bus_factory: BusFactory, dsn: str) -> None:
    async def run() -> tuple[int, int]:
        async with bus_factory() as bus:
            async with recording(bus, dsn) as first:
                await first.has(await publish(bus, bar_sets("one", 5)))
                standing_by = recording(bus, dsn)
                second = await standing_by.__aenter__()
                await until(lambda: second.recorder.status()["database"] == "away", second.task)
            await second.has(await publish(bus, bar_sets("two", 5)))
            await standing_by.__aexit__(None, None, None)
            return first.recorder.events, second.recorder.events

    assert asyncio.run(run()) == (15, 15)
    assert value(dsn, "select count(*) from event") == 30


def test_a_position_moved_by_somebody_else_ends_the_recorder(bus_factory: BusFactory, postgres_dsn: str) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            task = asyncio.create_task(Recorder().run(bus, postgres_dsn, asyncio.Event()))
            await publish(bus, bar_sets("one", 1))
            await until(lambda: value(postgres_dsn, "select count(*) from pg_class where relname = 'event'") == 1)
            await until(lambda: value(postgres_dsn, "select count(*) from event") == 3)
            with psycopg.connect(postgres_dsn) as connection:
                connection.execute("update recorder_position set stream_seq = 1")
            await publish(bus, bar_sets("two", 1))
            with pytest.raises(OwnershipLost):
                await asyncio.wait_for(task, 30)

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 3


def test_a_session_name_that_is_taken_is_refused(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, Event]
) -> None:
    from fix_recorder import Numbered

    from live_runner.services.recorder.shell import check_session

    announced = Numbered("taken").take(samples["session.announced"])
    assert isinstance(announced, Announced)

    async def run() -> int:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            end = await publish(bus, [announced])
            await running.has(end)
            return end

    stream_seq = asyncio.run(run())

    check_session(postgres_dsn, announced, stream_seq)
    with pytest.raises(RunnerError, match="already has a session called taken"):
        check_session(postgres_dsn, announced, stream_seq + 1)
