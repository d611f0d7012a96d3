"""What a bar set of any program must be; a reader passes over one that is not."""

from __future__ import annotations

from math import inf

from live_runner.contracts.decimals import parse_decimal
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import BarSet, FundingRate

__all__ = ["check_bar_set"]


def check_bar_set(event: BarSet) -> None:
    """MessageError for bars that no market has: prices outside low and high, time that goes back, a symbol twice."""
    if event.close_ns <= event.open_ns or event.number < 1:
        raise _impossible(event, "it closes before it opens")
    bars, missing = event.bars, event.missing
    for bar in bars:
        low, high = bar.low, bar.high
        # So written that a price that is not a number fails too. Floats are compared with floats: half the time.
        if not (0.0 < low <= bar.open <= high < inf and low <= bar.close <= high and 0.0 <= bar.volume < inf):
            raise _impossible(event, f"the bar of {bar.symbol[:100]} contradicts itself")
    for rate in event.funding:
        if not _is_rate(rate) or rate.funding_ns >= event.close_ns:
            raise _impossible(event, f"the funding rate of {rate.symbol[:100]} is not a valid one")
    names = {bar.symbol for bar in bars}
    if missing:
        names.update(missing)
    if len(names) != len(bars) + len(missing):
        raise _impossible(event, "a symbol is in it twice, or both there and missing")


def _is_rate(rate: FundingRate) -> bool:
    try:
        parse_decimal(rate.rate)
    except ValueError:
        return False
    return rate.mark is None or 0 < rate.mark < inf


def _impossible(event: BarSet, why: str) -> MessageError:
    return MessageError(
        f"Bar set {event.id} of {event.source} is impossible: {why}",
        remedy="Check which program publishes bars of this session",
        id=event.id,
        source=event.source,
    )
