"""Stops and targets at a real venue: what stands there follows the leg, and a leg without its stop is named.

A stop or target is a trigger order: it becomes another order, whose reports name it as their parent and whose trades
are its fills. Prices and quantities are worked out by hand.
"""

from __future__ import annotations

from typing import Any

import pytest
from live_core import (
    SECOND,
    SETUP,
    accept,
    cancels,
    child,
    entered,
    incidents,
    kinds,
    last,
    open_orders,
    opened,
    orders,
    restarted,
    takeover,
    trade,
    trigger,
)

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import Cancelled, CancelRequested, Denied, Filled, Requested

# -- a stop of an entry (C, I06, O17) -----------------------------------------------------------


def test_fill_of_an_entry_sends_its_stop_and_the_stop_closes_the_leg(driver: Any) -> None:
    """C, O17: fill, stop sent, triggered, filled, flat."""
    core, client = opened(driver, "2", setup=SETUP, stop_loss="95")
    assert len(orders(core)) == 1
    effects = core.report(client, "filled", filled="2", trades=[trade("entry", "2", "100")])
    assert kinds(effects) == [Filled, Requested, SendOrder]
    stop = orders(core)[1]
    assert (stop.kind, stop.side, stop.quantity, stop.price, stop.reduce_only) == ("stop", "sell", "2", "95", True)
    assert stop.parent == orders(core)[0].order_id
    accept(core, stop)
    core = restarted(core)
    assert open_orders(core) == [("stop", "2", "95")]
    core.decide()

    assert kinds(trigger(core, stop)) == [QueryOrder]
    assert len(core.of(Filled)) == 1
    child(core, stop, "accepted")
    assert kinds(child(core, stop, "filled", "2", "94")) == [Filled]
    assert open_orders(core) == []
    assert (core.position(), core.settled.realised, len(orders(core))) == ("0", "-12", 2)
    assert incidents(core) == []


def test_reports_of_what_a_stop_became_may_come_first_and_twice(driver: Any) -> None:
    core = entered(driver, stop_loss="95")
    stop = orders(core)[1]
    filled = {"filled": "2", "trades": [trade("c", "2", "94")], "parent": stop.client_order_id}
    core.report("made-by-the-venue", "filled", **filled)
    core.report("made-by-the-venue", "filled", **filled)
    trigger(core, stop)
    core.bar()

    assert incidents(core) == []
    assert [(fill.kind, fill.quantity, fill.price) for fill in core.of(Filled)][1:] == [("stop", "2", "94")]
    assert core.position() == "0"


def test_a_later_report_needs_no_parent(driver: Any) -> None:
    core = entered(driver, stop_loss="95")
    stop = orders(core)[1]
    accept(core, stop)
    child(core, stop, "accepted")
    core.report(f"venue-{stop.order_id}", "filled", filled="2", trades=[trade("c", "2", "94")])
    core.bar()

    assert core.position() == "0"


def test_each_fill_has_a_stop_of_its_own(driver: Any) -> None:
    """2 fills of one entry: `sl` and `sl2`, together for what is held and never for more."""
    core, client = opened(driver, "3", setup=SETUP, stop_loss="95")
    core.report(client, "partly_filled", filled="1", trades=[trade("t1", "1", "100")])
    core.report(client, "filled", filled="3", trades=[trade("t2", "2", "100")])

    first, second = orders(core)[1:]
    assert (first.order_id[-3:], second.order_id[-4:]) == ("1sl", "1sl2")
    assert (first.quantity, second.quantity) == ("1", "2")


def test_a_close_takes_from_the_stop_that_would_be_met_last(driver: Any) -> None:
    """Stops of 2 at 95 and of 1 at 97; 2 of the 3 are closed: what is left has the stop at 97."""
    core = entered(driver, stop_loss="95")
    accept(core, orders(core)[1])
    core.bar()
    core.decide(core.intent("add", quantity="1", style="market", stop_loss="97"))
    core.report(orders(core)[2].client_order_id, "filled", filled="1", trades=[trade("t2", "1", "100")])
    accept(core, orders(core)[3])
    core.bar()
    core.decide(core.intent("partial_close", quantity="2"))
    effects = core.report(orders(core)[4].client_order_id, "filled", filled="2", trades=[trade("t3", "2", "100")])

    assert kinds(effects) == [Filled, CancelRequested, CancelOrder]
    core.report(orders(core)[1].client_order_id, "cancelled")
    assert open_orders(core) == [("stop", "1", "97")]


def test_a_stop_that_has_triggered_counts_among_what_is_being_closed(driver: Any) -> None:
    """O22: a close by the strategy meanwhile leaves to it what it may still fill."""
    core = entered(driver, stop_loss="95")
    stop = orders(core)[1]
    accept(core, stop)
    core.bar()
    trigger(core, stop)
    core.decide(core.intent("close"))
    assert len(orders(core)) == 2
    child(core, stop, "filled", "2")
    core.bar()

    assert (core.position(), len(orders(core)), incidents(core)) == ("0", 2, [])


def test_a_close_of_the_leg_cancels_what_stands_for_it(driver: Any) -> None:
    core = entered(driver, stop_loss="95", take_profit="110")
    for order in orders(core)[1:]:
        accept(core, order)
    core.bar()
    core.decide(core.intent("close"))
    core.report(orders(core)[3].client_order_id, "filled", filled="2", trades=[trade("t2", "2", "100")])

    assert [reason for _, reason in cancels(core)] == ["leg_flat", "leg_flat"]


def test_stop_of_a_cancelled_entry_is_never_sent(driver: Any) -> None:
    core, client = opened(driver, "2", setup=SETUP, stop_loss="95", style="limit", limit_price="99")
    core.report(client, "cancelled")

    assert len(orders(core)) == 1


def test_the_strategy_may_cancel_a_stop(driver: Any) -> None:
    core = entered(driver, stop_loss="95")
    stop = orders(core)[1]
    accept(core, stop)
    core.bar()
    core.decide(core.intent("cancel", order_id=stop.order_id))
    core.report(stop.client_order_id, "cancelled")

    assert open_orders(core) == []
    assert incidents(core) == []


# -- one cancels the other (O18) ----------------------------------------------------------------


def test_target_filled_cancels_the_stop_and_the_other_way_round(driver: Any) -> None:
    """O18"""
    for done, other, price in (("take_profit", "stop", "110"), ("stop", "take_profit", "95")):
        core = entered(driver, stop_loss="95", take_profit="110")
        assert [order.kind for order in orders(core)[1:]] == ["stop", "take_profit"]
        for order in orders(core)[1:]:
            accept(core, order)
        child(core, last(core, done), "filled", "2", price)
        assert cancels(core) == [(last(core, other).order_id, "oco")]
        core.report(last(core, other).client_order_id, "cancelled")
        assert open_orders(core) == []
        assert (core.position(), len(orders(core)), incidents(core)) == ("0", 3, [])


def test_a_stop_that_triggers_takes_the_target_off_at_once(driver: Any) -> None:
    core = entered(driver, stop_loss="95", take_profit="110")
    for order in orders(core)[1:]:
        accept(core, order)
    trigger(core, last(core, "stop"))

    assert cancels(core) == [(last(core, "take_profit").order_id, "oco")]


def test_both_filled_in_a_race_end_flat_and_not_reversed(driver: Any) -> None:
    """O18: the venue refuses what is more than is held; a trade that says otherwise is an incident."""
    core = entered(driver, stop_loss="95", take_profit="110")
    stop, target = orders(core)[1:]
    accept(core, stop)
    accept(core, target)
    child(core, target, "filled", "2", "110")
    child(core, stop, "rejected", code="-2022")
    core.bar()
    assert (core.position(), incidents(core)) == ("0", [])

    core = entered(driver, stop_loss="95", take_profit="110")
    stop, target = orders(core)[1:]
    accept(core, stop)
    accept(core, target)
    child(core, target, "filled", "2", "110")
    child(core, stop, "filled", "1")
    core.bar()
    assert (core.position(), incidents(core)) == ("0", ["report_kept"])


def test_what_the_target_fills_in_part_is_taken_from_the_stop_when_it_is_done(driver: Any) -> None:
    core = entered(driver, stop_loss="95", take_profit="110")
    stop, target = orders(core)[1:]
    accept(core, stop)
    accept(core, target)
    child(core, target, "partly_filled", "1", "110")
    assert len(orders(core)) == 3
    child(core, target, "cancelled")

    assert (last(core, "stop").quantity, last(core, "stop").price) == ("1", "95")


# -- restarts and what is not known --------------------------------------------------------------


def test_takeover_asks_for_the_stop_and_sends_it_once(driver: Any) -> None:
    """P13, O12: logged and perhaps never sent."""
    core = entered(driver, stop_loss="95")
    stop = last(core, "stop")
    core = restarted(core)
    effects = takeover(core)
    assert kinds(effects).count(QueryOrder) == 1
    asked_ns = core.close_ns + 60 * SECOND
    core.report(stop.client_order_id, "absent", at_ns=asked_ns, complete=True, asked_ns=asked_ns, via="query")

    sent = [effect.order.client_order_id for effect in core.of(SendOrder)]
    assert sent.count(stop.client_order_id) == 2
    assert len(orders(core)) == 2


def test_a_cancel_goes_to_what_the_stop_has_become(driver: Any) -> None:
    """O17: two id spaces at the venue; the call names the kind and whether it has triggered."""
    core = entered(driver, stop_loss="95")
    stop = last(core, "stop")
    accept(core, stop)
    child(core, stop, "accepted")
    core.bar()
    core.decide(core.intent("cancel", order_id=stop.order_id))
    call = core.last(CancelOrder)

    assert (call.kind, call.triggered, call.venue_order_id) == ("stop", True, "c")


# -- refusals ------------------------------------------------------------------------------------


def test_beyond_max_protective_an_entry_with_a_stop_is_refused(driver: Any) -> None:
    core, client = opened(driver, "1", setup=SETUP | {"execution": {"max_protective": 1}}, stop_loss="95")
    core.report(client, "filled", filled="1", trades=[trade("t1", "1", "100")])
    core.bar()
    core.decide(core.intent("add", quantity="1", style="market", stop_loss="95"))
    assert core.last(Denied).reason == "max_protective"
    core.bar()
    core.decide(core.intent("protect", stop_loss="95"))

    assert (len(core.of(Denied)), last(core, "stop").price) == (1, "95")


def test_a_restart_between_any_two_inputs_changes_nothing(driver: Any) -> None:
    """P10"""
    core = entered(driver, stop_loss="95", take_profit="110")
    for order in orders(core)[1:]:
        accept(core, order)
    core.bar()
    core.decide(core.intent("add", quantity="1", style="market"), core.intent("protect", stop_loss="96"))
    core.report(orders(core)[3].client_order_id, "rejected", code="busy", retryable=True)
    core.report(orders(core)[4].client_order_id, "filled", filled="1", trades=[trade("t2", "1", "100")])
    timer = core.last(SetTimer)
    core.timer(timer.name, timer.due_ns)
    accept(core, last(core, "stop"))
    trigger(core, last(core, "stop"))
    child(core, last(core, "stop"), "partly_filled", "1")
    child(core, last(core, "stop"), "expired")
    core.bar()

    other = type(core.core)("s1", hashing=True)
    seen = []
    for event in core.inputs:
        seen += other.handle(event)
        fresh = type(core.core)("s1", hashing=True)
        fresh.restore(other.snapshot())
        assert fresh.state_hash() == other.state_hash()
        other = fresh
    assert seen == core.seen


@pytest.mark.parametrize("stage", ["live_small", "live"])
def test_without_a_limit_of_its_own_a_stop_is_refused_and_never_left_out_in_silence(driver: Any, stage: str) -> None:
    """C"""
    core = driver(stage=stage)
    core.bar()
    core.decide(
        core.intent("open", quantity="1", style="market", stop_loss="95"),
        core.intent("open", quantity="1", style="market", take_profit="105"),
        core.intent("open", quantity="1", style="market"),
    )
    assert [denied.reason for denied in core.of(Denied)] == ["protection_not_configured"] * 2
    core.report(orders(core)[0].client_order_id, "filled", filled="1", trades=[trade("t1", "1", "100")])
    core.bar()
    core.decide(core.intent("protect", stop_loss="95"))

    assert [denied.reason for denied in core.of(Denied)] == ["protection_not_configured"] * 3
    assert (len(orders(core)), core.of(Cancelled)) == (1, [])
