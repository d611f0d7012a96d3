"""Small files that other processes read: put in place whole, readable by their owner only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["turn_over", "write_private"]

LOG_BYTES_MAX: Final = 20 * 1024 * 1024
"""A program's own log is turned over at its next start beyond this size; one older is kept."""


def write_private(path: Path, text: str) -> None:
    """Put a file in place at once with mode 0600: a reader sees the old one or the new one."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def turn_over(log: Path) -> None:
    """Begin a new log file when the old one has grown beyond its bound."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
