"""A connection to NATS: the protocol's few words, spoken straight on the socket.

A message costs a service two steps: bytes from the socket to the callback, and bytes from the
publisher to the socket. There is no queue, task or message object in between, because a bar set passes
through them dozens of times; and no reconnecting, because the house never does it silently (bus.py).

    server: INFO {json}   MSG subject sid [reply] size   HMSG subject sid [reply] headers total   PING PONG +OK -ERR
    client: CONNECT {json}   SUB subject sid   UNSUB sid   PUB subject [reply] size   HPUB subject [reply] headers total

The protocol is at https://docs.nats.io/reference/reference-protocols/nats-protocol.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from live_runner.services.runtime.nats.nats_address import Address

__all__ = [
    "ConnectionLostError",
    "Deliver",
    "NatsClient",
    "NatsError",
    "NoAnswerError",
    "NobodyListensError",
    "Reply",
    "header_block",
]

type Deliver = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes a message's subject, reply subject, data and header block as they are read; must not wait or raise."""

PING_EVERY_S: Final = 20.0
UNANSWERED_PINGS_MAX: Final = 2
"""The server is taken for gone when it owes so many answers."""
WRITE_BUFFER_BYTES: Final = 1024 * 1024
"""Waiting to be written; publishers pause above it."""
LINE_BYTES_MAX: Final = 1024 * 1024
"""Of a line of the protocol; INFO of a large cluster is the longest."""

_VERSION: Final = b"NATS/1.0"
_NO_RESPONDERS: Final = b"NATS/1.0 503"
_LINE_END: Final = b"\r\n"
_M, _H, _P, _I, _PLUS, _MINUS = b"MHPI+-"


class NatsError(Exception):
    """Something that NATS, or the way to it, did not do."""


class ConnectionLostError(NatsError):
    """The connection is closed; what was begun on it is not known to have happened."""


class NoAnswerError(NatsError):
    """A request was not answered in time."""


class NobodyListensError(NatsError):
    """Nobody is subscribed to a request's subject."""


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request."""

    data: bytes
    headers: bytes | None


class _Info(msgspec.Struct):
    """What the server says first, as far as it matters here."""

    headers: bool = False
    max_payload: int = 1024 * 1024
    tls_required: bool = False


def header_block(headers: Mapping[str, str]) -> bytes:
    """The header block of a message, as it stands on the wire."""
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    return _VERSION + _LINE_END + lines + _LINE_END


class NatsClient(asyncio.Protocol):
    """One connection. Make it with ``open``; ``on_lost`` is told once, and never of a close that was asked for."""

    def __init__(self, on_lost: Callable[[str], None]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._deliver: dict[int, Deliver] = {}
        self._sid = 0
        self._parts: list[bytes] = []
        self._arrived = self._needed = 0
        self._hello: asyncio.Future[_Info] = self._loop.create_future()
        self._hello.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._pongs: deque[asyncio.Future[None] | None] = deque()
        self._answers: dict[bytes, asyncio.Future[Reply]] = {}
        self._inbox = b""
        self._requests = 0
        self._closing = False
        self._why = ""
        self._pause: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_connected = False
        self.max_payload = 0

    @classmethod
    async def open(cls, address: Address, name: str, on_lost: Callable[[str], None]) -> NatsClient:
        """Connect and log in; NatsError or OSError when that fails. Bound it in time from outside."""
        loop = asyncio.get_running_loop()
        client = cls(on_lost)
        try:
            await loop.create_connection(lambda: client, address.host, address.port)
            info = await client._hello
            if address.is_encrypted or info.tls_required:
                await client._encrypt(address.host)
            client.max_payload = info.max_payload
            client._write(b"CONNECT %b\r\n" % msgspec.json.encode(_introduction(address, name, info)))
            await client.flush()
            client._inbox = client.new_inbox()
            client.subscribe(f"{client._inbox.decode()}.*", client._on_reply)
        except BaseException:
            client._closing = True
            client.release()
            raise
        client.is_connected = True
        client._timer = loop.call_later(PING_EVERY_S, client._ping)
        return client

    async def _encrypt(self, host: str) -> None:
        import ssl

        transport = await self._loop.start_tls(
            cast(asyncio.Transport, self._transport), self, ssl.create_default_context(), server_hostname=host
        )
        if transport is None:
            raise ConnectionLostError("the connection was closed while it was being encrypted")
        self._transport = transport

    # -- subscribing and publishing ------------------------------------------------------------

    def new_inbox(self) -> bytes:
        """A subject of our own, for answers."""
        return b"_INBOX." + os.urandom(12).hex().encode()

    def subscribe(self, subject: str, deliver: Deliver) -> int:
        """Hand each message of a subject over as it is read; the subscription's number."""
        self._sid += 1
        self._deliver[self._sid] = deliver
        self._write(b"SUB %b %d\r\n" % (subject.encode(), self._sid))
        return self._sid

    def unsubscribe(self, sid: int) -> None:
        """End a subscription."""
        if self._deliver.pop(sid, None) is not None and not self._closing and self._transport is not None:
            self._write(b"UNSUB %d\r\n" % sid)

    def publish(self, subject: bytes, data: bytes, reply: bytes = b"", block: bytes = b"") -> None:
        """Write a message with a ready header block (or none). Await ``writable`` now and then."""
        if block:
            command = b"HPUB %b %b %d %d\r\n%b%b\r\n"
            self._write(command % (subject, reply, len(block), len(block) + len(data), block, data))
        else:
            self._write(b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(data), data))

    @property
    def is_congested(self) -> bool:
        """Whether the socket takes less than is written to it."""
        return self._pause is not None

    async def writable(self) -> None:
        """Wait while the socket is congested."""
        if self._pause is not None:
            await asyncio.shield(self._pause)

    async def request(self, subject: str, data: bytes, timeout_s: float, block: bytes = b"") -> Reply:
        """Ask and await one answer. NobodyListensError, NoAnswerError or ConnectionLostError."""
        self._requests += 1
        token = str(self._requests).encode()
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._answers[token] = answer
        try:
            self.publish(subject.encode(), data, b"%b.%b" % (self._inbox, token), block)
            async with asyncio.timeout(timeout_s):
                reply = await answer
        except TimeoutError:
            raise NoAnswerError(f"no answer within {timeout_s:g} s") from None
        finally:
            self._answers.pop(token, None)
        if reply.headers is not None and reply.headers.startswith(_NO_RESPONDERS):
            raise NobodyListensError("nobody answers there")
        return reply

    async def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the server has read everything written so far."""
        pong: asyncio.Future[None] = self._loop.create_future()
        self._pongs.append(pong)
        self._write(b"PING\r\n")
        try:
            async with asyncio.timeout(timeout_s):
                await pong
        except TimeoutError:
            raise NoAnswerError(f"no answer within {timeout_s:g} s") from None

    async def close(self) -> None:
        """Write what is left and close; nobody is told."""
        if not self._closing:
            self._closing = True
            self._end("the connection is closed")
        self.release()
        await asyncio.sleep(0)  # the transport closes in the loop's next turn

    def release(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    def lose(self, why: str) -> None:
        """Give the connection up and say why: what comes next on it cannot be trusted."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()
        self._lost()

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._closing or self._transport.is_closing():
            raise ConnectionLostError(self._why or "the connection is closed")
        self._transport.write(data)

    # -- what the event loop tells -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        self._why = self._why or (str(error) if error else "the connection to NATS was closed")
        self._lost()

    def pause_writing(self) -> None:
        """Called by the loop."""
        if self._pause is None:
            self._pause = self._loop.create_future()

    def resume_writing(self) -> None:
        """Called by the loop."""
        pause, self._pause = self._pause, None
        if pause is not None and not pause.done():
            pause.set_result(None)

    def _lost(self) -> None:
        was_open, self.is_connected = self.is_connected, False
        self._end(self._why)
        if was_open and not self._closing:
            self._closing = True
            self._on_lost(self._why)

    def _end(self, why: str) -> None:
        """Fail whatever waits for this connection."""
        self.is_connected = False
        self.resume_writing()
        if self._timer is not None:
            self._timer.cancel()
        for future in (self._hello, *self._pongs, *self._answers.values()):
            if future is not None and not future.done():
                future.set_exception(ConnectionLostError(why))
        self._pongs.clear()
        self._answers.clear()
        self._deliver.clear()

    def _ping(self) -> None:
        if sum(pong is None for pong in self._pongs) >= UNANSWERED_PINGS_MAX:
            self.lose(f"NATS has not answered for {UNANSWERED_PINGS_MAX * PING_EVERY_S:g} s")
            return
        self._pongs.append(None)
        self._write(b"PING\r\n")
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)

    # -- reading -------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._parts:
            self._parts.append(data)
            self._arrived += len(data)
            if self._arrived < self._needed:
                return  # in the middle of a large message: joined once it is all there
            data = b"".join(self._parts)
            self._parts.clear()
        at, size = 0, len(data)
        try:
            while at < size:
                end = data.find(_LINE_END, at)
                if end < 0:
                    self._needed = 0
                    if size - at > LINE_BYTES_MAX:
                        raise ValueError("a line without an end")
                    break
                first = data[at]
                if first in (_M, _H):
                    fields = data[at:end].split()
                    start = end + 2
                    stop = start + int(fields[-1])
                    if stop + 2 > size:
                        self._needed = stop + 2 - at
                        break
                    self._message(first == _H, fields, data, start, stop)
                    at = stop + 2
                else:
                    self._word(first, data[at:end])
                    at = end + 2
        except (ValueError, IndexError, msgspec.MsgspecError) as error:
            self.lose(f"NATS sent what is no protocol of its own: {error}")
            return
        if at < size:
            self._parts.append(data[at:])
            self._arrived = size - at

    def _message(self, has_headers: bool, fields: list[bytes], data: bytes, start: int, stop: int) -> None:
        deliver = self._deliver.get(int(fields[2]))
        if deliver is None:
            return  # its subscription has ended
        if has_headers:
            middle = start + int(fields[-2])
            deliver(fields[1], fields[3] if len(fields) == 6 else b"", data[middle:stop], data[start:middle])
        else:
            deliver(fields[1], fields[3] if len(fields) == 5 else b"", data[start:stop], None)

    def _word(self, first: int, line: bytes) -> None:
        if first == _P and line[:4].upper() == b"PONG":
            if self._pongs and (pong := self._pongs.popleft()) is not None and not pong.done():
                pong.set_result(None)
        elif first == _P:
            if self._transport is not None:
                self._transport.write(b"PONG\r\n")
        elif first == _I:
            info = msgspec.json.decode(line[5:], type=_Info)
            if not self._hello.done():
                self._hello.set_result(info)
        elif first == _MINUS:
            # Also what would be survivable, a permission that is missing: a message may have been dropped.
            self.lose(f"NATS reported {line[5:].decode('utf-8', 'replace').strip()}")
        elif first != _PLUS:
            raise ValueError(line[:40])

    def _on_reply(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes | None) -> None:
        answer = self._answers.get(subject[len(self._inbox) + 1 :])
        if answer is not None and not answer.done():
            answer.set_result(Reply(data, headers))


def _introduction(address: Address, name: str, info: _Info) -> dict[str, Any]:
    told: dict[str, Any] = {
        "verbose": False,
        "pedantic": False,
        "tls_required": address.is_encrypted or info.tls_required,
        "name": name,
        "lang": "python",
        "version": "live-runner",
        "protocol": 1,
        "echo": True,
        "headers": True,
        "no_responders": True,
    }
    login = {"auth_token": address.token, "user": address.user, "pass": address.password}
    return told | {key: value for key, value in login.items() if value is not None}
