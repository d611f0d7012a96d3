"""Positions at the venue beside the ledger: when a difference is believed, and what a policy makes of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from live_core import RESTING, SECOND, held, incidents, opened, restarted, trade

from live_runner.contracts.core import QueryOrder, SendOrder
from live_runner.contracts.messages import (
    AccountReported,
    Denied,
    Incident,
    Income,
    Reconciled,
    Requested,
    RulesReported,
    Traded,
    VenuePosition,
)

SYMBOL = "AAA/USDT:USDT"
OURS = "2"


def answer(core: Any, after_s: float, long: str = "", short: str = "", *, average: str = "", **fields: Any) -> Any:
    """The venue's positions, asked for so long after the last close."""
    at_ns = core.close_ns + int(after_s * SECOND)
    held = [VenuePosition(SYMBOL, leg, each, average) for leg, each in (("long", long), ("short", short)) if each]
    given: dict[str, Any] = {"positions": held, "positions_complete": True, "positions_asked_ns": at_ns} | fields
    return core.feed(AccountReported(**core.envelope("execution.shell", at_ns), **given))


def twice(core: Any, long: str, short: str = "", *, average: str = "", first_s: float = 1) -> Any:
    """The same answer two times: the effects of the second one."""
    answer(core, first_s, long, short, average=average)
    return answer(core, first_s + 1, long, short, average=average)


def traded(
    core: Any, identity: str, quantity: str, price: str, side: str = "sell", fee: str = "", **fields: Any
) -> Any:
    """A trade of the account that belongs to none of the session's orders."""
    at_ns = core.close_ns + SECOND
    given = {"symbol": SYMBOL, "leg": "long", "side": side, "venue_order_id": f"o-{identity}"} | fields
    message = Traded(**core.envelope("execution.shell", at_ns), trade=trade(identity, quantity, price, fee), **given)
    return core.feed(message)


def policy(**remedies: str) -> dict[str, Any]:
    return {"reconcile": {"policy": remedies}}


def short_of(event: Reconciled) -> tuple[str, ...]:
    return (event.leg, event.reason, event.difference, event.quantity_before, event.quantity, event.price, event.fee)


KINDS = {
    "position_more": ("3", "", "long", "2", "3"),
    "position_less": ("0.5", "", "long", "2", "0.5"),
    "foreign_position": ("2", "0.7", "short", "0", "0.7"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_difference_halts_its_leg_unless_the_operator_wrote_otherwise(driver: Any, kind: str) -> None:
    """G08: named once with both values when a second answer has it; entries of the leg are refused until a resume."""
    long, short, leg, before, after = KINDS[kind]
    core = held(driver, OURS)
    core.decide()
    assert answer(core, 1, long, short) == []
    core = restarted(core)
    named = answer(core, 2, long, short)
    assert [event.code for event in named] == ["position_differs", "leg_halted"]
    details = named[1].details
    assert (details["leg"], details["kind"], details["venue"], details["ledger"]) == (leg, kind, after, before)
    assert answer(core, 3, long, short) == []

    core = restarted(core)
    core.bar()
    row = next(row for row in core.settled.legs if row.leg == leg)
    assert (row.blocked, row.quantity) == ("leg_halted", before)
    core.decide(core.intent("open" if before == "0" else "add", leg, quantity="1", style="market"))
    assert core.last(Denied).reason == "leg_halted"
    core.command("resume")
    core.bar()
    core.decide(core.intent("open" if before == "0" else "add", leg, quantity="1", style="market"))
    assert core.last(Requested).leg == leg
    assert core.of(Reconciled) == []


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("remedy", ["adopt", "flatten"])
@pytest.mark.parametrize("way", ["policy", "command"])
def test_a_difference_is_adopted_or_flattened_where_the_operator_says_so(
    driver: Any, kind: str, remedy: str, way: str
) -> None:
    """G08: by an event with before and after, at the venue's entry price; what is gone leaves at the last close."""
    long, short, leg, before, after = KINDS[kind]
    core = held(driver, OURS, **(policy(**{kind: remedy}) if way == "policy" else {}))
    core.decide()
    twice(core, long, short, average="101.004")
    if way == "command":
        core = restarted(core)
        core.command(f"reconcile_{remedy}")
    price = "100" if kind == "position_less" else "101"
    [event] = core.of(Reconciled)
    assert short_of(event) == (leg, "adopted", kind, before, after, price, "0")
    requested = core.of(Requested)[1:]
    if remedy == "adopt":
        assert requested == []
    else:
        [close] = requested
        wanted = {"position_more": "1", "position_less": "0.5", "foreign_position": "0.7"}[kind]
        assert (close.leg, close.quantity, close.reduce_only, close.kind) == (leg, wanted, True, "market")
        core.report(close.client_order_id, "filled", filled=wanted, trades=[trade("x", wanted, "100")])
    core.bar()
    final = {"position_more": OURS, "position_less": "0", "foreign_position": "0"}[kind]
    assert core.position(leg) == (after if remedy == "adopt" else final)
    left = core.position("long"), core.position("short")
    assert answer(core, 1, *(quantity.replace("0", "") if quantity == "0" else quantity for quantity in left)) == []
    core.decide(core.intent("open" if core.position(leg) == "0" else "add", leg, quantity="1", style="market"))
    assert core.last(Requested).leg == leg  # no halt is left


def test_within_the_tolerance_nothing_happens(driver: Any) -> None:
    """G08: two lots of 0.001."""
    core = held(driver, OURS, reconcile={"tolerance": 2})
    assert twice(core, "2.002") == []
    assert twice(core, "1.998", first_s=4) == []
    named = twice(core, "2.003", first_s=7)
    assert [event.code for event in named] == ["position_differs", "leg_halted"]


@pytest.mark.parametrize("doubt", ["incomplete", "older", "changes", "filled", "agrees"])
def test_one_answer_alone_proves_nothing(driver: Any, doubt: str) -> None:
    """G08: an incomplete venue answer changes nothing, an older one neither, and a fill in between begins anew."""
    core = held(driver, OURS, **policy(position_more="adopt"))
    core.decide(core.intent("add", quantity="1", style="market") if doubt == "filled" else core.intent("hold"))
    answer(core, 5, "4")
    if doubt == "filled":
        client = core.last(Requested).client_order_id
        core.report(client, "filled", filled="1", trades=[trade("later", "1", "100")])
    elif doubt == "agrees":
        answer(core, 6, OURS)
    fields: dict[str, Any] = {"positions_complete": False} if doubt == "incomplete" else {}
    answer(core, 4 if doubt == "older" else 7, "5" if doubt == "changes" else "4", **fields)
    core.bar()

    assert (core.of(Reconciled), incidents(core)) == ([], [])
    assert core.position() == ("3" if doubt == "filled" else OURS)


def test_an_order_that_may_have_filled_is_asked_for_before_a_difference_is_believed(driver: Any) -> None:
    """G08: the resting add had filled, its trade comes after the answers."""
    core = held(driver, OURS, **policy(position_more="flatten"))
    core.decide(core.intent("add", quantity="1", **RESTING))
    client = core.last(Requested).client_order_id
    core.report(client, "accepted", venue_order_id="v2")
    assert QueryOrder in map(type, answer(core, 1, "3"))
    assert core.last(QueryOrder).client_order_id == client
    assert answer(core, 1.5, "3") == []
    core.report(client, "filled", filled="1", trades=[trade("t2", "1", "99")], via="query")
    answer(core, 3, "3")
    core.bar()

    assert (core.position(), core.of(Reconciled), incidents(core)) == ("3", [], [])


def test_an_order_that_was_seen_standing_explains_nothing(driver: Any) -> None:
    """G08: shown unfilled after the first answer was asked for."""
    core = held(driver, OURS, **policy(position_more="adopt"))
    core.decide(core.intent("add", quantity="1", **RESTING))
    client = core.last(Requested).client_order_id
    core.report(client, "accepted", venue_order_id="v2")
    answer(core, 1, "3", average="100")
    asked_ns = core.close_ns + int(1.5 * SECOND)
    core.report(client, "accepted", at_ns=asked_ns, asked_ns=asked_ns, via="query")
    answer(core, 2, "3", average="100")
    core.bar()

    assert (core.position(), len(core.of(Reconciled))) == ("3", 1)


def test_an_order_of_unknown_fate_is_waited_for(driver: Any) -> None:
    """G08: no policy acts on a leg whose own order may be the difference."""
    core, client = opened(driver, "1", setup=policy(foreign_position="flatten"))
    core.report(client, "unknown")
    for after_s in (1, 2, 3):
        answer(core, after_s, "1")
    assert (core.of(Reconciled), incidents(core), len(core.of(SendOrder))) == ([], [], 1)


def test_trades_that_make_the_difference_are_adopted_with_their_prices_and_fees(driver: Any) -> None:
    """G08: somebody sold 1.5 of 2 and bought 1; the account ends as the venue's, to the last unit."""
    core = held(driver, OURS, **policy(position_less="adopt"))
    core.decide()
    traded(core, "m1", "1.5", "104", fee="0.07")
    core = restarted(core)
    traded(core, "m2", "1", "103", side="buy", fee="0.05")
    traded(core, "m2", "1", "103", side="buy", fee="0.05")  # shown twice
    twice(core, "1.5")
    core = restarted(core)
    core.bar()

    assert [short_of(event) for event in core.of(Reconciled)] == [
        ("long", "adopted", "position_less", "2", "0.5", "104", "0.07"),
        ("long", "adopted", "position_less", "0.5", "1.5", "103", "0.05"),
    ]
    assert (core.position(), core.settled.cash, core.settled.fees) == ("1.5", "10005.88", "0.12")


def test_a_trade_of_an_order_of_ours_is_asked_for_and_not_kept(driver: Any) -> None:
    """G09: whatever the cursor brings, an order's trades are booked by its own reports."""
    core, client = opened(driver, "2")
    core.report(client, "accepted", venue_order_id="v1")
    effects = traded(core, "t1", "2", "100", side="buy", venue_order_id="v1")
    assert [effect.client_order_id for effect in effects if isinstance(effect, QueryOrder)] == [client]
    core.report(client, "filled", filled="2", trades=[trade("t1", "2", "100")], via="query")
    assert traded(core, "t1", "2", "100", side="buy", venue_order_id="v1") == []
    core.bar()
    assert (core.position(), core.of(Reconciled)) == ("2", [])


@pytest.mark.parametrize("forced", ["liquidation", "adl", "settlement"])
def test_a_close_by_force_is_booked_by_its_trade_and_halts_the_leg(driver: Any, forced: str) -> None:
    """G09: fill, fee and cause booked once; the rest of the leg stays, and takes no entries."""
    core = held(driver, OURS)
    core.decide()
    named = traded(core, "f1", "1.5", "90", fee="0.3", forced=forced)
    core = restarted(core)
    assert traded(core, "f1", "1.5", "90", fee="0.3", forced=forced) == []
    assert twice(core, "0.5") == []
    core.bar()

    [event] = core.of(Reconciled)
    assert short_of(event) == ("long", forced, "", "2", "0.5", "90", "0.3")
    assert (event.trade_id, event.amount, event.fee_currency) == ("f1", "-15", "USDT")
    assert [(each.code, each.details["kind"]) for each in named if isinstance(each, Incident)] == [
        ("leg_halted", forced)
    ]
    assert (core.position(), core.settled.cash) == ("0.5", "9984.7")
    core.decide(core.intent("add", quantity="1", style="market"))
    assert core.last(Denied).reason == "leg_halted"
    core.bar()
    core.decide(core.intent("close"))
    assert core.last(Requested).quantity == "0.5"  # what is left may be closed


def test_a_close_by_force_waits_for_the_fills_that_it_closed(driver: Any) -> None:
    """G09, while down: the liquidation is listed before the fill of the entry is known."""
    core, client = opened(driver, "2")
    core.report(client, "accepted", venue_order_id="v1")
    traded(core, "f1", "2", "90", forced="liquidation")
    assert core.of(Reconciled) == []
    core = restarted(core)
    core.report(client, "filled", filled="2", trades=[trade("t1", "2", "100")], via="query")
    core.bar()

    assert (core.position(), core.settled.realised) == ("0", "-20")
    assert [event.reason for event in core.of(Reconciled)] == ["liquidation"]


def test_what_the_insurance_fund_takes_is_a_fee(driver: Any) -> None:
    """G09: booked once, by the id of its entry."""
    core = held(driver, OURS)
    core.decide()
    traded(core, "f1", "2", "90", forced="liquidation")
    fields: dict[str, Any] = {
        "income_id": "7/INSURANCE_CLEAR",
        "kind": "insurance",
        "amount": "-2.25",
        "currency": "USDT",
    }
    for _ in range(2):
        core.feed(Income(**core.envelope("execution.shell", core.close_ns), symbol=SYMBOL, **fields))
    core.bar()

    [_, event] = core.of(Reconciled)
    assert (event.reason, event.leg, event.fee, event.trade_id) == ("insurance", "", "2.25", "7/INSURANCE_CLEAR")
    assert (core.settled.cash, core.settled.fees) == ("9977.75", "2.25")


def test_a_trade_that_cannot_be_booked_is_named(driver: Any) -> None:
    core = held(driver, OURS)
    for at, fields in enumerate(({"symbol": "X/Y:Y"}, {"side": "up"}, {"forced": "magic"}, {})):
        effects = traded(core, f"t{at}", "1" if fields else "0.00001", "100", **fields)
        assert [effect.code for effect in effects] == ["trade_not_booked"]


@pytest.mark.parametrize("name", ["position_mode", "leverage", "margin_mode"])
def test_a_setting_that_was_changed_outside_halts_with_both_values(driver: Any, name: str) -> None:
    """G11: named once; the strategy may close."""
    before, after = {
        "position_mode": ("hedge", "one_way"),
        "leverage": ("10", "20"),
        "margin_mode": ("cross", "isolated"),
    }[name]
    core = held(driver, OURS)

    def said(value: str, after_s: int) -> list[tuple[str, str, str, str, str]]:
        given: dict[str, Any] = {name: value if name == "position_mode" else {SYMBOL: value}}
        found = answer(core, after_s, OURS, **given)
        keys = ("leg", "kind", "venue", "ledger")
        return [(event.code, *(event.details[key] for key in keys)) for event in found]

    assert said(before, 1) == []
    core = restarted(core)
    assert said(after, 2) == [
        ("leg_halted", "long", name, after, before),
        ("leg_halted", "short", name, after, before),
    ]
    core = restarted(core)
    assert said(after, 3) == []


def test_a_refusal_that_names_the_mode_halts_at_once(driver: Any) -> None:
    """G11: the first code that says so (-4061)."""
    core, client = opened(driver, "2")
    core.report(client, "rejected", code="-4061", message="position side does not match", meaning="account_differs")
    found = core.of(Incident)
    assert [(each.code, each.details["leg"]) for each in found] == [("leg_halted", "long"), ("leg_halted", "short")]
    assert (found[0].details["venue"], found[0].details["ledger"]) == (
        "-4061: position side does not match", "hedge, leverage 10",
    )  # fmt: skip


def test_on_paper_no_account_is_reconciled(driver: Any) -> None:
    core = driver(**policy(position_more="adopt"))
    core.held("2")
    before = core.core.state_hash()
    twice(core, "3")
    traded(core, "f1", "2", "90", forced="liquidation")
    core.command("reconcile_adopt")
    assert core.core.state_hash() == before


def ruled(core: Any, status: str = "", **changes: str) -> list[Any]:
    """The venue's rules of the market, as they are now."""
    instrument = msgspec.structs.replace(core.started.instruments[0], **changes)
    effects: list[Any] = core.feed(
        RulesReported(**core.envelope("execution.shell", core.close_ns), instrument=instrument, status=status)
    )
    return effects


def test_changed_rules_are_taken_over_once_and_the_next_intent_is_valid(driver: Any) -> None:
    """D08: tick 0.01 to 0.05, lot 0.001 to 0.1, minimum 5: an event with before and after."""
    core = held(driver, OURS)
    core.decide()
    changes = {"price_precision": "0.05", "amount_precision": "0.1", "min_notional": "5"}
    [event] = ruled(core, **changes)
    assert (event.code, event.details["changes"]) == (
        "rules_changed",
        {"price_precision": ["0.01", "0.05"], "amount_precision": ["0.001", "0.1"], "min_notional": ["", "5"]},
    )
    core = restarted(core)
    assert ruled(core, **changes) == []
    core.bar()
    core.decide(core.intent("add", quantity="1.234", style="limit", limit_price="99.13"))
    order = core.last(Requested)
    assert (order.quantity, order.price) == ("1.2", "99.15")
    core.bar()
    core.decide(core.intent("add", quantity="0.04", style="market"))
    assert core.last(Denied).reason == "amount_rounds_to_zero"


def test_steps_finer_than_the_ledgers_halt_the_market(driver: Any) -> None:
    """D08: the ledger counts in its own steps; both are named, once."""
    core = held(driver, OURS)
    core.decide()
    found = ruled(core, tick_size="0.001")
    assert [(each.code, each.details["kind"], each.details["venue"]) for each in found] == [
        ("leg_halted", "rules", "0.001, 0.001")
    ] * 2
    assert ruled(restarted(core), tick_size="0.001") == []


def test_a_market_that_is_delisted_takes_no_entries_and_the_others_go_on(driver: Any) -> None:
    """G10: no new exposure from the first word on; the settlement is booked."""
    other = "BBB/USDT:USDT"
    core = driver(stage="live", symbols=(SYMBOL, other))
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars({SYMBOL: flat, other: flat})
    core.open("2")
    core.report(core.last(Requested).client_order_id, "filled", filled="2", trades=[trade("entry", "2", "100")])
    core.bars({SYMBOL: flat, other: flat})
    found = ruled(core, "SETTLING")
    assert [(each.code, each.details["kind"]) for each in found] == [("leg_halted", "delisting")] * 2
    assert ruled(restarted(core), "SETTLING") == []
    add = core.intent("add", quantity="1", style="market")
    core.decide(add, core.intent("open", quantity="1", style="market", symbol=other))
    assert (core.last(Denied).reason, core.last(Denied).symbol) == ("leg_halted", SYMBOL)
    assert core.last(Requested).symbol == other
    traded(core, "s1", "2", "98", forced="settlement")
    core.bars({other: flat})
    assert (core.position(), core.of(Reconciled)[0].reason) == ("0", "settlement")


def test_trades_of_two_symbols_may_have_one_number(driver: Any) -> None:
    """G09: a venue numbers trades by symbol; one of another symbol, or of an order of one, stands for none of this."""
    other = "BBB/USDT:USDT"
    flat = (100.0, 100.0, 100.0, 100.0)
    core = driver(stage="live", symbols=(SYMBOL, other))
    core.bars({SYMBOL: flat, other: flat})
    core.open("2")
    core.report(core.last(Requested).client_order_id, "filled", filled="2", trades=[trade("7", "2", "100")])
    traded(core, "7", "1", "100", symbol=other)
    traded(core, "8", "1", "100", symbol=other)
    traded(core, "8", "2", "90", forced="liquidation")
    core.bars({SYMBOL: flat, other: flat})
    assert (core.position(), [event.trade_id for event in core.of(Reconciled)]) == ("0", ["8"])
    traded(core, "7", "1", "100", symbol=other)  # shown twice
    assert core.core.session.facts.reconciler.row()[4] == [f"{other} 7", f"{other} 8", f"{SYMBOL} 8"]
