"""The environment and memory of a process that holds secrets, kept from other processes of its user.

Strategy code runs as a child of its service, under the same user, who may read ``/proc/<pid>/environ`` and attach a
debugger. The kernel allows neither for a process that is not dumpable (prctl(2), ptrace(2)), nor does such a process
leave a core file. Root may still do both. What is executed from here is dumpable again.
"""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["keep_private"]

_PR_SET_DUMPABLE: Final = 4


def keep_private() -> None:
    """Make this process unreadable to others of its user, on Linux; elsewhere nothing is done."""
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "The environment cannot be kept from other processes")
