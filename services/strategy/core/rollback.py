"""When a leg's state is put back to what it was before an ``on_bar``, as two tables.

The first says what an event means for the intent it belongs to, the second what the intents of one
leg and call mean together. An intent that came to nothing is ``void``; one that was filled, even in
part, has ``acted``; the others are still ``open``.

    event                                     intent
    refused by the runner, blocked by policy  void
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
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from live_runner.contracts.messages import Cancelled, Denied, Event, Expired, Filled, Rejected
from live_runner.contracts.policy import ENTRIES, ExecutionPolicy

__all__ = ["Outcome", "Verdict", "follows", "outcome", "verdict"]

_LIMITS: Final = ("limit", "post_only")
_TIMEOUTS: Final = ("timeout", "expired", "time_to_live")


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


def follows(event: Event, *, kind: str, attempt: int, policy: ExecutionPolicy, fallback: Iterable[str]) -> bool:
    """Whether the order manager tries again by itself after this event, as the policy allows.

    ``kind`` and ``attempt`` are those of the order. A close is retried until it is done.
    """
    if isinstance(event, Rejected):
        if event.retryable and (event.action not in ENTRIES or attempt < policy.attempts):
            return True
        return kind in _LIMITS and "reject" in fallback
    if isinstance(event, Expired) or (isinstance(event, Cancelled) and event.reason in _TIMEOUTS):
        return kind in _LIMITS and "timeout" in fallback
    return False


def outcome(event: Event, *, further_try: bool) -> Outcome:
    """What the event means for its intent."""
    if isinstance(event, Filled):
        return Outcome.ACTED
    if isinstance(event, Denied):
        return Outcome.VOID
    if isinstance(event, Rejected):
        return Outcome.OPEN if further_try else Outcome.VOID
    if isinstance(event, Cancelled | Expired):
        if float(event.filled) > 0:
            return Outcome.ACTED
        return Outcome.OPEN if further_try else Outcome.VOID
    return Outcome.OPEN


def verdict(outcomes: Iterable[Outcome], *, changed: bool) -> Verdict:
    """What the intents of one leg and call mean together for the leg's state."""
    known = set(outcomes)
    if changed or Outcome.ACTED in known:
        return Verdict.KEEP
    return Verdict.WAIT if Outcome.OPEN in known else Verdict.RESTORE
