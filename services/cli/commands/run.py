"""``run``: one session from its configuration to its summary."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from live_runner.services.cli.options import AllowFailuresOption, HomeOption, JsonOption, settings_of

__all__ = ["ConfigArgument", "Services", "Stage", "register"]

ConfigArgument = Annotated[Path, typer.Argument(help="The configuration file (YAML).", show_default=False)]


class Stage(StrEnum):
    """Where the orders go."""

    PAPER = "paper"
    LIVE_SMALL = "live_small"
    LIVE = "live"


class Services(StrEnum):
    """Whose services run the session."""

    AUTO = "auto"
    OWN = "own"
    RUNNING = "running"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="Run a session to its end and print its summary.",
        epilog="Examples:\n\n\b\n"
        "  live-runner run session.yaml --stage paper\n"
        "  live-runner run session.yaml --stage paper --session monday --verify\n"
        "  live-runner run session.yaml --stage paper --speed 60 --detach\n"
        "  live-runner run session.yaml --stage live --yes monday\n"
        "  NATS_URL=nats://host:4222 TIMESCALE_DSN=postgresql://... live-runner run session.yaml --stage paper",
    )(run)
    app.command(
        short_help="Run and verify the two example sessions.",
        epilog="Examples:\n\n\b\n"
        "  live-runner paper\n"
        "  live-runner paper --data candles/\n"
        "  live-runner paper --speed 3600 --home .paper",
    )(paper)


def run(
    config: ConfigArgument,
    stage: Annotated[
        Stage,
        typer.Option(
            help="Where the orders go: `paper` fills them in a simulation, `live_small` and `live` send them to the "
            "venue.",
            show_default=False,
        ),
    ],
    session: Annotated[str | None, typer.Option(help="Name of the session, instead of the configuration's.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Playback speed, as a multiple of real time; default: as fast as possible."),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Replay and compare the session at its end; one that sent orders is replayed."),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Leave it running in the background.")] = False,
    yes: Annotated[
        str | None,
        typer.Option(
            "--yes", metavar="NAME", help="The session's name, which `live` asks for otherwise.", show_default=False
        ),
    ] = None,
    services: Annotated[
        Services,
        typer.Option(help="Start services of its own, or use running ones; auto uses running ones if there are any."),
    ] = Services.AUTO,
    allow_failures: AllowFailuresOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a session: check everything, start what is needed, follow it, and print its summary.

    Run again with the same session and data folder, an unfinished session continues from where it was.
    """
    settings = settings_of(home)
    if detach:
        from live_runner.services.cli.detached import start_detached

        start_detached(
            settings,
            config,
            stage.value,
            session=session,
            speed=speed,
            services=services.value,
            confirmed=yes,
            as_json=as_json,
        )
        return
    from live_runner.services.cli.runner import Request, play

    request = Request(
        config=config,
        stage=stage.value,
        session=session,
        speed=speed,
        verify=verify,
        services=services.value,
        allow_failures=allow_failures,
        confirmed=yes,
    )
    raise typer.Exit(play(settings, [request], as_json=as_json))


def paper(
    data: Annotated[
        Path | None, typer.Option(help="Folder of recorded candles; default: the simulated market.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Playback speed, as a multiple of real time; default: as fast as possible.")
    ] = None,
    bars: Annotated[int | None, typer.Option(help="Length of the simulated market, in bars.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a paper session of `dual_lifo` and one of `ema_cross`, and verify both.

    Each is replayed and compared with its backtest; zero differences are expected. A session that was
    finished before keeps its name: the next one gets a number.
    """
    from live_runner.services.cli.demo import requests
    from live_runner.services.cli.runner import play

    settings = settings_of(home)
    raise typer.Exit(play(settings, requests(settings, data=data, speed=speed, bars=bars), as_json=as_json))
