"""breakout_bracket: where it enters, and the bracket that goes with it."""

from __future__ import annotations

from typing import Any

import pytest
from fix_strategy import BTC, Stream, leg

from live_runner.contracts.messages import SetBar
from live_runner.strategies.breakout_bracket import BreakoutBracket

PARAMETERS = {"channel": 4, "atr": 3, "take_profit_atr": 2.0, "stop_loss_atr": 1.0, "notional": 200.0}


def bar(close: float, low: float, high: float) -> SetBar:
    return SetBar(BTC, close, high, low, close, 1.0)


def begin(**parameters: Any) -> Stream:
    """Six bars of range 99 to 101: the average true range is 2."""
    stream = Stream(BreakoutBracket, PARAMETERS | parameters, symbols=(BTC,)).start()
    for _ in range(6):
        assert stream.step(bar(100.0, 99.0, 101.0)).intents == []
    return stream


def atr_after(high: float, low: float, before_close: float = 100.0) -> float:
    """Wilder's average of period 3 after one more bar."""
    reach = max(high - low, abs(high - before_close), abs(low - before_close))
    return (2.0 * 2 + reach) / 3


def test_a_close_above_the_channel_enters_long_with_its_bracket() -> None:
    stream = begin()

    (one,) = stream.step(bar(102.0, 100.0, 102.0)).intents

    reach = atr_after(102.0, 100.0)
    assert (one.action, one.leg, one.style, one.limit_price) == ("open", "long", "market", None)
    assert float(one.quantity or 0) == 200.0 / 102.0
    assert float(one.take_profit or 0) == pytest.approx(102.0 + 2 * reach)
    assert float(one.stop_loss or 0) == pytest.approx(102.0 - reach)


def test_a_close_below_the_channel_enters_short_the_other_way_round() -> None:
    stream = begin()

    (one,) = stream.step(bar(97.0, 97.0, 100.0)).intents

    assert one.leg == "short"
    assert float(one.take_profit or 0) < 97.0 < float(one.stop_loss or 0)


def test_a_touch_of_the_channel_is_no_breakout() -> None:
    stream = begin()

    assert stream.step(bar(101.0, 100.0, 103.0)).intents == []


def test_a_post_only_entry_waits_behind_the_close_for_its_time() -> None:
    stream = begin(entry="post_only", entry_offset_atr=0.5, time_to_live_s=120.0)

    (one,) = stream.step(bar(102.0, 100.0, 102.0)).intents

    assert (one.style, one.time_to_live_ns) == ("post_only", 120_000_000_000)
    assert float(one.limit_price or 0) == pytest.approx(102.0 - 0.5 * atr_after(102.0, 100.0))


def test_one_position_per_symbol_at_a_time() -> None:
    stream = begin()

    assert stream.step(bar(102.0, 100.0, 102.0), legs=[leg(BTC, "short", ("1", "100"))]).intents == []


def test_a_side_that_is_off_is_not_taken() -> None:
    stream = begin(long=False)

    assert stream.step(bar(102.0, 100.0, 102.0)).intents == []
