"""One service in this process, until it is asked to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from live_runner.services.runtime.services import SERVICES

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Mapping

    from live_runner.services.runtime.config.settings import Settings

__all__ = ["run_service"]


def run_service(
    name: str,
    *,
    session: str | None = None,
    gateway: Mapping[str, Any] | None = None,
    log_to_file: bool = False,
    home: str | None = None,
) -> None:
    """Run one of ``SESSION_SERVICES``, or the gateway with what it takes besides."""
    import asyncio
    import importlib
    from pathlib import Path

    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.service import log

    service = SERVICES[name]
    serve = importlib.import_module(service.module).serve
    settings = Settings.from_environment(home=None if home is None else Path(home))
    settings = _pointed(settings, needs_database=service.needs_database)
    log.configure(settings, name, to_file=log_to_file)
    log.hook_uncaught()
    # The strategies' own processes log beside it.
    extra: dict[str, Any] = {"log_to_file": log_to_file} if name == "strategy" else {}
    extra |= gateway or {}
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, only=session, **extra))


def _pointed(settings: Settings, *, needs_database: bool) -> Settings:
    """With the embedded servers that run in the home folder where the environment names none."""
    from live_runner.contracts.errors import BusUnavailable, DatabaseUnavailable

    if settings.nats_url is None or (needs_database and settings.timescale_dsn is None):
        from live_runner.services.runtime.embedded.servers import find

        settings = find(settings)
    if settings.nats_url is None:
        raise BusUnavailable(
            "NATS_URL is not set and no embedded NATS runs here",
            remedy="Set NATS_URL, or let `live-runner run CONFIG --stage paper` start everything",
        )
    if needs_database and settings.timescale_dsn is None:
        raise DatabaseUnavailable(
            "TIMESCALE_DSN is not set and no embedded PostgreSQL runs here",
            remedy="Set TIMESCALE_DSN, or let `live-runner run CONFIG --stage paper` start everything",
        )
    return settings


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # not built for this platform; asyncio's own loop does the same, slower
    return uvloop.new_event_loop
