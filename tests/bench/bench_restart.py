"""``kill -9`` of each service of a session whose log has a million events: how soon its successor is ready.

The log is a real one: the cores make every event in this process, as the services would, with a snapshot at
its usual distance, as far behind the end as it ever is. The floor, in the same run: a bare process
that connects and reads what stands after the snapshot.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import batched
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import uvloop
from bench.house import House, house
from bench.table import Row, entry

from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.core import Core
from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import Announced, BarSet, Event, Snapshot
from live_runner.services.backtest.loop import Backtest
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import MarketFacts, begin
from live_runner.services.cli.loaded_config import engine, load_config
from live_runner.services.market_data.feed import recording_source
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.postgres.archive import position
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.runtime.service.stored_snapshot import StoredSnapshot

SESSION = "long"
SNAPSHOT_EVERY = 5_000
"""Bar sets; what the configuration has when nobody says otherwise."""
_RECORD_LIMIT_S = 120.0
_CHUNK = 1_000
_CONFIG = """
session: {session}
strategy:
  module: live_runner.strategies.ema_cross
  parameters: {{fast: 3, slow: 8, short: true, notional: 500}}
market:
  venue: simulated
  source: simulated
  seed: 5
  bars: {bars}
  symbols: [BTC/USDT:USDT]
  timeframe: 1m
  speed: 1
account: {{equity: 1000000}}
limits: {{snapshot_every: {snapshot_every}}}
"""
_READ_TAIL = """
import asyncio, sys
import nats
from nats.js.api import ConsumerConfig, DeliverPolicy

async def main(url, session, start):
    client = await nats.connect(url)
    subscription = await client.jetstream().subscribe(
        "*.evt.*." + session, ordered_consumer=True,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=int(start),
                              filter_subjects=["*.evt.*." + session, "*.evt.*." + session + ".>"]))
    while (await subscription.next_msg(timeout=10)).metadata.num_pending:
        pass
    await client.close()

asyncio.run(main(*sys.argv[1:]))
"""


class Log(msgspec.Struct):
    """What was put into the stream."""

    events: int
    sets: int
    snapshot_seq: int
    last_seq: int


def rows(quick: bool) -> list[Row]:
    """Every service in turn; the recorder last, because it has a million events to catch up with."""
    events = 100_000 if quick else 1_000_000
    rounds = 1 if quick else 3
    with house() as home:
        log = uvloop.run(make_log(home, events, SNAPSHOT_EVERY))
        began_ns = time.time_ns()
        home.start("market_data", "execution", "strategy")
        for _, name in _LOGS:
            home.logged_ns(name, "ready", began_ns)
        took = {service: median(restart_s(home, service, name) for _ in range(rounds)) for service, name in _LOGS}
        read_s = median(read_tail_s(home, log) for _ in range(rounds))
        began_ns = time.time_ns()
        home.start("recorder")
        home.logged_ns("recorder", "recording", began_ns)
        stored = _wait_until_stored(home, log.events // 10)
        took["recorder"] = restart_s(home, "recorder", "recorder", "recording")
    tail = f"{log.last_seq - log.snapshot_seq:,} events after the snapshot"
    return [
        Row(
            what=f"kill -9 to ready, {service}, {log.events:,} events logged",
            figure=seconds,
            unit="s",
            floor=read_s if service != "recorder" else None,
            beside=f"a bare process that reads the {tail}" if service != "recorder" else "",
            goal=10,
            better="less",
            details=f"{log.sets:,} bar sets" if service != "recorder" else f"{stored:,} events stored before",
        )
        for service, seconds in took.items()
    ]


_LOGS = (("market_data", "market_data"), ("execution", "execution"), ("strategy", f"strategy.{SESSION}"))


def restart_s(home: House, service: str, log: str, said: str = "ready") -> float:
    """Kill a service and start it again at once, as its supervisor does."""
    killed_ns = home.kill(service)
    home.start(service)
    return (home.logged_ns(log, said, killed_ns) - killed_ns) / 1e9


def read_tail_s(home: House, log: Log) -> float:
    """Start, connect, read everything after the snapshot, and end."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-c", _READ_TAIL, home.url, SESSION, str(log.snapshot_seq)]
    subprocess.run(command, check=True, timeout=_RECORD_LIMIT_S)
    return time.perf_counter() - began


def _wait_until_stored(home: House, events: int) -> int:
    deadline = time.monotonic() + _RECORD_LIMIT_S
    while time.monotonic() < deadline:
        found = position(home.dsn)
        if found is not None and found.stream_seq >= events:
            return found.stream_seq
        time.sleep(0.05)
    raise SystemExit(f"the recorder did not store {events:,} events within {_RECORD_LIMIT_S:g} s")


# -- the log -------------------------------------------------------------------------------------


async def make_log(home: House, events: int, snapshot_every: int) -> Log:
    """Put a session of so many events into the stream, as its services would have."""
    path = home.settings.home / "session.yaml"
    path.write_text(_CONFIG.format(session=SESSION, bars=events // 2, snapshot_every=snapshot_every))
    loaded = load_config(path)
    source = recording_source(loaded.config, home.settings.home)
    plan = source.plan_now(loaded.warmup_bars)
    facts = MarketFacts(
        instruments=source.instruments(),
        dataset=source.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )
    announced, started = begin(loaded.config, loaded.source, loaded.strategy_class, facts, engine(loaded.source))
    said: list[Event] = [announced]
    backtest = Backtest(started, loaded.strategy_class, hashing=True, sink=said.append)
    bus = await Bus.connect(home.url)
    await bus.ensure_stream()
    writer = _Writer(bus, announced, backtest)
    await writer.open()
    market = numbered(SESSION, source.items(None, 0))
    while writer.events + 3 * snapshot_every < events:
        await writer.fold(market, _CHUNK, said)
    await writer.snapshot(said)
    await writer.fold(market, snapshot_every - 1, said)
    log = Log(writer.events, backtest.sets, writer.snapshot_seq, await bus.last_seq())
    await bus.close()
    return log


class _Writer:
    """Takes the part of the services: folds the market, publishes what is said, stores snapshots."""

    def __init__(self, bus: Bus, announced: Announced, backtest: Backtest) -> None:
        self._bus = bus
        self._announced = announced
        self._backtest = backtest
        self.events = 0
        self.snapshot_seq = 0
        self._numbers: dict[str, int] = {}
        self._bars = BarSequence()

    async def open(self) -> None:
        """A publisher, and the roles of the cores."""
        self._publisher = await self._bus.publisher()
        await self._bus.publish(self._announced)
        self._owners = [await Ownership.take(self._bus, SESSION, role, "bench") for role in ("execution", "strategy")]
        for owner in self._owners:
            await owner.release()

    async def fold(self, market: Iterator[Event], count: int, said: list[Event]) -> None:
        """The next so many market events, and everything that follows from them."""
        for chunk in batched(_next(market, count), _CHUNK):
            with suppress(OurFault):  # the market goes on after this chunk, so the session does not end with it
                self._backtest.run(chunk)
            await self.publish(said)

    async def publish(self, said: list[Event]) -> None:
        """Everything said so far."""
        for event in said:
            if event is not self._announced:
                await self._publisher.publish(event)
            self._numbers[event.source] = event.seq
            self._bars.follow(event)
        self.events += len(said)
        said.clear()
        await self._publisher.flush()

    async def snapshot(self, said: list[Event]) -> None:
        """What both cores would have stored at this place."""
        await self.publish(said)
        self.snapshot_seq = await self._bus.last_seq()
        cores: tuple[Core, Core] = (self._backtest.execution, self._backtest.strategy)
        for owner, core in zip(self._owners, cores, strict=True):
            data = StoredSnapshot(core.snapshot(), self._numbers, self._bars).pack()
            name = f"{SESSION}/{owner.role}/{self.snapshot_seq}"
            await self._bus.put_object(name, data)
            note = owner.note(
                Snapshot,
                role=owner.role,
                object=name,
                stream_seq=self.snapshot_seq,
                core_seq=core.seq,
                state_hash=core.state_hash(),
                bytes=len(data),
            )
            await self._publisher.publish(note)
        await self._publisher.flush()


def _next(market: Iterator[Event], sets: int) -> Iterator[Event]:
    for event in market:
        yield event
        sets -= isinstance(event, BarSet)
        if sets == 0:
            return


if __name__ == "__main__":
    entry("restart with a long log", rows)
