"""Funding as venues state it.

Venues stamp a funding with the moment their computation ended, a few milliseconds after the minute;
a stamp within a second of a whole minute means that minute. Rates stay decimal text.
"""

from __future__ import annotations

from typing import Final

from live_runner.hotpath import fixed

__all__ = ["rate_text", "snap"]

_MINUTE_NS: Final = 60_000_000_000
_SNAP_NS: Final = 1_000_000_000


def snap(stamp_ns: int) -> int:
    """The whole minute that the stamp means, or the stamp itself when none is within a second."""
    minute = (stamp_ns + _MINUTE_NS // 2) // _MINUTE_NS * _MINUTE_NS
    return minute if abs(stamp_ns - minute) <= _SNAP_NS else stamp_ns


def rate_text(text: str) -> str:
    """The rate as the shortest decimal text of the same value; ValueError when it is not a number."""
    return fixed.decimal_text(*fixed.parse_decimal(text))
