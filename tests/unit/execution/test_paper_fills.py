"""The paper venue: at what price, in what order, at which fee a bar fills orders."""

from __future__ import annotations

from typing import Any

import pytest

from live_runner.contracts.messages import Accepted, Cancelled, Expired, Filled, Rejected, Requested, Settled


def fills(core: Any) -> list[tuple[str, str, str, str]]:
    return [(fill.kind, fill.side, fill.quantity, fill.price) for fill in core.of(Filled)]


def test_market_order_fills_at_the_next_open_with_adverse_slippage(driver: Any) -> None:
    """X07: never by the bar that produced the signal."""
    core = driver(fills={"slippage_bp": "3"})
    core.bar(100, 100, 100, 100)
    assert [type(event).__name__ for event in core.open()] == ["Requested", "Accepted", "Executed"]
    core.bar(101.11, 105, 99, 104)

    fill = core.last(Filled)
    assert (fill.price, fill.reference_price, fill.slippage) == ("101.15", "101.11", "0.04")
    assert (fill.event_ns, fill.cause) == (core.number * 60_000_000_000, core.inputs[-1].id)


def test_slippage_rounds_against_a_seller_too(driver: Any) -> None:
    core = driver(fills={"slippage_bp": "3"})
    core.held(leg="short", price=100.0)

    assert core.last(Filled).price == "99.97"
    core.bar()
    core.decide(core.intent("close", "short"))
    core.bar(101.11, 102, 100, 101)
    assert core.last(Filled).price == "101.15"


def test_market_order_at_the_bar_close_fills_with_its_decision(driver: Any) -> None:
    core = driver(fills={"market": "bar_close", "slippage_bp": "10"})
    core.bar(100, 101, 99, 100)
    events = core.open()

    assert [type(event).__name__ for event in events] == ["Requested", "Accepted", "Filled", "Executed"]
    assert (events[2].price, events[2].event_ns) == ("100.1", core.close_ns)


def test_close_then_open_at_the_bar_close_sees_the_leg_flat(driver: Any) -> None:
    core = driver(fills={"market": "bar_close"})
    core.bar()
    core.open("2")
    core.bar()
    core.decide(core.intent("open", quantity="1", style="market"), core.intent("close"))
    core.bar()

    assert core.position() == "1"


@pytest.mark.parametrize(
    ("rule", "low", "filled"), [("touch", 95.0, True), ("through", 95.0, False), ("through", 94.99, True)]
)
def test_limit_fills_by_touch_or_only_through_its_price(driver: Any, rule: str, low: float, filled: bool) -> None:
    core = driver(fills={"limit": rule}, fees={"maker": "0.001", "taker": "0.01"})
    core.bar(100, 101, 90, 100)
    core.open(style="limit", limit_price="95")
    core.bar(100, 101, low, 100)

    assert fills(core) == ([("limit", "buy", "1", "95")] if filled else [])
    if filled:
        assert (core.last(Filled).liquidity, core.last(Filled).fee) == ("maker", "0.095")


def test_limit_that_rested_fills_at_a_better_open_as_maker(driver: Any) -> None:
    core = driver(fees={"maker": "0.001", "taker": "0.01"})
    core.bar()
    core.open(style="limit", limit_price="95")
    core.bar(100, 101, 96, 100)
    core.decide()
    core.bar(94, 101, 90, 100)

    assert fills(core) == [("limit", "buy", "1", "94")]
    assert core.last(Filled).liquidity == "maker"


def test_limit_that_is_marketable_at_its_first_open_is_a_taker(driver: Any) -> None:
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="105")
    core.bar(100, 101, 99, 100)

    assert fills(core) == [("limit", "buy", "1", "100")]
    assert core.last(Filled).liquidity == "taker"


def test_post_only_that_would_cross_is_rejected_and_never_becomes_a_market_order(driver: Any) -> None:
    """O01: no permission, no market order."""
    core = driver()
    core.bar()
    core.open(style="post_only", limit_price="100")
    core.bar(100, 101, 99, 100)

    assert (core.last(Rejected).code, fills(core)) == ("post_only_would_cross", [])


def test_post_only_rejected_with_permission_becomes_one_market_order(driver: Any) -> None:
    """O01: exactly one, for the remainder."""
    core = driver()
    core.bar()
    events = core.open(style="post_only", limit_price="100", fallback=["reject"])
    core.bar(100, 101, 99, 100)

    assert [type(event).__name__ for event in events] == ["Requested", "Rejected", "Requested", "Accepted", "Executed"]
    assert events[1].retrying
    assert (events[2].kind, events[2].attempt, events[2].order_id[-2:]) == ("market", 2, "/2")
    assert events[0].client_order_id != events[2].client_order_id
    assert fills(core) == [("market", "buy", "1", "100")]


def test_post_only_that_rests_is_a_maker_even_at_its_first_open(driver: Any) -> None:
    core = driver()
    core.bar()
    core.open(style="post_only", limit_price="99")
    core.bar(98, 101, 97, 100)

    assert (fills(core), core.last(Filled).liquidity) == ([("post_only", "buy", "1", "98")], "maker")


def test_limit_expires_at_the_first_close_after_its_bar_is_matched(driver: Any) -> None:
    """O02: without permission the rest is not bought."""
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="95", time_to_live_ns=90_000_000_000)
    core.bar()
    assert core.of(Expired) == []
    core.decide()
    core.bar()
    core.decide()
    core.bar()

    assert len(core.of(Expired)) == 1
    assert (core.last(Expired).remaining, fills(core), len(core.of(Requested))) == ("1", [], 1)


def test_cancel_of_a_strategy_is_no_timeout_whatever_its_reason(driver: Any) -> None:
    """The reason is the strategy's own text; nothing but the order's own time permits the fallback."""
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="95", time_to_live_ns=3_600_000_000_000, fallback=["timeout"])
    core.bar()
    core.decide(core.intent("cancel", order_id=core.last(Requested).order_id, reason="timeout"))
    core.bar()

    assert (core.last(Cancelled).reason, core.last(Cancelled).retrying) == ("timeout", False)
    assert (fills(core), len(core.of(Requested))) == ([], 1)


def test_limit_filled_by_the_bar_that_ends_its_life_is_filled(driver: Any) -> None:
    """O04."""
    core = driver()
    core.bar()
    core.open(style="limit", limit_price="95", time_to_live_ns=60_000_000_000, fallback=["timeout"])
    core.bar(100, 100, 95, 100)

    assert (core.of(Expired), fills(core)) == ([], [("limit", "buy", "1", "95")])


def test_expired_with_permission_is_bought_once_for_what_is_left(driver: Any) -> None:
    """O02, O05: a partial fill counts."""
    core = driver(fills={"participation": "0.5"})
    core.bar()
    core.open("3", style="limit", limit_price="95", time_to_live_ns=60_000_000_000, fallback=["timeout"])
    core.bar(100, 100, 95, 100, volume=2.0)
    core.decide()
    core.bar(97, 97, 97, 97, volume=100.0)
    core.decide()
    core.bar()

    assert fills(core) == [("limit", "buy", "1", "95"), ("market", "buy", "2", "97")]
    assert (core.last(Expired).filled, core.last(Expired).remaining) == ("1", "2")
    assert core.position() == "3"


def test_participation_splits_a_market_order_over_opens(driver: Any) -> None:
    """X10: what is booked is what filled, never what was asked for."""
    core = driver(fills={"participation": "0.1"})
    core.bar()
    core.open("2.5")
    for price in (100, 101, 102):
        core.bar(price, price, price, price, volume=10.0)
        core.decide()

    assert fills(core) == [
        ("market", "buy", "1", "100"),
        ("market", "buy", "1", "101"),
        ("market", "buy", "0.5", "102"),
    ]
    assert [fill.remaining for fill in core.of(Filled)] == ["1.5", "0.5", "0"]
    assert [fill.fill_id[-3:] for fill in core.of(Filled)] == ["/f1", "/f2", "/f3"]


def test_symbol_without_a_bar_has_no_fills_and_its_orders_wait(driver: Any) -> None:
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"))
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars(dict.fromkeys(core.symbols, flat))
    core.open()
    core.bars({"BBB/USDT:USDT": flat})
    core.decide()
    assert fills(core) == []
    core.bars({"AAA/USDT:USDT": (103.0, 103.0, 103.0, 103.0)})

    assert fills(core) == [("market", "buy", "1", "103")]


def test_decision_on_a_late_bar_fills_at_the_first_open_that_is_not_late(driver: Any) -> None:
    """D04: the bars in between had passed when the order was placed."""
    core = driver(market={"late_bars": "trade"})
    core.bar(100, 100, 100, 100, late=True)
    core.open()
    core.bar(90, 90, 90, 90, late=True)
    core.decide()
    core.bar(104, 104, 104, 104)

    assert fills(core) == [("market", "buy", "1", "104")]


def test_limit_of_a_late_bar_does_not_meet_bars_that_had_passed(driver: Any) -> None:
    core = driver(market={"late_bars": "trade"})
    core.bar(100, 100, 100, 100, late=True)
    core.open(style="limit", limit_price="95")
    core.bar(100, 100, 90, 100, late=True)
    core.decide()
    core.bar(100, 100, 96, 100)

    assert fills(core) == []


def test_stop_fills_at_its_trigger_and_cancels_the_target(driver: Any) -> None:
    """O18; stops pay the taker's fee and slip."""
    core = driver(fills={"slippage_bp": "10"}, fees={"taker": "0.001"})
    core.held(stop_loss="95", take_profit="110")
    core.bar(100, 101, 94, 96)

    assert fills(core)[-1] == ("stop", "sell", "1", "94.9")
    assert (core.last(Filled).reference_price, core.last(Filled).fee) == ("95", "0.0949")
    assert [(c.order_id[-2:], c.reason) for c in core.of(Cancelled)] == [("tp", "oco")]
    assert (core.position(), core.settled.pending) == ("0", [])


def test_stop_beyond_which_the_market_gapped_fills_at_the_open(driver: Any) -> None:
    core = driver()
    core.held(stop_loss="95")
    core.bar(90, 99, 89, 98)

    assert fills(core)[-1] == ("stop", "sell", "1", "90")


def test_target_fills_at_its_price_or_at_a_better_open(driver: Any) -> None:
    core = driver(fees={"maker": "0.001", "taker": "0.01"})
    core.held(take_profit="110", stop_loss="90")
    core.bar(112, 113, 100, 100)

    assert fills(core)[-1] == ("take_profit", "sell", "1", "112")
    assert (core.last(Filled).liquidity, core.last(Cancelled).reason) == ("maker", "oco")


def test_stop_goes_before_the_target_when_a_bar_reaches_both(driver: Any) -> None:
    core = driver()
    core.held(leg="short", stop_loss="105", take_profit="95")
    core.bar(100, 106, 94, 100)

    assert [fill.kind for fill in core.of(Filled)] == ["market", "stop"]


def test_stop_of_a_market_entry_takes_part_in_the_bar_of_its_fill(driver: Any) -> None:
    core = driver()
    core.bar()
    core.open(stop_loss="95")
    core.bar(100, 101, 94, 100)

    assert [fill.kind for fill in core.of(Filled)] == ["market", "stop"]
    assert [type(event).__name__ for event in core.seen[-6:]] == [
        "Executed",
        "Filled",
        "Requested",
        "Accepted",
        "Filled",
        "Settled",
    ]


def test_protective_orders_are_written_down_like_any_other(driver: Any) -> None:
    core = driver()
    core.held(stop_loss="95", take_profit="110")

    parts = core.of(Requested)[1:]
    assert [order.order_id for order in parts] == [core.of(Requested)[0].order_id + part for part in ("sl", "tp")]
    assert len({order.client_order_id for order in core.of(Requested)}) == 3
    assert [accepted.venue_order_id for accepted in core.of(Accepted)] == ["paper-1", "paper-2", "paper-3"]
    assert [order.kind for order in core.settled.pending] == ["stop", "take_profit"]
    entry = core.of(Requested)[0].order_id
    assert [order.parent for order in core.of(Requested)] == ["", entry, entry]
    assert [order.parent for order in core.settled.pending] == [entry, entry]


def test_each_part_of_an_entry_is_protected_for_what_it_filled(driver: Any) -> None:
    core = driver(fills={"participation": "0.1"})
    core.bar()
    core.open("2", stop_loss="95")
    for _ in range(2):
        core.bar(100, 100, 100, 100, volume=10.0)
        core.decide()

    stops = [order for order in core.of(Requested) if order.kind == "stop"]
    assert [(order.order_id[-3:], order.quantity) for order in stops] == [("1sl", "1"), ("sl2", "1")]
    core.bar(100, 100, 94, 100, volume=1000.0)
    assert core.position() == "0"


def test_leg_that_goes_flat_cancels_what_would_only_reduce_it(driver: Any) -> None:
    core = driver()
    core.held(stop_loss="95", take_profit="110")
    core.bar()
    core.decide(core.intent("close"))
    core.bar()

    assert [cancelled.reason for cancelled in core.of(Cancelled)] == ["leg_flat", "leg_flat"]


def test_protective_order_never_closes_past_the_position(driver: Any) -> None:
    """O18: ends flat, not reversed."""
    core = driver()
    core.held("2", stop_loss="95")
    core.bar()
    core.decide(core.intent("partial_close", quantity="1.5"))
    core.bar()
    core.decide()
    core.bar(100, 100, 90, 90)

    assert fills(core)[-1] == ("stop", "sell", "0.5", "95")
    assert (core.last(Cancelled).reason, core.last(Cancelled).remaining) == ("leg_flat", "1.5")
    assert core.position() == "0"


def test_stop_that_participation_splits_goes_on_at_the_next_open(driver: Any) -> None:
    core = driver(fills={"participation": "0.1"})
    core.bar()
    core.open("2", stop_loss="95")
    core.bar(100, 100, 100, 100, volume=100.0)
    core.decide()
    core.bar(100, 100, 94, 96, volume=10.0)
    core.decide()
    core.bar(99, 99, 99, 99, volume=100.0)

    assert fills(core)[1:] == [("stop", "sell", "1", "95"), ("stop", "sell", "1", "99")]


def test_both_legs_live_side_by_side_in_hedge_mode(driver: Any) -> None:
    core = driver()
    core.bar()
    core.decide(
        core.intent("open", "long", quantity="1", style="market"),
        core.intent("open", "short", quantity="2", style="market"),
    )
    core.bar()

    assert (core.position("long"), core.position("short")) == ("1", "2")
    assert [(fill.side, fill.leg) for fill in core.of(Filled)] == [("buy", "long"), ("sell", "short")]


def test_settled_shows_only_the_legs_that_changed(driver: Any) -> None:
    core = driver()
    core.held()
    assert [leg.leg for leg in core.settled.legs] == ["long"]
    core.bar()

    assert core.of(Settled)[-1].legs == []


def test_symbols_are_matched_in_their_configured_order(driver: Any) -> None:
    core = driver(symbols=("BBB/USDT:USDT", "AAA/USDT:USDT"))
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars(dict.fromkeys(core.symbols, flat))
    core.decide(
        core.intent("open", symbol="AAA/USDT:USDT", quantity="1", style="market"),
        core.intent("open", symbol="BBB/USDT:USDT", quantity="1", style="market"),
    )
    core.bars(dict.fromkeys(core.symbols, flat))

    assert [fill.symbol for fill in core.of(Filled)] == ["BBB/USDT:USDT", "AAA/USDT:USDT"]


def test_fallback_never_fills_at_a_close_that_is_past(driver: Any) -> None:
    """A symbol without a bar at this close has no price at it."""
    core = driver(symbols=("AAA/USDT:USDT", "BBB/USDT:USDT"), fills={"market": "bar_close"})
    flat = (100.0, 100.0, 100.0, 100.0)
    core.bars(dict.fromkeys(core.symbols, flat))
    core.open(style="limit", limit_price="90", time_to_live_ns=60_000_000_000, fallback=["timeout"])
    core.bars({"BBB/USDT:USDT": flat})
    core.decide()
    assert (len(core.of(Expired)), fills(core)) == (1, [])
    core.bars({"AAA/USDT:USDT": (103.0, 103.0, 103.0, 103.0)})

    assert fills(core) == [("market", "buy", "1", "103")]
