"""The lock of a server's store: held by the process that owns the server and by the server itself.

It is one open file that the owner hands to every server it starts, so that the kernel releases it when
the last of them has ended, however that happened. While it is held, nobody else starts a server there.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

__all__ = ["StoreLock"]

_NAME: Final = "store.lock"
_POLL_S: Final = 0.05


class StoreLock:
    """The lock of one folder. Not held until ``take`` has returned True."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take it, if nobody else holds it; True also when this object holds it already."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def take_within(self, timeout_s: float) -> bool:
        """Take it as soon as it is free; False when somebody has held it for so long."""
        deadline = time.monotonic() + timeout_s
        while not self.take():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    @property
    def descriptor(self) -> int | None:
        """The file to hand to the server; None while the lock is not held."""
        return self._descriptor

    def release(self) -> None:
        """Give it up; a server that still runs keeps it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def is_taken(self) -> bool:
        """Whether anybody holds it now: an owner, a server that runs, or one that is being started again."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
