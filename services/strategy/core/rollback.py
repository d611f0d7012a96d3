"""When a leg's state is put back to what it was before an ``on_bar``, as two tables.

The first says what an event means for the intent it belongs to, the second what the intents of one
leg and call mean together. An intent that came to nothing is ``void``; one that was filled, even in
part, has ``acted``; the others are still ``open``.

    event                                     intent
    refused by the runner, blocked by policy  void
    rejected                                  void, or open when it is retrying
    cancelled or expired, nothing filled      void, or open when it is retrying
    cancelled or expired, partly filled       acted
    filled                                    acted

    intents          filled or changed since  leg state
    any acted        -                        kept
    any              yes                      kept
    any open         no                       wait
    all void         no                       put back

``retrying`` is execution's own word: a further order for the same intent follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from live_runner.contracts.messages import Cancelled, Denied, Event, Expired, Filled, Rejected

__all__ = ["Outcome", "Verdict", "outcome", "verdict"]


class Outcome(StrEnum):
    """What became of one intent."""

    OPEN = "open"
    VOID = "void"
    ACTED = "acted"


class Verdict(StrEnum):
    """What becomes of the leg state."""

    WAIT = "wait"
    KEEP = "keep"
    RESTORE = "restore"


def outcome(event: Event) -> Outcome:
    """What the event means for its intent."""
    if isinstance(event, Filled):
        return Outcome.ACTED
    if isinstance(event, Denied):
        return Outcome.VOID
    if isinstance(event, Rejected):
        return Outcome.OPEN if event.retrying else Outcome.VOID
    if isinstance(event, Cancelled | Expired):
        if float(event.filled) > 0:
            return Outcome.ACTED
        return Outcome.OPEN if event.retrying else Outcome.VOID
    return Outcome.OPEN


def verdict(outcomes: Iterable[Outcome], *, changed: bool) -> Verdict:
    """What the intents of one leg and call mean together for the leg's state."""
    known = set(outcomes)
    if changed or Outcome.ACTED in known:
        return Verdict.KEEP
    return Verdict.WAIT if Outcome.OPEN in known else Verdict.RESTORE
