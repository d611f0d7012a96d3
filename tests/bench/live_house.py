"""The processes of a bench of orders: NATS, the emulator, the account's gateway and a session's execution."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from bench.bare_orders import bare_exchange
from bench.house import SYMBOLS, House, house, resident_mib
from bench.live_inputs import Inputs
from fix_gateway import listing

from live_runner.contracts import subjects
from live_runner.contracts.errors import RunnerError
from live_runner.contracts.gateway import Outcome, decode_outcome, encode
from live_runner.contracts.messages import Instrument, Owned
from live_runner.services.runtime.config.settings import NatsSync
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import moment

__all__ = ["BARE_KEY", "BARE_SECRET", "POLL_S", "READY_LIMIT_S", "TEN", "Bench", "Venue", "bench", "program"]

KEY, SECRET = "key-of-the-bench", "secret-of-the-bench"
BARE_KEY, BARE_SECRET = "key-of-bare-ccxt", "secret-of-bare-ccxt"
ACCOUNT = "main"
TEN = SYMBOLS[:10]
READY_LIMIT_S = 60.0
POLL_S = 0.01
SERVE = ("-m", "live_runner.services.cli.entry", "serve")


class Venue:
    """The emulator as a process, its admin port, and the options with which ccxt comes to it."""

    def __init__(self, facts: dict[str, Any], http: aiohttp.ClientSession) -> None:
        self.options = {"httpsProxy": facts["proxy"], "wssProxy": facts["proxy"], "cafile": facts["ca"]}
        self._admin = facts["admin"]
        self._http = http

    async def get(self, path: str, /, **query: Any) -> Any:
        """``GET /_/`` and the path."""
        async with self._http.get(f"{self._admin}/_/{path}", params=query) as answer:
            return await answer.json()

    async def post(self, path: str, body: Any) -> Any:
        """``POST /_/`` and the path."""
        async with self._http.post(f"{self._admin}/_/{path}", json=body) as answer:
            return await answer.json()

    async def orders(self, after: int, count: int = 1) -> list[dict[str, Any]]:
        """Orders that came over the wire after an entry of the log, once there are so many."""
        wanted = {"method": "POST", "path": "/fapi/v1/order"}
        found = await self.get("requests", after=after, count=count, wait_ms=30_000, **wanted)
        if len(found) < count:
            raise RuntimeError(f"{len(found)} of {count} orders have reached the emulator")
        return list(found)

    async def last_frame(self) -> int:
        """The number of the newest frame of a user's stream."""
        found: list[dict[str, Any]] = []
        while part := await self.get("streams", after=found[-1]["n"] if found else 0):
            found = part
        return int(found[-1]["n"]) if found else 0

    async def frame_ms(self, after: int) -> int:
        """When the first frame of a trade after another frame was sent."""
        found = await self.get("streams", after=after, count=1, wait_ms=30_000, event="ORDER_TRADE_UPDATE")
        return int(found[0]["at_ms"])

    async def last(self) -> int:
        """The number of the newest order of the wire log."""
        found: list[dict[str, Any]] = []
        while part := await self.get("requests", after=found[-1]["n"] if found else 0, path="/fapi/v1/order"):
            found = part
        return int(found[-1]["n"]) if found else 0


@contextmanager
def program(*arguments: str, environment: dict[str, str] | None = None, output: Path) -> Iterator[str]:
    """The first line of a child process, by which it says that it is ready; ended with the block."""
    with output.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert child.stdout is not None
        first = child.stdout.readline()
        if not first:
            raise SystemExit(f"{' '.join(arguments[:3])} ended: {output.read_text()[-800:]}")
        yield first
    finally:
        child.terminate()
        child.communicate(timeout=READY_LIMIT_S)


class Bench:
    """One house with its venue, its gateway and a session's execution."""

    def __init__(self, home: House, venue: Venue, bus: Bus) -> None:
        self.home = home
        self.venue = venue
        self.bus = bus
        self.execution: subprocess.Popen[bytes] | None = None
        self.gateway_s = 0.0
        self.gateway_mib = 0.0

    def serve(self, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A service as a process of its own; its output goes to the logs."""
        settings = self.home.settings
        given = {**settings.environment(), "LIVE_RUNNER_HEALTH_PORT": "0", **(environment or {})}
        with (settings.logs / f"{arguments[0]}.out").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-P", *SERVE, *arguments],
                env={**os.environ, **given},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def restart(self, session: str) -> None:
        """``kill -9`` of the session's execution, and a new one."""
        self.stop()
        self.execution = self.serve("execution", "--session", session)

    def stop(self) -> None:
        """``kill -9`` of the session's execution."""
        if self.execution is not None:
            self.execution.kill()
            self.execution.wait(READY_LIMIT_S)

    async def ask(self, verb: str, **fields: Any) -> Outcome:
        """One request to the gateway."""
        request = listing(verb, account=ACCOUNT, made=moment(), **fields)
        return decode_outcome(await self.bus.request(subjects.gateway(ACCOUNT), encode(request), timeout_s=45))

    async def instruments(self) -> list[Instrument]:
        """The ten symbols' rules, by the venue."""
        rules = (await self.ask("rules", symbols=TEN)).rules
        return sorted(rules, key=lambda each: TEN.index(each.symbol))

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[Inputs]:
        """A session that has started, its execution as a process."""
        inputs = Inputs(self.bus, name, ACCOUNT, await self.instruments())
        async with self.exchange() as exchange:
            for symbol, ticker in (await exchange.fetch_tickers(list(TEN))).items():
                inputs.prices[symbol] = float(ticker["last"])
        following = asyncio.create_task(inputs.follow())
        await self.bus.publish(inputs.announced)
        self.restart(name)
        await inputs.next(0, Owned)
        await self.bus.publish(inputs.started)
        try:
            yield inputs
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self.stop()

    @asynccontextmanager
    async def exchange(self, kind: Callable[..., Any] = bare_exchange) -> AsyncIterator[Any]:
        """Unmodified ccxt at the same venue, with the same account."""
        exchange = kind(self.venue.options, BARE_KEY, BARE_SECRET)
        try:
            await exchange.load_markets()
            yield exchange
        finally:
            await exchange.close()


@asynccontextmanager
async def bench(sync: NatsSync) -> AsyncIterator[Bench]:
    """Everything that runs, in a folder that is gone afterwards."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(house(sync))
        folder = home.settings.home
        home.settings.logs.mkdir(exist_ok=True)
        profile = {
            "symbols": list(TEN),
            "accounts": [
                {"key": key, "secret": secret, "balances": {"USDT": "100000000"}, "hedge": True}
                for key, secret in ((KEY, SECRET), (BARE_KEY, BARE_SECRET))
            ],
            "limits": {"weight_per_minute": 10**9, "orders_per_minute": 10**9, "orders_per_ten_seconds": 10**9},
        }
        (folder / "profile.yaml").write_text(json.dumps(profile))
        ports = ("--port", "0", "--admin-port", "0", "--profile", str(folder / "profile.yaml"))
        place_of = ("--state", str(folder / "venue"))
        line = stack.enter_context(
            program(*SERVE, "emulator", *ports, *place_of, output=home.settings.logs / "emulator.out")
        )
        http = await stack.enter_async_context(aiohttp.ClientSession())
        venue = Venue(json.loads(line), http)
        (folder / "accounts").mkdir()
        described = {"venue": "binanceusdm", "environment": "emulator", "keys": {"env": "BENCH"}}
        (folder / "accounts" / f"{ACCOUNT}.yaml").write_text(json.dumps(described | {"options": venue.options}))
        bus = await Bus.connect(home.url)
        stack.push_async_callback(bus.close)
        await bus.ensure_stream()
        made = Bench(home, venue, bus)
        await stack.enter_async_context(gateway(made))
        yield made


@asynccontextmanager
async def gateway(made: Bench) -> AsyncIterator[None]:
    """The account's gateway as a process that answers; how long that took, and its memory, are kept."""
    logs = made.home.settings.logs
    keys = {"BENCH_KEY": KEY, "BENCH_SECRET": SECRET}
    began = time.perf_counter()
    child = made.serve("gateway", "--account", ACCOUNT, environment=keys)
    try:
        while not await answers(made):
            if child.poll() is not None or time.perf_counter() - began > READY_LIMIT_S:
                raise SystemExit(f"the gateway does not answer: {(logs / 'gateway.out').read_text()[-800:]}")
            await asyncio.sleep(POLL_S)
        made.gateway_s = time.perf_counter() - began
        made.gateway_mib = resident_mib(child.pid)
        yield
    finally:
        child.terminate()
        child.wait(READY_LIMIT_S)


async def answers(made: Bench) -> bool:
    """Whether the gateway answers with what the venue says."""
    try:
        return (await made.ask("positions")).fate == "done"
    except RunnerError:
        return False
