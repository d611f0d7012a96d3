"""What the local exchange still shows of the past, and how it pages it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from exchange_client import BTC, MINUTE_MS, START_MS, Client

from live_runner.services.emulator.binance import Exchange, Refused, Row

DAY_MS = 86_400_000


def refused(client: Client, code: int, endpoint: str, **params: object) -> None:
    with pytest.raises(Refused) as raised:
        client.call(endpoint, symbol="BTCUSDT", **params)
    assert raised.value.code == code


def test_an_order_that_never_filled_is_forgotten_after_three_days_and_one_that_did_after_ninety() -> None:
    """P14: -2013 outside the venue's history proves nothing."""
    client = Client()
    empty = client.order("BUY", "0.1", "49000.0", newClientOrderId="empty")
    client.call("DELETE order", symbol="BTCUSDT", orderId=empty["orderId"])
    filled = client.order("BUY", "0.1")
    standing = client.order("BUY", "0.1", "49000.0")
    client.wait(3 * DAY_MS)
    assert client.call("GET order", symbol="BTCUSDT", origClientOrderId="empty")["status"] == "CANCELED"
    client.wait(1)
    refused(client, -2013, "GET order", origClientOrderId="empty")
    client.wait(87 * DAY_MS - 1)
    for order in (filled, standing):
        assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["orderId"] == order["orderId"]
    client.wait(1)
    for order in (filled, standing):
        refused(client, -2013, "GET order", orderId=order["orderId"])

    assert [row["orderId"] for row in client.call("GET openOrders")] == [standing["orderId"]]


def test_trades_are_shown_for_seven_days_at_a_time() -> None:
    client = Client()
    client.order("BUY", "0.1")
    first_ms = client.now_ms
    client.wait(7 * DAY_MS + 1)
    client.order("SELL", "0.1")
    assert [t["side"] for t in client.trades()] == ["SELL"]
    early = client.call("GET userTrades", symbol="BTCUSDT", startTime=first_ms)
    assert [t["side"] for t in early] == ["BUY"]
    refused(client, -1127, "GET userTrades", startTime=first_ms, endTime=first_ms + 7 * DAY_MS + 1)
    refused(client, -1128, "GET userTrades", startTime=first_ms, fromId=1)
    refused(client, -1130, "GET userTrades", startTime=first_ms, endTime=first_ms - 1)

    # By number there is no window.
    pages = client.call("GET userTrades", symbol="BTCUSDT", fromId=early[0]["id"], limit=1)
    assert [t["id"] for t in pages] == [early[0]["id"]]
    assert len(client.call("GET userTrades", symbol="BTCUSDT", fromId=early[0]["id"])) == 2


def test_trades_of_one_millisecond_are_paged_by_number_without_loss() -> None:
    client = Client()
    for _ in range(5):
        client.order("BUY", "0.01")
    found: list[dict[str, Any]] = []
    cursor = 0
    while page := client.call("GET userTrades", symbol="BTCUSDT", fromId=cursor, limit=2):
        found += page
        cursor = page[-1]["id"] + 1

    assert len({t["id"] for t in found}) == len(found) == 5


def test_trades_of_one_order_are_asked_for_by_its_number() -> None:
    client = Client()
    client.order("BUY", "0.1")
    order = client.order("BUY", "0.2")
    client.wait(30 * DAY_MS)

    assert [t["qty"] for t in client.call("GET userTrades", symbol="BTCUSDT", orderId=order["orderId"])] == ["0.200"]


def test_history_beyond_ninety_days_is_refused() -> None:
    client = Client()
    client.wait(91 * DAY_MS)

    refused(client, -4166, "GET allOrders", startTime=START_MS - DAY_MS, endTime=START_MS)
    refused(client, -4166, "GET income", startTime=START_MS - DAY_MS, endTime=START_MS)
    assert client.call("GET income") == []


def test_the_income_history_is_paged_and_filtered() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.order("SELL", "0.1")
    kinds = [line["incomeType"] for line in client.call("GET income")]
    assert kinds == ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]
    assert len(client.call("GET income", incomeType="COMMISSION")) == 2
    pages = [client.call("GET income", limit=3, page=page) for page in (1, 2, 3)]

    assert [len(page) for page in pages] == [3, 1, 0]
    ids = [line["tranId"] for page in pages for line in page]
    assert len(set(ids)) == 4


def test_candles_of_the_past_come_from_the_history_and_longer_ones_are_made_of_them() -> None:
    def history(symbol: str, from_ms: int, to_ms: int) -> list[Row]:
        assert symbol == "BTCUSDT"
        first = -(-from_ms // MINUTE_MS) * MINUTE_MS
        return [Row(at, "10.0", "12.0", "9.0", "11.0", "1") for at in range(first, to_ms, MINUTE_MS)]

    exchange = Exchange([BTC], history=history)
    for place, close in enumerate(("11.5", "13.0")):
        exchange.step("BTCUSDT", Row(START_MS + place * MINUTE_MS, "11.0", "13.0", "11.0", close, "2"))
    now_ms = START_MS + 2 * MINUTE_MS

    rows = exchange.handle("GET /fapi/v1/klines", None, {"symbol": "BTCUSDT", "interval": "1m", "limit": "4"}, now_ms)
    assert [row[0] for row in rows] == [START_MS + place * MINUTE_MS for place in (-2, -1, 0, 1)]
    longer = exchange.handle("GET /fapi/v1/klines", None, {"symbol": "BTCUSDT", "interval": "5m", "limit": "2"}, now_ms)
    assert [row[:6] for row in longer] == [
        [START_MS - 5 * MINUTE_MS, "10.0", "12.0", "9.0", "11.0", "5.000"],
        [START_MS, "11.0", "13.0", "11.0", "13.0", "4.000"],
    ]
    with pytest.raises(Refused, match="-1120"):
        exchange.handle("GET /fapi/v1/klines", None, {"symbol": "BTCUSDT", "interval": "1s"}, now_ms)


def test_prints_make_the_forming_candle() -> None:
    client = Client()
    for price, quantity in (("50010.0", "0.5"), ("49990.0", "0.25"), ("50005.0", "0.25")):
        client.price(price, quantity=Decimal(quantity))

    assert client.call("GET klines", symbol="BTCUSDT", interval="1m")[-1][:6] == [
        START_MS,
        *("50010.0", "50010.0", "49990.0", "50005.0", "1.000"),
    ]
    assert client.call("GET ticker/bookTicker", symbol="BTCUSDT")["askPrice"] == "50005.1"
