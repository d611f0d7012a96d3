"""The venue's clock: the machine's, one that only moves when it is told to, or one that runs so many times faster.

Everything the emulator does takes its time from here: matching, expiry, limits, delays of faults, scripts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from live_runner.contracts.errors import ConfigError

__all__ = ["EmulatorClock", "clock_rate"]

_MS: Final = 1_000_000
_S: Final = 1_000_000_000
RATE_MAX: Final = 1000
_RATE: Final = re.compile(r"x([1-9][0-9]{0,3})")


def clock_rate(text: str) -> int:
    """``wall`` is 1, ``manual`` 0, ``x60`` 60; ConfigError for anything else."""
    if text in ("wall", "manual"):
        return int(text == "wall")
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) > RATE_MAX:
        raise ConfigError(
            f"'{text}' is not a valid clock",
            remedy=f"Write wall, manual or xN, with N from 1 to {RATE_MAX}",
            clock=text,
        )
    return int(found[1])


class EmulatorClock:
    """Venue time. ``wall`` gives the machine's, in nanoseconds."""

    def __init__(self, rate: int, wall: Callable[[], int], start_ns: int | None = None) -> None:
        self._wall = wall
        self._rate = rate
        self._base_ns = wall() if start_ns is None else start_ns
        self._since_ns = wall()
        self._follows_wall = rate == 1 and start_ns is None
        self.skew_ms = 0
        """By how much the venue's clock is ahead of everybody's; it may be negative."""
        self.changes = 0
        """How often the clock was set or moved by hand."""
        self._changed = asyncio.Event()

    @property
    def mode(self) -> str:
        """``wall``, ``manual`` or ``xN``."""
        return {0: "manual", 1: "wall"}.get(self._rate, f"x{self._rate}")

    def now_ns(self) -> int:
        """Venue time, skew included."""
        return self._unskewed_ns() + self.skew_ms * _MS

    def now_ms(self) -> int:
        """Venue time in milliseconds, skew included."""
        return self.now_ns() // _MS

    def view(self) -> dict[str, Any]:
        """As ``GET /_/clock`` shows it."""
        return {"mode": self.mode, "now_ms": self.now_ms(), "skew_ms": self.skew_ms, "changes": self.changes}

    def set_rate(self, rate: int) -> None:
        """Go on from now at another rate. A clock that once left the machine's time does not return to it."""
        self._base_ns, self._since_ns = self._unskewed_ns(), self._wall()
        self._follows_wall = self._follows_wall and rate == 1
        self._rate = rate
        self.signal()

    def advance(self, ns: int) -> None:
        """Move a manual clock forward; ConfigError for another one, or backwards."""
        if self._rate:
            raise ConfigError(f"The clock is {self.mode} and cannot be advanced", remedy="Set it to manual first")
        if ns < 0:
            raise ConfigError("A clock does not go back", remedy="Advance it by 0 or more; 'skew_ms' may be negative")
        self._base_ns += ns
        self.signal()

    def restore(self, now_ns: int) -> None:
        """Go on from a moment that was stored, where the clock is not the machine's own."""
        if not self._follows_wall:
            self._base_ns, self._since_ns = now_ns - self.skew_ms * _MS, self._wall()
            self.signal()

    def signal(self) -> None:
        """Wake everybody who waits for a time or for a change."""
        self.changes += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, at_ns: int) -> None:
        """Wait for a moment of venue time."""
        while (left_ns := at_ns - self.now_ns()) > 0:
            await self.changed(left_ns / self._rate / _S if self._rate else None)

    async def changed(self, timeout_s: float | None) -> None:
        """Until the clock is set or moved by hand, or so many seconds of the machine have gone."""
        changed = self._changed
        try:
            async with asyncio.timeout(timeout_s):
                await changed.wait()
        except TimeoutError:
            return

    def _unskewed_ns(self) -> int:
        if self._follows_wall:
            return self._wall()
        return self._base_ns + (self._wall() - self._since_ns) * self._rate
