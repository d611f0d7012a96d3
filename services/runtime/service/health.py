"""Health and metrics of one service over HTTP, for compose health checks and Prometheus.

``GET /health`` answers 200 while the service says it is well and 503 otherwise, with its facts as
JSON either way. ``GET /metrics`` is the Prometheus text format. Nothing else is served.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import masked_values
from live_runner.services.runtime.config.settings import Settings

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Check", "Health"]

type Check = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether the service is healthy, and its facts."""

REQUEST_TIMEOUT_S: Final = 5.0
REQUEST_BYTES_MAX: Final = 8192
_STATUS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """The endpoint; ``start`` with port 0 in the settings does nothing."""

    def __init__(self, settings: Settings, service: str, check: Check) -> None:
        self._settings = settings
        self._service = service
        self._check = check
        self._server: asyncio.Server | None = None
        self.registry: CollectorRegistry | None = None
        """Of prometheus-client; None while the endpoint is off, so that the library is not even imported."""

    @property
    def port(self) -> int:
        """The port that is listened on; 0 when off."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server and self._server.sockets else 0

    async def start(self) -> None:
        """Listen; ConfigError when the port is taken."""
        if self._settings.health_port:
            await self.listen(self._settings.health_host, self._settings.health_port)

    async def listen(self, host: str, port: int) -> None:
        """Listen on this address; port 0 takes a free one."""
        from prometheus_client import CollectorRegistry

        self.registry = CollectorRegistry()
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=REQUEST_BYTES_MAX)
        except OSError as error:
            raise ConfigError(
                f"The {self._service} service cannot listen on {host}:{port} for health checks: {error.strerror}",
                remedy="Set LIVE_RUNNER_HEALTH_PORT to a free port, or to 0 to switch the endpoint off",
                port=port,
                host=host,
            ) from error

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                status, kind, body = await self._answer(reader)
                head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
                await writer.drain()
        except (TimeoutError, ConnectionError):
            return  # a client that went away or never asked is no matter of ours
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return 400, "text/plain", b"bad request\n"
        words = request.split(b"\r\n", 1)[0].split()
        if len(words) < 2:
            return 400, "text/plain", b"bad request\n"
        if words[0] not in (b"GET", b"HEAD"):
            return 405, "text/plain", b"only GET\n"
        path = words[1].split(b"?")[0]
        if path == b"/health":
            is_well, facts = self._check()
            shown = masked_values({"service": self._service, "healthy": is_well, **facts})
            body = json.dumps(shown, default=str).encode()
            return 200 if is_well else 503, _JSON, body + b"\n"
        if path == b"/metrics" and self.registry is not None:
            from prometheus_client import generate_latest

            return 200, _METRICS, generate_latest(self.registry)
        return 404, "text/plain", b"see /health and /metrics\n"
