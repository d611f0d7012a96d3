"""What the recorder takes out of a stream that fills up, and what it leaves for live sessions."""

from __future__ import annotations

import asyncio
from itertools import batched

import msgspec
import pytest
from fix_nats import BusFactory
from fix_recorder import DEADLINE_S, Numbered, bar_sets, publish, recording, stored_bytes

from live_runner.contracts import messages as m
from live_runner.services.runtime.nats.bus import SNAPSHOT_BUCKET, Bus
from live_runner.services.runtime.postgres import archive

AT_ONCE = 50
"""Snapshots that are stored side by side."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_runner.services.recorder.shell.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("live_runner.services.recorder.shell.PURGE_EVERY_S", 0.05)
    monkeypatch.setattr("live_runner.services.recorder.core.purge.KEPT_SHARE", 0.0)


def snapshot(numbered: Numbered, role: str, stream_seq: int) -> m.Event:
    return numbered.take(
        m.Snapshot(
            role=role,
            object=f"live/{role}/1",
            stream_seq=stream_seq,
            core_seq=1,
            state_hash="00",
            bytes=10,
            id="",
            session="",
            source=f"{role}.shell",
            seq=0,
            event_ns=0,
        )
    )


def test_a_live_session_keeps_what_follows_its_older_snapshot(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    numbered = Numbered("live")
    announced = numbered.take(samples["session.announced"])
    sets = bar_sets("live", 8)
    assert isinstance(sets[0], m.BarSet)
    config = {"market": {"symbols": [bar.symbol for bar in sets[0].bars], "timeframe": "1m"}}
    started = numbered.take(msgspec.structs.replace(samples["session.started"], config=config))
    early, late = sets[:12], sets[12:]

    async def run() -> tuple[list[int], list[int]]:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            await publish(bus, bar_sets("finished", 4))
            await publish(bus, [announced, started, *early])
            await running.has(await publish(bus, [snapshot(numbered, "execution", 20)]))
            await until_purged(bus, "finished", 0)
            before = [stream_seq for stream_seq, _ in await stored_bytes(bus, "live")]
            await running.has(await publish(bus, [snapshot(numbered, "strategy", 18), *late]))
            await until_purged(bus, "live", 25)
            after = [stream_seq for stream_seq, _ in await stored_bytes(bus, "live")]
            return before, after

    before, after = asyncio.run(run())

    assert before == list(range(13, 28)), "one core has no snapshot yet: everything stays"
    assert after == [13, 14, *range(18, 41)], "the announcement and the manifest, and all from the older snapshot on"
    assert len(list(archive.events(postgres_dsn, "live"))) == 28


def test_a_live_session_keeps_what_follows_the_snapshot_of_its_account(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    numbered = Numbered("live")
    sets = bar_sets("live", 8)
    assert isinstance(sets[0], m.BarSet)
    market = {"symbols": [bar.symbol for bar in sets[0].bars], "timeframe": "1m"}
    config = {"market": market, "account": {"name": "main"}}
    started = numbered.take(msgspec.structs.replace(samples["session.started"], config=config))
    snapshots = [snapshot(numbered, role, seq) for role, seq in (("execution", 10), ("strategy", 9))]

    async def run() -> list[int]:
        async with bus_factory() as bus, recording(bus, postgres_dsn) as running:
            of_account = snapshot(Numbered("main"), "account", 4)
            await running.has(await publish(bus, [started, *sets[:12], *snapshots, of_account, *sets[12:]]))
            await until_purged(bus, "live", 1 + 10 + 2 + 12)
            return [stream_seq for stream_seq, _ in await stored_bytes(bus, "live")]

    kept = asyncio.run(run())

    assert kept == [1, *range(4, 16), *range(17, 29)], "the manifest, and all from the snapshot of the account on"


def test_snapshots_of_ended_sessions_are_dropped_over_200_sessions(
    bus_factory: BusFactory, postgres_dsn: str, samples: dict[str, m.Event]
) -> None:
    sessions = [f"s{number}" for number in range(200)]
    live = [f"live/{role}/{number}" for role in ("execution", "strategy") for number in (1, 2)]

    async def run() -> tuple[list[str], int]:
        async with bus_factory() as bus:
            ended = [f"{session}/{role}/9" for session in sessions for role in ("execution", "strategy")]
            for names in batched([*ended, *live], AT_ONCE):
                await asyncio.gather(*(bus.put_object(name, name.encode() * 100) for name in names))
            await bus.delete_object(live[0])
            assert len(await bus.object_names()) == 2 * len(sessions) + 3
            async with recording(bus, postgres_dsn) as running:
                ends = [Numbered(session).take(samples["session.stopped"]) for session in sessions]
                await running.has(await publish(bus, ends))
                async with asyncio.timeout(DEADLINE_S):
                    while len(left := await bus.object_names()) > len(live) - 1:  # noqa: ASYNC110  # NATS tells nobody
                        await asyncio.sleep(0.02)
            assert await bus.get_object(live[1]) == live[1].encode() * 100
            state = (await bus.jetstream(f"STREAM.INFO.OBJ_{SNAPSHOT_BUCKET}"))["state"]
            return left, state["messages"]

    left, messages = asyncio.run(run())

    assert left == live[1:]
    assert messages == 2 * len(left), "the chunk and the name of each, and no marks of what was dropped"


async def until_purged(bus: Bus, session: str, left: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        stored = await stored_bytes(bus, session)
        while len(stored) > left:
            await asyncio.sleep(0.02)
            stored = await stored_bytes(bus, session)
