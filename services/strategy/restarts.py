"""Whether a strategy's process that ended is worth another start."""

from __future__ import annotations

from typing import Final

__all__ = ["CRASHES_MAX", "HANGS_MAX", "PROGRESS_DECISIONS", "Restarts"]

CRASHES_MAX: Final = 5
"""Ends of one session's process with little progress between them before the session is aborted."""
HANGS_MAX: Final = 2
PROGRESS_DECISIONS: Final = 100
"""Decisions after which the ends before them are forgotten."""


class Restarts:
    """Counts the ends of one session's process. ``decisions`` is how many its log has, at each end."""

    def __init__(self) -> None:
        self._crashes = 0
        self._hangs = 0
        self._decisions = 0

    def crashed(self, decisions: int) -> bool:
        """It ended by itself: whether it is to be started again."""
        self._look_at_progress(decisions)
        self._crashes += 1
        return self._crashes <= CRASHES_MAX

    def hung(self, decisions: int) -> bool:
        """It was ended because strategy code did not return: whether it is to be started again."""
        self._look_at_progress(decisions)
        self._hangs += 1
        return self._hangs < HANGS_MAX

    def _look_at_progress(self, decisions: int) -> None:
        if decisions - self._decisions >= PROGRESS_DECISIONS:
            self._crashes = self._hangs = 0
        self._decisions = decisions
