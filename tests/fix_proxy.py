"""A TCP proxy between a client and a server, which a test cuts at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

__all__ = ["Proxy", "proxy_to"]

READ_BYTES = 65_536


class Proxy:
    """Passes bytes on to ``target``; None refuses connections."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target: tuple[str, int] | None = target
        self.port = 0
        self.connections = 0
        self.cut_when: Callable[[bytes], bool] | None = None
        """Asked about what the client sends: true passes it on and cuts before the answer."""
        self.was_cut = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break every connection off."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.was_cut.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.target is None:
            writer.transport.abort()
            return
        try:
            theirs, ours = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, ours}
        silent = asyncio.Event()
        await asyncio.gather(self._up(reader, ours, silent), self._down(theirs, writer, silent))

    async def _up(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if self.cut_when is not None and self.cut_when(data):
                    self.cut_when = None
                    silent.set()
                ours.write(data)
                await ours.drain()
        except OSError:
            pass  # a cut connection ends like this
        ours.close()

    async def _down(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter, silent: asyncio.Event) -> None:
        try:
            while data := await theirs.read(READ_BYTES):
                if silent.is_set():
                    self.cut()  # the server has answered, so it has done what was asked; nobody hears of it
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # a cut connection ends like this
        writer.close()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free loopback port."""
    proxy = Proxy((host, port))
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
