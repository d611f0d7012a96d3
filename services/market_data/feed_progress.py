"""Progress of a session's market data, read from the log alone: market_data keeps no state of its own.

market_data is not replayed: after a restart it goes on from its last published bar set.
"""

from __future__ import annotations

import asyncio

from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import BarSet, Command, Decided, Event, Executed, FeedEnded, Started
from live_runner.contracts.numbering import FIRST_HASH
from live_runner.services.runtime.nats.events import event_of, pass_over
from live_runner.services.runtime.nats.reader import Message

__all__ = ["FeedProgress"]


class FeedProgress:
    """The progress of publishing, and whether the next bar set may follow (the gate of step 5)."""

    def __init__(self) -> None:
        self.seq = 0
        self.number = 0
        self.hash = FIRST_HASH
        """Of the last bar set and all before it."""
        self.close_ns: int | None = None
        self.after_set: list[Event] = []
        """Own events after the last bar set: gaps whose set is not published yet."""
        self.feed_ended = False
        self.started: Started | None = None
        self.has_started = asyncio.Event()
        self.end_requested: Command | None = None
        self.aborted = False
        """The session ends where it is: nobody decides any more, so nothing more is published."""
        self._bars = BarSequence()
        self._awaited_ns: int | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._answered_last = asyncio.Event()
        self._answered_last.set()

    async def on_message(self, message: Message) -> None:
        """Fold one message of the log."""
        self.take(message)

    def take(self, message: Message) -> Event | None:
        """Fold one message of the log; its event, None for one to pass over."""
        event = event_of(message)
        return None if event is None else self.take_event(message, event)

    def take_event(self, message: Message, event: Event) -> Event | None:
        """The same for a message that was read already."""
        try:
            self.fold(event)
        except MessageError as error:
            pass_over(message.stream_seq, message.subject, error)
            return None
        return event

    def fold(self, event: Event) -> None:
        """Fold one event; MessageError, with nothing changed, for one of market_data that cannot follow."""
        if event.source == "market_data":
            self._own(event)
        elif isinstance(event, Decided):
            if not event.intents:
                self._answered(event.close_ns)
        elif isinstance(event, Executed):
            self._answered(event.close_ns)
        elif isinstance(event, Started) and self.started is None:
            self.started = event
            self._bars.follow(event)
            self.has_started.set()
        elif isinstance(event, Command) and event.command == "end":
            self.end_requested = event
            self._open.set()
        elif isinstance(event, Command) and event.command == "abort":
            self.aborted = True
            self._open.set()
            self._answered_last.set()

    def _own(self, event: Event) -> None:
        if self.seq and event.seq != self.seq + 1:
            return  # before its time, or somebody else's: our own numbers have no hole
        if event.seq != self.seq + 1:
            self._bars.forget()  # what came before has left the stream
        self._bars.refuse(event)
        self._bars.follow(event)
        self.seq = event.seq
        if isinstance(event, BarSet):
            self.published(event)
        elif isinstance(event, FeedEnded):
            self.feed_ended = True
        else:
            self.after_set.append(event)

    def published(self, bar_set: BarSet) -> None:
        """A bar set went out: the next one waits for its answer, unless it is warmup."""
        self.number = bar_set.number
        self.hash = bar_set.hash or FIRST_HASH
        self.close_ns = bar_set.close_ns
        self.after_set = []
        if not bar_set.warmup and self._awaited_ns != bar_set.close_ns:
            self._awaited_ns = bar_set.close_ns
            self._open.clear()
            self._answered_last.clear()

    def _answered(self, close_ns: int) -> None:
        if close_ns == self._awaited_ns:
            self._open.set()
            self._answered_last.set()

    @property
    def is_over(self) -> bool:
        """Whether no further bar set is wanted."""
        return self.aborted or self.end_requested is not None

    async def gate(self, timeout_s: float) -> bool:
        """Wait until the next set may go out or the session is to end; False when neither came in time."""
        return await _is_set(self._open, timeout_s)

    async def answered(self, timeout_s: float) -> bool:
        """Wait until the last set's decision is carried out, also when the session is to end; False when too late."""
        return await _is_set(self._answered_last, timeout_s)


async def _is_set(event: asyncio.Event, timeout_s: float) -> bool:
    if event.is_set():
        return True
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
