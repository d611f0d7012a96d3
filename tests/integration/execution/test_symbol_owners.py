"""G12: a symbol of a venue account is traded by one session, and an account has one gateway."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fix_gateway import BTC_SYMBOL, TradingAccount, requested, send, trading_venue
from fix_live_session import NAME, LiveSession, gateway_of, live_session
from fix_nats import BusFactory
from killed_gateway import KilledGateway
from msgspec.structs import replace
from nats_gate import nats_gate

from live_runner.contracts import subjects
from live_runner.contracts.errors import SessionRefused
from live_runner.contracts.gateway import Outcome, decode_outcome, encode
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import Announced, JoinDeclined, Owned, Stopped
from live_runner.services.execution.shell import ExecutionShell
from live_runner.services.execution.symbol_owners import own_symbols
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event
from live_runner.services.runtime.service.boot_clock import moment
from live_runner.services.runtime.service.ownership import Ownership

DEADLINE_S = 60.0
ETH_SYMBOL = "ETH/USDT:USDT"

type Work = Callable[[LiveSession, TradingAccount, Path], Awaitable[None]]


def play(bus_factory: BusFactory, folder: Path, work: Work) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue() as trading,
            live_session(bus, trading, folder) as session,
        ):  # fmt: skip
            await work(session, trading, folder)
            await session.agree(trading)

    asyncio.run(run())


def another(session: LiveSession, name: str, symbol: str) -> Announced:
    """The announcement of a further session on the same account."""
    config: Any = session.announced.config
    market = config["market"] | {"symbols": [symbol]}
    built = config | {"session": name, "market": market}
    return replace(session.announced, id=event_id(name, "run", 1), session=name, config=built)


async def joins(bus: Bus, announced: Announced, folder: Path, under_way: list[Announced]) -> str:
    """What comes of a session's execution, "" where it takes part."""
    await bus.publish(announced)
    running = asyncio.create_task(ExecutionShell(bus, announced, "two", folder, lambda: under_way).run(1))
    reader = await bus.reader(subjects.of_session(announced.session))
    try:
        async for message in reader:
            kind = message.subject.split(".")[2]
            if kind == "refused":
                with pytest.raises(SessionRefused) as refused:
                    await running
                return str(refused.value)
            if kind == "joined":
                return ""
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await reader.close()
    raise AssertionError("the log ended")


def test_a_second_session_on_the_same_symbol_is_refused_and_one_on_another_is_not(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G12: the owner is named, whether its process runs or not; the other symbol's orders are the other session's."""

    async def work(session: LiveSession, trading: TradingAccount, folder: Path) -> None:
        under_way = [session.announced]
        beta, gamma = another(session, "beta", BTC_SYMBOL), another(session, "gamma", ETH_SYMBOL)
        why = await joins(session.bus, beta, folder, [*under_way, beta])
        assert f"{BTC_SYMBOL} of the account main is traded by {NAME}" in why
        declined = await last_event(session.bus, subjects.event_subject("session.refused", "beta"), JoinDeclined)
        assert declined is not None
        assert (declined[1].reason, declined[1].details["session"]) == ("symbol_taken", NAME)

        await session.ask(style="limit", limit_price="40000")
        await session.until("order.accepted")
        assert await joins(session.bus, gamma, folder, [*under_way, gamma]) == ""

        await session.kill()
        again = replace(beta, id=event_id("beta", "run", 2), seq=2)
        assert NAME in await joins(session.bus, again, folder, [*under_way, again])
        session.execute("three")
        await session.until("session.owned", lambda event: event.epoch == 2 and event.role == "execution")
        await session.ask("cancel", quantity=None, order_id=session.of("order.accepted")[0].order_id)
        await session.until("order.cancelled")

    play(bus_factory, tmp_path, work)


def test_a_symbol_is_free_once_its_session_is_over(bus_factory: BusFactory) -> None:
    """G12: an epoch in the log, of which the first of two wins; a session keeps its own."""

    async def run() -> tuple[str, int]:
        async with bus_factory() as bus:

            async def own(session: str, *under_way: str) -> None:
                await own_symbols(bus, session, "main", [BTC_SYMBOL], under_way)

            async def say(kind: Any, session: str, seq: int, **fields: Any) -> None:
                envelope = {"id": event_id(session, "run", seq), "session": session, "source": "run", "seq": seq}
                await bus.publish(kind(**envelope, event_ns=1, **fields))

            announced = {
                "stage": "live_small", "config": {}, "config_hash": "", "strategy": "", "strategy_hash": "",
                "engine": 3, "engine_version": "", "engine_hash": "", "warmup_bars": 0, "sources": {},
            }  # fmt: skip
            for session in ("a", "b", "c"):
                await say(Announced, session, 1, **announced)
            await own("a", "a", "b")
            await own("a", "a", "b")
            with pytest.raises(SessionRefused, match="is traded by a"):
                await own("b", "a", "b")
            with pytest.raises(SessionRefused, match="is traded by a"):
                await own("b")  # whose announcement this process has not read yet
            await say(Stopped, "a", 2, reason="", summary={})
            both = await asyncio.gather(own("b", "b"), own("c", "c"), return_exceptions=True)
            assert [type(each) for each in both if each is not None] == [SessionRefused]
            last = await last_event(bus, subjects.owned("main", subjects.symbol_role(BTC_SYMBOL)), Owned)
            assert last is not None
            return last[1].instance, last[1].epoch

    owner, epoch = asyncio.run(run())

    assert (owner in ("b", "c"), epoch) == (True, 2)


async def ask(bus: Bus, session: str = "s", **fields: Any) -> Outcome:
    request = send(requested(), session=session, made=moment(), **fields)
    return decode_outcome(await bus.request(subjects.gateway("main"), encode(request), timeout_s=30.0))


def test_the_gateway_sends_nothing_of_a_session_that_does_not_own_the_symbol(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G12: whatever the session believes of itself."""

    async def run() -> tuple[Outcome, Outcome]:
        async with bus_factory() as bus, trading_venue() as trading, gateway_of(bus, trading):
            await own_symbols(bus, "s", "main", [BTC_SYMBOL], ["s"])
            for session in ("s", "t"):
                await Ownership.take(bus, session, "execution", "test")
            return await ask(bus), await ask(bus, "t")

    owner, other = asyncio.run(run())

    assert owner.fate == "done"
    assert (other.fate, other.code, other.message) == (
        "not_sent", "other_session", f"{BTC_SYMBOL} of this account is traded by s",
    )  # fmt: skip


def test_a_gateway_that_was_paused_and_wakes_up_sends_nothing_once_another_has_its_account(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G12: each order leaves once, whichever of the two the bus brings it to, and the first one ends."""

    async def run() -> tuple[int, int | None]:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue("wall") as trading,
            nats_gate(bus_factory.url) as (gate, url),
        ):  # fmt: skip
            first, second = (KilledGateway(bus, tmp_path, gate, url) for _ in range(2))
            first.describe(trading)
            await Ownership.take(bus, "s", "execution", "test")
            await first.start()
            assert first.process is not None
            assert first.process.pid is not None
            os.kill(first.process.pid, signal.SIGSTOP)
            await second.start()
            assert [(await ask(bus)).fate for _ in range(3)] == ["done"] * 3
            os.kill(first.process.pid, signal.SIGCONT)
            assert [(await ask(bus)).fate for _ in range(3)] == ["done"] * 3
            await asyncio.to_thread(first.process.join, DEADLINE_S)
            code = first.process.exitcode
            sent = await trading.seen("POST", "/fapi/v1/order")
            await second.kill()
            return sent, code

    sent, code = asyncio.run(run())

    assert sent == 6
    assert code is not None
    assert code > 0
