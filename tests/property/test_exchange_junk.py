"""Whatever is sent to the local exchange, it answers or refuses as the venue does; nothing else comes out of it."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from exchange_client import KEY, Client
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.binance import ENDPOINTS, AccountOptions, Exchange, Refused, SymbolRules
from live_runner.services.emulator.binance.acts import VERBS

NAMES = (
    *("symbol", "side", "type", "quantity", "price", "timeInForce", "positionSide", "reduceOnly", "closePosition"),
    *("newClientOrderId", "origClientOrderId", "orderId", "algoId", "clientAlgoId", "algoType", "triggerPrice"),
    *(
        "activatePrice",
        "callbackRate",
        "workingType",
        "goodTillDate",
        "startTime",
        "endTime",
        "fromId",
        "limit",
        "page",
    ),
    *("interval", "leverage", "marginType", "dualSidePosition", "multiAssetsMargin", "feeBurn", "countdownTime"),
    *("batchOrders", "orderIdList", "orderidlist", "incomeType", "newOrderRespType", "priceMatch"),
)
VALUES = st.one_of(
    st.sampled_from(
        ("BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TRAILING_STOP_MARKET", "GTD")
    ),
    st.sampled_from(
        ("0.1", "49000.0", "50000", "1", "true", "false", "BOTH", "LONG", "GTC", "CONDITIONAL", "1m", "1w")
    ),
    st.sampled_from(
        ("", "-1", "0", "NaN", "1e400", "9" * 30, "0." + "9" * 25, "-0.0", "[]", "[1]", "[{}]", "{", "[[]]")
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.text(max_size=40),
)
ORDERLY = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "49000.0"}


@settings(max_examples=600)
@given(
    st.sampled_from(sorted(ENDPOINTS)),
    st.booleans(),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
)
def test_every_request_is_answered_or_refused(endpoint: str, orderly: bool, params: dict[str, str]) -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.stop("SELL", "0.1", "48000.0")
    asked = {**ORDERLY, "timeInForce": "GTC", "algoType": "CONDITIONAL"} | params if orderly else params
    with contextlib.suppress(Refused):
        json.dumps(client.exchange.handle(endpoint, KEY, asked, client.now_ms))
    assert client.exchange.invariants() == []


ACT_NAMES = (
    *("order", "account", "symbol", "quantity", "price", "maker", "hide_ms", "status", "rate", "asset", "amount"),
    *("hedge", "margin_type", "leverage", "side", "type", "tick", "step", "min_quantity", "min_notional", "listed"),
    *("mark_gap", "funding_rate", "next_funding_ms", "spread_ticks", "level_quantity", "levels", "participation"),
    *("delivery_ms", "max_price", "brackets", "multiplier_up"),
)
ACT_VALUES = st.one_of(
    st.sampled_from(
        ("mine", KEY, "BTCUSDT", "stop", "0.1", "50000.0", "TRADING", "MARKET", "BUY", "0.5", 1, True, None)
    ),
    st.sampled_from(("", "-1", "0", "NaN", "1e400", "1e40", "9" * 40, "0." + "9" * 30, -1, 0, 10**30, 1e300, [], {})),
    st.integers(-(10**6), 10**6),
    st.text(max_size=10),
)


@settings(max_examples=800)
@given(st.sampled_from(sorted(VERBS)), st.dictionaries(st.sampled_from(ACT_NAMES), ACT_VALUES, max_size=5))
def test_every_act_is_done_or_named_as_wrong(verb: str, params: dict[str, Any]) -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.order("BUY", "0.1", "49000.0", newClientOrderId="mine")
    client.stop("SELL", "0.1", "48000.0", clientAlgoId="stop")
    given_ = {"symbol": "BTCUSDT", "account": KEY, "order": "mine"} | params
    if verb in ("rules", "market"):
        given_ = {name: value for name, value in given_.items() if name not in ("account", "order")}
    with contextlib.suppress(ConfigError, Refused):
        json.dumps(client.exchange.act(verb, given_, client.now_ms))
    assert client.exchange.invariants() == []
    # Whatever was changed, the market trades on.
    tick = Decimal(client.call("GET exchangeInfo")["symbols"][0]["filters"][0]["tickSize"])
    client.price(str(tick * 1000))
    assert client.exchange.invariants() == []


@pytest.mark.parametrize(
    "options",
    [
        AccountOptions(balances={"USDT": Decimal(-1)}),
        AccountOptions(balances={"USDT": Decimal("NaN")}),
        AccountOptions(balances={"USDT": Decimal("0.000000001")}),
        AccountOptions(leverage=0),
        AccountOptions(taker_fee=Decimal(2)),
        AccountOptions(bnb_price=Decimal(0)),
    ],
)
def test_an_account_that_cannot_be_is_refused(options: AccountOptions) -> None:
    client = Client()
    with pytest.raises(ConfigError):
        client.exchange.open_account("other", options, client.now_ms)


@pytest.mark.parametrize(
    "changes",
    [
        {"tick": Decimal(0)},
        {"step": Decimal(-1)},
        {"tick": Decimal("0.000001")},
        {"min_quantity": Decimal(0)},
        {"max_price": Decimal("1E+30")},
        {"status": "OPEN"},
    ],
)
def test_rules_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    good = {"tick": Decimal("0.1"), "step": Decimal("0.001"), "min_quantity": Decimal("0.001")}
    with pytest.raises(ConfigError):
        Exchange([SymbolRules("XUSDT", "X", "USDT", **(good | changes))])
