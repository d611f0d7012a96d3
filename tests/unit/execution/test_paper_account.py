"""Funding, fees, margin and liquidation at the paper venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from live_runner.contracts.errors import ConfigError, OurFault
from live_runner.contracts.messages import Cancelled, Filled, FundingPaid, FundingRate, Liquidated, Rejected, Requested
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
    """Step 5: at the open where no mark is given."""
    core = driver()
    core.bar()
    core.open()
    core.bar(100, 105, 95, 104, funding=[core.funding("0.01", at_ns=core.close_ns + 30_000_000_000)])

    assert (core.last(FundingPaid).mark, core.last(FundingPaid).amount) == ("100", "-1")


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
    core.bar(89.5, 90, 84, 85)

    assert (core.last(Liquidated).price, core.last(Filled).price) == ("89.5", "89.5")


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


def test_liquidation_goes_before_a_stop_beyond_it(driver: Any) -> None:
    """1,000 less 90 times the fall meets a hundredth of the position at 89.79."""
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.01"})
    core.held("90", stop_loss="89.78")
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

    assert models["fills"] == "next_open/touch nearest first v2"
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


def test_part_of_an_average_position_is_sold_at_its_exact_cost(driver: Any) -> None:
    """3 at 5,000 and 1 at 5,000.25, 50 of each: 1 sold at 5,002.5 gains 50 * (5,002.5 - 5,000.0625) = 121.875."""
    core = driver(
        account={"equity": "1000000", "lots": "average"},
        instrument={"tick_size": "0.25", "lot_size": "1", "contract_size": "50"},
    )
    core.held("3", price=5000.0)
    core.bar(5000, 5000, 5000, 5000)
    core.decide(core.intent("add", quantity="1", style="market"))
    core.bar(5000.25, 5000.25, 5000.25, 5000.25)
    core.decide(core.intent("partial_close", quantity="1"))
    core.bar(5002.5, 5002.5, 5002.5, 5002.5)

    assert core.last(Filled).realised == "121.875"
    assert core.settled.legs[0].average == "5000.0625"
    assert core.settled.unrealised == "365.625"


@pytest.mark.parametrize(
    ("inside", "mark", "shown", "paid"),
    [
        (False, 0.58151048, "0.58151048", "-0.058151048"),
        (True, 0.58151048, "0.58151048", "-0.058151048"),
        (False, None, "0.582", "-0.0582"),
        (True, None, "0.582", "-0.0582"),
    ],
)
def test_funding_is_paid_at_the_mark_as_it_is_given_else_at_the_open(
    driver: Any, inside: bool, mark: float | None, shown: str, paid: str
) -> None:
    """1,000 at a rate of 0.0001."""
    core = driver(instrument={"tick_size": "0.001", "lot_size": "1"})
    core.held("1000", price=0.58)
    open_ns = core.close_ns
    due = FundingRate(
        symbol=core.symbols[0], funding_ns=open_ns + (30_000_000_000 if inside else 0), rate="0.0001", mark=mark
    )
    core.bars({core.symbols[0]: (0.582, 0.59, 0.57, 0.585)}, funding=[due])

    assert (core.last(FundingPaid).mark, core.last(FundingPaid).amount) == (shown, paid)


def test_an_entry_pays_its_fee_also_where_its_market_has_had_no_mark_yet(driver: Any) -> None:
    """A is liquidated first, in the same set: less is left than the 40 that the entry of B costs."""
    a, b = "AAA/USDT:USDT", "BBB/USDT:USDT"
    core = driver(
        symbols=(a, b),
        account={"equity": "1000", "leverage": "50", "maintenance_margin": "0.005"},
        fees={"taker": "0.001"},
    )
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars({a: flat, b: flat})
    core.decide(
        core.intent("open", quantity="100", style="market", symbol=a),
        core.intent("open", quantity="400", style="market", symbol=b),
    )
    core.bars({a: (100.0, 100.0, 50.0, 50.0), b: flat})

    entry = next(fill for fill in core.of(Filled) if fill.symbol == b)
    assert (entry.quantity, entry.fee) == ("400", "40")
