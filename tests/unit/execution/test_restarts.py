"""A live session goes on in another process: what was open is known, asked for, and ends as the venue has it."""

from __future__ import annotations

from typing import Any

from live_core import MINUTE, RESTING, SETUP, fire, kinds, opened, orders, restarted, takeover, trade

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.messages import Cancelled, CancelRequested, Denied, Filled, Incident, Requested, Unknown
from live_runner.services.execution.core.engine import ExecutionCore


def stale(driver: Any) -> tuple[Any, str]:
    """A limit whose time has run out while nobody was there: taken over, asked for, its answer awaited."""
    core, client = opened(driver, time_to_live_ns=MINUTE, **RESTING)
    core.report(client, "submitted")
    core = restarted(core)
    assert kinds(takeover(core)) == [Unknown, QueryOrder]
    core.bar()
    core.decide()
    assert CancelOrder not in kinds(fire(core, "expire"))
    return core, client


def test_an_order_that_filled_meanwhile_is_booked_at_its_own_price(driver: Any) -> None:
    """P02: 2 at 98 and 2 at 99."""
    core, client = opened(driver, **RESTING)
    core = restarted(core)
    takeover(core)
    trades = [trade("t1", "2", "98"), trade("t2", "2", "99")]
    core.report(client, "filled", filled="4", trades=trades, via="query", complete=True)
    core.bar()

    assert (core.position(), core.settled.legs[0].average, core.settled.pending) == ("4", "98.5", [])


def test_a_stale_order_that_stands_is_cancelled_when_it_is_found(driver: Any) -> None:
    """P03: once, and over when the venue says so."""
    core, client = stale(driver)
    effects = core.report(client, "accepted", via="query", venue_order_id="v1")
    assert kinds(effects).count(CancelOrder) == 1
    core.report(client, "cancelled", filled="0")
    core.bar()

    assert (core.last(Cancelled).reason, core.settled.pending, core.position()) == ("timeout", [], "0")
    assert len(core.of(CancelRequested)) == len(core.of(Cancelled)) == 1


def test_a_stale_order_that_has_filled_is_booked_and_never_cancelled(driver: Any) -> None:
    """P04."""
    core, client = stale(driver)
    effects = core.report(client, "filled", filled="4", trades=[trade("t1", "4", "99")], via="query", complete=True)
    core.bar()

    assert kinds(effects) == [Filled]
    assert (core.of(CancelOrder), core.position(), core.settled.pending) == ([], "4", [])


def test_two_orders_of_one_leg_are_both_known_and_each_ends_for_itself(driver: Any) -> None:
    """P07."""
    core, first = opened(driver, **RESTING)
    core.report(first, "accepted", venue_order_id="v1")
    core.bar()
    core.decide(core.intent("open", quantity="2", style="limit", limit_price="98"))
    second = core.last(Requested).client_order_id
    core.report(second, "accepted", venue_order_id="v2")
    core = restarted(core)
    asked = [effect.client_order_id for effect in takeover(core) if isinstance(effect, QueryOrder)]
    assert asked == [first, second]
    core.report(second, "filled", filled="2", trades=[trade("t1", "2", "98")], via="query")
    core.report(first, "accepted", via="query")
    core.bar()

    assert [order.remaining for order in core.settled.pending] == ["4"]
    assert core.position() == "2"


def test_without_a_snapshot_the_log_gives_the_same_state_and_the_order_stays(driver: Any) -> None:
    """P05: the leg is blocked until the venue has answered, and the order is neither cancelled nor sent again."""
    core, client = opened(driver, **RESTING)
    core.report(client, "submitted")
    folded = ExecutionCore("s1")
    for event in core.inputs:
        folded.handle(event)
    assert folded.state_hash() == core.core.state_hash()
    core.core = folded
    effects = takeover(core)
    core.bar()
    core.decide(core.intent("open", quantity="1", style="market"))

    assert kinds(effects) == [Unknown, QueryOrder]
    assert [refused.reason for refused in core.of(Denied)] == ["leg_blocked"]
    assert len(core.of(SendOrder)) == 1
    assert [order.remaining for order in core.settled.pending] == ["4"]


def test_a_first_entry_that_filled_meanwhile_has_its_position_and_its_stop_and_target(driver: Any) -> None:
    """P06."""
    core, client = opened(driver, stop_loss="90", take_profit="120", setup=SETUP, **RESTING)
    core = restarted(core)
    takeover(core)
    core.report(client, "filled", filled="4", trades=[trade("t1", "4", "99")], via="query", complete=True)
    core.bar()

    assert (core.position(), core.settled.legs[0].average) == ("4", "99")
    assert [(order.kind, order.quantity) for order in orders(core)[1:]] == [("stop", "4"), ("take_profit", "4")]


def test_what_an_add_of_nobody_filled_is_kept_and_not_guessed(driver: Any) -> None:
    """P06: no order of this session has its id."""
    core, client = opened(driver, **RESTING)
    core = restarted(core)
    takeover(core)
    core.report("of another session", "filled", filled="3", trades=[trade("t1", "3", "99")], via="query", complete=True)
    core.bar()

    assert (core.position(), core.of(Filled), core.last(Incident).code) == ("0", [], "report_kept")
    assert [order.client_order_id for order in orders(core)] == [client]
