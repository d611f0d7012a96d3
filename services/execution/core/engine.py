"""The execution core: folds bars, decisions, reports and commands; answers with orders, fills and accounts.

Bars and decisions go by steps, one bar set and then the decision on it. A set that arrives before the
decision that it must follow waits here, so that the same stream gives the same outputs however fast
each process is. Reports, timers and commands are folded where they stand in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from live_runner.contracts.core import Effect
from live_runner.contracts.errors import OurFault, SnapshotMismatch
from live_runner.contracts.messages import (
    BarSet,
    Command,
    Decided,
    Event,
    Executed,
    FeedEnded,
    Finished,
    Report,
    Settled,
    Started,
    Stopped,
    Timer,
)
from live_runner.contracts.numbering import Numbering
from live_runner.services.execution.core.session import REPORT_IT
from live_runner.services.execution.core.trading import Trading

__all__ = ["SNAPSHOT_VERSION", "ExecutionCore"]

SNAPSHOT_VERSION: Final = 1


class ExecutionCore:
    """Orders, positions and account of one session, from ``Started`` on."""

    source: str = "execution"

    def __init__(self, session: str, *, hashing: bool = True) -> None:
        self.numbering: Final = Numbering(session, self.source, hashing=hashing)
        self._started: Started | None = None
        self._trading: Trading | None = None
        self._awaited = 0
        """Close of the set whose decision has not come yet, 0 when none is awaited."""
        self._queue: deque[BarSet] = deque()
        self._ended = ""
        self._stopped = False
        self._sets = 0
        self._decisions = 0

    @property
    def seq(self) -> int:
        """Number of the last output."""
        return self.numbering.seq

    def handle(self, event: Event) -> Sequence[Effect]:
        """Fold one input; the effects it leads to, in order."""
        if isinstance(event, Started):
            return self._start(event)
        if self._stopped or event.session != self.numbering.session:
            return ()
        trading = self._running(event)
        session = trading.session
        session.out = []
        session.cause = event.id
        if isinstance(event, BarSet):
            self._bars(trading, event)
        elif isinstance(event, Decided):
            self._decided(trading, event)
        elif isinstance(event, Command) and event.command == "abort":
            # Nobody decides any more: the session ends where it is, with what is open left open.
            self._ended = f"aborted by {event.author}: {event.reason}"
            self._finish(trading)
        elif isinstance(event, Command):
            trading.desk.obey(event)
        elif isinstance(event, Report):
            session.advance(event.event_ns)
            trading.report(event)
        elif isinstance(event, Timer):
            session.advance(event.due_ns)
            trading.manager.expire()
            trading.manager.retry_due()
        elif isinstance(event, FeedEnded):
            self._ended = event.reason
        elif isinstance(event, Finished):
            self._finish(trading)
        return session.out

    # -- steps ----------------------------------------------------------------------------------

    def _start(self, started: Started) -> Sequence[Effect]:
        if self._started is not None:
            raise OurFault("A session was started twice", remedy=REPORT_IT, session=started.session)
        self._started = started
        self._trading = Trading(started, self.numbering)
        return ()

    def _running(self, event: Event) -> Trading:
        if self._trading is None:
            raise OurFault(
                f"{type(event).__name__} came before Started", remedy=REPORT_IT, session=self.numbering.session
            )
        return self._trading

    def _bars(self, trading: Trading, bars: BarSet) -> None:
        if bars.warmup:
            trading.observe(bars)
        elif not self._awaited:
            self._settle(trading, bars)
        elif len(self._queue) < trading.session.config.limits.read_ahead:
            self._queue.append(bars)
        else:
            raise OurFault(
                f"{len(self._queue)} bar sets wait for the decision on the close {self._awaited}",
                remedy="Check that the strategy service runs; limits.read_ahead bounds this queue",
                session=bars.session,
            )

    def _settle(self, trading: Trading, bars: BarSet) -> None:
        session = trading.session
        session.cause = bars.id
        self._sets += 1
        self._awaited = bars.close_ns
        fields = trading.settle(bars)
        every = session.config.limits.state_hash_every
        if self.numbering.hashing and every and bars.number % every == 0:
            fields["state_hash"] = self._folded_hash()
        session.out.append(
            self.numbering.close(Settled, cause=bars.id, event_ns=bars.close_ns, close_ns=bars.close_ns, **fields)
        )

    def _decided(self, trading: Trading, decided: Decided) -> None:
        if decided.close_ns != self._awaited:
            raise OurFault(
                f"A decision on the close {decided.close_ns} came, {self._awaited or 'none'} is awaited",
                remedy=REPORT_IT,
                session=decided.session,
            )
        self._decisions += 1
        if decided.intents:
            requested, refused = trading.manager.requested, trading.manager.refused
            trading.desk.carry_out(decided)
            trading.session.emit(
                Executed,
                decided.close_ns,
                close_ns=decided.close_ns,
                requested=trading.manager.requested - requested,
                refused=trading.manager.refused - refused,
            )
        self._awaited = 0
        if self._queue:
            self._settle(trading, self._queue.popleft())

    def _finish(self, trading: Trading) -> None:
        session = trading.session
        self._stopped = True
        summary: dict[str, Any] = {"sets": self._sets, "decisions": self._decisions, **trading.summary()}
        session.out.append(
            self.numbering.close(
                Stopped,
                cause=session.cause,
                event_ns=session.now_ns,
                reason=self._ended or "finished",
                summary=summary,
                state_hash=self._folded_hash() if self.numbering.hashing else "",
            )
        )

    # -- state ----------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """The whole state as MessagePack: equal states give equal bytes."""
        return self._encoded(list(self._queue), self._ended)

    def _encoded(self, queue: list[BarSet], ended: str) -> bytes:
        return msgspec.msgpack.encode(
            {
                "version": SNAPSHOT_VERSION,
                "numbering": self.numbering.state(),
                "started": self._started,
                "awaited": self._awaited,
                "queue": queue,
                "ended": ended,
                "stopped": self._stopped,
                "counts": [self._sets, self._decisions],
                "trading": self._trading.state() if self._trading else None,
            }
        )

    def restore(self, data: bytes) -> None:
        """Take over a state that ``snapshot`` gave, on a fresh core."""
        state = msgspec.msgpack.decode(data)
        if state["version"] != SNAPSHOT_VERSION:
            raise SnapshotMismatch(
                f"A snapshot of version {state['version']} cannot be read, {SNAPSHOT_VERSION} can",
                remedy="Start from the log without the snapshot",
                session=self.numbering.session,
            )
        self.numbering.restore(state["numbering"])
        self._awaited = state["awaited"]
        self._queue = deque(msgspec.convert(state["queue"], list[BarSet]))
        self._ended = state["ended"]
        self._stopped = state["stopped"]
        self._sets, self._decisions = state["counts"]
        if state["started"] is not None:
            self._started = msgspec.convert(state["started"], Started)
            self._trading = Trading(self._started, self.numbering)
            self._trading.restore(state["trading"])

    def state_hash(self) -> str:
        """blake2b-128 of ``snapshot()``, in hex."""
        return blake2b(self.snapshot(), digest_size=16).hexdigest()

    def _folded_hash(self) -> str:
        """The hash that is published: of what has been folded, without the inputs that still wait.

        How far a feed has run ahead differs between a live session, a recording and the backtest; what
        they publish does not.
        """
        return blake2b(self._encoded([], ""), digest_size=16).hexdigest()
