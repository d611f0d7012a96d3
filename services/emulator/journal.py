"""Inputs of the venue on disk, so that it is the same after ``kill -9``: a snapshot, and a line for each input since.

A line is with the operating system before its request is answered, and on the disk where it is about an order. Every
so many lines a new snapshot takes their place.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError

__all__ = ["Journal", "read_snapshot", "write_snapshot"]

LINES_MAX: Final = 50_000
"""Of one journal, before a snapshot is taken."""
SNAPSHOT: Final = "venue.json"


class Journal:
    """The journal of one folder. ``stamp`` names what the venue was started with: it goes on with the same alone."""

    def __init__(self, folder: Path, stamp: str) -> None:
        self._folder = folder
        self._stamp = stamp
        self._generation = 0
        self._file: int | None = None
        self._lines = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time for a new snapshot."""
        return self._lines >= LINES_MAX

    def load(self) -> tuple[dict[str, Any] | None, Iterator[list[Any]]]:
        """The last snapshot and the inputs after it; ConfigError when they are of another profile."""
        path = self._folder / SNAPSHOT
        if not path.exists():
            return None, iter(())
        stored = read_snapshot(path)
        if stored.get("stamp") != self._stamp:
            raise ConfigError(
                f"The emulator's state in {self._folder} was made with another profile, seed or venue",
                remedy="Start it as before, or give another folder with --state",
                path=str(self._folder),
            )
        self._generation = stored["generation"]
        return stored["venue"], self._entries(self._path(self._generation))

    def begin(self, venue: dict[str, Any]) -> None:
        """Store a snapshot and write after it from now on."""
        old, self._generation = self._generation, self._generation + 1
        self.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._file = os.open(self._path(self._generation), flags, 0o600)
        write_snapshot(self._folder / SNAPSHOT, {"stamp": self._stamp, "generation": self._generation, "venue": venue})
        self._path(old).unlink(missing_ok=True)
        self._lines = 0

    def append(self, entry: list[Any], *, durable: bool) -> None:
        """Write one input."""
        if self._file is None:
            return
        os.write(self._file, msgspec.json.encode(entry) + b"\n")
        if durable:
            os.fsync(self._file)
        self._lines += 1

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _path(self, generation: int) -> Path:
        return self._folder / f"venue-{generation}.jsonl"

    def _entries(self, path: Path) -> Iterator[list[Any]]:
        if not path.exists():
            return
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):  # the last line may have been cut off by the end of the process
                entry: list[Any] = msgspec.json.decode(line)
                yield entry


def read_snapshot(path: Path) -> dict[str, Any]:
    """A stored snapshot; ConfigError when it cannot be read."""
    try:
        stored = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"The snapshot {path} cannot be read: {error}", remedy="Give one that was stored here"
        ) from error
    if not isinstance(stored, dict):
        raise ConfigError(f"The snapshot {path} is not one of the emulator", remedy="Give one that was stored here")
    return stored


def write_snapshot(path: Path, stored: dict[str, Any]) -> None:
    """Store a snapshot, on the disk when this returns; ConfigError when it cannot be written."""
    beside = path.with_name(f"{path.name}.new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ConfigError(
            f"The snapshot {path} cannot be written: {error.strerror}", remedy="Give another path"
        ) from error
