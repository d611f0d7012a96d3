"""``serve``: one service, until it is asked to end."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live_runner.services.cli.options import HomeOption

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine

    from live_runner.services.runtime.settings import Settings

__all__ = ["register"]


class Service(StrEnum):
    """The services of a session, and the simulated exchange."""

    MARKET_DATA = "market_data"
    STRATEGY = "strategy"
    EXECUTION = "execution"
    RECORDER = "recorder"
    EMULATOR = "emulator"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Examples:\n\n\b\n"
        "  NATS_URL=nats://127.0.0.1:4222 TIMESCALE_DSN=postgresql://... live-runner serve recorder\n"
        "  LIVE_RUNNER_HEALTH_PORT=8080 live-runner serve strategy\n"
        "  LIVE_RUNNER_EMULATOR_PORT=8090 live-runner serve emulator"
    )(serve)


def serve(
    service: Annotated[Service, typer.Argument(help="The service to run.", show_default=False)],
    session: Annotated[
        str | None, typer.Option(help="Only this session; refuses when another process owns it.")
    ] = None,
    log_to_file: Annotated[bool, typer.Option("--log-to-file", help="Log to <home>/logs/<service>.log.")] = False,
    home: HomeOption = None,
) -> None:
    """Run one service. It finds its sessions in the log and hosts any number of them.

    `emulator` is a simulated exchange that speaks a venue's REST and WebSocket market data to ccxt;
    it needs neither NATS nor a database.
    """
    import asyncio

    if service is Service.EMULATOR:
        from live_runner.services.emulator.shell import run as run_emulator

        asyncio.run(run_emulator())
        return
    from live_runner.services.runtime.lean import import_lean

    import_lean("structlog")
    import_lean("nats")
    from live_runner.services.runtime import log
    from live_runner.services.runtime.settings import Settings

    settings = _pointed(Settings.from_environment(home=home), needs_database=service is Service.RECORDER)
    log.configure(settings, service.value, to_file=log_to_file)
    start = _entry(service)
    # The strategies' own processes log beside it.
    extra = {"log_to_file": log_to_file} if service is Service.STRATEGY else {}
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(start(settings, only=session, **extra))


def _pointed(settings: Settings, *, needs_database: bool) -> Settings:
    """With the embedded servers that run in the home folder where the environment names none."""
    from live_runner.contracts.errors import BusUnavailable, DatabaseUnavailable
    from live_runner.services.runtime.embedded import find

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


def _entry(service: Service) -> Callable[..., Coroutine[Any, Any, None]]:
    import importlib

    module = importlib.import_module(f"live_runner.services.{service.value}.{_MODULES.get(service, 'shell')}")
    entry: Callable[..., Coroutine[Any, Any, None]] = module.serve
    return entry


_MODULES: dict[Service, str] = {Service.STRATEGY: "service", Service.RECORDER: "service"}
"""Where a service's ``serve`` stands, when not in its ``shell``."""


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None  # not built for this platform; asyncio's own loop does the same, slower
    return uvloop.new_event_loop
