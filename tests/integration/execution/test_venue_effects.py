"""Effects of the core carried out at the local exchange, through the gateway and unmodified ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fix_gateway import KEY, TradingAccount, trading_venue
from fix_live_session import LiveSession, live_session
from fix_nats import BusFactory

from live_runner.services.execution.venue_effects import VenueEffects

DEADLINE_S = 60.0


def play(
    bus_factory: BusFactory,
    folder: Path,
    work: Callable[[LiveSession, TradingAccount], Awaitable[None]],
    *,
    clock: str = "manual",
    **execution: Any,
) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue(clock) as trading,
            live_session(bus, trading, folder, **execution) as session,
        ):  # fmt: skip
            await work(session, trading)
            await session.agree(trading)

    asyncio.run(run())


def test_a_market_order_is_sent_once_and_its_trades_are_booked_as_the_venue_has_them(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """O10, O12: request in the log, order at the venue, trades asked for, booked by their ids."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide({"action": "open", "quantity": "0.01", "style": "market"})
        fill = await session.until("order.filled")
        settled = await session.settled()
        ledger = await trading.client.get("ledger")

        (trade,) = ledger["accounts"][KEY]["trades"]
        assert (fill.fill_id, fill.quantity, fill.price) == (str(trade["id"]), trade["quantity"], trade["price"])
        assert [(leg.quantity, leg.leg) for leg in settled.legs if leg.quantity != "0"] == [("0.01", "long")]
        assert await trading.seen("POST", "/fapi/v1/order") == 1
        (submitted,) = session.of("order.submitted")
        assert submitted.seq < fill.seq

    play(bus_factory, tmp_path, work)


def test_a_resting_limit_is_found_filled_and_a_cancel_takes_one_off(bus_factory: BusFactory, tmp_path: Path) -> None:
    """O02, O04."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        limit = {"action": "open", "style": "limit"}
        await session.decide(
            {**limit, "quantity": "0.01", "limit_price": "49000"}, {**limit, "quantity": "0.02", "limit_price": "48000"}
        )
        await session.until("order.accepted", lambda event: event.seq > session.of("order.accepted")[0].seq)
        await trading.price("48900")
        fill = await session.until("order.filled")
        assert (fill.quantity, fill.price, fill.liquidity) == ("0.01", "49000", "maker")
        settled = await session.settled()
        standing = settled.pending[0].order_id
        await session.decide({"action": "cancel", "order_id": standing})
        cancelled = await session.until("order.cancelled")

        assert cancelled.order_id != fill.order_id
        assert await trading.standing() == []

    play(bus_factory, tmp_path, work)


def test_an_order_whose_answer_is_lost_is_looked_up_and_not_sent_again(bus_factory: BusFactory, tmp_path: Path) -> None:
    """O12: the connection breaks after the venue has taken the order."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault({"method": "POST", "path": "/fapi/v1/order"}, after={"reset": True})
        await session.bar()
        await session.decide({"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "49000"})
        unknown = await session.until("order.unknown")
        accepted = await session.until("order.accepted")

        assert unknown.seq < accepted.seq
        assert await trading.client.lift(fault) == 1
        assert await trading.seen("POST", "/fapi/v1/order") == 1
        assert len(await trading.standing()) == 1

    play(bus_factory, tmp_path, work)


def test_a_refusal_by_an_unknown_code_is_looked_up_and_holds_once_the_order_is_absent(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """O14: it is sent once, and the strategy gets the code."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        code = {"status": 400, "code": -9876, "message": "What nobody has seen before."}
        fault = await trading.client.add_fault({"method": "POST", "path": "/fapi/v1/order"}, before=code)
        await session.bar()
        await session.decide({"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "30000"})
        rejected = await session.until("order.rejected")

        assert (rejected.code, len(session.of("order.unknown"))) == ("-9876", 1)
        assert [report.status for report in session.of("order.report")][-1] == "absent"
        assert await trading.client.lift(fault) == 1
        assert await trading.seen("POST", "/fapi/v1/order") == 1

    play(bus_factory, tmp_path, work, clock="wall", send_window_s=0.5, recv_window_ms=200)


def test_an_order_that_never_left_is_sent_by_whoever_takes_over_and_once(
    bus_factory: BusFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11, P13: the process ends between the request in the log and the request to the gateway."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(VenueEffects, "take", lambda *_: None)
            await session.bar()
            await session.decide({"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "30000"})
            await session.until("account.executed")
            await session.kill()
        assert await trading.seen("POST", "/fapi/v1/order") == 0
        session.execute("two")
        await session.until("order.accepted")

        assert [type_ for type_ in ("order.requested", "order.unknown", "order.accepted") if session.of(type_)] == [
            "order.requested", "order.unknown", "order.accepted",
        ]  # fmt: skip
        assert len(session.of("order.requested")) == await trading.seen("POST", "/fapi/v1/order") == 1

    play(bus_factory, tmp_path, work, clock="wall", send_window_s=0.5, recv_window_ms=200, max_resend_age_s=600.0)


def test_a_stop_stands_at_the_venue_and_what_it_becomes_closes_the_leg(bus_factory: BusFactory, tmp_path: Path) -> None:
    """O17, O18: the target goes when the stop has filled, and the account is the venue's to the last unit."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        prices = {"stop_loss": "49000", "take_profit": "52000"}
        await session.decide({"action": "open", "quantity": "0.01", "style": "market", **prices})
        stops = await session.until("order.accepted", lambda event: len(session.of("order.accepted")) > 1)
        assert stops is not None
        assert sorted(order["type"] for order in await trading.standing()) == ["STOP_MARKET", "TAKE_PROFIT_MARKET"]
        await trading.price("48990")
        closed = await session.until("order.filled", lambda event: event.action != "open")
        await session.until("order.cancelled")

        assert (closed.kind, closed.leg_quantity) == ("stop", "0")
        assert await trading.standing() == []

    play(bus_factory, tmp_path, work, max_protective=10)


def test_a_fill_that_a_stream_names_is_asked_for_at_once(bus_factory: BusFactory, tmp_path: Path) -> None:
    """O10: nothing else would look at the order for ten minutes."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide({"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "49000"})
        await session.until("order.accepted")
        await trading.price("48900")
        fill = await session.until("order.filled")

        assert (fill.price, fill.liquidity) == ("49000", "maker")

    play(bus_factory, tmp_path, work, poll_s=600.0)


def test_funding_is_booked_as_the_venue_has_it_and_once(bus_factory: BusFactory, tmp_path: Path) -> None:
    """L03: asked for many times, and again by whoever takes over."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide({"action": "open", "quantity": "0.01", "style": "market"})
        await session.until("order.filled")
        await trading.client.post(f"accounts/{KEY}/funding", {"symbol": "BTCUSDT", "rate": "0.0001"})
        paid = await session.until("account.funding")
        await session.until("account.reported")
        await session.kill()
        session.execute("two")
        await session.until("account.income", lambda event: event.source.endswith(".2"))

        assert paid.symbol == "BTC/USDT:USDT"
        assert len(session.of("account.funding")) == 1

    play(bus_factory, tmp_path, work)
