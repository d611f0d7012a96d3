"""The outcome of every verb for every answer that proves nothing, or not what it seems to: through TLS and ccxt."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from fix_gateway import BTC_SYMBOL, TradingAccount, cancel, listing, query, requested, send, trading_venue

from live_runner.contracts.gateway import GatewayRequest, Outcome

RESERVED = "https://fapi.binance.com/fapi/v1/time"
HTML = "<html><body>We are maintaining the site</body></html>"

ANSWERS: dict[str, tuple[str, dict[str, Any], tuple[str, str]]] = {
    # name: before or after the venue has executed it, what goes wrong, fate and code
    "html with 200": ("before", {"body": HTML, "status": 200}, ("unknown", "unreadable")),
    "html with 200, executed": ("after", {"body": HTML, "status": 200}, ("unknown", "unreadable")),
    "an empty object": ("after", {"body": "{}", "status": 200}, ("unknown", "unreadable")),
    "null": ("after", {"body": "null", "status": 200}, ("unknown", "unreadable")),
    "an empty body": ("after", {"body": "", "status": 200}, ("unknown", "unreadable")),
    "a list of nothing known": ("after", {"body": "[{}]", "status": 200}, ("unknown", "unreadable")),
    "broken off in the body": ("after", {"cut_body": 1}, ("unknown", "no_answer")),
    "302": ("before", {"redirect": RESERVED, "status": 302}, ("unknown", "no_answer")),
    "307": ("before", {"redirect": RESERVED, "status": 307}, ("unknown", "no_answer")),
    "308, executed": ("after", {"redirect": RESERVED, "status": 308}, ("unknown", "no_answer")),
    "reset before": ("before", {"reset": True}, ("unknown", "no_answer")),
    "reset after": ("after", {"reset": True}, ("unknown", "no_answer")),
    "429": ("before", {"status": 429, "body": "", "headers": {"Retry-After": "2"}}, ("retryable", "http_429")),
    "418 until": (
        "before",
        {"status": 418, "body": '{"code":-1003,"msg":"Way too much; IP banned until 4102444800000."}'},
        ("retryable", "-1003"),
    ),
    "-1021": ("before", {"code": -1021}, ("retryable", "-1021")),
    "-1007, executed": ("after", {"code": -1007, "status": 408}, ("unknown", "-1007")),
    "-1008": ("before", {"code": -1008, "status": 503}, ("retryable", "-1008")),
    "an unlisted code": ("before", {"code": -9999}, ("unlisted", "-9999")),
    "500": ("after", {"status": 500, "body": HTML}, ("unknown", "http_500")),
    "502": ("after", {"status": 502, "body": ""}, ("unknown", "http_502")),
    "503 with html": ("before", {"status": 503, "body": HTML}, ("unknown", "http_503")),
    "504": ("after", {"status": 504, "body": ""}, ("unknown", "http_504")),
    "a rejection with 500": ("after", {"code": -2019, "status": 500}, ("unknown", "-2019")),
    "403 of a firewall": ("before", {"status": 403, "body": HTML}, ("unknown", "http_403")),
}
STOP: dict[str, Any] = {"kind": "stop", "price": "45000", "side": "sell", "reduce_only": True}
VERBS: dict[str, tuple[str, str]] = {
    # name: method and path of the request that goes wrong
    "send": ("POST", "/fapi/v1/order"),
    "send a stop": ("POST", "/fapi/v1/algoOrder"),
    "validate": ("POST", "/fapi/v1/order/test"),
    "cancel": ("DELETE", "/fapi/v1/order"),
    "cancel a stop": ("DELETE", "/fapi/v1/algoOrder"),
    "query": ("GET", "/fapi/v1/order"),
    "query a stop": ("GET", "/fapi/v1/algoOrder"),
    "query, its trades": ("GET", "/fapi/v1/userTrades"),
    "open_orders": ("GET", "/fapi/v1/openOrders"),
    "open_orders, stops": ("GET", "/fapi/v1/openAlgoOrders"),
    "trades_since": ("GET", "/fapi/v1/userTrades"),
    "positions": ("GET", "/fapi/v3/positionRisk"),
    "balances": ("GET", "/fapi/v3/account"),
    "income": ("GET", "/fapi/v1/income"),
    "account": ("GET", "/fapi/v1/positionSide/dual"),
    "account, permissions": ("GET", "/fapi/v1/accountConfig"),
    "account, leverage": ("GET", "/fapi/v1/symbolConfig"),
    "rules": ("GET", "/fapi/v1/exchangeInfo"),
}


async def request_of(verb: str, trading: TradingAccount) -> GatewayRequest:
    """A request that would be done if nothing went wrong."""
    if verb == "send":
        return send(requested())
    if verb == "send a stop":
        return send(requested(**STOP))
    if verb == "validate":
        return send(requested(), "validate")
    if verb.startswith(("cancel", "query")):
        fields: dict[str, Any] = (
            STOP if verb.endswith("stop") else {"kind": "market"} if verb.endswith("trades") else {}
        )
        order = requested(**fields)
        assert (await trading.answerer().answer(send(order))).fate == "done"
        return cancel(order) if verb.startswith("cancel") else query(order)
    return listing(verb.partition(",")[0], symbols=(BTC_SYMBOL,), since_ns=time.time_ns() - 3_600_000_000_000)


@pytest.mark.parametrize("verb", VERBS)
def test_what_proves_nothing_is_neither_success_nor_absence(verb: str) -> None:
    """Each bad answer to one verb: its outcome, and one request at the venue where it changes something."""
    method, path = VERBS[verb]

    async def run() -> dict[str, tuple[Outcome, int, int]]:
        outcomes = {}
        async with trading_venue() as trading:
            for name, (when, what, _) in ANSWERS.items():
                request = await request_of(verb, trading)
                before = await trading.seen(method, path)
                fault = await trading.client.add_fault({"method": method, "path": path}, **{when: what})
                outcome = await trading.answerer().answer(request)
                fired = await trading.client.lift(fault)
                outcomes[name] = outcome, fired, await trading.seen(method, path) - before
        return outcomes

    outcomes = asyncio.run(run())

    expected = {name: expected for name, (_, _, expected) in ANSWERS.items()}
    assert {name: (outcome.fate, outcome.code) for name, (outcome, _, _) in outcomes.items()} == expected
    for name, (outcome, fired, seen) in outcomes.items():
        assert (fired, seen) == (1, 1), name
        assert not outcome.complete, name
        lists = (outcome.orders, outcome.open_orders, outcome.trades, outcome.positions, outcome.balances)
        assert not any((*lists, outcome.incomes, outcome.rules, outcome.account)), name
        assert bool(outcome.sent_ns) == (method != "GET"), name
        assert outcome.asked_ns > 0, name
    assert outcomes["429"][0].busy_until_ns >= outcomes["429"][0].answered_ns + 1_900_000_000
    assert outcomes["418 until"][0].busy_until_ns == pytest.approx(4_102_444_800_000_000_000, abs=1e9)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_done_where_nothing_goes_wrong(verb: str) -> None:
    async def run() -> Outcome:
        async with trading_venue() as trading:
            return await trading.answerer().answer(await request_of(verb, trading))

    outcome = asyncio.run(run())

    assert (outcome.fate, outcome.code) == ("done", "")
    assert outcome.complete == (outcome.via in ("query", "listing"))
