"""What came over the wire: every request with its answer, every frame of a stream. Bounded; the oldest go first."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

__all__ = ["WireLog"]

KEPT: Final = 50_000
SHOWN_MAX: Final = 5_000
"""Entries of one answer; ``after`` brings the next ones."""


class WireLog:
    """Numbered entries, from 1."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._last = 0
        self._grown = asyncio.Event()

    def add(self, entry: dict[str, Any]) -> dict[str, Any]:
        """Keep an entry, which may still be filled in; the entry with its number ``n``."""
        self._last += 1
        entry["n"] = self._last
        self._entries.append(entry)
        self.signal()
        return entry

    def signal(self) -> None:
        """Wake whoever waits: there is an entry more, or one is complete."""
        self._grown.set()
        self._grown = asyncio.Event()

    def after(self, number: int, **wanted: str) -> list[dict[str, Any]]:
        """Entries with a higher number whose fields are as wanted, oldest first."""
        found = []
        for entry in self._entries:
            if entry["n"] > number and all(str(entry.get(name)) == value for name, value in wanted.items()):
                found.append(entry)
                if len(found) == SHOWN_MAX:
                    break
        return found

    async def wait(self, number: int, count: int, timeout_s: float, **wanted: str) -> list[dict[str, Any]]:
        """``after``, once there are so many or the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(found := self.after(number, **wanted)) < count:
                    await self._grown.wait()
        except TimeoutError:
            return self.after(number, **wanted)
        return found
