"""D06: one grammar, one parser, labels by open time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.timeframe import TIMEFRAMES, bar_open_ns, duration_ns

_SPELLED = "1s 15s 30s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 1w"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def test_the_grammar_is_the_published_list() -> None:
    assert _SPELLED.split() == list(TIMEFRAMES)


@pytest.mark.parametrize("timeframe", _SPELLED.split())
def test_a_timeframe_lasts_what_it_says(timeframe: str) -> None:
    assert int(timeframe[:-1]) * _UNITS[timeframe[-1]] * 1_000_000_000 == duration_ns(timeframe)


def test_half_a_minute_is_refused_with_the_right_spelling() -> None:
    """D06, X04."""
    with pytest.raises(ConfigError, match=r"'0\.5m' is not a valid timeframe\. Write 30s\."):
        duration_ns("0.5m")


@pytest.mark.parametrize("wrong", ["", "1", "m", "2m", "1M", "1 m", "1min", "-1m", "60", "1m "])
def test_anything_else_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid timeframe"):
        duration_ns(wrong)


def test_a_bar_is_labelled_by_its_open_time() -> None:
    """X05."""
    at = datetime(2026, 3, 4, 12, 7, 59, tzinfo=UTC)
    at_ns = int(at.timestamp()) * 1_000_000_000 + 999_999_999

    for timeframe, opened in {
        "1m": at.replace(second=0),
        "5m": at.replace(minute=5, second=0),
        "1h": at.replace(minute=0, second=0),
        "8h": at.replace(hour=8, minute=0, second=0),
        "1d": at.replace(hour=0, minute=0, second=0),
        "1w": datetime(2026, 3, 2, tzinfo=UTC),
    }.items():
        assert int(opened.timestamp()) * 1_000_000_000 == bar_open_ns(at_ns, timeframe)


def test_the_open_time_itself_belongs_to_the_bar_that_opens() -> None:
    assert bar_open_ns(60_000_000_000, "1m") == 60_000_000_000
    assert bar_open_ns(59_999_999_999, "1m") == 0
