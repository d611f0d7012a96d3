"""Moments in a configuration, which may be left out."""

from __future__ import annotations

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.moment import time_ns

__all__ = ["moment_ns"]


def moment_ns(text: str | None, key: str) -> int | None:
    """An ISO 8601 moment (UTC unless it says otherwise) in nanoseconds; ConfigError names the key."""
    if text is None:
        return None
    try:
        return time_ns(text)
    except ValueError as error:
        raise ConfigError(
            f"{key} '{text}' is no moment", remedy="Write ISO 8601, for example 2025-05-04T16:00:00Z", key=key
        ) from error
