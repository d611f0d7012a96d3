"""Where limits and caps meet something else: midnight, a fallback, the bars of a set, a close that is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fix_execution import MINUTE_NS
from live_core import SECOND, opened, trade

from live_runner.contracts.messages import AccountReported, Denied, LimitReset, LimitTripped, Requested, RiskLevels

if TYPE_CHECKING:
    from fix_execution import Driver

DAY_NS = 86_400_000_000_000
AAA, BBB = "AAA/USDT:USDT", "BBB/USDT:USDT"


def trip(action: str = "stop", reset: str = "operator", **fields: Any) -> dict[str, Any]:
    return {"action": action, "reset": reset, **fields}


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def happened(core: Driver) -> list[tuple[str, str]]:
    """Trips and resets in their order: the limit, and the value or why."""
    found = [event for event in core.seen if isinstance(event, LimitTripped | LimitReset)]
    return [(event.limit, event.value if isinstance(event, LimitTripped) else event.why) for event in found]


# -- midnight and cooldowns -----------------------------------------------------------------------


def test_a_fill_that_is_the_first_of_a_day_trips_a_limit_for_that_day(driver: type[Driver]) -> None:
    core = driver(risk={"entry_slippage": trip(reset="day", limit_bp="50")})
    core.number = DAY_NS // MINUTE_NS - 2
    core.bar()
    assert core.close_ns == DAY_NS
    core.open("1")
    core.bar(*flat(101))

    assert (happened(core), core.settled.gate) == ([("entry_slippage", "100")], "stopped")


def test_a_new_day_resets_a_limit_before_its_first_fill_trips_it_again(driver: type[Driver]) -> None:
    core = driver(risk={"loss_streak": trip(reset="day", limit=1)})
    core.number = DAY_NS // MINUTE_NS - 5
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="1", style="market"),
        core.intent("open", "short", quantity="1", style="market"),
    )
    core.bar()
    core.decide(core.intent("close", "long", style="market"))
    core.bar(*flat(99))
    core.decide()
    core.bar()
    assert core.close_ns == DAY_NS
    core.decide(core.intent("close", "short", style="market"))
    core.bar(*flat(101))

    assert happened(core) == [("loss_streak", "1"), ("loss_streak", "day"), ("loss_streak", "1")]
    assert core.settled.gate == "stopped"


def test_a_loss_after_the_end_of_a_cooldown_counts(driver: type[Driver]) -> None:
    core = driver(risk={"loss_streak": trip("notify", "cooldown", limit=1, cooldown_s=60.0)})
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="1", style="market"),
        core.intent("open", "short", quantity="1", style="market"),
    )
    core.bar()
    core.decide(core.intent("close", "long", style="market"))
    core.bar(*flat(99))
    core.decide(core.intent("close", "short", style="market"))
    core.bar(*flat(101))

    assert happened(core) == [("loss_streak", "1"), ("loss_streak", "cooldown"), ("loss_streak", "1")]


# -- caps -----------------------------------------------------------------------------------------


def test_a_fallback_counts_at_the_last_close_and_not_at_its_limit(driver: type[Driver]) -> None:
    """1 at 90 stays below a cap of 95; the market order that follows would be worth 100."""
    core = driver(caps={"order_notional": "95"})
    core.bar()
    core.open(style="limit", limit_price="90", time_to_live_ns=1, fallback=["timeout"])
    core.bar()

    assert [event.reason for event in core.of(Denied)] == ["order_notional_cap"]
    assert len(core.of(Requested)) == 1


# -- a set of several symbols ---------------------------------------------------------------------


def test_a_symbol_whose_bar_of_the_set_is_still_to_be_matched_is_not_stale(driver: type[Driver]) -> None:
    core = driver(symbols=(AAA, BBB), risk={"stale_data": trip(after_s=120.0)})
    both = {AAA: flat(100), BBB: flat(50)}
    core.bars(both)
    core.open("1")
    core.number += 4  # five minutes without bars, then both
    core.bars(both)

    assert (core.position(), happened(core)) == ("1", [])


# -- refusals for size ----------------------------------------------------------------------------


def test_the_level_of_refusals_for_size_falls_when_an_order_goes_out(driver: type[Driver]) -> None:
    core = driver(risk={"minimum_size": trip(limit=3)}, instrument={"min_amount": "1"})
    core.bar()
    core.open("0.5")
    core.bar()
    assert core.last(RiskLevels).levels[0].value == "1"
    core.open("1")
    core.bar()

    assert core.last(RiskLevels).levels[0].value == "0"


# -- a real venue ---------------------------------------------------------------------------------


def test_a_fill_that_trips_a_flatten_is_closed_in_the_name_of_the_trip(driver: type[Driver]) -> None:
    risk = {"entry_slippage": trip("flatten", limit_bp="50")}
    core, client = opened(driver, "2", setup={"risk": risk})
    core.report(client, "filled", filled="2", trades=[trade("entry", "2", "101")])

    found = core.last(LimitTripped)
    closes = [event for event in core.of(Requested) if event.action == "close"]
    assert [(event.intent_id, event.quantity) for event in closes] == [(f"{found.id}/1", "2")]


def test_the_costs_of_a_trade_that_ended_elsewhere_do_not_make_the_next_one_a_loss(driver: type[Driver]) -> None:
    core, client = opened(driver, "2", setup={"risk": {"loss_streak": trip("notify", limit=1)}})
    core.report(client, "filled", filled="2", trades=[trade("entry", "2", "100", "5")])
    core.bar()
    core.decide(core.intent("close", close_semantics="sync_if_absent"))
    core.report(core.last(Requested).client_order_id, "rejected", code="22002", meaning="no_position")
    at_ns = core.close_ns + SECOND
    envelope = core.envelope("execution.shell", at_ns)
    core.feed(AccountReported(**envelope, positions=[], positions_complete=True, positions_asked_ns=at_ns))
    core.bar()
    assert core.position() == "0"
    for action, price in (("open", "100"), ("close", "101")):
        core.decide(core.intent(action, quantity="1" if action == "open" else None, style="market"))
        core.report(
            core.last(Requested).client_order_id, "filled", filled="1", trades=[trade(action, "1", price, "0.1")]
        )
        core.bar()

    assert (core.position(), happened(core)) == ("0", [])
