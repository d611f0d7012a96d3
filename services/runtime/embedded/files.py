"""Small files that other processes read: put in place whole, readable by their owner only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["rotate", "write_private"]

LOG_BYTES_MAX: Final = 20 * 1024 * 1024
"""A log larger than this is rotated at the next start of its program; one older file is kept."""


def write_private(path: Path, text: str) -> None:
    """Put a file in place at once with mode 0600: a reader sees the old one or the new one."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def rotate(log: Path) -> None:
    """Rotate the log of a program that is about to start, if it has grown beyond its limit."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
