"""Every call that a program makes of Binance USD-M through unmodified ccxt and ccxt.pro, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest
from fix_emulator import ACCOUNT, EmulatorClient, emulated

BTC = "BTC/USDT:USDT"
START = "2025-06-01T10:00:10Z"
MINUTE_MS = 60_000
WAIT_S = 30.0

type Work = Callable[[EmulatorClient, Any], Awaitable[Any]]


def with_ccxt(work: Work, **profile: Any) -> Any:
    """Run a test's work with an account on a clock that stands still unless it is moved."""

    async def run() -> Any:
        given = {"symbols": [BTC, "ETH/USDT:USDT"], "start": START, "accounts": [ACCOUNT]} | profile
        async with emulated("manual", **given) as venue, venue.exchange(ACCOUNT) as exchange:
            await exchange.load_time_difference()
            return await work(venue, exchange)

    return asyncio.run(run())


async def price_of(exchange: Any) -> float:
    price: float = (await exchange.fetch_ticker(BTC))["last"]
    return price


def test_public_data() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        market = exchange.market(BTC)
        rows = await exchange.fetch_ohlcv(BTC, "1m", limit=5)
        hours = await exchange.fetch_ohlcv(BTC, "1h", limit=3)
        book = await exchange.fetch_order_book(BTC, 5)
        now_ms = (await venue.get("clock"))["now_ms"]

        assert await exchange.fetch_time() == now_ms
        assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
        assert market["limits"]["cost"]["min"] == 5.0
        assert [row[0] for row in rows] == [now_ms // MINUTE_MS * MINUTE_MS - n * MINUTE_MS for n in (4, 3, 2, 1, 0)]
        assert [row[0] % 3_600_000 for row in hours] == [0, 0, 0]
        assert book["bids"][0][0] < book["asks"][0][0]
        assert len(await exchange.fetch_funding_rate_history(BTC, limit=3)) == 3
        assert (await exchange.fetch_funding_rate(BTC))["markPrice"] > 0

    with_ccxt(work)


def test_settings_of_an_account() -> None:
    async def work(_venue: EmulatorClient, exchange: Any) -> None:
        assert (await exchange.fetch_position_mode(BTC))["hedged"] is False
        await exchange.set_position_mode(True)
        assert (await exchange.fetch_position_mode(BTC))["hedged"] is True
        assert (await exchange.set_leverage(7, BTC))["leverage"] in (7, "7")
        with pytest.raises(ccxt.MarginModeAlreadySet):
            await exchange.set_margin_mode("cross", BTC)
        assert (await exchange.fetch_balance())["USDT"]["total"] == 10_000.0
        assert await exchange.fetch_positions() == []
        assert (await exchange.sapiGetAccountApiRestrictions())["enableWithdrawals"] in (False, "false")
        assert await exchange.fetch_leverages([BTC])

    with_ccxt(work)


def test_a_market_order_its_trades_its_position_and_its_fee() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        order = await exchange.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "a1"})
        (trade,) = await exchange.fetch_my_trades(BTC)
        (position,) = await exchange.fetch_positions()
        fetched = await exchange.fetch_order(None, BTC, {"clientOrderId": "a1"})
        ledger = await venue.get("ledger")

        assert (order["status"], order["filled"], order["clientOrderId"]) == ("closed", 0.02, "a1")
        assert (trade["order"], trade["amount"], trade["side"]) == (order["id"], 0.02, "buy")
        assert trade["fee"]["cost"] == pytest.approx(order["cost"] * 0.0005)
        assert (position["side"], position["contracts"]) == ("long", 0.02)
        assert fetched["id"] == order["id"]
        (booked,) = ledger["accounts"][ACCOUNT["key"]]["trades"]
        assert (str(booked["id"]), booked["quantity"], booked["fee"]) == (
            trade["id"],
            "0.02",
            trade["info"]["commission"],
        )
        assert await venue.get("invariants") == []

    with_ccxt(work)


def test_a_limit_order_rests_is_listed_and_cancelled() -> None:
    async def work(_venue: EmulatorClient, exchange: Any) -> None:
        price = round(await price_of(exchange) * 0.97, 1)
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "l1"})
        assert (order["status"], order["price"]) == ("open", price)
        assert [each["id"] for each in await exchange.fetch_open_orders(BTC)] == [order["id"]]
        assert [each["id"] for each in await exchange.fetch_open_orders()] == [order["id"]]
        cancelled = await exchange.cancel_order(None, BTC, {"clientOrderId": "l1"})
        assert cancelled["status"] == "canceled"
        assert await exchange.fetch_open_orders(BTC) == []
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.cancel_order(order["id"], BTC)

    with_ccxt(work)


def test_post_only_ioc_and_reduce_only() -> None:
    async def work(_venue: EmulatorClient, exchange: Any) -> None:
        price = round(await price_of(exchange) * 1.02, 1)
        expired = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"postOnly": True})
        with pytest.raises(ccxt.InvalidOrder, match="ReduceOnly"):
            await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
        taken = await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"timeInForce": "IOC"})
        closed = await exchange.create_order(BTC, "market", "sell", 0.05, None, {"reduceOnly": True})

        assert (expired["status"], expired["filled"]) == ("expired", 0.0)
        assert (taken["status"], taken["filled"]) == ("closed", 0.01)
        assert closed["filled"] == 0.01

    with_ccxt(work)


def test_hedge_mode_has_two_positions_of_one_symbol() -> None:
    async def work(_venue: EmulatorClient, exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.02, None, {"hedged": True})
        await exchange.create_order(BTC, "market", "sell", 0.01, None, {"hedged": True})
        assert {each["side"] for each in await exchange.fetch_positions()} == {"long", "short"}
        with pytest.raises(ccxt.OperationRejected):  # -4061
            await exchange.create_order(BTC, "market", "buy", 0.01)
        await exchange.create_order(BTC, "market", "sell", 0.02, None, {"hedged": True, "reduceOnly": True})
        assert {each["side"] for each in await exchange.fetch_positions()} == {"short"}

    with_ccxt(work, accounts=[ACCOUNT | {"hedge": True}])


@pytest.mark.parametrize(("kind", "factor"), [("stopLossPrice", 0.98), ("takeProfitPrice", 1.02)])
def test_a_conditional_order_waits_becomes_another_one_and_fills(kind: str, factor: float) -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.02)
        level = round(await price_of(exchange) * factor, 1)
        params = {kind: level, "reduceOnly": True, "clientOrderId": "s1"}
        placed = await exchange.create_order(BTC, "market", "sell", 0.02, None, params)
        assert (placed["status"], placed["triggerPrice"]) == ("open", level)
        assert await exchange.fetch_open_orders(BTC) == []
        (waiting,) = await exchange.fetch_open_orders(BTC, params={"trigger": True})
        assert waiting["id"] == placed["id"]
        await venue.post("market/BTCUSDT/price", {"price": str(level)})
        fetched = await exchange.fetch_order(None, BTC, {"clientOrderId": "s1", "trigger": True})

        assert fetched["status"] == "closed"
        assert await exchange.fetch_positions() == []
        child = fetched["info"]["actualOrderId"]
        assert (await exchange.fetch_order(child, BTC))["filled"] == 0.02

    with_ccxt(work)


def test_a_conditional_order_is_cancelled_by_its_client_id() -> None:
    async def work(_venue: EmulatorClient, exchange: Any) -> None:
        level = round(await price_of(exchange) * 1.02, 1)
        await exchange.create_order(BTC, "market", "buy", 0.01, None, {"triggerPrice": level, "clientOrderId": "s2"})
        await exchange.cancel_order(None, BTC, {"trigger": True, "clientOrderId": "s2"})
        assert await exchange.fetch_open_orders(BTC, params={"trigger": True}) == []

    with_ccxt(work)


def test_funding_is_paid_when_its_hour_comes() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await exchange.create_order(BTC, "market", "buy", 0.1)
        await venue.post("clock", {"advance_ms": 6 * 3_600_000 + 60_000})
        await exchange.load_time_difference()
        (paid,) = await exchange.fetch_funding_history(BTC)
        (rate,) = await exchange.fetch_funding_rate_history(BTC, limit=1)

        assert paid["timestamp"] == rate["timestamp"]
        assert (paid["amount"] < 0) == (rate["fundingRate"] > 0)
        assert await venue.get("invariants") == []

    with_ccxt(work)


def test_candles_of_the_market_come_by_stream_as_by_rest() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        watching = asyncio.create_task(exchange.watch_ohlcv(BTC, "1m"))
        while not watching.done():
            await venue.post("clock", {"advance_ms": 5_000})
            await asyncio.wait([watching], timeout=0.05)
        for _ in range(3):
            await venue.post("clock", {"advance_ms": MINUTE_MS})
        frames = await venue.get("streams", kind="market", count=1, event="kline")
        closed = [frame["frame"]["k"] for frame in frames if frame["frame"]["k"]["x"]]
        await exchange.load_time_difference()
        rows = await exchange.fapiPublicGetKlines({"symbol": "BTCUSDT", "interval": "1m", "limit": 10})
        served = {row[0]: row[1:6] for row in rows}

        assert len(closed) >= 3
        for candle in closed:
            assert [candle[name] for name in "ohlcv"] == served[candle["t"]]

    with_ccxt(work)


def test_orders_trades_and_balances_come_by_stream() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        watching = [asyncio.create_task(work) for work in (exchange.watch_orders(), exchange.watch_my_trades())]
        await venue.requests(path="/private/ws")
        order = await exchange.create_order(BTC, "market", "buy", 0.02, None, {"clientOrderId": "w1"})
        orders, trades = await asyncio.wait_for(asyncio.gather(*watching), WAIT_S)
        events = [frame["event"] for frame in await venue.frames(3)]

        assert orders[-1]["id"] == order["id"]
        assert (trades[-1]["order"], trades[-1]["amount"]) == (order["id"], 0.02)
        assert {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"} <= set(events)

    with_ccxt(work)


def test_the_balance_and_the_position_after_a_fill_come_by_stream() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        before = (await exchange.fetch_balance())["USDT"]["total"]
        # The first answer is the snapshot that ccxt.pro asks for by request.
        assert await asyncio.wait_for(exchange.watch_positions([BTC]), WAIT_S) == []
        watching = [asyncio.create_task(work) for work in (exchange.watch_balance(), exchange.watch_positions([BTC]))]
        await venue.requests(path="/private/ws")
        await exchange.create_order(BTC, "market", "buy", 0.02)
        balance, positions = await asyncio.wait_for(asyncio.gather(*watching), WAIT_S)

        (trade,) = await exchange.fetch_my_trades(BTC)
        assert balance["USDT"]["total"] == pytest.approx(before - trade["fee"]["cost"], abs=1e-8)
        assert [(each["side"], each["contracts"], each["entryPrice"]) for each in positions] == [
            ("long", 0.02, trade["price"])
        ]

    with_ccxt(work)
