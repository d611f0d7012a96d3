"""Unmodified ccxt reads the local exchange's answers and streams as it reads the venue's.

ccxt builds, signs and sends its requests; a transport of ``requests`` hands them to the exchange instead of a socket.
The wire itself has tests of its own.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import ccxt.pro
import pytest
import requests
from exchange_client import KEY, Client
from requests.adapters import BaseAdapter

from live_runner.services.emulator.binance import AccountOptions, Refused

SYMBOL = "BTC/USDT:USDT"


class ToTheExchange(BaseAdapter):
    """Answers every request from the exchange, under the venue's own addresses."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
        params = dict(parse_qsl(f"{url.query}&{body}"))
        for name in ("timestamp", "recvWindow", "signature"):
            params.pop(name, None)
        endpoint = f"{request.method} {url.path}"
        self.asked.append(endpoint)
        response = requests.Response()
        response.url = str(request.url)
        try:
            answer, response.status_code = self.client.call(endpoint, **params), 200
        except Refused as refused:
            answer, response.status_code = {"code": refused.code, "msg": refused.message}, refused.status
        response._content = json.dumps(answer).encode()
        response.headers["Content-Type"] = "application/json"
        return response

    def close(self) -> None:
        """Nothing is open."""


def connected(account: AccountOptions | None = None, **options: Any) -> tuple[Any, Client]:
    """ccxt with its markets loaded, and the exchange behind it."""
    client = Client(account)
    venue = ccxt.binanceusdm({"apiKey": KEY, "secret": "secret", "enableRateLimit": False})
    venue.options |= {"fetchCurrencies": False, **options}
    venue.options["fetchOpenOrders"] = {"warnWithoutSymbol": False}
    venue.session.mount("https://", ToTheExchange(client))
    venue.load_markets()
    return venue, client


def test_markets_are_read_with_their_steps_and_limits() -> None:
    market = connected()[0].market(SYMBOL)

    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 0.001)
    assert (market["limits"]["cost"]["min"], market["limits"]["amount"]["min"]) == (5.0, 0.001)
    assert (market["swap"], market["linear"], market["active"]) == (True, True, True)


def test_a_market_order_is_read_as_filled_and_its_fee_comes_with_its_trades() -> None:
    venue, _ = connected()
    order = venue.create_order(SYMBOL, "market", "buy", 0.1, None, {"newClientOrderId": "mine"})
    (trade,) = venue.fetch_my_trades(SYMBOL)

    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.1, 50000.1)
    assert (order["clientOrderId"], order["fee"]) == ("mine", None)
    assert (trade["order"], trade["amount"], trade["price"]) == (order["id"], 0.1, 50000.1)
    assert trade["fee"] == {"cost": 2.500005, "currency": "USDT"}
    assert (trade["side"], trade["takerOrMaker"]) == ("buy", "taker")


def test_a_limit_order_is_placed_found_listed_and_cancelled() -> None:
    venue, _ = connected()
    order = venue.create_order(SYMBOL, "limit", "buy", 0.1, 49000, {"clientOrderId": "mine"})
    assert (order["status"], order["price"], order["remaining"]) == ("open", 49000.0, 0.1)
    by_client_id = venue.fetch_order(None, SYMBOL, {"clientOrderId": "mine"})
    assert by_client_id["id"] == venue.fetch_order(order["id"], SYMBOL)["id"] == order["id"]
    assert [each["symbol"] for each in venue.fetch_open_orders()] == [SYMBOL]

    assert venue.cancel_order(order["id"], SYMBOL)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        venue.cancel_order(order["id"], SYMBOL)
    assert venue.fetch_order(order["id"], SYMBOL)["status"] == "canceled"
    assert venue.fetch_open_orders() == []


def test_orders_are_placed_and_cancelled_in_batches_with_a_refusal_in_its_place() -> None:
    venue, _ = connected()
    orders = [
        {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": amount, "price": 49000} for amount in (0.1, 100)
    ]
    placed = venue.create_orders(orders)
    assert sorted(each["status"] for each in placed) == ["open", "rejected"]
    number = next(each["id"] for each in placed if each["id"])

    # ccxt drops the refusal of an unknown number: what it does not answer is not proven cancelled.
    assert [each["id"] for each in venue.cancel_orders([number, "1"], SYMBOL)] == [number]
    venue.create_order(SYMBOL, "limit", "buy", 0.1, 49000)
    venue.cancel_all_orders(SYMBOL)
    assert venue.fetch_open_orders() == []


def test_orders_of_the_past_ledger_and_tiers_are_read() -> None:
    venue, _ = connected()
    venue.create_order(SYMBOL, "market", "buy", 0.1)

    assert [each["status"] for each in venue.fetch_orders(SYMBOL)] == ["closed"]
    assert [each["type"] for each in venue.fetch_ledger("USDT")] == ["transfer", "commission"]
    assert venue.fetch_market_leverage_tiers(SYMBOL)[0]["maxLeverage"] == 125.0
    assert venue.fetch_trading_fee(SYMBOL)["taker"] == 0.0005
    assert venue.fetch_positions([SYMBOL], {"useV2": True})[0]["leverage"] == 20.0
    assert venue.fetch_funding_interval(SYMBOL)["interval"] == "8h"


def test_ccxt_sends_a_real_order_when_it_is_asked_to_test_one() -> None:
    """The validating endpoint has to be called by its own name: ``test`` is known for spot alone."""
    venue, client = connected()
    venue.create_order(SYMBOL, "market", "buy", 0.1, None, {"test": True})
    assert client.position() == Decimal("0.1")

    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
    assert venue.fapiPrivatePostOrderTest(asked)["status"] == "NEW"
    assert client.position() == Decimal("0.1")


def test_a_post_only_order_that_takes_is_read_as_expired() -> None:
    venue, _ = connected()

    order = venue.create_order(SYMBOL, "limit", "buy", 0.1, 50100, {"postOnly": True})
    assert (order["status"], order["filled"], order["postOnly"]) == ("expired", 0.0, True)


def test_a_partly_filled_order_that_is_cancelled_keeps_what_it_got() -> None:
    venue, client = connected()
    order = venue.create_order(SYMBOL, "limit", "buy", 0.1, 49000)
    client.act("fill", order=order["id"], quantity="0.04")
    venue.cancel_order(order["id"], SYMBOL)

    shown = venue.fetch_order(order["id"], SYMBOL)
    assert (shown["status"], shown["filled"], shown["remaining"]) == ("canceled", 0.04, 0.06)


def test_a_stop_is_a_conditional_order_and_its_child_an_ordinary_one() -> None:
    venue, client = connected()
    venue.create_order(SYMBOL, "market", "buy", 0.1)
    params = {"stopLossPrice": 49000, "reduceOnly": True, "clientOrderId": "stop"}
    stop = venue.create_order(SYMBOL, "market", "sell", 0.1, None, params)
    assert (stop["status"], stop["triggerPrice"], stop["clientOrderId"]) == ("open", 49000.0, "stop")
    assert venue.fetch_open_orders(SYMBOL) == []
    assert [each["id"] for each in venue.fetch_open_orders(SYMBOL, params={"trigger": True})] == [stop["id"]]
    client.price("48990.0")

    shown = venue.fetch_order(stop["id"], SYMBOL, {"trigger": True})
    # ccxt reads every finished conditional order as closed with nothing filled: the child has the fills.
    assert (shown["status"], shown["filled"]) == ("closed", 0.0)
    child = venue.fetch_order(shown["info"]["actualOrderId"], SYMBOL)
    assert (child["status"], child["filled"]) == ("closed", 0.1)
    assert venue.fetch_my_trades(SYMBOL)[-1]["order"] == child["id"]


def test_a_stop_is_cancelled_by_its_client_id() -> None:
    venue, _ = connected()
    params = {"stopLossPrice": 49000, "clientOrderId": "stop"}
    venue.create_order(SYMBOL, "market", "sell", 0.1, None, params)
    answer = venue.cancel_order(None, SYMBOL, {"trigger": True, "clientOrderId": "stop"})

    assert answer["status"] is None
    assert venue.fetch_open_orders(SYMBOL, params={"trigger": True}) == []


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"takeProfitPrice": 51000}, "TAKE_PROFIT_MARKET"),
        ({"triggerPrice": 49000}, "STOP_MARKET"),
        ({"trailingPercent": 1}, "TRAILING_STOP_MARKET"),
    ],
)
def test_each_kind_of_trigger_that_ccxt_sends_is_taken(params: dict[str, Any], kind: str) -> None:
    venue, _ = connected()

    assert venue.create_order(SYMBOL, "market", "sell", 0.1, None, params)["info"]["orderType"] == kind


def test_positions_of_both_sides_are_read_with_their_signs() -> None:
    venue, _ = connected(AccountOptions(hedge=True))
    venue.create_order(SYMBOL, "market", "buy", 0.1, None, {"hedged": True})
    venue.create_order(SYMBOL, "market", "sell", 0.2, None, {"hedged": True})
    positions = {each["side"]: each for each in venue.fetch_positions([SYMBOL])}

    assert {side: each["contracts"] for side, each in positions.items()} == {"long": 0.1, "short": 0.2}
    assert positions["long"]["entryPrice"] == 50000.1
    assert (positions["short"]["marginMode"], positions["short"]["hedged"]) == ("cross", True)
    venue.create_order(SYMBOL, "market", "sell", 0.1, None, {"hedged": True, "reduceOnly": True})
    assert [each["side"] for each in venue.fetch_positions([SYMBOL])] == ["short"]


def test_a_flat_account_has_no_positions() -> None:
    assert connected()[0].fetch_positions() == []


def test_balances_are_read_by_asset() -> None:
    wallet = {"USDT": Decimal(10_000), "BNB": Decimal("0.5")}
    venue, _ = connected(AccountOptions(balances=wallet))
    venue.create_order(SYMBOL, "limit", "buy", 0.1, 49000)
    balance = venue.fetch_balance()

    assert balance["USDT"] == {"free": 9755.0, "used": 245.0, "total": 10000.0}
    assert balance["BNB"]["total"] == 0.5


def test_funding_paid_is_read_as_below_zero() -> None:
    venue, client = connected()
    venue.create_order(SYMBOL, "market", "buy", 0.1)
    client.act("funding", symbol="BTCUSDT", rate="0.0001")

    (payment,) = venue.fetch_funding_history(SYMBOL)
    assert (payment["amount"], payment["code"], payment["symbol"]) == (-0.5, "USDT", SYMBOL)
    (rate,) = venue.fetch_funding_rate_history(SYMBOL)
    assert rate["fundingRate"] == 0.0001


def test_settings_are_changed_and_read_back() -> None:
    venue, _ = connected()
    venue.set_leverage(7, SYMBOL)
    assert venue.fetch_leverage(SYMBOL)["longLeverage"] == 7
    assert venue.set_position_mode(True)["code"] == 200
    assert venue.fetch_position_mode()["hedged"] is True
    with pytest.raises(ccxt.OperationRejected, match="-4059"):
        venue.set_position_mode(True)
    with pytest.raises(ccxt.MarginModeAlreadySet):
        venue.set_margin_mode("cross", SYMBOL)


def test_candles_book_and_clock_are_read() -> None:
    venue, client = connected()
    client.price("50010.0", quantity=Decimal(1))

    assert venue.fetch_ohlcv(SYMBOL, "1m")[-1][1:] == [50010.0, 50010.0, 50010.0, 50010.0, 1.0]
    book = venue.fetch_order_book(SYMBOL)
    assert (book["bids"][0][0], book["asks"][0][0]) == (50010.0, 50010.1)
    assert venue.fetch_time() == client.now_ms
    assert venue.fetch_ticker(SYMBOL)["last"] == 50010.0
    assert venue.fetch_funding_rate(SYMBOL)["markPrice"] == 50010.0


@pytest.mark.parametrize(
    ("error", "side", "amount", "price", "params"),
    [
        (ccxt.InsufficientFunds, "buy", 100, None, {}),
        (ccxt.InvalidOrder, "buy", 0.001, 4000, {}),
        (ccxt.InvalidOrder, "sell", 0.1, None, {"reduceOnly": True}),
        (ccxt.OrderImmediatelyFillable, "sell", 0.1, None, {"stopLossPrice": 51000}),
        (ccxt.OperationRejected, "buy", 0.1, None, {"hedged": True}),
    ],
)
def test_a_refusal_is_read_as_the_error_of_the_venues_own_table(
    error: type[Exception], side: str, amount: float, price: float | None, params: dict[str, Any]
) -> None:
    venue, _ = connected()
    with pytest.raises(error) as raised:
        venue.create_order(SYMBOL, "market" if price is None else "limit", side, amount, price, params)

    assert type(raised.value) is error


def test_an_order_whose_id_stands_already_is_refused_by_name() -> None:
    venue, _ = connected()
    order = (SYMBOL, "limit", "buy", 0.1, 49000, {"clientOrderId": "mine"})
    venue.create_order(*order)
    with pytest.raises(ccxt.InvalidOrder, match="-4116"):
        venue.create_order(*order)


class Streamed:
    """ccxt.pro as it reads the events of a user data stream."""

    def __init__(self, venue: Any) -> None:
        self.pro: Any = ccxt.pro.binanceusdm()
        self.pro.set_markets(venue.markets)

    def order(self, body: dict[str, Any]) -> Any:
        """The unified order of an ORDER_TRADE_UPDATE or ALGO_UPDATE."""
        return self.pro.parse_ws_order(body["o"])

    def trade(self, body: dict[str, Any]) -> Any:
        """The unified trade of an ORDER_TRADE_UPDATE."""
        return self.pro.parse_ws_trade(body["o"])


def test_ccxt_pro_reads_an_order_and_its_trade_from_the_stream() -> None:
    venue, client = connected()
    order = venue.create_order(SYMBOL, "market", "buy", 0.1, None, {"clientOrderId": "mine"})
    read = Streamed(venue)
    bodies = [event.payload for event in client.events if event.name == "ORDER_TRADE_UPDATE"]

    assert [read.order(body)["status"] for body in bodies] == ["open", "closed"]
    shown, trade = read.order(bodies[1]), read.trade(bodies[1])
    assert (shown["id"], shown["clientOrderId"], shown["filled"]) == (order["id"], "mine", 0.1)
    assert (shown["symbol"], float(shown["fee"]["cost"]), shown["fee"]["currency"]) == (SYMBOL, 2.500005, "USDT")
    assert (trade["order"], trade["amount"], trade["price"], trade["symbol"]) == (order["id"], 0.1, 50000.1, SYMBOL)


def test_ccxt_pro_takes_a_triggered_stop_for_a_filled_one() -> None:
    """O17: `closed` with the whole amount, while its order has only just been placed and nothing has filled."""
    venue, client = connected()
    params = {"stopLossPrice": 49000}
    venue.create_order(SYMBOL, "limit", "sell", 0.1, 49800, params)
    client.price("48990.0")
    read = Streamed(venue)
    by_status = {
        event.payload["o"]["X"]: read.order(event.payload) for event in client.events if event.name == "ALGO_UPDATE"
    }

    assert (by_status["TRIGGERED"]["status"], by_status["TRIGGERED"]["filled"]) == ("closed", 0.1)
    assert client.trades() == []
