"""The state of a session as its log has it so far."""

from __future__ import annotations

import msgspec

from live_runner.contracts import manifest, subjects
from live_runner.contracts.messages import Announced, Event, JoinDeclined, Started, Stopped
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, last_event

__all__ = ["State", "next_number", "read_state"]


class State(msgspec.Struct):
    """The events of a session's life in the log, each with its stream sequence."""

    announced: tuple[int, Announced] | None = None
    started: tuple[int, Started] | None = None
    stopped: tuple[int, Stopped] | None = None
    refused: tuple[int, JoinDeclined] | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it was refused before it started, and not announced again since."""
        return (
            self.announced is not None
            and self.started is None
            and self.refused is not None
            and self.refused[0] > self.announced[0]
        )


async def read_state(bus: Bus, session: str) -> State:
    """The session's life so far."""
    return State(
        announced=await _last(bus, "session.announced", session, Announced),
        started=await _last(bus, "session.started", session, Started),
        stopped=await _last(bus, "session.stopped", session, Stopped),
        refused=await _last(bus, "session.refused", session, JoinDeclined),
    )


async def _last[E: Event](bus: Bus, type_: str, session: str, kind: type[E]) -> tuple[int, E] | None:
    return await last_event(bus, subjects.event_subject(type_, session), kind)


async def next_number(bus: Bus, announced_seq: int, announced: Announced) -> int:
    """The number after the last one that a ``run`` gave in this refused session."""
    number = announced.seq
    reader = await bus.reader([subjects.event_subject("session.refused", announced.session)], announced_seq)
    async for message in reader:
        event = event_of(message)
        if event is not None and event.source == manifest.SOURCE and event.seq == number + 1:
            number = event.seq
        if message.pending == 0:
            break
    await reader.close()
    return number + 1
