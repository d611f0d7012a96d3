"""Entry point of the ``live-runner`` command.

A service is started often and needs none of the command line's libraries: a simple `serve` command line
is parsed here. Everything else, `serve --help` and its mistakes included, goes to main.py.
"""

from __future__ import annotations

import sys
from typing import Final

from live_runner.services.cli.exit_codes import ended, leave
from live_runner.services.runtime.config.process_memory import keep_private

__all__ = ["main"]

_VALUES: Final = {"--session": "session", "--home": "home"}


def main() -> None:
    """Run the command line and end the process with its exit code."""
    keep_private()
    arguments = sys.argv[1:]
    simple = _parse_serve(arguments)
    if simple is None:
        from live_runner.services.cli.main import invoke

        leave(invoke(arguments))
    from live_runner.services.cli.service_process import run_service

    service, options, log_to_file = simple
    session, home = options.get("session"), options.get("home")
    sys.exit(ended(lambda: run_service(service, session=session, log_to_file=log_to_file, home=home), as_json=False))


def _parse_serve(arguments: list[str]) -> tuple[str, dict[str, str], bool] | None:
    """Service, options and whether it logs to a file; None when the arguments are anything else."""
    from live_runner.services.runtime.services import SESSION_SERVICES

    if arguments[:1] != ["serve"]:
        return None
    services: list[str] = []
    options: dict[str, str] = {}
    log_to_file = False
    rest = iter(arguments[1:])
    for argument in rest:
        name, is_joined, value = argument.partition("=")
        if argument == "--log-to-file":
            log_to_file = True
        elif name in _VALUES:
            given = value if is_joined else next(rest, "")
            if not given:
                return None
            options[_VALUES[name]] = given
        elif argument in SESSION_SERVICES:
            services.append(argument)
        else:
            return None
    return (services[0], options, log_to_file) if len(services) == 1 else None


if __name__ == "__main__":
    main()
