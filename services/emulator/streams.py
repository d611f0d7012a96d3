"""The venue's WebSocket connections."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiohttp import WSMsgType, web

from live_runner.services.emulator.clock import EmulatorClock
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.emulator.http_api import Message
from live_runner.services.emulator.websocket import Subscriptions

__all__ = ["Streams"]

PUSH_EVERY_S: Final = 0.25
"""As often as the venue repeats the forming candle."""
CONNECTIONS_MAX: Final = 500


class Streams:
    """Every open WebSocket."""

    def __init__(self, market: EmulatedMarket, clock: EmulatorClock) -> None:
        self._market = market
        self._clock = clock
        self._sockets: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        return len(self._sockets)

    async def close(self, code: int = 1001) -> int:
        """Close every connection, as a venue does now and then; how many there were."""
        sockets = list(self._sockets)
        for socket in sockets:
            await socket.close(code=code, message=b"going away")
        return len(sockets)

    async def serve(self, request: web.BaseRequest, _message: Message) -> web.StreamResponse:
        """One connection until its end."""
        if len(self._sockets) >= CONNECTIONS_MAX:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        subscriptions = Subscriptions(self._market)
        pushing = asyncio.create_task(self._push(socket, subscriptions))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(subscriptions.handle(message.data, self._clock.now_ns()))
        finally:
            pushing.cancel()
            self._sockets.discard(socket)
        return socket

    async def _push(self, socket: web.WebSocketResponse, subscriptions: Subscriptions) -> None:
        while not socket.closed:
            seen = self._clock.changes
            for message in subscriptions.push(self._clock.now_ns()):
                try:
                    await socket.send_str(message)
                except (ConnectionError, RuntimeError):
                    return  # the client is gone; the reading side ends by itself
            if self._clock.changes == seen:
                await self._clock.changed(None if self._clock.mode == "manual" else PUSH_EVERY_S)

    def view(self) -> list[Any]:
        """How many connections are open."""
        return [len(self._sockets)]
