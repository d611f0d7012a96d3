"""The recorder as a process of its own, killed again and again while it stores."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import psycopg
from fix_nats import BusFactory
from fix_recorder import DEADLINE_S, bar_sets, publish, stored_bytes

from live_runner.services.runtime.postgres import archive, database

KILLS = 6
SETS = 4_000
PROGRAM = """
import asyncio, sys, uvloop
from live_runner.services.recorder.shell import Recorder
from live_runner.services.runtime.nats.bus import Bus

async def main():
    await Recorder().run(await Bus.connect(sys.argv[1]), sys.argv[2], asyncio.Event())

uvloop.run(main())
"""


def test_a_recorder_killed_at_any_moment_stores_each_event_once(bus_factory: BusFactory, dsn: str) -> None:
    """D05, P11: no event is lost, none doubled, and the rows agree with the log."""
    database.migrate(dsn)

    async def run() -> list[tuple[int, bytes]]:
        async with bus_factory() as bus:
            end = await publish(bus, bar_sets("killed", SETS))
            for kill in range(1, KILLS + 1):
                process = start(bus_factory.url, dsn)
                await until_stored(dsn, kill * end // (KILLS + 2), process)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
            process = start(bus_factory.url, dsn)
            await until_stored(dsn, end, process)
            process.kill()
            process.wait()
            return await stored_bytes(bus, "killed")

    published = asyncio.run(run())

    assert published == list(archive.events(dsn, "killed"))
    with psycopg.connect(dsn) as connection:
        counts = connection.execute(
            "select (select count(*) from bars), (select count(*) from equity), (select count(*) from decisions),"
            " (select sum(events) from recorder_source), (select count(*) from incidents)"
        ).fetchone()
    assert counts == (2 * SETS, SETS, SETS, 3 * SETS, 0)


def start(url: str, dsn: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, url, dsn], stdout=subprocess.DEVNULL)


async def until_stored(dsn: str, stream_seq: int, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        stored = 0
        while stored < stream_seq:
            assert process.poll() is None, "the recorder ended by itself"
            await asyncio.sleep(0.003)
            position = await asyncio.to_thread(archive.position, dsn)
            stored = position.stream_seq if position else 0
