"""How much history a session needs, and when it is refused (D03)."""

from __future__ import annotations

import pytest
from fix_market import MINUTE_NS, START_NS, candles

from live_runner.contracts.errors import DataError
from live_runner.services.market_data.core.warmup import WarmupRefused, plan

LATE = "DOGE/USDT:USDT"


def minute(number: int) -> int:
    """Open time of a minute."""
    return START_NS + number * MINUTE_NS


def test_the_first_sets_are_warmup_and_the_next_bar_is_tradable() -> None:
    made = plan([candles(range(10))], "1m", 4)

    assert (made.warmup_found, made.begin_ns, made.first_open_ns) == (4, minute(0), minute(4))


def test_with_a_start_the_warmup_lies_before_it() -> None:
    """X14."""
    made = plan([candles(range(10))], "1m", 4, start_ns=minute(7))

    assert (made.begin_ns, made.first_open_ns) == (minute(3), minute(7))


def test_a_start_between_two_opens_means_the_next_bar() -> None:
    assert plan([candles(range(10))], "1m", 2, start_ns=minute(4) + 1).first_open_ns == minute(5)


@pytest.mark.parametrize(("needed", "start", "found"), [(10, None, 10), (11, None, 10), (8, 7, 7)])
def test_too_little_history_is_refused_with_both_numbers(needed: int, start: int | None, found: int) -> None:
    """D03."""
    with pytest.raises(WarmupRefused) as caught:
        plan([candles(range(10))], "1m", needed, start_ns=None if start is None else minute(start))

    assert (caught.value.fields["needed"], caught.value.fields["found"]) == (needed, found)
    assert str(needed) in str(caught.value)


def test_a_hole_in_the_warmup_is_refused_with_its_place() -> None:
    """D03: three bars in a row are found after the hole where five are needed."""
    with pytest.raises(WarmupRefused) as caught:
        plan([candles([0, 1, 4, 5, 6, 7, 8])], "1m", 5)

    assert caught.value.fields["hole"] == {
        "symbol": "every symbol",
        "from_ns": minute(2),
        "to_ns": minute(4),
        "bars": 2,
    }
    assert (caught.value.fields["needed"], caught.value.fields["found"]) == (5, 3)


def test_a_hole_of_one_symbol_is_refused_though_another_has_the_bar() -> None:
    with pytest.raises(WarmupRefused) as caught:
        plan([candles(range(9)), candles([0, 1, 3, 4, 5, 6], LATE)], "1m", 5)

    assert caught.value.fields["hole"]["symbol"] == LATE


def test_holes_may_be_accepted() -> None:
    made = plan([candles([0, 1, 4, 5, 6, 7, 8])], "1m", 5, accept_holes=True)

    assert (made.begin_ns, made.first_open_ns) == (minute(0), minute(7))


def test_a_hole_after_the_warmup_refuses_nothing() -> None:
    assert plan([candles([0, 1, 2, 3, 7, 8])], "1m", 3).first_open_ns == minute(3)


def test_a_symbol_that_begins_later_joins_later_and_is_named() -> None:
    made = plan([candles(range(10)), candles(range(6, 10), LATE)], "1m", 4)

    assert made.first_open_ns == minute(4)
    assert list(made.details["late_symbols"]) == [LATE]


def test_no_warmup_begins_at_once() -> None:
    assert plan([candles(range(3))], "1m", 0).first_open_ns == minute(0)


def test_a_start_after_the_recording_is_an_error() -> None:
    with pytest.raises(DataError, match="at or after"):
        plan([candles(range(3))], "1m", 0, start_ns=minute(3))


def test_an_end_before_the_first_tradable_bar_is_an_error() -> None:
    with pytest.raises(DataError, match=r"market\.end"):
        plan([candles(range(9))], "1m", 5, end_ns=minute(5))
