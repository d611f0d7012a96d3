"""The emulator as a process: a local exchange for unmodified ccxt, reached at the venue's own addresses.

A session uses it through its proxy, with the certificate of its own authority; ``live-runner serve emulator`` prints
where they are::

    market:
      source: ccxt
      venue: binanceusdm
      options:
        httpsProxy: http://127.0.0.1:8090
        wssProxy: http://127.0.0.1:8090
        cafile: .live-runner/emulator/ca.pem
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.admin import Admin
from live_runner.services.emulator.authentication import Keys
from live_runner.services.emulator.certificates import Authority
from live_runner.services.emulator.clock import EmulatorClock, clock_rate
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.emulator.faults import Action, Faults
from live_runner.services.emulator.http_api import Api
from live_runner.services.emulator.limits import Limits
from live_runner.services.emulator.proxy import ConnectProxy
from live_runner.services.emulator.request_log import WireLog
from live_runner.services.emulator.rest import Rest
from live_runner.services.emulator.settings import EmulatorSettings
from live_runner.services.emulator.streams import Streams

__all__ = ["Emulator", "emulator", "serve"]

STOP_TIMEOUT_S: Final = 2.0


class Emulator:
    """A running exchange."""

    def __init__(self, settings: EmulatorSettings) -> None:
        profile = settings.profile
        self.market = EmulatedMarket(profile.seed, profile.symbols)
        self.clock = EmulatorClock(clock_rate(settings.clock), time.time_ns, settings.start_ns)
        self.faults = Faults(profile.seed)
        for fault in profile.faults:
            self.faults.add(fault)
        self.limits = Limits(profile.limits)
        self.keys = Keys()
        self.requests = WireLog()
        self.streams = Streams(self.market, self.clock)
        self._settings = settings
        self._rest = Rest(self.market)
        self._authority = Authority(settings.state)
        self._api = Api(
            self,
            clock=self.clock,
            faults=self.faults,
            limits=self.limits,
            keys=self.keys,
            log=self.requests,
            stream=self.streams.serve,
        )
        self._proxy = ConnectProxy(self._api.handle, self._authority, settings.hosts)
        self._api.proxy = self._proxy
        self._admin: web.ServerRunner | None = None

    def facts(self) -> dict[str, Any]:
        """Where it is: the line of JSON that it prints."""
        host, port = self._admin.addresses[0][:2] if self._admin is not None else ("", 0)
        return {
            "proxy": self._proxy.url,
            "ca": str(self._authority.certificate.resolve()),
            "admin": f"http://{host}:{port}",
            "hosts": list(self._settings.hosts),
        }

    def execute(self, endpoint: str, account: str | None, params: Mapping[str, str], now_ms: int) -> Any:
        """The venue's answer; Refused otherwise."""
        if endpoint == "GET /sapi/v1/account/apiRestrictions" and account is not None:
            return self.keys.restrictions(account)
        return self._rest.handle(endpoint, account, params, now_ms)

    def after_fault(self, action: Action, account: str | None, params: Mapping[str, str], now_ms: int) -> None:
        """The venue's own acts of a fault."""

    async def start(self) -> None:
        """Listen; ConfigError when a port is taken."""
        settings = self._settings
        await self._proxy.start(settings.host, settings.port)
        self._admin = web.ServerRunner(web.Server(Admin(self).handle, access_log=None), shutdown_timeout=STOP_TIMEOUT_S)
        await self._admin.setup()
        try:
            await web.TCPSite(self._admin, settings.admin_host, settings.admin_port).start()
        except OSError as error:
            await self.stop()
            raise ConfigError(
                f"The emulator cannot listen on {settings.admin_host}:{settings.admin_port}: {error.strerror}",
                remedy="Give a free port with --admin-port, or 0 for any",
                port=settings.admin_port,
            ) from error

    async def stop(self) -> None:
        """Close every connection."""
        await self.streams.close()
        await self._proxy.stop()
        if self._admin is not None:
            await self._admin.cleanup()


@asynccontextmanager
async def emulator(settings: EmulatorSettings) -> AsyncIterator[Emulator]:
    """A running emulator, stopped at the end."""
    running = Emulator(settings)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def serve(settings: EmulatorSettings) -> None:
    """The emulator until SIGTERM or SIGINT. Its first line on stdout says where it is, as JSON."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with emulator(settings) as running:
        sys.stdout.write(json.dumps(running.facts()) + "\n")
        sys.stdout.flush()
        await stop.wait()
