"""The account at OKX, by recorded answers: which endpoints each verb asks, and what comes of them.

There is no emulator of this venue; what is wrong inside an answer of status 200 is read from recordings.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fix_emulator import venue_of
from fix_gateway import BTC_SYMBOL, cancel, listing, query, requested, send

from live_runner.contracts.gateway import GatewayRequest, Outcome
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.requests import RequestAnswerer
from live_runner.services.venues.ccxt_account import CcxtAccount, Credentials

STOP: dict[str, Any] = {"kind": "stop", "price": "20000", "side": "sell", "reduce_only": True, "quantity": "1"}
ORDER = {
    "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ordId": "1", "clOrdId": "", "state": "live", "side": "buy",
    "posSide": "long", "ordType": "limit", "sz": "1", "accFillSz": "0", "avgPx": "", "px": "40000", "uTime": "2",
    "cTime": "1", "fee": "0", "feeCcy": "USDT", "lever": "10",
}  # fmt: skip
PLACED = {"ordId": "1", "clOrdId": "", "sCode": "0", "sMsg": ""}


def data(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


@pytest.fixture
def asked(shared_data: Path) -> Callable[..., tuple[Outcome, list[str]]]:
    """One request's outcome, and the private endpoints that were asked; answers may be replaced."""
    folder = shared_data / "venue_responses" / "okx"

    def recorded(name: str) -> Any:
        return json.loads((folder / name).read_text("utf-8"))

    answers = {
        "/api/v5/public/instruments": recorded("http_get_instruments_swap.json"),
        "POST /api/v5/trade/batch-orders": data(PLACED),
        "POST /api/v5/trade/order-algo": recorded("http_place_algo_order_response.json"),
        "POST /api/v5/trade/cancel-order": data(PLACED),
        "POST /api/v5/trade/cancel-algos": recorded("http_cancel_algo_order_response.json"),
        "GET /api/v5/trade/order": data(ORDER),
        "GET /api/v5/trade/order-algo": data(ORDER | {"ordId": "", "algoId": "9", "ordType": "conditional"}),
        "GET /api/v5/trade/orders-pending": recorded("http_get_orders_pending.json"),
        "GET /api/v5/trade/orders-algo-pending": recorded("http_get_orders_algo_pending.json"),
        "GET /api/v5/account/positions": recorded("http_get_positions.json"),
        "GET /api/v5/account/balance": recorded("http_get_account_balance.json"),
        "GET /api/v5/account/config": data({"posMode": "long_short_mode", "acctLv": "2"}),
        "GET /api/v5/account/leverage-info": data(
            {"instId": "BTC-USDT-SWAP", "lever": "10", "mgnMode": "cross", "posSide": "long"}
        ),
        "GET /api/v5/trade/fills-history": data(),
        "GET /api/v5/account/bills": data(),
    }

    def ask(request: GatewayRequest, **replaced: dict[str, Any]) -> tuple[Outcome, list[str]]:
        seen: list[str] = []

        async def handle(message: web.BaseRequest) -> web.Response:
            endpoint = f"{message.method} {message.path}"
            if "/public/" in endpoint:
                return web.json_response(answers[message.path])
            seen.append(endpoint)
            return web.json_response(replaced.get("answer") or answers[endpoint])

        async def run() -> Outcome:
            async with venue_of(handle) as options:
                options.pop("enableRateLimit")
                account = CcxtAccount("okx", Credentials("key-at-okx", "secret-at-okx", "word"), options, time.time_ns)
                try:
                    opened = await account.open()
                    assert opened.verdict.fate == "done", opened.verdict
                    return await RequestAnswerer(account, Budget(1000, 10**9), time.monotonic_ns).answer(request)
                finally:
                    await account.close()

        return asyncio.run(run()), seen

    return ask


@pytest.mark.parametrize(
    ("make", "endpoints"),
    [
        (lambda: send(requested(quantity="1")), ["POST /api/v5/trade/batch-orders"]),
        (lambda: send(requested(**STOP)), ["POST /api/v5/trade/order-algo"]),
        (lambda: cancel(requested()), ["POST /api/v5/trade/cancel-order"]),
        (lambda: cancel(requested(**STOP)), ["POST /api/v5/trade/cancel-algos"]),
        (lambda: query(requested()), ["GET /api/v5/trade/order"]),
        (lambda: query(requested(**STOP)), ["GET /api/v5/trade/order-algo"]),
        (
            lambda: listing("open_orders"),
            ["GET /api/v5/trade/orders-pending", *["GET /api/v5/trade/orders-algo-pending"] * 4],
        ),
        (lambda: listing("positions"), ["GET /api/v5/account/positions"]),
        (lambda: listing("balances"), ["GET /api/v5/account/balance"]),
        (
            lambda: listing("trades_since", symbols=(BTC_SYMBOL,), since_ns=time.time_ns()),
            ["GET /api/v5/trade/fills-history"],
        ),
        (lambda: listing("income", since_ns=time.time_ns()), ["GET /api/v5/account/bills"]),
        (
            lambda: listing("account", symbols=(BTC_SYMBOL,)),
            ["GET /api/v5/account/config", "GET /api/v5/account/leverage-info"],
        ),
    ],
)
def test_each_verb_asks_its_endpoints_and_is_done(
    make: Callable[[], GatewayRequest],
    endpoints: list[str],
    asked: Callable[..., tuple[Outcome, list[str]]],
) -> None:
    outcome, seen = asked(make())

    assert (outcome.fate, outcome.code, seen) == ("done", "", endpoints)


def test_a_placement_names_nothing_but_ids_and_counts_as_accepted(
    asked: Callable[..., tuple[Outcome, list[str]]],
) -> None:
    order = requested(quantity="1")

    outcome, _ = asked(send(order))

    assert [(each.client_order_id, each.status, each.filled) for each in outcome.orders] == [
        (order.client_order_id, "accepted", "0")
    ]


def test_a_rejection_inside_an_answer_that_ccxt_takes_for_an_order_is_one(
    asked: Callable[..., tuple[Outcome, list[str]]], shared_data: Path
) -> None:
    file = shared_data / "venue_responses" / "okx" / "http_place_algo_order_rejected.json"

    outcome, _ = asked(send(requested(**STOP)), answer=json.loads(file.read_text("utf-8")))

    assert (outcome.fate, outcome.code, outcome.orders) == ("rejected", "51000", [])


@pytest.mark.parametrize(
    ("code", "fate", "meaning"),
    [
        ("51016", "duplicate", "duplicate"),
        ("51169", "rejected", "no_position"),
        ("51008", "rejected", ""),
        ("51149", "unknown", ""),
        ("50061", "retryable", ""),
        ("59999", "unlisted", ""),
    ],
)
def test_a_code_of_an_order_means_what_it_says(
    code: str, fate: str, meaning: str, asked: Callable[..., tuple[Outcome, list[str]]]
) -> None:
    refused = {"code": "1", "msg": "", "data": [{"ordId": "", "clOrdId": "", "sCode": code, "sMsg": "refused"}]}

    outcome, _ = asked(send(requested(quantity="1")), answer=refused)

    assert (outcome.fate, outcome.code, outcome.meaning) == (fate, code, meaning)
