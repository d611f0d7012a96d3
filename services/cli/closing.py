"""Closing a session that nobody can end in order: one that cannot go on, or whose services do not run.

Execution ends it where it is, if it still runs. Otherwise its end is written here in execution's place, on
condition that no living process has that role. Everything in the log and the database stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import CommandRefused, DatabaseUnavailable, DataError, ServiceUnavailable
from live_runner.contracts.messages import Incident, Started, Stopped
from live_runner.services.cli.output import note
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, last_event
from live_runner.services.runtime.service.hosting import instance_name
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.runtime.service.voiding import void_rest

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings

__all__ = ["close", "idle_servers", "why_dead"]

STOP_LIMIT_S: Final = 10.0
"""How long an execution that lives may take to end the session."""
RECORD_LIMIT_S: Final = 60.0
"""How long the recorder may take to store the end of a session that was closed while nothing ran."""
_POLL_S: Final = 0.05
_PROGRESS: Final = {
    "market_data": "market.bar_set",
    "strategy": "strategy.decided",
    "execution": "account.settled",
}
"""The event that shows that a role went on after a fatal incident of its own."""


async def why_dead(bus: Bus, session: str) -> str | None:
    """The fatal incident after which a started session has not gone on; None when it can, or is over."""
    if await last_event(bus, subjects.event_subject("session.started", session), Started) is None:
        return None
    if await _end(bus, session) is not None:
        return None
    subject = subjects.event_subject("ops.incident", session)
    last = await bus.last_message(subject)
    if last is None:
        return None
    fatal: dict[str, tuple[int, str]] = {}
    reader = await bus.reader([subject], 1)
    try:
        async for message in reader:
            event = event_of(message)
            if isinstance(event, Incident) and event.severity == "fatal":
                fatal[event.source.partition(".")[0]] = (message.stream_seq, event.message)
            if message.stream_seq >= last[0]:
                break
    finally:
        await reader.close()
    for role, (seq, why) in fatal.items():
        went_on = role in _PROGRESS and await bus.last_message(subjects.event_subject(_PROGRESS[role], session))
        if not went_on or went_on[0] < seq:
            return why
    return None


async def close(bus: Bus, session: str, author: str, reason: str) -> int:
    """End a session where it is; the stream sequence of its end.

    DataError when it has not started, CommandRefused when it is over, AlreadyOwned when an execution holds the session
    and does not answer commands.
    """
    if await last_event(bus, subjects.event_subject("session.started", session), Started) is None:
        raise DataError(f"The session {session} has not started", remedy="List the sessions with: live-runner status")
    if await _end(bus, session) is not None:
        raise CommandRefused(
            f"The session {session} is finished",
            remedy=f"Look at it with: live-runner replay {session}",
            session=session,
        )
    body = msgspec.msgpack.encode({"author": author, "reason": reason})
    try:
        answer = codec.fields(await bus.request(subjects.command("abort", session), body))
        if answer.get("accepted"):
            return await _stopped(bus, session)
    except ServiceUnavailable as error:
        if error.fields.get("silent"):
            raise
    ownership = await Ownership.take(bus, session, "execution", instance_name("end"))
    try:
        if (found := await _end(bus, session)) is not None:
            return found
        await void_rest(bus, ownership)
        return await bus.publish(ownership.note(Stopped, reason=f"closed by {author}: {reason}", summary={}))
    finally:
        await ownership.release()


async def _stopped(bus: Bus, session: str) -> int:
    deadline = time.monotonic() + STOP_LIMIT_S
    while (found := await _end(bus, session)) is None:
        if time.monotonic() >= deadline:
            raise ServiceUnavailable(
                f"Execution has accepted the end of {session} and did not end it within {STOP_LIMIT_S:g} s",
                remedy="See the log of execution",
                session=session,
            )
        await asyncio.sleep(_POLL_S)
    return found


async def _end(bus: Bus, session: str) -> int | None:
    """Stream sequence of the session's end; None before."""
    found = await last_event(bus, subjects.event_subject("session.stopped", session), Stopped)
    return None if found is None else found[0]


@contextmanager
def idle_servers(settings: Settings) -> Iterator[Settings]:
    """The servers of a data folder in which nothing runs, and a recorder that has stored all when this ends."""
    from live_runner.services.runtime.embedded.servers import Embedded
    from live_runner.services.runtime.embedded.supervisor import Supervisor

    with Embedded.start(settings, is_brief=True, on_wait=note) as embedded:
        supervisor = Supervisor(embedded.settings)
        supervisor.start("recorder")
        try:
            yield embedded.settings
            asyncio.run(_recorded(embedded.settings))
        finally:
            supervisor.stop()


async def _recorded(settings: Settings) -> None:
    from live_runner.services.runtime.postgres.archive import position

    assert settings.timescale_dsn is not None
    bus = await Bus.connect(settings.nats, name="end")
    try:
        last_seq = (await bus.log_state()).last_seq
    finally:
        await bus.close()
    deadline = time.monotonic() + RECORD_LIMIT_S
    while (found := await asyncio.to_thread(position, settings.timescale_dsn)) is None or found.stream_seq < last_seq:
        if time.monotonic() >= deadline:
            raise DatabaseUnavailable(
                f"The recorder has not stored the end of the session within {RECORD_LIMIT_S:g} s",
                remedy="See the recorder's log; nothing is lost, it continues from the stream at the next run",
            )
        await asyncio.sleep(_POLL_S)
