"""Inside a bar the nearer price is met first, whatever it belongs to: the worked bars of docs/fills.md, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Cancelled, Filled, Liquidated

FLAT = (100.0, 101.0, 99.5, 100.0)
MARGIN = {"equity": "10000", "leverage": "10", "maintenance_margin": "0.005"}


def fills(core: Any) -> list[tuple[str, str, str]]:
    return [(fill.kind, fill.quantity, fill.price) for fill in core.of(Filled)]


def test_a_stop_nearer_than_the_liquidation_is_taken_first(driver: Any) -> None:
    """900 at 100 with a stop at 98 lose 1,800 of 10,000; the liquidation lies at 89.3."""
    core = driver(account=MARGIN)
    core.bar(*FLAT)
    core.open("900", stop_loss="98")
    core.bar(*FLAT)
    core.decide()
    core.bar(100, 100.5, 85, 90)

    assert core.of(Liquidated) == []
    assert fills(core)[1:] == [("stop", "900", "98")]
    assert core.settled.equity == "8200"


def test_a_liquidation_nearer_than_the_stop_is_taken_first(driver: Any) -> None:
    core = driver(account=MARGIN)
    core.bar(*FLAT)
    core.open("900", stop_loss="88")
    core.bar(*FLAT)
    core.decide()
    core.bar(100, 100.5, 85, 90)

    assert len(core.of(Liquidated)) == 1
    assert core.of(Cancelled)[-1].reason == "liquidation"


@pytest.mark.parametrize(
    ("leg", "limit", "stop", "bar", "prices"),
    [
        ("long", "95", "93", (100, 101, 90, 98), ["95", "93"]),
        ("short", "105", "107", (100, 110, 99, 102), ["105", "107"]),
    ],
)
def test_a_stop_beyond_the_entry_of_its_bar_is_taken_on_the_same_way(
    driver: Any, leg: str, limit: str, stop: str, bar: Any, prices: list[str]
) -> None:
    core = driver()
    core.bar(100, 101, 99, 100)
    core.open("1", leg, style="limit", limit_price=limit, stop_loss=stop)
    core.bar(*bar)

    assert [price for _, _, price in fills(core)] == prices
    assert core.settled.equity == "9998"


def test_the_target_of_an_entry_filled_inside_a_bar_waits_for_the_next(driver: Any) -> None:
    core = driver()
    core.bar(100, 101, 99, 100)
    core.open("1", style="limit", limit_price="95", take_profit="97")
    core.bar(100, 101, 90, 98)
    core.decide()
    assert [price for _, _, price in fills(core)] == ["95"]
    core.bar(96, 97, 96, 96)

    assert [price for _, _, price in fills(core)] == ["95", "97"]


def test_a_closing_limit_nearer_than_the_target_is_taken_first(driver: Any) -> None:
    """1 from 100, closed at 105 and not at 110: 10,005."""
    core = driver()
    core.held(take_profit="110")
    core.bar(100, 101, 99, 100)
    core.decide(core.intent("close", style="limit", limit_price="105"))
    core.bar(100, 112, 99, 108)

    assert fills(core)[1:] == [("limit", "1", "105")]
    assert core.settled.equity == "10005"


def test_an_add_nearer_than_the_stop_is_taken_first_and_its_stop_with_the_others(driver: Any) -> None:
    """1 from 100 and 1 from 98, both out at 95: 10,000 - 5 - 3."""
    core = driver()
    core.held(stop_loss="95")
    core.bar(100, 101, 99, 100)
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="98", stop_loss="95"))
    core.bar(100, 101, 94, 96)

    assert fills(core)[1:] == [("limit", "1", "98"), ("stop", "1", "95"), ("stop", "1", "95")]
    assert core.settled.equity == "9992"


def test_of_two_ways_the_worse_one_comes_first(driver: Any) -> None:
    """The stop of a long lies below, that of a short above; each goes before the target."""
    for leg, stop, target in (("long", "95", "105"), ("short", "105", "95")):
        core = driver()
        core.held(leg=leg, stop_loss=stop, take_profit=target)
        core.bar(100, 110, 90, 100)
        assert fills(core)[1:] == [("stop", "1", stop)]


def test_fills_at_the_close_are_marked_at_that_close(driver: Any) -> None:
    """Flat bars: no money is lost, and no liquidation follows, whatever was traded before."""
    core = driver(
        symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"),
        account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.005"},
        fills={"market": "bar_close"},
    )
    flat = dict.fromkeys(core.symbols, (1.0, 1.0, 1.0, 1.0))
    core.bars(flat)
    core.open("2000")
    core.bars(flat)
    core.decide(core.intent("open", quantity="5000", style="market", symbol="BBB/USDT:USDT"))
    core.bars(flat)
    core.decide()
    core.bars(flat)

    assert core.of(Liquidated) == []
    assert (core.settled.equity, core.settled.exposure) == ("1000", "7000")


@pytest.mark.parametrize("leg", ["long", "short"])
def test_an_account_ends_at_zero_where_a_gap_leaves_nothing(driver: Any, leg: str) -> None:
    """The venue takes the position over at the bankruptcy price; beyond it the loss is the venue's."""
    core = driver(account=MARGIN, fees={"taker": "0.0005"})
    core.bar(*FLAT)
    core.open("900", leg)
    core.bar(*FLAT)
    core.decide()
    core.bar(*((80, 81, 79, 80) if leg == "long" else (120, 121, 119, 120)))

    assert len(core.of(Liquidated)) == 1
    assert (core.settled.equity, core.settled.legs[0].quantity) == ("0", "0")


@pytest.mark.parametrize(
    ("costs", "fee"),
    [
        # 890 from 100 at 1 % pay 890; at 90.5 they have lost 8,455, so 655 are left of 10,000 and 805.45 are due.
        ({"fees": {"taker": "0.01"}}, "655"),
        # In at 101 and out at 89.59, with 100 basis points of slippage: 10,154.9 lost, more than there was.
        ({"fills": {"slippage_bp": "100"}}, "-154.9"),
    ],
    ids=["fee", "slippage"],
)
def test_an_account_ends_at_zero_where_the_costs_of_an_exit_leave_less(
    driver: Any, costs: dict[str, Any], fee: str
) -> None:
    core = driver(account=MARGIN, **costs)
    core.bar(*FLAT)
    core.open("890", stop_loss="90.5")
    core.bar(*FLAT)
    core.decide()
    core.bar(100, 100, 90.5, 90.5)

    assert core.of(Liquidated) == []
    assert core.of(Filled)[-1].fee == fee
    assert (core.settled.cash, core.settled.equity) == ("0", "0")


@pytest.mark.parametrize(
    ("rule", "high", "filled"), [("touch", 110, True), ("through", 110, False), ("through", 111, True)]
)
def test_a_target_obeys_the_rule_of_limits_and_pays_the_makers_fee(
    driver: Any, rule: str, high: float, filled: bool
) -> None:
    core = driver(fills={"limit": rule}, fees={"maker": "0.001"})
    core.held(take_profit="110")
    core.bar(100, high, 100, 100)

    assert [(fill.kind, fill.price, fill.fee) for fill in core.of(Filled)[1:]] == [
        ("take_profit", "110", "0.11")
    ] * filled


def test_the_margin_may_be_used_up_on_the_way_back_from_an_extreme(driver: Any) -> None:
    """900 long and short from 100; the long is stopped at 90. 400 + 900 (100 - p) cover 4.5 p up to 99.94."""
    core = driver(account={"equity": "9400", "leverage": "100", "maintenance_margin": "0.005"})
    core.bar(*FLAT)
    core.decide(
        core.intent("open", "long", quantity="900", style="market", stop_loss="90"),
        core.intent("open", "short", quantity="900", style="market"),
    )
    core.bar(*FLAT)
    core.decide()
    core.bar(100, 100, 89, 90)

    assert [event.price for event in core.of(Liquidated)] == ["99.95"]
    assert core.settled.equity == "445"


def test_without_orders_the_way_begins_at_the_bars_own_open(driver: Any) -> None:
    """A short that has just been opened at a close gains by the gap: nothing is used up at the close before."""
    core = driver(
        account={"equity": "100", "leverage": "50", "maintenance_margin": "0.01"}, fills={"market": "bar_close"}
    )
    core.bar(100, 100, 100, 100)
    core.open("40", "short")
    core.bar(98.5, 98.5, 97, 98)
    core.decide()
    core.bar(97, 98, 96, 97)

    assert core.of(Liquidated) == []
    assert core.settled.equity == "220"
