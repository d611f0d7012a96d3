"""One budget of requests for one address, closes first.

Pure: times are nanoseconds of a clock that only goes forward. A venue counts the weight of requests by address and in
windows, and bans who goes on after a refusal. Whatever asks here is ranked: closes, cancels and stops may use all of a
window; queries leave a reserve for them, entries a larger one, listings the largest. A pause that the venue has asked
for, in an answer to whichever process of this address, holds for all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["CLOSES", "ENTRIES", "LISTINGS", "QUERIES", "Budget"]

CLOSES: Final = 0
"""Closes, cancels, stops and targets."""
QUERIES: Final = 1
ENTRIES: Final = 2
LISTINGS: Final = 3
_SHARES: Final = (1.0, 0.9, 0.8, 0.6)
"""Of a window's weight, by rank."""


@dataclass(slots=True)
class Budget:
    """The weight of the requests of one address in a sliding window."""

    limit: int
    window_ns: int
    paused_until_ns: int = 0
    _taken: list[tuple[int, int]] = field(default_factory=list)
    """Time and weight of each request of the window, the oldest first."""
    _foreign: tuple[int, int] = (0, 0)
    """When the venue named a higher total than ours, and how much higher it was."""

    def used(self, now_ns: int) -> int:
        """Weight of the window, the venue's own count included."""
        self._forget(now_ns)
        foreign = self._foreign[1] if now_ns - self._foreign[0] < self.window_ns else 0
        return sum(weight for _, weight in self._taken) + foreign

    def wait_ns(self, now_ns: int, weight: int, rank: int) -> int:
        """Nanoseconds until the request may go; 0 for now."""
        if now_ns < self.paused_until_ns:
            return self.paused_until_ns - now_ns
        limit = max(int(self.limit * _SHARES[rank]), weight)
        used = self.used(now_ns)
        if used + weight <= limit:
            return 0
        for taken_ns, taken in sorted([*self._taken, self._foreign]):
            used -= taken
            if used + weight <= limit:
                return max(taken_ns + self.window_ns - now_ns, 1)
        return self.window_ns

    def take(self, now_ns: int, weight: int) -> None:
        """A request goes."""
        self._forget(now_ns)
        self._taken.append((now_ns, weight))

    def observe(self, now_ns: int, used: int) -> None:
        """The venue names the weight that the address has used: what is beyond ours is another process's."""
        self._forget(now_ns)
        self._foreign = (now_ns, max(used - sum(weight for _, weight in self._taken), 0))

    def pause(self, until_ns: int) -> None:
        """The venue answers nothing until then; a shorter pause does not end a longer one."""
        self.paused_until_ns = max(self.paused_until_ns, until_ns)

    def _forget(self, now_ns: int) -> None:
        while self._taken and now_ns - self._taken[0][0] >= self.window_ns:
            del self._taken[0]
