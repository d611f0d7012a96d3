"""One service in this process, until it is asked to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine

    from live_runner.services.runtime.config.settings import Settings

__all__ = ["SERVICES", "run_service"]

_EMULATOR: Final = "emulator"
_MODULES: Final = {
    "market_data": "live_runner.services.market_data.shell",
    "strategy": "live_runner.services.strategy.service",
    "execution": "live_runner.services.execution.shell",
    "recorder": "live_runner.services.recorder.service",
}
SERVICES: Final = (*_MODULES, _EMULATOR)


def run_service(
    service: str, *, session: str | None = None, log_to_file: bool = False, home: str | None = None
) -> None:
    """Run one of ``SERVICES``; the emulator needs neither NATS nor a database, and takes no options."""
    import asyncio

    if service == _EMULATOR:
        from live_runner.services.emulator.shell import run as run_emulator

        asyncio.run(run_emulator())
        return
    from pathlib import Path

    from live_runner.services.runtime.config.settings import Settings
    from live_runner.services.runtime.service import log

    settings = Settings.from_environment(home=None if home is None else Path(home))
    settings = _pointed(settings, needs_database=service == "recorder")
    log.configure(settings, service, to_file=log_to_file)
    start = _entry(service)
    # The strategies' own processes log beside it.
    extra = {"log_to_file": log_to_file} if service == "strategy" else {}
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(start(settings, only=session, **extra))


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


def _entry(service: str) -> Callable[..., Coroutine[Any, Any, None]]:
    import importlib

    entry: Callable[..., Coroutine[Any, Any, None]] = importlib.import_module(_MODULES[service]).serve
    return entry


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # not built for this platform; asyncio's own loop does the same, slower
    return uvloop.new_event_loop
