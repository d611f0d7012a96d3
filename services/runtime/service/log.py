"""Structured logs: an event in English words with fields, one JSON object per line.

A service that ``run`` started writes to ``<home>/logs/<service>.log``; one that stands alone writes
to stderr, readable on a terminal and JSON elsewhere. Secrets are masked in every field, whoever logs
them, and in the traceback of what nobody catches.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import masked, masked_values
from live_runner.services.runtime.config.settings import Settings

__all__ = ["Logger", "configure", "format_of", "get", "hook_uncaught", "log_path", "session_lines", "write_traceback"]

FILE_BYTES_MAX: Final = 50 * 1024 * 1024
"""A log file is turned over at this size."""
FILES_KEPT: Final = 3
SESSION_LINES_MAX: Final = 10_000
"""Of one file; what happened last is what is asked for."""

_NOISY: Final = ("asyncio", "psycopg", "psycopg.pool")
_COLOURS: Final = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_PLAIN: Final = "\x1b[0m"
_EVENT_WIDTH: Final = 30


class Logger:
    """Says events with fields through Python's own logging, which other libraries' lines take too."""

    __slots__ = ("_fields", "_logger")

    def __init__(self, logger: logging.Logger, fields: dict[str, Any]) -> None:
        self._logger = logger
        self._fields = fields

    def bind(self, **fields: Any) -> Logger:
        """A logger whose lines all have these fields."""
        return Logger(self._logger, self._fields | fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something went as it should."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something to know about."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Something to act on."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """The error that is being handled, with its traceback."""
        self._log(logging.ERROR, event, fields, with_traceback=True)

    def _log(self, level: int, event: str, fields: dict[str, Any], *, with_traceback: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=with_traceback, extra={"fields": self._fields | fields})


def get(name: str = "") -> Logger:
    """A logger; ``configure`` decides where its lines go."""
    return Logger(logging.getLogger(name or "live_runner"), {})


def log_path(settings: Settings, service: str) -> Path:
    """The log file of a service that ``run`` started."""
    return settings.logs / f"{service}.log"


def session_lines(settings: Settings, session: str) -> dict[str, list[dict[str, Any]]]:
    """The last ``SESSION_LINES_MAX`` lines of each log file in this data folder that are about a session, by file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(settings.logs.glob("*.log")):
        kept: deque[dict[str, Any]] = deque(maxlen=SESSION_LINES_MAX)
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = _fields(line) if session in line else {}
                if fields.get("session") == session:
                    kept.append(fields)
        if kept:
            found[path.stem] = list(kept)
    return found


def _fields(line: str) -> dict[str, Any]:
    """A line as it was logged; nothing for one that was cut off or is a program's own output."""
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def configure(settings: Settings, service: str, *, to_file: bool = False) -> None:
    """Send every log line of this process to its place. Raises ConfigError when the file cannot be opened."""
    console = not to_file and _is_console(settings)
    handler = _handler(log_path(settings, service) if to_file else None)
    handler.setFormatter(_Console(service, in_colour=sys.stderr.isatty()) if console else _JsonLines(service))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def format_of(settings: Settings) -> dict[str, str]:
    """The variable by which a child process, whose output is a pipe, logs in the format of this one."""
    return {"LIVE_RUNNER_LOG_FORMAT": "console" if _is_console(settings) else "json"}


def _is_console(settings: Settings) -> bool:
    return settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())


def hook_uncaught() -> None:
    """Print the traceback of an error that nobody catches without the secrets in it, also of a thread's."""
    sys.excepthook = lambda _kind, error, _trace: write_traceback(error)
    threading.excepthook = lambda found: None if found.exc_value is None else write_traceback(found.exc_value)
    sys.unraisablehook = lambda found: None if found.exc_value is None else write_traceback(found.exc_value)


def write_traceback(error: BaseException) -> None:
    """To stderr, masked."""
    sys.stderr.write(masked("".join(traceback.format_exception(error))))


def _handler(path: Path | None) -> logging.Handler:
    if path is None:
        return logging.StreamHandler(sys.stderr)
    from logging.handlers import RotatingFileHandler

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(path, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"The log file {path} cannot be opened: {error.strerror}",
            remedy="Choose another folder with --home or LIVE_RUNNER_HOME, or make this one writable",
            path=str(path),
        ) from error


class _JsonLines(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Called by logging."""
        return json.dumps(_fields_of(record, self._service), default=str)


class _Console(logging.Formatter):
    """One line for people, and a traceback below it."""

    def __init__(self, service: str, *, in_colour: bool) -> None:
        super().__init__()
        self._service = service
        self._in_colour = in_colour

    def format(self, record: logging.LogRecord) -> str:
        """Called by logging."""
        fields = _fields_of(record, self._service)
        time, level, event = fields.pop("time"), fields.pop("level"), fields.pop("event")
        trace = fields.pop("exception", None)
        shown = f"{level:<8}"
        if self._in_colour:
            shown = f"{_COLOURS.get(level, '')}{shown}{_PLAIN}"
        values = " ".join(f"{name}={value}" for name, value in fields.items())
        line = f"{time} {shown} {event:<{_EVENT_WIDTH}} {values}"
        return line if trace is None else f"{line}\n{trace}"


def _fields_of(record: logging.LogRecord, service: str) -> dict[str, Any]:
    """A line's fields, without the secrets in them."""
    fields: dict[str, Any] = {
        **getattr(record, "fields", {}),
        "event": record.getMessage(),
        "level": record.levelname.lower(),
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")[:-6] + "Z",
    }
    fields.setdefault("service", service)
    if record.exc_info and record.exc_info[0] is not None:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    if record.stack_info:
        fields["stack"] = record.stack_info
    return {name: masked_values(value) for name, value in fields.items()}
