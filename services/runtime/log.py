"""Structured logs: an event in English words with fields, one JSON object per line.

A service that ``run`` started writes to ``<home>/logs/<service>.log``; one that stands alone writes
to stderr, readable on a terminal and JSON elsewhere. Passwords inside addresses are masked in
every field, whoever logs them.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from collections import deque
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

import structlog

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.settings import Settings, masked

__all__ = ["configure", "get", "log_path", "session_lines"]

FILE_BYTES_MAX: Final = 50 * 1024 * 1024
"""A log file is turned over at this size."""
FILES_KEPT: Final = 3
SESSION_LINES_MAX: Final = 10_000
"""Of one file; what happened last is what is asked for."""

_NOISY: Final = ("nats", "asyncio", "psycopg", "psycopg.pool")


def get(name: str = "") -> structlog.stdlib.BoundLogger:
    """A logger; ``configure`` decides where its lines go."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name or "live_runner")
    return logger


def log_path(settings: Settings, service: str) -> Path:
    """The log file of a service that ``run`` started."""
    return settings.logs / f"{service}.log"


def session_lines(settings: Settings, session: str) -> dict[str, list[dict[str, Any]]]:
    """What the services of this data folder logged about a session, by file: the last ``SESSION_LINES_MAX`` lines."""
    told: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(settings.logs.glob("*.log")):
        kept: deque[dict[str, Any]] = deque(maxlen=SESSION_LINES_MAX)
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                fields = _fields(line) if session in line else {}
                if fields.get("session") == session:
                    kept.append(fields)
        if kept:
            told[path.stem] = list(kept)
    return told


def _fields(line: str) -> dict[str, Any]:
    """A line as it was logged; nothing for one that was cut off or is a program's own output."""
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def configure(settings: Settings, service: str, *, to_file: bool = False) -> None:
    """Send every log line of this process to its place. Raises ConfigError when the file cannot be opened."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        _ServiceName(service),
        _mask,
    ]
    console = not to_file and (
        settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    )
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if console
        else [structlog.processors.format_exc_info, _mask, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _handler(log_path(settings, service) if to_file else None)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _handler(path: Path | None) -> logging.Handler:
    if path is None:
        return logging.StreamHandler(sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            path, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigError(
            f"The log file {path} cannot be opened: {error.strerror}",
            remedy="Choose another folder with --home or LIVE_RUNNER_HOME, or make this one writable",
            path=str(path),
        ) from error


class _ServiceName:
    """Puts the service's name into each line."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.setdefault("service", self._service)
        return event


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = masked(value)
        elif isinstance(value, BaseException) and key != "exc_info":
            event[key] = masked(str(value))
    return event
