"""Funding rates of a recording.

Venues stamp a funding with the moment their computation ended, a few milliseconds after the minute;
a stamp within a second of a whole minute means that minute. Rates stay decimal text. The mark price
is the open of the mark candle that opens at the stamp: the venue's index at that moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import FundingRate
from live_runner.hotpath import fixed

__all__ = ["between", "rate_text", "series", "snap"]

_MINUTE_NS: Final = 60_000_000_000
_SNAP_NS: Final = 1_000_000_000


def snap(stamp_ns: int) -> int:
    """The whole minute that the stamp means, or the stamp itself when none is within a second."""
    minute = (stamp_ns + _MINUTE_NS // 2) // _MINUTE_NS * _MINUTE_NS
    return minute if abs(stamp_ns - minute) <= _SNAP_NS else stamp_ns


def rate_text(text: str) -> str:
    """The rate as the shortest decimal text of the same value; ValueError when it is not a number."""
    return fixed.decimal_text(*fixed.parse_decimal(text))


def series(
    symbol: str, rows: Iterable[tuple[int, str]], marks: Mapping[int, float], *, source: str
) -> tuple[list[FundingRate], int]:
    """Rates in order, each stamp once, and how many repeats were dropped.

    ``rows`` are (stamp_ns, rate text), ``marks`` the opens of mark candles by open time. DataError names
    ``source`` when two rates of one stamp contradict each other.
    """
    found: dict[int, str] = {}
    repeats = 0
    for stamp_ns, text in rows:
        at_ns, rate = snap(stamp_ns), rate_text(text)
        if found.setdefault(at_ns, rate) != rate:
            raise DataError(
                f"{source}: two funding rates at {at_ns // 1_000_000} ms, {found[at_ns]} and {rate}",
                remedy="Keep one of the two rows",
                file=source,
                field="funding_rate",
                funding_ns=at_ns,
            )
        repeats += 1
    rates = [FundingRate(symbol, at_ns, found[at_ns], marks.get(at_ns)) for at_ns in sorted(found)]
    return rates, repeats - len(found)


def between(rates: list[FundingRate], from_ns: int, to_ns: int) -> list[FundingRate]:
    """Rates due in [from_ns, to_ns)."""
    start = bisect_left(rates, from_ns, key=lambda rate: rate.funding_ns)
    stop = bisect_left(rates, to_ns, key=lambda rate: rate.funding_ns)
    return rates[start:stop]
