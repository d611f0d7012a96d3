"""Payloads of the local exchange have the keys and the JSON types of recorded ones.

A recorded key that is missing here, and a type that differs, fail; keys that we send beyond the recorded ones are
listed with the recording or documentation that has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange_client import KEY, Client

from live_runner.services.emulator.binance import AccountOptions, Row

FOLDER = "venue_responses/binance"

# Keys that newer payloads have and the recording, which is older or cut, has not.
NEWER: dict[str, set[str]] = {
    "ORDER_TRADE_UPDATE": {"pm", "gtd"},
    "ACCOUNT_UPDATE": {"ma"},
    "ALGO_UPDATE": {"rm"},
    "order": {"cumQty"},
    "orders": {"cumQuote", "priceMatch", "selfTradePreventionMode", "goodTillDate"},
    "algo": {
        *("orderType", "actualOrderId", "actualPrice", "price", "icebergQuantity", "selfTradePreventionMode"),
        *("priceMatch", "closePosition", "priceProtect", "triggerTime", "goodTillDate"),
    },
    "positions": {"breakEvenPrice", "notional", "isolatedWallet"},
    "funding": {"markPrice"},
    "exchangeInfo": {"maxMoveOrderLimit", "permissionSets"},
}
# Keys of one kind of order, of other accounts than ours, or of a recording that was put together by hand.
NOT_OURS: dict[str, set[str]] = {
    "orders": {"activatePrice", "priceRate"},
    "ORDER_TRADE_UPDATE": {"W"},
    "exchangeInfo": {"settlePlan"},
    "ALGO_UPDATE": {"rm", "ap", "aq", "act"},
}


def kind(value: Any) -> str:
    """The JSON type."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return {str: "string", list: "list", dict: "object", type(None): "null"}[type(value)]


def differences(ours: Any, recorded: Any, name: str, path: str = "") -> list[str]:
    """Where two payloads differ in keys or types; of lists the first entries are compared, ``null`` fits any type."""
    if "null" in (kind(ours), kind(recorded)):
        return []
    if kind(ours) != kind(recorded):
        return [f"{path}: {kind(ours)}, recorded as {kind(recorded)}"]
    if isinstance(ours, list) and ours and isinstance(ours[0], dict) and "filterType" in ours[0]:
        by_type = {entry["filterType"]: entry for entry in ours}
        pairs = [(by_type.get(entry["filterType"], {}), entry) for entry in recorded]
        return [line for mine, entry in pairs for line in differences(mine, entry, name, f"{path}[]")]
    if isinstance(ours, list):
        return differences(ours[0], recorded[0], name, f"{path}[]") if ours and recorded else []
    if not isinstance(ours, dict):
        return []
    found = [f"{path}.{key}: missing" for key in recorded.keys() - ours.keys() - NOT_OURS.get(name, set())]
    found += [f"{path}.{key}: not recorded" for key in ours.keys() - recorded.keys() - NEWER.get(name, set())]
    for key in ours.keys() & recorded.keys():
        found += differences(ours[key], recorded[key], name, f"{path}.{key}")
    return sorted(found)


def opened(**options: Any) -> Client:
    """A client with a position, a resting order and a waiting stop."""
    client = Client(AccountOptions(**options))
    client.order("BUY", "0.1", newClientOrderId="mine")
    client.order("BUY", "0.1", "49000.0", newClientOrderId="rests")
    client.stop("SELL", "0.1", "45000.0")
    return client


def event(client: Client, name: str, **fields: Any) -> Any:
    """The first event of that name whose body has those fields."""
    for each in client.events:
        body = each.payload.get("o", each.payload)
        if each.name == name and all(body[key] == value for key, value in fields.items()):
            return each.payload
    raise AssertionError(f"no {name} with {fields} among {[e.name for e in client.events]}")


def triggered() -> Client:
    """A client whose stop has become an order."""
    client = opened()
    client.price("44990.0")
    return client


def ended(verb: str, **params: Any) -> Client:
    """A client on whose position the venue has acted."""
    client = Client()
    client.order("BUY", "0.1")
    client.act(verb, symbol="BTCUSDT", **params)
    return client


EVENTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "futures__user_data_json__order_update_new": (
        "ORDER_TRADE_UPDATE",
        lambda: event(opened(), "ORDER_TRADE_UPDATE", x="NEW"),
    ),
    "futures__user_data_json__order_update_trade": (
        "ORDER_TRADE_UPDATE",
        lambda: event(opened(), "ORDER_TRADE_UPDATE", x="TRADE"),
    ),
    "futures__user_data_json__order_update_calculated": (
        "ORDER_TRADE_UPDATE",
        lambda: event(ended("liquidate"), "ORDER_TRADE_UPDATE", x="CALCULATED"),
    ),
    "futures__user_data_json__order_update_adl": (
        "ORDER_TRADE_UPDATE",
        lambda: event(ended("adl"), "ORDER_TRADE_UPDATE", x="CALCULATED"),
    ),
    "futures__user_data_json__order_update_settlement": (
        "ORDER_TRADE_UPDATE",
        lambda: event(ended("settle"), "ORDER_TRADE_UPDATE", x="CALCULATED"),
    ),
    "py_ws_messages__ws_futures_order_update_liquidation": (
        "ORDER_TRADE_UPDATE",
        lambda: event(ended("liquidate"), "ORDER_TRADE_UPDATE", x="CALCULATED"),
    ),
    "py_ws_messages__ws_futures_order_update_trade_reduce_only_qty": (
        "ORDER_TRADE_UPDATE",
        lambda: event(opened(), "ORDER_TRADE_UPDATE", x="TRADE"),
    ),
    "futures__user_data_json__trade_lite": ("TRADE_LITE", lambda: event(opened(), "TRADE_LITE")),
    "futures__user_data_json__account_update": ("ACCOUNT_UPDATE", lambda: event(opened(), "ACCOUNT_UPDATE")),
    "futures__user_data_json__algo_update_new": ("ALGO_UPDATE", lambda: event(opened(), "ALGO_UPDATE", X="NEW")),
    "py_ws_messages__ws_futures_algo_update_triggering": (
        "ALGO_UPDATE",
        lambda: event(triggered(), "ALGO_UPDATE", X="TRIGGERING"),
    ),
    "py_ws_messages__ws_futures_algo_update_triggered": (
        "ALGO_UPDATE",
        lambda: event(triggered(), "ALGO_UPDATE", X="TRIGGERED"),
    ),
    "py_ws_messages__ws_futures_algo_update_finished": (
        "ALGO_UPDATE",
        lambda: event(triggered(), "ALGO_UPDATE", X="FINISHED"),
    ),
}
ANSWERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "futures__http_json__account_info_v2": ("account", lambda: opened().call("GET /fapi/v2/account")),
    "futures__http_json__balance": ("balance", lambda: opened().call("GET /fapi/v2/balance")),
    "futures__http_json__open_algo_orders": ("algo", lambda: opened().call("GET openAlgoOrders")),
    "futures__http_json__order_response": (
        "order",
        lambda: opened().call("GET order", symbol="BTCUSDT", origClientOrderId="mine"),
    ),
    "futures__http_json__position_risk": ("positions", lambda: opened().call("GET /fapi/v2/positionRisk")),
    "py_http_responses__http_futures_account_positions_one_way": (
        "positions",
        lambda: opened().call("GET /fapi/v2/positionRisk"),
    ),
    "py_http_responses__http_futures_account_orders": ("orders", lambda: opened().call("GET openOrders")),
    "py_http_responses__http_futures_account_position_side_dual": (
        "mode",
        lambda: opened().call("GET positionSide/dual"),
    ),
    "py_http_responses__http_futures_account_symbol_config": ("config", lambda: opened().call("GET symbolConfig")),
    "py_http_responses__http_futures_account_trades": ("trades", lambda: opened().trades()),
    "py_http_responses__http_futures_wallet_commission_rate_btcusdt": (
        "rates",
        lambda: opened().call("GET commissionRate", symbol="BTCUSDT"),
    ),
    "py_http_responses__http_futures_market_exchange_info": ("exchangeInfo", lambda: opened().call("GET exchangeInfo")),
    "gct_fapi_v1_exchangeInfo_GET": ("exchangeInfo", lambda: opened().call("GET exchangeInfo")),
    "py_http_responses__http_futures_market_depth": ("depth", lambda: opened().call("GET depth", symbol="BTCUSDT")),
    "py_http_responses__http_futures_market_book_ticker": (
        "book",
        lambda: opened().call("GET ticker/bookTicker", symbol="BTCUSDT"),
    ),
    "py_http_responses__http_futures_market_ticker_price": (
        "price",
        lambda: opened().call("GET ticker/price", symbol="BTCUSDT"),
    ),
    "py_http_responses__http_futures_market_ticker_24hr": (
        "day",
        lambda: opened().call("GET ticker/24hr", symbol="BTCUSDT"),
    ),
    "py_http_responses__http_futures_market_premium_index": (
        "premium",
        lambda: opened().call("GET premiumIndex", symbol="BTCUSDT"),
    ),
    "py_http_responses__http_futures_market_klines": (
        "klines",
        lambda: opened().call("GET klines", symbol="BTCUSDT", interval="1m"),
    ),
    "py_http_responses__http_futures_market_mark_price_klines": (
        "klines",
        lambda: opened().call("GET markPriceKlines", symbol="BTCUSDT", interval="1m"),
    ),
    "py_http_responses__http_futures_market_funding_rate": (
        "funding",
        lambda: ended("funding").call("GET fundingRate", symbol="BTCUSDT"),
    ),
    "gct_fapi_v1_fundingInfo_GET": ("fundingInfo", lambda: opened().call("GET fundingInfo")),
    "gct_fapi_v1_time_GET": ("time", lambda: opened().call("GET time")),
}


def recorded_body(folder: Path, name: str) -> Any:
    """The recorded payload, out of the wrapping of the stream or of the recorder."""
    body = json.loads((folder / FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    if name.startswith("gct_"):
        return body[0]["response"]
    return body.get("data", body) if isinstance(body, dict) else body


@pytest.mark.parametrize("name", [*EVENTS, *ANSWERS])
def test_a_payload_has_the_keys_and_types_of_the_recorded_one(name: str, shared_data: Path) -> None:
    shape, made = {**EVENTS, **ANSWERS}[name]

    assert differences(made(), recorded_body(shared_data, name), shape) == []


def test_what_an_algo_update_without_reason_has_no_key_for_it() -> None:
    assert "rm" not in event(triggered(), "ALGO_UPDATE", X="FINISHED")["o"]


def test_every_answer_can_be_written_as_json() -> None:
    client = opened()
    for endpoint in ("GET /fapi/v3/account", "GET /fapi/v3/positionRisk", "GET income", "GET leverageBracket"):
        assert json.loads(json.dumps(client.call(endpoint)))


def test_a_recorded_row_is_served_as_it_was_matched_on() -> None:
    client = Client()
    row = Row(client.now_ms, "50000.0", "50100.0", "49900.5", "50050.0", "12.345")
    client.exchange.step("BTCUSDT", row)

    shown = client.exchange.handle(
        "GET /fapi/v1/klines", None, {"symbol": "BTCUSDT", "interval": "1m"}, row.open_ms + 60_000
    )
    assert shown[-1][:6] == [row.open_ms, row.open, row.high, row.low, row.close, row.volume]
    assert Decimal(client.call("GET ticker/price", symbol="BTCUSDT")["price"]) == Decimal(row.close)
    assert KEY not in json.dumps(shown)
