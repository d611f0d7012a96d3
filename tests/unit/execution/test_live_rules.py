"""What the execution core does with a real venue's late, missing, doubled and contradicting answers.

Each test is one row of what such cores get wrong; the right values are worked out by hand. Money: 10,000 of equity,
fees of the venue, one lot of 0.001, a tick of 0.01.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from live_core import MINUTE, RESTING, SECOND, fire, held, kinds, opened, proof, restarted, takeover, trade

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    CancelRequested,
    Corrected,
    Denied,
    Expired,
    FeeRate,
    Filled,
    Incident,
    Rejected,
    Requested,
    Unknown,
)

# -- fills (A, B, D, S) -------------------------------------------------------------------------


def test_trade_that_was_lost_is_asked_for_and_booked_at_its_own_price(driver: Any) -> None:
    """A, O10: 2 at 100 were lost on the way; the total of the next report shows it."""
    core, client = opened(driver)
    effects = core.report(client, "partly_filled", filled="4", trades=[trade("t2", "2", "110", "0.11")])
    assert kinds(effects) == [Filled, QueryOrder]
    both = [trade("t1", "2", "100", "0.10"), trade("t2", "2", "110", "0.11")]
    core.report(client, "filled", filled="4", trades=both, via="query", complete=True)
    core.bar()

    assert [(fill.fill_id, fill.quantity, fill.price, fill.fee) for fill in core.of(Filled)] == [
        ("t2", "2", "110", "0.11"),
        ("t1", "2", "100", "0.1"),
    ]
    assert (core.settled.fees, core.settled.legs[0].average, core.settled.cash) == ("0.21", "105", "9999.79")


def test_quantity_whose_trades_never_come_is_booked_at_the_average_and_corrected_by_them(driver: Any) -> None:
    """A, L05: 4 at a cost of 420 less 2 at 110 are 2 at 100; the trades say 2 at 99 and a fee."""
    core, client = opened(driver)
    core.report(client, "filled", filled="4", cost="420", trades=[trade("t2", "2", "110")])
    assert [fill.price for fill in core.of(Filled)] == ["110"]
    fire(core, "fills")
    assert [(fill.quantity, fill.price, fill.status) for fill in core.of(Filled)] == [
        ("2", "110", "partly_filled"),
        ("2", "100", "filled"),
    ]
    assert [fill.provisional for fill in core.of(Filled)] == [False, True]
    core = restarted(core)
    core.report(client, "filled", filled="4", trades=[trade("t1", "2", "99", "0.4")])
    core.report(client, "filled", filled="4", trades=[trade("t1", "2", "99", "0.4")])
    core.bar()

    corrected = core.of(Corrected)
    assert [(c.fill_id, c.quantity, c.price_before, c.price, c.fee_before, c.fee, c.amount) for c in corrected] == [
        ("t1", "2", "100", "99", "0", "0.4", "1.6")
    ]
    assert len(core.of(Filled)) == 2
    # Cash: 10,000 and 2 gained by the price, less a fee of 0.4; open lots stay as they were booked.
    assert (core.settled.realised, core.settled.fees, core.settled.cash) == ("2", "0.4", "10001.6")


def test_fee_in_another_currency_is_counted_by_currency_and_never_converted(driver: Any) -> None:
    """B, L05: 0.0003 BNB are not 0.2 USDT, whatever they are worth; the rate and its source stand beside them."""
    core, client = opened(driver, setup={"fees": {"taker": "0.0005"}})
    rate = FeeRate(rate="612.35", source="ticker of BNB/USDT", at_ns=MINUTE)
    bought = msgspec.structs.replace(trade("t1", "4", "100", "0.0003", "BNB"), fee_rate=rate)
    core.report(client, "filled", filled="4", trades=[bought])
    core.bar()

    assert (core.last(Filled).fee, core.last(Filled).fee_currency) == ("0.0003", "BNB")
    assert core.last(Filled).fee_rate == rate
    assert (core.settled.fees, core.settled.cash, core.settled.foreign_fees) == ("0", "10000", {"BNB": "0.0003"})
    assert restarted(core).report(client, "accepted")[0].code == "report_kept"


def test_correction_by_a_trade_with_a_fee_in_another_currency_has_its_rate(driver: Any) -> None:
    """L05."""
    core, client = opened(driver)
    core.report(client, "filled", filled="4", cost="400")
    fire(core, "fills")
    rate = FeeRate(rate="612.35", source="ticker of BNB/USDT", at_ns=MINUTE)
    bought = msgspec.structs.replace(trade("t1", "4", "100", "0.0003", "BNB"), fee_rate=rate)
    core.report(client, "filled", filled="4", trades=[bought])
    core.bar()

    corrected = core.last(Corrected)
    assert (corrected.fee, corrected.fee_currency, corrected.fee_rate) == ("0.0003", "BNB", rate)
    assert core.settled.foreign_fees == {"BNB": "0.0003"}


@pytest.mark.parametrize("ending", ["cancelled", "expired", "rejected"])
def test_trade_after_the_end_is_money_and_is_booked_once(driver: Any, ending: str) -> None:
    """D, O23."""
    core, client = opened(driver, **RESTING)
    core.report(client, "accepted", venue_order_id="v1")
    core.report(client, ending, filled="0")
    core = restarted(core)
    for _ in range(2):
        core.report(client, "partly_filled", filled="1", trades=[trade("g", "1", "99")])
    core.bar()

    assert [(fill.quantity, fill.price) for fill in core.of(Filled)] == [("1", "99")]
    assert (core.position(), core.last(Incident).code) == ("1", "report_kept")
    assert [incident.code for incident in core.of(Incident)].count("fill_after_end") == 1


def test_quantity_that_shows_after_the_end_is_asked_for(driver: Any) -> None:
    """D, O23: a total without its trades."""
    core, client = opened(driver, **RESTING)
    core.report(client, "cancelled", filled="0")
    effects = core.report(client, "cancelled", filled="1", last_price="99")
    assert kinds(effects) == [QueryOrder]
    fire(core, "fills")
    core.bar()

    assert (core.last(Filled).quantity, core.last(Filled).price, core.position()) == ("1", "99", "1")


def test_rest_of_a_partly_filled_order_can_be_rejected(driver: Any) -> None:
    """S."""
    core, client = opened(driver, **RESTING)
    core.report(client, "partly_filled", filled="1", trades=[trade("t1", "1", "99")])
    core.report(client, "rejected", filled="1", code="-2019")
    core.bar()

    assert (core.last(Rejected).code, core.settled.pending, core.position()) == ("-2019", [], "1")


def test_end_waits_for_the_fills_before_it(driver: Any) -> None:
    """O05: a fallback buys only what is certainly not filled."""
    core, client = opened(driver, fallback=["timeout"], time_to_live_ns=MINUTE, **RESTING)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    effects = core.report(client, "cancelled", filled="3", cost="297")
    assert kinds(effects) == [QueryOrder, Unknown]
    assert len(core.of(Requested)) == 1
    core.report(client, "cancelled", filled="3", trades=[trade("t1", "3", "99")], via="query")

    assert [(order.kind, order.quantity) for order in core.of(Requested)] == [("limit", "4"), ("market", "1")]


def test_partly_filled_order_that_is_found_again_is_named(driver: Any) -> None:
    """O12: nothing new has filled; the last word about it is not that it is unknown."""
    core, client = opened(driver, **RESTING)
    core.report(client, "partly_filled", filled="1", trades=[trade("t1", "1", "99")], venue_order_id="v1")
    core.report(client, "unknown")
    effects = core.report(client, "partly_filled", filled="1", trades=[trade("t1", "1", "99")], via="query")
    core.bar()

    assert kinds(effects) == [Accepted]
    assert (core.last(Accepted).venue_order_id, core.settled.pending[0].status) == ("v1", "partly_filled")
    assert len(core.of(Filled)) == 1


# -- what is not known (E, F, J, K, N, O) -------------------------------------------------------


def test_queries_are_spaced_ever_further_apart(driver: Any) -> None:
    """E: 1, 2, 4 ... 60 seconds."""
    core, client = opened(driver)
    asked = []
    now = core.close_ns
    for _ in range(600):
        now += SECOND
        effects = core.report(client, "unknown", at_ns=now)
        for timer in [timer for timer in core.of(SetTimer) if timer.due_ns == now]:
            effects += core.timer(timer.name, now)
        asked += [now for effect in effects if isinstance(effect, QueryOrder)]
    waits = [(after - before) // SECOND for before, after in pairwise(asked)]

    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(core.of(Unknown)) == 1


@pytest.mark.parametrize("code", ["429", "418", "-1003", "-1021", "-1007"])
def test_call_that_the_venue_turned_away_is_looked_up_before_it_is_tried_again(driver: Any, code: str) -> None:
    """O13: once, later and later, and sent again only when it is proven absent."""
    core, client = opened(driver)
    effects = core.report(client, "unknown", code=code, retryable=True)
    assert kinds(effects) == [Unknown, QueryOrder]
    assert kinds(core.report(client, "unknown", code=code, retryable=True)) == []
    effects = core.report(client, "absent", **proof(core))

    assert [(type(effect), effect.order.client_order_id) for effect in effects] == [(SendOrder, client)]


@pytest.mark.parametrize("meaning", ["", "duplicate"])
def test_rejected_resend_is_asked_for_and_not_believed(driver: Any, meaning: str) -> None:
    """F, O19: the first copy stands at the venue."""
    core, client = opened(driver)
    core.report(client, "unknown")
    assert kinds(core.report(client, "absent", **proof(core))) == [SendOrder]
    effects = core.report(client, "rejected", code="-4116", meaning=meaning, at_ns=core.close_ns + 2 * MINUTE)
    assert kinds(effects) == [Unknown, QueryOrder]
    core.report(client, "filled", filled="4", trades=[trade("t1", "4", "100")], via="query")
    core.bar()

    assert (core.of(Rejected), core.position()) == ([], "4")


def test_rejection_of_a_resend_holds_once_the_order_is_proven_absent(driver: Any) -> None:
    core, client = opened(driver)
    core.report(client, "unknown")
    core.report(client, "absent", **proof(core))
    core.report(client, "rejected", code="-2019", message="Margin is insufficient", at_ns=core.close_ns + MINUTE)
    core.report(client, "absent", **proof(core, 3 * MINUTE))

    assert (core.last(Rejected).code, core.last(Rejected).message) == ("-2019", "Margin is insufficient")
    assert len([effect for effect in core.seen if isinstance(effect, SendOrder)]) == 2


@pytest.mark.parametrize("missing", [{"complete": False}, {"asked_ns": 0}, {"asked_ns": MINUTE * 2 + 4 * SECOND}])
def test_absence_without_proof_sends_nothing(driver: Any, missing: dict[str, Any]) -> None:
    """O12: incomplete, without its time, or asked for while the order could still arrive (2 s and 3 s)."""
    core, client = opened(driver)
    core.report(client, "unknown")
    effects = core.report(client, "absent", **{**proof(core), **missing})

    assert kinds(effects) == []
    assert kinds(core.report(client, "absent", **proof(core, 5 * SECOND))) == [SendOrder]


def test_order_that_was_unknown_when_its_time_ran_out_is_asked_for_first(driver: Any) -> None:
    """K: no cancel goes out for an order nobody knows; it goes when the order is found."""
    core, client = opened(driver, time_to_live_ns=MINUTE, fallback=["timeout"], **RESTING)
    core.report(client, "unknown")
    effects = core.bar()
    assert CancelOrder not in kinds(effects)
    effects = core.report(client, "accepted", venue_order_id="v1")

    assert kinds(effects) == [Accepted, CancelOrder]
    assert len(core.of(CancelRequested)) == 1
    core.report(client, "cancelled")
    assert core.last(Requested).kind == "market"


def test_old_entry_that_never_arrived_is_not_sent_late(driver: Any) -> None:
    """N, P13: thirty bars later; a close is sent whatever its age."""
    core, client = opened(driver)
    core.report(client, "unknown")
    for _ in range(30):
        core.bar()
        core.decide()
    effects = core.report(client, "absent", at_ns=core.close_ns, **proof(core))
    assert [(type(effect), effect.reason) for effect in effects] == [(Cancelled, "resend_age")]

    core = held(driver)
    core.decide(core.intent("close"))
    client = core.last(Requested).client_order_id
    core.report(client, "unknown")
    for _ in range(30):
        core.bar()
        core.decide()
    assert kinds(core.report(client, "absent", at_ns=core.close_ns, **proof(core))) == [SendOrder]


def test_order_that_the_venue_lost_ends_when_its_absence_is_proven(driver: Any) -> None:
    """O: asked once more with its trades, then over."""
    core, client = opened(driver, **RESTING)
    core.report(client, "accepted", venue_order_id="v1")
    effects = core.report(client, "absent", **proof(core))
    assert kinds(effects) == [Unknown, QueryOrder]
    effects = core.report(client, "absent", at_ns=core.close_ns + 2 * MINUTE, **proof(core, 2 * MINUTE))

    assert [(type(effect), effect.reason) for effect in effects] == [(Cancelled, "lost")]


def test_order_beyond_the_memory_of_the_venue_blocks_its_leg(driver: Any) -> None:
    """P14: its absence proves nothing."""
    config = {"execution": {"history_window_s": 3600.0}}
    core, client = opened(driver, setup=config)
    core.report(client, "unknown")
    core.report(client, "absent", **proof(core, 2 * 60 * MINUTE))
    core.bar()

    assert core.last(Incident).code == "history_window"
    assert (core.settled.pending[0].status, core.settled.legs[0].blocked) == ("unknown", "leg_blocked")
    assert len([effect for effect in core.seen if isinstance(effect, SendOrder)]) == 1


def test_cancel_that_a_restart_lost_is_asked_again(driver: Any) -> None:
    """The process before may have died between the cancel's record and its call."""
    core, client = opened(driver, **RESTING)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    core.decide(core.intent("cancel", order_id=core.last(Requested).order_id))
    effects = takeover(core)
    assert kinds(effects) == [Unknown, QueryOrder]
    effects = core.report(client, "accepted", via="query", asked_ns=core.close_ns + MINUTE)

    assert kinds(effects) == [Accepted, CancelOrder]


def test_order_that_was_cancelled_before_it_left_ends_after_a_restart(driver: Any) -> None:
    core, client = opened(driver, **RESTING)
    core.command("kill")
    takeover(core)
    effects = core.report(client, "absent", at_ns=core.close_ns + MINUTE, **proof(core))

    assert [(type(effect), effect.reason) for effect in effects] == [(Cancelled, "kill")]


# -- quantities and ends (M, P) -----------------------------------------------------------------


def test_order_that_the_venue_cut_ends_at_the_venues_quantity(driver: Any) -> None:
    """P, O20: 1.5 of 2, called filled; the leg is free at once."""
    core = held(driver)
    core.decide(core.intent("close"))
    client = core.last(Requested).client_order_id
    core.report(client, "filled", filled="1.5", quantity="1.5", trades=[trade("t2", "1.5", "100")])
    core.bar()

    assert (core.last(Cancelled).reason, core.last(Cancelled).filled) == ("quantity_changed", "1.5")
    assert (core.settled.pending, core.position()) == ([], "0.5")
    core.decide(core.intent("close"))
    assert core.last(Requested).quantity == "0.5"


@pytest.mark.parametrize(("permitted", "orders"), [("reject", 2), ("timeout", 1)])
def test_post_only_that_the_venue_expires_was_rejected(driver: Any, permitted: str, orders: int) -> None:
    """M, O21."""
    core, client = opened(driver, style="post_only", limit_price="99", fallback=[permitted])
    core.report(client, "accepted", venue_order_id="v1")
    core.report(client, "expired", code="GTX")

    assert (core.last(Rejected).code, len(core.of(Requested))) == ("GTX", orders)


def test_immediate_order_that_the_venue_expires_is_no_timeout(driver: Any) -> None:
    core, client = opened(driver, style="ioc", limit_price="99", fallback=["timeout", "reject"])
    core.report(client, "expired", filled="1", trades=[trade("t1", "1", "99")])

    assert (core.last(Cancelled).reason, core.last(Cancelled).filled, len(core.of(Requested))) == ("ioc", "1", 1)


def test_limit_that_the_venue_expires_before_its_time_is_no_timeout(driver: Any) -> None:
    core, client = opened(driver, time_to_live_ns=10 * MINUTE, fallback=["timeout"], **RESTING)
    core.report(client, "expired", code="maintenance")

    assert (core.last(Expired).reason, core.last(Expired).retrying, len(core.of(Requested))) == (
        "maintenance",
        False,
        1,
    )


# -- late decisions, timers (I) ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "entries"), [({}, 0), ({"late_decision": "deny"}, 0), ({"late_decision": "send"}, 1)]
)
def test_late_decision_is_named_and_its_entries_go_by_configuration(
    driver: Any, setting: dict[str, Any], entries: int
) -> None:
    """I, O25."""
    core = held(driver, execution=setting)
    late = [core.intent("close"), core.intent("open", "short", quantity="1", style="market")]
    core.bars({core.symbols[0]: (100.0, 100.0, 100.0, 100.0)})
    core.number -= 1
    core.decide(*late)

    assert [incident.code for incident in core.of(Incident)] == ["late_decision"]
    requested = [(order.action, order.leg) for order in core.of(Requested)[1:]]
    assert requested == [("close", "long"), ("open", "short")][: 1 + entries]
    assert [denied.reason for denied in core.of(Denied)] == ["late_decision"] * (1 - entries)


def test_timers_of_a_snapshot_are_known_to_who_takes_over(driver: Any) -> None:
    core, client = opened(driver, time_to_live_ns=MINUTE, **RESTING)
    core.report(client, "unknown")
    set_before = {(timer.name, timer.due_ns) for timer in core.of(SetTimer)}
    core = restarted(core)

    assert {(timer.name, timer.due_ns) for timer in core.core.timers()} == set_before
