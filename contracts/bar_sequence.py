"""The bar sets of one session in their order: what the next one must be, as every reader of the log takes them.

A reader asks ``refuse`` when the number of the event is the next of its source, passes over what is refused without
taking its number, and calls ``follow`` with each event that it takes. The state is a function of the events taken, so
it is the same after a restart.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import msgspec

from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import BarSet, Event, FeedEnded, Started, Stopped
from live_runner.contracts.numbering import FIRST_HASH, bar_hash
from live_runner.contracts.timeframe import TIMEFRAMES, is_bar

__all__ = ["BarSequence"]


class BarSequence(msgspec.Struct):
    """The last bar set of a session that was taken."""

    symbols: list[str] = []
    """Of the manifest, in its order; none before ``started``."""
    timeframe: str = ""
    number: int = 0
    close_ns: int = 0
    hash: str = ""
    """Of the last set; "" before the first and where sets have none."""
    is_tradable: bool = False
    """Whether the warmup is over."""
    is_known: bool = True
    """Whether the sets before the next one are; not where the log has lost them."""
    is_over: bool = False

    def refuse(self, event: Event) -> None:
        """MessageError for a bar set, an end of the feed or a manifest that cannot follow; any other event passes."""
        if type(event) is BarSet:
            why = self._fault(event)
        elif type(event) is FeedEnded:
            why = self._fault_of_end(event)
        elif type(event) is Started:
            why = "the session has started" if self.symbols else ""
        else:
            return
        if why:
            raise _refusal(event, why)

    def take(self, bars: BarSet) -> None:
        """Follow a bar set; MessageError, and nothing changes, where it cannot follow."""
        why = self._fault(bars)
        if why:
            raise _refusal(bars, why)
        self._follow_set(bars)

    def follow(self, event: Event) -> None:
        """Take an event of the session; others than those of the feed and of its beginning and end change nothing."""
        kind = type(event)
        if kind is BarSet:
            self._follow_set(event)  # type: ignore[arg-type]  # kind says so; isinstance costs more at every event
        elif kind is FeedEnded:
            self.is_over = True
        elif isinstance(event, Started) and not self.symbols:
            self.symbols, self.timeframe = _market(event.config)
        elif isinstance(event, Stopped):
            self.is_over = True

    def copy(self) -> BarSequence:
        """Another one that stands at the same set."""
        return copy(self)

    def forget(self) -> None:
        """Events are missing before the next one: it follows whatever was there."""
        self.is_known = False

    def _follow_set(self, bars: BarSet) -> None:
        # A field that stays is not written again, which costs several times what it costs to look.
        if not self.is_known:
            self.is_known = True
        self.number = bars.number
        self.close_ns = bars.close_ns
        if self.hash != bars.hash:
            self.hash = bars.hash
        if self.is_tradable is bars.warmup:
            self.is_tradable = not bars.warmup

    def _fault(self, bars: BarSet) -> str:
        symbols, timeframe, open_ns = self.symbols, self.timeframe, bars.open_ns
        if not symbols:
            return "the session has not started"
        if self.is_over:
            return "the feed has ended"
        if timeframe in TIMEFRAMES and not is_bar(open_ns, bars.close_ns, timeframe):
            return f"{open_ns} to {bars.close_ns} is not a bar of {timeframe}"
        found = [bar.symbol for bar in bars.bars]
        if bars.missing or found != symbols:
            there = set(found)
            if found != [name for name in symbols if name in there] or bars.missing != [
                name for name in symbols if name not in there
            ]:
                return "its symbols and those that it names as missing are not those of the session, in their order"
        if bars.funding and not {rate.symbol for rate in bars.funding}.issubset(symbols):
            return "it has a funding rate of a symbol that is not one of the session"
        if not self.is_known:
            return ""
        if bars.number != self.number + 1:
            return f"it is bar set {bars.number}, and {self.number + 1} is the next"
        if open_ns < self.close_ns:
            return f"it opens at {open_ns}, before the last close {self.close_ns}"
        if bars.warmup and self.is_tradable:
            return "it is of the warmup, which is over"
        if bars.hash:
            # Sets of a program that gives no hashes, and of builds before there were any, have none.
            if bar_hash(self.hash or FIRST_HASH, bars) != bars.hash:
                return "it does not match its hash"
        elif self.hash:
            return "it has no hash, and the set before it has one"
        return ""

    def _fault_of_end(self, ended: FeedEnded) -> str:
        if not self.symbols:
            return "the session has not started"
        if self.is_over:
            return "the feed has ended"
        if self.is_known and (ended.sets, ended.close_ns) != (self.number, self.close_ns):
            return (
                f"it ends after {ended.sets} bar sets at {ended.close_ns}, and there are {self.number},"
                f" the last at {self.close_ns}"
            )
        return ""


def _refusal(event: Event, why: str) -> MessageError:
    return MessageError(
        f"{event.id} of {event.source} cannot follow: {why}",
        remedy="Check which program publishes on the subjects of this session",
        id=event.id,
        source=event.source,
    )


def _market(config: dict[str, Any]) -> tuple[list[str], str]:
    """Symbols and timeframe of a configuration; none where it is not one."""
    try:
        market = msgspec.convert(config.get("market"), _Market)
    except msgspec.ValidationError:
        return [], ""
    return market.symbols, market.timeframe


class _Market(msgspec.Struct):
    symbols: list[str]
    timeframe: str
