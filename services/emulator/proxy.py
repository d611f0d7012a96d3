"""The CONNECT proxy in front of the emulator: a client keeps the venue's own addresses and certificate checks.

``CONNECT fapi.binance.com:443 HTTP/1.1`` is answered by 200, and from then on this very connection is the venue: TLS
with a certificate for that host, then HTTP or WebSocket. Hosts that the emulator does not play are refused, this
machine's own among them, so that the admin port cannot be reached through here.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final, cast

from aiohttp import web

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.certificates import Authority

__all__ = ["ConnectProxy", "reset"]

type Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HEAD_BYTES_MAX: Final = 8192
HEAD_TIMEOUT_S: Final = 10.0
CONNECTIONS_MAX: Final = 2000
STOP_TIMEOUT_S: Final = 2.0


class _Venue(web.Server):
    """aiohttp's server without a listener, which says when a connection has gone."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(handler, access_log=None)
        self._gone: dict[Any, asyncio.Event] = {}

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._gone[handler] = asyncio.Event()

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        gone = self._gone.pop(handler, None)
        if gone is not None:
            gone.set()

    async def until_lost(self, request: web.BaseRequest) -> None:
        """Until the client of this request has gone."""
        gone = self._gone.get(request.protocol)
        if gone is not None:
            await gone.wait()


class ConnectProxy:
    """Listens, and hands each tunnel's requests to ``handler``. ``hosts`` None plays every host."""

    def __init__(self, handler: Handler, authority: Authority, hosts: Collection[str] | None) -> None:
        self.until_lost = (server := _Venue(handler)).until_lost
        self.server = server
        self.authority = authority
        self.hosts = hosts
        self.tunnels: set[_Tunnel] = set()
        self._listener: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are listened on."""
        if self._listener is None:
            return "", 0
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        """As ccxt's ``httpsProxy`` and ``wssProxy`` take it."""
        host, port = self.address
        return f"http://{host}:{port}"

    async def start(self, host: str, port: int) -> None:
        """Listen; ConfigError when the port is taken."""
        try:
            self._listener = await asyncio.get_running_loop().create_server(lambda: _Tunnel(self), host, port)
        except OSError as error:
            raise ConfigError(
                f"The emulator cannot listen on {host}:{port}: {error.strerror}",
                remedy="Give a free port with --port, or 0 for any",
                port=port,
            ) from error

    async def stop(self) -> None:
        """Close every connection."""
        if self._listener is not None:
            self._listener.close()
        for tunnel in list(self.tunnels):
            tunnel.cancel()
        await self.server.shutdown(STOP_TIMEOUT_S)


class _Tunnel(asyncio.Protocol):
    """One connection until it is TLS."""

    def __init__(self, proxy: ConnectProxy) -> None:
        self._proxy = proxy
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = transport = cast(asyncio.Transport, transport)
        if len(self._proxy.tunnels) >= CONNECTIONS_MAX:
            transport.abort()
            return
        self._proxy.tunnels.add(self)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_TIMEOUT_S, self.cancel)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._task is not None or self._transport is None:
            return
        if len(self._head) > HEAD_BYTES_MAX:
            self._answer(431, "Request Header Fields Too Large")
        elif b"\r\n\r\n" in self._head:
            self._task = asyncio.get_running_loop().create_task(self._connect(self._transport))
            self._task.add_done_callback(self._over)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._over(None)

    def cancel(self) -> None:
        """Break off what has not come to TLS."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _over(self, task: asyncio.Task[None] | None) -> None:
        self._proxy.tunnels.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        if task is not None and not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, OSError):  # a client that does not trust the certificate, or has gone
                raise error
            if self._transport is not None:
                self._transport.abort()

    async def _connect(self, transport: asyncio.Transport) -> None:
        method, _, rest = bytes(self._head).split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        host, _, port = rest.partition(" ")[0].rpartition(":")
        if method != "CONNECT":
            self._answer(405, "Method Not Allowed", "This is a CONNECT proxy: give it as httpsProxy and wssProxy.")
            return
        if not port.isdigit() or (self._proxy.hosts is not None and host not in self._proxy.hosts):
            self._answer(403, "Forbidden", f"The emulator does not play {host}.")
            return
        transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        # Data may come in the same moment as the end of the handshake: it waits for its reader.
        early = _Early()
        context = self._proxy.authority.context(host)
        tls = await asyncio.get_running_loop().start_tls(transport, early, context, server_side=True)
        if tls is None or early.is_over:
            transport.abort()
            return
        handler = self._proxy.server()
        tls.set_protocol(handler)
        handler.connection_made(tls)
        if early.data:
            handler.data_received(bytes(early.data))

    def _answer(self, status: int, reason: str, text: str = "") -> None:
        assert self._transport is not None
        body = text.encode()
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()


class _Early(asyncio.Protocol):
    """Keeps what comes before the reader is there."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_over = False

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, _exc: Exception | None) -> None:
        self.is_over = True


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Break a connection off so that the other side sees a reset (RST) and no end."""
    if transport is None:
        return
    found: socket.socket | None = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast(asyncio.Transport, transport).abort()
