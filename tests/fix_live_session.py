"""A live session at the local exchange: execution's own shell on a real NATS server, and its account's gateway.

The test is market data and strategy: it publishes bars and decisions, and waits for what the log gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
from fix_emulator import EmulatorClient
from fix_gateway import BTC_SYMBOL, KEY, SECRET, TradingAccount
from venue_ledger import differences

from live_runner.contracts import codec, subjects
from live_runner.contracts.config import Config, StrategyChoice
from live_runner.contracts.engine import ENGINE
from live_runner.contracts.ids import event_id
from live_runner.contracts.manifest import config_hash
from live_runner.contracts.messages import Announced, BarSet, Decided, Event, Instrument, Intent, SetBar, Started
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.execution.command import CommandAnswer, CommandRequest
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.execution.core.models import model_names
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.gateway.core.venue_time import VenueTime
from live_runner.services.gateway.service import Gateway
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.venues.ccxt_account import Credentials
from live_runner.services.venues.ccxt_streams import AccountStreams

__all__ = ["LiveSession", "announced_session", "gateway_of", "live_session"]

DEADLINE_S = 10.0
AGREE_S = 5.0
ENVELOPE = ("type", "v", "id", "session", "seq", "cause", "recorded_ns", "symbol", "hash", "message")
UNSHOWN = (
    "session.announced",
    "session.joined",
    "session.started",
    "account.risk_levels",
    "account.reported",
    "market.bar_set",
)
MINUTE_NS = 60_000_000_000
NAME = "alpha"
INSTRUMENT = Instrument(
    symbol=BTC_SYMBOL, venue="binanceusdm", base="BTC", quote="USDT", settle="USDT", tick_size="0.1", lot_size="0.001"
)
CAPS = {"order_notional": "1000000", "total_notional": "1000000", "open_orders": 100, "orders_per_minute": 1000}
UNPROTECTED = {"after_s": 60, "action": "notify", "reset": "recovered"}
LOSS = {"limit": "1000000", "action": "stop", "reset": "operator"}


def configuration(
    risk: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    timeframe: str = "1m",
    reconcile: dict[str, Any] | None = None,
    **execution: Any,
) -> Config:
    """Of a live session of one symbol; what it is given goes into its section ``execution``."""
    tree: dict[str, Any] = {
        "session": NAME,
        "strategy": StrategyChoice(module="m"),
        "market": {"source": "ccxt", "venue": "binanceusdm", "symbols": [BTC_SYMBOL], "timeframe": timeframe},
        "account": {"name": "main", "equity": "10000", "leverage": "20", **(account or {})},
        "caps": CAPS,
        "risk": {"daily_loss": LOSS, "unprotected": UNPROTECTED, **(risk or {})},
        "execution": {
            "late_decision": "send",
            "poll_s": 0.2,
            "account_every_s": 0.3,
            "query": {"first_s": 0.1},
            **execution,
        },
    }
    if reconcile is not None:
        tree["reconcile"] = reconcile
    return msgspec.convert(msgspec.to_builtins(tree), Config)


class LiveSession:
    """The inputs of one session, and its log."""

    def __init__(
        self,
        bus: Bus,
        config: Config,
        begin_ns: int,
        folder: Path,
        policy: ExecutionPolicy | None = None,
        venue: EmulatorClient | None = None,
    ) -> None:
        """``venue`` is given where its clock may be moved by hand: each bar moves it on to its close."""
        self.bus = bus
        self.venue = venue
        self.config = config
        self.log: list[Event] = []
        self.wires: list[bytes] = []
        self._awaits_decision = False
        self._numbers: dict[str, int] = {}
        self.close_ns = begin_ns
        self._bar_ns = duration_ns(config.market.timeframe)
        self._number = 0
        self._folder = folder
        self._grown = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        built: dict[str, Any] = msgspec.to_builtins(config)
        texts = ("strategy", "strategy_hash", "engine_version", "engine_hash")
        common: dict[str, Any] = {"stage": "live_small", "config": built, "engine": ENGINE, "warmup_bars": 0}
        common |= dict.fromkeys(texts, "") | {"config_hash": config_hash(built)}
        self.announced = Announced(**self._envelope("run"), **common, sources={})
        self.started = Started(
            **self._envelope("run"), **common, dataset={}, instruments=[INSTRUMENT], policy=policy or ExecutionPolicy(),
            warmup_found=0, first_open_ns=begin_ns, models=model_names(config), platform={}, packages={},
            compare_command="",
        )  # fmt: skip

    def _envelope(self, source: str) -> dict[str, Any]:
        seq = self._numbers[source] = self._numbers.get(source, 0) + 1
        identity = event_id(NAME, source, seq)
        return {"id": identity, "session": NAME, "source": source, "seq": seq, "event_ns": self.close_ns}

    async def follow(self) -> None:
        """Keep every event of the log."""
        reader = await self.bus.reader(subjects.of_session(NAME))
        async for message in reader:
            event = event_of(message)
            if event is None:
                continue
            async with self._grown:
                self.log.append(event)
                self.wires.append(message.data)
                self._grown.notify_all()

    def execute(self, instance: str = "one", others: Callable[[], Iterable[Announced]] = tuple) -> asyncio.Task[None]:
        """Run the session's execution; ``others`` are the sessions that are under way."""
        shell = ExecutionShell(self.bus, self.announced, instance, self._folder, others)
        task = asyncio.create_task(shell.run(1))
        self._tasks.append(task)
        return task

    async def bar(self, price: float = 50_000.0) -> None:
        """The next bar, flat; a clock of the venue that is moved by hand goes on to its close."""
        open_ns, self.close_ns = self.close_ns, self.close_ns + self._bar_ns
        self._number += 1
        self._awaits_decision = True
        if self.venue is not None and self.venue.clock == "manual":
            await self.venue.pass_time(max(0.0, (self.close_ns - self.venue.now_ns()) / 1e9))
        bars = [SetBar(BTC_SYMBOL, price, price, price, price, 1.0)]
        await self.bus.publish(
            BarSet(
                **self._envelope("market_data"), number=self._number, open_ns=open_ns, close_ns=self.close_ns,
                bars=bars, missing=[], funding=[],
            )
        )  # fmt: skip

    async def decide(self, *asked: dict[str, Any], close_ns: int | None = None) -> None:
        """The decision on the last bar, or on the one that closed then."""
        close_ns = self.close_ns if close_ns is None else close_ns
        self._awaits_decision = close_ns != self.close_ns
        intents = [
            Intent(**{"id": f"{NAME}/{close_ns}/{at}", "symbol": BTC_SYMBOL, "leg": "long"} | fields)
            for at, fields in enumerate(asked, 1)
        ]
        await self.bus.publish(Decided(**self._envelope("strategy"), close_ns=close_ns, intents=intents))

    async def ask(self, action: str = "open", quantity: str | None = "0.01", **fields: Any) -> None:
        """The next bar, and a decision that asks for one thing: a market order unless ``style`` is given."""
        if self._awaits_decision:
            await self.decide()
        await self.bar()
        await self.decide({"action": action, "quantity": quantity, "style": "market", **fields})

    async def settled(self, price: float = 50_000.0) -> Any:
        """The next bar and the account after it."""
        await self.bar(price)
        return await self.until("account.settled", lambda event: event.close_ns == self.close_ns)

    def of(self, type_: str) -> list[Any]:
        """The log's events of one type."""
        return [event for event in self.log if event.__struct_config__.tag == type_]

    async def until(self, type_: str, where: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first event of a type for which ``where`` holds, once the log has it."""

        def found() -> Any:
            return next((event for event in self.of(type_) if where(event)), None)

        try:
            async with asyncio.timeout(DEADLINE_S), self._grown:
                await self._grown.wait_for(lambda: found() is not None or self._failed())
        except TimeoutError:
            self._raise()
            raise AssertionError("\n".join([f"the log has no such {type_}:", *self.text()])) from None
        self._raise()
        return found()

    def _failed(self) -> bool:
        return any(task.done() and not task.cancelled() and task.exception() for task in self._tasks)

    def _raise(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def command(self, name: str) -> None:
        """An operator's command."""
        asked = msgspec.msgpack.encode(CommandRequest(author="operator", reason="a test"))
        answer = await self.bus.request(subjects.command(name, NAME), asked, timeout_s=DEADLINE_S)
        assert msgspec.msgpack.decode(answer, type=CommandAnswer).accepted

    async def agree(
        self, trading: TradingAccount, incidents: Collection[str] = (), unlike: Collection[str] = ()
    ) -> None:
        """The account is the venue's to the last unit, and folding the log again gives every output anew.

        What has happened at the venue is waited for. No incident has come but those named by ``incidents``, each of
        which has; every fault that was asked for has fired. ``unlike`` names what is another's doing, and must differ.
        """
        end_s = asyncio.get_running_loop().time() + AGREE_S
        while True:
            if self._awaits_decision:
                await self.decide()
            await self.settled()
            different = differences(self.log, await trading.client.get("ledger"), KEY)
            if set(different) == set(unlike) or asyncio.get_running_loop().time() > end_s:
                break
            await self.next("account.reported")
        assert set(different) == set(unlike), "\n".join([*map(str, different.items()), *self.text()])
        named = {incident.code for incident in self.of("ops.incident")}
        assert named == set(incidents), "\n".join(self.text())
        assert await trading.client.get("invariants") == []
        assert await trading.client.idle_faults() == []
        await self.kill()
        core = ExecutionCore(NAME)
        made: list[bytes] = []
        stored: list[bytes] = []
        for wire in map(codec.canonical, self.wires):
            event = codec.decode(wire)
            if event.source == core.source:
                stored.append(wire)
            elif type(event) in ExecutionShell.inputs:
                made += [codec.encode(effect) for effect in core.handle(event) if isinstance(effect, Event)]
        assert made[: len(stored)] == stored  # what came last may not have been answered when it was ended

    async def next(self, type_: str, count: int = 1) -> Any:
        """The event of a type that comes after those which the log has, or the ``count``th of them."""
        wanted = len(self.of(type_)) + count
        await self.until(type_, lambda _: len(self.of(type_)) >= wanted)
        return self.of(type_)[wanted - 1]

    async def count(self, type_: str, count: int) -> list[Any]:
        """All events of a type, once the log has so many."""
        await self.until(type_, lambda _: len(self.of(type_)) >= count)
        return self.of(type_)

    def text(self) -> list[str]:
        """The log, for whoever reads why a test has failed: what a field has by default is left out."""
        lines = []
        for event in self.log:
            if event.__struct_config__.tag not in UNSHOWN:
                fields = msgspec.to_builtins(event)
                shown = {name: value for name, value in fields.items() if name not in ENVELOPE and value}
                lines.append(f"{event.__struct_config__.tag} {shown}"[:600])
        return lines

    async def kill(self) -> None:
        """End the session's execution where it is."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def gateway_of(bus: Bus, trading: TradingAccount, *, venue_clock: bool = False) -> AsyncIterator[Gateway]:
    """The gateway of the account, answering on the bus; ``venue_clock``: its pauses end by the venue's clock."""
    gateway = Gateway("main", trading.account, VenueTime(), send_window_s=2.0)
    if venue_clock:
        gateway.answerer.boot_ns = trading.client.now_ns
    await gateway.read_clock()
    options = {key: value for key, value in trading.client.options.items() if key != "enableRateLimit"}
    gateway.streams = AccountStreams("binanceusdm", Credentials(KEY, SECRET), options)
    tasks = [asyncio.create_task(gateway.run(bus)), asyncio.create_task(gateway.tend())]
    try:
        yield gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.streams.close()


@asynccontextmanager
async def announced_session(
    bus: Bus,
    trading: TradingAccount,
    folder: Path,
    *,
    policy: ExecutionPolicy | None = None,
    risk: dict[str, Any] | None = None,
    account: dict[str, Any] | None = None,
    gateway: bool = True,
    venue_clock: bool = False,
    **execution: Any,
) -> AsyncIterator[LiveSession]:
    """A session that is announced and whose execution does not run yet, its gateway beside it unless there is one."""
    begin_ns = trading.account.now_ns() // MINUTE_NS * MINUTE_NS - MINUTE_NS
    config = configuration(risk, account, **execution)
    trading.counts_on(config)
    session = LiveSession(bus, config, begin_ns, folder / "sessions" / NAME, policy, trading.client)
    following = asyncio.create_task(session.follow())
    try:
        async with gateway_of(bus, trading, venue_clock=venue_clock) if gateway else nullcontext():
            await bus.publish(session.announced)
            yield session
    finally:
        await session.kill()
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


@asynccontextmanager
async def live_session(bus: Bus, trading: TradingAccount, folder: Path, **config: Any) -> AsyncIterator[LiveSession]:
    """A session that has started, its gateway beside it."""
    async with announced_session(bus, trading, folder, **config) as session:
        session.execute()
        await session.until("session.joined")
        await bus.publish(session.started)
        await session.until("account.reported")  # before the venue has answered, its time is not known
        yield session
