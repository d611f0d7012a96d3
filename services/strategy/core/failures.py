"""Failures of strategy code: one line that replays the same, and the traceback for the incident."""

from __future__ import annotations

import difflib
import re
import traceback
from typing import Any, Final, NamedTuple

from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import FailedCall
from live_runner.strategies.base import Strategy
from live_runner.strategies.source_modules import strategy_line

__all__ = [
    "ERROR_CHARS_MAX",
    "REASONS_MAX",
    "TRACEBACKS_MAX",
    "Failed",
    "Failures",
    "Unasked",
    "cold_indicators",
    "never_asked",
]

ERROR_CHARS_MAX: Final = 500
"""Longest error line in an event, in characters."""
TRACEBACKS_MAX: Final = 1000
"""Tracebacks kept for the shell until it takes them; of later ones only the line is kept."""
REASONS_MAX: Final = 100
"""Calls and classes of errors that are counted apart."""

TRACEBACK_CHARS_MAX: Final = 20_000
"""Of one traceback: its beginning and its end are kept."""
FRAMES_MAX: Final = 40
"""Of one traceback, the innermost: those of an endless recursion take 60 ms to print at each bar."""
MESSAGE_CHARS_MAX: Final = 4_000
"""Of an exception's message that is looked at for addresses and folders."""

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{4,}")
_PATH: Final = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+)+[\\/]([\w.@+-]+)")


class Failed(NamedTuple):
    """A failed call for the incident: its traceback, and the file and line of the strategy, "" where none is known."""

    call: FailedCall
    traceback: str
    where: str


class Failures:
    """Collects the failed calls of a step. ``strategy`` is whose calls they are."""

    def __init__(self, strategy: Any = None) -> None:
        self.strategy = strategy
        self.calls: list[FailedCall] = []
        """Not yet published."""
        self.tracebacks: list[Failed] = []
        """For the shell, which empties it."""
        self.counts: dict[str, tuple[int, str, str]] = {}
        """By call and class of error: how many, the first in words, and where. For a backtest's summary."""

    def add(self, symbol: str, call: str, error: BaseException) -> FailedCall:
        """Note a call that raised."""
        failed = FailedCall(symbol=symbol, call=call, error=_line(error))
        self.calls.append(failed)
        where = self._where(call, error)
        if len(self.tracebacks) < TRACEBACKS_MAX:
            self.tracebacks.append(Failed(failed, _traceback(error), where))
        reason = f"{call}: {type(error).__name__}"
        count, first, place = self.counts.get(reason, (0, f"{call} of {symbol}: {failed.error}", where))
        if count or len(self.counts) < REASONS_MAX:
            self.counts[reason] = (count + 1, first, place)
        return failed

    def _where(self, call: str, error: BaseException) -> str:
        """The strategy's innermost line; the head of the method where the fault is in what it returned."""
        file, line = strategy_line(error)
        code = getattr(getattr(type(self.strategy), call, None), "__code__", None)
        if not line and code is not None:
            file, line = code.co_filename, code.co_firstlineno
        return f"{file}:{line}" if line else ""

    def take(self) -> list[FailedCall]:
        """The failed calls since the last decision."""
        calls, self.calls = self.calls, []
        return calls


def cold_indicators(strategy: Any) -> list[str]:
    """Names of the strategy's indicators that have no value."""
    return [name for name, indicator in strategy.indicators.items() if getattr(indicator, "value", 0) is None]


class Unasked(NamedTuple):
    """Why ``on_bar`` was never called: by which method, in words, and its file and line, "" where unknown."""

    reason: str
    first: str
    where: str


def never_asked(kind: type[Any], empty_selections: int) -> Unasked | None:
    """Why no ``on_bar`` of this strategy was ever called; ``empty_selections`` as the engine counts them."""
    if kind.on_bar is Strategy.on_bar:
        own = [name for base in kind.__mro__ for name in vars(base) if not hasattr(Strategy, name)]
        near = difflib.get_close_matches("on_bar", own, n=1)
        hint = f"; is {near[0]} meant to be on_bar?" if near else ""
        return Unasked("on_bar", f"{kind.__name__} defines no on_bar, so it asks for nothing{hint}", _head(kind, near))
    if empty_selections > 0:
        first = f"select chose no symbol at any of {empty_selections} closes, so on_bar was never called"
        return Unasked("select", first, _head(kind, ["select"]))
    return None


def _head(kind: type[Any], methods: list[str]) -> str:
    code = getattr(getattr(kind, methods[0], None), "__code__", None) if methods else None
    return f"{code.co_filename}:{code.co_firstlineno}" if code is not None else ""


def _line(error: BaseException) -> str:
    """``ErrorClass: message`` without addresses and folders, which differ between two runs."""
    try:
        message = error.what if isinstance(error, RunnerError) else str(error)
    except Exception as broken:  # noqa: BLE001  # the class is the strategy's own, and so is its __str__
        message = f"its text cannot be made: {type(broken).__name__}"
    message = _encodable(message[:MESSAGE_CHARS_MAX])
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return _PATH.sub(r"\1", _ADDRESS.sub("0x", text))[:ERROR_CHARS_MAX]


def _traceback(error: BaseException) -> str:
    """The traceback within ``TRACEBACK_CHARS_MAX``, in text that can be published."""
    try:
        text = "".join(traceback.format_exception(error, limit=-FRAMES_MAX))
    except Exception as broken:  # noqa: BLE001  # a strategy's own exception may not even be shown
        text = f"{type(error).__name__}, whose traceback cannot be made: {type(broken).__name__}"
    if len(text) > TRACEBACK_CHARS_MAX:
        half = TRACEBACK_CHARS_MAX // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters ...\n{text[-half:]}"
    return _encodable(text)


def _encodable(text: str) -> str:
    """The text with backslashes for what UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
