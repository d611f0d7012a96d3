"""``compare``: a session against its backtest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from live_runner.services.cli.bundled_strategy import YesOption, run_apart
from live_runner.services.cli.options import HomeOption, JsonOption, settings_of
from live_runner.services.cli.verification import (
    DifferentCodeOption,
    SessionOrBundle,
    compare_log,
    is_bundle,
    recorded_events,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Compare a session with its backtest, cent by cent.",
        epilog="Examples:\n\n\b\n"
        "  live-runner compare monday\n"
        "  live-runner compare monday --html monday.html\n"
        "  live-runner compare monday --config changed.yaml --allow-different-code",
    )(compare)


def compare(
    session: SessionOrBundle,
    config: Annotated[
        Path | None, typer.Option(help="Compare with this configuration and its strategy, as they are now.")
    ] = None,
    allow_different_code: DifferentCodeOption = False,
    html: Annotated[Path | None, typer.Option(help="Write a report with charts to this file.")] = None,
    home: HomeOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the backtest of a session and compare both, event by event and cent by cent.

    That runs the session's strategy. For the one inside a bundle the command asks first.
    """
    given = ["--json"] * as_json + ["--allow-different-code"] * allow_different_code
    given += ["--config", str(config)] if config else []
    given += ["--html", str(html)] if html else []
    run_apart(session, ["compare", session, *given], is_accepted=yes)
    from live_runner.services.cli.loaded_config import load_config
    from live_runner.services.cli.output import note, print_json, show
    from live_runner.services.forensics.html_report import html_report
    from live_runner.services.forensics.report import as_dict, compare_view

    loaded = load_config(config, session=session if config and not is_bundle(session) else None) if config else None
    with recorded_events(session, home) as events:
        from live_runner.services.forensics.session_log import SessionLog

        log = SessionLog(events)
        result = compare_log(
            log,
            is_quiet=as_json,
            home=settings_of(home).home,
            strategy=loaded.source if loaded else None,
            config=loaded.config if loaded else None,
            allow_different_code=allow_different_code,
        )
        if html is not None:
            html.write_text(html_report(log, result), encoding="utf-8")
            note(f"The report is in {html}")
    if as_json:
        print_json(as_dict(result))
    else:
        show(compare_view(result))
    raise typer.Exit(result.exit_code)
