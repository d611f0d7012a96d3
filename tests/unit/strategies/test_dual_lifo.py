"""The dual LIFO ladder, rule by rule, with numbers one can follow."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from fix_strategy import BTC, MINUTE, Stream, leg

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Pending, SetBar
from live_runner.strategies.dual_lifo import DualLifo
from live_runner.strategies.parameters import create, parameters_with_defaults

LONG: dict[str, Any] = {
    "base_notional": 100.0,
    "regime_move": None,
    "callback": None,
    "take_profit": 1.0,
    "sub_take_profit": 0.5,
    "fees_bp": 10.0,
    "steps": [1.0, 2.0, 3.0, 4.0, 5.0],
    "linear_step": 0.5,
    "multipliers": [2.0, 3.0, 4.0, 5.0],
    "max_fills_per_bar": 10,
    "max_exposure": 1000.0,
    "heavy_exposure": 1000.0,
    "reenter": False,
}
OFF: dict[str, Any] = {"enabled": False}
SIX = tuple(("1", "100") for _ in range(6))


def begin(
    long: dict[str, Any] | None = None, short: dict[str, Any] | None = None, **options: Any
) -> tuple[Stream, Any]:
    """A session on BTC alone; the short leg is off unless it is given."""
    parameters = {"long": LONG | (long or {}), "short": OFF if short is None else LONG | short}
    stream = Stream(DualLifo, parameters, symbols=(BTC,), **options).start()
    return stream, stream.core.strategy


def bar(close: float, *, low: float | None = None, high: float | None = None) -> SetBar:
    """A bar that opened at its close."""
    return SetBar(BTC, close, max(close, high or close), min(close, low or close), close, 1.0)


def ladder(strategy: Any, side: str = "long", **fields: Any) -> Any:
    """The ladder's state, with fields set as earlier fills would have."""
    state = strategy.leg(BTC, side)
    for name, value in fields.items():
        setattr(state, name, value)
    return state


def said(decided: Any) -> list[tuple[str, str, str | None]]:
    return [(one.leg, one.action, one.quantity) for one in decided.intents]


# -- size and entry -----------------------------------------------------------------------------


def test_the_first_lot_is_notional_by_close_at_once() -> None:
    stream, _ = begin()

    (one,) = stream.step(bar(40.0)).intents

    assert (one.action, one.quantity, one.style, one.sizing) == ("open", "2.5", "market", "explicit")


def test_both_legs_enter_long_first() -> None:
    stream, _ = begin(short={"base_notional": 50.0})

    assert said(stream.step(bar(100.0))) == [("long", "open", "1"), ("short", "open", "0.5")]


def test_the_first_lot_may_be_a_percentage_of_equity() -> None:
    stream, _ = begin({"base_notional": None, "equity_percent": 2.0, "sizing_equity": "equity"})

    assert said(stream.step(bar(100.0))) == [("long", "open", "2")]


def test_no_lot_is_below_the_market_s_or_the_strategy_s_minimum_notional() -> None:
    market, _ = begin({"base_notional": 1.0})
    own, _ = begin({"base_notional": 1.0, "min_order_notional": 8.0})

    # 5 / 30 = 0.1666... and 8 / 30 = 0.2666..., each on the next whole lot of 0.001.
    assert said(market.step(bar(30.0))) == [("long", "open", "0.167")]
    assert said(own.step(bar(30.0))) == [("long", "open", "0.267")]


def test_a_post_only_entry_waits_behind_the_close_and_is_not_asked_again_while_it_rests() -> None:
    stream, _ = begin({"entry_style": "post_only", "entry_offset_bp": 50.0, "entry_time_to_live_s": 90.0})
    (one,) = stream.step(bar(100.0)).intents
    assert (one.style, one.limit_price, one.time_to_live_ns) == ("post_only", "99.5", 90_000_000_000)

    resting = Pending(
        order_id="o", intent_id=one.id, symbol=BTC, leg="long", side="buy", kind="post_only", action="open",
        remaining="1", price="99.5", status="accepted", expires_ns=None,
    )  # fmt: skip

    assert said(stream.step(bar(101.0), pending=[resting])) == []


def test_the_entry_hangs_the_ladder_from_the_close_that_asked() -> None:
    stream, strategy = begin()
    (one,) = stream.step(bar(100.0)).intents
    stream.fold(stream.filled(one, price="103"))
    stream.step(bar(102.0), legs=[leg(BTC, "long", ("1", "103"), average="103")])

    state = strategy.leg(BTC, "long")
    assert (state.fills, state.level) == (1, pytest.approx(99.0))


def test_a_refused_entry_leaves_no_trace_in_the_ladder() -> None:
    """I03"""
    stream, strategy = begin()
    (one,) = stream.step(bar(100.0)).intents
    stream.fold(stream.refused(one))
    stream.fold(stream.bar_set(bar(90.0)))
    before = (strategy.leg(BTC, "long").entry_close, strategy.leg(BTC, "long").base_quantity)
    (two,) = stream.settle().intents

    assert before == (100.0, 1.0)
    assert two.quantity == "1.1111111111111112"
    assert strategy.leg(BTC, "long").entry_close == 90.0


# -- the ladder ---------------------------------------------------------------------------------


def held(strategy: Any, *, fills: int = 1, level: float = 99.0, side: str = "long", lots: Any = (("1", "100"),)) -> Any:
    ladder(strategy, side, fills=fills, level=level, base_quantity=1.0, entry_close=100.0)
    return [leg(BTC, side, *lots)]


def test_an_add_is_touched_and_confirmed() -> None:
    stream, strategy = begin()
    legs = held(strategy)

    assert said(stream.step(bar(99.5, low=98.0), legs=legs)) == []
    assert said(stream.step(bar(98.5))) == [("long", "add", "2")]


def test_without_confirmation_the_touch_is_enough() -> None:
    stream, strategy = begin({"confirm_adds": False})
    legs = held(strategy)

    assert said(stream.step(bar(99.5, low=99.0), legs=legs)) == [("long", "add", "2")]


def test_the_add_s_style_comes_from_the_policy() -> None:
    """I07"""
    stream, strategy = begin()

    (one,) = stream.step(bar(98.5), legs=held(strategy)).intents

    assert one.style is None
    assert strategy.policy().add_style == "market"


def test_several_rungs_in_one_bar_are_several_intents() -> None:
    """I11; rungs at 99, 99*0.98 = 97.02, *0.97 = 94.1094, *0.96 = 90.345..."""
    stream, strategy = begin()

    decided = stream.step(bar(94.0), legs=held(strategy))

    assert said(decided) == [("long", "add", "2"), ("long", "add", "3"), ("long", "add", "4")]
    assert [one.reason for one in decided.intents] == ["level_2", "level_3", "level_4"]


def test_the_short_ladder_climbs_the_other_way() -> None:
    stream, strategy = begin({"enabled": False}, short={})

    decided = stream.step(bar(103.5), legs=held(strategy, side="short", level=101.0))

    # 101 and 101*1.02 = 103.02 are reached, 103.02*1.03 is not.
    assert said(decided) == [("short", "add", "2"), ("short", "add", "3")]


def test_each_fill_moves_the_level_from_the_level_and_not_from_the_price_paid() -> None:
    stream, strategy = begin()
    (one,) = stream.step(bar(98.5), legs=held(strategy)).intents
    stream.fold(stream.filled(one, price="97.3", leg_quantity="3"))
    stream.step(bar(98.5), legs=[leg(BTC, "long", ("1", "100"), ("2", "97.3"))])

    state = strategy.leg(BTC, "long")
    assert (state.fills, state.level) == (2, pytest.approx(99.0 * 0.98))


def test_an_add_filled_in_parts_moves_the_level_once() -> None:
    stream, strategy = begin()
    (one,) = stream.step(bar(98.5), legs=held(strategy)).intents
    first = stream.filled(one, quantity="0.5", status="partly_filled", remaining="1.5", leg_quantity="1.5")
    second = stream.filled(one, quantity="1.5", leg_quantity="3")
    stream.fold(first)
    stream.fold(msgspec.structs.replace(second, filled="2"))
    stream.step(bar(98.5))

    assert strategy.leg(BTC, "long").fills == 2


def test_fills_two_to_six_have_their_step_and_multiplier_and_later_ones_are_linear() -> None:
    stream, strategy = begin()
    state = ladder(strategy, fills=1, level=100.0, base_quantity=1.0)
    expected = [0.98, 0.97, 0.96, 0.95, 0.995, 0.995]
    levels = [100.0]
    quantities = []
    for factor in expected:
        levels.append(levels[-1] * factor)
    stream.step(bar(200.0), legs=[leg(BTC, "long", *SIX[:1], average="1000")])
    for level, after in itertools.pairwise(levels):
        strategy.leg(BTC, "long").level = level
        strategy.leg(BTC, "long").added_ns = ()
        (one,) = stream.step(bar(level)).intents
        quantities.append(one.quantity)
        stream.fold(stream.filled(one))
        stream.step(bar(200.0))
        assert state.level == pytest.approx(after)

    assert quantities == ["2", "3", "4", "5", "1", "1"]


@pytest.mark.parametrize(
    ("limits", "adds"),
    [
        ({"max_fills": 2}, 1),
        ({"max_fills_per_bar": 2}, 2),
        ({"rate_orders": 1}, 1),
        # Equity is 10000; the leg is worth 94, two adds bring 94*(1+2+3) = 564, a third 940.
        ({"max_exposure": 0.06}, 2),
    ],
)
def test_adds_are_limited(limits: dict[str, Any], adds: int) -> None:
    stream, strategy = begin(limits)

    assert len(stream.step(bar(94.0), legs=held(strategy)).intents) == adds


def test_the_order_rate_counts_what_was_asked_within_its_window_per_leg() -> None:
    """X15"""
    stream, strategy = begin({"rate_orders": 1, "rate_window_s": 120.0}, short={"rate_orders": 1, "take_profit": 50.0})
    legs = held(strategy) + held(strategy, side="short", level=150.0)

    asked = [len(stream.step(bar(98.9), legs=legs if number == 0 else ()).intents) for number in range(4)]

    assert asked == [1, 0, 1, 0]
    assert strategy.leg(BTC, "short").added_ns == ()


# -- the regime block ---------------------------------------------------------------------------


def day(stream: Stream, close: float) -> None:
    """24 hours of one close, as warmup, in bars of an hour."""
    for _ in range(25):
        stream.fold(stream.bar_set(bar(close), warmup=True, step_ns=60 * MINUTE))


@pytest.mark.parametrize(("before", "adds"), [(106.0, 0), (103.0, 1)])
def test_no_adds_while_the_day_went_against_the_leg(before: float, adds: int) -> None:
    stream, strategy = begin({"regime_move": 0.05}, timeframe="1h")
    day(stream, before)

    assert len(stream.step(bar(98.5), legs=held(strategy), step_ns=60 * MINUTE).intents) == adds


def test_a_day_in_the_leg_s_favour_does_not_block() -> None:
    stream, strategy = begin({"enabled": False}, short={"regime_move": 0.05}, timeframe="1h")
    day(stream, 200.0)

    decided = stream.step(bar(101.5), legs=held(strategy, side="short", level=101.0), step_ns=60 * MINUTE)

    assert said(decided) == [("short", "add", "2")]


def test_an_unknown_day_blocks_adds_and_entries_and_is_never_taken_for_no_move() -> None:
    """D03"""
    stream, strategy = begin({"regime_move": 0.05}, timeframe="1h")
    stream.fold(stream.bar_set(bar(100.0), warmup=True, step_ns=60 * MINUTE))

    assert said(stream.step(bar(100.0), step_ns=60 * MINUTE)) == []
    assert said(stream.step(bar(98.5), legs=held(strategy), step_ns=60 * MINUTE)) == []


@pytest.mark.parametrize(("timeframe", "bars"), [("1m", 1441), ("30s", 2881), ("1h", 25), ("1d", 2)])
def test_the_regime_block_needs_a_day_of_bars(timeframe: str, bars: int) -> None:
    regime = create(DualLifo, {}, (BTC,), timeframe)
    without = create(DualLifo, {"long": {"regime_move": None}, "short": {"regime_move": None}}, (BTC,), timeframe)

    assert (regime.warmup(timeframe), without.warmup(timeframe)) == (bars, 0)


# -- selling ------------------------------------------------------------------------------------


def test_five_lots_sell_none_and_six_sell_the_newest() -> None:
    """e*(1 + fees 0.1 % + sub-TP 0.5 %) = 95*1.006 = 95.57"""
    five, one = begin()
    lots = (*SIX[:4], ("2.5", "95"))
    assert said(five.step(bar(95.6), legs=held(one, fills=5, level=1.0, lots=lots))) == []

    six, two = begin()
    legs = held(two, fills=6, level=1.0, lots=(*SIX[:5], ("2.5", "95")))
    assert said(six.step(bar(95.5, high=95.6), legs=legs)) == []
    assert said(six.step(bar(95.58))) == [("long", "partial_close", "2.5")]


def test_one_lot_a_bar_however_many_are_in_profit() -> None:
    stream, strategy = begin()
    legs = held(strategy, fills=8, level=1.0, lots=(*SIX[:5], ("1", "90"), ("1", "90"), ("1", "90")))

    assert len(stream.step(bar(95.0), legs=legs).intents) == 1


def test_under_heavy_exposure_breakeven_is_enough() -> None:
    """95*1.001 = 95.095"""
    stream, strategy = begin({"heavy_exposure": 0.01})
    legs = held(strategy, fills=6, level=1.0, lots=(*SIX[:5], ("1", "95")))

    assert said(stream.step(bar(95.0), legs=legs)) == []
    assert said(stream.step(bar(95.1))) == [("long", "partial_close", "1")]


def test_a_sold_lot_steps_the_ladder_back_to_the_rung_it_came_from() -> None:
    stream, strategy = begin()
    legs = held(strategy, fills=6, level=90.0 * 0.95, lots=(*SIX[:5], ("1", "90")))
    (one,) = stream.step(bar(95.0), legs=legs).intents
    stream.fold(stream.filled(one, leg_quantity="5"))
    stream.step(bar(98.0), legs=[leg(BTC, "long", *SIX[:5])])

    state = strategy.leg(BTC, "long")
    # The linear step led from the trigger of fill 6 to the level; that trigger is the next one again.
    assert (state.fills, state.level) == (5, pytest.approx(90.0 * 0.95 / 0.995))


def test_a_lot_sold_in_part_stays_where_it_is() -> None:
    """L01's side of it"""
    stream, strategy = begin()
    legs = held(strategy, fills=6, level=85.0, lots=(*SIX[:5], ("1", "90")))
    (one,) = stream.step(bar(95.0), legs=legs).intents
    stream.fold(stream.filled(one, quantity="0.5", status="partly_filled", remaining="0.5", leg_quantity="5.5"))
    stream.step(bar(90.0), legs=[leg(BTC, "long", *SIX[:5], ("0.5", "90"))])

    assert (strategy.leg(BTC, "long").fills, strategy.leg(BTC, "long").level) == (6, 85.0)


def test_the_take_profit_is_touched_and_confirmed_from_the_average() -> None:
    stream, strategy = begin()
    legs = held(strategy, level=1.0)

    assert said(stream.step(bar(100.9, high=101.0), legs=legs)) == []
    assert said(stream.step(bar(101.0))) == [("long", "close", None)]


def test_the_short_take_profit_lies_below() -> None:
    stream, strategy = begin({"enabled": False}, short={})

    assert said(stream.step(bar(99.0), legs=held(strategy, side="short", level=200.0))) == [("short", "close", None)]


def test_a_callback_trails_the_best_price_since_the_touch() -> None:
    """Armed at 101; the best is 103, and 103*0.99 = 101.97 is back by the callback."""
    stream, strategy = begin({"callback": 1.0})
    asked = [said(stream.step(bar(101.5), legs=held(strategy, level=1.0)))]
    asked.append(said(stream.step(bar(102.5, high=103.0))))
    asked.append(said(stream.step(bar(102.0))))
    assert asked == [[], [], []]
    assert strategy.leg(BTC, "long").best == 103.0

    assert said(stream.step(bar(101.9))) == [("long", "close", None)]


def test_a_callback_that_falls_back_below_the_target_does_not_close() -> None:
    stream, strategy = begin({"callback": 0.5})
    stream.step(bar(100.5, high=101.0), legs=held(strategy, level=1.0))

    assert said(stream.step(bar(100.0))) == []
    assert strategy.leg(BTC, "long").best == 101.0


def test_taking_profit_may_open_anew_on_the_same_bar() -> None:
    stream, strategy = begin({"reenter": True})

    decided = stream.step(bar(102.0), legs=held(strategy, level=1.0))
    assert said(decided) == [("long", "close", None), ("long", "open", "0.9803921568627451")]

    close, again = decided.intents
    stream.fold(stream.filled(close, leg_quantity="0"))
    stream.fold(stream.filled(again, price="102.4"))
    stream.step(bar(102.0), legs=[leg(BTC, "long", ("0.98", "102.4"), average="102.4")])
    state = strategy.leg(BTC, "long")
    assert (state.fills, state.level) == (1, pytest.approx(102.0 * 0.99))


def test_a_flat_leg_takes_its_ladder_down() -> None:
    stream, strategy = begin()
    (one,) = stream.step(bar(101.5), legs=held(strategy)).intents
    stream.fold(stream.filled(one, leg_quantity="0"))
    stream.fold(stream.bar_set(bar(101.0)))
    (entry,) = stream.settle(legs=[leg(BTC, "long")]).intents

    state = strategy.leg(BTC, "long")
    assert (entry.action, state.fills, state.level, state.best) == ("open", 0, None, None)


def test_a_liquidation_takes_the_ladder_down_too() -> None:
    stream, strategy = begin()
    stream.step(bar(99.9), legs=held(strategy))
    stream.fold(stream.filled(symbol=BTC, action="close", reason="liquidation", leg_quantity="0"))
    stream.step(bar(99.9), legs=[leg(BTC, "long")])

    assert strategy.leg(BTC, "long").level is None


def test_nothing_is_sold_twice_while_an_exit_is_pending() -> None:
    stream, strategy = begin()
    pending = Pending(
        order_id="o", intent_id="i", symbol=BTC, leg="long", side="sell", kind="market", action="close",
        remaining="1", price=None, status="accepted", expires_ns=None,
    )  # fmt: skip

    assert said(stream.step(bar(105.0), legs=held(strategy), pending=[pending])) == []


def test_a_shortfall_is_carried_into_the_next_target_up_to_its_cap() -> None:
    """Asked at 101, paid 100.8: 0.198 % short; the next target is 1.198 % above the average."""
    stream, strategy = begin({"compensation_cap": 0.5})
    (one,) = stream.step(bar(101.0), legs=held(strategy, level=1.0)).intents
    stream.fold(stream.filled(one, price="100.8", leg_quantity="0"))
    stream.step(bar(100.0), legs=[leg(BTC, "long")])
    carry = strategy.leg(BTC, "long").carry
    assert carry == pytest.approx(0.2 / 101)

    assert said(stream.step(bar(101.1), legs=held(strategy, level=1.0))) == []
    (two,) = stream.step(bar(101.2)).intents
    stream.fold(stream.filled(two, price="90", leg_quantity="0"))
    stream.step(bar(100.0), legs=[leg(BTC, "long")])
    assert strategy.leg(BTC, "long").carry == 0.005


def test_a_close_that_earned_its_target_carries_nothing() -> None:
    stream, strategy = begin({"compensation_cap": 0.5})
    ladder(strategy, carry=0.002)
    (one,) = stream.step(bar(101.5), legs=held(strategy, level=1.0)).intents
    stream.fold(stream.filled(one, price="101.4", leg_quantity="0"))
    stream.step(bar(100.0), legs=[leg(BTC, "long")])

    assert strategy.leg(BTC, "long").carry == 0.0


def test_the_legs_have_sets_of_their_own_and_the_defaults_are_written_out() -> None:
    plain = parameters_with_defaults(DualLifo, {"short": {"take_profit": 0.3}})

    assert list(plain["long"]["steps"]) == [0.3, 0.35, 0.6, 0.8, 0.8]
    assert plain["short"]["take_profit"] == 0.3
    assert plain["long"]["max_fills"] == 244
    with pytest.raises(ConfigError, match=r"strategy\.parameters\.long\.step1 is not a parameter"):
        parameters_with_defaults(DualLifo, {"long": {"step1": 0.1}})
    with pytest.raises(ConfigError, match="exactly one of base_notional and equity_percent"):
        parameters_with_defaults(DualLifo, {"long": {"equity_percent": 1.0}})
