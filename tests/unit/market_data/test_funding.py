"""Funding rates of a recording (L03, X09)."""

from __future__ import annotations

import pytest

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import FundingRate
from live_runner.services.market_data.core.funding import between, series
from live_runner.services.venues.funding import snap

MS = 1_000_000
EIGHT = 28_800_000 * MS


@pytest.mark.parametrize("jitter_ms", [-900, 0, 1, 20, 1000])
def test_a_stamp_near_a_minute_means_that_minute(jitter_ms: int) -> None:
    assert snap(EIGHT + jitter_ms * MS) == EIGHT


def test_a_stamp_far_from_a_minute_is_taken_at_its_word() -> None:
    assert snap(EIGHT + 1_500 * MS) == EIGHT + 1_500 * MS


def test_rates_stay_exact_and_carry_the_mark_at_their_stamp() -> None:
    rates, repeats = series(
        "S", [(2 * EIGHT + 3 * MS, "1.59050417522e-05"), (EIGHT, "-0.00010")], {EIGHT: 7.5}, source="f"
    )

    assert rates == [FundingRate("S", EIGHT, "-0.0001", 7.5), FundingRate("S", 2 * EIGHT, "0.0000159050417522", None)]
    assert repeats == 0


def test_a_repeated_rate_is_dropped_and_another_rate_at_the_same_stamp_is_an_error() -> None:
    assert series("S", [(EIGHT, "0.1"), (EIGHT + MS, "0.10")], {}, source="f")[1] == 1
    with pytest.raises(DataError, match="two funding rates"):
        series("S", [(EIGHT, "0.1"), (EIGHT + MS, "0.2")], {}, source="f")


def test_rates_are_taken_from_a_half_open_range() -> None:
    rates = [FundingRate("S", at, "0") for at in (1, 2, 3)]

    assert between(rates, 1, 3) == rates[:2]
