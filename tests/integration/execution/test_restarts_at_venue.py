"""What has become of orders while a session's execution was down, at the local exchange."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fix_gateway import TradingAccount, trading_venue
from fix_nats import BusFactory
from killed_session import KilledSession, asks, killed_session

ORDER = "/fapi/v1/order"
DEADLINE_S = 60.0
S = 1_000_000_000
FAST: dict[str, Any] = {"send_window_s": 0.5, "recv_window_ms": 200, "max_resend_age_s": 600.0, "account_every_s": 1.0}
LIMIT: dict[str, Any] = {"style": "limit", "limit_price": "30000"}

type Work = Callable[[KilledSession, TradingAccount], Awaitable[None]]


def play(bus_factory: BusFactory, home: Path, work: Work, *, incidents: tuple[str, ...] = (), **execution: Any) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue("wall") as trading,
            killed_session(bus, bus_factory.url, trading, home, **{**FAST, **execution}) as session,
        ):  # fmt: skip
            await work(session, trading)
            await session.agree(trading, incidents)

    asyncio.run(run())


async def standing(session: KilledSession, **fields: Any) -> Any:
    """A limit order that the venue has, and whose execution is down."""
    await session.ask(**LIMIT, **fields)
    await session.until("order.accepted")
    await session.kill()
    return session.of("order.requested")[0]


async def never_sent(session: KilledSession, **asked: Any) -> None:
    """A request that the log has, and whose execution ended before it left."""
    session.gate.hold(asks("send"))
    await session.ask(**asked)
    await session.killed_at_point()


async def down(session: KilledSession, trading: TradingAccount, seconds: float) -> None:
    """Time goes on, and then the execution does."""
    await trading.reach(trading.account.now_ns() + int(seconds * S))
    session.execute()


@pytest.mark.parametrize("life_ns", [None, 5 * S], ids=["P02", "P04"])
def test_what_filled_while_down_is_booked_and_not_cancelled(
    life_ns: int | None, bus_factory: BusFactory, tmp_path: Path
) -> None:
    """P01, P02, P04: at its own price, also where its time has run out meanwhile."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        order = await standing(session, time_to_live_ns=life_ns)
        await trading.client.post(f"orders/{order.client_order_id}/fill")
        await down(session, trading, 6)
        filled = await session.until("order.filled")

        assert (filled.order_id, filled.price, filled.remaining) == (order.order_id, "30000", "0")
        assert await trading.seen("DELETE", ORDER) == 0

    play(bus_factory, tmp_path, work)


def test_what_is_stale_after_a_restart_is_cancelled_once(bus_factory: BusFactory, tmp_path: Path) -> None:
    """P03: with its reason; the strategy hears of it by the event."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        order = await standing(session, time_to_live_ns=5 * S)
        await down(session, trading, 6)
        cancelled = await session.until("order.cancelled")

        assert (cancelled.order_id, cancelled.reason, cancelled.filled) == (order.order_id, "timeout", "0")
        assert await trading.seen("DELETE", ORDER) == 1

    play(bus_factory, tmp_path, work)


@pytest.mark.parametrize("verb", ["cancel", "expire"])
def test_what_the_venue_ended_while_down_ends_here(verb: str, bus_factory: BusFactory, tmp_path: Path) -> None:
    """P03: nobody asked for it."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        order = await standing(session)
        await trading.client.post(f"orders/{order.client_order_id}/{verb}")
        await down(session, trading, 1)
        ended = await session.until("order.cancelled" if verb == "cancel" else "order.expired")

        assert (ended.order_id, ended.filled) == (order.order_id, "0")
        assert await trading.seen("DELETE", ORDER) == 0

    play(bus_factory, tmp_path, work)


def test_an_entry_that_never_left_is_not_sent_when_it_is_old(bus_factory: BusFactory, tmp_path: Path) -> None:
    """P13: older than ``max_resend_age_s``, it ends with that reason."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        await never_sent(session, **LIMIT)
        await down(session, trading, 20)
        cancelled = await session.until("order.cancelled")

        assert cancelled.reason == "resend_age"
        assert await trading.seen("POST", ORDER) == 0

    play(bus_factory, tmp_path, work, max_resend_age_s=10.0)


def test_a_close_that_never_left_is_sent_however_old_it_is(bus_factory: BusFactory, tmp_path: Path) -> None:
    """P13, P06: the position that its entry has made is closed, once."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        await session.ask()
        await session.until("order.filled")
        await never_sent(session, action="close", quantity=None)
        await down(session, trading, 20)
        await session.until("order.filled", lambda fill: fill.leg_quantity == "0")

        assert await trading.seen("POST", ORDER) == 2

    play(bus_factory, tmp_path, work, max_resend_age_s=10.0)


def test_an_order_older_than_the_venue_remembers_blocks_and_is_not_sent(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """P14, P05: absence proves nothing any more, and the state stays as it is."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        await never_sent(session, **LIMIT)
        await down(session, trading, 70)
        await session.until("ops.incident", lambda event: event.code == "history_window")

        assert await trading.seen("POST", ORDER) == 0
        assert list(session.orders().values()) == [("limit", "unknown")]

    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue("wall") as trading,
            killed_session(bus, bus_factory.url, trading, tmp_path, **FAST, history_window_s=60.0) as session,
        ):  # fmt: skip
            await work(session, trading)

    asyncio.run(run())


def test_an_execution_that_is_paused_before_it_sends_leaves_one_order(bus_factory: BusFactory, tmp_path: Path) -> None:
    """P12: another process takes over and sends; what the first one sends when it wakes is refused by the gateway."""

    async def work(session: KilledSession, trading: TradingAccount) -> None:
        session.gate.hold(asks("send"))
        await session.ask(**LIMIT)
        async with asyncio.timeout(DEADLINE_S):
            await session.gate.reached.wait()
        first = session.process
        assert first is not None
        assert first.pid is not None
        os.kill(first.pid, signal.SIGSTOP)
        session.execute()
        await session.until("order.accepted")
        session.gate.release()
        os.kill(first.pid, signal.SIGCONT)
        await session.next("account.reported", 2)

        assert await trading.seen("POST", ORDER) == 1
        assert session.epoch() == 2
        first.kill()

    play(bus_factory, tmp_path, work)
