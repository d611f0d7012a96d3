"""Purge of the stream: everything that is stored in the database and no live session may still need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from live_runner.contracts.subjects import DOMAINS

__all__ = ["KEPT_SHARE", "purge_plan"]

KEPT_SHARE: Final = 0.25
"""Of the stream's size limit: below it nothing is purged, so that what happened last can still be read."""

_KEPT_DOMAINS: Final = ("session",)
"""Announcements, manifests and owners are few, and services look for them at any time."""


def purge_plan(committed: int, held: Iterable[int], *, size: int, size_limit: int) -> list[tuple[str, int]]:
    """Filters and the sequence below which their messages may go; nothing while the stream is small.

    ``held`` is for each live session the first message that it may still need: after a restart a
    core folds on from its last snapshot, and each source looks at its own last message.
    """
    if size <= size_limit * KEPT_SHARE:
        return []
    up_to = min((committed, *held))
    if up_to <= 1:
        return []
    return [(f"{domain}.evt.>", up_to) for domain in DOMAINS if domain not in _KEPT_DOMAINS]
