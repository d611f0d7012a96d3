"""The execution core: folds bars, decisions, reports and commands; answers with orders, fills and accounts.

The rules are the engine's (hotpath/engine); here are the messages around them. Bars and decisions go by steps, one bar
set and then the decision on it. A set that arrives before the decision that it must follow waits here, so that the same
stream gives the same outputs however fast each process is. Reports, timers and commands are folded where they stand in
the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from live_runner.contracts.core import Effect, SetTimer
from live_runner.contracts.errors import OurFault, SnapshotLayout
from live_runner.contracts.messages import (
    AccountReported,
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Finished,
    Income,
    Owned,
    Quote,
    Report,
    RulesReported,
    Started,
    StreamGap,
    Timer,
    Traded,
)
from live_runner.contracts.timeframe import duration_ns
from live_runner.contracts.vocabulary import SIDES
from live_runner.hotpath.engine.pretrade import asked_of
from live_runner.hotpath.engine.session import Session
from live_runner.hotpath.engine.state import REPORT_IT

__all__ = ["FACTS", "SNAPSHOT_VERSION", "ExecutionCore"]

SNAPSHOT_VERSION: Final = 4

FACTS: Final = (Report, Timer, Owned, StreamGap, Income, AccountReported, Traded, RulesReported, Quote)
"""Inputs of sessions whose orders go to a real venue; every other session passes over them."""


class ExecutionCore:
    """Orders, positions and account of one session, from ``Started`` on."""

    source: str = "execution"

    def __init__(self, session: str, *, hashing: bool = True) -> None:
        self._name: Final = session
        self._hashing: Final = hashing
        self._started: Started | None = None
        self._session: Session | None = None
        self._awaited = 0
        """Close of the set whose decision has not come yet, 0 when none is awaited."""
        self._queue: deque[BarSet] = deque()
        self._ended = ""
        self._stopped = False
        self._sets = 0
        self._decisions = 0
        self._read_ahead = 0
        self._hash_every = 0
        self._bar_ns = 0

    @property
    def seq(self) -> int:
        """Number of the last output."""
        return self._session.state.seq if self._session is not None else 0

    @property
    def session(self) -> Session:
        """The session on the engine; OurFault before ``Started``."""
        if self._session is None:
            raise OurFault("The session has not started", remedy=REPORT_IT, session=self._name)
        return self._session

    def handle(self, event: Event) -> Sequence[Effect]:
        """Fold one input; the effects it leads to, in order."""
        if type(event) is Started:  # not isinstance, which asks the class of message classes first
            return self._start(event)
        if self._stopped or event.session != self._name:
            return ()
        session = self._session
        if session is None:
            if isinstance(event, FACTS):
                return ()  # of a process that prepared the session: there are no orders yet
            raise OurFault(f"{type(event).__name__} came before Started", remedy=REPORT_IT, session=self._name)
        journal = session.journal
        out: list[Effect] = []
        journal.out = out
        journal.cause = event.id
        if type(event) is BarSet:
            self._bars(session, event)
        elif type(event) is Decided:
            self._decided(session, event)
        elif isinstance(event, Command) and event.command == "abort":
            # Nobody decides any more: the session ends where it is, with what is open left open.
            self._ended = f"aborted by {event.author}: {event.reason}"
            self._finish(session)
        elif isinstance(event, Command):
            session.obey(event)
            if not session.state.simulated:
                session.facts.obey(event)
        elif isinstance(event, FACTS):
            if not session.state.simulated:  # the paper venue knows all, and no clock rules it
                _fold_fact(session, event)
        elif isinstance(event, FeedEnded):
            self._ended = event.reason
        elif isinstance(event, Finished):
            self._finish(session)
        return out

    # -- steps ----------------------------------------------------------------------------------

    def _start(self, started: Started) -> Sequence[Effect]:
        if self._started is not None:
            raise OurFault("A session was started twice", remedy=REPORT_IT, session=started.session)
        self._set_up(started)
        return ()

    def _set_up(self, started: Started) -> Session:
        session = Session(started, None, True, self._hashing)
        self._started = started
        self._session = session
        self._read_ahead = session.state.config.limits.read_ahead
        self._hash_every = session.state.config.limits.state_hash_every
        self._bar_ns = duration_ns(session.state.config.market.timeframe)
        return session

    def _bars(self, session: Session, bars: BarSet) -> None:
        if bars.warmup:
            _put(session, bars, tradable=False)
        elif not self._awaited:
            self._settle(session, bars)
        elif len(self._queue) < self._read_ahead:
            self._queue.append(bars)
        else:
            raise OurFault(
                f"{len(self._queue)} bar sets wait for the decision on the close {self._awaited}",
                remedy="Check that the strategy service runs; limits.read_ahead bounds this queue",
                session=bars.session,
            )

    def _settle(self, session: Session, bars: BarSet) -> None:
        journal = session.journal
        journal.cause = bars.id
        self._sets += 1
        self._awaited = bars.close_ns
        _put(session, bars, tradable=True)
        session.end_set()
        state_hash = ""
        if self._hashing and self._hash_every and bars.number % self._hash_every == 0:
            state_hash = self._folded_hash()
        journal.settle(state_hash)
        session.clear_changes()

    def _decided(self, session: Session, decided: Decided) -> None:
        if decided.close_ns != self._awaited:
            raise OurFault(
                f"A decision on the close {decided.close_ns} came, {self._awaited or 'none'} is awaited",
                remedy=REPORT_IT,
                session=decided.session,
            )
        self._decisions += 1
        if decided.intents:
            state = session.state
            asked = [asked_of(intent, decided.close_ns, at, state) for at, intent in enumerate(decided.intents, 1)]
            if not state.simulated and (self._queue or state.now_ns >= decided.close_ns + self._bar_ns):
                session.carry_out_late(asked, len(self._queue))
            else:
                session.carry_out(asked)
        self._awaited = 0
        if self._queue:
            self._settle(session, self._queue.popleft())

    def _finish(self, session: Session) -> None:
        self._stopped = True
        if session.end():
            session.journal.settle("")
            session.clear_changes()
        summary: dict[str, Any] = {"sets": self._sets, "decisions": self._decisions, **session.summary()}
        state_hash = self._folded_hash() if self._hashing else ""
        session.journal.stopped(self._ended or "finished", summary, state_hash)

    # -- state ----------------------------------------------------------------------------------

    def timers(self) -> list[SetTimer]:
        """Timers of the state, for a process that takes over: those of a session with a real venue."""
        if self._session is None or self._session.state.simulated:
            return []
        return [SetTimer(name=name, due_ns=due_ns) for name, due_ns in self._session.timers()]

    @property
    def has_begun(self) -> bool:
        """Whether ``Started`` has come."""
        return self._session is not None

    def queries(self) -> list[Effect]:
        """What asks for every open order of a session with a real venue; the state stays as it is."""
        out: list[Effect] = []
        if self._session is not None and not self._session.state.simulated:
            self._session.journal.out = out
            self._session.venue.query_open()
        return out

    def differences(self) -> list[dict[str, Any]]:
        """Legs that the venue holds otherwise, and legs that are halted, as plain data.

        Each has ``symbol``, ``leg``, ``kind``, ``venue`` and ``ledger`` (quantities, "" where a leg is only halted),
        ``believed``, ``done`` (what was done about it, "" for nothing yet) and ``halted`` (why, "" where it is not).
        """
        row = [] if self._session is None else self._session.facts.reconciler.row()
        if self._session is None or not row:
            return []
        halts, found = dict(row[1]), dict(row[2])
        return [_difference(self._session, key, found.get(key), halts.get(key, "")) for key in sorted({*halts, *found})]

    def snapshot(self) -> bytes:
        """The whole state as MessagePack: equal states give equal bytes."""
        return self._encoded(list(self._queue), self._ended)

    def _encoded(self, queue: list[BarSet], ended: str) -> bytes:
        return msgspec.msgpack.encode(
            {
                "version": SNAPSHOT_VERSION,
                "started": self._started,
                "awaited": self._awaited,
                "queue": queue,
                "ended": ended,
                "stopped": self._stopped,
                "counts": [self._sets, self._decisions],
                "session": self._session.row() if self._session is not None else None,
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over a state that ``snapshot`` gave, on a fresh core."""
        state = msgspec.msgpack.decode(data)
        if state["version"] != SNAPSHOT_VERSION:
            raise SnapshotLayout(
                f"A snapshot of version {state['version']} cannot be read, {SNAPSHOT_VERSION} can",
                remedy="Start from the log without the snapshot",
                session=self._name,
            )
        self._awaited = state["awaited"]
        self._queue = deque(msgspec.convert(state["queue"], list[BarSet]))
        self._ended = state["ended"]
        self._stopped = state["stopped"]
        self._sets, self._decisions = state["counts"]
        if state["started"] is not None:
            self._set_up(msgspec.convert(state["started"], Started)).restore(state["session"])

    def state_hash(self) -> str:
        """blake2b-128 of ``snapshot()``, in hex."""
        return blake2b(self.snapshot(), digest_size=16).hexdigest()

    def _folded_hash(self) -> str:
        """The hash that is published: of what has been folded, without the inputs that still wait.

        How far a feed has run ahead differs between a live session, a recording and the backtest; what
        they publish does not.
        """
        return blake2b(self._encoded([], ""), digest_size=16).hexdigest()


type _Fact = Report | Timer | Owned | StreamGap | Income | AccountReported | Traded | RulesReported | Quote


def _fold_fact(session: Session, event: _Fact) -> None:
    if isinstance(event, Report):
        session.report(event)
    elif isinstance(event, Timer):
        session.timer(event.due_ns)
    else:
        session.fact(event)


def _difference(session: Session, key: int, found: list[Any] | None, halted: str) -> dict[str, Any]:
    market = session.state.markets[key // 2]
    leg = {"symbol": market.symbol, "leg": SIDES[key % 2], "halted": halted}
    if found is None:
        return leg | {"kind": halted, "venue": "", "ledger": "", "believed": True, "done": "halt"}
    theirs, ours, text, done = found[0], found[1], found[2], found[7]
    kind = "foreign_position" if ours == 0 else "position_more" if theirs > ours else "position_less"
    quantities = {"venue": text, "ledger": market.lot_grid.text(ours)}
    return leg | {"kind": kind, **quantities, "believed": done != "", "done": done}


def _put(session: Session, bars: BarSet, *, tradable: bool) -> None:
    """The bars of one set: observed in warmup, matched and marked afterwards."""
    open_ns, close_ns = bars.open_ns, bars.close_ns
    session.begin_set(close_ns, bars.number)
    if bars.funding and tradable and session.state.simulated:
        for rate in bars.funding:
            session.await_funding(rate.symbol, rate.funding_ns, rate.rate, rate.mark)
    for bar in bars.bars:
        session.put_bar(
            bar.symbol,
            open_ns,
            close_ns,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            bar.volume,
            bar.late,
            tradable,
        )
