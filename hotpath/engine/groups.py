# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""The intents of one leg in one ``on_bar``, what became of them, and when that puts the leg's state back.

**When a leg's state is put back** to what it was before an ``on_bar``. The first table says what an event means for
the intent that it belongs to, the second what the intents of one leg and call mean together::

    event                                     intent
    denied by the runner, blocked by policy   void
    rejected, and no further try follows      void
    rejected, a retry or fallback follows     open
    cancelled or expired, nothing filled      void, or open when a fallback follows
    cancelled or expired, partly filled       acted
    filled                                    acted

    intents          filled or changed since  leg state
    any acted        -                        kept
    any              yes                      kept
    any open         no                       wait
    all void         no                       put back

Whether a further try follows is a fact of the event (``retrying``); nothing is predicted here. A cancel, a
``sync_state`` or a ``protect`` that is not denied by the next close has acted, whatever becomes of its orders; a
``hold`` asks for nothing and counts for nothing.
"""

from __future__ import annotations

from typing import Any

import cython

if not cython.compiled:
    from live_runner.hotpath.engine.words import (
        INTENT_ABSENT,
        INTENT_ACTED,
        INTENT_OPEN,
        INTENT_VOID,
        INTENT_WITHOUT_ORDER,
        LEG_KEPT,
        LEG_PUT_BACK,
        LEG_WAITS,
        NOTICE_BLOCKED,
        NOTICE_CANCELLED,
        NOTICE_DENIED,
        NOTICE_EXPIRED,
        NOTICE_FILLED,
        NOTICE_REJECTED,
    )

__all__ = ["Group", "LegHistory", "is_result", "new_group", "outcome", "restored_group"]


class Group:
    """The intents of one leg in one ``on_bar``, and the leg's state before it.

    ``first_outcome`` is that of the intent ``first``, ``others`` those of the numbers of the decision after it, None
    where there is no other. ``version`` is the leg's right after that ``on_bar``.
    """

    close_ns: int
    version: int
    first: int
    first_outcome: int
    others: bytearray | None
    before: bytes
    filled_since: bool
    restored: bool
    first_notice: int

    def add(self, number: int, outcome: int) -> None:
        """One more intent of the call."""
        if number == self.first:
            self.first_outcome = outcome
        else:
            if self.others is None:
                self.others = bytearray()
            while self.first + 1 + len(self.others) < number:
                self.others.append(INTENT_ABSENT)
            self.others.append(outcome)

    def outcome_of(self, number: int) -> int:
        """The outcome of an intent; ``INTENT_ABSENT`` for one of another leg."""
        if number == self.first:
            return self.first_outcome
        if self.others is None or not self.first < number <= self.first + len(self.others):
            return INTENT_ABSENT
        return self.others[number - self.first - 1]

    def put(self, number: int, outcome: int) -> None:
        """Something became of an intent of the group."""
        if number == self.first:
            self.first_outcome = outcome
        elif self.others is not None:
            self.others[number - self.first - 1] = outcome

    def holds(self, close_ns: int, number: int) -> bool:
        """Whether the intent is one of the group's."""
        return self.close_ns == close_ns and self.outcome_of(number) != INTENT_ABSENT

    def waits_for(self, number: int, kind: int) -> bool:
        """Whether the outcome of an intent depends on this event."""
        what = self.outcome_of(number)
        if what == INTENT_WITHOUT_ORDER:
            return kind in (NOTICE_DENIED, NOTICE_BLOCKED)
        return what != INTENT_ACTED

    def verdict(self) -> int:
        """The verdict of the intents together on the leg's state: the second table."""
        if self.filled_since:
            return LEG_KEPT
        what = self.first_outcome
        if what == INTENT_ACTED:
            return LEG_KEPT
        is_open = what in (INTENT_OPEN, INTENT_WITHOUT_ORDER)
        if self.others is not None:
            for at in range(len(self.others)):
                what = self.others[at]
                if what == INTENT_ACTED:
                    return LEG_KEPT
                if what in (INTENT_OPEN, INTENT_WITHOUT_ORDER):
                    is_open = True
        return LEG_WAITS if is_open else LEG_PUT_BACK

    def end_without_order(self) -> None:
        """A cancel, sync_state or protect that nobody denied was carried out."""
        if self.first_outcome == INTENT_WITHOUT_ORDER:
            self.first_outcome = INTENT_ACTED
        if self.others is not None:
            for at in range(len(self.others)):
                if self.others[at] == INTENT_WITHOUT_ORDER:
                    self.others[at] = INTENT_ACTED

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        outcomes = bytes([self.first_outcome]) + (self.others or b"")
        return [self.close_ns, self.first, self.version, bytes(outcomes), self.before]


def new_group(close_ns: int, first: int, version: int, before: bytes) -> Group:
    """A group without intents."""
    group = Group.__new__(Group)
    group.close_ns = close_ns
    group.first = first
    group.version = version
    group.first_outcome = INTENT_ABSENT
    group.others = None
    group.before = before
    group.filled_since = False
    group.restored = False
    group.first_notice = -1
    return group


def outcome(kind: int, anything_filled: bool, retrying: bool) -> int:
    """The outcome of an intent after an order event: the first table."""
    if kind == NOTICE_FILLED:
        return INTENT_ACTED
    if kind in (NOTICE_DENIED, NOTICE_BLOCKED):
        return INTENT_VOID
    if kind in (NOTICE_CANCELLED, NOTICE_EXPIRED):
        if anything_filled:
            return INTENT_ACTED
        return INTENT_OPEN if retrying else INTENT_VOID
    if kind == NOTICE_REJECTED:
        return INTENT_OPEN if retrying else INTENT_VOID
    return INTENT_OPEN


def is_result(kind: int) -> bool:
    """Whether something became of the intent with this event."""
    return kind in (NOTICE_FILLED, NOTICE_CANCELLED, NOTICE_EXPIRED, NOTICE_REJECTED, NOTICE_DENIED, NOTICE_BLOCKED)


class LegHistory:
    """A leg's state as it was accepted last, with a version that moves whenever it changes, and its open groups."""

    def __init__(self, known: bytes) -> None:
        self.known = known
        self.version = 0
        self.groups: list[Group] = []


def restored_group(row: list[Any]) -> Group:
    """A group from its row in a snapshot."""
    group = new_group(row[0], row[1], row[2], row[4])
    group.first_outcome = row[3][0]
    if len(row[3]) > 1:
        group.others = bytearray(row[3][1:])
    return group
