"""Market events for a backtest, numbered as the market_data service numbers them.

The execution core's events name the event that caused them, so a bar set has to carry the same id here
and in a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from live_runner.contracts.messages import BarSet, Event, FeedEnded
from live_runner.contracts.numbering import Numbering
from live_runner.services.market_data.core.sets import Item

__all__ = ["END_OF_RECORDING", "SOURCE", "numbered"]

SOURCE: Final = "market_data"

END_OF_RECORDING: Final = "end_of_recording"
"""Why a feed ends when nobody asked it to."""


def numbered(session: str, items: Iterable[Item]) -> Iterator[Event]:
    """The items of a recording as events from number 1, with the ``feed_ended`` that closes them."""
    numbering = Numbering(session, SOURCE, hashing=False)
    sets = close_ns = 0
    for kind, event_ns, fields in items:
        if kind is BarSet:
            sets, close_ns = fields["number"], fields["close_ns"]
        yield numbering.make(kind, cause="", event_ns=event_ns, **fields)
    yield numbering.make(FeedEnded, cause="", event_ns=close_ns, reason=END_OF_RECORDING, sets=sets, close_ns=close_ns)
