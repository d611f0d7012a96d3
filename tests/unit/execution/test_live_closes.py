"""Closes at a real venue never add up to more than is held, and leave nothing open that was to be closed.

Each test is one row of what such cores get wrong (L, Q, R); the right values are worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from live_core import RESTING, held, kinds, proof, restarted, trade

from live_runner.contracts.core import CancelOrder, SendOrder, SetTimer
from live_runner.contracts.messages import (
    CancelRequested,
    Denied,
    Requested,
)


def test_flatten_closes_what_is_held_and_what_a_late_fill_adds(driver: Any) -> None:
    """L, O22: 2 held, a resting add of 3 that fills 1 while it is being cancelled."""
    core = held(driver)
    core.decide(core.intent("add", quantity="3", **RESTING))
    add = core.last(Requested).client_order_id
    core.report(add, "accepted", venue_order_id="v2")
    effects = core.command("flatten")
    assert kinds(effects) == [CancelRequested, CancelOrder, Requested, SendOrder]
    close = core.last(Requested)
    assert (close.quantity, close.reduce_only) == ("2", True)
    core.report(add, "cancelled", filled="1", trades=[trade("t2", "1", "99")])
    assert core.last(Requested).quantity == "1"
    core.report(close.client_order_id, "filled", filled="2", trades=[trade("t3", "2", "98")])
    core.report(core.last(Requested).client_order_id, "filled", filled="1", trades=[trade("t4", "1", "98")])
    core.bar()

    assert (core.position(), core.settled.pending) == ("0", [])
    assert sum(Decimal(order.quantity) for order in core.of(Requested) if order.reduce_only) == 3


def test_flatten_closes_what_a_close_under_way_leaves(driver: Any) -> None:
    """S02, O22: an add of 1 fills after the close of the 2 that were held was sent."""
    core = held(driver)
    core.decide(core.intent("add", quantity="1", style="market"), core.intent("close"))
    close, add = core.of(Requested)[1:]
    core.report(add.client_order_id, "filled", filled="1", trades=[trade("t2", "1", "100")])
    core.command("flatten")
    rest = core.last(Requested)
    assert (close.quantity, rest.quantity, rest.reason) == ("2", "1", "flatten")
    core.report(close.client_order_id, "filled", filled="2", trades=[trade("t3", "2", "100")])
    core.report(rest.client_order_id, "filled", filled="1", trades=[trade("t4", "1", "100")])
    core.bar()

    assert (core.position(), len(core.of(Requested))) == ("0", 4)


def test_no_two_parts_of_a_close_have_one_name_and_none_is_dropped(driver: Any) -> None:
    """O22: the first part is refused for now, after the rest of the close was sent."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1"))
    part = core.last(Requested).client_order_id
    core.bar()
    core.decide(core.intent("close"))
    first = core.last(Requested).client_order_id
    core.report(part, "cancelled", code="venue")
    second = core.last(Requested).client_order_id
    core.report(first, "rejected", code="busy", retryable=True)
    core.report(second, "filled", filled="1", trades=[trade("t2", "1", "100")])
    due = core.last(SetTimer)
    core.timer(due.name, due.due_ns)
    third = core.last(Requested).client_order_id
    core.report(third, "filled", filled="1", trades=[trade("t3", "1", "100")])
    core.bar()

    assert len({part, first, second, third}) == 4
    assert (core.position(), core.settled.pending) == ("0", [])


def test_flatten_goes_on_when_a_part_of_it_is_refused_for_now(driver: Any) -> None:
    """S02: what waits for a resting close is not dropped."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1", style="limit", limit_price="110"))
    resting = core.last(Requested).client_order_id
    core.report(resting, "accepted", venue_order_id="v2")
    core.command("flatten")
    core.report(core.last(Requested).client_order_id, "rejected", code="busy", retryable=True)
    due = core.last(SetTimer)
    core.report(resting, "cancelled")
    core.timer(due.name, due.due_ns)
    for number, order in enumerate(core.of(Requested)[3:]):
        core.report(order.client_order_id, "filled", filled="1", trades=[trade(f"c{number}", "1", "100")])
    core.bar()

    assert (core.position(), core.settled.pending) == ("0", [])


@pytest.mark.parametrize("status", ["cancelled", "expired", "absent"])
@pytest.mark.parametrize("who", ["flatten", "close", "partial_close"])
def test_close_that_the_venue_takes_off_is_tried_again_until_done(driver: Any, who: str, status: str) -> None:
    """S02: nobody asked for its cancel; what it had filled is booked, and the rest follows after the spacing."""
    core = held(driver)
    if who == "flatten":
        core.decide()
        core.command("flatten")
    else:
        core.decide(core.intent(who, quantity="2" if who == "partial_close" else None))
    first = core.last(Requested)
    core.report(first.client_order_id, "accepted", venue_order_id="v2")
    lots = 2
    if status == "absent":
        core.report(first.client_order_id, "unknown")
        effects = core.report(first.client_order_id, "absent", **proof(core))
    else:
        lots = 1
        filled = {"filled": "1", "trades": [trade("t2", "1", "98")]}
        effects = core.report(first.client_order_id, status, code="no_liquidity", **filled)
    assert effects[-2].retrying
    core = restarted(core)
    due = core.last(SetTimer)
    assert due.name.startswith("retry")
    core.timer(due.name, due.due_ns)
    second = core.last(Requested)
    core.report(second.client_order_id, "filled", filled=str(lots), trades=[trade("t3", str(lots), "97")])
    core.bar()

    assert (second.quantity, second.reduce_only, second.reason) == (str(lots), True, first.reason)
    assert second.client_order_id != first.client_order_id
    assert (core.position(), core.settled.pending, core.of(Denied)) == ("0", [], [])


@pytest.mark.parametrize("kind", ["limit", "ioc", "cancelled by the strategy"])
def test_close_with_a_price_or_a_cancel_of_its_own_is_not_tried_again(driver: Any, kind: str) -> None:
    """S02: its price, or its end, is what the strategy asked for."""
    core = held(driver)
    style = {"style": "limit" if kind != "ioc" else "ioc", "limit_price": "101"}
    core.decide(core.intent("partial_close", quantity="1", **style))
    close = core.last(Requested).client_order_id
    core.report(close, "accepted", venue_order_id="v2")
    effects = core.report(close, "expired" if kind == "ioc" else "cancelled")

    assert not effects[0].retrying
    assert core.of(SetTimer) == []


@pytest.mark.parametrize("who", ["operator", "strategy"])
@pytest.mark.parametrize("then", ["partial_close", "close"])
def test_no_other_close_while_a_whole_one_waits_to_be_tried_again(driver: Any, who: str, then: str) -> None:
    """S02, O22: a limit that rests meanwhile would be left open by the next attempt."""
    core = held(driver)
    if who == "operator":
        core.command("flatten")
    else:
        core.decide(core.intent("close"))
        core.bar()
    core.report(core.last(Requested).client_order_id, "rejected", code="busy", retryable=True)
    core = restarted(core)
    due = core.last(SetTimer)
    part = {"quantity": "1"} if then == "partial_close" else {}
    core.decide(core.intent(then, style="limit", limit_price="110", **part))
    assert (core.last(Denied).reason, len(core.of(Requested))) == ("close_pending", 2)
    core.timer(due.name, due.due_ns)
    again = core.last(Requested)
    core.report(again.client_order_id, "filled", filled="2", trades=[trade("t2", "2", "100")])
    core.bar()

    assert (again.kind, again.quantity, again.attempt) == ("market", "2", 2)
    assert (core.position(), core.settled.pending) == ("0", [])


@pytest.mark.parametrize("is_refused_first", [True, False])
def test_limit_that_a_close_takes_off_is_not_tried_again(driver: Any, is_refused_first: bool) -> None:
    """R: refused for now, before or after the whole leg is closed."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1", style="limit", limit_price="110"))
    resting = core.last(Requested).client_order_id
    core.bar()
    if is_refused_first:
        core.report(resting, "rejected", code="busy", retryable=True)
    core.decide(core.intent("close"))
    if not is_refused_first:
        core.report(resting, "rejected", code="busy", retryable=True)
    for timer in core.of(SetTimer):
        core.timer(timer.name, timer.due_ns)
    for number, order in enumerate(core.of(Requested)[2:]):
        core.report(
            order.client_order_id, "filled", filled=order.quantity, trades=[trade(f"c{number}", order.quantity, "100")]
        )
    core.bar()

    assert (core.position(), core.settled.pending) == ("0", [])
    assert {order.kind for order in core.of(Requested)[2:]} == {"market"}


def test_close_leaves_to_an_unknown_close_what_it_may_still_fill(driver: Any) -> None:
    """Q, O22: 1 of 2 may be closing already."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1"))
    part = core.last(Requested).client_order_id
    core.report(part, "unknown")
    core.bar()
    core.decide(core.intent("close"))
    close = core.last(Requested)
    assert close.quantity == "1"
    core.report(close.client_order_id, "filled", filled="1", trades=[trade("t2", "1", "100")])
    assert len(core.of(Requested)) == 3
    core = restarted(core)
    core.report(part, "cancelled", via="query")

    rest = core.last(Requested)
    assert (rest.quantity, rest.attempt, rest.intent_id) == ("1", 2, close.intent_id)
    core.report(rest.client_order_id, "filled", filled="1", trades=[trade("t3", "1", "100")])
    core.bar()
    assert core.position() == "0"


def test_whole_close_cancels_a_resting_close_and_books_what_it_still_fills(driver: Any) -> None:
    """R: the limit fills while its cancel is on its way; nothing is closed twice."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1", style="limit", limit_price="101"))
    limit = core.last(Requested).client_order_id
    core.report(limit, "accepted", venue_order_id="v2")
    core.bar()
    effects = core.decide(core.intent("close"))
    assert kinds(effects)[:2] == [CancelRequested, CancelOrder]
    close = core.last(Requested)
    assert (close.quantity, core.of(CancelRequested)[-1].reason) == ("1", "closing")
    core.report(close.client_order_id, "filled", filled="1", trades=[trade("t2", "1", "100")])
    core.report(limit, "filled", filled="1", trades=[trade("t3", "1", "101")])
    core.bar()

    assert (core.position(), core.settled.pending, len(core.of(Requested))) == ("0", [], 3)
    assert core.settled.realised == "1"


def test_rejected_close_is_not_tried_in_another_way(driver: Any) -> None:
    """What waits for it is dropped by name."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1", style="limit", limit_price="101"))
    limit = core.last(Requested).client_order_id
    core.report(limit, "accepted", venue_order_id="v2")
    core.bar()
    core.decide(core.intent("close"))
    core.report(core.last(Requested).client_order_id, "rejected", code="-2022")
    core.report(limit, "cancelled")

    assert (core.last(Denied).reason, len(core.of(Requested))) == ("rejected", 3)
