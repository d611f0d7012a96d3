"""Moments as people write them: ISO 8601 text, UTC unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["time_ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_ns(text: str) -> int:
    """Nanoseconds since 1970; ValueError for what is no ISO 8601 time."""
    moment = datetime.fromisoformat(text)
    # In whole numbers: a float of nanoseconds would lose the last ones.
    since = (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
