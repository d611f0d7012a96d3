"""Storage of a sweep's rows, and the checks before a sweep is resumed.

A sweep is named by what it is made of. Rows of two different sweeps in one place could not be compared, so a
store takes no row unless configuration, strategy, space, bars and engine are those it began with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.backtest.sweep.rows import Row

__all__ = ["Header", "Store", "check_same", "digest"]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a sweep by name, and the part of the manifest that all its runs share."""

    sweep: str
    made_of: dict[str, str]
    """Hashes of configuration, strategy, space, dataset and engine; the platform; how it searches, and which part."""
    space: list[Any]
    manifest: dict[str, Any]


class Store(Protocol):
    """Keeps rows; each run is stored once."""

    header: Header
    """As it stands there: that of the process that began the sweep."""

    def numbers(self) -> frozenset[int]:
        """Runs that are stored."""

    def add(self, rows: Sequence[Row]) -> None:
        """Store rows; when this returns they outlive the machine's crash."""

    def rows(self) -> Iterator[Row]:
        """Everything that is stored, by number; the manifest may be left out."""

    def finish(self) -> str:
        """Make the result, whole or not, and tell where it is."""

    def close(self) -> None:
        """Let go of it."""


def digest(plain: Any) -> str:
    """blake2b-128 of plain data."""
    return blake2b(msgspec.msgpack.encode(plain, order="deterministic"), digest_size=16).hexdigest()


def check_same(where: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """ConfigError that names what has changed since the store was begun."""
    keys = sorted(ours.keys() | theirs.keys())
    differing = [key for key in keys if ours.get(key) != theirs.get(key)]
    if differing:
        raise ConfigError(
            f"The results in {where} were made with another {' and '.join(differing)}",
            remedy="Keep them and choose another --name or --out, or start over with --fresh",
            differing=differing,
        )
