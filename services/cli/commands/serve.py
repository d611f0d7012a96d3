"""``serve``: one service, until it is asked to end. Plainly asked for it starts in entry.py, without this module."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from live_runner.services.cli.options import HomeOption

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
    from live_runner.services.cli.service_process import run_service

    run_service(service.value, session=session, log_to_file=log_to_file, home=None if home is None else str(home))
