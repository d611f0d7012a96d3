"""A recorded session taken apart for a comparison: what went in, what came out, and when it was told what.

Everything stays as wire bytes until it is used, which keeps a month of twelve symbols in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from live_runner.contracts import codec
from live_runner.contracts.codec import Head
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import (
    Announced,
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Filled,
    Finished,
    Settled,
    Started,
)
from live_runner.services.backtest.loop import ABORT, CommandAt, Step, step_of
from live_runner.services.forensics.recording import CORES, Recording, Wire

__all__ = ["SessionLog"]

_MANIFEST: Final = frozenset({"session.announced", "session.started"})
_STEPS: Final = frozenset({"market.bar_set", "market.feed_ended", "strategy.decided", "strategy.finished"})


class SessionLog:
    """One recorded session; RecordingError when it cannot be used."""

    def __init__(self, events: Iterable[Wire], *, partial: bool = False) -> None:
        self.recording = Recording()
        self.wires: list[bytes] = []
        """Everything, canonical, in stream order."""
        self.commands: list[CommandAt] = []
        self.sets = 0
        self._market: list[bytes] = []
        self._outputs: dict[str, list[bytes]] = {source: [] for source in CORES}
        self._feed_ended: FeedEnded | None = None
        self._is_closed = False
        """Ended from outside, as it was."""
        self._place = _Place()
        for wire in self.recording.pieces(events):
            head = self.recording.head(wire)
            if head is not None:
                canonical = codec.canonical(wire)
                self.wires.append(canonical)
                self._sort(head, canonical)
        self.recording.check_whole(partial=partial, is_cut_short=self._is_closed or bool(self.aborts))

    @property
    def aborts(self) -> list[CommandAt]:
        """Where the strategy was given up: no run goes further, since it may hang there again."""
        return [item for item in self.commands if item.command.command == ABORT]

    @property
    def operator_commands(self) -> list[CommandAt]:
        """Commands by which an operator overruled the strategy: stop, kill, resume, flatten, end."""
        return [item for item in self.commands if item.command.command != ABORT]

    @property
    def announced(self) -> Announced:
        """The announcement by ``run``."""
        assert self.recording.announced is not None, "checked when the recording was read"
        return self.recording.announced

    @property
    def started(self) -> Started:
        """The manifest."""
        assert self.recording.started is not None, "checked when the recording was read"
        return self.recording.started

    def market(self) -> Iterator[Event]:
        """The market events of the session: gaps, bar sets, the end of the feed."""
        for wire in self._market:
            yield codec.decode(wire)

    @property
    def feed_ended(self) -> FeedEnded:
        """Where and why the session's market ended."""
        assert self._feed_ended is not None, "a session that stopped had its feed ended"
        return self._feed_ended

    def outputs_by_source(self) -> Mapping[str, Sequence[bytes]]:
        """Canonical bytes of what each core said, in its order."""
        return self._outputs

    def execution(self) -> Iterator[Event]:
        """The events of the execution core, in order."""
        for wire in self._outputs["execution"]:
            yield codec.decode(wire)

    def fills(self) -> list[Filled]:
        """Every fill, in order."""
        return [event for event in self._of_type("order.filled") if isinstance(event, Filled)]

    def last_settled(self) -> Settled | None:
        """The account at the end."""
        for wire in reversed(self._outputs["execution"]):
            if codec.head(wire).type == "account.settled":
                event = codec.decode(wire)
                assert isinstance(event, Settled), "the envelope says so"
                return event
        return None

    def _of_type(self, type_: str) -> Iterator[Event]:
        for wire in self._outputs["execution"]:
            if codec.head(wire).type == type_:
                yield codec.decode(wire)

    def _sort(self, head: Head, wire: bytes) -> None:
        if head.type in _MANIFEST:
            self.recording.manifest(wire)
        elif head.type == "session.stopped" and head.source not in CORES:
            self._is_closed = True
        elif head.source == "market_data":
            self._market.append(wire)
            self.sets += head.type == "market.bar_set"
        elif head.source in CORES:
            self._outputs[head.source].append(wire)
        elif head.type == "ops.command":
            command = codec.decode(wire)
            assert isinstance(command, Command), "the envelope says so"
            self.commands.append(CommandAt(self._place.step, command))
        if head.type in _STEPS and head.source in CORE_ROLES:
            event = codec.decode(wire)
            self._place.fold(event)
            if isinstance(event, FeedEnded):
                self._feed_ended = event


class _Place:
    """The step that the execution core has reached, however far the feed had read ahead.

    A bar set waits for the decision before it, so a command that stands behind two sets in the log may
    still belong to the bar of the first one.
    """

    def __init__(self) -> None:
        self.step: Step = (0, 0)
        self._undecided = False
        self._waiting: deque[BarSet | FeedEnded] = deque()

    def fold(self, event: Event) -> None:
        """The next input of the execution core, in stream order."""
        if isinstance(event, (BarSet, FeedEnded)):
            self._waiting.append(event)
        elif isinstance(event, Decided):
            self._undecided = False
            self.step = step_of(event) or self.step
        elif isinstance(event, Finished):
            self.step = step_of(event) or self.step
        while self._waiting and not self._undecided:
            entry = self._waiting.popleft()
            self.step = step_of(entry) or self.step
            self._undecided = isinstance(entry, BarSet) and not entry.warmup
