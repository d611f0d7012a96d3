"""Two entries of one leg at a real venue, each with a stop of its own, of which one fails or fills late.

Prices and quantities are worked out by hand.
"""

from __future__ import annotations

from typing import Any

from live_core import (
    SETUP,
    accept,
    cancels,
    child,
    fire,
    incidents,
    last,
    open_orders,
    opened,
    orders,
    restarted,
    trade,
)

from live_runner.contracts.messages import Incident

NEAR, FAR = "95", "90"


def two_stops(driver: Any) -> tuple[Any, Any, Any]:
    """A long of 3 whose stops stand: 2 at 95, 1 at 90."""
    core, client = opened(driver, "2", setup=SETUP, stop_loss=NEAR)
    core.report(client, "filled", filled="2", trades=[trade("t1", "2", "100")])
    near = last(core, "stop")
    accept(core, near)
    filled(core, "add", "1", stop_loss=FAR)
    far = last(core, "stop")
    accept(core, far)
    return core, near, far


def filled(core: Any, action: str, quantity: str, **fields: Any) -> None:
    """A market order on the next bar, and its fill."""
    core.bar()
    core.decide(core.intent(action, quantity=quantity, style="market", **fields))
    order = orders(core)[-1]
    trades = [trade(f"t{len(core.inputs)}", quantity, "100")]
    core.report(order.client_order_id, "filled", filled=quantity, trades=trades)


def failed_near(driver: Any) -> tuple[Any, Any]:
    """The nearer stop has filled 1 of 2 and ended, the leg is down to 1, and the farther stop stands for it."""
    core, near, far = two_stops(driver)
    child(core, near, "partly_filled", "1")
    child(core, near, "expired")
    filled(core, "partial_close", "1")
    assert open_orders(core) == [("stop", "1", FAR)]
    assert incidents(core) == ["stop_failed", "leg_was_unprotected"]
    core.decide()
    return core, far


def test_a_failed_stop_is_not_taken_for_replaced_because_that_of_another_entry_stands(driver: Any) -> None:
    """O24: 2 are held, 1 has a stop."""
    core, near, _ = two_stops(driver)
    core.report(near.client_order_id, "unknown")
    filled(core, "partial_close", "1")
    child(core, near, "cancelled")

    assert incidents(core) == ["stop_failed"]
    assert open_orders(core) == [("stop", "1", FAR)]


def test_a_stop_that_stands_for_the_lots_of_a_failed_one_is_tried_again_when_it_ends(driver: Any) -> None:
    """O24: the venue takes it off on its own."""
    core, far = failed_near(driver)
    core = restarted(core)
    core.report(far.client_order_id, "cancelled")
    assert incidents(core)[2:] == ["stop_failed"]
    fire(core, "protect")

    again = last(core, "stop")
    assert (again.quantity, again.price, again.order_id != far.order_id) == ("1", FAR, True)


def test_a_leg_that_outgrows_its_stops_because_one_has_failed_is_named(driver: Any) -> None:
    """O24: no order ends, so nothing else names it."""
    core, _ = failed_near(driver)
    filled(core, "add", "1")

    incident = core.last(Incident)
    assert (incidents(core)[2:], incident.message) == (
        ["stop_failed"],
        "The long leg of AAA/USDT:USDT stands without its stop, and none is under way",
    )
    assert open_orders(core) == [("stop", "1", FAR)]


def test_a_late_trade_of_a_replaced_stop_is_taken_from_its_own_entry(driver: Any) -> None:
    """O17: it filled 1 before its cancel, so 1 of its entry is left and the other entry has its stop."""
    core, near, far = two_stops(driver)
    filled(core, "partial_close", "2")
    accept(core, last(core, "stop"))
    for order in (near, far):
        core.report(order.client_order_id, "cancelled")
    core = restarted(core)
    filled(core, "add", "2")
    child(core, near, "cancelled", "1")
    answered = {near.order_id, far.order_id}
    while stops := [stop for stop in orders(core) if stop.kind == "stop" and stop.order_id not in answered]:
        accept(core, stops[0])
        answered.add(stops[0].order_id)
    for stop in orders(core):
        if stop.order_id in dict(cancels(core)) and stop not in (near, far):
            core.report(stop.client_order_id, "cancelled")

    assert sorted(open_orders(core)) == [("stop", "1", FAR), ("stop", "1", NEAR)]
    assert core.position() == "2"
