"""All cores of a session on a log in memory, with every delay, repetition and restart drawn from one seed.

The log is one total order, as the stream is. Each core reads it in order, at its own pace; what it says
waits in its outbox and is published one by one. A restart loses the core and its outbox: it comes back
from its last snapshot, folds the log from there, proves that it says again what is already in the log,
and publishes the rest. So the seed is the whole bug report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from live_runner.contracts import codec
from live_runner.contracts.core import Core
from live_runner.contracts.messages import (
    Announced,
    BarRevised,
    BarSet,
    Command,
    Decided,
    Event,
    Executed,
    Gap,
    Settled,
)

__all__ = ["Bus", "Counts", "said_by", "settled_closes"]

STEPS_PER_EVENT_MAX = 400
"""Scheduler steps per event of the market, before a run counts as stuck."""

_NO_INPUT = (Announced, BarRevised, Gap)
"""What stands in the log and no core folds."""


@dataclass
class Counts:
    """How much trouble there was."""

    restarts: int = 0
    repeated: int = 0
    snapshots: int = 0
    read_ahead: int = 0


@dataclass
class _Snapshot:
    data: bytes
    position: int
    seqs: dict[str, int]


class _Shell:
    """One core and its place in the log."""

    def __init__(self, role: str, make: Callable[[], Core], takes: Callable[[Event], bool]) -> None:
        self.role = role
        self._make = make
        self._takes = takes
        self.core = make()
        self.position = 0
        self.seqs: dict[str, int] = {}
        self.outbox: deque[Event] = deque()
        self._snapshot: _Snapshot | None = None

    def read(self, event: Event) -> None:
        """One delivery; one whose number is not above the last of its source is dropped."""
        if event.source == self.role or event.seq <= self.seqs.get(event.source, 0):
            return
        self.seqs[event.source] = event.seq
        if self._takes(event):
            for effect in self.core.handle(event):
                assert isinstance(effect, Event), "simulated stages publish only"
                self.outbox.append(effect)

    def snapshot(self) -> None:
        """As the runtime takes it: between two inputs, when everything said is in the log."""
        data = self.core.snapshot()
        self._snapshot = _Snapshot(data, self.position, dict(self.seqs))

    def restart(self, log: Sequence[Event], read_to: int) -> None:
        """Killed and started again: back to where it had read, through the same inputs."""
        self.core = self._make()
        self.outbox.clear()
        self.position, self.seqs = 0, {}
        if self._snapshot is not None:
            self.core.restore(self._snapshot.data)
            assert self.core.snapshot() == self._snapshot.data, f"{self.role}: a restored state is another one"
            self.position, self.seqs = self._snapshot.position, dict(self._snapshot.seqs)
        while self.position < read_to:
            self.read(log[self.position])
            self.position += 1
        stored = {event.seq: codec.encode(event) for event in log if event.source == self.role}
        while self.outbox and self.outbox[0].seq in stored:
            again = self.outbox.popleft()
            assert codec.encode(again) == stored[again.seq], f"{self.role}: number {again.seq} was said differently"


@dataclass
class Bus:
    """Plays a market through the cores. ``gated`` waits like a recording; without, the feed reads ahead."""

    seed: int
    make_execution: Callable[[], Core]
    make_strategy: Callable[[], Core]
    gated: bool
    read_ahead: int = 20
    restart_chance: float = 0.004
    repeat_chance: float = 0.03
    snapshot_chance: float = 0.01
    log: list[Event] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def play(self, before: Sequence[Event], market: Sequence[Event], commands: dict[int, Command]) -> list[Event]:
        """The whole log. ``commands`` are published behind the market event of that index."""
        random = Random(self.seed)
        self.log.extend(before)
        shells = [
            _Shell("execution", self.make_execution, lambda event: not isinstance(event, _NO_INPUT)),
            _Shell("strategy", self.make_strategy, lambda event: not isinstance(event, (*_NO_INPUT, Command))),
        ]
        feed = deque(enumerate(market))
        pace = [random.random() + 0.05 for _ in range(5)]
        for _ in range(STEPS_PER_EVENT_MAX * len(market)):
            moves = self._moves(shells, feed)
            if not moves:
                return self.log
            move = random.choices(moves, [pace[at] for at in moves])[0]
            if move == 0:
                self._publish_market(feed, commands)
            elif move in (1, 2):
                self._deliver(shells[move - 1], random)
            else:
                self.log.append(shells[move - 3].outbox.popleft())
            self._disturb(shells, random)
        raise AssertionError(f"seed {self.seed}: the session never came to its end")

    def _moves(self, shells: Sequence[_Shell], feed: deque[tuple[int, Event]]) -> list[int]:
        moves = [0] if feed and self._may_publish(feed[0][1]) else []
        moves += [at for at, shell in enumerate(shells, start=1) if shell.position < len(self.log)]
        moves += [at for at, shell in enumerate(shells, start=3) if shell.outbox]
        return moves

    def _may_publish(self, event: Event) -> bool:
        """A recording waits for the answer to its last set, a live feed for nothing but its bound."""
        waiting = 0
        for entry in reversed(self.log):
            if isinstance(entry, Executed) or (isinstance(entry, Decided) and not entry.intents):
                break
            if isinstance(entry, Decided) and not self.gated:
                break
            if isinstance(entry, BarSet) and not entry.warmup:
                waiting += 1
        self.counts.read_ahead = max(self.counts.read_ahead, waiting)
        return waiting == 0 if self.gated else waiting < self.read_ahead

    def _publish_market(self, feed: deque[tuple[int, Event]], commands: dict[int, Command]) -> None:
        at, event = feed.popleft()
        self.log.append(event)
        if at in commands:
            self.log.append(commands[at])

    def _deliver(self, shell: _Shell, random: Random) -> None:
        shell.read(self.log[shell.position])
        shell.position += 1
        if random.random() < self.repeat_chance:
            self.counts.repeated += 1
            shell.read(self.log[random.randrange(shell.position)])

    def _disturb(self, shells: Sequence[_Shell], random: Random) -> None:
        for shell in shells:
            if not shell.outbox and random.random() < self.snapshot_chance:
                self.counts.snapshots += 1
                shell.snapshot()
            if random.random() < self.restart_chance:
                self.counts.restarts += 1
                shell.restart(self.log, shell.position)


def said_by(log: Sequence[Event], source: str) -> list[bytes]:
    """Canonical bytes of one source's events, in order."""
    return [codec.encode(event) for event in log if event.source == source]


def settled_closes(log: Sequence[Event]) -> list[int]:
    """Closes in the order in which they were settled."""
    return [event.close_ns for event in log if isinstance(event, Settled)]
