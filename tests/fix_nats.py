"""A real NATS server on a free port for the whole test session, and an empty log for each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_runner.services.runtime.embedded.nats_server import NatsServer, start_nats

__all__ = ["BusFactory", "NatsServer"]

if TYPE_CHECKING:
    from live_runner.services.runtime.nats.bus import Bus

STREAM_BYTES_MAX = 256 * 1024 * 1024


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """The server, with its url, token and process id."""
    server = start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    assert server.process is not None
    server.process.stop()


@pytest.fixture
def own_nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of this test alone, which it may kill."""
    server = start_nats(tmp_path / "nats")
    yield server
    assert server.process is not None
    server.process.stop()


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    """Address of the session's server, its token inside; the log on it is empty."""
    url = nats_server.url.replace("nats://", f"nats://{nats_server.token}@")
    asyncio.run(_forget(url))
    return url


@pytest.fixture
def bus_factory(nats_url: str) -> BusFactory:
    """Opens connections: ``async with bus_factory() as bus``. Each test begins with an empty stream."""
    return BusFactory(nats_url)


class BusFactory:
    """Makes connections to one server, closed at the end of their block."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def __call__(self, name: str = "test") -> AsyncIterator[Bus]:
        from live_runner.services.runtime.nats.bus import Bus

        bus = await Bus.connect(self.url, name=name)
        try:
            await bus.ensure_stream(max_bytes=STREAM_BYTES_MAX)
            yield bus
        finally:
            await bus.close()


async def _forget(url: str) -> None:
    """Delete every stream, object stores included."""
    import nats

    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        for name in [info.config.name for info in await jetstream.streams_info()]:
            await jetstream.delete_stream(str(name))
    finally:
        await client.close()
