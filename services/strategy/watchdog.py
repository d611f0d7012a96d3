"""A word of memory between the strategy service and a child: since when strategy code has been running.

The child cannot say that it hangs; so it says when it begins and when it is done, and the service,
which shares the machine's monotonic clock, sees what never ends.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import Final

__all__ = ["BusyFlag"]

_SIZE: Final = 8


class BusyFlag:
    """Eight shared bytes: 0, or the monotonic nanosecond at which strategy code was entered."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._word = memoryview(self._memory).cast("Q")

    @classmethod
    def create(cls) -> BusyFlag:
        """New shared memory; give ``descriptor`` to the child."""
        descriptor = os.memfd_create("live-runner-busy")
        os.ftruncate(descriptor, _SIZE)
        return cls(descriptor)

    def set(self) -> None:
        """Strategy code is entered."""
        self._word[0] = time.monotonic_ns()

    def clear(self) -> None:
        """Strategy code has returned."""
        self._word[0] = 0

    def busy_s(self) -> float:
        """For how many seconds strategy code has been running; 0 when it is not."""
        since = self._word[0]
        return (time.monotonic_ns() - since) / 1e9 if since else 0.0

    def close(self) -> None:
        """Release the memory and the descriptor."""
        self._word.release()
        self._memory.close()
        os.close(self.descriptor)
