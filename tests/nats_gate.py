"""Between a process and NATS: every message of the process, one of which a test may hold back.

All that an execution service does to the world is a message on this connection: what it logs, what it asks of its
gateway, what it is told. So a process that is killed while a message is held has done everything before it and
nothing after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Frame", "NatsGate", "nats_gate"]

_WITH_BODY = (b"PUB", b"HPUB", b"MSG", b"HMSG")


class Frame(NamedTuple):
    """One message. ``answers`` is what the process sent, where this is the reply to it."""

    is_sent: bool
    """By the process; otherwise to it."""
    subject: str
    data: bytes
    reply: str = ""
    answers: Frame | None = None


class NatsGate:
    """Passes everything on until a message is the one that is waited for: that one, and all behind it, stay here."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._held: Callable[[Frame], bool] | None = None
        self.reached = asyncio.Event()
        self._released = asyncio.Event()
        self._asked: dict[str, Frame] = {}
        """By reply subject what the process has sent and nobody has answered."""
        self._writers: set[asyncio.StreamWriter] = set()

    def hold(self, is_it: Callable[[Frame], bool]) -> None:
        """Hold the first message for which this holds."""
        self._held = is_it
        self.reached.clear()
        self._released.clear()

    def release(self) -> None:
        """Let the message that is held go on its way, and all behind it."""
        self._released.set()

    def cut(self) -> None:
        """Break every connection off."""
        self._held = None
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self._released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the process."""
        theirs, ours = await asyncio.open_connection(*self._target)
        self._writers |= {writer, ours}
        self._asked.clear()
        await asyncio.gather(self._pass(reader, ours, is_sent=True), self._pass(theirs, writer, is_sent=False))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_sent: bool) -> None:
        try:
            while line := await source.readline():
                words = line.split()
                wire = line
                if words and words[0].upper() in _WITH_BODY:
                    size = int(words[-1])
                    wire += await source.readexactly(size + 2)
                    frame = self._frame(words, wire[len(line) : -2], is_sent=is_sent)
                    if self._held is not None and self._held(frame):
                        self._held = None
                        self.reached.set()
                        await self._released.wait()
                sink.write(wire)
                await sink.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a process that was killed leaves like this
        sink.close()

    def _frame(self, words: list[bytes], body: bytes, *, is_sent: bool) -> Frame:
        verb, subject = words[0].upper(), words[1].decode()
        has_headers = verb in (b"HPUB", b"HMSG")
        data = body[int(words[-2]) :] if has_headers else body
        plain = 3 + has_headers + (not is_sent)
        reply = words[-2 - has_headers].decode() if len(words) > plain else ""
        answers = None if is_sent else self._asked.pop(subject, None)
        frame = Frame(is_sent, subject, data, reply, answers)
        if is_sent and reply:
            self._asked[reply] = frame
        return frame


@asynccontextmanager
async def nats_gate(url: str) -> AsyncIterator[tuple[NatsGate, str]]:
    """The gate, and the address of NATS behind it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    gate = NatsGate((parts.hostname, parts.port))
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0, limit=16 * 1024 * 1024)
    port = server.sockets[0].getsockname()[1]
    try:
        yield gate, url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
    finally:
        gate.cut()
        server.close()
