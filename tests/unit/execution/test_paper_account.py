"""Funding, fees, margin and liquidation at the paper venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError, OurFault
from live_runner.contracts.messages import Cancelled, Filled, FundingPaid, Liquidated, Rejected, Requested
from live_runner.hotpath.engine.state import check_instruments
from live_runner.services.execution.core.models import model_names


@pytest.mark.parametrize(("leg", "amount"), [("long", "-0.02"), ("short", "0.02")])
def test_positive_funding_is_paid_by_longs_and_received_by_shorts(driver: Any, leg: str, amount: str) -> None:
    """L03, X09: signed, at the open where no mark is given."""
    core = driver()
    core.held("2", leg)
    core.bar(100, 100, 100, 100, funding=[core.funding("0.0001")])

    paid = core.last(FundingPaid)
    assert (paid.leg, paid.amount, paid.mark, paid.quantity) == (leg, amount, "100", "2")
    assert (core.settled.funding, core.settled.cash) == (amount, str(Decimal(10000) + Decimal(amount)))


def test_funding_takes_the_given_mark(driver: Any) -> None:
    core = driver()
    core.held("2")
    core.bar(100, 100, 100, 100, funding=[core.funding("0.0001", mark=110.0)])

    assert (core.last(FundingPaid).mark, core.last(FundingPaid).amount) == ("110", "-0.022")


def test_funding_due_by_the_open_meets_the_position_held_before(driver: Any) -> None:
    """Step 1 goes before step 2: an order filled at that open pays nothing."""
    core = driver()
    core.bar()
    core.open()
    core.bar(100, 100, 100, 100, funding=[core.funding("0.01")])

    assert core.of(FundingPaid) == []


def test_funding_inside_a_bar_meets_the_position_after_its_fills(driver: Any) -> None:
    """Step 5: at the close where no mark is given."""
    core = driver()
    core.bar()
    core.open()
    core.bar(100, 105, 95, 104, funding=[core.funding("0.01", at_ns=core.close_ns + 30_000_000_000)])

    assert (core.last(FundingPaid).mark, core.last(FundingPaid).amount) == ("104", "-1.04")


@pytest.mark.parametrize("restarts", [False, True])
def test_funding_of_a_symbol_without_a_bar_waits_for_its_next_one(driver: Any, restarts: bool) -> None:
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"))
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars(dict.fromkeys(core.symbols, flat))
    core.open()
    core.bars(dict.fromkeys(core.symbols, flat))
    core.decide()
    core.bars({"BBB/USDT:USDT": flat}, funding=[core.funding("0.01")])
    core.decide()
    assert core.of(FundingPaid) == []
    if restarts:
        again = type(core.core)("s1")
        again.restore(core.core.snapshot())
        core.core = again
    core.bars({"AAA/USDT:USDT": (90.0, 90.0, 90.0, 90.0)})

    assert (core.last(FundingPaid).mark, core.last(FundingPaid).amount) == ("90", "-0.9")


def test_maker_and_taker_fees_are_counted_apart(driver: Any) -> None:
    """L03, X09."""
    core = driver(fees={"maker": "0.001", "taker": "0.002"})
    core.held()
    core.bar()
    core.decide(core.intent("close", style="limit", limit_price="110"))
    core.bar(100, 111, 100, 110)

    assert [(fill.fee, fill.liquidity, fill.fee_currency) for fill in core.of(Filled)] == [
        ("0.2", "taker", "USDT"),
        ("0.11", "maker", "USDT"),
    ]
    core.decide()
    summary = core.finish().summary
    assert (summary["fees"], summary["fees_maker"], summary["fees_taker"]) == ("0.31", "0.11", "0.2")


def test_entry_beyond_the_free_margin_is_rejected(driver: Any) -> None:
    """O14: with the venue's code, and it reaches the strategy."""
    core = driver(account={"equity": "1000", "leverage": "5"})
    core.bar()
    core.open("50.001")
    rejected = core.last(Rejected)

    assert (rejected.code, rejected.leg, rejected.action) == ("insufficient_margin", "long", "open")
    assert "0.02" in rejected.message


def test_margin_is_bound_by_positions_and_by_entries_that_rest(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "5"})
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="20", style="market"),
        core.intent("open", "short", quantity="20", style="limit", limit_price="110"),
        core.intent("open", "long", quantity="10", style="market"),
    )

    assert [rejected.intent_id[-2:] for rejected in core.of(Rejected)] == ["/3"]


def test_liquidation_closes_the_legs_at_the_first_price_that_no_longer_covers(driver: Any) -> None:
    """One tick higher it would still have been covered."""
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"}, fees={"taker": "0.001"})
    core.bar()
    core.decide(core.intent("open", quantity="90", style="market", stop_loss="50"))
    core.bar()
    core.decide()
    core.bar(100, 101, 80, 85)

    called, fill = core.last(Liquidated), core.last(Filled)
    price = Decimal(called.price)
    assert (fill.price, fill.quantity, fill.reason, fill.liquidity) == (called.price, "90", "liquidation", "taker")
    cash = Decimal(1000) - Decimal("0.001") * 9000
    assert cash + 90 * (price - 100) <= Decimal("0.01") * 90 * price
    above = price + Decimal("0.01")
    assert cash + 90 * (above - 100) > Decimal("0.01") * 90 * above
    assert (Decimal(called.equity), Decimal(called.maintenance)) == (cash + 90 * (price - 100), Decimal("0.9") * price)
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["liquidation"]
    assert core.position() == "0"
    core.decide()
    assert core.finish().summary["margin_calls"] == 1


def test_liquidation_at_the_open_when_the_market_gapped_past_it(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"})
    core.held("90")
    core.bar(85, 86, 84, 85)

    assert (core.last(Liquidated).price, core.last(Filled).price) == ("85", "85")


def test_short_legs_are_liquidated_on_the_way_up(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"})
    core.held("90", "short")
    core.bar(100, 120, 99, 100)

    price = Decimal(core.last(Liquidated).price)
    assert 1000 - 90 * (price - 100) <= Decimal("0.9") * price
    assert 1000 - 90 * (price - Decimal("0.01") - 100) > Decimal("0.9") * (price - Decimal("0.01"))


def test_hedged_position_is_not_liquidated_by_a_move(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "50", "maintenance_margin": "0.005"})
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="90", style="market"),
        core.intent("open", "short", quantity="90", style="market"),
    )
    core.bar()
    core.decide()
    core.bar(100, 150, 60, 100)

    assert core.of(Liquidated) == []


def test_liquidation_goes_before_the_stops_of_the_same_bar(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"})
    core.held("90", stop_loss="95")
    core.bar(100, 100, 80, 80)

    assert [fill.reason for fill in core.of(Filled)][1:] == ["liquidation"]


def test_no_maintenance_margin_means_no_liquidation(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0"})
    core.held("90")
    core.bar(100, 100, 50, 50)

    assert core.of(Liquidated) == []
    assert core.settled.equity == "-3500"


def test_liquidation_order_stands_in_the_log_before_its_fill(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"})
    core.held("90")
    events = core.bar(85, 86, 84, 85)

    assert [type(event).__name__ for event in events] == ["Liquidated", "Requested", "Accepted", "Filled", "Settled"]
    assert core.last(Requested).intent_id == events[0].id


@pytest.mark.parametrize(
    "fields",
    [{"settle": "USD"}, {"inverse": True}],
)
def test_instrument_the_ledger_cannot_account_for_is_refused_before_the_start(driver: Any, fields: Any) -> None:
    with pytest.raises(ConfigError, match="AAA/USDT:USDT"):
        driver(instrument=fields)


def test_symbol_without_rules_is_refused_before_the_start(driver: Any) -> None:
    core = driver()
    with pytest.raises(ConfigError, match="AAA/USDT:USDT"):
        check_instruments(core.config, [])


def test_models_are_named_with_their_settings(driver: Any) -> None:
    """X12: a default that changes is seen in the manifest."""
    models = model_names(driver().config)

    assert models["fills"] == "next_open/touch v1"
    assert models["lots"] == "lifo"
    assert model_names(driver(fills={"slippage_bp": "2"}).config) != models


def test_margin_of_what_is_being_closed_is_free_for_what_opens_in_the_same_decision(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "1"})
    core.held("9")
    core.bar()
    core.decide(core.intent("close"), core.intent("open", "short", quantity="9", style="market"))
    core.bar()

    assert (core.of(Rejected), core.position("long"), core.position("short")) == ([], "0", "9")


def test_bar_of_a_stranger_is_our_fault(driver: Any) -> None:
    core, other = driver(), driver(symbols=("ZZZ/USDT:USDT",))
    other.bar()

    with pytest.raises(OurFault, match="ZZZ"):
        core.feed(other.inputs[-1])


def test_funding_rate_of_any_length_is_taken(driver: Any) -> None:
    core = driver()
    core.held("2")
    core.bar(100, 100, 100, 100, funding=[core.funding("1.2345678901234567e-07")])

    assert core.last(FundingPaid).amount == "-0.000024691358"


@pytest.mark.parametrize(
    ("section", "key", "text"),
    [
        ("fees", "maker", "cheap"),
        ("fees", "taker", "nan"),
        ("account", "leverage", "0"),
        ("account", "leverage", "x"),
        ("account", "equity", "0"),
        ("account", "equity", "much"),
        ("account", "maintenance_margin", "1"),
        ("account", "maintenance_margin", ""),
        ("fills", "slippage_bp", "-1"),
        ("fills", "slippage_bp", "one"),
        ("fills", "participation", "0"),
        ("fills", "participation", "half"),
    ],
)
def test_number_of_the_configuration_that_cannot_be_is_refused_by_key(
    driver: Any, section: str, key: str, text: str
) -> None:
    with pytest.raises(ConfigError, match=f"{section}.{key}"):
        driver(**{section: {key: text}})
