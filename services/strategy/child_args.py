"""Arguments of the child process of a session, as JSON on its command line."""

from __future__ import annotations

import msgspec

__all__ = ["ChildArgs"]


class ChildArgs(msgspec.Struct, forbid_unknown_fields=True):
    """As JSON in the child's first argument."""

    session: str
    stream_seq: int
    busy_descriptor: int
    trouble: str = ""
    """Why the process before this one ended, for an incident."""
    log_to_file: bool = False
    login_descriptor: int = -1
    """Memory with the login at NATS as JSON: the environment, which strategy code can read, holds none."""
