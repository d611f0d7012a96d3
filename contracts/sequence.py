"""Numbers of each source in each session, as every reader takes them: contiguous from 1, each once."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from live_runner.contracts.ids import CORE_ROLES

__all__ = ["IN_FLIGHT_MAX", "SKIPPED_MAX", "Sequences", "Tail", "Verdict", "Voids"]

IN_FLIGHT_MAX: Final = 512
"""Messages of one publisher that may wait for their acknowledgement: no number comes earlier than by so many."""

SKIPPED_MAX: Final = 1_000
"""Numbers that a shell may skip at once. A core skips none: a later number of it is not its own, or came too early."""


class Verdict(Enum):
    """The place of a number after those before it from the same source."""

    NEXT = auto()
    GAP = auto()
    """Above the next one, and taken as the last: messages are missing."""
    AHEAD = auto()
    """So far above the next one that it is not taken: the next one is still to come."""
    REPEATED = auto()
    """Not above the last one."""
    REFUSED = auto()
    """The next one, of an event that cannot follow (bar_sequence.py): not taken, the next one is still to come."""

    @property
    def is_new(self) -> bool:
        """Whether the event counts as the last one of its source."""
        return self in (Verdict.NEXT, Verdict.GAP)


class Sequences:
    """The last number of every source."""

    __slots__ = ("_is_whole", "_last", "_unsure")

    def __init__(self, last: Mapping[tuple[str, str], int], *, is_whole: bool = True) -> None:
        """Without ``is_whole`` the log has lost messages after ``last``: each source may skip any number once."""
        self._last = dict(last)
        self._is_whole = is_whole
        self._unsure = set() if is_whole else set(last)

    def copy(self) -> Sequences:
        """Another one that stands at the same numbers."""
        copied = Sequences(self._last, is_whole=self._is_whole)
        copied._unsure = set(self._unsure)
        return copied

    def last(self, session: str, source: str) -> int:
        """The last number, 0 before the first."""
        return self._last.get((session, source), 0)

    def of(self, session: str) -> dict[str, int]:
        """The last number of each source of a session."""
        return {source: seq for (name, source), seq in self._last.items() if name == session}

    def check(self, session: str, source: str, seq: int) -> Verdict:
        """Judge a number and, when it is new, take it as the last one."""
        key = (session, source)
        last = self._last.get(key, 0)
        if seq <= last:
            return Verdict.REPEATED
        if seq == last + 1:
            self._last[key] = seq
            return Verdict.NEXT
        if not self._may_skip(key, seq - last - 1):
            return Verdict.AHEAD
        self._unsure.discard(key)
        self._last[key] = seq
        return Verdict.GAP

    def _may_skip(self, key: tuple[str, str], skipped: int) -> bool:
        if key in self._unsure or (not self._is_whole and key not in self._last):
            return True
        return key[1] not in CORE_ROLES and skipped <= SKIPPED_MAX


class Tail:
    """The numbers of one core that the log holds before their time, as far as no ``voided`` names them.

    A publisher has many messages under way. When the stream refuses one of them (it is full) and takes a smaller one
    behind it, the log has a hole in the core's numbers. No reader takes what stands beyond the hole; recovery names
    it by ``voided`` and publishes the same numbers anew, the refused one first.
    """

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def came_early(self, seq: int, awaited: int) -> None:
        """A number that stands in the log while ``awaited`` is the next one; far above it is somebody else's."""
        if 0 < seq - awaited < IN_FLIGHT_MAX:
            self._numbers.add(seq)

    def voided(self, from_seq: int, to_seq: int) -> None:
        """The log names these numbers: those of them that came so far need no other name."""
        self._numbers = {seq for seq in self._numbers if not from_seq <= seq <= to_seq}

    def span(self, awaited: int, last: int | None = None) -> tuple[int, int] | None:
        """First and last number to void; None when nothing from ``awaited`` to ``last`` stands before its time."""
        beyond = [seq for seq in self._numbers if seq > awaited and (last is None or seq <= last)]
        return (awaited, max(beyond)) if beyond else None


class Voids:
    """The ``voided`` messages of one core, for readers that do not have its log from the first number on."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int, int]] = []

    def add(self, place: int, from_seq: int, to_seq: int) -> None:
        """One at this place of the log."""
        self._ranges.append((place, from_seq, to_seq))

    def cover(self, place: int, seq: int) -> bool:
        """Whether the number at this place is void: it stands before a message that names it."""
        return any(place < at and from_seq <= seq <= to_seq for at, from_seq, to_seq in self._ranges)
