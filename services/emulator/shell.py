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
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from live_runner.contracts.errors import ConfigError, RunnerError
from live_runner.services.emulator.admin import Admin
from live_runner.services.emulator.binance import Refused, StreamEvent
from live_runner.services.emulator.certificates import Authority
from live_runner.services.emulator.clock import EmulatorClock, clock_rate
from live_runner.services.emulator.emulated_market import EmulatedMarket
from live_runner.services.emulator.faults import Action, Faults, Request
from live_runner.services.emulator.http_api import Api
from live_runner.services.emulator.journal import Journal, read_snapshot, write_snapshot
from live_runner.services.emulator.limits import Limits
from live_runner.services.emulator.market_source import Seeded, Source
from live_runner.services.emulator.proxy import ConnectProxy
from live_runner.services.emulator.recordings import read_recordings
from live_runner.services.emulator.request_log import WireLog
from live_runner.services.emulator.script import Line, Script, text_of
from live_runner.services.emulator.settings import EmulatorSettings
from live_runner.services.emulator.streams import Streams
from live_runner.services.emulator.subscriptions import Subscriptions
from live_runner.services.emulator.venue import Venue, changes

__all__ = ["Emulator", "emulator", "serve"]

STOP_TIMEOUT_S: Final = 2.0
TICK_S: Final = 0.1
"""As often as the market is moved along with a clock that runs."""
_MS: Final = 1_000_000


class Emulator:
    """A running exchange."""

    def __init__(self, settings: EmulatorSettings) -> None:
        profile = settings.profile
        source = _source(settings)
        start_ns = settings.start_ns
        if start_ns is None and profile.candles:
            start_ns = _first_ms(source) * _MS
        self.clock = EmulatorClock(clock_rate(settings.clock), time.time_ns, start_ns)
        self.faults = Faults(profile.seed)
        self.limits = Limits(profile.limits)
        self.requests = WireLog()
        self.venue = Venue(source, profile.options, profile.seed, self.clock.now_ms())
        self.streams = Streams(self.clock, self._subscriptions, self._account_of, profile.seed)
        self._symbols = frozenset(rules.symbol for rules in source.symbols())
        self._interval_ms = source.interval_ms
        self._settings = settings
        self._authority = Authority(settings.state)
        self._journal = Journal(settings.state, settings.stamp)
        self._script = Script([], 0)
        self._done: list[dict[str, Any]] = []
        self._lock = asyncio.Lock()
        self._catching: asyncio.Task[Any] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._admin_calls = Admin(self)
        self._admin: web.ServerRunner | None = None
        api = Api(
            self,
            clock=self.clock,
            faults=self.faults,
            limits=self.limits,
            keys=self.venue.keys,
            log=self.requests,
            stream=self.streams.serve,
        )
        self._proxy = api.proxy = ConnectProxy(api.handle, self._authority, settings.hosts)
        self._begin()

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
        self._advance(now_ms)
        if endpoint == "GET /fapi/v1/time":
            return {"serverTime": now_ms}
        try:
            answer = self.venue.handle(endpoint, account, params, now_ms)
        finally:
            if changes(endpoint):
                sent = {name: value for name, value in params.items() if name != "signature"}
                self._publish(["handle", now_ms, endpoint, account, sent], durable=True)
        self._play_lines(self._script.seen(request=endpoint))
        return answer

    def after_fault(self, action: Action, request: Request) -> None:
        """The venue's own acts of a fault on the order that the request was about."""
        order = request.client_id or request.params.get("orderId", "")
        if action.fill is not None:
            self.act("fill", {"order": order, "quantity": action.fill})
        if action.hide_ms:
            self.act("hide", {"order": order, "hide_ms": action.hide_ms})

    def act(self, verb: str, params: Mapping[str, Any]) -> Any:
        """What the venue or others do, now; ConfigError or Refused where it cannot be done."""
        now_ms = self.clock.now_ms()
        self._advance(now_ms)
        try:
            return self.venue.act(verb, params, now_ms)
        finally:
            self._publish(["act", now_ms, verb, dict(params)], durable=True)
            self._advance(now_ms)

    def open_account(self, given: Any) -> str:
        """A key with its account; ConfigError for what is not part of one."""
        now_ms = self.clock.now_ms()
        self._advance(now_ms)
        account = self.venue.open_account(given, now_ms)
        self._publish(["account", now_ms, given], durable=True)
        return account

    def play(self, lines: Sequence[Line]) -> None:
        """Play a script from now on, in the place of the last one."""
        self._script = Script(lines, self.clock.now_ms())
        self._done.clear()
        self.clock.signal()

    def script_view(self) -> dict[str, Any]:
        """Lines that were done, with their answers, and how many are left."""
        return {"done": list(self._done), "left": self._script.left}

    def store(self, path: Path) -> None:
        """Write the venue to a file."""
        write_snapshot(path, {"stamp": self._settings.stamp, "venue": self.venue.snapshot()})

    def restore(self, path: Path) -> None:
        """Become what a file says; ConfigError when it is of another profile."""
        stored = read_snapshot(path)
        if stored.get("stamp") != self._settings.stamp:
            raise ConfigError(f"The snapshot {path} is of another profile, seed or venue", remedy="Start with that one")
        self.venue.restore(stored["venue"])
        self.clock.restore(self.venue.now_ms * _MS)
        if self._settings.keeps:
            self._journal.begin(self.venue.snapshot())

    async def advance(self, ns: int) -> None:
        """Move a manual clock forward, from one line of the script to the next, and do what is due on the way."""
        if self._catching is asyncio.current_task() or ns < 0:
            self.clock.advance(ns)  # by a line of the script; what is due comes after the line
            return
        target_ns = self.clock.now_ns() + ns
        while (at_ms := self._script.next_ms) is not None and at_ms * _MS < target_ns:
            self.clock.advance(max(0, at_ms * _MS - self.clock.now_ns()))
            await self.catch_up()
        self.clock.advance(max(0, target_ns - self.clock.now_ns()))
        await self.catch_up()

    async def catch_up(self) -> None:
        """Do what is due by now: the market's trades, and lines of the script."""
        if self._catching is asyncio.current_task():
            return
        async with self._lock:
            self._catching = asyncio.current_task()
            try:
                self._advance(self.clock.now_ms())
                for line in self._script.due(self.clock.now_ms()):
                    await self._do(line)
            finally:
                self._catching = None

    async def start(self) -> None:
        """Listen; ConfigError when a port is taken."""
        settings = self._settings
        await self._proxy.start(settings.host, settings.port)
        server = web.Server(self._admin_calls.handle, access_log=None)
        self._admin = web.ServerRunner(server, shutdown_timeout=STOP_TIMEOUT_S)
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
        self.play(settings.lines)
        self._spawn(self._run())

    async def stop(self) -> None:
        """Close every connection."""
        for task in list(self._tasks):
            task.cancel()
        await self.streams.close()
        await self._proxy.stop()
        if self._admin is not None:
            await self._admin.cleanup()
        self._journal.close()

    def _begin(self) -> None:
        """The venue as it was stored, else with the accounts of its profile; and the faults of the profile."""
        stored, entries = self._journal.load() if self._settings.keeps else (None, iter(()))
        if stored is not None:
            self.venue.restore(stored)
            for entry in entries:
                self.venue.replay(entry)
            self.clock.restore(self.venue.now_ms * _MS)
        else:
            for account in self._settings.profile.accounts:
                self.venue.open_account(account, self.clock.now_ms())
        if self._settings.keeps:
            self._journal.begin(self.venue.snapshot())
        for fault in self._settings.profile.faults:
            self.faults.add(fault)
        for fault in self._settings.profile.streams:
            self.streams.faults.add(fault)

    async def _run(self) -> None:
        """Move the market along with the clock."""
        while True:
            seen = self.clock.changes
            await self.catch_up()
            if self.clock.changes == seen:
                await self.clock.changed(None if self.clock.mode == "manual" else TICK_S)

    def _advance(self, now_ms: int) -> None:
        moved = self.venue.advance(now_ms)
        events = self.venue.take_events()
        if moved or events:
            self._publish(["advance", now_ms], durable=bool(events), events=events)
        self.streams.move(moved, now_ms)

    def _publish(self, entry: list[Any], *, durable: bool, events: Sequence[StreamEvent] | None = None) -> None:
        """Store an input, then send what came of it."""
        self._journal.append(entry, durable=durable)
        events = self.venue.take_events() if events is None else events
        self.streams.publish(events)
        for event in events:
            self._play_lines(self._script.seen(event=event.name))
        if self._journal.is_full:
            self._journal.begin(self.venue.snapshot())

    def _play_lines(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self._spawn(self._do(line))

    async def _do(self, line: Line) -> None:
        """One line of the script; what comes of it is kept with it."""
        method, _, path = line.do.partition(" ")
        done = {"at_ms": self.clock.now_ms(), "line": msgspec.to_builtins(line)}
        try:
            done["answer"] = await self._admin_calls.call(method, path, {}, line.with_ or {})
        except (RunnerError, Refused) as error:
            done["error"] = str(error)
        self._done.append(done)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self.venue.exchange, self._symbols, self._interval_ms)

    def _account_of(self, listen_key: str) -> str | None:
        return self.venue.listen_keys.account(listen_key, self.clock.now_ms())


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
    """The emulator until SIGTERM or SIGINT.

    Its first line on stdout says where it is, as JSON. The lines of a script that the seed drew follow.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with emulator(settings) as running:
        drawn = "" if settings.script else text_of(settings.lines)
        sys.stdout.write(f"{json.dumps(running.facts())}\n{drawn}")
        sys.stdout.flush()
        await stop.wait()


def _source(settings: EmulatorSettings) -> Source:
    profile = settings.profile
    if profile.candles:
        return read_recordings(profile.candles, profile.funding, profile.timeframe)
    return Seeded(EmulatedMarket(profile.seed, profile.symbols), profile.timeframe)


def _first_ms(source: Source) -> int:
    """Where every symbol has candles."""
    firsts = [source.rows(rules.symbol, 0, 2**62) for rules in source.symbols()]
    return max((rows[0].open_ms for rows in firsts if rows), default=0)
