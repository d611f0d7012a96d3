"""An account in the database: its log beside those of its sessions, and what the stream keeps for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from account_sessions import NAME, Sessions, limits_of
from fix_nats import BusFactory
from fix_recorder import publish, recording

from live_runner.contracts import codec
from live_runner.contracts.messages import Event, Settled
from live_runner.services.cli.verification import replay_recorded
from live_runner.services.forensics.account_replay import TYPES, replay_account
from live_runner.services.runtime.postgres import archive


def test_an_account_is_recorded_and_replays_from_the_database(
    bus_factory: BusFactory, postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = Sessions(limits_of(drawdown={"limit": "100"}), "one", "two")
    log: list[Event] = []

    def fold(change: str) -> None:
        before, made = len(of.log), len(of.out)
        of.settle("one", change)
        of.settle("two", change)
        log.extend(of.log[before:])
        log.extend(of.out[made:])

    log.extend(of.log)
    for change in ("-30", "-10", "-15", "-1"):
        fold(change)
    assert len(of.out) == 1

    async def run() -> None:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await running.has(await publish(bus, log))

    asyncio.run(run())
    monkeypatch.setenv("TIMESCALE_DSN", postgres_dsn)
    result = replay_recorded(NAME, tmp_path, is_quiet=True, partial=False)
    wires = [wire for _, wire in archive.account_events(postgres_dsn, NAME, TYPES)]
    changed = [wire.replace(b"945", b"944") if codec.head(wire).type == "account.settled" else wire for wire in wires]
    without = [wire for wire in wires if codec.head(wire).source != "account"]

    assert archive.account_sessions(postgres_dsn, NAME) == ["one", "two"]
    assert (result.session, result.compared, result.differences) == (NAME, 1, 0)
    assert len(wires) == len([event for event in log if isinstance(event, Settled)]) + 3
    first = replay_account(NAME, changed).first
    assert first is not None
    assert first.type == "account.limit_tripped"
    extra = replay_account(NAME, without).first
    assert extra is not None
    assert extra.kind == "extra"
