"""A clock that goes on while the machine sleeps and does not jump with the wall's: for send windows and timers."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Final

from live_runner.contracts.gateway import Moment

__all__ = ["boot_ns", "moment"]

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_ns() -> int:
    """Nanoseconds since the machine was booted, sleep included where the system counts it."""
    return time.clock_gettime_ns(_CLOCK)


def moment() -> Moment:
    """Now, as requests to a gateway carry it."""
    return Moment(_boot_id(), boot_ns(), time.time_ns())


@cache
def _boot_id() -> str:
    """Names this boot; "" where the system does not."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
