"""Funding rates of a recording.

Stamps and rates are read as venues state them. The mark price is the open of the mark candle that opens at the
stamp: the venue's index at that moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from live_runner.contracts.errors import DataError
from live_runner.contracts.messages import FundingRate
from live_runner.services.venues.funding import rate_text, snap

__all__ = ["between", "series"]


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
