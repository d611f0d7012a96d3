"""Replay of an undisturbed paper session: the strategy is asked on the very engine that settles its account.

That is what a backtest does, and a third of the work: no account is read back from messages. It may answer only one
question, whether every output was made again byte for byte. Whatever else a recording has (a difference, a command, a
doubled event, a report of a venue) is for the replay event by event, which names it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Any, Final

from live_runner.contracts import codec
from live_runner.contracts.codec import encode
from live_runner.contracts.errors import RunnerError
from live_runner.contracts.ids import CORE_ROLES
from live_runner.contracts.messages import (
    Announced,
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Finished,
    Settled,
    Started,
    Stopped,
)
from live_runner.contracts.numbering import step_hash, with_hash
from live_runner.hotpath.engine.python_calls import HOOKS
from live_runner.hotpath.engine.python_host import RecordedHost
from live_runner.hotpath.engine.session import Session
from live_runner.services.execution.core.engine import FACTS, ExecutionCore
from live_runner.services.forensics.code_check import check_playable
from live_runner.services.forensics.recording import CORES, MANIFEST, Recording, Wire
from live_runner.services.strategy.core.account import rules_of
from live_runner.services.strategy.core.host import StrategyCore, bars_of
from live_runner.services.strategy.core.news import NEWS, hooks_of
from live_runner.strategies import loader
from live_runner.strategies.base import Draft, OrderUpdate, Rejection, Strategy
from live_runner.strategies.view import BackoffView

__all__ = ["DirectReplay"]

_BAR_SET: Final = codec.opening(BarSet)
_FINISHED: Final = codec.opening(Finished)
_DECISIONS: Final = (codec.opening(Decided), _FINISHED)


def _types(*kinds: type[Event]) -> frozenset[str]:
    return frozenset(str(kind.__struct_config__.tag) for kind in kinds)


_INPUTS: Final = _types(FeedEnded, *FACTS)
"""Beside bar sets and decisions. The paper venue passes over what a real one says."""
_DISTURBING: Final = _types(Command, BarSet, Stopped, Announced, Started)
"""Of a source or at a place where an undisturbed session has none."""


class DirectReplay:
    """One recording, read once. ``compared`` counts the outputs by source."""

    def __init__(self) -> None:
        self.recording: Final = Recording()
        self.compared: Final = dict.fromkeys(CORES, 0)
        self.core: ExecutionCore
        self.strategy: EngineStrategy

    def agrees(self, events: Iterable[Wire], *, partial: bool) -> bool:
        """Whether nothing disturbed the session and everything was made again. False says only that it is not known."""
        try:
            recorded = iter(events)
            if not self._begins(self.recording.pieces(recorded)) or not self._follows(recorded):
                return False
            self.recording.check_whole(partial=partial)
        except RunnerError:
            return False
        return True

    def _begins(self, pieces: Iterator[bytes]) -> bool:
        """Read up to the manifest, and set up the session."""
        recording = self.recording
        for wire in pieces:
            head = recording.head(wire)
            if head is None or head.source in CORE_ROLES:
                return False
            if head.type in MANIFEST:
                recording.manifest(codec.canonical(wire))
            announced, started = recording.announced, recording.started
            if started is not None:
                return announced is not None and self._sets_up(announced, started)
        return False

    def _sets_up(self, announced: Announced, started: Started) -> bool:
        check_playable(started)
        self.core = ExecutionCore(started.session)
        self.core.handle(started)
        legacy = announced.config["strategy"]["legacy"]
        strategy_class = loader.load(announced.strategy, announced.sources, legacy=legacy)
        self.strategy = EngineStrategy(started.session, strategy_class, self.core.session)
        self.strategy.handle(started)
        return self.core.session.state.simulated

    def _follows(self, recorded: Iterator[Wire]) -> bool:
        """Fold everything after the manifest; most events need nothing but a comparison of bytes."""
        recording, core, strategy = self.recording, self.core, self.strategy
        decode, canonical_of = codec.decode, codec.canonical
        fold: Callable[[Event], Sequence[Any]] = core.handle  # on paper it asks for no effect but events
        made: deque[bytes] = deque()  # by the execution core, and not reached by the recording yet
        core.session.journal.encoded = made
        execution = decisions = 0
        knows_orders = strategy.knows_orders
        takes_next_set, waiting = recording.takes_next_set, strategy.waiting
        last: Any = None
        settled: Settled | None = None
        ended: FeedEnded | None = None
        event: Event | None
        for entry in recorded:
            wire = entry[1] if isinstance(entry, tuple) else entry
            canonical = wire[:-9] + b"\0" if wire[-9:-8] == b"\xcf" else canonical_of(wire)  # the first is faster
            if made and made[0] == canonical:
                made.popleft()
                execution += 1
                continue
            if canonical.startswith(_BAR_SET):
                event = decode(canonical)
                if not takes_next_set(event):  # type: ignore[arg-type]  # a bar set, by its opening bytes
                    return False
                waiting.append(event)  # type: ignore[arg-type]
            elif canonical.startswith(_DECISIONS):
                # The strategy is asked only where it is known to have answered: in an aborted session it may hang.
                if made or canonical.find(strategy.next_mark) < 0:
                    return False
                event = strategy.finish(ended) if canonical.startswith(_FINISHED) else strategy.decide(settled)
                if event is None or strategy.made != canonical:
                    return False
                decisions += 1
            else:
                head = recording.head(wire)
                if head is None or head.source in CORES or head.type in _DISTURBING:
                    return False
                if head.type not in _INPUTS:
                    continue
                event = decode(canonical)
                if type(event) is FeedEnded:
                    ended = event
            outputs = fold(event)
            if outputs:
                last = outputs[-1]
                if type(last) is Settled:  # it ends a step
                    settled = last
                if knows_orders:
                    strategy.hold_news(outputs)
        self.compared["execution"], self.compared["strategy"] = execution, decisions
        recording.events += execution + decisions
        recording.stopped = type(last) is Stopped and not made
        return True


class EngineStrategy(StrategyCore):
    """The strategy, asked on the engine of the execution core; ``waiting`` are the sets that it has not seen."""

    def __init__(self, session: str, strategy_class: type[Strategy[Any, Any]], engine: Session) -> None:
        super().__init__(session, strategy_class)
        self.waiting: deque[BarSet] = deque()
        self.made = b""
        """The last output."""
        self._engine = engine
        self._settled: Settled | None = None
        self._prefix = f"{session}/{self.source}/"
        self._next(self._numbering.seq + 1)

    def _build(self, started: Started) -> None:
        super()._build(started)
        strategy = self.strategy
        hooks = hooks_of(strategy, HOOKS)
        self.knows_orders = "on_order_update" in hooks
        """Its state has the open orders, as messages name them."""
        self._host = RecordedHost(
            self._engine,
            self._config.market.late_bars == "halt",
            strategy,
            hooks,
            Draft,
            self._failures,
            MappingProxyType({instrument.symbol: rules_of(instrument) for instrument in started.instruments}),
            BackoffView,
            Rejection,
            OrderUpdate,
        )
        self._decisions = self._host
        self._hash_every = self._config.limits.state_hash_every

    def _next(self, seq: int) -> None:
        """The id that the next output has, and its bytes with what stands behind them."""
        self._next_id = next_id = f"{self._prefix}{seq}"
        self.next_mark = next_id.encode() + b"\xa7session"

    def _observe_warmup(self) -> None:
        while self.waiting and self.waiting[0].warmup:
            self._host.observe_earlier(bars_of(self.waiting.popleft()))

    def hold_news(self, outputs: Sequence[Any]) -> None:
        """The order events, which its state depends on."""
        for output in outputs:
            if type(output) in NEWS:
                self._news.hold(output)

    def decide(self, settled: Settled | None) -> Decided | None:
        """The decision on the account just settled; None where no set waits for one."""
        waiting, numbering = self.waiting, self._numbering
        if waiting and waiting[0].warmup:
            self._observe_warmup()
        if settled is None or not waiting:
            return None
        close_ns = settled.close_ns
        current = waiting.popleft()
        if current.close_ns != close_ns:
            return None
        legs, before = settled.legs, numbering.hash
        if legs:
            self._account.fold(settled)
        if self._news.held:
            self._news.take()
        intents, blocked, failed = self._host.decide_recorded(legs)
        state_hash = ""
        self._settled = settled
        if current.number % self._hash_every == 0:
            self._account.fold(settled)
            self._now_ns = close_ns
            self._current = current
            state_hash = self._published_hash()
            self._current = None
        seq = numbering.seq = numbering.seq + 1
        decided = Decided(
            close_ns,
            intents,
            blocked,
            failed,
            "",
            state_hash,
            v=Decided.VERSION,
            id=self._next_id,
            session=numbering.session,
            source=self.source,
            seq=seq,
            cause=settled.id,
            event_ns=close_ns,
        )
        data = encode(decided)
        hash = numbering.hash = step_hash(before, (data,))
        self.made = with_hash(data, hash)
        self._next(seq + 1)
        return decided

    def finish(self, ended: FeedEnded | None) -> Event | None:
        """The end, after the last decision; None before it."""
        self._observe_warmup()
        if ended is None or self.waiting:
            return None
        if self._settled is not None:
            self._account.fold(self._settled)
            self._now_ns = self._settled.close_ns
        (finished,) = self._end(ended)
        self.made = encode(finished)
        self._next(self._numbering.seq + 1)
        return finished
