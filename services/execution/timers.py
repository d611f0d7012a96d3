"""Timers of a session, on the venue's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from live_runner.contracts.core import SetTimer

__all__ = ["Timers"]

LOOK_EVERY_S: Final = 0.5
"""A sleeping machine stops asyncio's clock and not the venue's: the time is looked at at least so often."""


class Timers:
    """Fires each timer once, when it is due; one that is set again fires at its new time alone."""

    def __init__(self, now_ns: Callable[[], int], fire: Callable[[SetTimer], Awaitable[None]]) -> None:
        self._now_ns = now_ns
        self._fire = fire
        self._due: dict[str, SetTimer] = {}
        self._changed = asyncio.Event()

    def set(self, timer: SetTimer) -> None:
        """Arm a timer, in place of an earlier one of that name."""
        self._due[timer.name] = timer
        self._changed.set()

    async def run(self) -> None:
        """Fire what becomes due. Never returns."""
        while True:
            self._changed.clear()
            now_ns = self._now_ns()
            due = sorted((timer for timer in self._due.values() if timer.due_ns <= now_ns), key=_when)
            for timer in due:
                del self._due[timer.name]
                await self._fire(timer)
            if due:
                continue
            next_ns = min((timer.due_ns for timer in self._due.values()), default=None)
            wait_s = None if next_ns is None else min((next_ns - now_ns) / 1e9, LOOK_EVERY_S)
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue


def _when(timer: SetTimer) -> tuple[int, str]:
    return timer.due_ns, timer.name
