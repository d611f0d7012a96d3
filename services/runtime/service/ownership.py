"""Who owns a role of a session: an epoch in the log that every publish asserts.

Taking a role over appends the next ``owned`` event on the role's own subject, on condition that no
other was appended meanwhile. Every later message of that role names the sequence of this event as
the last one on that subject; a process that was paused and wakes up is refused by the server.

A shell's own observations are numbered within the epoch: source ``<role>.shell.<epoch>``, of which
the ``owned`` event is number 1.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import OwnershipLost, RunnerError, ServiceUnavailable, TheirFault
from live_runner.contracts.messages import Command, Event, Incident, JoinDeclined, Owned, Stopped, VenueCall
from live_runner.contracts.numbering import Numbering
from live_runner.services.runtime.config.masking import masked_values
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event
from live_runner.services.runtime.nats.publisher import Guard

__all__ = ["AlreadyOwned", "Ownership", "refuse_if_alive"]

LIVENESS_TIMEOUT_S: Final = 1.0
LIVENESS_TRIES: Final = 2
"""An owner that is connected but silent for so many tries in a row is taken for paused."""


_TEXTS: Final = frozenset({Command, Incident, JoinDeclined, Stopped, VenueCall})
"""Messages with text that may be of anybody's making: errors, reasons, tracebacks."""


class AlreadyOwned(TheirFault):
    """A living process owns this role of the session."""

    exit_code = 68


class Ownership:
    """One epoch of one role. Take it with ``take``; let it go with ``release``."""

    def __init__(
        self, session: str, role: str, epoch: int, stream_seq: int, undo: Callable[[], Awaitable[None]]
    ) -> None:
        self.session = session
        self.role = role
        self.epoch = epoch
        self.stream_seq = stream_seq
        self.guard = Guard(subjects.owned(session, role), stream_seq)
        self._undo = undo
        self._numbering = Numbering(session, f"{role}.shell.{epoch}", seq=1, hashing=False)

    @classmethod
    async def take(cls, bus: Bus, session: str, role: str, instance: str) -> Ownership:
        """Become the owner; AlreadyOwned while another one lives."""
        await refuse_if_alive(bus, session, role)
        subject = subjects.owned(session, role)
        last_seq = await bus.last_seq_of(subject)
        previous = await last_event(bus, subject, Owned)
        epoch = 1 if previous is None else previous[1].epoch + 1
        numbering = Numbering(session, f"{role}.shell.{epoch}", hashing=False)
        event = numbering.make(Owned, cause="", event_ns=time.time_ns(), role=role, instance=instance, epoch=epoch)
        try:
            stream_seq = await bus.publish(event, expect_last_of_subject=last_seq)
        except OwnershipLost as error:
            raise _already(session, role, "a process that was faster") from error

        async def alive(_subject: str, _data: bytes) -> bytes:
            return instance.encode()

        undo = await bus.on(subjects.liveness(role, session), alive)
        return cls(session, role, epoch, stream_seq, undo)

    def note[E: Event](self, kind: type[E], /, *, cause: str = "", event_ns: int | None = None, **fields: Any) -> E:
        """The next observation of this epoch, at the wall clock's time unless another is given."""
        at_ns = time.time_ns() if event_ns is None else event_ns
        if kind in _TEXTS:
            fields = masked_values(fields)
        return self._numbering.make(kind, cause=cause, event_ns=at_ns, **fields)

    def refusal(self, error: RunnerError, *, announcement: str) -> JoinDeclined:
        """This role does not take part in the session that was announced, and why."""
        return self.note(
            JoinDeclined,
            cause=announcement,
            role=self.role,
            reason=str(error.fields.get("reason", error.code)),
            message=str(error),
            details=codec.portable(error.fields),
        )

    def fatal(self, error: RunnerError) -> Incident:
        """The session cannot go on, and why."""
        return self.note(
            Incident, severity="fatal", code=error.code, message=str(error), details=codec.portable(error.fields)
        )

    async def release(self) -> None:
        """Answer no more: the next process may take over at once."""
        await self._undo()


async def refuse_if_alive(bus: Bus, session: str, role: str) -> None:
    """AlreadyOwned while a living process owns this role of the session."""
    for _ in range(LIVENESS_TRIES):
        try:
            owner = await bus.request(subjects.liveness(role, session), b"", timeout_s=LIVENESS_TIMEOUT_S)
        except ServiceUnavailable as error:
            if not error.fields["silent"]:
                return  # nobody is connected who could answer
            continue
        raise _already(session, role, owner.decode(errors="replace"))


def _already(session: str, role: str, owner: str) -> AlreadyOwned:
    return AlreadyOwned(
        f"The {role} role of session {session} is owned by {owner}",
        remedy="Leave it running, or stop it first; this process takes over when it is gone",
        session=session,
        role=role,
        owner=owner,
    )
