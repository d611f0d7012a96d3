"""One batch is one transaction, also when the database refuses it or keeps it waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from fix_nats import BusFactory
from fix_recorder import DEADLINE_S, bar_sets, publish, recording, stored_bytes, until

from live_runner.contracts.errors import OurFault
from live_runner.services.recorder.shell import Recorder
from live_runner.services.runtime.postgres import archive, database


def value(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_tables_that_are_not_ours_end_the_recorder_and_leave_nothing(
    bus_factory: BusFactory, postgres_dsn: str
) -> None:
    database.migrate(postgres_dsn)

    async def run() -> None:
        async with bus_factory() as bus:
            async with recording(bus, postgres_dsn) as running:
                await running.has(await publish(bus, bar_sets("before", 1)))
            with psycopg.connect(postgres_dsn) as connection:
                connection.execute("alter table decisions rename column intents to never")
            await publish(bus, bar_sets("refused", 2))
            with pytest.raises(OurFault, match=r"refuses what the recorder stores.*intents") as refused:
                await asyncio.wait_for(Recorder().run(bus, postgres_dsn, asyncio.Event()), DEADLINE_S)
            assert refused.value.fields["sqlstate"] == "42703"

    asyncio.run(run())

    assert value(postgres_dsn, "select count(*) from event") == 3
    assert value(postgres_dsn, "select count(*) from bars") == 2
    position = archive.position(postgres_dsn)
    assert position is not None
    assert position.stream_seq == 3


def test_a_recorder_that_is_ended_while_the_database_keeps_it_waiting_lets_go(
    bus_factory: BusFactory, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_runner.services.recorder.writer.CLOSE_GRACE_S", 0.05)
    waits = "select count(*) from pg_stat_activity where application_name = 'live-runner recorder'"

    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus:
            async with recording(bus, postgres_dsn) as running:
                await running.has(await publish(bus, bar_sets("held", 1)))
                with psycopg.connect(postgres_dsn) as held:
                    held.execute("lock table bars")
                    end = await publish(bus, bar_sets("up", 4))
                    await until(lambda: value(postgres_dsn, f"{waits} and wait_event_type = 'Lock'") == 1)
                    running.task.cancel()
                    async with asyncio.timeout(DEADLINE_S):
                        await asyncio.wait([running.task])
            await until(lambda: value(postgres_dsn, waits) == 0)
            async with recording(bus, postgres_dsn) as again:
                await again.has(end)
            return await stored_bytes(bus, "up")

    published = asyncio.run(run())

    assert published == list(archive.events(postgres_dsn, "up"))
    assert value(postgres_dsn, "select count(*) from bars") == 10
