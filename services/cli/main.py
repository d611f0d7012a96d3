"""The ``live-runner`` command.

Every command imports what it needs when it runs: ``--help`` and a service's start stay fast.
"""

from __future__ import annotations

import sys
from typing import Final

import typer

from live_runner.contracts.errors import ConfigError
from live_runner.services.cli.commands import (
    account,
    backtest,
    bundle,
    compare,
    config,
    data,
    db,
    doctor,
    ops,
    reconcile,
    replay,
    run,
    serve,
    status,
    strategies,
    sweep,
    tail,
)
from live_runner.services.cli.exit_codes import ended, leave
from live_runner.services.cli.output import printable
from live_runner.services.runtime.config.process_memory import keep_private

__all__ = ["app", "main"]

EXIT_CODES: Final = """
Exit codes:

\b
  0    done, and where something was compared: no difference
  1    a comparison, replay or check found a difference or a problem, or a run of a sweep failed
  2    the command line is wrong
  64   the configuration is wrong, or a port or folder cannot be used
  65   a strategy, dataset, candle file or recorded session is missing or unusable, or the strategy failed
  66   a service refused the session, or a venue account is not as a session has to find it
  67   an operator's command was not accepted
  68   another process has the service's role in this session
  69   NATS, the database, a venue or a service is unavailable
  70   a guarantee of live-runner is broken (for example a determinism violation)
  71   another build is needed: for the session's engine, for a comparison, or for the services
  74   a file cannot be read or written (for example a full disk)
  130  interrupted with Ctrl-C
"""

EXAMPLES: Final = """
Runs a bar strategy live or on paper and proves that it did what its backtest says.

Examples:

\b
  live-runner run infra/examples/paper_ema_cross.yaml --stage paper --verify
  live-runner data import candles/ --name my-candles
  live-runner tail --session paper-ema-cross
  live-runner doctor
"""

app = typer.Typer(
    name="live-runner",
    help=EXAMPLES,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for command in (run, backtest, compare, replay, bundle, sweep, tail, status, ops, reconcile, serve, strategies, doctor):
    command.register(app)
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")
app.add_typer(config.app, name="config")
app.add_typer(account.app, name="account")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    keep_private()
    leave(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run one command line; its exit code. Every error becomes one line on stderr."""
    return ended(lambda: _run(arguments), as_json="--json" in arguments)


def _run(arguments: list[str]) -> object:
    try:
        return app(arguments, standalone_mode=False, prog_name="live-runner")
    except UnicodeEncodeError as error:
        # A path may have any bytes. Names, reasons and statements are recorded or sent, and are text.
        unreadable = next((one for one in arguments if not _is_text(one)), None)
        if unreadable is None:
            raise
        raise ConfigError(
            f"The argument '{printable(unreadable)}' is not text in UTF-8", remedy="Check the terminal's encoding"
        ) from error


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


if __name__ == "__main__":
    main()
