"""Closes that a real venue refuses because of what it holds, or because of the way in which they are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from live_core import SECOND, cancels, child, held, last, protected, restarted, trade, trigger

from live_runner.contracts.core import QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import AccountReported, Incident, Reconciled, Rejected, Requested, VenuePosition


def answer(core: Any, quantity: str = "", after_s: int = 1, *, complete: bool = True) -> list[Any]:
    """The venue's positions, asked for so long after the last close."""
    positions = [VenuePosition(core.symbols[0], "long", quantity)] if quantity else []
    at_ns = core.close_ns + after_s * SECOND
    given = {"positions": positions, "positions_complete": complete, "positions_asked_ns": at_ns}
    effects: list[Any] = core.feed(AccountReported(**core.envelope("execution.shell", at_ns), **given))
    return effects


def shown(core: Any, order: Any, after_s: int) -> None:
    """The venue's answer that the order is on its book, asked for so long after the last close."""
    asked_ns = core.close_ns + after_s * SECOND
    core.report(order.client_order_id, "accepted", at_ns=asked_ns, asked_ns=asked_ns, via="query")


def refused(core: Any, semantics: str = "sync_if_absent") -> str:
    """A close of the whole leg, to which the venue answers that there is nothing."""
    core.decide(core.intent("close", close_semantics=semantics))
    close = core.last(Requested)
    core.report(close.client_order_id, "rejected", code="22002", meaning="no_position", retryable=True)
    return str(close.order_id)


def test_a_leg_that_the_venue_proves_closed_leaves_the_ledger_by_an_event(driver: Any) -> None:
    """O06: 2 bought at 100; the last close is 103."""
    core = held(driver)
    core.decide()
    core.bar(100, 103, 100, 103)
    close = refused(core)
    core = restarted(core)
    answer(core)

    [event] = core.of(Reconciled)
    assert (event.leg, event.reason, event.quantity_before, event.quantity) == ("long", "closed_elsewhere", "2", "0")
    assert (event.price, event.amount, event.order_id, event.report) == ("103", "6", close, core.inputs[-1].id)
    assert (core.last(Rejected).retrying, core.of(Incident)) == (False, [])
    core.bar(100, 103, 100, 103)
    assert (core.position(), core.settled.pending, core.settled.realised) == ("0", [], "6")
    assert (core.settled.cash, core.settled.equity, core.settled.fees) == ("10006", "10006", "0")


@pytest.mark.parametrize("doubt", ["incomplete", "older", "held", "strict"])
def test_a_leg_stays_without_proof_that_it_is_closed(driver: Any, doubt: str) -> None:
    """O06: a failed query changes nothing; the difference is named when a second answer has it."""
    core = held(driver)
    refused(core, "strict" if doubt == "strict" else "sync_if_absent")
    if doubt == "held":
        answer(core, "2")
    for after_s in (-1, 0) if doubt == "older" else (2, 3):
        answer(core, "2" if doubt == "held" else "", after_s, complete=doubt != "incomplete")
    if doubt == "held":
        answer(core, "", 4)  # gone later, by something else
        answer(core, "", 5)
    core.bar()

    assert (core.position(), core.of(Reconciled)) == ("2", [])
    named = [incident.code for incident in core.of(Incident)]
    assert named == ([] if doubt == "incomplete" else ["position_differs", "leg_halted"])


def test_an_order_of_ours_that_may_have_closed_the_leg_is_asked_for_first(driver: Any) -> None:
    """O06: the limit had filled, its trade comes after the answer."""
    core = held(driver)
    core.decide(core.intent("partial_close", quantity="1", style="limit", limit_price="110"))
    limit = core.last(Requested).client_order_id
    core.report(limit, "accepted", venue_order_id="v2")
    core.bar()
    core.decide(core.intent("close", close_semantics="sync_if_absent"))
    close = core.last(Requested).client_order_id
    core.report(close, "rejected", code="22002", meaning="no_position")
    effects = answer(core)
    assert QueryOrder in map(type, effects)
    assert core.of(Reconciled) == []
    core.report(limit, "filled", filled="1", trades=[trade("t2", "1", "110")], via="query")
    core.bar()

    assert (core.position(), core.of(Reconciled)) == ("1", [])


def test_a_refused_flag_is_left_out_once_where_the_side_names_the_position(driver: Any) -> None:
    """O07: hedge mode; the second refusal ends it."""
    core = held(driver)
    core.decide(core.intent("close"))
    first = core.last(SendOrder)
    core.report(first.order.client_order_id, "rejected", code="-1106", meaning="reduce_only_refused")
    core = restarted(core)
    due = core.last(SetTimer)
    core.timer(due.name, due.due_ns)
    second = core.last(SendOrder)
    core.report(second.order.client_order_id, "rejected", code="-1106", meaning="reduce_only_refused")
    core.bar()

    assert (first.by_side, second.by_side) == (False, True)
    assert (second.order.reduce_only, second.order.leg, second.order.quantity) == (True, "long", "2")
    assert [rejected.retrying for rejected in core.of(Rejected)] == [True, False]
    assert (len(core.of(Requested)), core.settled.pending, core.position()) == (3, [], "2")


def test_in_one_way_mode_a_close_is_never_sent_without_its_flag(driver: Any) -> None:
    """O07: there the side would open the other leg."""
    core = held(driver, account={"position_mode": "one_way"})
    core.decide(core.intent("close"))
    core.report(core.last(Requested).client_order_id, "rejected", meaning="reduce_only_refused", retryable=True)
    core.bar()

    assert (core.last(Rejected).retrying, len(core.of(Requested))) == (False, 2)


def test_a_stop_that_still_waits_does_not_hold_back_the_proof_that_its_leg_is_closed(driver: Any) -> None:
    """O06: it may have triggered unseen, so the venue is asked for it first; then it is cancelled with its leg."""
    core = protected(driver, stop_loss="95")
    core.decide()
    core.bar()
    stop = last(core, "stop")
    refused(core)
    assert QueryOrder in map(type, answer(core))
    shown(core, stop, -1)
    answer(core, "", 2)
    assert core.of(Reconciled) == []
    core = restarted(core)
    shown(core, stop, 3)
    answer(core, "", 4)
    core.bar()

    assert (len(core.of(Reconciled)), core.position()) == (1, "0")
    assert cancels(core) == [(stop.order_id, "leg_flat")]


def test_a_stop_that_has_triggered_may_have_closed_the_leg_itself(driver: Any) -> None:
    """O06: its trade is booked, and not lost to the proof."""
    core = protected(driver, stop_loss="95")
    core.decide()
    core.bar()
    stop = last(core, "stop")
    refused(core)
    trigger(core, stop)
    shown(core, stop, 1)
    answer(core, "", 2)
    assert core.of(Reconciled) == []
    child(core, stop, "filled", "2")
    core.bar()

    assert (core.position(), core.of(Reconciled)) == ("0", [])
