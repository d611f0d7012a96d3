"""Options that several commands have, and the settings that follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from live_runner.services.runtime.config.settings import Settings

__all__ = [
    "AllowFailuresOption",
    "HomeOption",
    "JsonOption",
    "SessionArgument",
    "database_settings",
    "running_settings",
    "settings_of",
]

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Data folder. [env: LIVE_RUNNER_HOME; default: .live-runner]", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AllowFailuresOption = Annotated[
    bool, typer.Option("--allow-failures", help="Exit with 0 even if the strategy's code failed or all was refused.")
]
SessionArgument = Annotated[str, typer.Argument(help="The session's name.", show_default=False)]


def settings_of(home: Path | None) -> Settings:
    """The settings of a command."""
    from live_runner.services.runtime.config.settings import Settings

    return Settings.from_environment(home=home)


def running_settings(home: Path | None) -> Settings:
    """Settings that name a NATS that should run now; BusUnavailable when there is none to name."""
    from live_runner.contracts.errors import BusUnavailable
    from live_runner.services.runtime.embedded.servers import ANSWER_TIMEOUT_S, find, is_owned, nats_folder

    settings = find(settings_of(home))
    if settings.nats_url is None and is_owned(nats_folder(settings.home)):
        raise BusUnavailable(
            f"The NATS server in {settings.home} is starting and has not answered for {ANSWER_TIMEOUT_S:g} s",
            remedy=f"Try again; see {nats_folder(settings.home) / 'nats.log'}",
        )
    if settings.nats_url is None:
        raise BusUnavailable(
            f"No session runs in {settings.home}: there is no NATS server",
            remedy="Start one with `live-runner run`, give its folder with --home, or set NATS_URL",
        )
    return settings


@contextmanager
def database_settings(home: Path | None, *, nats: bool = False) -> Iterator[Settings]:
    """Settings that name a database that answers: the one given, the embedded one that runs, or started for this.

    ``nats`` asks for a NATS as well.
    """
    from live_runner.contracts.errors import DatabaseUnavailable
    from live_runner.services.cli.output import note
    from live_runner.services.runtime.embedded.servers import Embedded, postgres_folder

    settings = settings_of(home)
    if settings.timescale_dsn is None and not (postgres_folder(settings.home) / "data").exists():
        raise DatabaseUnavailable(
            f"There is no database in {settings.home}",
            remedy="Give the folder of your sessions with --home, or set TIMESCALE_DSN",
        )
    with Embedded.start(settings, nats=nats, is_brief=True, on_wait=note) as embedded:
        yield embedded.settings
