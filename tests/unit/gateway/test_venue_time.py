"""The venue's clock, estimated from its answers on a clock that does not stand still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live_runner.services.gateway.core.venue_time import AGE_MAX_NS, ERROR_MAX_NS, VenueTime

MS = 1_000_000
HOUR = 3_600_000 * MS


@given(st.integers(-HOUR, HOUR), st.integers(0, 500 * MS), st.integers(0, 500 * MS))
def test_the_estimate_is_off_by_no_more_than_it_says(offset: int, there: int, back: int) -> None:
    clock = VenueTime()

    assert clock.read(HOUR, HOUR + there + back, HOUR + there + offset)
    assert abs(clock.at(2 * HOUR) - (2 * HOUR + offset)) <= clock.error_ns + 1


def test_a_better_reading_goes_before_a_worse_one_until_it_is_old() -> None:
    clock = VenueTime()
    clock.read(0, 10 * MS, 1000 * MS)

    assert not clock.read(20 * MS, 420 * MS, 5000 * MS)
    assert clock.at(0) == 995 * MS
    assert clock.read(AGE_MAX_NS, AGE_MAX_NS + 400 * MS, AGE_MAX_NS + 5000 * MS)
    assert clock.at(0) == 4800 * MS


def test_a_reading_that_took_too_long_or_went_back_is_not_taken() -> None:
    clock = VenueTime()

    assert not clock.read(0, 2 * ERROR_MAX_NS + 2 * MS, 0)
    assert not clock.read(10, 0, 0)
    assert not clock.is_known


def test_after_a_refused_timestamp_the_next_reading_counts() -> None:
    clock = VenueTime()
    clock.read(0, 2 * MS, 0)
    clock.doubt()

    assert clock.is_known
    assert clock.read(10 * MS, 410 * MS, HOUR)
    assert clock.at(10 * MS) == HOUR - 200 * MS
