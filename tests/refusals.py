"""A session's real shells in one process on a real NATS server that refuses chosen outputs of a core.

The server itself refuses: a chosen message asks for a stream of another name, which it answers with an error, while
it takes what is under way behind it. So the log gets the holes that a full stream makes, at chosen places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from session_world import ENGINE, make_world

from live_runner.contracts import codec, manifest, subjects
from live_runner.contracts.config import Limits, StrategyChoice
from live_runner.contracts.errors import BusUnavailable, OwnershipLost
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import Announced, Event, Joined, Started
from live_runner.services.backtest.session import begin
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.market_data.shell import feed_session
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.connection import header_block
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.nats.publisher import Publisher
from live_runner.services.strategy.shell import StrategyShell
from live_runner.services.strategy.watchdog import BusyFlag

__all__ = ["Log", "Player", "Refusals", "read_log"]

type Log = list[tuple[str, bytes]]
"""Subject and bytes of each message of the stream."""

ATTEMPTS_MAX = 20
_WILFUL = str(Path(__file__).parent / "wilful.py")
_REFUSED = {"Nats-Expected-Stream": "ELSEWHERE"}


class Refusals:
    """Which outputs the server refuses: for each process of a role in turn, the numbers of that core."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._of: dict[str, list[set[int]]] = {}
        self.refused = 0
        publish = Publisher.publish_bytes

        async def publish_bytes(publisher: Publisher, subject: str, canonical: bytes) -> None:
            head = codec.head(canonical)
            attempts = self._of.get(head.source, [])
            if not attempts or head.seq not in attempts[0]:
                await publish(publisher, subject, canonical)
                return
            self.refused += 1
            block = publisher._block
            assert publisher._guard is not None
            publisher._block = header_block(publisher._guard.headers() | _REFUSED)
            try:
                await publish(publisher, subject, canonical)
            finally:
                publisher._block = block

        monkeypatch.setattr(Publisher, "publish_bytes", publish_bytes)

    def plan(self, of: Mapping[str, Sequence[Iterable[int]]]) -> None:
        """By role the refused numbers of its first process, its second one, and so on."""
        self._of = {role: [set(numbers) for numbers in attempts] for role, attempts in of.items()}

    def next_process(self, role: str) -> None:
        """The role is taken by another process."""
        if self._of.get(role):
            self._of[role].pop(0)


class Player:
    """One session, its roles run by the services' own shells and taken again whenever the stream refused them."""

    def __init__(self, refusals: Refusals, home: Path, *, bars: int = 10, state_hash_every: int = 3) -> None:
        self.refusals = refusals
        self.settings = Settings(home=home)
        choice = StrategyChoice(path=_WILFUL, name="Wilful", parameters={"seed": 11, "ask_percent": 60})
        limits = Limits(state_hash_every=state_hash_every, snapshot_every=5, join_timeout_s=30)
        world = make_world(choice, market_seed=7, bars=bars, symbols=["BTC/USDT:USDT"], limits=limits)
        facts, _ = world.facts_and_items()
        announced, started = begin(world.config, world.source, world.strategy_class, facts, ENGINE)
        assert isinstance(announced, Announced)
        assert isinstance(started, Started)
        self.announced, self._models = announced, started.models
        self.session = announced.session

    async def forget(self, bus: Bus) -> None:
        """Empty the log and the snapshots."""
        await bus.jetstream(f"STREAM.PURGE.{subjects.STREAM}")
        for name in await bus.object_names():
            await bus.delete_object(name)

    async def play(self, bus: Bus) -> Log:
        """The whole session with all roles; its log."""
        await self.forget(bus)
        await bus.publish(self.announced)
        async with asyncio.TaskGroup() as group:
            for role in CORE_ROLES:
                group.create_task(self.keep(bus, role))
            group.create_task(self._start(bus))
        return await read_log(bus)

    async def play_alone(self, bus: Bus, role: str, log: Log) -> Log:
        """One role alone, over what the others said in a session before; the log afterwards."""
        await self.prepare(bus, role, log)
        await self.keep(bus, role)
        return await read_log(bus)

    async def prepare(self, bus: Bus, role: str, log: Log) -> None:
        """A log in which everybody but one role has said everything."""
        await self.forget(bus)
        publisher = await bus.publisher()
        for subject, data in log:
            head = codec.head(data)
            if head.source.partition(".")[0] != role:
                await publisher.publish_bytes(subject, codec.canonical(data))
        await publisher.flush()
        await publisher.close()

    async def keep(self, bus: Bus, role: str) -> None:
        """Run a role to its end, as a service does: taken again after a refusal, and after another owner."""
        place = (await bus.log_state()).first_seq
        for _ in range(ATTEMPTS_MAX):
            try:
                await self.run(bus, role, place)
                return
            except (BusUnavailable, OwnershipLost):
                if bus.lost.done():
                    raise
                self.refusals.next_process(role)
        raise AssertionError(f"{role} was refused {ATTEMPTS_MAX} times")

    def run(self, bus: Bus, role: str, place: int) -> Coroutine[Any, Any, None]:
        """One process of a role, until it ends or is refused."""
        if role == "market_data":
            return feed_session(bus, self.announced, self.settings, role, place)
        if role == "execution":
            folder = self.settings.home / "sessions" / self.session
            return ExecutionShell(bus, self.announced, role, folder).run(place)
        return StrategyShell(bus, self.announced, role, BusyFlag.create()).run(place)

    async def _start(self, bus: Bus) -> None:
        joined: dict[str, Joined] = {}
        reader = await bus.reader(subjects.of_type("session.joined", self.session))
        async for message in reader:
            event = event_of(message)
            assert isinstance(event, Joined)
            joined[event.role] = event
            if len(joined) == len(CORE_ROLES):
                break
        await reader.close()
        await bus.publish(manifest.start(self.announced, joined, models=self._models, platform={}))


async def read_log(bus: Bus) -> Log:
    """Everything in the stream."""
    found: Log = []
    reader = await bus.reader(subjects.STREAM_SUBJECTS)
    async for message in reader:
        found.append((message.subject, message.data))
        if message.pending == 0:
            break
    await reader.close()
    return found


def as_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the market of a session give its bars as a venue does: whoever is behind."""
    from live_runner.services.market_data import feed

    open_source = feed.open_source

    async def opened(*args: object) -> feed.Source:
        source = await open_source(*args)  # type: ignore[arg-type]  # as they come
        source.is_live = True
        return source

    monkeypatch.setattr(feed, "open_source", opened)


def events(log: Log) -> list[Event]:
    """The messages of a log without the time of publishing."""
    return [codec.decode(codec.canonical(data)) for _, data in log]
