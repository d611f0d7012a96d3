"""The cores in one process: a backtest is the session without the bus.

Events go through one queue, first in first out, which is what the log is: whatever the execution and
strategy cores answer stands behind everything said before. So the five steps of a bar come out in the
same order as over NATS, and every event of both cores has the same bytes.

A session is aborted when its strategy is given up: it may hang in the decision that never came. So from
there on the strategy is asked nothing more, here as there.

An operator's command stands in a session's log between two other events. Its place here is the step
after which the execution core has to fold it, which does not depend on how far a feed had read ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts.core import Core
from live_runner.contracts.errors import OurFault
from live_runner.contracts.messages import (
    BarRevised,
    BarSet,
    Command,
    Decided,
    Event,
    FeedEnded,
    Finished,
    Gap,
    Settled,
    Started,
    Stopped,
)
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.strategies.base import Strategy

__all__ = ["ABORT", "Backtest", "CommandAt", "Step", "step_of"]

ABORT: Final = "abort"
"""The command that ends a session where it is, because nobody decides any more."""

type Step = tuple[int, int]
"""A step of the execution core: close time in nanoseconds, and where in the bar."""

_PHASES: Final[dict[type[Event], int]] = {BarSet: 0, Decided: 1, FeedEnded: 2, Finished: 3}

_OBSERVED: Final = (Gap, BarRevised)
"""Market events that are recorded and that no core folds."""


class CommandAt(msgspec.Struct, frozen=True):
    """A command, and the step after which the execution core folds it."""

    after: Step
    command: Command


def step_of(event: Event) -> Step | None:
    """The step that folding this event is in the execution core; None where it is not a step."""
    phase = _PHASES.get(type(event))
    if phase is None:
        return None
    if isinstance(event, (BarSet, FeedEnded, Decided)):
        return event.close_ns, phase
    return event.event_ns, phase


class Backtest:
    """One session from its manifest: feed it the market's events, read ``settled`` and ``stopped``.

    ``sink`` sees every event in log order, market events and commands included. Without a sink and
    without ``hashing`` nothing is encoded.
    """

    def __init__(
        self,
        started: Started,
        strategy_class: type[Strategy[Any, Any]],
        *,
        hashing: bool,
        commands: Sequence[CommandAt] = (),
        sink: Callable[[Event], None] | None = None,
    ) -> None:
        self.execution = ExecutionCore(started.session, hashing=hashing)
        self.strategy = StrategyCore(started.session, strategy_class, hashing=hashing)
        self.settled: Settled | None = None
        self.stopped: Stopped | None = None
        self.sets = 0
        """Bar sets folded, warmup included."""
        self._sink = sink
        self._commands = sorted(commands, key=lambda item: item.after)
        self._next_command = 0
        self.given_up = False
        """The session was aborted: the strategy is asked nothing more."""
        self._pass(started)

    def run(self, market: Iterable[Event]) -> Stopped:
        """Fold the whole market up to its ``feed_ended``; OurFault when the session does not stop then."""
        fold = self._pass
        if self.stopped is not None:
            return self.stopped
        for event in market:
            if type(event) is BarSet:
                self.sets += 1
            elif type(event) in _OBSERVED:
                if self._sink is not None:
                    self._sink(event)
                continue
            fold(event)
            if self.stopped is not None:
                return self.stopped
        raise OurFault(
            f"The market ended after {self.sets} bar sets without a feed_ended, so the session never stopped",
            remedy="End the market's events with feed_ended",
            sets=self.sets,
        )

    def _pass(self, event: Event) -> None:
        """Fold one event and everything that follows from it."""
        queue: list[Event] = [event]
        sink, execution, strategy = self._sink, self.execution, self.strategy
        # The list grows while it is read: it is the log of this step.
        for entry in queue:
            if sink is not None:
                sink(entry)
            source = entry.source
            if source == "execution":
                if type(entry) is Settled:
                    self.settled = entry
                elif type(entry) is Stopped:
                    self.stopped = entry
                if not self.given_up:
                    _enqueue(queue, strategy, entry)
            elif source == "strategy":
                _enqueue(queue, execution, entry)
                self._enqueue_commands(queue, entry)
            elif type(entry) is Command:
                _enqueue(queue, execution, entry)
            else:
                _enqueue(queue, execution, entry)
                if not self.given_up:
                    _enqueue(queue, strategy, entry)
                self._enqueue_commands(queue, entry)

    def _enqueue_commands(self, queue: list[Event], folded: Event) -> None:
        """The commands whose place is after the step that was just folded."""
        if self._next_command == len(self._commands):
            return
        step = step_of(folded) or (0, 0)
        while self._next_command < len(self._commands):
            item = self._commands[self._next_command]
            if item.after > step:
                return
            queue.append(item.command)
            self.given_up = self.given_up or item.command.command == ABORT
            self._next_command += 1


def _enqueue(queue: list[Event], core: Core, event: Event) -> None:
    """Fold one event and put what it led to behind everything said so far."""
    for effect in core.handle(event):
        if not isinstance(effect, Event):
            raise OurFault(
                f"The {core.source} core asked for {type(effect).__name__}, which only a real venue can answer",
                remedy="Backtests run simulated stages only",
                effect=type(effect).__name__,
            )
        queue.append(effect)
