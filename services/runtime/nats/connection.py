"""A connection to NATS: nats-py, without its reconnecting and with a direct way for the log's messages.

Whatever ends or disturbs the connection is reported once to ``on_lost``, a missing permission too, because a message
may have been dropped. nats-py does not reconnect here; bus.py says why.

Messages of the log are handed over as they are read from the socket, and written to it as they are published. Through
nats-py's public API alone each takes a queue, two tasks and a message object. Measured in turn on a loaded machine
with two cores, 200 byte messages and a real server (cpu time a message; medians of three):

                                    publish    read      publish to own delivery, p50
    public API                      18 us      17 us     207 us
    the direct way                  4.2 us     4.8 us    84 us

and through the four services a bar set takes 2.0-2.7 ms of processor time on the public API and 1.1-1.6 ms on the
direct way, as with a client of our own (1.2-1.6 ms); the way of an order at 100 sets a second 4.3-5.3 ms and 1.6-3.3 ms
(2.0-2.4 ms). tests/integration/runtime/test_nats_connection.py fails when nats-py changes underneath.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec
import nats.aio.transport
from nats import errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import remember
from live_runner.services.runtime.config.settings import NatsSettings

__all__ = ["Connection", "Deliver", "header_block", "open_connection"]

type Deliver = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes a message's subject, reply subject, data and header block as they are read; must not wait."""

CONNECT_TIMEOUT_S: Final = 2.0
"""For each server."""
CLOSE_TIMEOUT_S: Final = 2.0
PING_EVERY_S: Final = 20
UNANSWERED_PINGS_MAX: Final = 2
"""The server is taken for gone when it owes more answers."""
WEBSOCKET_BYTES: Final = 64 * 1024
"""Waiting to be sent through a WebSocket; publishers pause above it."""
PENDING_BYTES: Final = 64 * 1024 * 1024
_SCHEMES: Final = ("nats", "tls", "ws", "wss")
_WEBSOCKETS: Final = ("ws", "wss")
_VERSION: Final = b"NATS/1.0\r\n"
_M, _H = b"MH"
_CREDS: Final = re.compile(
    rb"BEGIN NATS USER JWT-+\r?\n\S+\r?\n.*BEGIN USER NKEY SEED-+\r?\n(?P<seed>S\S+)\r?\n", re.DOTALL
)
_NKEY: Final = re.compile(rb"\A\s*(?P<seed>S\S+)\s*\Z")


def header_block(headers: Mapping[str, str]) -> bytes:
    """The header block of a message, as it stands on the wire."""
    return _VERSION + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"


class Connection(Client):
    """One connection. Make it with ``open_connection``; ``on_lost`` is called when a message may have been lost."""

    def __init__(self, *, demands_tls: bool) -> None:
        super().__init__()
        self.on_lost: Callable[[str], None] | None = None
        self._demands_tls = demands_tls
        self.direct: dict[int, Deliver] = {}
        """By number of the subscription."""
        self._socket: _Socket | None = None
        self._failure: Exception | None = None
        self._is_lost = False

    @property
    def is_open(self) -> bool:
        """Whether it is connected and nothing was lost on it."""
        return self.is_connected and not self._is_lost

    @property
    def failure(self) -> str:
        """The last error that nats-py reported."""
        error = self._failure or self.last_error
        return (str(error).removeprefix("nats: ") or type(error).__name__) if error else "the connection was closed"

    async def on_error(self, error: Exception) -> None:
        """Called by nats-py: a slow consumer, a missing permission or a callback that failed arrive here alone."""
        self._failure = error
        self._report_lost()

    async def on_closed(self) -> None:
        """Called by nats-py."""
        self._report_lost()

    async def on_lame_duck(self) -> None:
        """Called by nats-py: the server is shutting down. Its JetStream is gone already; the cut follows."""
        self.fail("the server is shutting down (lame duck mode)")

    def _report_lost(self) -> None:
        if self._is_lost:
            return
        self._is_lost = True
        self._fail_waiting()
        if self.on_lost is not None:
            self.on_lost(f"the connection to NATS is lost: {self.failure}")

    def _fail_waiting(self) -> None:
        # nats-py would let requests and flushes wait for their time limit.
        for future in (*self._resp_map.values(), *self._pongs):
            if not future.done():
                future.set_exception(errors.ConnectionClosedError())
                future.exception()  # the answer to a periodic PING is awaited by nobody

    def abort(self) -> None:
        """Close the socket at once, without writing what is left."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()
        elif self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped

    async def end(self) -> None:
        """Write what is left and close, in bounded time; ``on_lost`` is not called."""
        self.on_lost = None
        self._is_lost = True
        self._fail_waiting()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.close()
        except (OSError, errors.Error, TimeoutError):
            pass  # it is closed either way
        self.abort()
        await asyncio.sleep(0)  # the transport closes in the loop's next turn

    # -- the direct way ------------------------------------------------------------------------

    async def subscribe_direct(self, subject: str, deliver: Deliver) -> Subscription:
        """Hand each message of a subject over as it is read."""
        self.direct[self._sid + 1] = deliver  # before the server can have sent any
        return await self.subscribe(subject)

    async def end_subscription(self, subscription: Subscription) -> None:
        """End a subscription, direct or not; nothing happens where it, or the connection, has ended before."""
        self.direct.pop(subscription._id, None)
        try:
            await subscription.unsubscribe()
        except (OSError, errors.Error):
            return

    def publish_direct(self, subject: bytes, data: bytes, reply: bytes = b"", block: bytes = b"") -> None:
        """Write a message with a ready header block (or none). Await ``writable`` where ``is_congested``."""
        if block:
            total = len(block) + len(data)
            self._write(b"HPUB %b %b %d %d\r\n%b%b\r\n" % (subject, reply, len(block), total, block, data))
        else:
            self._write(b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(data), data))

    @property
    def is_congested(self) -> bool:
        """Whether the socket takes less than is written to it."""
        return self._socket.is_paused if self._socket else self._pending_data_size > WEBSOCKET_BYTES

    async def writable(self) -> None:
        """Wait while the socket is congested."""
        if self.is_congested and self._transport is not None:
            await self._transport.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped

    def _write(self, command: bytes) -> None:
        if self._is_lost or self._transport is None:
            raise errors.ConnectionClosedError
        if self._socket is not None:
            self._socket.write(command)
            return
        self._transport.write(command)
        # A WebSocket keeps it until nats-py's task has it sent.
        self._pending_data_size += len(command)
        if self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        # nats-py gathers commands for a task that writes them, and a PING overtakes what was gathered before it:
        # flush() would return before the server has a subscription.
        self._write(cmd)
        await self.writable()

    def _connect_command(self) -> bytes:
        # The moment after INFO and TLS and before anything else is said: nothing is half read.
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            self._socket = _Socket(self, writer.transport)
        return super()._connect_command()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        # What a WebSocket brings; messages of a socket are handed over before nats-py parses them.
        deliver = self.direct.get(sid)
        if deliver is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            deliver(subject, reply, data, headers)

    # -- what nats-py leaves out ---------------------------------------------------------------

    async def _read_loop(self) -> None:
        # It ends without telling anybody when its parser or a delivery raises, and when closing fails.
        try:
            await super()._read_loop()
        finally:
            self._report_lost()

    def fail(self, why: str) -> None:
        """Give the connection up."""
        self._failure = errors.Error(why)
        self._report_lost()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._demands_tls and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise errors.SecureConnWantedError  # nats-py would log in without encryption
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


class _Socket(asyncio.Protocol):
    """Between a socket and nats-py: whole messages of direct subscriptions are handed over, the rest is passed on.

    The protocol is at https://docs.nats.io/reference/reference-protocols/nats-protocol.
    """

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        self._connection = connection
        self._direct = connection.direct
        self._nats = cast(asyncio.Protocol, transport.get_protocol())
        self._parts: list[bytes] = []
        self._arrived = self._needed = 0
        self.is_paused = False
        self.write = transport.write
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._parts:
            self._parts.append(data)
            self._arrived += len(data)
            if self._arrived < self._needed:
                return  # in the middle of a large message: joined once it is all there
            data = b"".join(self._parts)
            self._parts.clear()
        try:
            at = self._read(data)
        except (ValueError, IndexError, msgspec.MsgspecError) as error:
            self._connection.fail(f"protocol error: {error}")
            return
        if at < len(data):
            self._parts.append(data[at:])
            self._arrived = len(data) - at

    def _read(self, data: bytes) -> int:
        """Take what is whole; where it ends."""
        at, size = 0, len(data)
        while at < size:
            end = data.find(b"\r\n", at)
            if end < 0:
                self._needed = 0
                break
            first = data[at]
            if first in (_M, _H):
                fields = data[at:end].split()
                start = end + 2
                stop = start + int(fields[-1])
                if stop + 2 > size:
                    self._needed = stop + 2 - at
                    break
                deliver = self._direct.get(int(fields[2]))
                if deliver is None:
                    self._nats.data_received(data[at : stop + 2])
                elif first == _H:
                    middle = start + int(fields[-2])
                    reply = fields[3] if len(fields) == 6 else b""
                    deliver(fields[1], reply, data[middle:stop], data[start:middle])
                else:
                    deliver(fields[1], fields[3] if len(fields) == 5 else b"", data[start:stop], None)
                at = stop + 2
            else:
                self._nats.data_received(data[at : end + 2])
                at = end + 2
        return at

    def eof_received(self) -> bool | None:
        """Called by the loop."""
        return self._nats.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        self._nats.connection_lost(error)

    def pause_writing(self) -> None:
        """Called by the loop."""
        self.is_paused = True
        self._nats.pause_writing()

    def resume_writing(self) -> None:
        """Called by the loop."""
        self.is_paused = False
        self._nats.resume_writing()


async def open_connection(settings: NatsSettings, name: str, also: Sequence[str] = ()) -> Connection:
    """Connect to the first server that answers: those of the settings in a random order, then those of ``also``.

    ``also`` are addresses that a former connection discovered. ConfigError when a file of the settings is not valid,
    ValueError when an address is not; otherwise the failure of the server that was tried last.
    """
    known = [_parsed(address) for address in settings.addresses]
    if not known:
        raise ValueError("it names no server")
    login, tls = _login(settings), _tls(settings)
    found = [parts for parts in map(_parsed, also) if parts.netloc.rpartition("@")[2] not in _places(known)]
    random.shuffle(known)
    random.shuffle(found)
    failure: Exception = errors.NoServersError()
    for parts in (*known, *found):
        if parts.scheme in _WEBSOCKETS:
            _allow_websockets()
        options = dict(login or _login_of(parts if parts in known else known[0], settings.token))
        if tls is not None:
            options["tls"] = tls
        if parts in found:
            options["tls_hostname"] = known[0].hostname
        is_encrypted = parts.scheme == "tls" or (tls is not None and parts.scheme not in _WEBSOCKETS)
        connection = Connection(demands_tls=is_encrypted)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connection.connect(
                    parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(),
                    name=name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=PING_EVERY_S,
                    max_outstanding_pings=UNANSWERED_PINGS_MAX,
                    pending_size=PENDING_BYTES,
                    error_cb=connection.on_error,
                    closed_cb=connection.on_closed,
                    lame_duck_mode_cb=connection.on_lame_duck,
                    **options,
                )
            if connection.is_open:
                return connection
            failure = errors.Error(connection.failure)
        except errors.NoServersError:
            failure = errors.Error(connection.failure)
        except (OSError, errors.Error, TimeoutError) as error:
            failure = error
        except ValueError as error:  # a line that has no end
            failure = errors.Error(f"protocol error: {error}")
        except BaseException:
            await connection.end()
            raise
        await connection.end()
    raise failure


def _parsed(address: str) -> SplitResult:
    parts = urlsplit(address if "://" in address else f"nats://{address}")
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"the scheme '{parts.scheme}' is not one of {', '.join(_SCHEMES)}")
    try:
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError("it has no valid host and port")
    return parts


def _places(parsed: Sequence[SplitResult]) -> set[str]:
    return {parts.netloc.rpartition("@")[2] for parts in parsed}


def _login_of(parts: SplitResult, token: str) -> dict[str, Any]:
    """Who an address says that we are, which nats-py would take with its escapes; else by token."""
    if parts.username is None:
        return {"token": token} if token else {}
    if parts.password is None:
        return {"token": unquote(parts.username)}
    return {"user": unquote(parts.username), "password": unquote(parts.password)}


def _login(settings: NatsSettings) -> dict[str, Any]:
    if settings.creds:
        _check_seed("NATS_CREDS", settings.creds, _CREDS)
        return {"user_credentials": settings.creds}
    if settings.nkey:
        _check_seed("NATS_NKEY", settings.nkey, _NKEY)
        return {"nkeys_seed": settings.nkey}
    return {}


def _check_seed(variable: str, path: str, form: re.Pattern[bytes]) -> None:
    """ConfigError when the file is not what nats-py reads without a check."""
    import nkeys

    try:
        found = form.search(Path(path).read_bytes())
        if found is None:
            raise ValueError("it has not the form of one")
        remember(found["seed"].decode())
        nkeys.from_seed(bytearray(found["seed"])).wipe()
    except (OSError, ValueError, nkeys.NkeysError) as error:
        what = "a `.creds` file" if variable == "NATS_CREDS" else "a file with an NKEY seed"
        raise ConfigError(
            f"{variable} names {path}, which is not {what}: {str(error) or type(error).__name__}",
            remedy="Take the file that `nsc` made for this user",
            variable=variable,
        ) from error


def _tls(settings: NatsSettings) -> ssl.SSLContext | None:
    """The context of a private authority or a client certificate; None for the system's own."""
    if not settings.ca and not settings.cert:
        return None
    variable, path = "NATS_CA", settings.ca
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        if settings.cert:
            variable, path = "NATS_CERT", settings.cert
            context.load_cert_chain(settings.cert, settings.key)
    except OSError as error:
        raise ConfigError(
            f"{variable} names {path}, which cannot be used: {error}",
            remedy="Give certificates and keys in PEM form, the key without a passphrase",
            variable=variable,
        ) from error
    return context


def _allow_websockets() -> None:
    """Give nats-py the package that its import was kept from (see __init__.py)."""
    import aiohttp

    vars(nats.aio.transport).update(aiohttp=aiohttp)
