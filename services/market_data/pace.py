"""Playback speed of a recording. It is not part of the session: no event depends on it."""

from __future__ import annotations

import asyncio
import time

__all__ = ["Pace"]


class Pace:
    """A multiple of real time, counted from the first bar that is asked for; None never waits."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._origin: tuple[float, int] | None = None

    async def wait_until(self, market_ns: int) -> None:
        """Wait until the market time has come."""
        if self._speed is None:
            return
        now = time.monotonic()
        if self._origin is None:
            self._origin = (now, market_ns)
            return
        began, origin_ns = self._origin
        await asyncio.sleep(max(0.0, began + (market_ns - origin_ns) / 1e9 / self._speed - now))
