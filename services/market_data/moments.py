"""Moments in a configuration: ISO 8601 text to nanoseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from live_runner.contracts.errors import ConfigError

__all__ = ["moment_ns"]


def moment_ns(text: str | None, key: str) -> int | None:
    """An ISO 8601 moment (UTC unless it says otherwise) in nanoseconds; ConfigError names the key."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{key} '{text}' is no moment", remedy="Write ISO 8601, for example 2025-05-04T16:00:00Z", key=key
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000_000 + elapsed.microseconds * 1_000
