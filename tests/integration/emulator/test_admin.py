"""The admin calls: what the venue and others do to an account, the clock, the market, scripts; and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest
from fix_emulator import ACCOUNT, EmulatorClient, emulated

BTC = "BTC/USDT:USDT"
KEY = ACCOUNT["key"]
MINUTE_MS = 60_000
START = "2025-06-01T10:00:10Z"
DROP = {"match": {"path": "/fapi/v1/time", "count": 1}, "before": {"status": 500, "code": -1000}}

type Work = Callable[[EmulatorClient, Any], Awaitable[None]]


def run_with(work: Work, **profile: Any) -> None:
    """Run a test's work on a clock that stands still, with an account in ccxt."""

    async def run() -> None:
        given = {"symbols": [BTC], "accounts": [ACCOUNT], "start": START} | profile
        async with emulated("manual", **given) as venue, venue.exchange(ACCOUNT) as exchange:
            await exchange.load_time_difference()
            await work(venue, exchange)
            assert await venue.get("invariants") == []

    asyncio.run(run())


async def resting(exchange: Any) -> Any:
    """A limit order below the market."""
    price = round((await exchange.fetch_ticker(BTC))["last"] * 0.97, 1)
    return await exchange.create_order(BTC, "limit", "buy", 0.01, price, {"clientOrderId": "r1"})


@pytest.mark.parametrize("name", ["id", "clientOrderId"])
@pytest.mark.parametrize(
    ("verb", "body", "status", "filled"),
    [
        ("fill", {"quantity": "0.004"}, "open", 0.004),
        ("fill", {}, "closed", 0.01),
        ("cancel", {}, "canceled", 0.0),
        ("expire", {}, "expired", 0.0),
        ("reject", {}, "rejected", 0.0),
        ("resize", {"quantity": "0.004"}, "open", 0.0),
    ],
)
def test_the_venue_acts_on_an_order(verb: str, body: dict[str, str], status: str, filled: float, name: str) -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        order = await resting(exchange)
        await venue.post(f"orders/{order[name]}/{verb}", body)
        found = await exchange.fetch_order(order["id"], BTC)
        assert (found["status"], found["filled"]) == (status, filled)

    run_with(work)


def test_others_act_on_an_account() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post(f"accounts/{KEY}/leverage", {"symbol": "BTCUSDT", "leverage": 3})
        await venue.post(
            f"accounts/{KEY}/manual_order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.02"}
        )
        (position,) = await exchange.fetch_positions()
        assert position["contracts"] == 0.02
        await venue.post(f"accounts/{KEY}/adl", {"symbol": "BTCUSDT", "quantity": "0.01"})
        await venue.post(f"accounts/{KEY}/liquidate", {"symbol": "BTCUSDT"})
        assert await exchange.fetch_positions() == []
        await venue.post(f"accounts/{KEY}/transfer", {"asset": "USDT", "amount": "-1000"})
        await venue.post(f"accounts/{KEY}/mode", {"hedge": True})
        assert (await exchange.fetch_position_mode(BTC))["hedged"] is True
        ids = {order["client_id"].partition("-")[0] for order in (await venue.get("ledger"))["orders"]}
        assert {"autoclose", "adl_autoclose"} <= ids

    run_with(work)


def test_rules_change_and_the_market_is_settled() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("rules/BTCUSDT", {"tick": "0.5", "min_notional": "100"})
        await exchange.load_markets(True)
        assert (exchange.market(BTC)["precision"]["price"], exchange.market(BTC)["limits"]["cost"]["min"]) == (0.5, 100)
        await exchange.create_order(BTC, "market", "buy", 0.02)
        await venue.post("market/BTCUSDT/settle", {})
        assert await exchange.fetch_positions() == []
        with pytest.raises(ccxt.BaseError, match="-41"):
            await exchange.create_order(BTC, "market", "buy", 0.02)

    run_with(work)


def test_a_market_stands_still_and_goes_on() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("market/BTCUSDT/stall", {"stalled": True})
        (*_, before) = await exchange.fetch_ohlcv(BTC, "1m", limit=20)
        await venue.post("clock", {"advance_ms": 5 * MINUTE_MS})
        assert (await exchange.fetch_ohlcv(BTC, "1m", limit=20))[-1] == before
        await venue.post("market/BTCUSDT/stall", {"stalled": False})
        await venue.post("clock", {"advance_ms": MINUTE_MS})
        (row,) = await exchange.fetch_ohlcv(BTC, "1m", limit=1)
        assert row[0] == before[0] + 6 * MINUTE_MS

    run_with(work)


def test_candles_are_revised_and_go_missing_as_they_are_served() -> None:
    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("clock", {"advance_ms": 5 * MINUTE_MS})
        *_, gone, revised, _ = await exchange.fetch_ohlcv(BTC, "1m", limit=5)
        row = [revised[0], "1.0", "2.0", "1.0", "1.5", "7.000"]
        await venue.post("market/BTCUSDT/candles", {"rows": [row], "missing": [gone[0]]})
        served = {row[0]: row for row in await exchange.fetch_ohlcv(BTC, "1m", limit=5)}

        assert gone[0] not in served
        assert served[revised[0]] == [revised[0], 1.0, 2.0, 1.0, 1.5, 7.0]

    run_with(work)


def test_a_script_does_each_call_at_its_time_and_at_its_event(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"at_ms": 60_000, "do": "POST /_/faults", "with": DROP},
        {"at_ms": 120_000, "do": f"POST /_/accounts/{KEY}/transfer", "with": {"amount": "5"}},
        {
            "on": {"event": "ORDER_TRADE_UPDATE", "nth": 2},
            "do": f"POST /_/accounts/{KEY}/transfer",
            "with": {"amount": "7"},
        },
        {"on": {"request": "GET /fapi/v1/fundingRate"}, "do": "POST /_/orders/nobody/fill"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await venue.post("script", {"lines": text})
        assert (await venue.get("script"))["left"] == 4
        await venue.post("clock", {"advance_ms": 3 * MINUTE_MS})
        with pytest.raises(ccxt.OperationFailed):
            await exchange.fetch_time()
        await exchange.load_time_difference()
        await exchange.create_order(BTC, "market", "buy", 0.001)
        await exchange.fetch_funding_rate_history(BTC)
        script = await venue.get("script")
        amounts = [income["amount"] for income in (await venue.get("ledger"))["accounts"][KEY]["incomes"]]

        assert script["left"] == 0
        assert [done["at_ms"] - script["done"][0]["at_ms"] for done in script["done"][:2]] == [0, 60_000]
        assert [done.get("error") for done in script["done"]].count(None) == 3
        assert {"5", "7"} <= set(amounts)
        (fault,) = await venue.get("faults")
        assert fault["fired"] == 1

    run_with(work)


def test_a_seed_draws_a_script_which_is_the_same_every_time() -> None:
    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        first, second, other = [
            (await venue.post("script", {"seed": seed, "lines": 8, "within_ms": 60_000}))["lines"] for seed in (3, 3, 4)
        ]
        assert first == second != other
        assert len(first) == 8
        assert [line["at_ms"] for line in first] == sorted(line["at_ms"] for line in first)
        again = "\n".join(json.dumps(line) for line in first)
        assert (await venue.post("script", {"lines": again}))["lines"] == first
        await venue.post("clock", {"advance_ms": MINUTE_MS})
        assert (await venue.get("script"))["left"] == 0
        assert all("answer" in done for done in (await venue.get("script"))["done"])

    run_with(work)


def test_a_snapshot_brings_the_venue_back(tmp_path: Path) -> None:
    path = str(tmp_path / "venue.json")

    async def work(venue: EmulatorClient, exchange: Any) -> None:
        await resting(exchange)
        await exchange.create_order(BTC, "market", "buy", 0.02)
        await venue.post("snapshot", {"path": path})
        before = await venue.get("ledger")
        await exchange.create_order(BTC, "market", "sell", 0.02)
        await exchange.cancel_all_orders(BTC)
        assert await venue.get("ledger") != before
        await venue.post("restore", {"path": path})
        assert await venue.get("ledger") == before
        assert len(await exchange.fetch_open_orders(BTC)) == 1

    run_with(work)


def test_whoever_follows_the_clock_hears_of_each_advance() -> None:
    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        now = await venue.get("clock")
        waiting = asyncio.create_task(venue.get("clock", after=now["changes"], wait_ms=30_000))
        await venue.post("clock", {"advance_ms": 1_000})
        then = await waiting
        assert (then["now_ms"] - now["now_ms"], then["mode"]) == (1_000, "manual")

    run_with(work)


@pytest.mark.parametrize(
    ("method", "path", "body", "what"),
    [
        ("POST", "/_/faults", {"before": {"explode": 1}}, "explode"),
        ("POST", "/_/streams", {"match": {"event": "x"}}, "something that goes wrong"),
        ("POST", "/_/streams", {"reorder": -1}, "reorder"),
        ("POST", "/_/clock", {"mode": "fast"}, "'fast' is not a valid clock"),
        ("POST", "/_/clock", {"advance_ms": -1}, "does not go back"),
        ("POST", "/_/accounts", {"secret": "x"}, "needs a 'key'"),
        ("POST", "/_/accounts", {"key": "k", "secret": "s", "colour": "red"}, "'colour' is not part of an account"),
        ("POST", "/_/accounts", dict(ACCOUNT), "has an account already"),
        ("POST", "/_/orders/17/fill", {}, "'17' is not an order"),
        ("POST", "/_/accounts/nobody/liquidate", {}, "'nobody' is not an account"),
        ("POST", "/_/market/BTCUSDT/price", {"price": "dear"}, "'dear' is not a valid price"),
        ("POST", "/_/market/BTCUSDT/step", {"row": [1]}, "five texts"),
        ("POST", "/_/listen_key", {"account": KEY, "what": "eat"}, "expire, delete or steal"),
        ("POST", "/_/restore", {"path": "absent.json"}, "cannot be read"),
        (
            "POST",
            "/_/script",
            {"lines": '{"at_ms": 2, "do": "GET /_/clock"}\n{"at_ms": 1, "do": "GET /_/clock"}'},
            "before",
        ),
        ("POST", "/_/orders/17/explode", {}, "'POST /_/orders/17/explode' is not an admin call"),
        ("GET", "/_/nothing", None, "'GET /_/nothing' is not an admin call"),
        ("GET", "/_/requests?after=x", None, "'x' is not a valid whole number"),
        ("POST", "/_/market/NOPE/price", {"price": "1"}, "Invalid symbol"),
    ],
)
def test_a_wrong_admin_call_says_what_is_wrong(method: str, path: str, body: Any, what: str) -> None:
    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        answer = await venue.call(method, path, body)
        assert what in answer["error"]["message"]

    run_with(work)


def test_the_admin_port_is_not_reached_through_the_proxy() -> None:
    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        admin = venue.facts["admin"].removeprefix("http://")
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
                await http.get(f"https://{admin}/health", proxy=venue.facts["proxy"])
            assert caught.value.status == 403
            async with http.get(f"{venue.facts['proxy']}/health") as response:
                assert response.status == 405
            async with http.get(f"{venue.facts['admin']}/health") as response:
                assert (await response.json())["service"] == "emulator"

    run_with(work)


def test_a_client_that_does_not_trust_the_certificate_gets_nothing() -> None:
    async def work(venue: EmulatorClient, _exchange: Any) -> None:
        options = {name: value for name, value in venue.options.items() if name != "cafile"}
        stranger = ccxt.pro.binanceusdm(options)
        before = await venue.get("requests")
        with pytest.raises(ccxt.ExchangeNotAvailable) as caught:
            await stranger.fetch_time()
        await stranger.close()
        assert "certificate" in str(caught.value.__cause__)
        assert await venue.get("requests") == before

    run_with(work)


def test_recorded_candles_are_served_and_traded_on(tmp_path: Path) -> None:
    rows = [(1_746_373_020_000 + n * MINUTE_MS, 100.5 + n, 103.25 + n, 99.75 + n, 101.5 + n, 40.5) for n in range(6)]
    path = tmp_path / "candles.csv"
    lines = ["ts_ms,open,high,low,close,volume", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines))

    async def run() -> None:
        given = {"candles": {BTC: str(path)}, "accounts": [ACCOUNT]}
        async with emulated("manual", **given) as venue, venue.exchange(ACCOUNT) as exchange:
            await exchange.load_time_difference()
            await exchange.create_order(BTC, "limit", "buy", 1, 100.25)
            await venue.post("clock", {"advance_ms": 4 * MINUTE_MS})
            await exchange.load_time_difference()
            served = await exchange.fetch_ohlcv(BTC, "1m", limit=4)
            (trade,) = await exchange.fetch_my_trades(BTC)

            assert served[:3] == [list(row) for row in rows[1:4]]
            assert (trade["price"], trade["takerOrMaker"]) == (100.25, "maker")

    asyncio.run(run())
