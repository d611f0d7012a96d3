"""Discovery of the services that run on a NATS server, by the readers they hold there."""

from __future__ import annotations

from live_runner.contracts import subjects
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus

__all__ = ["last_in_log", "services_are_running", "services_reading"]


async def services_are_running(settings: Settings) -> bool:
    """Whether any service looks for sessions there."""
    bus = await Bus.connect(settings.nats, name="presence")
    try:
        return await services_reading(bus) > 0
    finally:
        await bus.close()


async def last_in_log(settings: Settings) -> int:
    """Stream sequence of the newest message there; 0 when there is none."""
    bus = await Bus.connect(settings.nats, name="presence")
    try:
        await bus.ensure_stream()
        return (await bus.log_state()).last_seq
    finally:
        await bus.close()


async def services_reading(bus: Bus) -> int:
    """Number of services that wait for announcements: each reads them from the log as long as it lives."""
    announcements = subjects.of_type("session.announced")[0]
    return sum(
        1
        for consumer in await bus.consumers()
        if announcements in (consumer["config"].get("filter_subjects") or []) and consumer.get("push_bound", False)
    )
