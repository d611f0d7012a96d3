"""The emulator as a process: a local exchange over plain HTTP and WebSocket, for unmodified ccxt.

    LIVE_RUNNER_EMULATOR_HOST      address to listen on; default 127.0.0.1
    LIVE_RUNNER_EMULATOR_PORT      default 8090; 0 takes a free one
    LIVE_RUNNER_EMULATOR_SEED      of the market; default 1
    LIVE_RUNNER_EMULATOR_SYMBOLS   separated by commas; default the simulated market's perpetuals

A session uses it with ``market: {source: ccxt, venue: binanceusdm, options: {base_url: http://127.0.0.1:8090}}``.
``GET /health`` answers 200.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import WSMsgType, web

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.emulator.rest import ROUTES, BadRequest, Rest
from live_runner.services.emulator.websocket import Subscriptions
from live_runner.services.market_data.core.simulated_symbols import SYMBOLS

__all__ = ["Emulator", "EmulatorSettings", "emulator", "serve"]

PORT_DEFAULT: Final = 8090
PUSH_EVERY_S: Final = 0.25
"""As often as the venue repeats the forming candle."""
CONNECTIONS_MAX: Final = 500
STOP_TIMEOUT_S: Final = 2.0
_PORT_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Of one emulator."""

    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    seed: int = 1
    symbols: Sequence[str] = SYMBOLS

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> EmulatorSettings:
        """Settings from the environment; ConfigError names the variable that is not a number."""
        env = os.environ if environ is None else environ
        symbols = tuple(part.strip() for part in env.get("LIVE_RUNNER_EMULATOR_SYMBOLS", "").split(",") if part.strip())
        return cls(
            host=env.get("LIVE_RUNNER_EMULATOR_HOST") or "127.0.0.1",
            port=_number(env, "LIVE_RUNNER_EMULATOR_PORT", PORT_DEFAULT, _PORT_MAX),
            seed=_number(env, "LIVE_RUNNER_EMULATOR_SEED", 1, 2**63 - 1),
            symbols=symbols or SYMBOLS,
        )


class Emulator:
    """A running exchange. ``is_down`` true makes it silent: REST answers 503 and streams break."""

    def __init__(self, settings: EmulatorSettings, clock: Callable[[], int] = time.time_ns) -> None:
        self.market = EmulatedMarket(settings.seed, settings.symbols)
        self.is_down = False
        self.requests: list[tuple[str, dict[str, str]]] = []
        """Path and query of recent requests, for whoever watches."""
        self._settings = settings
        self._clock = clock
        self._rest = Rest(self.market)
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        """Where it listens."""
        if self._runner is None or not self._runner.addresses:
            return ""
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen; ConfigError when the port is taken."""
        app = web.Application()
        for path, method in ROUTES.items():
            app.router.add_get(path, self._answering(getattr(self._rest, method)))
        app.router.add_get("/health", self._health)
        app.router.add_get("/{tail:.*ws.*}", self._stream)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"The emulator cannot listen on {self._settings.host}:{self._settings.port}: {error.strerror}",
                remedy="Set LIVE_RUNNER_EMULATOR_PORT to a free port",
                port=self._settings.port,
            ) from error

    async def stop(self) -> None:
        """Close every connection."""
        await self.break_streams()
        if self._runner is not None:
            await self._runner.cleanup()

    async def break_streams(self) -> None:
        """Close every WebSocket, as a venue does now and then."""
        for socket in list(self._sockets):
            await socket.close(code=1001, message=b"going away")

    def _answering(self, answer: Callable[[Mapping[str, str], int], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            self.requests.append((request.path, dict(request.query)))
            del self.requests[:-1000]
            if self.is_down:
                return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
            try:
                return web.json_response(answer(request.query, self._clock()))
            except BadRequest as error:
                return web.json_response({"code": error.code, "msg": error.message}, status=400)

        return handle

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"service": "emulator", "connections": len(self._sockets)})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.is_down or len(self._sockets) >= CONNECTIONS_MAX:
            return web.Response(status=503)
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self._sockets.add(socket)
        subscriptions = Subscriptions(self.market)
        pushing = asyncio.create_task(self._push(socket, subscriptions))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(subscriptions.handle(message.data, self._clock()))
        finally:
            pushing.cancel()
            self._sockets.discard(socket)
        return socket

    async def _push(self, socket: web.WebSocketResponse, subscriptions: Subscriptions) -> None:
        while not socket.closed and not self.is_down:
            for message in subscriptions.push(self._clock()):
                try:
                    await socket.send_str(message)
                except (ConnectionError, RuntimeError):
                    return  # the client is gone; the reading side ends by itself
            await asyncio.sleep(PUSH_EVERY_S)
        await socket.close(code=1001, message=b"going away")


@asynccontextmanager
async def emulator(settings: EmulatorSettings) -> AsyncIterator[Emulator]:
    """A running emulator, stopped at the end."""
    running = Emulator(settings)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def serve(settings: EmulatorSettings | None = None) -> None:
    """The emulator until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with emulator(settings or EmulatorSettings.from_environment()):
        await stop.wait()


def _number(env: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ConfigError(f"{name} is '{text}'", remedy=f"Set it to a whole number from 0 to {most}", key=name)
    return int(text)
