"""A gateway's account fed from recorded calls gives what it gave (R04): bad answers and broken connections included."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from fix_gateway import BTC_SYMBOL, KEY, SECRET, cancel, listing, query, requested, send, trading_venue
from msgspec.structs import replace

from live_runner.contracts.errors import DataError
from live_runner.contracts.gateway import GatewayRequest, Outcome
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.requests import RequestAnswerer
from live_runner.services.venues.ccxt_account import CcxtAccount, Credentials
from live_runner.services.venues.recording import Recording

FAULTS = (
    {"before": {"status": 503, "body": "<html>"}},
    {"after": {"reset": True}},
    {"after": {"cut_body": 5}},
    {"after": {"body": "{}", "status": 200}},
    {"before": {"code": -2019}},
    {"before": {"code": -9999}},
    {"before": {"redirect": "https://fapi.binance.com/", "status": 307}},
)


async def replayed(file: Path, requests: list[GatewayRequest], now_ns: int) -> list[Outcome]:
    """The answers of an account that has the recording and no venue."""
    account = CcxtAccount("binanceusdm", Credentials(KEY, SECRET), {}, lambda: now_ns, recording=Recording(file))
    try:
        opened = await account.open()
        assert opened.verdict.fate == "done", opened.verdict
        answerer = RequestAnswerer(account, Budget(2400, 60_000_000_000), time.monotonic_ns)
        return [await answerer.answer(request) for request in requests]
    finally:
        await account.close()


def test_the_same_requests_have_the_same_outcomes_and_others_none(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"

    async def run() -> tuple[list[Outcome], list[Outcome], list[Outcome]]:
        requests: list[GatewayRequest] = []
        async with trading_venue(record=file) as trading:
            answerer = trading.answerer()
            outcomes = []
            market, limit = requested(kind="market"), requested()
            for request in (send(market), query(market), send(limit), cancel(limit), cancel(limit),
                            listing("open_orders", symbols=(BTC_SYMBOL,)), listing("balances")):  # fmt: skip
                requests.append(request)
                outcomes.append(await answerer.answer(request))
            for what in FAULTS:
                order = requested()
                fault = await trading.client.add_fault({"client_id": order.client_order_id}, **what)
                requests.append(send(order))
                outcomes.append(await answerer.answer(requests[-1]))
                assert await trading.client.lift(fault) == 1
            now_ns = trading.account.now_ns()
        again = await replayed(file, requests, now_ns)
        return outcomes, again, await replayed(file, [send(requested()), listing("income")], now_ns)

    outcomes, again, others = asyncio.run(run())

    assert [replace(outcome, busy_until_ns=0) for outcome in again] == [
        replace(outcome, busy_until_ns=0) for outcome in outcomes
    ]
    assert [outcome.fate for outcome in outcomes[-len(FAULTS) :]] == [
        "unknown", "unknown", "unknown", "unknown", "rejected", "unlisted", "unknown"
    ]  # fmt: skip
    assert {(outcome.fate, outcome.code, outcome.sent_ns) for outcome in others} == {("not_sent", "not_recorded", 0)}


def test_a_file_that_is_no_recording_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"asked":"[]","status":200,"headers":{},"body":""}\nnot a request\n', "utf-8")

    with pytest.raises(DataError, match=r"Line 2 of .* is not a recorded request"):
        Recording(file)
    with pytest.raises(DataError, match="cannot be read"):
        Recording(tmp_path / "none")
