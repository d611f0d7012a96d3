"""The one grammar and the one parser of timeframes.

A bar is labelled by its open time; bars of a timeframe open at multiples of its length
since the Unix epoch, weeks on Mondays.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.errors import ConfigError

__all__ = ["TIMEFRAMES", "bar_open_ns", "duration_ns", "is_bar"]

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

TIMEFRAMES: Final[dict[str, int]] = {
    "1s": _SECOND,
    "15s": 15 * _SECOND,
    "30s": 30 * _SECOND,
    "1m": _MINUTE,
    "3m": 3 * _MINUTE,
    "5m": 5 * _MINUTE,
    "15m": 15 * _MINUTE,
    "30m": 30 * _MINUTE,
    "1h": _HOUR,
    "2h": 2 * _HOUR,
    "4h": 4 * _HOUR,
    "6h": 6 * _HOUR,
    "8h": 8 * _HOUR,
    "12h": 12 * _HOUR,
    "1d": _DAY,
    "1w": 7 * _DAY,
}
"""Each timeframe and its length in nanoseconds."""

_HINTS: Final = {"0.5m": "30s", "0.25m": "15s", "60s": "1m", "60m": "1h", "24h": "1d", "7d": "1w", "1M": "1m"}

# 1970-01-01 was a Thursday; weeks open on Monday, four days later.
_WEEK_OFFSET: Final = 4 * _DAY


def duration_ns(timeframe: str) -> int:
    """Length of one bar in nanoseconds.

    Raises ConfigError, with the spelling that was probably meant, for anything outside the grammar.
    """
    try:
        return TIMEFRAMES[timeframe]
    except KeyError:
        hint = _HINTS.get(timeframe)
        remedy = f"Write {hint}" if hint else f"Use one of {' '.join(TIMEFRAMES)}"
        raise ConfigError(f"'{timeframe}' is not a valid timeframe", remedy=remedy, timeframe=timeframe) from None


def bar_open_ns(at_ns: int, timeframe: str) -> int:
    """Open time of the bar that holds ``at_ns``."""
    length = duration_ns(timeframe)
    offset = _WEEK_OFFSET if timeframe == "1w" else 0
    return (at_ns - offset) // length * length + offset


def is_bar(open_ns: int, close_ns: int, timeframe: str) -> bool:
    """Whether a bar of the timeframe, one of ``TIMEFRAMES``, opens and closes at these times."""
    length = TIMEFRAMES[timeframe]
    if timeframe == "1w":
        return close_ns - open_ns == length and (open_ns - _WEEK_OFFSET) % length == 0
    return close_ns - open_ns == length and open_ns % length == 0
