"""Sessions by the thousand: each holds three readers, and nats-server ends an unlimited stream at 1,000."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from fix_nats import BusFactory, NatsServer

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable
from live_runner.contracts.messages import Announced, Event
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import SNAPSHOT_BUCKET, Bus
from live_runner.services.runtime.nats.consumers import CONSUMERS_MAX
from live_runner.services.runtime.nats.reader import Message, Reader
from live_runner.services.runtime.service.hosting import Host

SESSIONS = 1_500
READERS_EACH = 3
DEADLINE_S = 240.0


def test_1500_sessions_are_taken_up_with_4500_readers(
    bus_factory: BusFactory, nats_server: NatsServer, samples: dict[str, Event]
) -> None:
    sample = samples["session.announced"]
    assert isinstance(sample, Announced)
    left = SESSIONS
    all_read, stop = asyncio.Event(), asyncio.Event()
    readers: list[Reader] = []

    async def run_session(bus: Bus, announced: Announced, stream_seq: int) -> None:
        """What a service does of it here: read the session, three times."""
        nonlocal left
        own: list[asyncio.Future[None]] = []
        for _ in range(READERS_EACH):
            seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            async def handle(message: Message, seen: asyncio.Future[None] = seen) -> None:
                assert codec.decode(message.data).session == announced.session
                seen.set_result(None)

            readers.append(await bus.reader(subjects.of_session(announced.session), stream_seq, handle))
            own.append(seen)
        await asyncio.gather(*own)
        left -= 1
        if not left:
            all_read.set()
        await asyncio.Event().wait()

    async def run() -> None:
        settings = Settings(nats_url=nats_server.url, nats_token=nats_server.token)
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            publisher = await bus.publisher()
            for number in range(SESSIONS):
                name = f"s{number}"
                await publisher.publish(_of(sample, session=name, id=f"{name}/run.shell/1"))
            await publisher.flush()

            serving = asyncio.create_task(Host(settings, "execution", run_session).run(stop))
            waiting = asyncio.create_task(all_read.wait())
            await asyncio.wait((serving, waiting), return_when=asyncio.FIRST_COMPLETED)
            assert all_read.is_set(), serving.exception()
            assert len(readers) == SESSIONS * READERS_EACH
            assert not any(reader.done.done() for reader in readers)
            assert len(await bus.consumers()) == SESSIONS * READERS_EACH + 1  # and the one that finds sessions
            stop.set()
            await serving

    asyncio.run(run())


def test_an_existing_stream_is_given_the_limit_and_keeps_what_else_it_has(bus_factory: BusFactory) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            for name, also in ((subjects.STREAM, {"max_bytes": 12_345_678}), (f"OBJ_{SNAPSHOT_BUCKET}", {})):
                config = (await bus.jetstream(f"STREAM.INFO.{name}"))["config"]
                await bus.jetstream(f"STREAM.DELETE.{name}")
                old = config | {"max_consumers": -1, "metadata": {"of": "an operator"}} | also
                assert "error" not in await bus.jetstream(f"STREAM.CREATE.{name}", old)
            await bus.ensure_stream()
            for name, bytes_max in ((subjects.STREAM, 12_345_678), (f"OBJ_{SNAPSHOT_BUCKET}", -1)):
                config = (await bus.jetstream(f"STREAM.INFO.{name}"))["config"]
                assert (config["max_consumers"], config["max_bytes"]) == (CONSUMERS_MAX, bytes_max)
                assert config["metadata"]["of"] == "an operator"

    asyncio.run(run())


def test_a_limit_of_readers_that_is_reached_is_named_with_its_remedy(bus_factory: BusFactory) -> None:
    async def run() -> None:
        async with bus_factory() as bus:
            config = (await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}"))["config"]
            await bus.jetstream(f"STREAM.DELETE.{subjects.STREAM}")
            await bus.jetstream(f"STREAM.CREATE.{subjects.STREAM}", config | {"max_consumers": 1})
            reader = await bus.reader(subjects.of_session("s"))
            with pytest.raises(BusUnavailable, match=r"maximum consumers.*End sessions, or raise max_consumers"):
                await bus.reader(subjects.of_session("s"))
            await reader.close()

    asyncio.run(run())


def _of(event: Announced, **fields: Any) -> Announced:
    return msgspec.structs.replace(event, **fields)
