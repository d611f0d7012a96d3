"""Acts of the venue and of others at the local exchange: what an account's owner did not ask for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from exchange_client import KEY, MINUTE_MS, Client

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.services.emulator.binance import AccountOptions, Exchange, Options, Refused, Row, SymbolRules

HOUR_MS = 60 * MINUTE_MS


def incomes(client: Client, kind: str) -> list[Decimal]:
    """Amounts of one kind of income."""
    return [Decimal(line["income"]) for line in client.call("GET income", incomeType=kind)]


def test_a_liquidation_closes_with_a_fee_and_what_the_insurance_fund_takes() -> None:
    """G09: execution type CALCULATED, a client id of the venue's, no TRADE_LITE."""
    client = Client()
    client.order("BUY", "0.1")
    resting = client.order("BUY", "0.1", "49000.0")
    stop = client.stop("SELL", "0.1", "48000.0")
    client.events.clear()
    client.act("liquidate", symbol="BTCUSDT")

    assert client.position() == 0
    assert client.call("GET order", symbol="BTCUSDT", orderId=resting["orderId"])["status"] == "EXPIRED"
    assert client.call("GET algoOrder", algoId=stop["algoId"])["algoStatus"] == "EXPIRED"
    name, execution, status = client.happened("ORDER_TRADE_UPDATE", "c", "x", "X")[-1]
    assert (name.startswith("autoclose-"), execution, status) == (True, "CALCULATED", "FILLED")
    assert client.happened("TRADE_LITE", "t") == []
    assert incomes(client, "INSURANCE_CLEAR") == [Decimal("-62.5")]
    assert client.trades()[-1]["commission"] == "2.50000000"


def test_an_account_without_margin_is_warned_and_then_liquidated() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(1000)}, leverage=10))
    client.order("BUY", "0.19")
    client.price("45800.0")
    assert [e.name for e in client.events].count("MARGIN_CALL") == 0
    client.price("44980.0")
    client.price("44985.0")
    assert [e.name for e in client.events].count("MARGIN_CALL") == 1

    client.price("44500.0")

    assert client.position() == 0
    assert client.exchange.invariants() == []


def test_the_shown_liquidation_price_is_where_the_venue_liquidates() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(1000)}, leverage=10))
    client.order("BUY", "0.19")
    (row,) = client.call("GET /fapi/v3/positionRisk")
    price = Decimal(row["liquidationPrice"])
    client.price(str(price + Decimal("0.1")))
    assert client.position() == Decimal("0.19")

    client.price(str(price))

    assert client.position() == 0


def test_deleveraging_closes_a_part_at_its_price() -> None:
    client = Client()
    client.order("SELL", "0.3")
    client.events.clear()
    client.act("adl", symbol="BTCUSDT", quantity="0.1", price="49500.0")

    assert client.position() == Decimal("-0.2")
    assert client.happened("ORDER_TRADE_UPDATE", "c", "x", "L")[0][0].startswith("adl_autoclose-")
    assert client.trades()[-1]["realizedPnl"] == "50.00000000"


def test_a_delisted_symbol_is_settled_and_the_others_trade_on() -> None:
    """G10."""
    client = Client()
    client.order("BUY", "0.1")
    client.order("BUY", "1", symbol="ETHUSDT")
    client.order("BUY", "0.1", "49000.0")
    client.act("settle", symbol="BTCUSDT", price="49900.0")

    assert client.position() == 0
    assert client.position("ETHUSDT") == 1
    assert client.call("GET openOrders") == []
    assert client.happened("ORDER_TRADE_UPDATE", "c")[-1][0].startswith("settlement_autoclose-")
    statuses = {symbol["symbol"]: symbol["status"] for symbol in client.call("GET exchangeInfo")["symbols"]}
    assert statuses == {"BTCUSDT": "CLOSE", "ETHUSDT": "TRADING"}
    with pytest.raises(Refused, match="-4141"):
        client.order("BUY", "0.1")
    assert client.order("SELL", "1", symbol="ETHUSDT")["status"] == "FILLED"


def test_a_symbol_that_is_gone_is_unknown_and_missing_from_the_lists() -> None:
    """G10: the last step of a delisting."""
    client = Client()
    client.act("rules", symbol="BTCUSDT", status="PRE_SETTLE", delivery_ms=client.now_ms + HOUR_MS)
    with pytest.raises(Refused, match="-4140"):
        client.order("BUY", "0.1")
    client.act("settle", symbol="BTCUSDT")
    client.act("rules", symbol="BTCUSDT", listed=False)

    assert [symbol["symbol"] for symbol in client.call("GET exchangeInfo")["symbols"]] == ["ETHUSDT"]
    assert [row["symbol"] for row in client.call("GET ticker/price")] == ["ETHUSDT"]
    for endpoint in ("GET depth", "GET userTrades", "GET allOrders"):
        with pytest.raises(Refused, match="-1121"):
            client.call(endpoint, symbol="BTCUSDT")


def test_funding_is_paid_by_longs_at_the_hours_it_falls_due() -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.act("market", symbol="BTCUSDT", funding_rate="0.0003")
    client.wait(8 * HOUR_MS - 1)
    assert incomes(client, "FUNDING_FEE") == []

    client.wait(1)

    assert incomes(client, "FUNDING_FEE") == [Decimal("-1.5")]
    assert client.events[-1].payload["a"]["m"] == "FUNDING_FEE"
    (rate,) = client.call("GET fundingRate", symbol="BTCUSDT")
    assert (rate["fundingRate"], rate["markPrice"]) == ("0.00030000", "50000.00000000")


def test_funding_below_zero_is_received_by_longs_and_paid_by_shorts() -> None:
    client = Client(AccountOptions(hedge=True))
    client.order("BUY", "0.2", positionSide="LONG")
    client.order("SELL", "0.1", positionSide="SHORT")
    client.act("funding", symbol="BTCUSDT", rate="-0.0001")

    assert incomes(client, "FUNDING_FEE") == [Decimal("1.0"), Decimal("-0.5")]


def test_a_transfer_moves_the_balance_and_is_an_income() -> None:
    client = Client()
    client.act("transfer", amount="-250.5")

    assert client.balance() == Decimal("9749.5")
    assert client.events[-1].payload["a"] == {
        "m": "WITHDRAW",
        "B": [{"a": "USDT", "wb": "9749.50000000", "cw": "9749.50000000", "bc": "-250.5"}],
        "P": [],
    }
    assert incomes(client, "TRANSFER") == [Decimal(10000), Decimal("-250.5")]


def test_the_mode_is_switched_from_outside_while_nothing_is_open() -> None:
    """G11: the next order is refused with -4061."""
    client = Client()
    client.act("mode", hedge=True)
    with pytest.raises(Refused, match="-4061"):
        client.order("BUY", "0.1")
    client.order("BUY", "0.1", positionSide="LONG")

    for code in ("-4059", "-4068"):
        with pytest.raises(Refused, match=code):
            client.act("mode", hedge=code == "-4059")


def test_the_leverage_is_changed_from_outside_and_pushed() -> None:
    client = Client()
    client.act("leverage", symbol="BTCUSDT", leverage=5)

    assert client.events[-1].payload["ac"] == {"s": "BTCUSDT", "l": 5}
    assert client.call("GET symbolConfig", symbol="BTCUSDT")[0]["leverage"] == 5
    with pytest.raises(Refused, match="-4028"):
        client.act("leverage", symbol="BTCUSDT", leverage=126)


def test_isolated_margin_is_shown_and_its_orders_are_refused() -> None:
    """G11: the margin type was changed from outside."""
    client = Client()
    with pytest.raises(Refused, match="-4046"):
        client.call("POST marginType", symbol="BTCUSDT", marginType="CROSSED")
    client.act("mode", symbol="BTCUSDT", margin_type="ISOLATED")

    assert client.call("GET symbolConfig", symbol="BTCUSDT")[0]["marginType"] == "ISOLATED"
    with pytest.raises(Refused, match="-4051"):
        client.order("BUY", "0.1")
    with pytest.raises(Refused, match="-4051"):
        client.stop("BUY", "0.1", "51000.0")
    client.call("POST marginType", symbol="BTCUSDT", marginType="CROSSED")
    client.order("BUY", "0.1")
    with pytest.raises(Refused, match="-4048"):
        client.act("mode", symbol="BTCUSDT", margin_type="ISOLATED")


@pytest.mark.parametrize(("verb", "status"), [("adl", "NEW_ADL"), ("liquidate", "NEW_INSURANCE")])
def test_a_forced_close_may_be_shown_under_a_status_that_ccxt_does_not_know(verb: str, status: str) -> None:
    client = Client()
    client.order("BUY", "0.1")
    client.act(verb, symbol="BTCUSDT", status=status)

    assert client.happened("ORDER_TRADE_UPDATE", "x", "X", "z")[-1] == ("CALCULATED", status, "0.100")
    assert client.call("GET allOrders", symbol="BTCUSDT")[-1]["status"] == "FILLED"


def test_the_insurance_fund_pays_what_a_gap_took_beyond_the_balance() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(1000)}, leverage=10))
    client.order("BUY", "0.19")
    client.price("40000.0", jumps=True)

    assert (client.position(), client.balance()) == (Decimal(0), Decimal(0))
    assert incomes(client, "INSURANCE_CLEAR")[-1] > 0
    assert client.exchange.invariants() == []


def test_more_than_can_be_withdrawn_is_not_transferred() -> None:
    client = Client(AccountOptions(balances={"USDT": Decimal(1000)}, leverage=10))
    client.order("BUY", "0.1")
    with pytest.raises(ConfigError, match="more than can be withdrawn"):
        client.act("transfer", amount="-600")


def test_the_depth_of_one_market_is_changed_while_it_trades() -> None:
    client = Client()
    client.act("market", symbol="BTCUSDT", spread_ticks=5, level_quantity="0.1", levels=2)

    assert client.call("GET depth", symbol="BTCUSDT")["asks"] == [["50000.5", "0.100"], ["50000.6", "0.100"]]
    assert client.call("GET ticker/bookTicker", symbol="ETHUSDT")["askPrice"] == "2000.01"
    assert client.order("BUY", "0.3")["executedQty"] == "0.200"


def test_an_order_that_no_longer_stands_on_the_tick_fills_all_the_same() -> None:
    """D08: the tick became larger while it rested."""
    client = Client()
    order = client.order("SELL", "0.1", "50000.7")
    client.act("rules", symbol="BTCUSDT", tick="0.5")
    client.price("50001.0")

    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "FILLED"
    assert client.call("GET ticker/price", symbol="BTCUSDT")["price"] == "50001.0"
    with pytest.raises(DataError, match="not a price of BTCUSDT"):
        client.price("50001.2")


def test_a_manual_order_changes_the_position_under_an_id_of_its_own() -> None:
    client = Client()
    client.act("manual_order", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.1")

    assert client.position() == Decimal("-0.1")
    assert client.call("GET allOrders", symbol="BTCUSDT")[0]["clientOrderId"].startswith("web_")


def test_the_venue_fills_a_part_of_an_order_and_ends_it() -> None:
    client = Client()
    order = client.order("BUY", "0.3", "49000.0", newClientOrderId="mine")
    client.act("fill", order="mine", quantity="0.1")
    client.act("cancel", order=order["orderId"])

    shown = client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])
    assert (shown["status"], shown["executedQty"]) == ("CANCELED", "0.100")
    assert client.position() == Decimal("0.1")


def test_a_fill_may_come_after_the_cancel() -> None:
    """O23."""
    client = Client()
    client.order("BUY", "0.3", "49000.0", newClientOrderId="mine")
    client.call("DELETE order", symbol="BTCUSDT", origClientOrderId="mine")
    client.act("fill", order="mine", quantity="0.1")

    assert client.happened("ORDER_TRADE_UPDATE", "x", "X", "z")[-1] == ("TRADE", "CANCELED", "0.100")
    assert client.position() == Decimal("0.1")
    assert client.exchange.invariants() == []


def test_the_venue_expires_rejects_and_cuts_orders() -> None:
    client = Client()
    for number, verb in enumerate(("expire", "reject")):
        client.order("BUY", "0.3", "49000.0", newClientOrderId=f"n{number}")
        client.act(verb, order=f"n{number}")
        assert client.happened("ORDER_TRADE_UPDATE", "x")[-1] == ({"expire": "EXPIRED", "reject": "REJECTED"}[verb],)
    client.order("BUY", "0.3", "49000.0", newClientOrderId="cut")
    client.act("resize", order="cut", quantity="0.1")
    client.price("49000.0")

    shown = client.call("GET order", symbol="BTCUSDT", origClientOrderId="cut")
    assert (shown["status"], shown["origQty"]) == ("FILLED", "0.100")


def test_the_venue_triggers_a_conditional_order_wherever_the_price_is() -> None:
    client = Client()
    client.stop("BUY", "0.1", "60000.0", clientAlgoId="stop")
    client.act("trigger", order="stop")

    assert client.position() == Decimal("0.1")
    assert client.happened("ALGO_UPDATE", "X")[-1] == ("FINISHED",)


def test_a_hidden_order_is_unknown_for_as_long_as_was_asked() -> None:
    client = Client()
    order = client.order("BUY", "0.1", "49000.0")
    client.act("hide", order=order["orderId"], hide_ms=1000)
    with pytest.raises(Refused, match="-2013"):
        client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])
    with pytest.raises(Refused, match="-2011"):
        client.call("DELETE order", symbol="BTCUSDT", orderId=order["orderId"])
    assert len(client.call("GET openOrders")) == 1
    stop = client.stop("SELL", "0.1", "48000.0", clientAlgoId="stop")
    client.act("hide", order="stop", hide_ms=1000)
    with pytest.raises(Refused, match="-2013"):
        client.call("GET algoOrder", algoId=stop["algoId"])
    client.wait(1000)

    assert client.call("GET order", symbol="BTCUSDT", orderId=order["orderId"])["status"] == "NEW"


@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("burn", {}),
        ("fill", {"order": "unknown"}),
        ("fill", {"order": "mine", "quantity": "1"}),
        ("fill", {"order": "mine", "quantity": "0.0005"}),
        ("fill", {"order": "mine", "price": "49000.05"}),
        ("fill", {"order": "mine", "quantity": "NaN"}),
        ("resize", {"order": "mine", "quantity": "0.5"}),
        ("trigger", {"order": "mine"}),
        ("hide", {"order": "mine"}),
        ("hide", {"order": "mine", "hide_ms": "1.5"}),
        ("transfer", {"amount": "0"}),
        ("transfer", {"amount": "0.000000001"}),
        ("rules", {"symbol": "BTCUSDT", "ticks": "1"}),
        ("rules", {"symbol": "BTCUSDT", "status": "OPEN"}),
        ("market", {"symbol": "BTCUSDT", "spread": 1}),
        ("market", {"symbol": "BTCUSDT", "spread_ticks": 0}),
        ("market", {"symbol": "BTCUSDT", "level_quantity": "deep"}),
    ],
)
def test_an_act_with_a_wrong_parameter_is_named_and_does_nothing(verb: str, given: dict[str, object]) -> None:
    client = Client()
    client.order("BUY", "0.1", "49000.0", newClientOrderId="mine")
    before = client.exchange.snapshot()
    with pytest.raises(ConfigError):
        client.act(verb, **given)

    assert client.exchange.snapshot() == before


def test_an_act_on_an_account_that_there_is_not_is_named() -> None:
    client = Client()
    with pytest.raises(ConfigError, match="'nobody' is not an account"):
        client.exchange.act("liquidate", {"account": "nobody"}, client.now_ms)
    with pytest.raises(ConfigError, match="has an account already"):
        client.exchange.open_account(KEY, AccountOptions(), client.now_ms)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (("50000.0", "50100.0", "49900.0", "50200.0", "1"), "outside its range"),
        (("50000.05", "50100.0", "49900.0", "50000.0", "1"), "not on the tick"),
    ],
)
def test_a_candle_that_cannot_be_is_refused(row: tuple[str, str, str, str, str], named: str) -> None:
    client = Client()
    with pytest.raises(DataError, match=named):
        client.exchange.step("BTCUSDT", Row(client.now_ms, *row))
    with pytest.raises(DataError, match="does not follow"):
        client.exchange.step("BTCUSDT", Row(client.now_ms - 2 * MINUTE_MS, *("50000.0",) * 4, "1"))


def test_a_symbol_whose_money_has_more_than_eight_decimals_is_refused() -> None:
    tiny = Decimal("0.00001")
    with pytest.raises(ConfigError, match="more than 8 decimals"):
        Exchange([SymbolRules("XUSDT", "X", "USDT", tiny, tiny, tiny)], options=Options())
