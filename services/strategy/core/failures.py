"""Failures of strategy code: one line that replays the same, and the traceback for the incident."""

from __future__ import annotations

import re
import traceback
from typing import Final

from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import FailedCall

__all__ = ["ERROR_CHARS_MAX", "TRACEBACKS_MAX", "Failures"]

ERROR_CHARS_MAX: Final = 500
"""Longest error line in an event, in characters."""
TRACEBACKS_MAX: Final = 1000
"""Tracebacks kept for the shell until it takes them; of later ones only the line is kept."""

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{4,}")
_PATH: Final = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+)+[\\/]([\w.@+-]+)")


class Failures:
    """Collects the failed calls of a step."""

    def __init__(self) -> None:
        self.calls: list[FailedCall] = []
        """Not yet published."""
        self.tracebacks: list[tuple[FailedCall, str]] = []
        """For the shell, which empties it."""

    def add(self, symbol: str, call: str, error: BaseException) -> FailedCall:
        """Note a call that raised."""
        failed = FailedCall(symbol=symbol, call=call, error=_line(error))
        self.calls.append(failed)
        if len(self.tracebacks) < TRACEBACKS_MAX:
            self.tracebacks.append((failed, "".join(traceback.format_exception(error))))
        return failed

    def take(self) -> list[FailedCall]:
        """The failed calls since the last decision."""
        calls, self.calls = self.calls, []
        return calls


def _line(error: BaseException) -> str:
    """``ErrorClass: message`` without addresses and folders, which differ between two runs."""
    message = error.what if isinstance(error, RunnerError) else str(error)
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return _PATH.sub(r"\1", _ADDRESS.sub("0x", text))[:ERROR_CHARS_MAX]
