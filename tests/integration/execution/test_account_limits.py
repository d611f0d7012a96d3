"""Two paper sessions of one account on a real NATS server (S03, S04): the loss of both together stops both."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from account_sessions import Sessions, limits_of
from fix_nats import BusFactory
from refusals import Log, read_log
from session_world import EMA, ENGINE, World, make_world

from live_runner.contracts import codec, manifest, subjects
from live_runner.contracts.config import Account, Fees, Limits
from live_runner.contracts.errors import DeterminismViolation, SessionRefused
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import (
    Announced,
    Command,
    Denied,
    Incident,
    Joined,
    LimitReset,
    LimitTripped,
    Owned,
    Settled,
    Snapshot,
    Started,
)
from live_runner.contracts.risk import AccountLimits
from live_runner.services.backtest.session import begin
from live_runner.services.cli.commands.status import _beats
from live_runner.services.execution.account_shell import AccountShell
from live_runner.services.execution.accounts import Accounts, check_account
from live_runner.services.execution.command import CommandAnswer
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.forensics.account_replay import replay_account
from live_runner.services.forensics.compare import compare
from live_runner.services.forensics.replay import replay
from live_runner.services.market_data.shell import feed_session
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, last_event
from live_runner.services.strategy.shell import StrategyShell
from live_runner.services.strategy.watchdog import BusyFlag

DEADLINE_S = 60.0
NAMES = ("one", "two")
BARS = 600
SPEED = 15_000.0
"""Of one-minute bars: 250 a second, so that a stop has hundreds of bars to arrive in."""


def world(name: str, limits: AccountLimits | None = None) -> World:
    """A session that loses by its fees, whatever the market does."""
    return make_world(
        EMA,
        market_seed=3 + NAMES.index(name),
        session=name,
        bars=BARS,
        symbols=["BTC/USDT:USDT"],
        fees=Fees(taker="0.005", maker="0.005"),
        limits=Limits(snapshot_every=50, join_timeout_s=30),
        account=Account(equity="10000") if limits is None else Account(equity="10000", name="main", limits=limits),
    )


def losses() -> list[float]:
    """What each session loses when nobody stops it: its worst moment."""
    return [
        max(10_000 - float(event.equity) for event in world(name).record() if isinstance(event, Settled))
        for name in NAMES
    ]


class House:
    """Two sessions of one account, each role run by the services' own shells."""

    def __init__(self, bus: Bus, home: Path, limits: AccountLimits) -> None:
        self.bus = bus
        self.settings = Settings(home=home)
        self.accounts = Accounts("execution")
        self.begun: dict[str, tuple[Announced, Started]] = {}
        for name in NAMES:
            made = world(name, limits)
            facts, _ = made.facts_and_items()
            announced, started = begin(made.config, made.source, made.strategy_class, facts, ENGINE)
            self.begun[name] = (msgspec.structs.replace(announced, speed=SPEED), started)
        self.announced = [announced for announced, _ in self.begun.values()]

    async def play(self) -> Log:
        """Both sessions to their ends; the whole log."""
        for announced in self.announced:
            await self.bus.publish(announced)
        async with asyncio.TaskGroup() as group:
            for announced, started in self.begun.values():
                for role in CORE_ROLES:
                    group.create_task(self.run(announced, role))
                group.create_task(self._start(announced, started.models))
        return await read_log(self.bus)

    def run(self, announced: Announced, role: str) -> Coroutine[Any, Any, None]:
        if role == "market_data":
            return feed_session(self.bus, announced, self.settings, role, 1)
        if role == "strategy":
            return StrategyShell(self.bus, announced, role, BusyFlag.create()).run(1)
        folder = self.settings.home / "sessions" / announced.session
        shell = ExecutionShell(self.bus, announced, role, folder, lambda: self.announced)
        return self.accounts.beside(self.bus, announced, shell.run(1))

    async def _start(self, announced: Announced, models: dict[str, str]) -> None:
        joined: dict[str, Joined] = {}
        reader = await self.bus.reader(subjects.of_type("session.joined", announced.session))
        async for message in reader:
            event = event_of(message)
            assert isinstance(event, Joined)
            joined[event.role] = event
            if len(joined) == len(CORE_ROLES):
                break
        await reader.close()
        await self.bus.publish(manifest.start(announced, joined, models=models, platform={}))


def run(bus_factory: BusFactory, work: Callable[[Bus], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with bus_factory() as bus, asyncio.timeout(DEADLINE_S):
            await work(bus)

    asyncio.run(all_of_it())


def events(log: Log) -> list[Any]:
    return [codec.decode(codec.canonical(data)) for _, data in log]


def of(found: Iterable[Any], session: str, kind: type[Any]) -> list[Any]:
    return [event for event in found if event.session == session and isinstance(event, kind)]


def wires(log: Log, session: str) -> list[bytes]:
    return [data for _, data in log if codec.head(data).session == session]


def test_the_loss_of_both_sessions_stops_both_and_each_replays_alone(bus_factory: BusFactory, tmp_path: Path) -> None:
    """S01, S03, S04: neither session alone has lost as much as the limit when it trips."""
    # Reached about half way: the stop has as many bars to arrive in, and neither session may run ahead as far.
    limit = max(losses()) * 0.8

    async def work(bus: Bus) -> None:
        log = await House(bus, tmp_path, limits_of(drawdown={"limit": f"{limit:.2f}"})).play()
        found = events(log)
        (trip,) = of(found, "main", LimitTripped)
        assert (trip.limit, trip.most, trip.action, trip.author) == ("drawdown", f"{limit:.2f}", "stop", "risk:main")
        last = {
            event.session: 10_000 - float(event.equity)
            for event in found[: found.index(trip)]
            if isinstance(event, Settled)
        }
        assert set(last) == set(NAMES)
        assert max(last.values()) < limit
        for name in NAMES:
            (command,) = of(found, name, Command)
            assert (command.command, command.author, command.cause) == ("stop", "risk:main", trip.id)
            assert (
                command.reason
                == f"drawdown of the account main is {trip.value} over 2 sessions, the limit is {trip.most}"
            )
            denied = of(found[found.index(command) :], name, Denied)
            assert denied
            assert {event.reason for event in denied} == {"entries_stopped"}
            assert "risk:main" in denied[0].message
            result = replay(wires(log, name))
            assert result.agrees, result.first
            assert compare(wires(log, name)).agrees
            assert of(found, name, Incident) == []
        result = replay_account("main", [data for _, data in log])
        assert result.agrees, result.first
        assert result.compared == 1

    run(bus_factory, work)


PROCESS = """
import asyncio, sys
from live_runner.services.execution.account_shell import AccountShell
from live_runner.services.runtime.nats.bus import Bus

async def main():
    await AccountShell(await Bus.connect(sys.argv[1]), "main", "the one before").run()

asyncio.run(main())
"""


async def seen(bus: Bus, kind: type[Any], session: str, count: int = 1) -> list[Any]:
    """The first events of one kind and session, waited for."""
    found: list[Any] = []
    reader = await bus.reader(subjects.of_type(str(kind.__struct_config__.tag), session))
    async for message in reader:
        event = event_of(message)
        if isinstance(event, kind):
            found.append(event)
        if len(found) == count:
            break
    await reader.close()
    return found


async def ask(bus: Bus, command: str, session: str, **fields: str) -> CommandAnswer:
    body = msgspec.msgpack.encode({"author": "ann", "reason": "test"} | fields)
    return msgspec.msgpack.decode(await bus.request(subjects.command(command, session), body), type=CommandAnswer)


def test_a_killed_account_goes_on_where_it_was(bus_factory: BusFactory, tmp_path: Path) -> None:
    """S03: killed with a trip in the log and no command given; the next process gives each, once, and trips nothing."""
    sessions = Sessions(limits_of(daily_loss={"limit": "100", "action": "kill"}), *NAMES)
    published = 0
    taken: dict[str, Any] = {}

    async def publish(bus: Bus) -> None:
        nonlocal published
        new, published = sessions.log[published:], len(sessions.log)
        for event in new:
            await bus.publish(event)

    async def take(bus: Bus, subject: str, data: bytes) -> bytes:
        """A session's execution: logs what it is given, the same command of the same cause once."""
        _, _, name, session = subject.split(".")
        request = msgspec.msgpack.decode(data)
        last = taken.get(session)
        if last is None or (last.command, last.cause) != (name, request["cause"]):
            sessions.command(session, name, request["author"], cause=request["cause"])
            last = taken[session] = sessions.log[-1]
            await publish(bus)
        return msgspec.msgpack.encode(CommandAnswer(True, id=last.id))

    async def work(bus: Bus) -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, bus_factory.url)
        sessions.settle("one", "-60")
        sessions.settle("two", "-45")
        await publish(bus)
        (trip,) = await seen(bus, LimitTripped, "main")
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        sessions.settle("one", "-1")
        await publish(bus)

        undo = [await bus.on(subjects.command("*", name), lambda *given: take(bus, *given)) for name in NAMES]
        account = asyncio.create_task(AccountShell(bus, "main", "this one").run())
        for name in NAMES:
            (command,) = await seen(bus, Command, name)
            assert (command.command, command.author, command.cause) == ("kill", "risk:main", trip.id)

        shown = (await _beats(Settings(home=tmp_path, nats_url=bus_factory.url), None))["main"]
        assert (shown["state"], shown["gate"], shown["profit"]) == ("account", "killed", "-106")
        level = {"name": "daily_loss", "value": "106", "limit": "100", "left": "-6", "tripped": True, "not_applied": ""}
        assert shown["limits"] == [level]
        last = await last_event(bus, subjects.owned("main", "account", "snapshot"), Snapshot)
        assert last is not None
        assert last[1].object in await bus.object_names(), "what was folded at the start is not read again"

        answer = await ask(bus, "stop", "main")
        assert not answer.accepted
        assert "Give it to each session: one, two" in answer.message
        answer = await ask(bus, "resume", "main", author="risk:main")
        assert not answer.accepted
        assert (await ask(bus, "resume", "main")).accepted
        (reset,) = await seen(bus, LimitReset, "main")
        assert (reset.why, reset.author) == ("resume", "ann")
        for name in NAMES:
            assert [command.command for command in await seen(bus, Command, name, 2)] == ["kill", "resume"]
        account.cancel()
        await asyncio.wait({account})
        for each in undo:
            await each()
        found = events(await read_log(bus))
        assert len(of(found, "main", LimitTripped)) == 1
        assert [len(of(found, name, Command)) for name in NAMES] == [2, 2]
        result = replay_account("main", [data for _, data in await read_log(bus)])
        assert result.agrees, result.first
        assert result.compared == 2

    run(bus_factory, work)


def test_who_gives_a_session_other_limits_than_its_account_has_is_refused_by_name(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    async def work(bus: Bus) -> None:
        first, second = House(bus, tmp_path, limits_of(drawdown={"limit": "100"})).announced
        await check_account(bus, second, [first, second])
        for changes in ({"limits": {"drawdown": None}}, {"currency": "EUR"}):
            account = second.config["account"] | changes
            differing = msgspec.structs.replace(second, config=second.config | {"account": account})
            with pytest.raises(SessionRefused, match=f"The session one of the account main .*{next(iter(changes))}"):
                await check_account(bus, differing, [first, differing])
            await check_account(bus, differing, [differing, first])  # the later one is refused
        with pytest.raises(SessionRefused, match="paper and real money"):
            await check_account(bus, msgspec.structs.replace(second, stage="live"), [first, second])

        await bus.publish(msgspec.structs.replace(first, session="main", id="main/run/1"))
        with pytest.raises(SessionRefused, match="The account main has the name of a session"):
            await check_account(bus, first, [first])

    run(bus_factory, work)


def test_the_name_of_an_account_is_no_name_for_a_session(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def work(bus: Bus) -> None:
        account = asyncio.create_task(AccountShell(bus, "one", "here").run())
        reader = await bus.reader([subjects.owned("one", "account")])
        async for _ in reader:
            break
        await reader.close()
        announced = House(bus, tmp_path, limits_of(drawdown={"limit": "100"})).announced[0]
        with pytest.raises(SessionRefused, match="'one' is the name of an account"):
            await check_account(bus, announced, [announced])
        account.cancel()
        await asyncio.wait({account})

    run(bus_factory, work)


def test_only_the_account_of_a_session_gives_commands_in_its_name_and_each_once(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """S03: an unauthorised author is refused and recorded; an account lifts nothing that an operator has set."""

    async def work(bus: Bus) -> None:
        announced, started = House(bus, tmp_path, limits_of(drawdown={"limit": "100"})).begun["one"]
        shell = ExecutionShell(bus, announced, "execution", tmp_path / "sessions" / "one", lambda: [announced])
        execution = asyncio.create_task(shell.run(1))
        await seen(bus, Joined, "one")
        await bus.publish(started)

        async def given(command: str, **fields: str) -> CommandAnswer:
            return await ask(bus, command, "one", author="risk:main", **fields)

        stop = await given("stop", cause="main/account/1")
        assert stop.accepted
        assert (await given("stop", cause="main/account/1")).id == stop.id
        other = await ask(bus, "stop", "one", author="risk:other")
        assert "'risk:other' is not the account of the session one" in other.message
        assert (await ask(bus, "kill", "one")).accepted
        assert "An operator has given a command since" in (await given("resume", cause="main/account/2")).message
        assert (await given("flatten", cause="main/account/3")).accepted
        assert (await given("resume", cause="main/account/4")).accepted
        execution.cancel()
        await asyncio.wait({execution})
        found = events(await read_log(bus))
        assert [command.command for command in of(found, "one", Command)] == ["stop", "kill", "flatten", "resume"]
        assert [incident.code for incident in of(found, "one", Incident)] == ["command_refused"] * 2

    run(bus_factory, work)


def test_a_session_ends_with_its_account_when_the_log_has_what_no_input_gives(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    sessions = Sessions(limits_of(drawdown={"limit": "1"}), "one")
    (forged,) = sessions.settle("one", "-1")

    async def work(bus: Bus) -> None:
        announced = House(bus, tmp_path, limits_of(drawdown={"limit": "1"})).announced[0]
        await bus.publish(forged)
        ended = asyncio.Event()

        async def session() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(DeterminismViolation, match="main/account/1"):
            await Accounts("here").beside(bus, announced, session())
        assert ended.is_set()
        (incident,) = await seen(bus, Incident, "main")
        assert (incident.severity, incident.code) == ("fatal", "determinism_violation")

    run(bus_factory, work)


def test_who_stands_by_takes_the_account_when_its_process_is_done(bus_factory: BusFactory, tmp_path: Path) -> None:
    async def work(bus: Bus) -> None:
        one, two = House(bus, tmp_path, limits_of(drawdown={"limit": "1"})).announced
        ends = [asyncio.Event(), asyncio.Event()]
        running = []
        for number, announced in enumerate((one, two)):
            accounts = Accounts(f"process {number}")
            running.append(asyncio.create_task(accounts.beside(bus, announced, until(ends[number]))))
            if number == 0:
                (first,) = await owners(bus, 1)
        ends[0].set()
        await running[0]
        assert [owner.instance for owner in await owners(bus, 2)] == [first.instance, "process 1"]
        ends[1].set()
        await running[1]

    async def until(end: asyncio.Event) -> None:
        await end.wait()

    async def owners(bus: Bus, count: int) -> list[Any]:
        return await seen(bus, Owned, "main", count)

    run(bus_factory, work)
