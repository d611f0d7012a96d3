"""``bundle``: a session in one file that replays on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from live_runner.services.cli.options import HomeOption, JsonOption, database_settings
from live_runner.services.cli.verification import DifferentCodeOption, compare_session, session_events

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Export a session into one file that replays anywhere.",
        epilog="Examples:\n\n\b\n  live-runner bundle monday\n  live-runner bundle monday --output m.zip",
    )(bundle)


def bundle(
    session: Annotated[str, typer.Argument(help="The session's name.", show_default=False)],
    output: Annotated[Path | None, typer.Option(help="The file to write; default: SESSION.zip.")] = None,
    allow_different_code: DifferentCodeOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a session and its comparison into one file that replays on another machine.

    A session of another engine is bundled without a comparison, for the release that plays it.
    """
    import msgspec

    from live_runner.contracts.errors import VersionMismatch
    from live_runner.services.cli.output import note, print_json
    from live_runner.services.forensics.bundle import write_bundle
    from live_runner.services.forensics.report import as_dict
    from live_runner.services.runtime.service.log import session_lines

    path = output or Path(f"{session}.zip")
    with database_settings(home) as settings:
        assert settings.timescale_dsn is not None
        try:
            compared = compare_session(
                settings.timescale_dsn,
                session,
                is_quiet=as_json,
                home=settings.home,
                allow_different_code=allow_different_code,
            )
            comparison = as_dict(compared)
        except VersionMismatch as error:
            note(str(error))
            comparison = {"refused": str(error)}
        documents = {"comparison": comparison, "logs": session_lines(settings, session)}
        written = write_bundle(path, session_events(settings.timescale_dsn, session), documents)
    if as_json:
        print_json({"file": str(path), **msgspec.to_builtins(written)})
    else:
        note(f"{written.events} events of {session} are in {path}")
