"""The engine's number: which rules, and which bytes, a session is played with.

It stands in ``started`` beside the package's version. A session is replayed, compared and recovered by an engine of
its own number only; the database, its views, ``tail`` and ``bundle`` read every session.
"""

from __future__ import annotations

from typing import Final

from live_runner.contracts.errors import VersionMismatch

__all__ = ["ENGINE", "RELEASES", "check_engine"]

ENGINE: Final = 3
"""Raised by each commit that changes a rule or a byte of an event; the release that will have it is added below."""

RELEASES: Final[dict[int, str]] = {
    1: "commit 4072634 (never released)",
    2: "release v0.2.0",
    3: "release v0.3.0",
}
"""The build that plays sessions of each engine. A session whose ``started`` has no number is of engine 1."""

_NEWER: Final = "a newer release"


def check_engine(session: str, engine: int) -> None:
    """VersionMismatch, which names the release to use, when a session is of another engine."""
    if engine != ENGINE:
        raise VersionMismatch(
            f"The session {session} is of engine {engine}, which {RELEASES.get(engine, _NEWER)} plays, and this is "
            f"engine {ENGINE}",
            remedy="Use that one to replay, compare or continue it",
            session=session,
            engine=engine,
            here=ENGINE,
        )
