"""The start guard at the local exchange, through the gateway and unmodified ccxt."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fix_gateway import KEY, SECRET, TradingAccount, trading_venue
from fix_live_session import LiveSession, announced_session, configuration, live_session
from fix_nats import BusFactory
from msgspec.structs import replace

from live_runner.contracts.errors import SessionRefused
from live_runner.contracts.messages import JoinDeclined
from live_runner.services.execution import shell
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.venues.registry import PROFILES

DEADLINE_S = 60.0
LIMIT_S = 0.5
"""How long the guard asks again for what is not proven, where a test does not wait for it to pass."""
ETH = "ETH/USDT:USDT"
LIMIT: dict[str, Any] = {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "30000"}
OPEN_ORDERS = {"method": "GET", "path": "/fapi/v1/openOrders"}
FILLS_ONE: dict[str, Any] = {"action": "open", "quantity": "0.01", "style": "market"}
RESTS: dict[str, Any] = {"action": "open", "quantity": "0.01", "style": "limit", "limit_price": "40000"}

type Work = Callable[[LiveSession, TradingAccount], Awaitable[None]]
type Begin = Callable[[Bus, TradingAccount, Path], AbstractAsyncContextManager[LiveSession]]


def play(bus_factory: BusFactory, folder: Path, work: Work, begin: Begin = announced_session, **venue: Any) -> None:
    async def run() -> None:
        async with (
            asyncio.timeout(DEADLINE_S), bus_factory() as bus, trading_venue(**venue) as trading,
            begin(bus, trading, folder) as session,
        ):  # fmt: skip
            await work(session, trading)

    asyncio.run(run())


async def refused(session: LiveSession, instance: str = "one", **others: Any) -> SessionRefused:
    """Why its execution does not take part, or does not go on."""
    with pytest.raises(SessionRefused) as error:
        await session.execute(instance, **others)
    await session.kill()
    assert error.value.exit_code == 66
    return error.value


async def by_hand(trading: TradingAccount, symbol: str = "BTCUSDT", side: str = "BUY", **given: Any) -> Any:
    """An order placed in the venue's own window."""
    leg = given.pop("leg", "LONG")
    order = {**LIMIT, "symbol": symbol, "side": side, "positionSide": leg, **given}
    return await trading.client.post(f"accounts/{KEY}/manual_order", order)


def blocking(error: SessionRefused) -> list[dict[str, Any]]:
    return [finding for finding in error.fields["findings"] if finding.get("blocks", True)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "GUARD_LIMIT_S", LIMIT_S)


@pytest.mark.parametrize(("symbol", "price"), [("BTCUSDT", "30000"), ("ETHUSDT", "1000")])
def test_an_order_placed_by_hand_keeps_a_session_from_beginning(
    bus_factory: BusFactory, tmp_path: Path, symbol: str, price: str
) -> None:
    """G01, G05: of another symbol than the session's, too; the refusal is in the log, with every id."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        order = await by_hand(trading, symbol, price=price, quantity="0.02")
        error = await refused(session)

        (finding,) = blocking(error)
        assert (finding["kind"], finding["side"], finding["leg"]) == ("untracked_order", "buy", "long")
        assert finding["symbol"].startswith(symbol.removesuffix("USDT"))
        ids = {"orderId": str(order["orderId"]), "clientOrderId": order["clientOrderId"]}
        assert finding["ids"] == ids
        assert all(id_ in str(error) for id_ in ids.values())
        declined = await session.until("session.refused")
        assert isinstance(declined, JoinDeclined)
        assert declined.reason == "untracked_order"
        assert declined.details["findings"][0]["ids"] == ids
        assert await trading.seen("POST", "/fapi/v1/order") == 0

    play(bus_factory, tmp_path, work)


def test_a_trigger_order_that_could_open_is_listed_too(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G01, O17: stops live in a second id space; one that closes the position does not block (G04)."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        async with trading.client.exchange({"key": KEY, "secret": SECRET}) as exchange:
            exchange.milliseconds = lambda: trading.account.now_ns() // 1_000_000  # the exchange's clock stands still
            long = {"positionSide": "LONG"}
            stop = {**long, "stopPrice": "60000"}
            opening = await exchange.create_order("BTC/USDT:USDT", "STOP_MARKET", "buy", 0.01, None, stop)
            closing = {**long, "stopPrice": "40000", "closePosition": True}
            await exchange.create_order("BTC/USDT:USDT", "STOP_MARKET", "sell", None, None, closing)
        error = await refused(session)

        (finding,) = blocking(error)
        assert (finding["kind"], finding["ids"]["algoId"]) == ("untracked_order", opening["id"])
        assert [each["kind"] for each in error.fields["findings"] if each not in blocking(error)] == ["closing_order"]

    play(bus_factory, tmp_path, work)


def test_an_order_that_the_listing_of_all_leaves_out_is_found(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G02, G03: no local state, the symbols of the configuration are asked for one by one."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await by_hand(trading)
        fault = await trading.client.add_fault({**OPEN_ORDERS, "count": 1}, after={"status": 200, "body": "[]"})
        error = await refused(session)

        assert [finding["kind"] for finding in blocking(error)] == ["untracked_order"]
        assert await trading.client.lift(fault) == 1

    play(bus_factory, tmp_path, work)


def test_a_venue_that_lists_one_symbol_at_a_time_is_asked_for_each(
    bus_factory: BusFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G02: those of the session and of what is held; the listing of all is not asked for."""
    by_symbol = dataclasses.replace(PROFILES["binanceusdm"], lists_every_symbol=False)
    monkeypatch.setitem(PROFILES, "binanceusdm", by_symbol)

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await by_hand(trading)
        error = await refused(session)

        assert [finding["kind"] for finding in error.fields["findings"]] == [
            "other_symbols_unlisted",
            "untracked_order",
        ]
        asked = await trading.client.get("requests", path=OPEN_ORDERS["path"])
        assert {request["params"].get("symbol") for request in asked} == {"BTCUSDT"}

    play(bus_factory, tmp_path, work)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [{"status": 503, "body": "<html>"}, {"status": 200, "body": "{}"}, {"reset": True}])
def test_a_listing_that_fails_blocks(bus_factory: BusFactory, tmp_path: Path, answer: dict[str, Any]) -> None:
    """G07: an answer of another shape is none, and "nothing" is never made of it."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault(OPEN_ORDERS, after=answer)
        error = await refused(session)

        assert {finding["kind"] for finding in blocking(error)} == {"open_orders_unavailable"}
        assert await trading.client.lift(fault) >= 1

    play(bus_factory, tmp_path, work)


def test_a_listing_that_fails_once_is_asked_for_again(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G07."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        fault = await trading.client.add_fault({**OPEN_ORDERS, "count": 1}, after={"status": 503, "body": "<html>"})
        session.execute()
        await session.until("session.joined")

        assert await trading.client.lift(fault) == 1

    play(bus_factory, tmp_path, work)


@pytest.mark.usefixtures("impatient")
def test_a_position_opened_by_hand_another_mode_and_leverage_block(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G08, G11: everything that is wrong is said at once, with both values."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        market = {"type": "MARKET", "leg": "BOTH", "timeInForce": "", "price": ""}
        order = {name: value for name, value in (LIMIT | market).items() if value and name != "leg"}
        given = {**order, "symbol": "ETHUSDT", "side": "BUY", "quantity": "0.1"}
        await trading.client.post(f"accounts/{KEY}/manual_order", given)
        await trading.client.post(f"accounts/{KEY}/leverage", {"symbol": "BTCUSDT", "leverage": 5})
        error = await refused(session)

        kinds = [finding["kind"] for finding in blocking(error)]
        assert kinds == ["position_mode_differs", "leverage_differs", "foreign_position"]
        assert "one_way, the configuration says hedge" in str(error)
        assert "5 at the venue, the configuration says 20" in str(error)

    play(bus_factory, tmp_path, work, hedge=False)


def test_what_another_session_of_the_account_has_on_its_symbol_does_not_block(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G12."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await by_hand(trading, "ETHUSDT", price="1000", quantity="0.02")
        config = msgspec.json.decode(msgspec.json.encode(session.announced.config))
        config["market"]["symbols"] = [ETH]
        other = replace(session.announced, session="beta", config=config)
        session.execute(others=lambda: [other, session.announced])
        await session.until("session.joined")

    play(bus_factory, tmp_path, work)


@pytest.mark.usefixtures("impatient")
def test_without_its_gateway_a_session_does_not_begin(bus_factory: BusFactory, tmp_path: Path) -> None:
    @asynccontextmanager
    async def alone(bus: Bus, trading: TradingAccount, folder: Path) -> AsyncIterator[LiveSession]:
        session = LiveSession(bus, configuration(), trading.account.now_ns(), folder)
        following = asyncio.create_task(session.follow())
        await bus.publish(session.announced)
        yield session
        following.cancel()

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        error = await refused(session)

        assert [finding["kind"] for finding in blocking(error)] == ["gateway_away"]
        assert "live-runner serve gateway --account main" in str(error)

    play(bus_factory, tmp_path, work, alone)


# -- after a restart ------------------------------------------------------------------------------


def test_orders_of_the_session_are_fine_after_a_restart_and_a_closing_one_by_hand_too(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G01, G04: its own, resting and as a stop; in hedge mode the position's side says that an order only closes."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide(FILLS_ONE)
        await session.until("order.filled")
        await session.settled()
        await session.decide(RESTS | {"action": "add", "limit_price": "30000"})
        add = await session.until("order.requested", lambda event: event.kind == "limit")
        accepted = await session.until("order.accepted", lambda event: event.order_id == add.order_id)
        await session.kill()
        await by_hand(trading, side="SELL", price="60000")
        session.execute("two")
        settled = await session.settled()

        assert [order.order_id for order in settled.pending] == [accepted.order_id]
        await session.agree(trading)

    play(bus_factory, tmp_path, work, live_session, clock="wall")


def test_an_order_that_filled_while_nobody_ran_is_not_missing(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G06, P02: it is not listed any more, and its own id leads to its end."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide(RESTS | {"limit_price": "49000"})
        await session.until("order.accepted")
        await session.kill()
        await trading.price("48900")
        session.execute("two")
        fill = await session.until("order.filled")

        assert (fill.price, fill.quantity) == ("49000", "0.01")
        await session.agree(trading)

    play(bus_factory, tmp_path, work, live_session)


@pytest.mark.usefixtures("impatient")
def test_an_order_that_the_venue_has_lost_keeps_the_session_from_going_on(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G06: accepted, and now neither listed, nor known by its id, nor among the trades."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide(RESTS)
        accepted = await session.until("order.accepted")
        await session.kill()
        await trading.client.post(f"orders/{accepted.venue_order_id}/cancel", {"account": KEY})
        unknown = {"code": -2013, "message": "Order does not exist."}
        fault = await trading.client.add_fault({"method": "GET", "path": "/fapi/v1/order"}, after=unknown)
        error = await refused(session, "two")

        (finding,) = blocking(error)
        assert finding["kind"] == "tracked_order_missing_at_venue"
        assert finding["ids"]["id"] == accepted.venue_order_id
        incident = await session.until("ops.incident")
        assert (incident.code, incident.severity) == ("session_refused", "fatal")
        # Once the venue knows it again, the session goes on where it was.
        assert await trading.client.lift(fault) >= 1
        await trading.client.pass_time(60)  # the next question about it is due
        session.execute("three")
        cancelled = await session.until("order.cancelled")
        assert cancelled.order_id == accepted.order_id

    play(bus_factory, tmp_path, work, live_session)


def test_an_order_that_the_venue_hides_for_a_moment_is_asked_for_again(bus_factory: BusFactory, tmp_path: Path) -> None:
    """G06: directly after its end a venue may not know an order for a while."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.bar()
        await session.decide(RESTS)
        await session.until("order.accepted")
        await session.kill()
        unknown = {"code": -2013, "message": "Order does not exist."}
        hidden = await trading.client.add_fault({"method": "GET", "path": "/fapi/v1/order", "count": 1}, after=unknown)
        empty = await trading.client.add_fault({**OPEN_ORDERS, "count": 2}, after={"status": 200, "body": "[]"})
        session.execute("two")
        await session.until("session.owned", lambda event: event.epoch == 2)
        settled = await session.settled()

        assert [await trading.client.lift(fault) for fault in (hidden, empty)] == [1, 2]
        assert len(settled.pending) == 1

    play(bus_factory, tmp_path, work, live_session)


def test_an_order_placed_by_hand_while_nobody_ran_keeps_the_session_from_going_on(
    bus_factory: BusFactory, tmp_path: Path
) -> None:
    """G01: the same rule as at the beginning; without it, the session goes on."""

    async def work(session: LiveSession, trading: TradingAccount) -> None:
        await session.settled()
        await session.decide()
        await session.kill()
        order = await by_hand(trading)
        error = await refused(session, "two")
        assert [finding["kind"] for finding in blocking(error)] == ["untracked_order"]
        await trading.client.post(f"orders/{order['orderId']}/cancel", {"account": KEY})
        session.execute("three")
        await session.settled()

    play(bus_factory, tmp_path, work, live_session)
