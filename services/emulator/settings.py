"""What an emulator is started with: the command line, and a profile in YAML.

A profile, every key of it optional::

    symbols: [BTC/USDT:USDT, ETH/USDT:USDT]      # of the seeded market; default: all of it
    timeframe: 1m                                # of the candles that are matched on; longer ones are made of them
    candles: {BTC/USDT:USDT: btc_1m.csv.gz}      # recorded ones in the place of the seeded market, beside the profile
    funding: {BTC/USDT:USDT: btc_funding.csv}
    seed: 7                                      # of the market and of what is left to chance; --seed goes before it
    start: 2025-05-04T15:37:00Z                  # venue time at the beginning, where the clock is not the wall's
    accounts:
      - {key: a, secret: b, balances: {USDT: 10000}, hedge: true}
    options: {post_only_expires: true, hide_ms: 0}
    limits: {weight_per_minute: 2400}
    faults:
      - {match: {path: /fapi/v1/klines, nth: 3, count: 1}, before: {status: 503}}
    streams:
      - {match: {event: ORDER_TRADE_UPDATE}, duplicate: {times: 1, after_ms: 500}}
    draw: {lines: 20, within_ms: 600000}         # a script of so many faults, drawn by the seed and printed
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.timeframe import TIMEFRAMES
from live_runner.services.emulator import stream_faults
from live_runner.services.emulator.admin import check_call
from live_runner.services.emulator.binance import Options
from live_runner.services.emulator.clock import clock_rate
from live_runner.services.emulator.faults import checked, converted
from live_runner.services.emulator.limits import LimitsOptions
from live_runner.services.emulator.script import Line, drawn, parse
from live_runner.services.market_data.core.simulated_symbols import SYMBOLS

__all__ = [
    "ADMIN_PORT",
    "PORT",
    "VENUES",
    "EmulatorSettings",
    "Profile",
    "admin_address",
    "profile_from",
    "read_profile",
    "read_script",
]

PORT: Final = 8090
ADMIN_PORT: Final = 8091
VENUES: Final = {"binanceusdm": ("fapi.binance.com", "fstream.binance.com", "demo-fapi.binance.com",
                                 "fstream.binancefuture.com", "api.binance.com")}  # fmt: skip
"""Hosts that are played, by venue."""
_PORT_MAX: Final = 65535


class Draw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A script that the seed draws."""

    lines: int = 20
    within_ms: int = 600_000


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a profile."""

    symbols: tuple[str, ...] = SYMBOLS
    timeframe: str = "1m"
    candles: dict[str, str] = {}
    funding: dict[str, str] = {}
    seed: int = 1
    start: datetime | None = None
    accounts: tuple[dict[str, Any], ...] = ()
    options: Options = msgspec.field(default_factory=Options)
    limits: LimitsOptions = LimitsOptions()
    faults: tuple[dict[str, Any], ...] = ()
    streams: tuple[dict[str, Any], ...] = ()
    draw: Draw | None = None


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
    """Folder of the certificate authority, and of the venue's journal."""
    keeps: bool = False
    """Whether the venue is stored there, and goes on from there."""
    script: tuple[Line, ...] = ()
    clock: str = "wall"
    profile: Profile = field(default_factory=Profile)

    def __post_init__(self) -> None:
        if self.venue not in VENUES:
            raise ConfigError(
                f"The emulator does not play '{self.venue}'", remedy=f"Use {', '.join(VENUES)}", venue=self.venue
            )
        if (self.profile.start is not None or self.profile.candles) and self.clock == "wall":
            raise ConfigError(
                "The profile has a 'start' or recorded 'candles', and the clock is the wall's",
                remedy="Give --clock manual or --clock xN",
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
        """Venue time at the beginning; None: now, or where recorded candles begin."""
        if self.profile.start is None:
            return None
        return int(self.profile.start.timestamp()) * 1_000_000_000

    @property
    def lines(self) -> tuple[Line, ...]:
        """The script that was given, otherwise the drawn one."""
        draw = self.profile.draw
        return tuple(drawn(self.profile.seed, draw.lines, draw.within_ms)) if draw and not self.script else self.script

    @property
    def stamp(self) -> str:
        """What a stored venue has to have been started with."""
        profile = self.profile
        made_of = (self.venue, profile.symbols, profile.timeframe, profile.candles, profile.seed, profile.options)
        return sha256(msgspec.json.encode(made_of)).hexdigest()


def read_profile(path: Path) -> Profile:
    """A profile from its file; ConfigError names the file and what is wrong in it."""
    try:
        given = yaml.safe_load(_text(path, "profile")) or {}
        for name in ("candles", "funding") if isinstance(given, dict) else ():
            if isinstance(files := given.get(name), dict):
                given[name] = {symbol: str(path.parent / str(file)) for symbol, file in files.items()}
    except yaml.YAMLError as error:
        raise ConfigError(
            f"The profile {path} is not valid YAML: {' '.join(str(error).split())}", remedy="Check --profile"
        ) from error
    return profile_from(given, str(path))


def read_script(path: Path) -> tuple[Line, ...]:
    """A script from its file; ConfigError names the file, the line and what is wrong in it."""
    return tuple(parse(_text(path, "script"), check_call, path))


def profile_from(given: Any, where: str) -> Profile:
    """A profile from its values; ConfigError names ``where``."""
    try:
        profile = converted(given, Profile, "profile")
        if profile.start is not None and profile.start.tzinfo is None:
            profile = msgspec.structs.replace(profile, start=profile.start.replace(tzinfo=UTC))
        if profile.timeframe not in TIMEFRAMES:
            raise ConfigError(f"'{profile.timeframe}' is not a valid timeframe", remedy="Write for example 1m or 1h")
        for fault in profile.faults:
            checked(fault)
        for fault in profile.streams:
            stream_faults.checked(fault)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.what}", remedy=error.remedy, path=where) from error
    return profile


def _text(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"The {option} {path} cannot be read: {reason}", remedy=f"Check --{option}") from error


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
