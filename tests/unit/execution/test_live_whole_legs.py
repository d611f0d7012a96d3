"""One stop and one target for a whole leg at a real venue, and a leg that stands without its stop.

Prices and quantities are worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from live_core import (
    SECOND,
    SETUP,
    accept,
    cancels,
    child,
    entered,
    held,
    incidents,
    last,
    open_orders,
    opened,
    orders,
    protected,
    restarted,
    trade,
    trigger,
)

from live_runner.contracts.core import SetTimer
from live_runner.contracts.messages import Denied, Filled, Incident, LimitTripped, Rejected

# -- one stop and one target for a whole leg (I14, O26, O27) ------------------------------------


def test_protect_takes_over_from_the_pairs_and_cancels_them_when_its_stop_stands(driver: Any) -> None:
    """I14: a leg is never without a stop in between."""
    core = entered(driver, stop_loss="95", take_profit="110")
    pair = orders(core)[1:]
    for order in pair:
        accept(core, order)
    core.bar()
    core.decide(core.intent("protect", stop_loss="97"))
    whole = orders(core)[3]
    assert (whole.quantity, whole.price, whole.parent) == ("2", "97", "")
    assert cancels(core) == [(pair[1].order_id, "protect")]
    accept(core, whole)
    assert cancels(core)[1:] == [(pair[0].order_id, "protect")]
    core = restarted(core)
    for order in pair:
        core.report(order.client_order_id, "cancelled")

    assert open_orders(core) == [("stop", "2", "97")]


def test_quantity_follows_the_leg(driver: Any) -> None:
    """I14: through an add and a partial close, the new one first."""
    core = protected(driver, stop_loss="95")
    for action, quantity, holds in (("add", "1", "3"), ("partial_close", "2", "1")):
        core.decide(core.intent(action, quantity=quantity, style="market"))
        before = last(core, "stop")
        core.report(
            orders(core)[-1].client_order_id, "filled", filled=quantity,
            trades=[trade(f"t{holds}", quantity, "100")],
        )  # fmt: skip
        stop = last(core, "stop")
        assert (stop.quantity, stop.order_id != before.order_id) == (holds, True)
        assert before.order_id not in dict(cancels(core))
        accept(core, stop)
        assert cancels(core)[-1] == (before.order_id, "resized")
        core.report(before.client_order_id, "cancelled")
        assert open_orders(core) == [("stop", holds, "95")]


def test_a_growing_entry_has_one_replacement_under_way_at_a_time(driver: Any) -> None:
    core = protected(driver, stop_loss="95")
    core.decide(core.intent("add", quantity="3", style="limit", limit_price="99"))
    add = orders(core)[-1].client_order_id
    for number in range(1, 4):
        core.report(add, "partly_filled", filled=str(number), trades=[trade(f"a{number}", "1", "99")])
    assert [order.quantity for order in orders(core) if order.kind == "stop"] == ["2", "3"]
    accept(core, last(core, "stop"))

    assert [order.quantity for order in orders(core) if order.kind == "stop"] == ["2", "3", "5"]


def test_an_entry_with_a_stop_of_its_own_is_refused_on_a_protected_leg(driver: Any) -> None:
    core = protected(driver, stop_loss="95")
    core.decide(core.intent("add", quantity="1", style="market", stop_loss="94"))

    assert core.last(Denied).reason == "leg_is_protected"


def test_a_resting_entry_that_fills_on_a_protected_leg_gets_no_pair(driver: Any) -> None:
    core = held(driver, "2", **SETUP)
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="98", stop_loss="90"))
    add = orders(core)[-1].client_order_id
    core.report(add, "accepted", venue_order_id="v2")
    core.bar()
    core.decide(core.intent("protect", stop_loss="95"))
    accept(core, last(core, "stop"))
    core.report(add, "filled", filled="1", trades=[trade("t2", "1", "98")])

    assert core.last(Denied).reason == "leg_is_protected"
    assert [(order.quantity, order.price) for order in orders(core) if order.kind == "stop"] == [
        ("2", "95"),
        ("3", "95"),
    ]


def test_protect_without_prices_gives_the_leg_back(driver: Any) -> None:
    core = protected(driver, stop_loss="95", take_profit="110")
    core.decide(core.intent("protect"))
    assert [reason for _, reason in cancels(core)] == ["unprotected", "unprotected"]
    for kind in ("stop", "take_profit"):
        core.report(last(core, kind).client_order_id, "cancelled")
    core.bar()
    core.decide(core.intent("protect"))

    assert (core.last(Denied).reason, incidents(core)) == ("not_protected", [])


def test_a_refused_replacement_leaves_the_old_one(driver: Any) -> None:
    """O26"""
    core = protected(driver, stop_loss="95")
    old = last(core, "stop")
    core.decide(core.intent("protect", stop_loss="99"))
    core.report(last(core, "stop").client_order_id, "rejected", code="-2021")

    assert incidents(core) == ["replacement_refused"]
    assert core.last(Incident).details["kept"] == old.order_id
    assert cancels(core) == []
    assert open_orders(core) == [("stop", "2", "95")]
    core.decide(core.intent("protect", stop_loss="96"))
    accept(core, last(core, "stop"))
    assert cancels(core) == [(old.order_id, "protect")]


@pytest.mark.parametrize("is_old", [True, False])
def test_a_stop_that_fills_while_it_is_replaced_leaves_the_leg_flat(driver: Any, is_old: bool) -> None:
    """O27: whichever of the two triggers, the other is cancelled and what it may still fill is refused."""
    core = protected(driver, stop_loss="95")
    old = last(core, "stop")
    core.decide(core.intent("protect", stop_loss="97"))
    new = last(core, "stop")
    done, other = (old, new) if is_old else (new, old)
    child(core, done, "filled", "2")
    assert (other.order_id, "leg_flat") in cancels(core)
    child(core, other, "rejected", code="-2022")
    core.bar()

    assert (core.position(), core.settled.pending, len(orders(core))) == ("0", [], 3)
    assert sum(Decimal(fill.quantity) for fill in core.of(Filled) if fill.kind == "stop") == 2


# -- a leg without its stop (O24) ---------------------------------------------------------------


def test_a_refused_stop_is_named_from_and_to(driver: Any) -> None:
    """O24: it is not asked for again at the same price and quantity, and `protect` ends it."""
    core, client = opened(driver, "2", setup=SETUP, stop_loss="95")
    at_ns = core.close_ns + SECOND
    core.report(client, "filled", at_ns=at_ns, filled="2", trades=[trade("entry", "2", "100")])
    core.report(last(core, "stop").client_order_id, "rejected", code="-4120")
    assert incidents(core) == ["stop_failed"]
    core = restarted(core)
    core.bar()
    assert len(orders(core)) == 2
    core.decide(core.intent("protect", stop_loss="95"))
    accept(core, last(core, "stop"))

    assert incidents(core) == ["stop_failed", "leg_was_unprotected"]
    assert core.last(Incident).details["from_ns"] == at_ns
    assert core.last(Incident).details["to_ns"] == core.close_ns


def test_a_stop_whose_order_ends_unfilled_is_named(driver: Any) -> None:
    """O24, O17"""
    core = entered(driver, stop_loss="95")
    stop = last(core, "stop")
    accept(core, stop)
    trigger(core, stop)
    child(core, stop, "expired", code="no_liquidity")

    assert incidents(core) == ["stop_failed"]
    assert len(orders(core)) == 2
    core.bar()
    core.decide(core.intent("close"))
    core.report(orders(core)[2].client_order_id, "filled", filled="2", trades=[trade("t2", "2", "90")])
    assert incidents(core) == ["stop_failed", "leg_was_unprotected"]


@pytest.mark.parametrize("action", ["stop", "kill", "flatten", "notify"])
def test_a_leg_that_stands_too_long_without_its_stop_trips_the_limit(driver: Any, action: str) -> None:
    """O24: within `after_s` of the fill, by `risk.unprotected`."""
    limit = {"after_s": 5, "action": action, "reset": "operator"}
    core, client = opened(driver, "2", setup=SETUP | {"risk": {"unprotected": limit}}, stop_loss="95")
    core.report(client, "filled", filled="2", trades=[trade("entry", "2", "100")])
    core.report(last(core, "stop").client_order_id, "rejected", code="-4120")
    timer = next(timer for timer in core.core.timers() if timer.name.startswith("risk"))
    assert timer.due_ns == core.close_ns + 5 * SECOND
    core = restarted(core)
    assert core.of(LimitTripped) == []
    core.timer(timer.name, timer.due_ns)
    tripped = core.of(LimitTripped)

    assert [(trip.limit, trip.symbol, trip.leg, trip.action) for trip in tripped] == [
        ("unprotected", "AAA/USDT:USDT", "long", action)
    ]
    assert [order.kind for order in orders(core)[2:]] == (["market"] if action == "flatten" else [])


def test_a_stop_that_stands_in_time_trips_nothing(driver: Any) -> None:
    limit = {"after_s": 5, "action": "flatten", "reset": "operator"}
    core, client = opened(driver, "2", setup=SETUP | {"risk": {"unprotected": limit}}, stop_loss="95")
    core.report(client, "filled", filled="2", trades=[trade("entry", "2", "100")])
    accept(core, last(core, "stop"))
    core.bar()

    assert (core.of(LimitTripped), len(orders(core))) == ([], 2)


def test_a_stop_that_is_refused_for_now_is_asked_for_again(driver: Any) -> None:
    core = entered(driver, stop_loss="95")
    core.report(last(core, "stop").client_order_id, "rejected", code="busy", retryable=True)
    assert core.last(Rejected).retrying is False
    timer = next(timer for timer in core.of(SetTimer) if timer.name.startswith("protect"))
    assert timer in [*core.core.timers()]
    core = restarted(core)
    core.timer(timer.name, timer.due_ns)

    core.report(last(core, "stop").client_order_id, "rejected", code="busy", retryable=True)
    assert incidents(core) == ["stop_failed"]
    timer = core.last(SetTimer)
    core.timer(timer.name, timer.due_ns)
    again = last(core, "stop")
    assert (len(orders(core)), again.quantity, again.order_id[-4:]) == (4, "2", "1sl3")
    accept(core, again)
    assert incidents(core) == ["stop_failed", "leg_was_unprotected"]


def test_a_stop_that_is_lost_at_the_venue_is_asked_for_again(driver: Any) -> None:
    core = entered(driver, stop_loss="95")
    stop = last(core, "stop")
    accept(core, stop)
    core.report(stop.client_order_id, "cancelled", code="venue")
    timer = core.last(SetTimer)
    core.timer(timer.name, timer.due_ns)

    assert [order.kind for order in orders(core)] == ["market", "stop", "stop"]


def test_the_end_of_a_target_that_was_kept_is_named_too(driver: Any) -> None:
    """O26: its replacement was refused for good, and then the venue takes it off on its own."""
    core = protected(driver, take_profit="110")
    kept = last(core, "take_profit")
    core.decide(core.intent("protect", take_profit="112"))
    core.report(last(core, "take_profit").client_order_id, "rejected", code="-2021", retryable=False)
    assert incidents(core) == ["replacement_refused"]
    core.report(kept.client_order_id, "cancelled")

    assert incidents(core) == ["replacement_refused", "target_failed"]
    assert open_orders(core) == []
