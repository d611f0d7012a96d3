"""Numbers of each source in each session: contiguous from 1, each stored once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

__all__ = ["Sequences", "Verdict"]


class Verdict(Enum):
    """The place of a number after those before it from the same source."""

    NEXT = auto()
    GAP = auto()
    """Above the next one: messages are missing. It is stored."""
    REPEATED = auto()
    """Not above the last one. It is not stored."""


class Sequences:
    """The last number of every source."""

    __slots__ = ("_last",)

    def __init__(self, last: Mapping[tuple[str, str], int]) -> None:
        self._last = dict(last)

    def last(self, session: str, source: str) -> int:
        """The last number, 0 before the first."""
        return self._last.get((session, source), 0)

    def check(self, session: str, source: str, seq: int) -> Verdict:
        """Judge a number and, unless it is repeated, take it as the last one."""
        key = (session, source)
        last = self._last.get(key, 0)
        if seq <= last:
            return Verdict.REPEATED
        self._last[key] = seq
        return Verdict.NEXT if seq == last + 1 else Verdict.GAP
