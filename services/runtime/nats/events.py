"""Typed events of the log. What is not a valid message is passed over by every reader alike, and logged once.

The recorder sees each message of the stream once and makes the incident of it (recorder/core/findings.py); the
other readers read the log anew at each start, so they would repeat it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import MessageError
from live_runner.contracts.messages import Event, Started
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log

__all__ = ["canonical_event_of", "event_of", "last_event", "manifest_of", "pass_over"]

LOGGED_MAX: Final = 1_000
"""Messages passed over that one process logs."""
_logged: Final[set[int]] = set()


def event_of(message: Message) -> Event | None:
    """The typed event as it was published; None for a message to pass over."""
    return _event(message.stream_seq, message.subject, message.data)


def canonical_event_of(message: Message) -> Event | None:
    """The same without the time of publishing: as a core sees it, in every run."""
    event = _event(message.stream_seq, message.subject, message.data)
    return None if event is None else msgspec.structs.replace(event, recorded_ns=0)


async def last_event[E: Event](bus: Bus, subject: str, kind: type[E]) -> tuple[int, E] | None:
    """The last valid event on one subject (no wildcard) with its stream sequence, None when there is none."""
    last = await bus.last_message(subject)
    if last is None:
        return None
    event = _event(last[0], subject, last[1])
    if isinstance(event, kind):
        return last[0], event
    # Somebody else wrote there last: the subjects asked for have few messages, so all of them are read.
    found: tuple[int, E] | None = None
    reader = await bus.reader([subject])
    try:
        async for message in reader:
            event = event_of(message)
            if isinstance(event, kind):
                found = message.stream_seq, event
            if message.pending == 0:
                break
    finally:
        await reader.close()
    return found


async def manifest_of(bus: Bus, session: str) -> Started | None:
    """The manifest of a session, None when it has not started; a later one is somebody else's."""
    subject = subjects.event_subject("session.started", session)
    if await bus.last_message(subject) is None:
        return None
    reader = await bus.reader([subject])
    try:
        async for message in reader:
            event = event_of(message)
            if isinstance(event, Started):
                return event
            if message.pending == 0:
                break
    finally:
        await reader.close()
    return None


def _event(stream_seq: int, subject: str, data: bytes) -> Event | None:
    try:
        return codec.read(subject, data)
    except MessageError as error:
        pass_over(stream_seq, subject, error)
        return None


def pass_over(stream_seq: int, subject: str, error: MessageError) -> None:
    """Log once that a message is not taken."""
    if stream_seq not in _logged and len(_logged) < LOGGED_MAX:
        _logged.add(stream_seq)
        log.get("log").warning(
            "a message is passed over", subject=subject[:200], stream_seq=stream_seq, reason=str(error)
        )
