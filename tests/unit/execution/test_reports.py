"""What a real venue says, late, twice and out of order; here with reports as input."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import (
    Accepted,
    Cancelled,
    Denied,
    Filled,
    Incident,
    Rejected,
    Requested,
    Submitted,
    Unknown,
)
from live_runner.contracts.policy import ExecutionPolicy

LIMIT: dict[str, Any] = {"style": "limit", "limit_price": "100", "time_to_live_ns": 60_000_000_000}


def trade(quantity: str, price: str, identity: str = "t1") -> dict[str, str]:
    """The fields of a report that name one trade."""
    return {"last_quantity": quantity, "last_price": price, "fill_id": identity}


def proof(core: Any, after_s: float = 60.0) -> dict[str, Any]:
    """The fields of an answer that was asked for when the order could no longer arrive."""
    return {"complete": True, "asked_ns": core.close_ns + int(after_s * 1e9), "via": "query"}


def live(driver: Any, quantity: str = "4", **fields: Any) -> tuple[Any, str]:
    """A live core with one order under way, and its client order id."""
    core = driver(stage="live", policy=fields.pop("policy", None))
    core.bar()
    core.open(quantity, **fields)
    return core, core.of(Requested)[0].client_order_id


def test_request_is_published_before_it_is_sent_and_carries_everything(driver: Any) -> None:
    """P01: the log has it first."""
    core, client = live(driver)
    requested, sent = core.seen[-3:-1]

    assert (type(requested), type(sent)) == (Requested, SendOrder)
    assert sent.order == requested
    assert len(client) == 28


def test_order_goes_through_its_life_by_reports(driver: Any) -> None:
    core, client = live(driver)
    core.report(client, "submitted")
    core.report(client, "accepted", venue_order_id="v1")
    core.report(client, "partly_filled", filled="1", last_quantity="1", last_price="100.5", fill_id="f1")
    core.report(client, "filled", filled="4", last_quantity="3", last_price="101", fill_id="f2", liquidity="maker")

    assert len(core.of(Submitted)) == 1
    assert core.last(Accepted).venue_order_id == "v1"
    assert [(f.fill_id, f.quantity, f.price, f.status, f.liquidity) for f in core.of(Filled)] == [
        ("f1", "1", "100.5", "partly_filled", "taker"),
        ("f2", "3", "101", "filled", "maker"),
    ]


def test_one_fill_is_booked_once_however_often_it_is_told(driver: Any) -> None:
    """O10, O15."""
    core, client = live(driver)
    told = {"filled": "1", "last_quantity": "1", "last_price": "100", "fill_id": "f1"}
    for _ in range(3):
        core.report(client, "partly_filled", **told)

    assert len(core.of(Filled)) == 1


def test_older_report_after_a_newer_one_fills_nothing(driver: Any) -> None:
    """O15: each trade counts once, in whichever order the reports come."""
    core, client = live(driver)
    core.report(client, "partly_filled", filled="3", **trade("2", "100", "t2"))
    core.report(client, "partly_filled", filled="1", **trade("1", "100", "t1"))
    core.report(client, "accepted", venue_order_id="v1")

    assert [(fill.fill_id, fill.quantity) for fill in core.of(Filled)] == [("t2", "2"), ("t1", "1")]
    core.report(client, "filled", filled="4", **trade("1", "100", "t3"))
    assert [fill.quantity for fill in core.of(Filled)] == ["2", "1", "1"]


def test_fill_without_a_price_is_asked_for_and_not_guessed(driver: Any) -> None:
    """O09, O11."""
    core, client = live(driver)
    effects = core.report(client, "filled", filled="4")

    assert [type(effect) for effect in effects] == [SetTimer, QueryOrder, SetTimer, Unknown]
    core.timer(effects[0].name, effects[0].due_ns)
    assert core.of(Filled) == []
    core.report(client, "filled", filled="4", **trade("4", "100"))
    assert core.last(Filled).quantity == "4"


def test_missing_answer_blocks_the_leg_until_the_venue_has_told(driver: Any) -> None:
    """O11, O12, P08: nothing else is sent for that leg, and the other leg is free."""
    core, client = live(driver)
    effects = core.report(client, "unknown", message="timeout")
    assert [type(effect) for effect in effects] == [Unknown, QueryOrder, SetTimer]
    core.bar()
    core.decide(
        core.intent("open", quantity="1", style="market"), core.intent("open", "short", quantity="1", style="market")
    )
    assert [refused.reason for refused in core.of(Denied)] == ["leg_blocked"]
    assert core.settled.legs[0].blocked == "leg_blocked"
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()

    assert core.settled.legs[0].blocked == ""


def test_proven_absence_sends_the_very_same_request_again(driver: Any) -> None:
    """O12, O16: the same client order id, the same event."""
    core, client = live(driver)
    first = next(effect for effect in core.seen if isinstance(effect, SendOrder)).order
    core.report(client, "unknown")
    effects = core.report(client, "absent", **proof(core))

    assert [type(effect) for effect in effects] == [SendOrder]
    again = effects[0].order
    assert (again.id, again.order_id, again.client_order_id) == (first.id, first.order_id, client)
    assert len(core.of(Requested)) == 1


def test_proven_absence_behind_a_stop_sends_no_entry(driver: Any) -> None:
    """S01."""
    core, client = live(driver)
    core.report(client, "unknown")
    core.command("stop")
    effects = core.report(client, "absent", **proof(core))

    assert [type(effect) for effect in effects] == [Cancelled]


def test_absence_that_nobody_asked_for_is_kept(driver: Any) -> None:
    """O12: an order that is on its way may still arrive."""
    core, client = live(driver)
    effects = core.report(client, "absent")

    assert [(type(effect), effect.code) for effect in effects] == [(Incident, "report_kept")]


def test_an_older_answer_that_the_order_is_absent_says_nothing_of_what_was_sent_again(driver: Any) -> None:
    """O12: two questions were under way."""
    core, client = live(driver)
    core.report(client, "unknown")
    sent_ns = core.close_ns
    for _ in range(2):
        asked_ns = sent_ns + 60_000_000_000
        core.report(client, "absent", at_ns=asked_ns, asked_ns=asked_ns, complete=True)

    assert (len(core.of(SendOrder)), core.of(Incident)) == (2, [])


@pytest.mark.parametrize("permitted", [False, True])
def test_timeout_becomes_a_market_order_only_when_confirmed_and_permitted(driver: Any, permitted: bool) -> None:
    """O02, O05: exactly one, for what was not filled."""
    core, client = live(driver, fallback=["timeout"] if permitted else [], **LIMIT)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    assert [type(effect).__name__ for effect in core.seen if isinstance(effect, CancelOrder)] == ["CancelOrder"]
    assert len(core.of(Requested)) == 1
    core.report(client, "cancelled", filled="1", **trade("1", "100"))

    orders = core.of(Requested)[1:]
    assert [(order.kind, order.quantity, order.attempt) for order in orders] == (
        [("market", "3", 2)] if permitted else []
    )
    assert [fill.quantity for fill in core.of(Filled)] == ["1"]
    core.report(client, "cancelled", filled="1")
    assert len(core.of(Requested)) == 1 + permitted


def test_cancel_of_a_strategy_is_no_timeout_whatever_its_reason(driver: Any) -> None:
    """The reason is the strategy's own text; nothing but the order's own time permits the fallback."""
    core, client = live(driver, fallback=["timeout"], **{**LIMIT, "time_to_live_ns": 3_600_000_000_000})
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    core.decide(core.intent("cancel", order_id=core.last(Requested).order_id, reason="timeout"))
    core.report(client, "cancelled", code="timeout")

    assert (core.last(Cancelled).reason, core.last(Cancelled).retrying) == ("timeout", False)
    assert len(core.of(Requested)) == 1


def test_unconfirmed_cancel_never_falls_back(driver: Any) -> None:
    """O03: the order stays tracked as unknown."""
    core, client = live(driver, fallback=["timeout"], **LIMIT)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    core.report(client, "unknown", message="cancel not answered")
    core.decide()
    core.bar()

    assert len(core.of(Requested)) == 1
    assert core.settled.pending[0].status == "unknown"


def test_filled_while_being_cancelled_is_filled(driver: Any) -> None:
    """O04: no fallback."""
    core, client = live(driver, fallback=["timeout"], **LIMIT)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    core.report(client, "filled", filled="4", **trade("4", "99.5"))

    assert (core.last(Filled).price, len(core.of(Requested))) == ("99.5", 1)


def test_lost_cancel_is_asked_again_when_the_order_is_found_standing(driver: Any) -> None:
    """O03."""
    core, client = live(driver, **LIMIT)
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()
    core.report(client, "unknown")
    effects = core.report(client, "accepted", venue_order_id="v1")

    assert isinstance(effects[-1], CancelOrder)


@pytest.mark.parametrize(
    ("status", "named"),
    [
        ("filled", True),
        ("accepted", True),
        ("rejected", True),
        ("cancelled", False),
        ("unknown", False),
        ("absent", False),
    ],
)
def test_report_after_the_end_is_kept_unless_it_only_repeats_it_or_proves_nothing(
    driver: Any, status: str, named: bool
) -> None:
    """O15: never changes a closed order."""
    core, client = live(driver)
    core.report(client, "cancelled")
    effects = core.report(client, status)

    assert [effect.code for effect in effects] == ["report_kept"] * named
    assert all("closed" in effect.message for effect in effects)
    assert core.of(Filled) == []
    assert len(core.of(Cancelled)) == 1


def test_cancel_that_comes_with_the_last_fill_is_a_fill(driver: Any) -> None:
    """O04."""
    core, client = live(driver)
    core.report(client, "cancelled", filled="4", **trade("4", "100"))

    assert (core.last(Filled).status, core.of(Cancelled)) == ("filled", [])


def test_report_on_a_stranger_is_kept(driver: Any) -> None:
    """O15."""
    core, _ = live(driver)
    effects = core.report("f" * 32, "filled", filled="1", last_price="1")

    assert "not ours" in effects[0].message


def test_report_that_fills_more_than_was_ordered_is_kept(driver: Any) -> None:
    core, client = live(driver)
    effects = core.report(client, "filled", filled="5", last_price="100")

    assert (effects[0].code, core.of(Filled)) == ("report_kept", [])


def test_rejection_carries_the_venue_code_and_blocks_by_policy(driver: Any) -> None:
    """O14, I08."""
    core, client = live(driver, policy=ExecutionPolicy(max_failures=1))
    core.report(client, "rejected", code="-2019", message="Margin is insufficient.")
    core.bar()
    core.open("1")

    assert (core.last(Rejected).code, core.last(Denied).reason) == ("-2019", "backoff")


def test_post_only_rejection_falls_back_once_for_the_remainder(driver: Any) -> None:
    """O01."""
    core, client = live(driver, style="post_only", limit_price="99", fallback=["reject"])
    core.report(client, "rejected", code="-5022", message="would take")
    second = core.last(Requested)
    core.report(second.client_order_id, "rejected", code="-1", message="no")

    assert (second.kind, second.attempt, second.quantity) == ("market", 2, "4")
    assert second.client_order_id != client
    assert len(core.of(Requested)) == 2
    assert [rejected.retrying for rejected in core.of(Rejected)] == [True, False]


def test_a_fallback_that_is_held_back_is_not_tried_in_another_way(driver: Any) -> None:
    """S01: where the runner has said that no further attempt is made, none is, whatever the venue would take later."""
    core, client = live(
        driver, style="limit", limit_price="99", fallback=["reject"], policy=ExecutionPolicy(attempts=3)
    )
    core.command("stop")
    core.report(client, "rejected", code="429", message="", retryable=True)
    core.command("resume")
    core.timer("retry", core.close_ns + 60_000_000_000)

    assert (core.last(Rejected).retrying, core.last(Denied).reason) == (False, "entries_stopped")
    assert len(core.of(Requested)) == 1


def test_entry_is_tried_again_as_often_as_the_policy_says(driver: Any) -> None:
    """O13: spaced, by a timer that is an event."""
    core, client = live(driver, policy=ExecutionPolicy(attempts=2, retry_spacing_s=5.0))
    effects = core.report(client, "rejected", code="429", message="slow down", retryable=True)
    timer = effects[-1]
    assert isinstance(timer, SetTimer)
    assert timer.due_ns == core.close_ns + 5_000_000_000
    assert core.timer(timer.name, timer.due_ns - 1) == []
    core.timer(timer.name, timer.due_ns)
    second = core.last(Requested)
    core.report(second.client_order_id, "rejected", code="429", message="slow down", retryable=True)

    assert second.attempt == 2
    assert [rejected.retrying for rejected in core.of(Rejected)] == [True, False]
    assert len([effect for effect in core.seen if isinstance(effect, SetTimer)]) == 1


def test_attempt_that_a_kill_drops_is_told(driver: Any) -> None:
    """S02: the operator by an incident, the strategy by a refusal of its intent."""
    core, client = live(driver, policy=ExecutionPolicy(attempts=3))
    core.report(client, "rejected", code="429", message="", retryable=True)
    effects = core.command("kill")

    assert [type(effect) for effect in effects] == [Incident, Denied]
    assert (effects[0].code, effects[1].reason) == ("attempt_dropped", "killed")
    assert effects[1].intent_id == core.of(Requested)[0].intent_id


def test_attempt_is_dropped_while_its_leg_is_in_backoff(driver: Any) -> None:
    """I09, O13: the very rejection that is to be tried again has put the leg to rest."""
    core, client = live(driver, policy=ExecutionPolicy(attempts=3, max_failures=1))
    timer = core.report(client, "rejected", code="429", message="", retryable=True)[-1]
    effects = core.timer(timer.name, timer.due_ns)

    assert [(type(effect), getattr(effect, "reason", effect.cause)) for effect in effects][1:] == [(Denied, "backoff")]
    assert (effects[0].code, effects[0].severity) == ("attempt_dropped", "warning")
    assert len(core.of(Requested)) == 1


def test_attempt_is_dropped_while_another_order_of_its_leg_is_unknown(driver: Any) -> None:
    """O12, O13."""
    core = driver(stage="live", policy=ExecutionPolicy(attempts=3))
    core.bar()
    core.decide(*[core.intent("open", quantity="1", style="market") for _ in range(2)])
    client, other = (order.client_order_id for order in core.of(Requested))
    timer = core.report(client, "rejected", code="429", message="", retryable=True)[-1]
    core.report(other, "unknown", message="timeout")
    core.timer(timer.name, timer.due_ns)

    assert (core.last(Incident).code, core.last(Denied).reason) == ("attempt_dropped", "leg_blocked")
    assert len(core.of(Requested)) == 2


def test_close_that_waits_for_its_next_attempt_outlives_a_kill(driver: Any) -> None:
    """S01, O13."""
    core, client = live(driver)
    core.report(client, "filled", filled="4", **trade("4", "100"))
    core.bar()
    core.decide(core.intent("close"))
    close = core.last(Requested)
    timer = core.report(close.client_order_id, "rejected", code="429", message="", retryable=True)[-1]
    core.command("kill")
    core.timer(timer.name, timer.due_ns)

    assert (core.last(Requested).action, core.last(Requested).attempt) == ("close", 2)


def test_report_whose_quantity_cannot_be_read_is_kept(driver: Any) -> None:
    core, client = live(driver)
    effects = core.report(client, "partly_filled", filled="some", last_price="100")

    assert [effect.code for effect in effects] == ["report_kept"]
    assert "'some' is no" in effects[0].message
    assert core.of(Filled) == []


def test_two_parts_never_close_more_than_there_is(driver: Any) -> None:
    """L02, O22: what the first may still fill is left to it."""
    core, client = live(driver)
    core.report(client, "filled", filled="4", **trade("4", "100"))
    core.bar()
    core.decide(*[core.intent("partial_close", quantity="3") for _ in range(3)])
    first, second = core.of(Requested)[1:]
    core.report(first.client_order_id, "filled", filled="3", **trade("3", "101", "t2"))
    core.report(second.client_order_id, "filled", filled="1", **trade("1", "101", "t3"))

    assert (first.quantity, second.quantity, core.last(Denied).reason) == ("3", "1", "close_pending")
    core.bar()
    assert core.position() == "0"


def test_filled_without_a_quantity_is_asked_for(driver: Any) -> None:
    """O09, O11."""
    core, client = live(driver)
    effects = core.report(client, "filled")

    assert [type(effect) for effect in effects] == [Unknown, QueryOrder, SetTimer]
    assert effects[0].reason == "filled_without_quantity"


def test_order_that_is_found_again_with_a_part_filled_is_partly_filled(driver: Any) -> None:
    """O11, O12."""
    core, client = live(driver)
    core.report(client, "partly_filled", filled="1", **trade("1", "100"))
    core.report(client, "unknown", message="timeout")
    core.report(client, "accepted", venue_order_id="v1")
    core.bar()

    assert [(order.status, order.remaining) for order in core.settled.pending] == [("partly_filled", "3")]
    assert core.settled.legs[0].blocked == ""


def test_close_is_tried_again_until_it_is_done(driver: Any) -> None:
    """O13: whatever the number of attempts, and behind a stop."""
    core, client = live(driver)
    core.report(client, "filled", filled="4", **trade("4", "100"))
    core.bar()
    core.decide(core.intent("close"))
    core.command("kill")
    for attempt in range(1, 5):
        order = core.last(Requested)
        assert (order.attempt, order.action, order.reduce_only) == (attempt, "close", True)
        timer = core.report(order.client_order_id, "rejected", code="429", message="", retryable=True)[-1]
        core.timer(timer.name, timer.due_ns)
    core.report(core.last(Requested).client_order_id, "filled", filled="4", **trade("4", "101", "t2"))
    core.bar()

    assert core.position() == "0"


def test_ids_differ_between_attempts_and_are_the_same_after_a_restart(driver: Any) -> None:
    """O16."""
    clients = []
    for _ in range(2):
        core, client = live(driver, policy=ExecutionPolicy(attempts=2))
        timer = core.report(client, "rejected", code="x", message="", retryable=True)[-1]
        core.timer(timer.name, timer.due_ns)
        clients.append([order.client_order_id for order in core.of(Requested)])

    assert clients[0] == clients[1]
    assert len(set(clients[0])) == 2


def test_fee_of_the_venue_is_booked_as_it_is(driver: Any) -> None:
    """X09: fees come from the fills."""
    core, client = live(driver)
    core.report(client, "filled", filled="4", **trade("4", "100"), fee="0.123", fee_currency="USDT")

    assert core.last(Filled).fee == "0.123"
