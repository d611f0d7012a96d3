"""Intents against the contract."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Accepted, Denied, Executed, Expired, Filled, Rejected, Requested, Settled
from live_runner.contracts.policy import ExecutionPolicy


def test_no_intent_sends_nothing_and_changes_nothing(driver: Any) -> None:
    """I01."""
    core = driver()
    core.bar()

    assert core.decide() == []
    assert core.settled.legs == []


def test_hold_neither_closes_nor_adds(driver: Any) -> None:
    """I01."""
    core = driver()
    core.held("2")
    core.bar()

    assert [type(event) for event in core.decide(core.intent("hold"))] == [Executed]
    core.bar()
    assert core.position() == "2"


def test_delegated_notional_is_divided_by_the_close(driver: Any) -> None:
    """I02: 100 at 40 becomes 2.5; take-profit and stop-loss are carried over."""
    core = driver()
    core.bar(40, 40, 40, 40)
    core.open(None, sizing="delegate_notional", notional="100", stop_loss="38", take_profit="44")
    core.bar(40, 41, 39, 40)

    assert core.of(Requested)[0].quantity == "2.5"
    assert [(order.kind, order.price, order.quantity) for order in core.of(Requested)[1:]] == [
        ("stop", "38", "2.5"),
        ("take_profit", "44", "2.5"),
    ]


def test_delegated_notional_is_divided_by_the_limit_price_where_there_is_one(driver: Any) -> None:
    """I02: the limit price is carried over and is what sizes the order."""
    core = driver()
    core.bar(50, 50, 50, 50)
    core.open(None, sizing="delegate_notional", notional="100", style="limit", limit_price="40")

    assert (core.last(Requested).quantity, core.last(Requested).price) == ("2.5", "40")


def test_delegated_notional_knows_the_contract_size_and_is_cut_to_the_lot(driver: Any) -> None:
    """I02, X13: one sizing rule."""
    core = driver(instrument={"contract_size": "0.1", "lot_size": "1"})
    core.bar(30, 30, 30, 30)
    core.open(None, sizing="delegate_notional", notional="100")

    assert core.last(Requested).quantity == "33"


def refusal(core: Any, intent: Any) -> str:
    events = core.decide(intent)
    assert [type(event) for event in events] == [Denied, Executed], events
    assert events[0].intent_id == intent.id
    assert events[0].message
    assert (events[1].requested, events[1].refused) == (0, 1)
    return str(events[0].reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"action": "open", "symbol": "ZZZ/USDT:USDT"}, "unknown_symbol"),
        ({"action": "buy"}, "unknown_action"),
        ({"action": "open", "leg": "up"}, "unknown_leg"),
        ({"action": "open", "style": "market"}, "missing_quantity"),
        ({"action": "open", "style": "market", "sizing": "delegate_notional"}, "missing_quantity"),
        ({"action": "open", "style": "market", "sizing": "all_in"}, "bad_quantity"),
        ({"action": "open", "style": "market", "quantity": "-1"}, "bad_quantity"),
        ({"action": "open", "style": "market", "quantity": "nan"}, "bad_quantity"),
        ({"action": "open", "style": "market", "quantity": "0"}, "bad_quantity"),
        ({"action": "open", "quantity": "1"}, "missing_order_style"),
        ({"action": "open", "quantity": "1", "style": "iceberg"}, "missing_order_style"),
        ({"action": "open", "quantity": "1", "style": "limit"}, "missing_limit_price"),
        ({"action": "open", "quantity": "1", "style": "limit", "limit_price": "0"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "limit", "limit_price": "x"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "market", "stop_loss": "101"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "market", "take_profit": "99"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "market", "stop_loss": "x"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "market", "take_profit": "0"}, "bad_price"),
        ({"action": "open", "quantity": "1", "style": "limit", "limit_price": "0.001"}, "price_out_of_range"),
        ({"action": "open", "quantity": "1", "style": "limit", "limit_price": "1e30"}, "price_out_of_range"),
        ({"action": "open", "quantity": "1e30", "style": "market"}, "above_max_amount"),
        ({"action": "close", "stop_loss": "90"}, "bad_price"),
        ({"action": "close", "take_profit": "110"}, "bad_price"),
        (
            {"action": "open", "style": "market", "sizing": "delegate_notional", "notional": "0.00001"},
            "amount_rounds_to_zero",
        ),
        ({"action": "open", "quantity": "1", "style": "market", "fallback": ["hope"]}, "bad_fallback"),
        (
            {"action": "open", "quantity": "1", "style": "limit", "limit_price": "9", "time_to_live_ns": 0},
            "bad_time_to_live",
        ),
        ({"action": "open", "quantity": "0.0001", "style": "market"}, "amount_rounds_to_zero"),
        ({"action": "add", "quantity": "1", "style": "market"}, "no_position"),
        ({"action": "close"}, "no_position"),
        ({"action": "partial_close", "fraction": "0.5"}, "no_position"),
        ({"action": "partial_close"}, "missing_quantity"),
        ({"action": "cancel", "order_id": "s1/1/1/1"}, "unknown_order"),
    ],
)
def test_intent_that_breaks_the_contract_is_refused_by_name(driver: Any, fields: dict[str, Any], reason: str) -> None:
    """I03, I04: a token and a sentence, and nothing is sent."""
    core = driver()
    core.bar()

    assert refusal(core, core.intent(fields.pop("action"), **fields)) == reason


def test_add_without_style_anywhere_is_refused(driver: Any) -> None:
    """I04."""
    core = driver()
    core.held()
    core.bar()

    assert refusal(core, core.intent("add", quantity="1")) == "missing_order_style"


def test_add_takes_its_style_from_the_intent_else_from_the_policy(driver: Any) -> None:
    """I07."""
    core = driver(policy=ExecutionPolicy(add_style="limit"))
    core.held()
    core.bar()
    core.decide(core.intent("add", quantity="1", limit_price="90"), core.intent("add", quantity="1", style="market"))

    assert [order.kind for order in core.of(Requested)[1:]] == ["limit", "market"]


def test_open_of_an_open_leg_is_refused(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()

    assert refusal(core, core.intent("open", quantity="1", style="market")) == "not_flat"


def test_close_takes_the_whole_leg_and_partial_close_its_share(driver: Any) -> None:
    """I05: partial_close of 0.25 of 4 sells 1."""
    core = driver()
    core.held("4")
    core.bar()
    core.decide(core.intent("partial_close", fraction="0.25"))
    core.bar()
    assert core.last(Filled).quantity == "1"
    core.decide(core.intent("close"))
    core.bar()

    assert (core.last(Filled).quantity, core.position()) == ("3", "0")
    assert all(order.reduce_only for order in core.of(Requested)[1:])


@pytest.mark.parametrize("fraction", ["0", "1.01", "-0.5", "all"])
def test_fraction_outside_nothing_to_all_is_refused(driver: Any, fraction: str) -> None:
    """I05."""
    core = driver()
    core.held("4")
    core.bar()

    assert refusal(core, core.intent("partial_close", fraction=fraction)) == "bad_fraction"


def test_close_never_rounds_up_past_the_position(driver: Any) -> None:
    """I05."""
    core = driver(instrument={"lot_size": "1"}, policy=ExecutionPolicy(open_rounding="nearest"))
    core.held("3")
    core.bar()
    core.decide(core.intent("partial_close", fraction="0.6"))
    core.bar()
    assert core.last(Filled).quantity == "1"
    core.decide(core.intent("partial_close", quantity="7"))
    core.bar()

    assert core.position() == "0"


def test_open_is_exactly_what_the_intent_says(driver: Any) -> None:
    """I06."""
    core = driver()
    core.held("1.5", stop_loss="90", take_profit="120")

    assert [(o.kind, o.side, o.quantity, o.price, o.reduce_only) for o in core.of(Requested)] == [
        ("market", "buy", "1.5", None, False),
        ("stop", "sell", "1.5", "90", True),
        ("take_profit", "sell", "1.5", "120", True),
    ]
    assert core.of(Requested)[0].asked_quantity == "1.5"


def test_open_without_stop_gets_none(driver: Any) -> None:
    """I06: the runner never invents one."""
    core = driver()
    core.held()

    assert [order.kind for order in core.of(Requested)] == ["market"]


def test_opens_round_as_the_policy_says(driver: Any) -> None:
    core = driver(instrument={"lot_size": "1"}, policy=ExecutionPolicy(open_rounding="nearest"))
    core.held("1.6")

    assert core.position() == "2"


def test_notional_below_the_minimum_is_refused(driver: Any) -> None:
    core = driver(instrument={"min_notional": "5"})
    core.bar()

    assert refusal(core, core.intent("open", quantity="0.01", style="market")) == "below_min_notional"


def test_notional_above_the_maximum_is_refused(driver: Any) -> None:
    core = driver(instrument={"max_notional": "500"})
    core.bar()
    assert refusal(core, core.intent("open", quantity="5.001", style="market")) == "above_max_notional"
    core.bar()
    core.open("5")

    assert core.last(Requested).quantity == "5"


def test_part_that_is_below_one_lot_is_refused(driver: Any) -> None:
    """I05: a close never rounds up, not even to the least that can be closed."""
    core = driver()
    core.held("1")
    core.bar()

    assert refusal(core, core.intent("partial_close", fraction="0.0009")) == "amount_rounds_to_zero"


def test_several_adds_are_several_orders(driver: Any) -> None:
    """I11."""
    core = driver()
    core.held()
    core.bar()
    core.decide(*[core.intent("add", quantity="1", style="market") for _ in range(3)])
    core.bar()

    assert core.position() == "4"
    assert len({fill.order_id for fill in core.of(Filled)}) == 4
    assert [lot.quantity for lot in core.settled.legs[0].lots] == ["1"] * 4


def test_one_rejection_blocks_opens_until_an_open_fills(driver: Any) -> None:
    """I08, I09: the block shows on the leg, names its event, and is asked again at the moment of sending."""
    core = driver(policy=ExecutionPolicy(max_failures=1), account={"leverage": "1"})
    core.bar()
    core.open("500")
    rejected = core.last(Rejected)
    core.bar()
    assert core.settled.legs[0].blocked == "backoff"
    refused = core.decide(core.intent("open", quantity="1", style="market"))[0]

    assert (rejected.code, refused.reason) == ("insufficient_margin", "backoff")
    assert rejected.id in refused.message


def test_the_account_says_what_holds_a_leg_back(driver: Any) -> None:
    """I08: failures, end and cause stand in ``settled``, so that nobody has to count rejections again."""
    core = driver(policy=ExecutionPolicy(max_failures=2, backoff_s=90.0), account={"leverage": "1"})
    core.bar()
    core.open("500")
    first = core.last(Rejected)
    core.bar()
    [leg] = core.settled.legs
    assert (leg.blocked, leg.backoff.failures, leg.backoff.blocked) == ("", 1, False)
    assert (leg.backoff.event_id, leg.backoff.at_ns) == (first.id, first.event_ns)

    core.open("500")
    second = core.last(Rejected)
    core.bar()
    [leg] = core.settled.legs
    assert (leg.blocked, leg.backoff.failures, leg.backoff.blocked) == ("backoff", 2, True)
    assert leg.backoff.blocked_until_ns == second.event_ns + 90_000_000_000
    assert leg.backoff.detail == f"insufficient_margin: {second.message}"

    core.decide()
    core.bar()
    [leg] = core.settled.legs
    assert (leg.blocked, leg.backoff.failures, leg.backoff.blocked) == ("", 2, False)

    core.open("1")
    core.bar()
    [leg] = core.settled.legs
    assert (leg.quantity, leg.backoff) == ("1", None)


def test_the_intent_s_own_policy_counts_its_rejection(driver: Any) -> None:
    """I07's rule for backoff: what the intent says comes first."""
    core = driver(policy=ExecutionPolicy(max_failures=1), account={"leverage": "1"})
    core.bar()
    core.open("500", policy=ExecutionPolicy(max_failures=2))
    core.bar()

    assert (core.settled.legs[0].blocked, core.settled.legs[0].backoff.failures) == ("", 1)


def test_backoff_never_blocks_a_close_and_a_close_does_not_clear_it(driver: Any) -> None:
    """I08, I09."""
    core = driver(policy=ExecutionPolicy(max_failures=1), account={"leverage": "1"})
    core.held("2")
    core.bar()
    core.decide(core.intent("add", quantity="500", style="market"))
    core.bar()
    core.decide(core.intent("partial_close", quantity="1"))
    core.bar()
    assert core.position() == "1"
    assert core.settled.legs[0].blocked == "backoff"
    assert core.settled.legs[0].backoff.failures == 1

    assert refusal(core, core.intent("add", quantity="1", style="market")) == "backoff"


def test_backoff_is_per_leg_ends_in_time_and_survives_a_restart(driver: Any) -> None:
    """I08, X15: per symbol and leg, with event, details and time."""
    policy = ExecutionPolicy(max_failures=1, backoff_s=120.0)
    core = driver(policy=policy, account={"leverage": "1"})
    core.bar()
    core.open("500")
    rejected = core.last(Rejected)
    core.bar()
    again = type(core.core)("s1")
    again.restore(core.core.snapshot())
    core.core = again
    core.decide(
        core.intent("open", quantity="1", style="market"), core.intent("open", "short", quantity="1", style="market")
    )
    core.bar()

    refused = core.last(Denied)
    assert (refused.leg, refused.reason) == ("long", "backoff")
    assert f"{rejected.id}: insufficient_margin: The account lacks" in refused.message
    assert (core.position("long"), core.position("short")) == ("0", "1")
    core.open("1")
    core.bar()

    assert core.position("long") == "1"


def test_backoff_holds_up_neither_stop_nor_target(driver: Any) -> None:
    """I09: what stands at the venue for an open leg fills as if nothing had been rejected."""
    for price, kind in ((94, "stop"), (111, "take_profit")):
        core = driver(policy=ExecutionPolicy(max_failures=1), account={"leverage": "1"})
        core.held("2", stop_loss="95", take_profit="110")
        core.bar()
        core.decide(core.intent("add", quantity="500", style="market"))
        core.bar(100, max(100, price), min(100, price), 100)

        assert core.settled.legs[0].blocked == "backoff"
        assert (core.last(Filled).kind, core.position()) == (kind, "0")


def test_backoff_is_asked_again_when_a_fallback_is_sent(driver: Any) -> None:
    """I09: the leg came to rest while the limit rested; its fallback is an entry like any other."""
    core = driver(policy=ExecutionPolicy(max_failures=1), account={"leverage": "1"})
    core.bar()
    core.open(style="limit", limit_price="90", time_to_live_ns=120_000_000_000, fallback=["timeout"])
    core.bar()
    core.decide(core.intent("open", quantity="500", style="market"))
    core.bar()
    core.decide()

    assert [order.kind for order in core.of(Requested)] == ["limit", "market"]
    assert (core.last(Denied).reason, core.last(Denied).order_id) == ("backoff", core.of(Requested)[0].order_id)
    assert not core.last(Expired).retrying


def test_entries_on_a_late_bar_go_by_the_configuration(driver: Any) -> None:
    """D04: manage_only refuses opens and lets closes through."""
    core = driver()
    core.held()
    core.bar(100, 100, 100, 100, late=True)
    events = core.decide(core.intent("add", quantity="1", style="market"), core.intent("close"))

    assert [type(event) for event in events] == [Requested, Accepted, Denied, Executed]
    assert events[2].reason == "late_bar"


def test_second_close_of_a_leg_is_refused_while_one_is_under_way(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()
    events = core.decide(core.intent("close"), core.intent("close"))

    assert [event.reason for event in events if isinstance(event, Denied)] == ["close_pending"]


def test_market_close_goes_out_beside_a_resting_limit_close(driver: Any) -> None:
    """S01: what protects the position is never held up by what would profit from it."""
    core = driver()
    core.held()
    core.bar()
    core.decide(core.intent("close", style="limit", limit_price="120"))
    core.bar()
    core.decide(core.intent("close"))
    core.bar()

    assert core.position() == "0"
    assert core.settled.pending == []


def test_second_resting_close_of_a_leg_is_refused(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()
    core.decide(core.intent("close", style="limit", limit_price="120"))
    core.bar()

    assert refusal(core, core.intent("close", style="limit", limit_price="130")) == "close_pending"


def test_closes_go_before_opens_whatever_order_they_were_said_in(driver: Any) -> None:
    core = driver()
    core.held()
    core.bar()
    events = core.decide(
        core.intent("open", "short", quantity="1", style="market"), core.intent("close"), core.intent("hold")
    )

    assert [event.action for event in events if isinstance(event, Requested)] == ["close", "open"]


def test_leg_can_be_closed_and_opened_again_in_one_decision(driver: Any) -> None:
    core = driver()
    core.held("2")
    core.bar()
    core.decide(core.intent("close"), core.intent("open", quantity="1", style="market"))
    core.bar()

    assert core.position() == "1"


def test_one_way_mode_refuses_the_other_leg_unless_the_first_is_being_closed(driver: Any) -> None:
    core = driver(account={"position_mode": "one_way"})
    core.held()
    core.bar()
    assert refusal(core, core.intent("open", "short", quantity="1", style="market")) == "one_way_conflict"
    core.bar()
    core.decide(core.intent("close"), core.intent("open", "short", quantity="1", style="market"))
    core.bar()

    assert (core.position("long"), core.position("short")) == ("0", "1")


def test_intent_for_a_symbol_without_any_bar_is_refused(driver: Any) -> None:
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"))
    core.bar()

    assert refusal(core, core.intent("open", quantity="1", style="market", symbol="BBB/USDT:USDT")) == "no_price"


def test_order_can_be_cancelled_by_its_id(driver: Any) -> None:
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="90")
    core.bar()
    order = core.settled.pending[0].order_id
    events = core.decide(core.intent("cancel", order_id=order))

    assert [type(event).__name__ for event in events] == ["CancelRequested", "Cancelled", "Executed"]
    core.bar(100, 100, 80, 100)
    assert core.of(Settled)[-1].pending == []
