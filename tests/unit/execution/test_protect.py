"""`protect`: one stop and one target for a whole leg, whatever is added to it and closed of it (I14)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from live_runner.contracts.codec import encode
from live_runner.contracts.messages import Accepted, Cancelled, Denied, Event, Filled, Requested
from live_runner.services.execution.core.engine import ExecutionCore

QUIET = (100.0, 100.5, 99.5, 100.0)


def protect(core: Any, leg: str = "long", **prices: str) -> list[Any]:
    """The decision on the last bar: one `protect`."""
    out: list[Any] = core.decide(core.intent("protect", leg, **prices))
    return out


def fills(core: Any) -> list[tuple[str, str, str]]:
    return [(fill.kind, fill.quantity, fill.price) for fill in core.of(Filled)]


def pending(core: Any) -> list[tuple[str, str, str]]:
    """What stands at the last close: kind, what is left of it, price."""
    return [(order.kind, order.remaining, order.price) for order in core.settled.pending]


def refusals(core: Any) -> list[str]:
    return [denied.reason for denied in core.of(Denied)]


def test_a_stop_covers_the_leg_through_adds_and_closes(driver: Any) -> None:
    """The recorded trade: a stop for the first 0.225 of 0.668 let the rest run on. In plain arithmetic."""
    core = driver()
    core.held("0.225")
    core.bar(*QUIET)
    protect(core, stop_loss="90")
    held, cash = Decimal("0.225"), 10_000 - Decimal("0.225") * 100
    for action, quantity, opens in (("add", "0.301", 98), ("partial_close", "0.1", 99), ("add", "0.242", 97)):
        core.bar(*QUIET)
        core.decide(core.intent(action, quantity=quantity, style="market"))
        core.bar(opens, opens + 1, opens - 1, opens)
        core.decide()
        bought = Decimal(quantity) if action == "add" else -Decimal(quantity)
        held, cash = held + bought, cash - bought * opens
        assert pending(core) == [("stop", str(held), "90")]
    assert held == Decimal("0.668")
    core.bar(97, 97, 80, 85)

    assert fills(core)[-1] == ("stop", "0.668", "90")
    assert core.position() == "0"
    assert Decimal(core.settled.equity) == cash + held * 90
    assert core.of(Cancelled) == []


def test_a_move_holds_from_the_next_open_and_not_before(driver: Any) -> None:
    """Decided at the close of a bar that fell below the new stop; the next open lies below it, too."""
    core = driver()
    core.held()
    core.bar(100, 100, 94, 99)
    protect(core, stop_loss="96")
    core.bar(95, 97, 95, 97)

    assert fills(core)[1:] == [("stop", "1", "95")]


def test_the_orders_are_written_down_like_those_of_a_bracket(driver: Any) -> None:
    core = driver()
    core.held("2")
    core.bar(*QUIET)
    out = protect(core, stop_loss="95", take_profit="110")
    intent = core.inputs[-1].intents[0].id

    assert [type(event).__name__ for event in out] == ["Requested", "Accepted", "Requested", "Accepted", "Executed"]
    asked = core.of(Requested)[1:]
    assert [(order.order_id, order.kind, order.action, order.side) for order in asked] == [
        (f"{intent}/1sl", "stop", "close", "sell"),
        (f"{intent}/1tp", "take_profit", "close", "sell"),
    ]
    assert [(order.quantity, order.price, order.reduce_only, order.parent) for order in asked] == [
        ("2", "95", True, ""),
        ("2", "110", True, ""),
    ]
    assert [accepted.venue_order_id for accepted in core.of(Accepted)] == ["paper-1", "paper-2", "paper-3"]
    assert out[-1].requested == 2


def test_one_of_the_two_done_cancels_the_other(driver: Any) -> None:
    for bar, kind in (((100, 101, 94, 96), "stop"), ((100, 111, 99, 109), "take_profit")):
        core = driver()
        core.held()
        core.bar(*QUIET)
        protect(core, stop_loss="95", take_profit="110")
        core.bar(*bar)

        assert fills(core)[1:] == [(kind, "1", "95" if kind == "stop" else "110")]
        assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["oco"]
        assert pending(core) == []


def test_a_bar_that_reaches_both_meets_the_stop_first(driver: Any) -> None:
    for leg, stop, target in (("long", "95", "105"), ("short", "105", "95")):
        core = driver()
        core.held(leg=leg)
        core.bar(*QUIET)
        protect(core, leg, stop_loss=stop, take_profit=target)
        core.bar(100, 110, 90, 100)

        assert fills(core)[1:] == [("stop", "1", stop)]


def test_the_pairs_of_all_entries_are_taken_over(driver: Any) -> None:
    """Two entries, each with its own stop, one of them with a target: afterwards one stop for both."""
    core = driver()
    core.held(stop_loss="95", take_profit="120")
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="2", style="market", stop_loss="94"))
    core.bar(*QUIET)
    assert [kind for kind, _, _ in pending(core)] == ["stop", "take_profit", "stop"]
    protect(core, stop_loss="97")
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["protect"] * 3
    core.bar(*QUIET)
    assert pending(core) == [("stop", "3", "97")]
    core.decide()
    core.bar(100, 100, 96, 96)

    assert fills(core)[2:] == [("stop", "3", "97")]
    assert core.settled.equity == "9991"


def test_each_protect_says_anew_what_is_to_stand(driver: Any) -> None:
    """What it repeats stays, under its id; what it leaves out is cancelled."""
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, stop_loss="95", take_profit="110")
    target = core.of(Requested)[-1].order_id
    core.bar(*QUIET)
    protect(core, stop_loss="96", take_profit="110.00")
    core.bar(*QUIET)
    assert pending(core) == [("take_profit", "1", "110"), ("stop", "1", "96")]
    assert core.settled.pending[0].order_id == target
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["protect"]

    assert [type(event).__name__ for event in protect(core, stop_loss="96", take_profit="110")] == ["Executed"]
    core.bar(*QUIET)
    protect(core, take_profit="110")
    core.bar(*QUIET)
    assert pending(core) == [("take_profit", "1", "110")]
    core.decide()
    core.bar(100, 100, 90, 90)
    assert core.position() == "1"


def test_the_two_cancel_each_other_after_one_was_moved(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(*QUIET)
    protect(core, stop_loss="96", take_profit="110")
    core.bar(100, 111, 100, 110)

    assert fills(core)[1:] == [("take_profit", "1", "110")]
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["protect", "oco"]


def test_without_prices_the_leg_is_given_back_and_its_entries_protect_themselves_again(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(*QUIET)
    protect(core)
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["unprotected"] * 2
    core.bar(100, 120, 80, 100)
    assert (core.position(), pending(core)) == ("1", [])
    protect(core)
    assert refusals(core) == ["not_protected"]
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="1", style="market", stop_loss="95"))
    core.bar(*QUIET)
    assert pending(core) == [("stop", "1", "95")]


def test_without_prices_it_takes_off_the_pairs_of_entries_too(driver: Any) -> None:
    core = driver()
    core.held(stop_loss="95")
    core.bar(*QUIET)
    protect(core)

    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["unprotected"]
    assert refusals(core) == []


@pytest.mark.parametrize(
    ("leg", "prices", "reason"),
    [
        ("long", {"stop_loss": "100"}, "bad_price"),
        ("long", {"take_profit": "100"}, "bad_price"),
        ("long", {"stop_loss": "95", "take_profit": "99"}, "bad_price"),
        ("long", {"stop_loss": "0"}, "bad_price"),
        ("long", {"take_profit": "-1"}, "bad_price"),
        ("long", {"stop_loss": "x"}, "bad_price"),
        ("short", {"stop_loss": "105"}, "no_position"),
        ("short", {}, "no_position"),
        ("short", {"stop_loss": "95"}, "bad_price"),
    ],
)
def test_what_cannot_protect_is_refused_and_what_stands_goes_on(
    driver: Any, leg: str, prices: dict[str, str], reason: str
) -> None:
    core = driver()
    core.held(stop_loss="95")
    core.bar(*QUIET)
    protect(core, leg, **prices)

    assert refusals(core) == [reason]
    core.bar(*QUIET)
    assert pending(core) == [("stop", "1", "95")]


def test_an_entry_with_a_stop_of_its_own_is_refused_while_the_leg_is_protected(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, stop_loss="95")
    core.bar(*QUIET)
    core.decide(
        core.intent("add", quantity="1", style="market", stop_loss="94"),
        core.intent("add", quantity="1", style="market", take_profit="120"),
        core.intent("add", quantity="1", style="market"),
    )
    assert refusals(core) == ["leg_is_protected"] * 2
    core.bar(*QUIET)
    assert pending(core) == [("stop", "2", "95")]


def test_a_resting_entry_that_fills_on_a_protected_leg_gets_no_pair_and_the_strategy_is_notified_once(
    driver: Any,
) -> None:
    core = driver(fills={"participation": "0.1"})
    core.held()
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="2", style="limit", limit_price="98", stop_loss="96", take_profit="120"))
    core.bar(*QUIET)
    protect(core, stop_loss="95")
    for _ in range(2):
        core.bar(99, 99, 98, 98.5, volume=10.0)
        core.decide()

    assert fills(core)[1:] == [("limit", "1", "98"), ("limit", "1", "98")]
    assert [(denied.reason, denied.action) for denied in core.of(Denied)] == [("leg_is_protected", "add")]
    assert core.of(Denied)[0].order_id == core.of(Requested)[1].order_id
    assert pending(core) == [("stop", "3", "95")]


def test_a_resting_entry_keeps_its_pair_where_the_leg_went_flat_before_it_filled(driver: Any) -> None:
    """The protection is over then: the stop at 99 is met before the entry at 97."""
    core = driver()
    core.held()
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="2", style="limit", limit_price="97", stop_loss="90"))
    core.bar(*QUIET)
    protect(core, stop_loss="99")
    core.bar(100, 100, 96, 98)

    assert fills(core)[1:] == [("stop", "1", "99"), ("limit", "2", "97")]
    assert pending(core) == [("stop", "2", "90")]


def test_an_open_with_a_stop_after_a_close_of_the_whole_leg_is_taken(driver: Any) -> None:
    """The close goes first, and with it the protection."""
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, stop_loss="95")
    core.bar(*QUIET)
    core.decide(core.intent("close"), core.intent("open", quantity="2", style="market", stop_loss="90"))
    core.bar(*QUIET)

    assert refusals(core) == []
    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["leg_flat"]
    assert pending(core) == [("stop", "2", "90")]


def test_it_ends_with_the_leg(driver: Any) -> None:
    core = driver()
    core.held("2")
    core.bar(*QUIET)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(*QUIET)
    core.decide(core.intent("close"))
    core.bar(*QUIET)

    ended = [(cancelled.reason, cancelled.remaining) for cancelled in core.of(Cancelled)]
    assert ended == [("leg_flat", "2")] * 2
    protect(core, stop_loss="95")
    assert refusals(core) == ["no_position"]


def test_what_a_bar_adds_inside_is_covered_by_the_stop_at_once_and_by_the_target_from_the_next_bar(
    driver: Any,
) -> None:
    """As with the pair of an entry: whether the price came back in time is not known."""
    for bar, out in (
        ((100, 111, 98, 100), [("take_profit", "1", "110")]),
        ((100, 111, 94, 100), [("stop", "2", "95")]),
    ):
        core = driver()
        core.held()
        core.bar(*QUIET)
        protect(core, stop_loss="95", take_profit="110")
        core.bar(*QUIET)
        core.decide(core.intent("add", quantity="1", style="limit", limit_price="98"))
        core.bar(*bar)

        assert fills(core)[1:] == [("limit", "1", "98"), *out]
    core = driver()
    core.held()
    core.bar(*QUIET)
    protect(core, take_profit="110")
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="98"))
    core.bar(100, 111, 98, 100)
    assert pending(core) == [("take_profit", "1", "110")]
    core.decide()
    core.bar(100, 111, 100, 110)
    assert fills(core)[-1] == ("take_profit", "1", "110")
    assert core.position() == "0"


def test_a_stop_that_participation_splits_covers_what_is_added_meanwhile(driver: Any) -> None:
    core = driver(fills={"participation": "0.1"})
    core.bar()
    core.open("3")
    core.bar(100, 100, 100, 100, volume=100.0)
    protect(core, stop_loss="95", take_profit="120")
    core.bar(100, 100, 94, 96, volume=10.0)
    assert fills(core)[1:] == [("stop", "1", "95")]
    assert pending(core) == [("stop", "2", "95"), ("take_profit", "2", "120")]
    core.decide(core.intent("add", quantity="1", style="market"))
    core.bar(99, 99, 99, 99, volume=100.0)

    assert fills(core)[2:] == [("stop", "2", "99"), ("market", "1", "99")]


def test_decided_on_a_late_bar_the_stop_holds_at_once_and_the_target_waits_for_a_bar_in_time(driver: Any) -> None:
    core = driver(market={"late_bars": "trade"})
    core.held()
    core.bar(100, 100, 100, 100, late=True)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(100, 112, 100, 100, late=True)
    assert core.position() == "1"
    core.decide()
    core.bar(100, 112, 100, 100)
    core.decide()
    assert fills(core)[1:] == [("take_profit", "1", "110")]

    core = driver(market={"late_bars": "trade"})
    core.held()
    core.bar(100, 100, 100, 100, late=True)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(100, 100, 94, 100, late=True)
    assert fills(core)[1:] == [("stop", "1", "95")]


def test_a_stopped_session_still_protects(driver: Any) -> None:
    core = driver()
    core.held()
    core.command("kill")
    core.bar(*QUIET)
    protect(core, stop_loss="95")
    core.bar(*QUIET)

    assert pending(core) == [("stop", "1", "95")]


def test_fills_at_the_close_are_protected_from_the_next_open(driver: Any) -> None:
    core = driver(fills={"market": "bar_close"})
    core.bar(*QUIET)
    core.decide(core.intent("open", quantity="1", style="market"), core.intent("protect", stop_loss="95"))
    core.bar(94, 95, 93, 94)

    assert fills(core) == [("market", "1", "100"), ("stop", "1", "94")]


def test_a_liquidation_cancels_both(driver: Any) -> None:
    core = driver(account={"equity": "1000", "leverage": "10", "maintenance_margin": "0.005"})
    core.held("90")
    core.bar(*QUIET)
    protect(core, stop_loss="80", take_profit="150")
    core.bar(100, 100, 70, 75)

    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["liquidation"] * 2
    assert core.position() == "0"


def test_a_restart_on_the_way_changes_nothing(driver: Any) -> None:
    """Snapshot and restore between any two inputs: the same events to the byte."""
    core = driver(fills={"participation": "0.1"})
    core.held("2")
    core.bar(*QUIET)
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="98", stop_loss="90"))
    core.bar(*QUIET)
    protect(core, stop_loss="95", take_profit="110")
    core.bar(100, 100, 97, 99, volume=20.0)
    protect(core, stop_loss="96", take_profit="110")
    core.bar(99, 99, 94, 98, volume=10.0)
    core.decide(core.intent("partial_close", quantity="0.5"))
    core.bar(98, 98, 97, 98, volume=5.0)
    core.decide()
    core.bar(98, 111, 98, 110, volume=1000.0)
    core.finish()
    expected = [encode(event) for event in core.seen]
    assert [fill.kind for fill in core.of(Filled)] == ["market", "limit", "stop", "stop", "market", "stop"]
    assert refusals(core) == ["leg_is_protected"]

    other = ExecutionCore("s1", hashing=True)
    seen: list[bytes] = []
    for event in core.inputs:
        seen += [encode(out) for out in other.handle(event) if isinstance(out, Event)]
        restored = ExecutionCore("s1", hashing=True)
        restored.restore(other.snapshot())
        other = restored
    assert seen == expected


@pytest.mark.parametrize(
    ("quantity", "prices", "intents", "bar", "expected", "equity"),
    [
        (
            "1",
            {"stop_loss": "95"},
            [("add", {"quantity": "1", "style": "limit", "limit_price": "98"})],
            (100, 101, 94, 96),
            [("limit", "1", "98"), ("stop", "2", "95")],
            "9992",
        ),
        (
            "1",
            {"take_profit": "105"},
            [("add", {"quantity": "1", "style": "limit", "limit_price": "98"})],
            (100, 106, 97, 100),
            [("limit", "1", "98"), ("take_profit", "1", "105")],
            "10007",
        ),
        (
            "2",
            {"stop_loss": "95"},
            [("partial_close", {"quantity": "1"})],
            (98, 99, 94, 96),
            [("market", "1", "98"), ("stop", "1", "95")],
            "9993",
        ),
    ],
)
def test_the_worked_bars_of_the_page(
    driver: Any,
    quantity: str,
    prices: dict[str, str],
    intents: list[tuple[str, dict[str, str]]],
    bar: tuple[float, ...],
    expected: list[tuple[str, str, str]],
    equity: str,
) -> None:
    """docs/fills.md."""
    core = driver()
    core.held(quantity)
    core.bar(*QUIET)
    core.decide(core.intent("protect", **prices), *[core.intent(action, **fields) for action, fields in intents])
    core.bar(*bar)

    assert fills(core)[1:] == expected
    assert core.settled.equity == equity
