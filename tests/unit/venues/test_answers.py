"""The answer of a venue decides what became of a request; ccxt's own exception classes are raised and do not."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import ccxt.async_support
import pytest

from live_runner.services.venues.answers import (
    MEANINGS,
    AnswerTable,
    CodePlace,
    HttpExchange,
    Shape,
    Verdict,
    by_code,
    classify,
)
from live_runner.services.venues.registry import PROFILES, profile_of

HOSTS = {
    "binanceusdm": "https://fapi.binance.com",
    "okx": "https://www.okx.com",
    "bybit": "https://api.bybit.com",
    "bitget": "https://api.bitget.com",
    "gate": "https://api.gateio.ws",
    "krakenfutures": "https://futures.kraken.com",
    "hyperliquid": "https://api.hyperliquid.xyz",
    "bingx": "https://open-api.bingx.com",
}
ORDERS = {"binanceusdm": "POST /fapi/v1/order", "okx": "POST /api/v5/trade/batch-orders"}
BAD_BODIES = ("", "<html>maintenance</html>", "{}", "null", "[]", "[{}]", '{"orderId": 1', '"ok"', "17", "true")


def table(venue: str) -> AnswerTable:
    answers = profile_of(venue).answers
    assert answers is not None
    return answers


@cache
def library(venue: str) -> Any:
    return getattr(ccxt.async_support, venue)()


def raised(venue: str, exchange: HttpExchange) -> BaseException | None:
    """What unmodified ccxt makes of the answer."""
    client = library(venue)
    try:
        parsed = json.loads(exchange.body)
    except ValueError:
        parsed = None
    url = f"{HOSTS[venue]}{exchange.path}"
    try:
        client.handle_errors(
            exchange.status, "", url, exchange.method, exchange.headers, exchange.body, parsed, {}, None
        )
        client.handle_http_status_code(exchange.status, "", url, exchange.method, exchange.body)
    except ccxt.BaseError as error:
        raised_error: BaseException = error
        return raised_error
    return None


def answered(venue: str, status: int, body: str, endpoint: str = "", headers: dict[str, str] | None = None) -> Verdict:
    """A request that was sent and answered so, through ccxt's handlers."""
    method, path = (endpoint or ORDERS.get(venue, "POST /order")).split()
    exchange = HttpExchange(method, path, 1, status, headers or {}, body)
    return classify(table(venue), exchange, raised(venue, exchange))


def refusal(venue: str, code: str) -> tuple[int, str]:
    """Status and body with which the venue refuses by this code."""
    match venue:
        case "binanceusdm":
            return 400, json.dumps({"code": int(code), "msg": "refused"})
        case "okx":
            return 200, json.dumps({"code": "1", "msg": "", "data": [{"ordId": "", "sCode": code, "sMsg": "refused"}]})
        case "bybit":
            return 200, json.dumps({"retCode": int(code), "retMsg": "refused", "result": {}})
        case "bitget":
            return 400, json.dumps({"code": code, "msg": "refused"})
        case "gate":
            return 400, json.dumps({"label": code, "message": "refused"})
        case "krakenfutures":
            return 200, json.dumps({"result": "success", "sendStatus": {"status": code}})
        case "bingx":
            return 200, json.dumps({"code": int(code), "msg": "refused"})
    raise AssertionError(venue)


CODES = [(venue, code) for venue in sorted(set(HOSTS) - {"hyperliquid"}) for code in table(venue).codes]


@pytest.mark.parametrize(("venue", "code"), CODES)
def test_a_code_means_what_the_table_says_whatever_class_ccxt_raises(venue: str, code: str) -> None:
    known = table(venue).codes[code]

    verdict = answered(venue, *refusal(venue, code))

    assert (verdict.fate, verdict.code, verdict.meaning, verdict.follow_up) == (
        known.fate,
        code,
        known.meaning,
        known.follow_up,
    )


@pytest.mark.parametrize(
    ("venue", "code", "fate", "meaning", "raises"),
    [
        # The class says "invalid order"; the order stands.
        ("binanceusdm", "-4116", "duplicate", "duplicate", ccxt.InvalidOrder),
        ("okx", "51016", "duplicate", "duplicate", ccxt.InvalidOrder),
        ("bybit", "110072", "duplicate", "duplicate", ccxt.InvalidOrder),
        ("bitget", "40786", "duplicate", "duplicate", ccxt.ExchangeError),
        ("krakenfutures", "clientOrderIdAlreadyExist", "duplicate", "duplicate", None),
        ("bingx", "109201", "duplicate", "duplicate", ccxt.DuplicateOrderId),
        # The position is not what we think.
        ("binanceusdm", "-2022", "rejected", "no_position", ccxt.InvalidOrder),
        ("bybit", "110017", "rejected", "no_position", ccxt.InvalidOrder),
        ("okx", "51169", "rejected", "no_position", ccxt.ExchangeError),
        ("bitget", "22002", "rejected", "no_position", ccxt.ExchangeError),
        ("gate", "POSITION_EMPTY", "rejected", "no_position", ccxt.InvalidOrder),
        ("bingx", "101205", "rejected", "no_position", ccxt.InvalidOrder),
        ("krakenfutures", "wouldNotReducePosition", "rejected", "no_position", None),
        # Not executed for certain, although the class is that of a failure on the way.
        ("binanceusdm", "-1008", "retryable", "", ccxt.OperationFailed),
        ("krakenfutures", "marketSuspended", "retryable", "", None),
        # The same class, and the fate is open.
        ("binanceusdm", "-1007", "unknown", "", ccxt.RequestTimeout),
        ("okx", "51149", "unknown", "", ccxt.ExchangeError),
        ("bybit", "110079", "unknown", "", ccxt.ExchangeError),
        # "Order not found" is a subclass of "invalid order", and no end of an order.
        ("binanceusdm", "-2011", "gone", "", ccxt.OrderNotFound),
        ("gate", "ORDER_FINISHED", "gone", "", ccxt.ExchangeError),
    ],
)
def test_the_code_decides_and_not_the_class(
    venue: str, code: str, fate: str, meaning: str, raises: type[Exception] | None
) -> None:
    status, body = refusal(venue, code)
    method, path = ORDERS.get(venue, "POST /order").split()
    error = raised(venue, HttpExchange(method, path, 1, status, {}, body))

    verdict = answered(venue, status, body)

    assert (type(error) if error else None) is raises
    assert (verdict.fate, verdict.meaning) == (fate, meaning)


@pytest.mark.parametrize(
    ("sentence", "fate", "meaning"),
    [
        ("Order was never placed, already canceled, or filled. asset=0", "gone", ""),
        ("Order could not immediately match against any resting orders. asset=0", "rejected", ""),
        ("Order has invalid price: more than 80% away from reference", "rejected", ""),
        ("Reduce only order would increase position. asset=0", "rejected", "no_position"),
        ("Order must have minimum value of $10. asset=0", "rejected", "too_small"),
        ("Something that nobody has read before", "unlisted", ""),
    ],
)
def test_a_venue_without_codes_is_read_by_its_sentences(sentence: str, fate: str, meaning: str) -> None:
    body = json.dumps({"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": sentence}]}}})

    verdict = answered("hyperliquid", 200, body)

    assert (verdict.fate, verdict.meaning) == (fate, meaning)


@pytest.mark.parametrize("venue", sorted(HOSTS))
def test_a_code_that_is_in_no_table_is_no_rejection(venue: str) -> None:
    if venue == "hyperliquid":
        status, body = 200, json.dumps({"status": "err", "response": "no one has read this"})
    else:
        status, body = refusal(venue, "987654")

    assert answered(venue, status, body).fate == "unlisted"
    assert answered(venue, 500, body).fate == "unknown"


@pytest.mark.parametrize("venue", sorted(ORDERS))
@pytest.mark.parametrize("body", BAD_BODIES)
@pytest.mark.parametrize("status", [200, 201, 400, 403, 404, 500, 502, 503, 504])
def test_a_body_that_is_not_the_documented_one_proves_nothing(venue: str, body: str, status: int) -> None:
    for endpoint in table(venue).shapes:
        is_listing = body == "[]" and table(venue).shapes[endpoint].problem([]) == ""
        verdict = answered(venue, status, body, endpoint)

        assert verdict.fate == ("done" if is_listing and status < 300 else "unknown"), endpoint


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_proves_nothing(status: int) -> None:
    verdict = answered("binanceusdm", status, '{"orderId": 1, "status": "NEW"}')

    assert (verdict.fate, verdict.code) == ("unknown", "redirected")


@pytest.mark.parametrize("venue", sorted(HOSTS))
def test_a_venue_that_counts_requests_asks_for_a_pause(venue: str) -> None:
    banned = '{"code":-1003,"msg":"Way too much request weight used; IP banned until 1516843974766."}'

    assert answered(venue, 429, "{}", headers={"Retry-After": "17"})[:1] == ("retryable",)
    assert answered(venue, 429, "<html>", headers={"retry-after": "17"})[4:] == ("pause", 17.0, 0)
    assert answered(venue, 418, banned)[4:] == ("pause", 0.0, 1516843974766)


def test_what_never_left_is_not_sent_and_says_why() -> None:
    invalid = ccxt.InvalidOrder("binanceusdm amount of BTC/USDT:USDT must be greater than minimum amount precision")
    answers = table("binanceusdm")

    assert classify(answers, None, invalid).fate == "not_sent"
    assert "InvalidOrder" in classify(answers, None, invalid).message
    assert classify(answers, HttpExchange("POST", "/fapi/v1/order", problem="send_window: too late"), None) == Verdict(
        "not_sent", "send_window", "too late"
    )


@pytest.mark.parametrize(
    "error", [ccxt.RequestTimeout("x"), ccxt.ExchangeNotAvailable("x"), ccxt.ExchangeError("x"), TimeoutError(), None]
)
def test_what_left_and_has_no_whole_answer_is_unknown(error: BaseException | None) -> None:
    verdict = classify(table("binanceusdm"), HttpExchange("POST", "/fapi/v1/order", 1), error)

    assert (verdict.fate, verdict.code) == ("unknown", "no_answer")


def test_an_answer_that_ccxt_cannot_read_proves_nothing() -> None:
    exchange = HttpExchange("POST", "/fapi/v1/order", 1, 200, {}, '{"orderId": 1, "status": "NEW"}')

    assert classify(table("binanceusdm"), exchange).fate == "done"
    assert classify(table("binanceusdm"), exchange, KeyError("symbol")).fate == "unknown"


def test_a_server_that_fails_on_the_way_proves_no_rejection() -> None:
    body = '{"code": -2019, "msg": "Margin is insufficient."}'

    assert answered("binanceusdm", 400, body).fate == "rejected"
    assert answered("binanceusdm", 503, body).fate == "unknown"
    assert answered("binanceusdm", 503, '{"code": -1008, "msg": "overloaded"}').fate == "retryable"


def test_the_text_beside_a_code_tells_two_meanings_apart() -> None:
    hedge = '{"code": -1106, "msg": "Parameter \'reduceonly\' sent when not required."}'
    other = '{"code": -1106, "msg": "Parameter \'price\' sent when not required."}'

    assert answered("binanceusdm", 400, hedge).meaning == "reduce_only_refused"
    assert answered("binanceusdm", 400, other) == Verdict("rejected", "-1106", json.loads(other)["msg"])


@pytest.mark.parametrize(
    ("venue", "endpoint", "file"),
    [
        ("binanceusdm", "POST /fapi/v1/order", "binance/futures__http_json__order_response.json"),
        ("binanceusdm", "GET /fapi/v1/openAlgoOrders", "binance/futures__http_json__open_algo_orders.json"),
        ("binanceusdm", "GET /fapi/v3/positionRisk", "binance/futures__http_json__position_risk.json"),
        ("binanceusdm", "GET /fapi/v3/balance", "binance/futures__http_json__balance.json"),
        ("binanceusdm", "GET /fapi/v3/account", "binance/futures__http_json__account_info_v2.json"),
        (
            "binanceusdm",
            "GET /fapi/v1/userTrades",
            "binance/py_http_responses__http_futures_account_trades.json",
        ),
        (
            "binanceusdm",
            "GET /fapi/v1/openOrders",
            "binance/py_http_responses__http_futures_account_orders.json",
        ),
        (
            "binanceusdm",
            "GET /fapi/v3/positionRisk",
            "binance/py_http_responses__http_futures_account_positions_hedge.json",
        ),
        (
            "binanceusdm",
            "GET /fapi/v1/positionSide/dual",
            "binance/py_http_responses__http_futures_account_position_side_dual.json",
        ),
        (
            "binanceusdm",
            "GET /fapi/v1/symbolConfig",
            "binance/py_http_responses__http_futures_account_symbol_config.json",
        ),
        ("binanceusdm", "GET /fapi/v1/exchangeInfo", "binance/gct_fapi_v1_exchangeInfo_GET.json"),
        ("binanceusdm", "GET /fapi/v1/time", "binance/gct_fapi_v1_time_GET.json"),
        ("okx", "POST /api/v5/trade/batch-orders", "okx/http_place_order_response.json"),
        ("okx", "POST /api/v5/trade/order-algo", "okx/http_place_algo_order_response.json"),
        ("okx", "POST /api/v5/trade/cancel-algos", "okx/http_cancel_algo_order_response.json"),
        ("okx", "GET /api/v5/trade/orders-pending", "okx/http_get_orders_pending.json"),
        ("okx", "GET /api/v5/trade/orders-algo-pending", "okx/http_get_orders_algo_pending.json"),
        ("okx", "GET /api/v5/account/positions", "okx/http_get_positions.json"),
        ("okx", "GET /api/v5/account/balance", "okx/http_get_account_balance.json"),
        ("okx", "GET /api/v5/trade/fills", "okx/http_transaction_detail.json"),
        ("okx", "GET /api/v5/public/instruments", "okx/http_get_instruments_swap.json"),
        ("okx", "POST /api/v5/account/set-position-mode", "okx/http_set_position_mode_response.json"),
    ],
)
def test_recorded_answers_have_the_shape_of_their_endpoint(
    venue: str, endpoint: str, file: str, shared_data: Path
) -> None:
    body = json.loads((shared_data / "venue_responses" / file).read_text("utf-8"))
    if file.startswith("binance/gct"):
        body = body[0]["response"]
    if file.startswith("okx") and "code" not in body:
        body = {"code": "0", "msg": "", "data": [body]}  # recorded without what is around it

    assert answered(venue, 200, json.dumps(body), endpoint).fate == "done"


def test_a_recorded_rejection_inside_an_answer_of_status_200_is_one(shared_data: Path) -> None:
    body = (shared_data / "venue_responses" / "okx" / "http_place_algo_order_rejected.json").read_text("utf-8")

    exchange = HttpExchange("POST", "/api/v5/trade/order-algo", 1, 200, {}, body)
    verdict = answered("okx", 200, body, "POST /api/v5/trade/order-algo")

    assert raised("okx", exchange) is None  # ccxt takes it for an order
    assert (verdict.fate, verdict.code) == ("rejected", "51000")


def test_a_recorded_answer_cut_anywhere_proves_nothing(shared_data: Path) -> None:
    whole = (shared_data / "venue_responses/binance/futures__http_json__order_response.json").read_text("utf-8").strip()
    cuts = random.Random(11).sample(range(len(whole)), 60)

    assert {answered("binanceusdm", 200, whole[:cut]).fate for cut in cuts} == {"unknown"}


def test_an_endpoint_that_is_not_in_the_table_proves_nothing() -> None:
    assert answered("binanceusdm", 200, '{"orderId": 1}', "POST /fapi/v1/approveBuilder").fate == "unknown"


def test_a_code_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValueError, match="the code -1 has two meanings"):
        by_code(rejected=("-1 -2",), unknown=("-1",))


def test_a_place_may_lie_in_each_element_of_a_list() -> None:
    found = AnswerTable((CodePlace(("a", "*", "c"), "m"),), {}).found({"a": [{"c": 0}, {"c": 7, "m": "seven"}]})

    assert found == ("7", "seven")


def test_the_venues_to_which_orders_are_sent_have_the_shape_of_every_order_call() -> None:
    for venue, profile in PROFILES.items():
        if profile.is_rehearsed:
            assert any(shape.problem({}) for shape in table(venue).shapes.values())
            assert {endpoint.split()[0] for endpoint in table(venue).shapes} >= {"GET", "POST"}


def test_every_meaning_of_a_rejection_is_one_that_a_report_knows() -> None:
    assert {known.meaning for known in MEANINGS.values()} == {
        "", "account_differs", "duplicate", "no_position", "reduce_only_refused", "too_small"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (Shape(("id",)), [{"id": 1}], [{}, {"id": None}, {"id": ""}, [], None, "id"]),
        (Shape(items=("id",)), [[], [{"id": 0}]], [{}, [{}], [1], None, [{"id": 1}, {}]]),
        (Shape(("code",), ("id",), ("data",), may_be_empty=False), [{"code": "0", "data": [{"id": 1}]}],
         [{"code": "0", "data": []}, {"code": "0"}, {"code": "0", "data": {}}, {"data": [{"id": 1}]}]),
    ],
)  # fmt: skip
def test_a_shape_names_what_is_missing(shape: Shape, good: list[Any], bad: list[Any]) -> None:
    assert [shape.problem(body) for body in good] == [""] * len(good)
    assert all(shape.problem(body) for body in bad)
