"""What an emulator is started with: the command line, and a profile in YAML.

A profile, every key of it optional::

    symbols: [BTC/USDT:USDT, ETH/USDT:USDT]      # of the seeded market; default: all of it
    seed: 7                                      # of the market; --seed goes before it
    start: 2025-05-04T15:37:00Z                  # venue time at the beginning, where the clock is not the wall's
    accounts:
      - {key: a, secret: b, balances: {USDT: 10000}}
    limits: {weight_per_minute: 2400}
    faults:
      - {match: {path: /fapi/v1/klines, nth: 3, count: 1}, before: {status: 503}}
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.clock import clock_rate
from live_runner.services.emulator.faults import checked, converted
from live_runner.services.emulator.limits import LimitsOptions
from live_runner.services.market_data.core.simulated_symbols import SYMBOLS

__all__ = ["ADMIN_PORT", "PORT", "VENUES", "EmulatorSettings", "Profile", "admin_address", "read_profile"]

PORT: Final = 8090
ADMIN_PORT: Final = 8091
VENUES: Final = {"binanceusdm": ("fapi.binance.com", "fstream.binance.com", "demo-fapi.binance.com",
                                 "fstream.binancefuture.com", "api.binance.com")}  # fmt: skip
"""Hosts that are played, by venue."""
_PORT_MAX: Final = 65535


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a profile."""

    symbols: tuple[str, ...] = SYMBOLS
    seed: int = 1
    start: datetime | None = None
    accounts: tuple[dict[str, Any], ...] = ()
    limits: LimitsOptions = LimitsOptions()
    faults: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """Of one emulator."""

    venue: str = "binanceusdm"
    host: str = "127.0.0.1"
    port: int = PORT
    """Of the proxy; 0 takes a free one."""
    admin_host: str = "127.0.0.1"
    admin_port: int = ADMIN_PORT
    state: Path = field(default_factory=lambda: Path(".live-runner/emulator"))
    """Folder of the certificate authority."""
    clock: str = "wall"
    profile: Profile = field(default_factory=Profile)

    def __post_init__(self) -> None:
        if self.venue not in VENUES:
            raise ConfigError(
                f"The emulator does not play '{self.venue}'", remedy=f"Use {', '.join(VENUES)}", venue=self.venue
            )
        if self.profile.start is not None and self.clock == "wall":
            raise ConfigError(
                "The profile has a 'start', and the clock is the wall's", remedy="Give --clock manual or --clock xN"
            )
        clock_rate(self.clock)
        for port in (self.port, self.admin_port):
            if not 0 <= port <= _PORT_MAX:
                raise ConfigError(f"{port} is not a valid port", remedy=f"Give one from 0 to {_PORT_MAX}")

    @property
    def hosts(self) -> Sequence[str]:
        """Hosts of the venue that are played."""
        return VENUES[self.venue]

    @property
    def start_ns(self) -> int | None:
        """Venue time at the beginning; None: now."""
        if self.profile.start is None:
            return None
        return int(self.profile.start.timestamp()) * 1_000_000_000


def read_profile(path: Path) -> Profile:
    """A profile from its file; ConfigError names the file and what is wrong in it."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"The profile {path} cannot be read: {reason}", remedy="Check --profile") from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"The profile {path} is not valid YAML: {' '.join(str(error).split())}", remedy="Check --profile"
        ) from error
    return profile_from(given, str(path))


def profile_from(given: Any, where: str) -> Profile:
    """A profile from its values; ConfigError names ``where``."""
    try:
        profile = converted(given, Profile, "profile")
        if profile.start is not None and profile.start.tzinfo is None:
            profile = msgspec.structs.replace(profile, start=profile.start.replace(tzinfo=UTC))
        for fault in profile.faults:
            checked(fault)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.what}", remedy=error.remedy, path=where) from error
    return profile


def admin_address(text: str) -> tuple[str, int]:
    """``8091`` or ``127.0.0.1:8091`` as host and port; ConfigError for an address that others could reach."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
        raise ConfigError(f"'{text}' is not a valid admin port", remedy="Write for example 8091 or 127.0.0.1:8091")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigError(
            f"The admin port would listen on {host}, and whoever reaches it can do anything with the venue",
            remedy="Give a loopback address: --admin-port 127.0.0.1:8091",
            host=host,
        )
    return host, int(port)
