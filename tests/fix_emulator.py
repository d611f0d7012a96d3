"""A local exchange for unmodified ccxt: the emulator with its admin calls, and a server of a test's own answers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
from aiohttp import web

from live_runner.services.emulator.certificates import Authority
from live_runner.services.emulator.proxy import ConnectProxy
from live_runner.services.emulator.settings import EmulatorSettings, profile_from
from live_runner.services.emulator.shell import emulator

__all__ = ["ACCOUNT", "EmulatorClient", "emulated", "reach", "venue_of"]

WAIT_S = 30.0
ACCOUNT: dict[str, Any] = {"key": "key-of-a-test", "secret": "secret-of-a-test", "balances": {"USDT": "10000"}}


def reach(proxy: str, certificate: Path | str) -> dict[str, Any]:
    """ccxt's configuration to come to the emulator at the venue's own addresses."""
    return {"httpsProxy": proxy, "wssProxy": proxy, "cafile": str(certificate), "enableRateLimit": False}


class EmulatorClient:
    """What a test does to a running emulator, and sees of it."""

    def __init__(
        self,
        facts: dict[str, Any],
        http: aiohttp.ClientSession,
        now_ns: Callable[[], int] = time.time_ns,
        clock: str = "wall",
    ) -> None:
        self.facts = facts
        self.now_ns = now_ns
        """The venue's time."""
        self.clock = clock
        self.options = reach(facts["proxy"], facts["ca"])
        """ccxt's, and a session's ``market.options``."""
        self._http = http

    async def call(self, method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        """One admin call's answer, an error's too."""
        address = f"{self.facts['admin']}{path}"
        async with self._http.request(method, address, json=body, params=query) as response:
            return await response.json()

    async def get(self, path: str, /, **query: Any) -> Any:
        """``GET /_/`` and the path."""
        return await self.call("GET", f"/_/{path}", **query)

    async def post(self, path: str, body: Any = None) -> Any:
        """``POST /_/`` and the path; fails on an error."""
        answer = await self.call("POST", f"/_/{path}", body)
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    async def add_fault(self, match: dict[str, Any], **what: dict[str, Any]) -> int:
        """A fault with ``before`` or ``after``; its id."""
        fault: int = (await self.post("faults", {"match": match, **what}))["id"]
        return fault

    async def lift(self, fault: int) -> int:
        """Take a fault away; how often it fired."""
        (lifted,) = await self.call("DELETE", f"/_/faults/{fault}")
        fired: int = lifted["fired"]
        return fired

    async def add_stream_fault(self, match: dict[str, Any], **what: Any) -> int:
        """A fault of the streams; its id."""
        fault: int = (await self.post("streams", {"match": match, **what}))["id"]
        return fault

    async def idle_faults(self) -> list[dict[str, Any]]:
        """Faults in force, of requests and of streams, that have not fired."""
        faults = await self.get("faults") + await self.get("streams/faults")
        return [fault for fault in faults if not fault["fired"]]

    async def pass_time(self, seconds: float) -> None:
        """Move a manual clock on; what is due by then has happened at the venue."""
        await self.post("clock", {"advance_ms": int(seconds * 1000)})

    async def requests(self, count: int = 1, **wanted: Any) -> list[dict[str, Any]]:
        """Requests that were received, once there are so many."""
        found: list[dict[str, Any]] = await self.get("requests", count=count, wait_ms=int(WAIT_S * 1000), **wanted)
        assert len(found) >= count, found
        return found

    async def frames(self, count: int = 1, **wanted: Any) -> list[dict[str, Any]]:
        """Frames of user data streams, once there are so many."""
        found: list[dict[str, Any]] = await self.get("streams", count=count, wait_ms=int(WAIT_S * 1000), **wanted)
        assert len(found) >= count, found
        return found

    @asynccontextmanager
    async def exchange(self, account: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Any]:
        """Unmodified ccxt.pro, logged in, with its markets loaded."""
        login = {} if account is None else {"apiKey": account["key"], "secret": account["secret"]}
        own = {"fetchOpenOrders": {"warnWithoutSymbol": False}, "fetchCurrencies": False, "fetchMargins": False}
        exchange = ccxt.pro.binanceusdm({**self.options, **login, "options": own, **options})
        try:
            await exchange.load_markets()
            yield exchange
        finally:
            await exchange.close()

    async def close_streams(self) -> int:
        """Close every WebSocket; how many there were."""
        closed: int = (await self.post("streams/close", {}))["closed"]
        return closed


@asynccontextmanager
async def emulated(clock: str = "wall", **profile: Any) -> AsyncIterator[EmulatorClient]:
    """A running emulator on free ports."""
    with tempfile.TemporaryDirectory() as folder:
        settings = EmulatorSettings(
            port=0, admin_port=0, state=Path(folder), clock=clock, profile=profile_from(profile, "profile")
        )
        async with emulator(settings) as running, aiohttp.ClientSession() as http:
            yield EmulatorClient(running.facts(), http, running.clock.now_ns, clock)


@asynccontextmanager
async def venue_of(
    handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[dict[str, Any]]:
    """Every host in the world answered by ``handler``; ccxt's configuration to come there."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        proxy = ConnectProxy(handler, authority, hosts=None)
        await proxy.start("127.0.0.1", 0)
        try:
            yield reach(proxy.url, authority.certificate)
        finally:
            await proxy.stop()
