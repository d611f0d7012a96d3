"""The end of a command: its exit code, and one line on stderr for an error."""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from live_runner.contracts.errors import RunnerError

__all__ = ["INTERRUPTED", "ended", "fail", "leave"]

INTERRUPTED: Final = 130
_IO_ERROR: Final = 74
_OUR_FAULT: Final = 70
_exit_code: int | None = None
"""Of a process that leaves."""


def leave(code: int) -> NoReturn:
    """End the process with an exit code."""
    global _exit_code  # noqa: PLW0603  # the process has one
    _exit_code = code
    sys.exit(code)


@atexit.register
def _leave_arrow_alone() -> None:
    """End here, after the threads and the exit functions of everything imported later, where Arrow was used.

    Its thread pools are destroyed by the exit of the process, which on a busy machine now and then aborts it (exit
    code 134) although all is done and stored: https://github.com/apache/arrow/issues/34314.
    """
    if _exit_code is None or "pyarrow" not in sys.modules:
        return
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # whoever read it has gone
    os._exit(_exit_code)


def ended(work: Callable[[], object], *, as_json: bool) -> int:
    """Do the work; its exit code. Every error becomes one line on stderr."""
    try:
        code = work()
    except RunnerError as error:
        return fail(error, as_json=as_json)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough, as with `| head`.
        sys.stderr.close()
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fault = RunnerError(
            f"{where}{error.strerror or error}", remedy="Check free space and permissions of the folder"
        )
        fail(fault, as_json=as_json)
        return _IO_ERROR
    except Exception as error:  # noqa: BLE001  # the outermost place: reported as a bug, with its traceback
        return _unexpected(error)
    if code == INTERRUPTED:
        sys.stderr.write("interrupted\n")
    return code if isinstance(code, int) else 0


def fail(error: RunnerError, *, as_json: bool) -> int:
    """Print an error as one line, or as JSON; the exit code that goes with it."""
    from live_runner.services.cli.output import printable
    from live_runner.services.runtime.config.masking import masked, masked_values

    if as_json:
        facts = {"code": error.code, "message": masked(str(error)), "fields": masked_values(error.fields)}
        sys.stderr.write(json.dumps({"error": facts}, default=str) + "\n")
    else:
        sys.stderr.write(f"error: {printable(' '.join(masked(str(error)).split()))}\n")
    return error.exit_code


def _unexpected(error: Exception) -> int:
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # what typer raises for a wrong command line
        error.show()
        return int(error.exit_code)
    if type(error).__name__ == "Abort":
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    from live_runner.services.runtime.service.log import write_traceback

    write_traceback(error)
    sys.stderr.write("error: this is a bug in live-runner. Please report it with the traceback above.\n")
    return _OUR_FAULT
