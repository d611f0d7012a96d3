"""What unmodified ccxt makes of the venue's errors: the class that its own table for Binance USD-M names."""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt
import pytest
from fix_emulator import ACCOUNT, EmulatorClient, emulated

BTC = "BTC/USDT:USDT"
TABLES = ccxt.binanceusdm().exceptions
LINEAR = {code: kind for code, kind in TABLES["exact"].items() if code.startswith("-")} | {
    code: kind for code, kind in TABLES["linear"]["exact"].items() if code.startswith("-")
}
"""Error class by code, as ccxt has it for https://fapi.binance.com: the linear table before the general one."""


def test_every_code_has_the_class_of_ccxts_linear_table() -> None:
    async def run() -> dict[str, str]:
        found = {}
        async with emulated(symbols=[BTC], accounts=[ACCOUNT]) as venue, venue.exchange(ACCOUNT) as exchange:
            for code in LINEAR:
                fault = await venue.add_fault({"path": "/fapi/v1/order"}, before={"code": int(code), "message": "No."})
                with pytest.raises(ccxt.BaseError) as caught:
                    await exchange.create_order(BTC, "market", "buy", 0.01)
                found[code] = caught.type.__name__
                assert await venue.lift(fault) == 1
        return found

    assert len(LINEAR) > 150
    assert LINEAR["-2019"] is ccxt.InsufficientFunds
    assert LINEAR["-4164"] is ccxt.InvalidOrder
    found = asyncio.run(run())
    assert found == {code: kind.__name__ for code, kind in LINEAR.items()}


@pytest.mark.parametrize(
    ("options", "expected", "code"),
    [
        ({"secret": "another"}, ccxt.AuthenticationError, "-1022"),
        ({"apiKey": "unknown"}, ccxt.AuthenticationError, "-2015"),
        ({"apiKey": "not a key!"}, ccxt.AuthenticationError, "-2014"),
    ],
)
def test_a_key_or_secret_that_is_not_right_is_refused(
    options: dict[str, str], expected: type[Exception], code: str
) -> None:
    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(ACCOUNT, **options) as exchange:
            with pytest.raises(expected, match=code):
                await exchange.fetch_balance()

    run_with(work)


def test_a_key_may_do_what_it_is_allowed_to() -> None:
    reader = ACCOUNT | {"key": "reader", "may_trade": False}
    elsewhere = ACCOUNT | {"key": "elsewhere", "addresses": ["203.0.113.7"]}

    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(reader) as exchange:
            assert (await exchange.fetch_balance())["USDT"]["total"] == 10_000.0
            with pytest.raises(ccxt.BaseError, match="-2015"):
                await exchange.create_order(BTC, "market", "buy", 0.01)
        async with venue.exchange(elsewhere) as exchange:
            with pytest.raises(ccxt.AuthenticationError, match=r"-2015.*request ip: 127\.0\.0\.1"):
                await exchange.fetch_balance()

    run_with(work, accounts=[reader, elsewhere])


@pytest.mark.parametrize("skew_ms", [-3_600_000, -1_500, 15_000, 3_600_000])
def test_a_clock_that_is_off_is_refused_until_the_client_asks_for_the_time(skew_ms: int) -> None:
    """X08: beyond a second ahead of the venue, or beyond the window behind it."""

    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(ACCOUNT) as exchange:
            await exchange.fetch_balance()
            await venue.post("clock", {"skew_ms": skew_ms})
            with pytest.raises(ccxt.InvalidNonce, match="-1021"):
                await exchange.fetch_balance()
            await exchange.load_time_difference()
            await exchange.fetch_balance()

    run_with(work)


def test_an_order_that_was_too_long_on_its_way_is_not_executed() -> None:
    """The window of the signature is looked at when the request arrives."""

    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(ACCOUNT) as exchange:
            exchange.timeout = 60_000
            fault = await venue.add_fault({"method": "POST"}, before={"delay_ms": 1_200})
            with pytest.raises(ccxt.InvalidNonce, match="outside of the recvWindow"):
                await exchange.create_order(BTC, "market", "buy", 0.01, None, {"recvWindow": 500})
            assert await venue.lift(fault) == 1
            assert (await venue.get("ledger"))["orders"] == []

    run_with(work)


@pytest.mark.parametrize(
    ("what", "expected", "code"),
    [
        (("market", "buy", 100.0, None, {}), ccxt.InsufficientFunds, "-2019"),
        (("limit", "buy", 0.001, 1000.0, {}), ccxt.ExchangeError, "-4024|-4164"),
        (("market", "sell", 0.01, None, {"reduceOnly": True}), ccxt.InvalidOrder, "-2022"),
        (("market", "buy", 0.01, None, {"positionSide": "LONG"}), ccxt.OperationRejected, "-4061"),
        (("market", "buy", 0.01, None, {"clientOrderId": "x" * 37}), ccxt.BadRequest, "-4015"),
    ],
)
def test_what_the_venue_refuses_has_its_code_and_class(what: Any, expected: type[Exception], code: str) -> None:
    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(ACCOUNT) as exchange:
            with pytest.raises(expected, match=code):
                await exchange.create_order(BTC, *what)

    run_with(work)


def test_a_client_id_is_unique_among_open_orders_alone() -> None:
    async def work(venue: EmulatorClient) -> None:
        async with venue.exchange(ACCOUNT) as exchange:
            price = round((await exchange.fetch_ticker(BTC))["last"] * 0.97, 1)
            for _ in range(2):  # a filled order does not protect its id
                await exchange.create_order(BTC, "market", "buy", 0.001, None, {"clientOrderId": "same"})
            await exchange.create_order(BTC, "limit", "buy", 0.001, price, {"clientOrderId": "same"})
            with pytest.raises(ccxt.InvalidOrder, match="-4116"):
                await exchange.create_order(BTC, "limit", "buy", 0.001, price, {"clientOrderId": "same"})

    run_with(work)


def run_with(work: Any, **profile: Any) -> None:
    """Run a test's work beside an emulator with accounts."""

    async def run() -> None:
        given: dict[str, Any] = {"symbols": [BTC], "accounts": [ACCOUNT]} | profile
        async with emulated(**given) as venue:
            await work(venue)

    asyncio.run(run())
