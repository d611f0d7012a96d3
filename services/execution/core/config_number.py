"""Decimal numbers of the configuration, read once and exactly."""

from __future__ import annotations

from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import fixed

__all__ = ["config_number"]


def config_number(text: str, key: str) -> tuple[int, int]:
    """Mantissa and decimals; ConfigError names the key of what is no decimal number."""
    try:
        parsed: tuple[int, int] = fixed.parse_decimal(text)
    except ValueError as error:
        raise ConfigError(f"{key} '{text}' is no decimal number", remedy="Write it like 0.0005", key=key) from error
    return parsed
