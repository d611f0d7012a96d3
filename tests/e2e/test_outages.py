"""Servers that go away while a session runs, and come back: nothing is lost, nothing comes twice, and it is said."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import fix_house
import psycopg
from fix_house import House, result_of
from fix_nats import NatsServer
from house_faults import SLOW, events_of, said, wait_for_event

from live_runner.contracts import subjects
from live_runner.contracts.messages import BarSet, Event, Incident, Stopped
from live_runner.services.runtime.config.settings import NatsSettings
from live_runner.services.runtime.embedded.postgres_server import PostgresServer
from live_runner.services.runtime.embedded.process import Process
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.services import SESSION_SERVICES

STREAM_BYTES = 400_000


def use(house: House, server: NatsServer) -> None:
    """Point a house at a NATS of the test's own."""
    house.environment["NATS_URL"] = server.url
    house.environment["NATS_TOKEN"] = server.token


def is_sixtieth(event: Event) -> bool:
    """Whether it is the session's sixtieth bar set."""
    return isinstance(event, BarSet) and event.number == 60


def wait_until_logged(house: House, service: str, text: str) -> None:
    """Wait until a service's log says so."""
    path = house.home / "logs" / f"{service}.log"
    fix_house._wait_for(lambda: (path.exists() and text in path.read_text()) or None, f"'{text}' in {path.name}")


def test_a_full_stream_ends_the_run_with_its_reason_and_loses_nothing(
    new_house: Callable[[], House], own_nats_server: NatsServer
) -> None:
    """P09: what was accepted is stored, what was refused had no effect; with more room the session goes on."""
    house = new_house()
    use(house, own_nats_server)
    asyncio.run(_limit_stream(own_nats_server, STREAM_BYTES))
    config = house.config("full", bars=700)
    run = house.start(config)

    assert run.wait(timeout=120) == 69, said(house, "full") + house.logs()
    message = said(house, "full").splitlines()[-1]
    assert "The session full is stuck" in message
    assert "maximum bytes exceeded" in message
    assert "raise the limit of its stream RUNNER" in message
    before = house.core_events("full")
    assert sum(len(events) for events in before.values()) > 100

    asyncio.run(_limit_stream(own_nats_server, 100 * STREAM_BYTES))
    result = result_of(house.play(config, "--verify"))
    after = house.core_events("full")
    assert result["replay"]["agrees"]
    assert result["comparison"]["agrees"]
    assert all(after[source][: len(events)] == events for source, events in before.items())


def test_nats_may_be_away_for_longer(new_house: Callable[[], House], own_nats_server: NatsServer) -> None:
    """P11: every service notices and waits, and the events are those of a session that nobody disturbed."""
    undisturbed = new_house()
    undisturbed.play(undisturbed.config("away", bars=300))

    house = new_house()
    use(house, own_nats_server)
    config = house.config("away", bars=300)
    run = house.start(config, "--verify", *SLOW)
    wait_for_event(house, "away", is_sixtieth)
    assert own_nats_server.process is not None
    os.kill(own_nats_server.pid, signal.SIGKILL)
    for service in SESSION_SERVICES:
        wait_until_logged(house, service, "NATS is unavailable; waiting for it")
    again = Process(own_nats_server.process.program)
    try:
        house.finish(run, config)
    finally:
        again.stop()

    assert undisturbed.core_events("away") == house.core_events("away")


def test_nats_may_stop_answering_for_a_while(new_house: Callable[[], House], own_nats_server: NatsServer) -> None:
    """P11: a server that hangs is given up by its clients, and taken up again when it wakes."""
    house = new_house()
    use(house, own_nats_server)
    config = house.config("hangs", bars=300)
    run = house.start(config, "--verify", *SLOW)
    wait_for_event(house, "hangs", is_sixtieth)
    os.kill(own_nats_server.pid, signal.SIGSTOP)
    try:
        wait_until_logged(house, "execution", "trying again")
    finally:
        os.kill(own_nats_server.pid, signal.SIGCONT)
    result = result_of(house.finish(run, config))

    assert result["comparison"]["agrees"]
    assert [i.code for i in events_of(house, "hangs", Incident) if i.severity != "warning"] == []


def test_the_database_may_be_away_in_mid_session(
    new_house: Callable[[], House], own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The session goes on, the recorder waits, says so and catches up; each event lands once."""
    house = new_house()
    house.dsn = house.environment["TIMESCALE_DSN"] = own_postgres_server.dsn
    config = house.config("unrecorded", bars=300)
    run = house.start(config, "--verify", *SLOW)
    wait_for_event(house, "unrecorded", is_sixtieth)
    assert own_postgres_server.process is not None
    own_postgres_server.process.stop()
    wait_until_logged(house, "recorder", "waiting for the database")
    wait_for_event(house, "unrecorded", lambda event: isinstance(event, Stopped))
    again = Process(own_postgres_server.process.program)
    try:
        result = result_of(house.finish(run, config))
        assert result["replay"]["agrees"]
        assert result["comparison"]["agrees"]
        with psycopg.connect(house.dsn) as connection:
            doubled = connection.execute(
                "select count(*) from (select source, seq from event group by 1, 2 having count(*) > 1) as twice"
            ).fetchone()
            said_so = connection.execute("select message from incidents where code = 'database_away'").fetchall()
        assert doubled == (0,)
        assert len(said_so) == 1
        assert "nothing was dropped" in said_so[0][0]
        assert result["events_stored"] == len(house.types("unrecorded"))
    finally:
        again.stop()


async def _limit_stream(server: NatsServer, max_bytes: int) -> None:
    """Make the stream with this limit, or change the limit of the one that is there."""
    bus = await Bus.connect(NatsSettings(server.url, token=server.token))
    await bus.ensure_stream(max_bytes=max_bytes)
    info = await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}")
    await bus.jetstream(f"STREAM.UPDATE.{subjects.STREAM}", info["config"] | {"max_bytes": max_bytes})
    await bus.close()
