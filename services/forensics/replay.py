"""Replay: do the recorded inputs still give the recorded outputs, byte for byte?

Each core gets what it got in the session, in stream order: the execution core the recorded decisions, the
strategy core the recorded orders and accounts. So one wrong output is one difference, and does not hide
behind those that follow from it.

In the log an output may stand behind further inputs, because a feed reads ahead. So outputs are compared
by number, never by what stands next to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from live_runner.contracts import codec
from live_runner.contracts.errors import MessageError, RunnerError
from live_runner.contracts.messages import BarSet, Command, Decided, Event, Finished, Stopped
from live_runner.services.backtest.failures import not_repeatable
from live_runner.services.backtest.loop import ABORT
from live_runner.services.execution.core.engine import FACTS, ExecutionCore
from live_runner.services.forensics.code_check import check_playable
from live_runner.services.forensics.difference import Difference, Differences, FieldDifference, changed, extra, missing
from live_runner.services.forensics.direct_replay import DirectReplay
from live_runner.services.forensics.errors import RecordingError
from live_runner.services.forensics.recording import CORES, Recording, Wire
from live_runner.services.forensics.replay_cursor import ReplayCursor
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies import loader

__all__ = ["ReplayResult", "Tally", "replay"]

_INPUT_TYPES: Final = frozenset({"market.bar_set", "market.feed_ended"})
_COMMAND: Final = "ops.command"
_FACTS: Final = frozenset(str(kind.__struct_config__.tag) for kind in FACTS)
"""Of a real venue; those before the manifest are about no order."""
_STOPPED: Final = "session.stopped"
_BAR_SET: Final = codec.opening(BarSet)
_DECISIONS: Final = (codec.opening(Decided), codec.opening(Finished))
"""Of all that the strategy core says."""
_MANIFEST: Final = frozenset({"session.announced", "session.started"})


class Tally(msgspec.Struct, frozen=True):
    """Outputs of one core: how many were compared, how many differ."""

    compared: int
    differences: int


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a replay. It ``agrees`` when there is no difference."""

    session: str
    events: int
    """Events read, of all sources."""
    compared: int
    """Outputs of the cores compared."""
    differences: int
    first: Difference | None
    kept: list[Difference]
    """The first few differences in full."""
    sources: dict[str, Tally]
    notes: list[str] = []
    """Notes for the reader: another platform, a partial recording."""

    @property
    def agrees(self) -> bool:
        """Whether every recorded output was made again, and no other."""
        return self.differences == 0


def replay(
    events: Iterable[Wire],
    *,
    partial: bool = False,
    platform: Mapping[str, str] | None = None,
    engine_hash: str | None = None,
    restart_at: int = 0,
) -> ReplayResult:
    """Fold a recording through fresh cores and compare every output with the recorded one.

    ``partial`` allows a recording that breaks off (a running or a crashed session); ``platform`` and
    ``engine_hash`` are those at hand, noted when the manifest names others. RecordingError when the
    recording cannot be used, VersionMismatch when another engine or other models made it. After ``restart_at`` events
    (0: never) the strategy is put back from a snapshot into a fresh object, as after a crash.
    """
    direct = DirectReplay()
    if not restart_at and not isinstance(events, Iterator) and direct.agrees(events, partial=partial):
        return _Replay.of(direct).result(platform, engine_hash)
    run = _Replay(restart_at)
    for wire in run.recording.pieces(events):
        if run.broken:
            # Read on all the same: a hole in the recording explains more than what it led to.
            run.recording.head(wire)
        else:
            run.fold(wire)
    run.recording.check_whole(partial=partial, is_cut_short=run.aborted or run.closed)
    if not run.broken:
        run.finish(partial=partial)
    return run.result(platform, engine_hash)


class _Replay:
    """The two cursors and the recording between them."""

    def __init__(self, restart_at: int = 0) -> None:
        self.restart_at = restart_at
        self.recording = Recording()
        self.differences = Differences()
        self.cursors: dict[str, ReplayCursor] = {}
        self.broken = False
        """A core could not fold an input; nothing after it can be compared."""
        self.aborted = False
        """The strategy was given up: it may have hung in a decision, so it is not asked for that one again."""

        self.closed = False
        """The session was ended from outside, as it was: its cores may have had more to do."""

    @classmethod
    def of(cls, direct: DirectReplay) -> _Replay:
        """The findings of a replay that found no difference."""
        run = cls()
        run.recording = direct.recording
        run.cursors = {"execution": ReplayCursor(direct.core), "strategy": ReplayCursor(direct.strategy)}
        for source, cursor in run.cursors.items():
            cursor.compared = direct.compared[source]
        return run

    def fold(self, wire: bytes) -> None:
        """The next recorded event: an output to compare, an input to fold, or neither."""
        if self.restart_at and self.cursors and self.recording.events >= self.restart_at:
            self.restart_at = 0
            self._restart()
        canonical = codec.canonical(wire)
        if self.cursors and (self._is_as_made(canonical) or self._is_bars(canonical)):
            return
        head = self.recording.head(wire)
        if head is None:
            return
        if head.type in _MANIFEST:
            self._manifest(canonical)
        elif head.source in CORES:
            self._output(head.source, canonical)
        elif head.type == _STOPPED:
            self.closed = True
        elif head.type in _INPUT_TYPES or head.type == _COMMAND:
            self._check_begun()
            # Canonical: a core never sees when an event was published.
            self._input(codec.decode(canonical))
        elif head.type in _FACTS and self.cursors:
            self._input(codec.decode(canonical))

    def _restart(self) -> None:
        cursor, announced = self.cursors["strategy"], self.recording.announced
        assert announced is not None, "the cores were made from it"
        legacy = announced.config["strategy"]["legacy"]
        core = StrategyCore(announced.session, loader.load(announced.strategy, announced.sources, legacy=legacy))
        assert isinstance(cursor.core, StrategyCore)
        core.restore(cursor.core.snapshot())
        cursor.core = core

    def _is_as_made(self, canonical: bytes) -> bool:
        """Whether this is an output that was made again. Nearly every one is, and then its bytes tell all about it."""
        execution, strategy = self.cursors["execution"], self.cursors["strategy"]
        if execution.has_next(canonical):
            event = execution.made[0][1]
            if self.recording.takes_number("execution", event.seq, stopped=type(event) is Stopped):
                strategy.waiting.append(execution.pop())
                return True
        # find, as "in" raises and catches an error within before it looks for bytes.
        elif canonical.startswith(_DECISIONS) and canonical.find(self.recording.next_mark("strategy")) >= 0:
            # The strategy is asked only now, when it is known to have answered.
            self._fold("strategy", strategy)
            if strategy.has_next(canonical):
                event = strategy.pop()
                self.recording.passed("strategy", event.seq)
                execution.waiting.append(event)
                self._fold("execution", execution, all_of_them=True)
                return True
        return False

    def _is_bars(self, canonical: bytes) -> bool:
        """Whether this is the next bar set of the session: most of what is left, and decoded once."""
        if not canonical.startswith(_BAR_SET):
            return False
        try:
            event = codec.decode(canonical)
        except MessageError:
            return False
        taken = self.recording.takes_next_set(event)  # type: ignore[arg-type]  # a bar set, by its opening bytes
        if taken:
            self._input(event)
        return taken is not None

    def finish(self, *, partial: bool) -> None:
        """Count events that were made and never recorded as differences; a partial recording may only be cut off."""
        if self.closed or (partial and not self.recording.stopped):
            return
        for source, cursor in self.cursors.items():
            if source == "strategy" and self.aborted:
                continue
            self._fold(source, cursor, all_of_them=True)
            for _, event, cause in cursor.made:
                self.differences.add(extra(event, (cause,)))

    def result(self, platform: Mapping[str, str] | None, engine_hash: str | None) -> ReplayResult:
        """The findings as a value."""
        by_source = self.differences.by_source
        return ReplayResult(
            session=self.recording.session,
            events=self.recording.events,
            compared=sum(cursor.compared for cursor in self.cursors.values()),
            differences=self.differences.count,
            first=self.differences.first,
            kept=self.differences.kept,
            sources={name: Tally(cursor.compared, by_source.get(name, 0)) for name, cursor in self.cursors.items()},
            notes=self._notes(platform, engine_hash),
        )

    def _manifest(self, wire: bytes) -> None:
        self.recording.manifest(wire)
        announced, started = self.recording.announced, self.recording.started
        if started is None:
            return
        if announced is None or self.cursors:
            raise RecordingError(
                f"The manifest of {started.session} is at the wrong place in its recording",
                remedy="Read the session from its first event",
                reason="no_manifest",
            )
        check_playable(started)
        legacy = announced.config["strategy"]["legacy"]
        strategy_class = loader.load(announced.strategy, announced.sources, legacy=legacy)
        self.cursors = {
            "execution": ReplayCursor(ExecutionCore(started.session)),
            "strategy": ReplayCursor(StrategyCore(started.session, strategy_class)),
        }
        self._input(started)

    def _output(self, source: str, canonical: bytes) -> None:
        """A recorded output of a core. The strategy is asked only now, when it is known to have answered."""
        self._check_begun()
        cursor = self.cursors[source]
        if not self.broken:
            self._fold(source, cursor)
        if cursor.has_next(canonical):
            self._input(cursor.pop())
            return
        cursor.compared += 1
        recorded = codec.decode(canonical)
        if cursor.made and cursor.made[0][1].seq == recorded.seq:
            _, made, cause = cursor.made.popleft()
            self.differences.add(changed(recorded, made, (cause,)))
        else:
            inputs = () if cursor.last_input is None else (cursor.last_input,)
            self.differences.add(missing(recorded, inputs))
        self._input(recorded)

    def _check_begun(self) -> None:
        if not self.cursors:
            raise RecordingError(
                f"The recording of {self.recording.session} does not begin with its manifest",
                remedy="Read the session from its first event",
                reason="no_manifest",
            )

    def _input(self, event: Event) -> None:
        """A recorded event, for the cores that it is an input of."""
        if type(event) is Command:
            self.aborted = self.aborted or event.command == ABORT
        elif event.source != "strategy":
            self.cursors["strategy"].waiting.append(event)
        if event.source != "execution":
            execution = self.cursors["execution"]
            execution.waiting.append(event)
            self._fold("execution", execution, all_of_them=True)

    def _fold(self, source: str, cursor: ReplayCursor, *, all_of_them: bool = False) -> None:
        try:
            cursor.fold(all_of_them=all_of_them)
        except RunnerError as error:
            self.broken = True
            self.differences.add(_raised(source, cursor, error))

    def _notes(self, platform: Mapping[str, str] | None, engine_hash: str | None) -> list[str]:
        notes = []
        started = self.recording.started
        if started is not None and engine_hash not in (None, started.engine_hash):
            notes.append(f"Recorded with engine {started.engine_hash}, replayed with {engine_hash}")
        if started is not None and platform is not None:
            for key, recorded in started.platform.items():
                here = platform.get(key, "unknown")
                if here != recorded:
                    notes.append(f"Recorded with {key} {recorded}, replayed with {here}")
        if self.recording.doubled:
            notes.append(
                f"{self.recording.doubled} events are in the recording twice, first {self.recording.first_doubled}; "
                "the second one was ignored"
            )
        if self.recording.unknown:
            notes.append(f"{self.recording.unknown} messages are of types that this build does not know; passed over")
        if self.recording.voided:
            notes.append(
                f"{self.recording.voided} messages are void: the stream had refused one before them; they come again"
            )
        if self.recording.lost:
            notes.append(
                f"{self.recording.lost} observations of services are missing, first {self.recording.first_lost}: "
                "the stream refused them"
            )
        if self.recording.ahead:
            notes.append(f"{self.recording.ahead} messages have a number before its time; passed over")
        if self.recording.refused:
            notes.append(f"{self.recording.refused} events of the feed cannot follow those before them; passed over")
        if self.aborted:
            notes.append(
                "The session was aborted; the last call of the strategy, which never returned, is not compared"
            )
        first, announced = self.differences.first, self.recording.announced
        if first is not None and first.source == "strategy" and announced is not None:
            what = f"number {first.seq} of its outputs, at the close {first.close_ns}, is another one"
            notes.append(not_repeatable(announced.sources, what).first)
        if self.closed:
            notes.append("The session was closed as it was; what its cores had not published by then is not compared")
        if not self.recording.stopped and not self.broken:
            notes.append(f"The recording ends after {self.recording.events} events; what follows is not compared")
        return notes


def _raised(source: str, cursor: ReplayCursor, error: RunnerError) -> Difference:
    event = cursor.last_input
    assert event is not None, "it was folding this one"
    detail: dict[str, Any] = msgspec.to_builtins(event)
    return Difference(
        kind="raised",
        source=source,
        seq=cursor.core.seq + 1,
        type=str(event.__struct_config__.tag),
        event_ns=event.event_ns,
        close_ns=getattr(event, "close_ns", event.event_ns),
        symbol=getattr(event, "symbol", ""),
        fields=[FieldDifference("", "an answer", str(error))],
        cause=event.id,
        inputs=[detail],
    )
