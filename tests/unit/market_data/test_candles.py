"""Which candles are usable (D05, X05)."""

from __future__ import annotations

import numpy as np
import pytest
from fix_market import MINUTE_NS, START_NS, candles

from live_runner.contracts.errors import DataError
from live_runner.services.market_data.core.candles import Candles, Cleaned, clean, holes, merge


def with_value(field: str, row: int, value: float) -> Candles:
    """Four good bars, one value of which is another."""
    series = candles([0, 1, 2, 3])
    series.column(field)[row] = value
    return series


def test_clean_candles_pass_as_they_are() -> None:
    series = candles([0, 1, 2])

    assert clean(series, "1m", source="f").candles is series


@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_price_that_is_none_is_refused_with_file_row_and_field(field: str, value: float) -> None:
    """D05."""
    with pytest.raises(DataError) as caught:
        clean(with_value(field, 2, value), "1m", source="btc.csv", first_row=2)

    assert caught.value.fields == {"file": "btc.csv", "row": 4, "field": field}
    assert "btc.csv, row 4" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_a_volume_that_is_none_is_refused(value: float) -> None:
    """D05."""
    with pytest.raises(DataError, match="row 2: volume"):
        clean(with_value("volume", 1, value), "1m", source="f")


def test_zero_volume_is_a_bar_in_which_nobody_traded() -> None:
    """D05."""
    assert len(clean(with_value("volume", 1, 0.0), "1m", source="f").candles) == 4


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("high", 50.0, "high is below low"),
        ("low", 101.2, "low is above open"),
        ("close", 103.0, "high is below close"),
        ("open", 99.9, "low is above open"),
    ],
)
def test_a_price_outside_the_range_of_its_bar_is_refused(field: str, value: float, what: str) -> None:
    """D05."""
    with pytest.raises(DataError, match=what):
        clean(with_value(field, 1, value), "1m", source="f")


def test_exact_repeats_are_dropped_and_counted() -> None:
    """D05."""
    cleaned = clean(candles([0, 1, 1, 1, 2]), "1m", source="f")

    assert (len(cleaned.candles), cleaned.duplicates, cleaned.reordered) == (3, 2, 0)


def test_rows_out_of_order_are_sorted_and_counted() -> None:
    """D05."""
    cleaned = clean(candles([0, 3, 1, 2, 4]), "1m", source="f")

    assert np.diff(cleaned.candles.open_ns).tolist() == [MINUTE_NS] * 4
    assert cleaned.candles.close.tolist() == [100.5, 101.5, 102.5, 103.5, 104.5]
    assert (cleaned.duplicates, cleaned.reordered) == (0, 2)


def test_two_rows_that_contradict_each_other_are_an_error() -> None:
    """D05: nobody but the owner of the file knows which one is right."""
    series = candles([0, 1, 1, 2])
    series.close[2] = 101.75

    with pytest.raises(DataError, match="row 3: close contradicts"):
        clean(series, "1m", source="f")


def test_a_bar_off_the_grid_is_refused() -> None:
    """D05, X05: a recording labelled by close time or of another timeframe is not shifted into place."""
    series = candles([0, 1, 2])
    series.open_ns[1] += 59_999_000_000

    with pytest.raises(DataError, match="row 2: time"):
        clean(series, "1m", source="f")


def test_weeks_open_on_mondays() -> None:
    """D06: 1970-01-05 was a Monday."""
    monday = 4 * 86_400_000_000_000
    series = candles([0])
    series.open_ns[0] = monday

    assert len(clean(series, "1w", source="f").candles) == 1

    series.open_ns[0] = 0
    with pytest.raises(DataError, match="1w"):
        clean(series, "1w", source="f")


def test_holes_are_stretches_in_open_times() -> None:
    found = holes(candles([0, 1, 4, 5, 9]).open_ns, "1m")

    assert [((a - START_NS) // MINUTE_NS, (b - START_NS) // MINUTE_NS) for a, b in found] == [(2, 4), (6, 9)]


def test_parts_of_a_symbol_join_in_order_and_overlap_once() -> None:
    parts = [Cleaned(candles([3, 4, 5])), Cleaned(candles([0, 1, 2, 3]))]

    whole = merge(parts, source="a, b")

    assert (len(whole.candles), whole.duplicates) == (6, 1)


def test_parts_that_contradict_each_other_are_an_error() -> None:
    other = candles([1])
    other.close[0] = 101.25

    with pytest.raises(DataError, match="contradict each other in 'close'"):
        merge([Cleaned(candles([0, 1])), Cleaned(other)], source="a, b")
