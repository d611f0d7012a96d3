"""The services, listed once: `serve`, the supervisor, and whoever waits for a session's services read this list.

To add a service, give it a folder beside this one and an entry here; tests/architecture/test_services.py then names
what else has to know it (import rules, docker-compose.yml).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["SERVICES", "SESSION_SERVICES", "Service"]


class Service(NamedTuple):
    """One long-lived service."""

    name: str
    """Of its folder, of its role in a session, and as `live-runner serve` takes it."""
    module: str
    """Where its coroutine ``serve`` is."""
    has_role: bool = True
    """It joins every session. One without a role is reached by its address alone: no NATS, no database."""
    needs_database: bool = False


_ALL: Final = (
    Service("recorder", "live_runner.services.recorder.service", needs_database=True),
    Service("market_data", "live_runner.services.market_data.shell"),
    Service("execution", "live_runner.services.execution.shell"),
    Service("strategy", "live_runner.services.strategy.service"),
    Service("gateway", "live_runner.services.gateway.service", has_role=False),
    Service("emulator", "live_runner.services.emulator.shell", has_role=False),
)
SERVICES: Final = {service.name: service for service in _ALL}
"""By name, in the order in which they are started."""
SESSION_SERVICES: Final = tuple(service.name for service in _ALL if service.has_role)
"""Names of those that have to join a session before it begins."""
