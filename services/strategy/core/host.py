"""The strategy host: bars and order news in, one ``decided`` per close out.

    bar_set     every symbol is observed at once; a set that comes while the one before is not decided waits
    order.*     held until the account of their close is settled
    settled     the news in stream order, then on_bar per symbol, then ``decided``
    feed_ended  ``finished``, after the last decision

So folding the same stream always runs the same strategy code in the same order, however far bars run
ahead. Strategy code is called in one way only; a call that raises is undone, named in ``decided``, and
never made again in another form.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from live_runner.contracts.codec import encode
from live_runner.contracts.errors import OurFault, SnapshotMismatch, StrategyError
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    BarSet,
    Decided,
    Event,
    FailedCall,
    FeedEnded,
    Finished,
    Settled,
    Started,
)
from live_runner.contracts.numbering import Numbering
from live_runner.contracts.policy import BackoffState
from live_runner.hotpath.engine.python_calls import HOOKS, PythonDecisions
from live_runner.services.strategy.core import stored
from live_runner.services.strategy.core.account import Account, LegKey
from live_runner.services.strategy.core.decisions import MessageDecisions
from live_runner.services.strategy.core.failures import Failed, Failures, Unasked, cold_indicators, never_asked
from live_runner.services.strategy.core.news import NEWS, OpenOrder, OrderEvents, hooks_of
from live_runner.strategies.base import Bar, Strategy
from live_runner.strategies.parameters import create

__all__ = ["NEWS_HELD_MAX", "StrategyCore", "bars_of"]

NEWS_HELD_MAX: Final = 100_000
"""Order events that may wait for one close; more means that ``settled`` never comes."""


class StrategyCore:
    """Hosts one strategy in one session. Everything else comes with ``started``.

    ``failures`` holds the tracebacks of failed calls until the shell takes them. When ``halted`` the shell
    ends the session; until then closes go on and opens and adds are blocked, as under ``manage_only``.
    """

    source: Final = "strategy"

    def __init__(self, session: str, strategy_class: type[Strategy[Any, Any]], *, hashing: bool = True) -> None:
        self._class = strategy_class
        self._numbering = Numbering(session, self.source, hashing=hashing)
        self._hashing = hashing
        self._failures = Failures()
        self._started: Started | None = None
        self._folds: dict[type[Event], Callable[[Any], list[Event]]] = {
            Started: self._start,
            BarSet: self._take_set,
            Settled: self._settle,
            FeedEnded: self._end,
            **dict.fromkeys(NEWS, self._hold),
        }

    # -- the shape of every core ----------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number of the last output."""
        return self._numbering.seq

    @property
    def failures(self) -> list[Failed]:
        """Failed calls and their tracebacks, for incidents; the shell empties the list."""
        return self._failures.tracebacks

    @property
    def cold_indicators(self) -> list[str]:
        """Names of the strategy's indicators that have no value yet."""
        return cold_indicators(self.strategy)

    @property
    def unasked(self) -> Unasked | None:
        """Why ``on_bar`` was never called, None where it was or, after a restart, may have been."""
        return never_asked(self._class, self._decisions.empty_selections)

    @property
    def failure_counts(self) -> Mapping[str, tuple[int, str, str]]:
        """Failed calls of this run by call and class of error: how many, the first in words, and where."""
        return self._failures.counts

    @property
    def backoffs(self) -> Mapping[LegKey, BackoffState]:
        """Rejections in a row by symbol and leg, where there are any."""
        return self._account.backoffs

    @property
    def trouble(self) -> str:
        """The first failure of strategy code, "" while there was none."""
        return self._decisions.trouble if self._started is not None else ""

    @property
    def halted(self) -> bool:
        """Whether strategy code failed and the configuration says ``on_error: stop``."""
        return self._started is not None and self._config.strategy.on_error == "stop" and bool(self.trouble)

    def handle(self, event: Event) -> Sequence[Event]:
        """Fold one input. Events that say nothing to a strategy (``executed``, commands, funding) lead to nothing."""
        fold = self._folds.get(type(event))
        if fold is None:
            return ()
        if self._started is None and not isinstance(event, Started):
            raise OurFault(
                f"The strategy host got '{event.id}' before the session's manifest",
                remedy="Fold 'started' first",
                event=event.id,
            )
        try:
            return fold(event)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # a cancellation that strategy code raises would end its task without a word
            raise StrategyError(
                f"Strategy code raised {type(error).__name__}, which is not an error but the end of a task or program",
                remedy="Raise an Exception, or none",
                event=event.id,
            ) from error

    # -- inputs ---------------------------------------------------------------------------------

    def _start(self, started: Started) -> list[Event]:
        if self._started is not None:
            raise OurFault(
                f"The session's manifest came twice: '{started.id}'",
                remedy="A log holds one 'started' per session",
                event=started.id,
            )
        self._build(started)
        # A state that cannot be stored is better refused now than at the first snapshot.
        stored.plain_state(self.strategy.state(), self._class.__name__)
        return []

    def _build(self, started: Started) -> None:
        config = config_of(started.config)
        self._started = started
        self._config = config
        self._symbols = config.market.symbols
        self.strategy = create(self._class, config.strategy.parameters, self._symbols, config.market.timeframe)
        self._failures.strategy = self.strategy
        self._account = Account(started.instruments, self._symbols, config.account.equity)
        self._decisions: PythonDecisions = MessageDecisions(
            started.session,
            self.strategy,
            self._account,
            self._failures,
            skips_late=config.market.late_bars == "halt",
        )
        self._news = OrderEvents(
            started.session,
            self._symbols,
            keeps_state=bool(self.strategy.Leg.__struct_fields__),
            hooks=hooks_of(self.strategy, HOOKS),
        )
        self._current: BarSet | None = None
        self._queue: deque[BarSet] = deque()
        self._ended: FeedEnded | None = None
        self._now_ns = 0

    def _take_set(self, bar_set: BarSet) -> list[Event]:
        if self._current is None and not self._queue:
            self._begin(bar_set)
            return []
        if len(self._queue) >= self._config.limits.read_ahead:
            raise OurFault(
                f"{len(self._queue)} bar sets wait for the decision before them",
                remedy="Check that execution runs; limits.read_ahead bounds the wait",
                read_ahead=self._config.limits.read_ahead,
                waiting_for=self._current.id if self._current else "",
            )
        self._queue.append(bar_set)
        return []

    def _begin(self, bar_set: BarSet) -> None:
        self._decisions.observe_bars(bars_of(bar_set), bar_set.number)
        self._now_ns = max(self._now_ns, bar_set.close_ns)
        self._current = None if bar_set.warmup else bar_set

    def _hold(self, event: Event) -> list[Event]:
        if self._news.count >= NEWS_HELD_MAX:
            raise OurFault(
                f"{self._news.count} order events wait for the account to be settled",
                remedy="Check that execution publishes 'settled' for every bar set",
            )
        self._news.hold(event)
        return []

    def _settle(self, settled: Settled) -> list[Event]:
        current = self._current
        if current is None and settled.close_ns <= self._now_ns:
            return []  # the account at the end of the session: what the last decision led to at its close
        if current is None or settled.close_ns != current.close_ns:
            raise OurFault(
                f"'{settled.id}' settles a close that is not the one being decided",
                remedy="Check the order of the log: a close is settled once, after its bar set",
                close_ns=settled.close_ns,
                expected=current.close_ns if current else None,
            )
        self._account.fold(settled)
        self._now_ns = max(self._now_ns, self._news.latest_ns)
        outputs: list[Event] = [self._decide(current, settled)]
        self._current = None
        while self._queue and self._current is None:
            self._begin(self._queue.popleft())
        outputs.extend(self._finish_when_done())
        return outputs

    def _end(self, ended: FeedEnded) -> list[Event]:
        self._ended = ended
        return self._finish_when_done()

    def _finish_when_done(self) -> list[Event]:
        ended = self._ended
        if ended is None or self._current is not None or self._queue:
            return []
        self._ended = None
        state_hash = self._published_hash() if self._hashing else ""
        return [self._numbering.close(Finished, cause=ended.id, event_ns=ended.close_ns, state_hash=state_hash)]

    # -- decision -------------------------------------------------------------------------------

    def _decide(self, current: BarSet, settled: Settled) -> Decided:
        decisions, now_ns = self._decisions, self._now_ns
        decisions.decide_on(current.number, current.close_ns, now_ns, self._account.view(now_ns), self._news.take())
        intents, blocked, failed = decisions.decision()
        due = self._hashing and current.number % self._config.limits.state_hash_every == 0
        return self._numbering.close(
            Decided,
            current.close_ns,
            intents,
            blocked,
            failed,
            "",
            self._published_hash() if due else "",
            cause=settled.id,
            event_ns=current.close_ns,
        )

    # -- snapshots ------------------------------------------------------------------------------

    def state_hash(self) -> str:
        """blake2b-128 of ``snapshot()``, in hex."""
        return blake2b(self.snapshot(), digest_size=16).hexdigest()

    def snapshot(self) -> bytes:
        """The whole state, tracebacks for the shell excepted."""
        if self._started is None:
            return stored.pack({"numbering": self._numbering.state(), "started": None})
        waiting = {
            "queue": stored.events_plain(self._queue),
            "held": stored.events_plain(self._news.held),
            "held_count": self._news.count,
            "held_ns": self._news.latest_ns,
            "ended": stored.events_plain([self._ended])[0],
        }
        return stored.pack(self._state(self._started) | waiting)

    def _state(self, started: Started) -> dict[str, Any]:
        """The state without the inputs that only wait here: how far a feed reads ahead does not belong to it."""
        return {
            "numbering": self._numbering.state(),
            "started": encode(started),
            "now_ns": self._now_ns,
            "current": stored.events_plain([_without_hash(self._current)])[0],
            "failed": self._failures.calls,
            "account": self._account.snapshot(),
            "orders": self._news.orders,
            "decisions": self._decisions.state(),
            "strategy": stored.plain_state(self.strategy.state(), self._class.__name__),
        }

    def _published_hash(self) -> str:
        """The state hash that is published with an event: the same in a backtest, a recording and a live feed."""
        assert self._started is not None
        return blake2b(stored.pack(self._state(self._started)), digest_size=16).hexdigest()

    def restore(self, data: bytes) -> None:
        """Take over a state that ``snapshot`` gave, on a fresh core."""
        state = stored.unpack(data)
        if self._started is not None:
            raise SnapshotMismatch("A strategy host that has begun takes no snapshot", remedy="Restore a fresh core")
        self._numbering.restore(state["numbering"])
        if state["started"] is None:
            return
        self._build(stored.events_of([state["started"]])[0])
        self._now_ns = state["now_ns"]
        self._restore_current(stored.events_of([state["current"]])[0])
        self._queue.extend(stored.events_of(state["queue"]))
        self._news.held = stored.events_of(state["held"])
        self._news.count = state["held_count"]
        self._news.latest_ns = state["held_ns"]
        self._ended = stored.events_of([state["ended"]])[0]
        self._failures.calls = msgspec.convert(state["failed"], list[FailedCall])
        self._account.restore(state["account"])
        self._news.orders = msgspec.convert(state["orders"], dict[str, OpenOrder])
        self._decisions.restore(state["decisions"])
        self._decisions.empty_selections = -1
        self.strategy.restore(state["strategy"])

    def _restore_current(self, current: BarSet | None) -> None:
        self._current = current
        if current is not None:
            self._decisions.take_bars(bars_of(current), current.number)


def _without_hash(bar_set: BarSet | None) -> BarSet | None:
    """A set as a backtest has it, so that the state of both has the same hash."""
    return None if bar_set is None else msgspec.structs.replace(bar_set, hash="")


def bars_of(bar_set: BarSet) -> list[Bar]:
    """The bars of a set as a strategy sees them."""
    open_ns, close_ns = bar_set.open_ns, bar_set.close_ns
    return [
        Bar(bar.symbol, open_ns, close_ns, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.late)
        for bar in bar_set.bars
    ]
