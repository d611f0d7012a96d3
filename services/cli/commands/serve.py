"""``serve``: one service, until it is asked to end. A simple command line starts in entry.py, without this module."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from live_runner.services.cli.options import HomeOption
from live_runner.services.runtime.services import SERVICES

__all__ = ["register"]


_NAMES: Final = ", ".join(SERVICES)


def _checked(name: str) -> str:
    if name not in SERVICES:
        raise typer.BadParameter(f"'{name}' is not a service. Give one of: {_NAMES}")
    return name


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Examples:\n\n\b\n"
        "  NATS_URL=nats://127.0.0.1:4222 TIMESCALE_DSN=postgresql://... live-runner serve recorder\n"
        "  LIVE_RUNNER_HEALTH_PORT=8080 live-runner serve strategy\n"
        "  LIVE_RUNNER_EMULATOR_PORT=8090 live-runner serve emulator"
    )(serve)


def serve(
    service: Annotated[
        str, typer.Argument(help=f"One of: {_NAMES}.", metavar="SERVICE", show_default=False, callback=_checked)
    ],
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

    run_service(service, session=session, log_to_file=log_to_file, home=None if home is None else str(home))
