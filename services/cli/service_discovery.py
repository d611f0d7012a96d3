"""Discovery of the services that run on a NATS server, by the readers they hold there."""

from __future__ import annotations

from live_runner.contracts import subjects
from live_runner.contracts.messages import Started
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event

__all__ = ["log_so_far", "services_are_running", "services_reading"]


async def services_are_running(settings: Settings) -> bool:
    """Whether any service looks for sessions there."""
    bus = await Bus.connect(settings.nats, name="presence")
    try:
        return await services_reading(bus) > 0
    finally:
        await bus.close()


async def log_so_far(settings: Settings) -> tuple[int, list[str]]:
    """Stream sequence of the newest message there (0: none), and the sessions that have not ended."""
    bus = await Bus.connect(settings.nats, name="presence")
    try:
        await bus.ensure_stream()
        last_seq = (await bus.log_state()).last_seq
        return last_seq, await _unfinished(bus) if last_seq else []
    finally:
        await bus.close()


async def _unfinished(bus: Bus) -> list[str]:
    """Sessions that were started and not stopped, by name."""
    found = await _sessions_with(bus, "session.started") - await _sessions_with(bus, "session.stopped")
    return [name for name in sorted(found) if await _is_started(bus, name)]


async def _is_started(bus: Bus, session: str) -> bool:
    """Whether there is a manifest on the session's subject, and not only what somebody else has put there."""
    if not subjects.is_session(session):
        return False
    return await last_event(bus, subjects.event_subject("session.started", session), Started) is not None


async def _sessions_with(bus: Bus, type_: str) -> set[str]:
    pattern = subjects.of_type(type_)[0]
    answer = await bus.jetstream(f"STREAM.INFO.{subjects.STREAM}", {"subjects_filter": pattern})
    return {subjects.session_of(subject) for subject in answer.get("state", {}).get("subjects") or {}}


async def services_reading(bus: Bus) -> int:
    """Number of services that wait for announcements: each reads them from the log as long as it lives."""
    announcements = subjects.of_type("session.announced")[0]
    return sum(
        1
        for consumer in await bus.consumers()
        if announcements in (consumer["config"].get("filter_subjects") or []) and consumer.get("push_bound", False)
    )
