"""Each fault of a request, through unmodified ccxt: what the client sees, what the venue did, and that it fired."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest
from fix_emulator import ACCOUNT, EmulatorClient, emulated

BTC = "BTC/USDT:USDT"
ORDER = "/fapi/v1/order"
HTML = "<html>Bad Gateway</html>"

type Work = Callable[[EmulatorClient, Any], Awaitable[None]]


def run_with(work: Work, **profile: Any) -> None:
    """Run a test's work beside an emulator, with an account in ccxt."""

    async def run() -> None:
        given: dict[str, Any] = {"symbols": [BTC], "accounts": [ACCOUNT]} | profile
        async with emulated(**given) as venue, venue.exchange(ACCOUNT) as exchange:
            await work(venue, exchange)

    asyncio.run(run())


async def buy(exchange: Any) -> Any:
    """A market order with a client id."""
    return await exchange.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "f1"})


@pytest.mark.parametrize("executed", [False, True])
@pytest.mark.parametrize(
    ("action", "expected", "answered"),
    [
        ({"reset": True}, ccxt.ExchangeNotAvailable, "reset"),
        ({"drop": True}, ccxt.RequestTimeout, "dropped"),
        ({"status": 502, "body": HTML}, ccxt.ExchangeNotAvailable, "changed"),
        ({"status": 503, "code": -1008}, ccxt.OperationFailed, "changed"),
        ({"status": 408, "code": -1007}, ccxt.RequestTimeout, "changed"),
        ({"status": 504, "body": ""}, ccxt.RequestTimeout, "changed"),
        ({"status": 429, "code": -1003, "headers": {"Retry-After": "7"}}, ccxt.DDoSProtection, "changed"),
        ({"status": 418, "code": -1003}, ccxt.DDoSProtection, "changed"),
        ({"code": -2019}, ccxt.InsufficientFunds, "changed"),
        ({"cut_body": 20}, ccxt.ExchangeError, "cut"),
    ],
)
def test_an_order_whose_answer_breaks(
    action: dict[str, Any], expected: type[Exception], answered: str, executed: bool
) -> None:
    """O11, O12: the same error, whether the order was executed or not."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        exchange.timeout = 500
        fault = await venue.add_fault({"method": "POST", "path": ORDER}, **{"after" if executed else "before": action})
        with pytest.raises(expected):
            await buy(exchange)
        (request,) = await venue.requests(path=ORDER, answered=answered)
        orders = (await venue.get("ledger"))["orders"]

        assert await venue.lift(fault) == 1
        assert request["executed"] is executed
        assert [order["client_id"] for order in orders] == ["f1"] * executed

    run_with(work)


@pytest.mark.parametrize("body", [HTML, "", "null", "[]", "{}", '{"orderId": 17, "sta'])
def test_a_body_that_is_not_an_answer_comes_with_status_200(body: str) -> None:
    """ccxt takes it for an order without an id."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        fault = await venue.add_fault({"path": ORDER}, after={"body": body})
        try:
            order = await buy(exchange)
        except (ccxt.BaseError, AttributeError, TypeError):
            order = {"id": None}

        assert order["id"] is None
        assert await venue.lift(fault) == 1
        assert len((await venue.get("ledger"))["orders"]) == 1

    run_with(work)


@pytest.mark.parametrize(("status", "sent"), [(302, 1), (307, 3), (308, 3)])
def test_a_redirect_repeats_an_order(status: int, sent: int) -> None:
    """One call, several orders: aiohttp follows 307 and 308 with the POST itself, 302 with a GET."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        action = {"redirect": "https://fapi.binance.com/fapi/v1/order", "status": status}
        fault = await venue.add_fault({"path": ORDER, "count": 2}, after=action)
        with contextlib.suppress(ccxt.BaseError):
            await exchange.create_order(BTC, "market", "buy", 0.01)
        posts = await venue.requests(path=ORDER, method="POST")

        assert await venue.lift(fault) >= 1
        assert len(posts) == sent
        assert len((await venue.get("ledger"))["orders"]) == sent

    run_with(work)


def test_a_delete_on_a_connection_that_breaks_is_seen_twice() -> None:
    """aiohttp repeats it; the second one finds nothing to cancel."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        price = round((await exchange.fetch_ticker(BTC))["last"] * 0.97, 1)
        order = await exchange.create_order(BTC, "limit", "buy", 0.01, price)
        fault = await venue.add_fault({"method": "DELETE", "count": 1}, after={"reset": True})
        with pytest.raises(ccxt.OrderNotFound, match="-2011"):
            await exchange.cancel_order(order["id"], BTC)
        deletes = await venue.requests(2, method="DELETE")

        assert await venue.lift(fault) == 1
        assert [each["answered"] for each in deletes] == ["reset", "whole"]

    run_with(work)


def test_an_answer_that_comes_late_is_an_order_all_the_same() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        exchange.timeout = 300
        fault = await venue.add_fault({"method": "POST"}, before={"delay_ms": 900})
        with pytest.raises(ccxt.RequestTimeout):
            await buy(exchange)
        await venue.requests(path=ORDER, answered="whole")  # the venue goes on when the client has left

        assert await venue.lift(fault) == 1
        assert len((await venue.get("ledger"))["orders"]) == 1

    run_with(work)


def test_a_fault_may_fill_the_order_and_hide_it() -> None:
    """O12: an order that was just filled is answered with -2013 for a while."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        price = round((await exchange.fetch_ticker(BTC))["last"] * 0.97, 1)
        action = {"fill": "0.004", "hide_ms": 600_000, "drop": True}
        fault = await venue.add_fault({"path": ORDER, "client_id": "h1"}, after=action)
        exchange.timeout = 400
        with pytest.raises(ccxt.RequestTimeout):
            await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "h1"})
        exchange.timeout = 10_000
        assert await venue.lift(fault) == 1
        with pytest.raises(ccxt.OrderNotFound, match="-2013"):
            await exchange.fetch_order(None, BTC, {"clientOrderId": "h1"})
        (trade,) = await exchange.fetch_my_trades(BTC)
        assert trade["amount"] == 0.004

    run_with(work)


def test_a_fault_meets_the_requests_that_match_from_the_nth_on_so_often() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        match = {"path": "/fapi/v1/time", "nth": 2, "count": 2}
        fault = await venue.add_fault(match, before={"status": 500, "code": -1000})
        met = []
        for _ in range(5):
            try:
                await exchange.fetch_time()
            except ccxt.OperationFailed:
                met.append(True)
            else:
                met.append(False)

        assert met == [False, True, True, False, False]
        (shown,) = await venue.get("faults")
        assert (shown["seen"], shown["fired"]) == (5, 2)
        assert await venue.lift(fault) == 2

    run_with(work)


def test_a_secret_is_not_in_the_log_of_requests() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await buy(exchange)
        text = str(await venue.get("requests"))

        assert ACCOUNT["secret"] not in text
        assert ACCOUNT["key"] not in text
        (request,) = await venue.requests(path=ORDER)
        assert "signature" not in request["params"]
        assert request["params"]["newClientOrderId"] == "f1"

    run_with(work)


def test_too_many_requests_are_refused_then_banned_and_the_ban_grows() -> None:
    """O13: 429 with -1003 first, 418 with the time of its end for who goes on."""

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("limits", {"weight_per_minute": 1, "tolerated": 2, "ban_ms": 60_000})
        answers = []
        for _ in range(6):
            with pytest.raises(ccxt.DDoSProtection) as caught:
                await exchange.fetch_order_book(BTC)
            answers.append(str(caught.value))
        first = (await venue.get("limits"))["addresses"]["127.0.0.1"]["until_ms"]
        await venue.post("clock", {"advance_ms": 61_000})
        for _ in range(3):
            with pytest.raises(ccxt.DDoSProtection):
                await exchange.fetch_order_book(BTC)
        now_ms = (await venue.get("clock"))["now_ms"]
        second = (await venue.get("limits"))["addresses"]["127.0.0.1"]["until_ms"]

        assert ["429" in answer for answer in answers] == [True, True, False, False, False, False]
        assert all(f"banned until {first}" in answer for answer in answers[2:])
        assert second - now_ms == 120_000
        assert (await venue.requests(status="418"))[0]["executed"] is False

    async def run() -> None:
        given = {"symbols": [BTC], "accounts": [ACCOUNT], "start": "2025-06-01T10:00:10Z"}
        async with emulated("manual", **given) as venue, venue.exchange(ACCOUNT) as exchange:
            await work(venue, exchange)

    asyncio.run(run())


def test_orders_have_a_limit_of_their_own_and_a_ban_can_be_imposed() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("limits", {"orders_per_ten_seconds": 1, "orders_per_minute": 1})
        await exchange.create_order(BTC, "market", "buy", 0.01)
        with pytest.raises(ccxt.DDoSProtection, match="-1015"):
            await exchange.create_order(BTC, "market", "buy", 0.01)
        await exchange.fetch_balance()
        await venue.post(f"accounts/{ACCOUNT['key']}/ban", {"ms": 60_000})
        with pytest.raises(ccxt.DDoSProtection, match="banned until"):
            await exchange.fetch_balance()

    run_with(work)
