"""Decimal numbers of the configuration, read once and exactly."""

from __future__ import annotations

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import fixed

__all__ = ["check_numbers", "config_number"]


def config_number(text: str, key: str) -> tuple[int, int]:
    """Mantissa and decimals; ConfigError names the key of what is no decimal number."""
    try:
        parsed: tuple[int, int] = fixed.parse_decimal(text)
    except ValueError as error:
        raise ConfigError(f"{key} '{text}' is no decimal number", remedy="Write it like 0.0005", key=key) from error
    return parsed


def check_numbers(config: Config) -> None:
    """Every decimal number of account, fills and fees is in its range; ConfigError names the key."""
    account, fills = config.account, config.fills
    config_number(config.fees.maker, "fees.maker")
    config_number(config.fees.taker, "fees.taker")
    _within(account.equity, "account.equity", above=0, below=10**15)
    _within(account.leverage, "account.leverage", above=0, below=10**4)
    _within(account.maintenance_margin, "account.maintenance_margin", least=0, below=1)
    _within(fills.slippage_bp, "fills.slippage_bp", least=0, below=10_000)
    if fills.participation is not None:
        _within(fills.participation, "fills.participation", above=0, below=10**6)


def _within(text: str, key: str, *, below: int, above: int | None = None, least: int | None = None) -> None:
    mantissa, decimals = config_number(text, key)
    scale = 10**decimals
    if mantissa >= below * scale or (above is not None and mantissa <= above * scale):
        raise ConfigError(
            f"{key} {text} is out of range", remedy=f"Give a number above {above or 0} and below {below}", key=key
        )
    if least is not None and mantissa < least * scale:
        raise ConfigError(
            f"{key} {text} is out of range", remedy=f"Give a number from {least} to below {below}", key=key
        )
