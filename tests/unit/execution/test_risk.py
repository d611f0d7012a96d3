"""S04: caps and risk limits of a session, in numbers that are reckoned by hand: 10,000 of equity, no fees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import live_core
import pytest
from fix_execution import MINUTE_NS, SYMBOL

from live_runner.contracts.messages import (
    Cancelled,
    Denied,
    Filled,
    Incident,
    LimitReset,
    LimitTripped,
    Quote,
    Requested,
    RiskLevels,
)

if TYPE_CHECKING:
    from fix_execution import Driver

DAY_NS = 86_400_000_000_000


def trip(action: str = "stop", reset: str = "operator", **fields: Any) -> dict[str, Any]:
    return {"action": action, "reset": reset, **fields}


def flat(price: float) -> tuple[float, float, float, float]:
    return (price, price, price, price)


def tripped(core: Driver) -> list[tuple[str, str, str]]:
    return [(event.limit, event.value, event.most) for event in core.of(LimitTripped)]


def level(core: Driver, name: str) -> tuple[str, str, str]:
    """Value, limit and what is left, as last published."""
    found = next(level for level in core.last(RiskLevels).levels if level.name == name)
    return found.value, found.limit, found.left


# -- losses ---------------------------------------------------------------------------------------


def test_a_days_loss_trips_at_its_limit_and_not_before(driver: type[Driver]) -> None:
    core = driver(risk={"daily_loss": trip(limit="50")})
    core.held("10")

    core.bar(*flat(95.01))
    assert tripped(core) == []
    assert level(core, "daily_loss") == ("49.9", "50", "0.1")
    core.decide()
    core.bar(*flat(95))

    assert tripped(core) == [("daily_loss", "50", "50")]
    assert (core.last(LimitTripped).author, core.settled.gate) == ("risk", "stopped")


def test_a_stop_holds_entries_back_and_never_a_close(driver: type[Driver]) -> None:
    core = driver(risk={"daily_loss": trip(limit="50")})
    core.held("10")
    core.bar(*flat(95))

    core.decide(core.intent("add", quantity="1", style="market"), core.intent("close", style="market"))

    denied = core.last(Denied)
    assert denied.reason == "entries_stopped"
    assert denied.message == "risk has stopped this session: daily_loss is 50, the limit 50"
    core.bar(*flat(95))
    assert core.position() == "0"


def test_the_day_ends_at_midnight_and_its_last_bar_counts_in_it(driver: type[Driver]) -> None:
    """23:58 to 23:59 loses 20, the bar that closes at 00:00 another 30: 50 on that day, and nothing on the next."""
    core = driver(risk={"daily_loss": trip(reset="day", limit="50")})
    core.number = DAY_NS // MINUTE_NS - 5
    core.held("10")  # filled by the bar that closes at 23:58
    core.bar(*flat(98))
    core.decide()

    core.bar(*flat(95))
    assert core.close_ns == DAY_NS
    assert tripped(core) == [("daily_loss", "50", "50")]
    core.decide()
    core.bar(*flat(94))

    assert [(event.limit, event.why, event.author) for event in core.of(LimitReset)] == [("daily_loss", "day", "risk")]
    assert core.settled.gate == "open"
    assert level(core, "daily_loss") == ("10", "50", "40")


def test_drawdown_counts_from_the_start_and_trailing_drawdown_from_the_peak(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("notify", limit="30"), "trailing_drawdown": trip("notify", limit="60")})
    core.held("10")
    core.bar(*flat(104))  # equity 10,040
    core.decide()
    core.bar(*flat(98))  # 9,980: 20 below the start, 60 below the peak
    assert tripped(core) == [("trailing_drawdown", "60", "60")]
    core.decide()
    core.bar(*flat(96.5))  # 9,965

    assert tripped(core)[1:] == [("drawdown", "35", "30")]
    assert core.settled.gate == "open"


def test_a_loss_inside_the_bar_trips_at_the_fill_that_makes_it(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip(limit="20")})
    core.bar()
    core.open("10", stop_loss="98")
    core.bar(100, 100, 97, 103)

    trips = core.of(LimitTripped)
    assert [(event.limit, event.value) for event in trips] == [("drawdown", "20")]
    fills = core.of(Filled)
    assert trips[0].seq == fills[-1].seq + 1
    assert core.settled.equity == "9980"


# -- actions --------------------------------------------------------------------------------------


def test_kill_takes_entries_off_the_book_and_leaves_closes(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("kill", limit="50")})
    core.held("10", take_profit="200")
    core.bar(*flat(100))
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="90"))
    core.bar(*flat(95))

    assert [(event.order_id.rpartition("/")[2], event.reason) for event in core.of(Cancelled)] == [("1", "drawdown")]
    assert core.settled.gate == "killed"
    assert [pending.kind for pending in core.settled.pending] == ["take_profit"]


def test_flatten_closes_every_leg_at_the_next_open_and_names_the_trip(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("flatten", limit="50")})
    core.held("10")
    core.bar(*flat(95))

    request = core.last(Requested)
    assert (request.action, request.kind, request.quantity) == ("close", "market", "10")
    assert request.intent_id == f"{core.last(LimitTripped).id}/1"
    core.decide()
    core.bar(*flat(94))
    assert (core.position(), core.settled.equity, core.settled.gate) == ("0", "9940", "flattening")


def test_notify_is_the_event_alone(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("notify", limit="50")})
    core.held("10")
    core.bar(*flat(95))
    core.decide(core.intent("add", quantity="1", style="market"))
    core.bar(*flat(95))

    assert (tripped(core), core.position()) == ([("drawdown", "50", "50")], "11")


def test_the_strictest_of_operator_and_limits_rules(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("stop", limit="50"), "trailing_drawdown": trip("kill", limit="70")})
    core.held("10")
    core.command("stop")
    core.bar(*flat(95))
    core.decide()
    core.bar(*flat(93))
    assert core.settled.gate == "killed"
    core.command("resume", author="ann")

    assert [(event.limit, event.why, event.author) for event in core.of(LimitReset)] == [
        ("drawdown", "resume", "ann"),
        ("trailing_drawdown", "resume", "ann"),
    ]
    core.decide()
    core.bar(*flat(93))
    assert core.settled.gate == "open"


# -- resets ---------------------------------------------------------------------------------------


def test_after_an_operators_resume_losses_count_from_there(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip(limit="50")})
    core.held("10")
    core.bar(*flat(95))
    core.command("resume")
    core.decide()
    core.bar(*flat(90.1))
    assert level(core, "drawdown") == ("49", "50", "1")
    core.decide()
    core.bar(*flat(90))

    assert tripped(core) == [("drawdown", "50", "50")] * 2


def test_a_reset_by_time_does_not_lift_an_operators_stop(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip("kill", "cooldown", limit="50", cooldown_s=60.0)})
    core.held("10")
    core.bar(*flat(95))
    assert core.last(LimitTripped).until_ns == core.close_ns + MINUTE_NS
    core.command("stop")
    core.decide()
    core.bar(*flat(95))

    assert [event.why for event in core.of(LimitReset)] == ["cooldown"]
    assert core.settled.gate == "stopped"


def test_an_accounts_resume_leaves_the_limits_of_the_session(driver: type[Driver]) -> None:
    core = driver(risk={"drawdown": trip(limit="50")})
    core.held("10")
    core.bar(*flat(95))
    core.command("kill", author="risk:main")
    core.command("resume", author="risk:main")
    core.decide()
    core.bar(*flat(95))

    assert (core.of(LimitReset), core.settled.gate) == ([], "stopped")


# -- trades and fills -----------------------------------------------------------------------------


def lose(core: Driver, by: float) -> None:
    """Open 1 at 100 and close it that much lower."""
    core.open("1")
    core.bar(*flat(100))
    core.decide(core.intent("close", style="market"))
    core.bar(*flat(100 - by))
    core.decide()
    core.bar(*flat(100))


def test_losing_trades_in_a_row_stop_for_a_cooldown(driver: type[Driver]) -> None:
    core = driver(risk={"loss_streak": trip("stop", "cooldown", limit=2, cooldown_s=180.0)})
    core.bar()
    lose(core, 1)
    lose(core, -1)  # a gain begins the count anew
    lose(core, 1)
    assert tripped(core) == []
    lose(core, 2)

    assert tripped(core) == [("loss_streak", "2", "2")]
    until_ns = core.last(LimitTripped).until_ns
    core.open("1")
    assert core.last(Denied).reason == "entries_stopped"
    while core.close_ns < until_ns:
        core.bar(*flat(100))
        core.decide()
    assert (core.last(LimitReset).why, level(core, "loss_streak")) == ("cooldown", ("0", "2", "2"))


def test_a_trade_that_only_its_fees_make_a_loss_is_one(driver: type[Driver]) -> None:
    core = driver(risk={"loss_streak": trip("notify", limit=1)}, fees={"taker": "0.001"})
    core.bar()
    core.open("1")
    core.bar(*flat(100))
    core.decide(core.intent("close", style="market"))
    core.bar(*flat(100.1))  # 0.1 gained, 0.2001 of fees

    assert tripped(core) == [("loss_streak", "1", "1")]


def test_an_entry_filled_too_far_from_its_price_is_closed_again(driver: type[Driver]) -> None:
    """O08: decided at 100, filled at 100.5: 50 basis points. The next fill is looked at by itself."""
    core = driver(risk={"entry_slippage": trip("close_leg", "each", limit_bp="50")})
    core.bar()
    core.open("2")
    core.bar(*flat(100.5))

    fill, found = core.of(Filled)[0], core.last(LimitTripped)
    assert (found.value, found.order_id, found.leg) == ("50", fill.order_id, "long")
    request = core.last(Requested)
    assert (request.action, request.quantity, request.intent_id) == ("close", "2", f"{found.id}/1")
    core.decide()
    core.bar(*flat(100.5))
    assert (core.position(), core.settled.gate) == ("0", "open")
    core.open("1")
    core.bar(*flat(102))
    assert [event.value for event in core.of(LimitTripped)] == ["50", "149.253731343283"]


def test_the_slippage_that_19_of_20_fills_stay_below(driver: type[Driver]) -> None:
    """Nearest rank: of four fills the 95th percentile is the worst one."""
    core = driver(risk={"p95_slippage": trip("notify", limit_bp="10", fills=4)})
    core.bar()
    for leg, price in (("long", 100.2), ("short", 101), ("long", 100.05), ("long", 100)):
        assert tripped(core) == []
        core.open("1", leg)
        core.bar(*flat(price))
        core.decide(core.intent("close", leg, style="market"))
        core.bar()
        core.decide()
        core.bar()

    assert tripped(core) == [("p95_slippage", "20", "10")]


def test_refusals_for_size_count_until_an_order_goes_out(driver: type[Driver]) -> None:
    core = driver(risk={"minimum_size": trip(limit=2)}, instrument={"min_amount": "1"})
    core.bar()
    core.open("0.5")
    core.bar()
    core.open("1")
    core.bar()
    core.decide(core.intent("add", quantity="0.5", style="market"))
    assert tripped(core) == []
    core.bar()
    core.decide(core.intent("add", quantity="0.5", style="market"))

    assert tripped(core) == [("minimum_size", "2", "2")]


def test_refusals_of_a_venue_for_size_count_until_it_takes_an_order(driver: type[Driver]) -> None:
    core = live_core.held(driver, "2", risk={"minimum_size": trip(limit=2)})

    def add(status: str, **fields: Any) -> None:
        core.decide(core.intent("add", quantity="1", style="market"))
        core.report(core.last(Requested).client_order_id, status, **fields)
        core.bar()

    add("rejected", code="-4164", meaning="too_small")
    add("filled", filled="1", trades=[live_core.trade("two", "1", "100")])
    add("rejected", code="-4164", meaning="too_small")
    assert tripped(core) == []
    add("rejected", code="-4164", meaning="too_small")

    assert tripped(core) == [("minimum_size", "2", "2")]
    assert core.settled.gate == "stopped"


# -- data -----------------------------------------------------------------------------------------


def test_a_fill_between_the_bars_of_a_set_finds_no_data_stale(driver: type[Driver]) -> None:
    """The second symbol's bar of the same set is still to be taken when the first one fills."""
    core = driver(symbols=(SYMBOL, "BBB/USDT:USDT"), risk={"stale_data": trip("kill", after_s=60.0)})
    both = dict.fromkeys(core.symbols, flat(100))
    core.bars(both)
    core.decide(core.intent("open", quantity="1", style="market"))

    core.bars(both)

    assert core.position() == "1"
    assert tripped(core) == []
    assert level(core, "stale_data") == ("0", "60", "60")


def test_a_symbol_without_bars_is_stale_until_it_has_one_again(driver: type[Driver]) -> None:
    core = driver(
        symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"), risk={"stale_data": trip("stop", "recovered", after_s=120.0)}
    )
    both = {"AAA/USDT:USDT": flat(100), "BBB/USDT:USDT": flat(50)}
    core.bars(both)
    core.decide()
    for _ in range(2):
        core.bar(*flat(100))
        core.decide()
    assert [(event.limit, event.value, event.symbol) for event in core.of(LimitTripped)] == [
        ("stale_data", "120", "BBB/USDT:USDT")
    ]
    assert core.settled.gate == "stopped"
    core.bars(both)

    assert (core.last(LimitReset).why, core.settled.gate) == ("recovered", "open")


def test_a_limit_whose_input_is_missing_is_named_as_not_applied(driver: type[Driver]) -> None:
    core = driver(risk={"spread": trip(limit_bp="5")})
    core.bar()

    found = core.last(RiskLevels).levels[0]
    assert (found.name, found.limit, found.not_applied) == ("spread", "5", "the session has no order book")


# -- caps -----------------------------------------------------------------------------------------

CAPS = {
    "order_notional_cap": ({"order_notional": "100"}, "The order is worth 100.1, caps.order_notional is 100"),
    "leg_notional_cap": (
        {"leg_notional": "300"},
        "The long leg of AAA/USDT:USDT would be worth 300.1, caps.leg_notional is 300",
    ),
    "symbol_notional_cap": (
        {"symbol_notional": "400"},
        "Both legs of AAA/USDT:USDT together would be worth 400.1, caps.symbol_notional is 400",
    ),
    "total_notional_cap": (
        {"total_notional": "400"},
        "All legs together would be worth 400.1, caps.total_notional is 400",
    ),
}


@pytest.mark.parametrize("reason", CAPS)
def test_a_cap_of_money_counts_what_is_held_what_may_fill_and_what_is_asked(driver: type[Driver], reason: str) -> None:
    """1 is held short and 1 long, an add of 1 rests at 100: the next one would be beyond by its 0.001 lots."""
    caps, message = CAPS[reason]
    core = driver(caps=caps)
    core.bar()
    core.decide(*(core.intent("open", leg, quantity="1", style="market") for leg in ("long", "short")))
    core.bar()
    core.decide(core.intent("add", quantity="1", style="limit", limit_price="100"))
    resting = core.last(Requested)
    assert core.of(Denied) == []
    core.bars({core.symbols[0]: (100.0, 100.5, 100.1, 100.0)})
    core.decide(core.intent("add", quantity="1.001", style="market"))

    denied = core.last(Denied)
    assert (denied.reason, denied.message) == (reason, message)
    core.bars({core.symbols[0]: (100.0, 100.5, 100.1, 100.0)})
    core.decide(core.intent("partial_close", quantity="1", style="market"))
    assert core.last(Requested).order_id != resting.order_id


def test_open_orders_are_counted_and_closes_go_out_all_the_same(driver: type[Driver]) -> None:
    core = driver(caps={"open_orders": 1})
    core.held("1")
    core.bar()
    core.decide(*(core.intent("add", quantity="1", style="limit", limit_price=price) for price in ("90", "91")))
    assert [event.reason for event in core.of(Denied)] == ["open_orders_cap"]
    assert core.last(Denied).message == "1 other orders are open, caps.open_orders is 1"
    core.bar()
    core.decide(core.intent("close", style="market"))
    core.bar()

    assert core.position() == "0"


def test_orders_a_minute_are_counted_over_any_sixty_seconds(driver: type[Driver]) -> None:
    core = driver(caps={"orders_per_minute": 2})
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="1", style="limit", limit_price="90"),
        core.intent("open", "short", quantity="1", style="limit", limit_price="110"),
        core.intent("open", "long", quantity="1", style="limit", limit_price="91"),
    )
    assert [event.reason for event in core.of(Denied)] == ["orders_per_minute_cap"]
    core.bar()
    core.decide(core.intent("open", quantity="1", style="limit", limit_price="92"))

    assert [event.reason for event in core.of(Denied)] == ["orders_per_minute_cap"]
    assert len(core.of(Requested)) == 3


def test_without_limits_and_caps_nothing_is_published_of_them(driver: type[Driver]) -> None:
    core = driver()
    core.held("10")
    core.bar(*flat(1))

    assert core.of(RiskLevels) == core.of(LimitTripped) == []


def test_a_spread_trips_until_it_is_narrow_again(driver: type[Driver]) -> None:
    """99.95 and 100.05 stand 10 basis points of 100 apart."""
    core = driver(stage="live", risk={"spread": trip("stop", "recovered", limit_bp="10")})
    core.bar()

    def quote(bid: float, ask: float) -> list[Any]:
        return core.feed(Quote(**core.envelope("execution.shell", core.close_ns), symbol=SYMBOL, bid=bid, ask=ask))

    quote(99.96, 100.04)
    assert tripped(core) == []
    quote(99.95, 100.06)
    assert [(event.limit, event.value[:5], event.symbol) for event in core.of(LimitTripped)] == [
        ("spread", "10.99", SYMBOL)
    ]
    quote(99.96, 100.04)
    assert [event.why for event in core.of(LimitReset)] == ["recovered"]
    quote(100.04, 99.96)
    quote(float("nan"), 100)

    assert [event.code for event in core.of(Incident)] == ["report_kept"] * 2


def test_the_last_settle_evaluates_as_every_other_does(driver: type[Driver]) -> None:
    """A fill at the last close (bar_close) at 10 basis points costs 1: the session ends 1 below its start."""
    core = driver(risk={"drawdown": trip(limit="0.5")}, fills={"market": "bar_close", "slippage_bp": "10"})
    core.bar()
    core.open("10")
    core.finish()

    assert level(core, "drawdown") == ("1", "0.5", "-0.5")
    assert tripped(core) == [("drawdown", "1", "0.5")]
    assert core.settled.equity == "9999"
