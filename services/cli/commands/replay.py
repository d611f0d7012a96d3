"""``replay``: fold a recorded session again and compare every output."""

from __future__ import annotations

import typer

from live_runner.services.cli.bundled_strategy import YesOption, run_apart
from live_runner.services.cli.options import HomeOption, JsonOption
from live_runner.services.cli.verification import PartialOption, SessionOrBundle, replay_recorded

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(
        short_help="Replay a session and compare every output.",
        epilog="Examples:\n\n\b\n  live-runner replay monday\n  live-runner replay monday.zip --json",
    )(replay)


def replay(
    session: SessionOrBundle,
    partial: PartialOption = False,
    home: HomeOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the recorded inputs through the engine again and compare every output, byte for byte.

    That runs the session's strategy. For the one inside a bundle the command asks first. The name of an account replays
    its limits, from what its sessions recorded.
    """
    given = ["--partial"] * partial + ["--json"] * as_json
    run_apart(session, ["replay", session, *given], is_accepted=yes)
    from live_runner.services.cli.output import print_json, show
    from live_runner.services.forensics.report import as_dict, replay_view

    result = replay_recorded(session, home, is_quiet=as_json, partial=partial)
    if as_json:
        print_json(as_dict(result))
    else:
        show(replay_view(result))
    raise typer.Exit(0 if result.agrees else 1)
