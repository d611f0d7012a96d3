"""Orders at the local exchange: placed, filled, cancelled, refused, each as the venue does it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_client import KEY, Client

from live_runner.services.emulator.binance import AccountOptions, Exchange, Options, Refused
from live_runner.services.emulator.binance.state import FundingStamp


def refused(client: Client, code: int, *args: str, **params: object) -> None:
    with pytest.raises(Refused) as raised:
        client.order(*args, **params)
    assert raised.value.code == code
    assert raised.value.status == 400
    assert client.exchange.invariants() == []


def test_a_market_order_takes_the_book_and_pays_the_takers_fee() -> None:
    client = Client()
    order = client.order("BUY", "0.100")

    assert (order["status"], order["executedQty"], order["cumQuote"]) == ("FILLED", "0.100", "5000.01")
    assert client.trades()[0]["commission"] == "2.50000500"
    assert client.position() == Decimal("0.1")
    assert client.balance() == Decimal("10000") - Decimal("2.500005")


def test_a_limit_order_rests_until_the_price_comes_and_pays_the_makers_fee() -> None:
    client = Client()
    order = client.order("BUY", "0.100", "49900.0")
    client.price("49900.1")
    assert (order["status"], client.position()) == ("NEW", Decimal(0))

    client.price("49900.0")

    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "FILLED"
    (trade,) = client.trades()
    assert (trade["price"], trade["maker"], trade["commission"]) == ("49900.0", True, "0.99800000")


def test_a_limit_order_beyond_the_book_takes_it_at_the_books_price() -> None:
    assert Client().order("BUY", "0.1", "50100.0")["avgPrice"].startswith("50000.1")


def test_what_an_account_has_realised_is_exact_over_many_partial_closes() -> None:
    client = Client()
    for price in ("50000.0", "50001.1", "50003.3"):
        client.price(price)
        client.order("BUY", "0.001")
    for _ in range(3):
        client.order("SELL", "0.001", reduceOnly="true")

    bought, sold = (
        sum(Decimal(t["price"]) * Decimal(t["qty"]) for t in client.trades() if t["side"] == side)
        for side in ("BUY", "SELL")
    )
    assert sum(Decimal(t["realizedPnl"]) for t in client.trades()) == sold - bought


def test_an_order_in_one_way_mode_turns_the_position() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.order("SELL", "0.3")

    assert client.position() == Decimal("-0.2")
    (row,) = client.call("GET /fapi/v3/positionRisk")
    assert Decimal(row["entryPrice"]) == 50000
    assert Decimal(row["notional"]) == -10000


def test_the_book_has_an_end_when_its_levels_have_one() -> None:
    client = Client(options=Options(level_quantity=Decimal("0.1"), levels=3))
    order = client.order("BUY", "0.500")

    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.300")
    assert [t["price"] for t in client.trades()] == ["50000.1", "50000.2", "50000.3"]


def test_an_order_that_rests_at_the_touched_price_shares_the_prints_quantity() -> None:
    client = Client(options=Options(participation=Decimal("0.5")))
    order = client.order("BUY", "0.1", "49900.0")
    client.price("49900.0", quantity=Decimal("0.08"))
    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["executedQty"] == "0.040"

    client.price("49899.9", quantity=Decimal("0.001"))

    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "FILLED"


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    client = Client()
    first = client.order("BUY", "0.1", "49000.0", newClientOrderId="mine")
    refused(client, -4116, "BUY", "0.1", "49000.0", newClientOrderId="mine")
    client.call("DELETE order", symbol="BTCUSDT", origClientOrderId="mine")

    second = client.order("BUY", "0.1", newClientOrderId="mine")
    third = client.order("BUY", "0.1", newClientOrderId="mine")

    assert len({first["orderId"], second["orderId"], third["orderId"]}) == 3
    found = client.call("GET order", symbol="BTCUSDT", origClientOrderId="mine")
    assert found["orderId"] == third["orderId"]


def test_a_post_only_order_that_would_take_is_accepted_and_expires() -> None:
    client = Client()
    order = client.order("BUY", "0.1", "50000.1", timeInForce="GTX")

    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.000")
    assert client.happened("ORDER_TRADE_UPDATE", "x", "X") == [("NEW", "NEW"), ("EXPIRED", "EXPIRED")]
    assert client.order("BUY", "0.1", "50000.0", timeInForce="GTX")["status"] == "NEW"


def test_a_venue_that_refuses_what_it_cannot_fill_leaves_no_order() -> None:
    client = Client(options=Options(unfillable_expires=False, level_quantity=Decimal("0.1"), levels=2))
    refused(client, -5022, "BUY", "0.1", "50000.1", timeInForce="GTX")
    refused(client, -5021, "BUY", "0.3", "50000.5", timeInForce="FOK")

    assert client.call("GET allOrders", symbol="BTCUSDT") == []
    assert client.order("BUY", "0.2", "50000.5", timeInForce="FOK")["status"] == "FILLED"


def test_an_ioc_order_keeps_what_it_got_and_expires() -> None:
    client = Client(options=Options(level_quantity=Decimal("0.1")))
    order = client.order("BUY", "0.3", "50000.2", timeInForce="IOC")

    assert (order["status"], order["executedQty"]) == ("EXPIRED", "0.200")


def test_a_reduce_only_order_is_cut_to_the_position_in_one_way_mode() -> None:
    client = Client()
    client.order("BUY", "0.1")
    order = client.order("SELL", "0.5", reduceOnly="true")

    assert (order["status"], order["origQty"], order["executedQty"]) == ("FILLED", "0.100", "0.100")
    refused(client, -2022, "SELL", "0.1", reduceOnly="true")


def test_a_resting_reduce_only_order_is_cut_when_the_position_shrank() -> None:
    client = Client()
    client.order("BUY", "0.3")
    resting = client.order("SELL", "0.3", "50500.0", reduceOnly="true")
    client.order("SELL", "0.2")
    client.price("50500.0")

    shown = client.call("GET order", symbol="BTCUSDT", orderId=resting["orderId"])
    assert (shown["status"], shown["origQty"], shown["executedQty"]) == ("FILLED", "0.100", "0.100")
    assert client.position() == 0


def test_a_resting_reduce_only_order_expires_with_its_position() -> None:
    client = Client()
    client.order("BUY", "0.3")
    resting = client.order("SELL", "0.3", "50500.0", reduceOnly="true")
    client.order("SELL", "0.3")

    assert client.call("GET order", symbol="BTCUSDT", orderId=resting["orderId"])["status"] == "EXPIRED"


def test_hedge_mode_refuses_reduce_only_and_a_close_of_more_than_is_held() -> None:
    client = Client(AccountOptions(hedge=True))
    client.order("BUY", "0.2", positionSide="LONG")
    client.order("SELL", "0.1", positionSide="SHORT")
    refused(client, -1106, "SELL", "0.1", positionSide="LONG", reduceOnly="true")
    refused(client, -2022, "SELL", "0.5", positionSide="LONG")
    refused(client, -4061, "SELL", "0.1")

    client.order("SELL", "0.2", positionSide="LONG")

    assert (client.position(side="LONG"), client.position(side="SHORT")) == (Decimal(0), Decimal("-0.1"))


def test_one_way_mode_refuses_a_hedged_position_side() -> None:
    refused(Client(), -4061, "BUY", "0.1", positionSide="LONG")


@pytest.mark.parametrize(
    ("code", "args", "params"),
    [
        (-1102, ("BUY", ""), {}),
        (-1102, ("BUY", "1e-3"), {}),
        (-1102, ("BUY", "0.1", ""), {}),
        (-1102, ("BUY", "0.1"), {"symbol": ""}),
        (-1102, ("BUY", "0.1", "49000.0"), {"timeInForce": ""}),
        (-1106, ("BUY", "0.1"), {"timeInForce": "GTC"}),
        (-1111, ("BUY", "0.0001"), {}),
        (-1111, ("BUY", "0.1", "49000.05"), {}),
        (-1115, ("BUY", "0.1", "49000.0"), {"timeInForce": "GTT"}),
        (-1116, ("BUY", "0.1"), {"type": "ICEBERG"}),
        (-1117, ("HOLD", "0.1"), {}),
        (-1121, ("BUY", "0.1"), {"symbol": "BTCUSD"}),
        (-2019, ("BUY", "4.2"), {}),
        (-4001, ("BUY", "0.1", "-5.0"), {}),
        (-4002, ("BUY", "0.1", "99999999.0"), {}),
        (-4003, ("BUY", "0"), {}),
        (-4003, ("BUY", "-0.1"), {}),
        (-4005, ("BUY", "1000001"), {}),
        (-4015, ("BUY", "0.1"), {"newClientOrderId": "x" * 37}),
        (-1102, ("BUY", "0.1"), {"newClientOrderId": "not allowed"}),
        (-4016, ("BUY", "0.1", "60000.0"), {}),
        (-4024, ("SELL", "0.1", "40000.0"), {}),
        (-4120, ("SELL", "0.1"), {"type": "STOP_MARKET", "stopPrice": "49000"}),
        (-4164, ("BUY", "0.001", "4000.0"), {}),
    ],
)
def test_what_the_venue_does_not_take_is_refused_with_its_code(
    code: int, args: tuple[str, ...], params: dict[str, object]
) -> None:
    client = Client()
    refused(client, code, *args, **params)

    assert client.call("GET openOrders") == []
    assert client.events == []


def test_steps_that_a_venue_changed_are_refused_by_their_filter() -> None:
    """D08: the tick and the lot of a symbol change while it trades."""
    client = Client()
    client.act("rules", symbol="BTCUSDT", tick="0.5", step="0.005", min_quantity="0.005")
    refused(client, -4014, "BUY", "0.005", "49000.2")
    refused(client, -4023, "BUY", "0.006")
    refused(client, -4004, "BUY", "0.001")

    assert client.order("BUY", "0.005", "49000.5")["status"] == "NEW"


def test_orders_of_a_symbol_that_does_not_trade_are_refused() -> None:
    client = Client()
    client.act("rules", symbol="BTCUSDT", status="CLOSE")
    refused(client, -4141, "BUY", "0.1")
    client.act("rules", symbol="BTCUSDT", status="PENDING_TRADING")
    refused(client, -4140, "BUY", "0.1")


def test_the_margin_bounds_what_can_be_opened_and_not_what_closes() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(1000)}, leverage=10))
    client.order("BUY", "0.19")
    refused(client, -2019, "BUY", "0.02")

    assert client.order("SELL", "0.19")["status"] == "FILLED"


def test_a_position_beyond_the_largest_of_its_leverage_is_refused() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(10_000_000)}, leverage=100))
    refused(client, -2027, "BUY", "13")


def test_a_cancelled_order_is_gone_and_cannot_be_cancelled_twice() -> None:
    """O04: -2011 says nothing about what has filled."""
    client = Client()
    order = client.order("BUY", "0.1", "49000.0")
    assert client.call("DELETE order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "CANCELED"
    with pytest.raises(Refused, match="-2011"):
        client.call("DELETE order", symbol="BTCUSDT", orderId=order["orderId"])
    with pytest.raises(Refused, match="-2011"):
        client.call("DELETE order", symbol="BTCUSDT", origClientOrderId="never sent")
    with pytest.raises(Refused, match="-2013"):
        client.call("GET order", symbol="BTCUSDT", origClientOrderId="never sent")


def test_an_order_of_another_account_is_unknown() -> None:
    client = Client()
    order = client.order("BUY", "0.1", "49000.0")
    client.exchange.open_account("other", AccountOptions(), client.now_ms)
    params = {"symbol": "BTCUSDT", "orderId": str(order["orderId"])}

    for endpoint, code in (("GET /fapi/v1/order", -2013), ("DELETE /fapi/v1/order", -2011)):
        with pytest.raises(Refused, match=str(code)):
            client.exchange.handle(endpoint, "other", params, client.now_ms)
    with pytest.raises(Refused, match="-2015"):
        client.exchange.handle("GET /fapi/v1/order", None, params, client.now_ms)


def test_an_order_that_has_just_filled_is_unknown_for_a_while() -> None:
    """O12: the venue's query lags behind its own answer."""
    client = Client(options=Options(hide_ms=5000))
    order = client.order("BUY", "0.1")
    assert order["status"] == "FILLED"
    with pytest.raises(Refused, match="-2013"):
        client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])

    client.wait(5000)

    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "FILLED"


def test_a_dated_order_expires_and_a_countdown_cancels() -> None:
    client = Client()
    dated = client.order("BUY", "0.1", "49000.0", timeInForce="GTD", goodTillDate=client.now_ms + 700_000)
    client.call("POST countdownCancelAll", symbol="BTCUSDT", countdownTime=800_000)
    other = client.order("BUY", "0.1", "49000.0")
    client.wait(700_000)
    assert client.call("GET order", symbol="BTCUSDT", orderId=dated["orderId"])["status"] == "EXPIRED"
    assert client.call("GET order", symbol="BTCUSDT", orderId=other["orderId"])["status"] == "NEW"

    client.wait(100_000)

    assert client.call("GET order", symbol="BTCUSDT", orderId=other["orderId"])["status"] == "CANCELED"


def test_the_test_endpoint_checks_everything_and_does_nothing() -> None:
    client = Client()
    client.call("POST order/test", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1")
    with pytest.raises(Refused, match="-2019"):
        client.call("POST order/test", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="100")

    assert (client.events, client.call("GET allOrders", symbol="BTCUSDT")) == ([], [])


def test_an_answer_of_kind_ack_shows_the_order_as_it_was_accepted() -> None:
    order = Client().order("BUY", "0.1", newOrderRespType="ACK")

    assert (order["status"], order["executedQty"]) == ("NEW", "0.000")


def test_fees_are_taken_in_bnb_while_there_is_any() -> None:
    """L05: the fee's currency changes when the BNB run out."""
    wallet = {"USDT": Decimal(10_000), "BNB": Decimal("0.004")}
    client = Client(AccountOptions(balances=wallet, bnb_burn=True, bnb_price=Decimal(600)))
    client.order("BUY", "0.1")
    client.order("SELL", "0.1")

    fees = [(t["commission"], t["commissionAsset"]) for t in client.trades()]
    assert fees == [("0.00375001", "BNB"), ("2.50000000", "USDT")]
    assert client.balance("BNB") == Decimal("0.004") - Decimal("0.00375001")
    assert client.exchange.invariants() == []


def test_a_snapshot_taken_up_by_another_exchange_goes_on_as_if_nothing_had_happened() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.order("BUY", "0.1", "49000.0", newClientOrderId="rests")
    client.stop("SELL", "0.1", "48000.0")
    client.exchange.load("ETHUSDT", [], [FundingStamp(client.now_ms, Decimal("0.0001"), Decimal(2000))])
    other = Client()
    other.exchange.restore(client.exchange.snapshot())
    other.now_ms = client.now_ms
    client.events.clear()

    for each in (client, other):
        each.price("47000.0")
        each.order("BUY", "0.2", newClientOrderId="rests")

    assert other.events == client.events
    assert other.exchange.ledger() == client.exchange.ledger()
    assert other.exchange.invariants() == []


def test_an_unknown_endpoint_is_no_part_of_the_exchange() -> None:
    with pytest.raises(Refused) as raised:
        Exchange([]).handle("PUT /fapi/v1/order", KEY, {}, 0)

    assert raised.value.status == 404
