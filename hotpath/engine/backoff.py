# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Rejections of one leg in a row, and whether they hold its opens and adds back (contracts/policy.py says when)."""

from __future__ import annotations

from typing import Any

__all__ = ["Backoff", "after_rejection", "restored_backoff"]


class Backoff:
    """Rejections of one leg since its last entry fill; ``until_ns`` is when the block ends or
    has ended, -1 where only a fill ends it."""

    failures: int
    blocked: bool
    until_ns: int
    at_ns: int
    event_id: str
    detail: str

    def blocks(self, now_ns: int) -> bool:
        """Whether opens and adds of the leg are held back at a time."""
        return self.blocked and (self.until_ns < 0 or now_ns < self.until_ns)

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.failures, self.blocked, self.until_ns, self.at_ns, self.event_id, self.detail]


def after_rejection(
    failures: int, max_failures: int, backoff_ns: int, event_id: str, detail: str, at_ns: int
) -> Backoff:
    """The leg's backoff after the venue rejected one more open or add, ``failures`` of them before.

    ``max_failures`` and ``backoff_ns`` are the policy's: 0 never blocks, -1 blocks until an entry fills.
    """
    backoff = Backoff.__new__(Backoff)
    backoff.failures = failures + 1
    backoff.blocked = max_failures > 0 and backoff.failures >= max_failures
    backoff.until_ns = -1
    if backoff.blocked and backoff_ns >= 0:
        backoff.until_ns = at_ns + backoff_ns
    backoff.at_ns = at_ns
    backoff.event_id = event_id
    backoff.detail = detail
    return backoff


def restored_backoff(row: list[Any]) -> Backoff:
    """A backoff from its row in a snapshot."""
    backoff = Backoff.__new__(Backoff)
    backoff.failures, backoff.blocked, backoff.until_ns, backoff.at_ns, backoff.event_id, backoff.detail = row
    return backoff
