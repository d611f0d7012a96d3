"""Conditional orders of the local exchange: ids, statuses and streams of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from exchange_client import Client

from live_runner.services.emulator.binance import AccountOptions, Options, Refused


def refused(client: Client, code: int, *args: str, **params: object) -> None:
    with pytest.raises(Refused) as raised:
        client.stop(*args, **params)
    assert raised.value.code == code


def shown(client: Client, algo: dict[str, Any]) -> dict[str, Any]:
    """The algo order as the venue answers it."""
    body: dict[str, Any] = client.call("GET algoOrder", algoId=algo["algoId"])
    return body


def test_a_conditional_order_has_a_number_and_a_list_of_its_own() -> None:
    client = Client()
    algo = client.stop("SELL", "0.1", "49000.0", clientAlgoId="stop")

    assert client.call("GET openOrders") == []
    assert [row["algoId"] for row in client.call("GET openAlgoOrders")] == [algo["algoId"]]
    with pytest.raises(Refused, match="-2013"):
        client.call("GET order", symbol="BTCUSDT", orderId=algo["algoId"])
    with pytest.raises(Refused, match="-2011"):
        client.call("DELETE order", symbol="BTCUSDT", origClientOrderId="stop")
    assert client.happened("ORDER_TRADE_UPDATE", "c") == []
    assert client.happened("ALGO_UPDATE", "caid", "X") == [("stop", "NEW")]


def test_the_child_is_shown_before_its_parent_is_triggered() -> None:
    """O17: the order's own events come first, under another client id; only ``ai`` links them."""
    client = Client()
    client.order("BUY", "0.1")
    client.stop("SELL", "0.1", "49000.0", reduceOnly="true", clientAlgoId="stop")
    client.events.clear()
    client.price("48990.0")

    order = client.happened("ORDER_TRADE_UPDATE", "i", "c")[0]
    assert order[1] != "stop"
    assert [(e.name, e.payload["o"]["X"]) for e in client.events if "o" in e.payload] == [
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ORDER_TRADE_UPDATE", "NEW"),
        ("ORDER_TRADE_UPDATE", "FILLED"),
        ("ALGO_UPDATE", "TRIGGERED"),
        ("ALGO_UPDATE", "FINISHED"),
    ]
    number = str(order[0])
    assert client.happened("ALGO_UPDATE", "X", "ai") == [
        ("TRIGGERING", ""),
        ("TRIGGERED", number),
        ("FINISHED", number),
    ]
    assert client.events[-1].payload["o"]["aq"] == "0.100"
    # A stop met on the way fills at its trigger, not at the end of the way.
    assert client.trades()[-1]["price"] == "49000.0"


def test_the_child_may_carry_the_id_of_its_parent() -> None:
    client = Client(options=Options(own_child_ids=False))
    client.stop("BUY", "0.1", "50500.0", clientAlgoId="stop")
    client.price("50500.0")

    assert client.call("GET order", symbol="BTCUSDT", origClientOrderId="stop")["status"] == "FILLED"


def test_a_stop_whose_order_is_cancelled_has_finished_without_a_fill() -> None:
    """O24: the leg is naked, and only ``aq`` shows it."""
    client = Client()
    client.order("BUY", "0.1")
    algo = client.stop("SELL", "0.1", "49000.0", type="STOP", price="49500.0", reduceOnly="true")
    client.price("49000.0")
    triggered = shown(client, algo)
    assert triggered["algoStatus"] == "TRIGGERED"

    client.call("DELETE order", symbol="BTCUSDT", orderId=triggered["actualOrderId"])

    assert shown(client, algo)["algoStatus"] == "FINISHED"
    assert client.events[-1].payload["o"]["aq"] == "0.000"
    assert client.position() == Decimal("0.1")


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "before", "after"),
    [
        ("SELL", "STOP_MARKET", "49000.0", "49000.1", "49000.0"),
        ("BUY", "STOP_MARKET", "51000.0", "50999.9", "51000.0"),
        ("SELL", "TAKE_PROFIT_MARKET", "51000.0", "50999.9", "51000.0"),
        ("BUY", "TAKE_PROFIT_MARKET", "49000.0", "49000.1", "49000.0"),
    ],
)
def test_a_trigger_is_met_at_its_price_and_not_before(
    side: str, kind: str, trigger: str, before: str, after: str
) -> None:
    client = Client()
    algo = client.stop(side, "0.1", trigger, type=kind)
    client.price(before)
    assert shown(client, algo)["algoStatus"] == "NEW"

    client.price(after)

    assert shown(client, algo)["algoStatus"] == "FINISHED"


@pytest.mark.parametrize(
    ("side", "kind", "trigger"),
    [
        ("SELL", "STOP_MARKET", "50000.0"),
        ("BUY", "STOP_MARKET", "49000.0"),
        ("SELL", "TAKE_PROFIT_MARKET", "49000.0"),
        ("BUY", "TAKE_PROFIT_MARKET", "50000.0"),
    ],
)
def test_an_order_that_would_trigger_at_once_is_refused(side: str, kind: str, trigger: str) -> None:
    client = Client()
    refused(client, -2021, side, "0.1", trigger, type=kind)

    assert client.events == []


def test_a_stop_may_look_at_the_mark_price() -> None:
    client = Client()
    client.act("market", symbol="BTCUSDT", mark_gap="-50.0")
    algo = client.stop("SELL", "0.1", "49000.0", workingType="MARK_PRICE")
    client.price("49050.1")
    assert shown(client, algo)["algoStatus"] == "NEW"

    client.price("49050.0")

    assert shown(client, algo)["algoStatus"] == "FINISHED"


def test_a_trailing_stop_follows_the_price_once_it_is_active() -> None:
    client = Client()
    client.order("BUY", "0.1")
    asked = {"type": "TRAILING_STOP_MARKET", "callbackRate": "1", "activatePrice": "50500.0", "triggerPrice": ""}
    algo = client.stop("SELL", "0.1", "", **asked)
    for price in ("49000.0", "50500.0", "51000.0", "50490.1"):
        client.price(price)
        assert shown(client, algo)["algoStatus"] == "NEW"

    client.price("50490.0")

    assert shown(client, algo)["algoStatus"] == "FINISHED"
    assert client.position() == 0


def test_a_stop_that_closes_the_position_closes_what_is_there_then() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.stop("SELL", "", "49000.0", closePosition="true")
    client.order("BUY", "0.2")
    client.price("49000.0")

    assert client.position() == 0


def test_a_stop_that_closes_the_position_expires_with_it_and_a_reduce_only_one_waits_on() -> None:
    """O18, G01: what is left standing after a position has been closed."""
    client = Client()
    client.order("BUY", "0.1")
    closes = client.stop("SELL", "", "49000.0", closePosition="true")
    reduces = client.stop("SELL", "0.1", "49000.0", reduceOnly="true")
    client.order("SELL", "0.1")
    assert shown(client, closes)["algoStatus"] == "EXPIRED"
    assert shown(client, reduces)["algoStatus"] == "NEW"

    client.price("49000.0")

    assert shown(client, reduces)["algoStatus"] == "REJECTED"
    assert client.events[-1].payload["o"]["rm"] == "ReduceOnly Order is rejected."
    assert client.position() == 0


def test_a_stop_without_reduce_only_opens_the_other_way_after_its_position_is_gone() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.stop("SELL", "0.1", "49000.0")
    client.order("SELL", "0.1")
    client.price("49000.0")

    assert client.position() == Decimal("-0.1")


def test_a_triggered_order_that_the_margin_does_not_carry_is_rejected() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(100)}))
    algo = client.stop("BUY", "0.5", "50500.0")
    client.price("50500.0")

    assert shown(client, algo)["algoStatus"] == "REJECTED"
    assert client.position() == 0


def test_hedged_stops_close_their_own_side() -> None:
    client = Client(AccountOptions(hedge=True))
    client.order("BUY", "0.1", positionSide="LONG")
    client.order("SELL", "0.1", positionSide="SHORT")
    refused(client, -1106, "SELL", "0.1", "49000.0", positionSide="LONG", reduceOnly="true")
    client.stop("SELL", "0.1", "49000.0", positionSide="LONG")
    client.price("49000.0")

    assert (client.position(side="LONG"), client.position(side="SHORT")) == (Decimal(0), Decimal("-0.1"))


def test_a_cancelled_conditional_order_is_answered_without_a_status() -> None:
    client = Client()
    algo = client.stop("SELL", "0.1", "49000.0", clientAlgoId="stop")
    answer = client.call("DELETE algoOrder", clientAlgoId="stop")

    assert answer == {"algoId": algo["algoId"], "clientAlgoId": "stop", "code": "200", "msg": "success"}
    with pytest.raises(Refused, match="-2011"):
        client.call("DELETE algoOrder", clientAlgoId="stop")


def test_a_client_id_of_a_conditional_order_is_unique_among_waiting_ones_only() -> None:
    client = Client()
    client.order("BUY", "0.1", "49000.0", newClientOrderId="same")
    client.stop("SELL", "0.1", "48000.0", clientAlgoId="same")
    refused(client, -4116, "SELL", "0.1", "48000.0", clientAlgoId="same")
    client.call("DELETE algoOrder", clientAlgoId="same")

    assert client.stop("SELL", "0.1", "48000.0", clientAlgoId="same")["algoStatus"] == "NEW"


def test_the_number_of_waiting_orders_is_bounded() -> None:
    client = Client()
    client.act("rules", symbol="BTCUSDT", max_algo_orders=2, max_orders=1)
    for _ in range(2):
        client.stop("SELL", "0.1", "48000.0")
    refused(client, -4045, "SELL", "0.1", "48000.0")
    client.order("BUY", "0.1", "49000.0")
    with pytest.raises(Refused, match="-2025"):
        client.order("BUY", "0.1", "49000.0")


@pytest.mark.parametrize(
    ("code", "args", "params"),
    [
        (-1102, ("SELL", "0.1", ""), {}),
        (-1102, ("SELL", "0.1", "49000.0"), {"algoType": "VP"}),
        (-1102, ("SELL", "0.1", "49000.0"), {"type": "STOP"}),
        (-1116, ("SELL", "0.1", "49000.0"), {"type": "LIMIT"}),
        (-1111, ("SELL", "0.1", "49000.05"), {}),
        (-4003, ("SELL", "0", "49000.0"), {}),
        (-4061, ("SELL", "0.1", "49000.0"), {"positionSide": "LONG"}),
        (-4136, ("SELL", "0.1", "49000.0"), {"closePosition": "true"}),
        (-1130, ("SELL", "0.1", ""), {"type": "TRAILING_STOP_MARKET", "callbackRate": "20"}),
    ],
)
def test_what_the_venue_does_not_take_is_refused_with_its_code(
    code: int, args: tuple[str, ...], params: dict[str, object]
) -> None:
    client = Client()
    with pytest.raises(Refused) as raised:
        client.stop(*args, **params)

    assert raised.value.code == code
    assert client.call("GET openAlgoOrders") == []
