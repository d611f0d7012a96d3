"""The cursor of one core in a replay: inputs it has not folded yet, outputs the recording has not reached yet."""

from __future__ import annotations

from collections import deque

from live_runner.contracts import codec
from live_runner.contracts.core import Core
from live_runner.contracts.messages import Event

__all__ = ["ReplayCursor"]


class ReplayCursor:
    """One core with its pending inputs and its unmatched outputs, each with the input that led to it."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.made: deque[tuple[bytes, Event, Event]] = deque()
        self.waiting: deque[Event] = deque()
        """Inputs not folded yet."""
        self.compared = 0
        self.last_input: Event | None = None

    def has_next(self, canonical: bytes) -> bool:
        """Whether these are the bytes of the next output that waits to be compared."""
        return bool(self.made) and self.made[0][0] == canonical

    def pop(self) -> Event:
        """The next output, which was recorded as it was made."""
        self.compared += 1
        return self.made.popleft()[1]

    def fold(self, *, all_of_them: bool = False) -> None:
        """Fold what waits, up to the next output, which then waits to be compared."""
        waiting, made, handle = self.waiting, self.made, self.core.handle
        while waiting and (all_of_them or not made):
            self.last_input = event = waiting.popleft()
            for output in handle(event):
                if isinstance(output, Event):
                    made.append((codec.encode(output), output, event))
