"""Immediate-or-cancel orders on the paper venue: what one open gives at the limit, and nothing after it."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Cancelled, Denied, Expired, Filled, Requested


def fills(core: Any) -> list[tuple[str, str, str, str]]:
    return [(fill.kind, fill.side, fill.quantity, fill.price) for fill in core.of(Filled)]


@pytest.mark.parametrize(
    ("limit", "opened", "price"), [("101", 100.5, "100.5"), ("101", 101.0, "101"), ("101", 101.01, None)]
)
def test_ioc_entry_fills_at_an_open_that_its_limit_crosses_or_not_at_all(
    driver: Any, limit: str, opened: float, price: str | None
) -> None:
    """As a taker, without slippage: 100.5 times the taker's 0.01 is 1.005. The bar's low of 90 does not matter."""
    core = driver(fills={"slippage_bp": "50"}, fees={"maker": "0.001", "taker": "0.01"})
    core.bar(100, 100, 100, 100)
    core.open(style="ioc", limit_price=limit)
    core.bar(opened, 102, 90, 100)

    assert core.last(Requested).kind == "ioc"
    if price is None:
        assert (fills(core), core.position()) == ([], "0")
        assert (core.last(Cancelled).reason, core.last(Cancelled).remaining) == ("ioc", "1")
    else:
        assert fills(core) == [("ioc", "buy", "1", price)]
        assert core.last(Filled).liquidity == "taker"
        assert core.of(Cancelled) == []
    assert core.settled.pending == []


def test_ioc_pays_the_taker_fee(driver: Any) -> None:
    core = driver(fees={"maker": "0.001", "taker": "0.01"})
    core.bar(100, 100, 100, 100)
    core.open("2", style="ioc", limit_price="101")
    core.bar(100.5, 101, 100, 100)

    assert core.last(Filled).fee == "2.01"


@pytest.mark.parametrize(("opened", "filled"), [(100.0, False), (99.99, True)])
def test_ioc_under_the_rule_of_through_asks_for_an_open_beyond_its_limit(
    driver: Any, opened: float, filled: bool
) -> None:
    core = driver(fills={"limit": "through"})
    core.bar(100, 100, 100, 100)
    core.open(style="ioc", limit_price="100")
    core.bar(opened, 101, 90, 100)

    assert fills(core) == ([("ioc", "buy", "1", "99.99")] if filled else [])
    assert [event.reason for event in core.of(Cancelled)] == ([] if filled else ["ioc"])


def test_ioc_takes_what_participation_leaves_and_the_rest_is_cancelled_at_that_open(driver: Any) -> None:
    """A tenth of a volume of 15 is 1.5; no market order follows, though the intent permits one for a timeout."""
    core = driver(fills={"participation": "0.1"})
    core.bar(100, 100, 100, 100)
    core.open("4", style="ioc", limit_price="101", stop_loss="90", fallback=["reject", "timeout"])
    events = core.bar(100, 101, 99, 100, volume=15.0)
    core.decide()
    core.bar(100, 101, 99, 100, volume=1000.0)

    assert [type(event).__name__ for event in events][:4] == ["Filled", "Requested", "Accepted", "Cancelled"]
    assert fills(core) == [("ioc", "buy", "1.5", "100")]
    assert (core.last(Cancelled).reason, core.last(Cancelled).remaining) == ("ioc", "2.5")
    assert not core.last(Cancelled).retrying
    assert [(order.kind, order.quantity) for order in core.of(Requested)] == [("ioc", "4"), ("stop", "1.5")]
    assert core.position() == "1.5"


@pytest.mark.parametrize("action", ["close", "partial_close"])
def test_ioc_exit_sells_at_its_limit_or_better(driver: Any, action: str) -> None:
    core = driver()
    core.held("2")
    core.bar()
    core.decide(core.intent(action, style="ioc", quantity="2", limit_price="101"))
    core.bar(100.99, 110, 99, 100)
    assert (core.last(Cancelled).reason, core.position()) == ("ioc", "2")
    core.decide(core.intent(action, style="ioc", quantity="2", limit_price="101"))
    core.bar(101.5, 102, 99, 100)

    assert fills(core)[1:] == [("ioc", "sell", "2", "101.5")]
    assert core.position() == "0"


@pytest.mark.parametrize(("limit", "price"), [("100", "100"), ("101", "100"), ("99.99", None)])
def test_ioc_at_the_bar_close_takes_part_in_the_close_of_its_decision(
    driver: Any, limit: str, price: str | None
) -> None:
    core = driver(fills={"market": "bar_close", "slippage_bp": "10"})
    core.bar(100, 101, 99, 100)
    events = core.open(style="ioc", limit_price=limit)

    assert [type(event).__name__ for event in events] == [
        "Requested",
        "Accepted",
        "Cancelled" if price is None else "Filled",
        "Executed",
    ]
    assert fills(core) == ([] if price is None else [("ioc", "buy", "1", price)])


def test_ioc_of_a_late_bar_waits_for_the_first_open_in_time(driver: Any) -> None:
    """Its time to live does not count: like a market order it belongs to one open."""
    core = driver(market={"late_bars": "trade"})
    core.bar(100, 100, 100, 100, late=True)
    core.open(style="ioc", limit_price="101", time_to_live_ns=60_000_000_000, fallback=["timeout"])
    core.bar(90, 90, 90, 90, late=True)
    assert (fills(core), core.of(Cancelled)) == ([], [])
    core.decide()
    core.bar(100.5, 101, 99, 100)

    assert core.of(Requested)[0].expires_ns is None
    assert (fills(core), core.of(Expired)) == ([("ioc", "buy", "1", "100.5")], [])


def test_ioc_fills_in_its_place_among_market_orders(driver: Any) -> None:
    """A flatten after it closes what it fills."""
    core = driver()
    core.bar(100, 100, 100, 100)
    core.open(style="ioc", limit_price="101")
    core.command("flatten")
    core.bar(100, 100, 100, 100)

    assert fills(core) == [("ioc", "buy", "1", "100"), ("market", "sell", "1", "100")]
    assert core.position() == "0"


def test_ioc_without_a_limit_price_is_denied(driver: Any) -> None:
    core = driver()
    core.bar()
    core.open(style="ioc")

    assert (core.last(Denied).reason, core.last(Denied).message) == (
        "missing_limit_price",
        "The order style ioc needs a limit price",
    )


def test_second_ioc_close_of_a_leg_is_denied_while_the_first_is_under_way(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()
    core.decide(
        core.intent("close", style="ioc", limit_price="100"), core.intent("close", style="ioc", limit_price="100")
    )

    assert core.last(Denied).reason == "close_pending"


def test_ioc_goes_to_a_real_venue_as_such(driver: Any) -> None:
    core = driver(stage="live")
    core.bar()
    core.open(style="ioc", limit_price="100")

    assert (core.last(Requested).kind, core.last(Requested).price) == ("ioc", "100")
