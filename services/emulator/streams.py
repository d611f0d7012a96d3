"""The venue's WebSocket connections: market streams by subscription, user data streams by listen key.

wss://fstream.binance.com/market/ws/1                    then SUBSCRIBE; also /public/ws, /ws, /ws/btcusdt@kline_1m
wss://fstream.binance.com/private/ws?listenKey=KEY       also /ws/KEY
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from live_runner.services.emulator.binance import StreamEvent
from live_runner.services.emulator.clock import EmulatorClock
from live_runner.services.emulator.driver import Moved
from live_runner.services.emulator.http_api import Message
from live_runner.services.emulator.request_log import WireLog
from live_runner.services.emulator.stream_faults import GARBAGE, Frame, StreamFaults
from live_runner.services.emulator.subscriptions import Subscriptions

__all__ = ["Streams"]

CONNECTIONS_MAX: Final = 500
QUEUED_MAX: Final = 10_000
"""Frames that a client has not read yet; it is cut off beyond them."""
_PATH: Final = re.compile(r"/(?:(?:market|public|private)/)?(?:ws|stream)(?:/(?P<name>[^/]*))?")
_MS: Final = 1_000_000


class _Connection:
    """One socket, and what is on its way to it. Frames leave one after the other, by one task."""

    def __init__(
        self, streams: Streams, socket: web.WebSocketResponse, name: str, subscriptions: Subscriptions
    ) -> None:
        self.socket = socket
        self.name = name
        self.subscriptions = subscriptions
        self.listen_key: str | None = None
        self.is_mute = False
        self.answers_pings = True
        self.closed: asyncio.Event | None = None
        """Set when a close of ours has gone out; None: there was none."""
        self._streams = streams
        self._queue: asyncio.Queue[tuple[str, dict[str, Any] | None]] = asyncio.Queue(QUEUED_MAX)
        self._held: list[tuple[str, dict[str, Any]]] = []
        self._later: set[asyncio.Task[None]] = set()
        self._sender = asyncio.get_running_loop().create_task(self._send())

    def push(self, payload: dict[str, Any], account: str | None) -> None:
        """Send a frame, unless a fault decides otherwise."""
        streams = self._streams
        frame = Frame(str(payload.get("e", "")), account, payload, streams.clock.now_ms())
        text = msgspec.json.encode(payload).decode()
        entry = streams.log_frame(self, frame)
        fault = streams.faults.met(frame)
        if fault is None:
            self._put(text, entry)
            return
        if fault.no_pong:
            self.answers_pings = False
        if fault.mute:
            self.is_mute = True
        if fault.close is not None:
            entry["sent"] = "closed"
            self._spawn(self.close(fault.close))
            return
        if fault.drop:
            entry["sent"] = "dropped"
            return
        if fault.reorder:
            self._held.append((text, entry))
            if len(self._held) >= fault.reorder:
                for held_text, held_entry in reversed(self._held):
                    self._put(held_text, held_entry)
                self._held.clear()
            return
        if fault.delay_ms:
            self._spawn(self._put_later(text, entry, fault.delay_ms))
        else:
            self._put(GARBAGE if fault.garbage else text, entry)
        if fault.duplicate is not None:
            for _ in range(fault.duplicate.times):
                self._spawn(self._put_later(text, streams.log_frame(self, frame), fault.duplicate.after_ms))

    def answer(self, text: str) -> None:
        """Send the answer to a request."""
        self._put(text, None)

    async def close(self, code: int) -> None:
        """End the connection."""
        self.closed = closed = asyncio.Event()
        try:
            await self.socket.close(code=code, message=b"going away")
        finally:
            closed.set()

    def stop(self) -> None:
        """Send nothing any more."""
        self._sender.cancel()
        for task in self._later:
            task.cancel()

    def _put(self, text: str, entry: dict[str, Any] | None) -> None:
        if self.is_mute or self._queue.full():
            if entry is not None:
                entry["sent"] = "muted" if self.is_mute else "overflow"
            if not self.is_mute:
                self._spawn(self.close(1008))
            return
        self._queue.put_nowait((text, entry))

    async def _put_later(self, text: str, entry: dict[str, Any], delay_ms: int) -> None:
        await self._streams.clock.until(self._streams.clock.now_ns() + delay_ms * _MS)
        self._put(text, entry)

    async def _send(self) -> None:
        while True:
            text, entry = await self._queue.get()
            try:
                await self.socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return  # the client is gone; the reading side ends by itself
            if entry is not None:
                entry["sent"] = "yes"
                self._streams.signal()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._later.add(task)
        task.add_done_callback(self._later.discard)


class Streams:
    """Every open WebSocket. ``account_of`` says whose a listen key is, None for one that is not valid."""

    def __init__(
        self,
        clock: EmulatorClock,
        subscriptions: Callable[[], Subscriptions],
        account_of: Callable[[str], str | None],
        seed: int,
    ) -> None:
        self.clock = clock
        self.faults = StreamFaults(seed)
        self.user_frames = WireLog()
        self.market_frames = WireLog()
        self._subscriptions = subscriptions
        self._account_of = account_of
        self._open: dict[web.WebSocketResponse, _Connection] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def close(self, code: int = 1001) -> int:
        """Close every connection, as a venue does now and then; how many there were."""
        connections = list(self._open.values())
        for connection in connections:
            await connection.close(code)
        return len(connections)

    async def serve(self, request: web.BaseRequest, message: Message) -> web.StreamResponse:
        """One connection until its end."""
        found = _PATH.fullmatch(message.path)
        if found is None:
            return web.Response(status=404)
        if len(self._open) >= CONNECTIONS_MAX:
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        connection = _Connection(self, socket, message.entry["connection"], self._subscriptions())
        self._open[socket] = connection
        name = found["name"] or ""
        if "@" in name:
            connection.subscriptions.add([name], self.clock.now_ms())
        connection.listen_key = message.params.get("listenKey") or (name if len(name) == 64 else None)
        try:
            await self._read(connection)
            if connection.closed is not None:  # else the connection would be gone before its close frame is
                await connection.closed.wait()
        finally:
            connection.stop()
            del self._open[socket]
        return socket

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """Send events to the connections of their accounts."""
        for event in events:
            for connection in list(self._open.values()):
                if connection.listen_key is None:
                    continue
                expired = event.name == "listenKeyExpired" and event.payload["listenKey"] == connection.listen_key
                if expired or self._account_of(connection.listen_key) == event.account:
                    connection.push(event.payload, event.account)

    def move(self, moved: Sequence[Moved], now_ms: int) -> None:
        """Send what the market's trades, and the time, have changed."""
        for connection in list(self._open.values()):
            for payload in connection.subscriptions.push(moved, now_ms):
                connection.push(payload, None)

    def log_frame(self, connection: _Connection, frame: Frame) -> dict[str, Any]:
        """An entry of the log of frames."""
        log = self.market_frames if frame.account is None else self.user_frames
        return log.add(
            {
                "at_ms": frame.now_ms,
                "connection": connection.name,
                "account": frame.account,
                "event": frame.event,
                "frame": frame.payload,
                "sent": "no",
            }
        )

    def signal(self) -> None:
        """Wake whoever waits for frames."""
        self.user_frames.signal()
        self.market_frames.signal()

    async def _read(self, connection: _Connection) -> None:
        async for message in connection.socket:
            if message.type is WSMsgType.TEXT:
                connection.answer(connection.subscriptions.handle(message.data, self.clock.now_ms()))
            elif message.type is WSMsgType.PING and connection.answers_pings:
                await connection.socket.pong(message.data)
