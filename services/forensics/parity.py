"""A backtest's events beside the recorded ones, number by number, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from live_runner.contracts import codec
from live_runner.contracts.messages import BarSet, Event
from live_runner.services.forensics.difference import Differences, changed, extra, missing

__all__ = ["Parity"]


class Parity:
    """Takes a backtest's events as they come; ``recorded`` holds the session's by source, canonical."""

    def __init__(self, recorded: Mapping[str, Sequence[bytes]]) -> None:
        self.differences = Differences()
        self.compared = 0
        self._recorded = recorded
        self._at = dict.fromkeys(recorded, 0)
        self._bars: BarSet | None = None
        self._last: Event | None = None

    def take(self, event: Event) -> None:
        """The backtest's next event, in its log order."""
        source = event.source
        if source in self._recorded:
            self._compare(source, event)
        elif isinstance(event, BarSet):
            self._bars = event
        self._last = event

    def finish(self, *, aborted: bool = False) -> None:
        """Count the session's events beyond the backtest's last ones as differences.

        In an ``aborted`` session a last word of the strategy may have come too late to count.
        """
        for source, wires in self._recorded.items():
            if aborted and source == "strategy":
                continue
            for wire in wires[self._at[source] :]:
                self.compared += 1
                if self.differences.full:
                    self.differences.skip(source)
                else:
                    self.differences.add(missing(codec.decode(wire), self._inputs()))

    def _compare(self, source: str, event: Event) -> None:
        at = self._at[source]
        wires = self._recorded[source]
        self._at[source] = at + 1
        self.compared += 1
        if at < len(wires) and wires[at] == codec.encode(event):
            return
        if self.differences.full:
            self.differences.skip(source)
        elif at < len(wires):
            self.differences.add(changed(codec.decode(wires[at]), event, self._inputs()))
        else:
            self.differences.add(extra(event, self._inputs()))

    def _inputs(self) -> list[Event]:
        """The bar, and the last event before this one."""
        return [event for event in (self._bars, self._last) if event is not None]
