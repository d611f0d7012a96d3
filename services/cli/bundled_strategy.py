"""A bundle holds somebody's strategy: nobody runs it unasked, and it runs in a process that holds no secret."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import Annotated, Final

import typer

from live_runner.services.cli.verification import is_bundle

__all__ = ["YesOption", "run_apart"]

YesOption = Annotated[bool, typer.Option("--yes", help="Run the strategy inside a bundle without asking.")]

_APART: Final = "LIVE_RUNNER_APART"
"""Set in the process that runs a bundle's strategy."""
_GIVEN: Final = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR", "VIRTUAL_ENV"),
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "LIVE_RUNNER_HOTPATH", "LIVE_RUNNER_LOG"),
)


def run_apart(session: str, arguments: list[str], *, is_accepted: bool) -> None:
    """For a bundle, once it may be run: run the same command without secrets, and end with its exit code.

    ``arguments`` are those of the command line without ``--yes``. ConfigError where nobody can be asked,
    CommandRefused when the answer is no.
    """
    if not is_bundle(session) or not zipfile.is_zipfile(session) or _APART in os.environ:
        return
    if not is_accepted:
        _ask(session)
    environment = {name: os.environ[name] for name in _GIVEN if name in os.environ}
    command = [sys.executable, "-P", "-m", "live_runner.services.cli.entry", *arguments]
    raise typer.Exit(subprocess.run(command, env={**environment, _APART: "1"}, check=False).returncode)


def _ask(session: str) -> None:
    from live_runner.contracts.errors import CommandRefused, ConfigError

    what = f"{session} holds a strategy, which this command runs on this machine and with your rights"
    if not sys.stdin.isatty():
        raise ConfigError(what, remedy="Give --yes if you trust whoever made the bundle", key="--yes")
    if not typer.confirm(f"{what}. Run it?", err=True):
        raise CommandRefused(f"The strategy in {session} was not run")
