"""Times as people write them: ISO 8601 text, UTC unless it names another zone."""

from __future__ import annotations

from datetime import UTC, datetime

from live_runner.contracts.errors import ConfigError

__all__ = ["optional_time_ns", "time_ns"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_ns(text: str) -> int:
    """Nanoseconds since 1970; ValueError unless the text is an ISO 8601 time."""
    time = datetime.fromisoformat(text)
    # In whole numbers: a float of nanoseconds would lose the last ones.
    since = (time.replace(tzinfo=UTC) if time.tzinfo is None else time) - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def optional_time_ns(text: str | None, key: str) -> int | None:
    """The time of a configuration key that may be left out; ConfigError names the key."""
    if text is None:
        return None
    try:
        return time_ns(text)
    except ValueError as error:
        raise ConfigError(
            f"{key} '{text}' is not a valid time", remedy="Write ISO 8601, for example 2025-05-04T16:00:00Z", key=key
        ) from error
