"""Settings of a process: from the environment, overridden by the command line.

    NATS_URL, NATS_TOKEN      a NATS server of yours; unset: the embedded one under the home folder
    TIMESCALE_DSN             a PostgreSQL of yours; unset: the embedded one under the home folder
    LIVE_RUNNER_HOME          the data folder; default ``.live-runner`` in the working directory
    LIVE_RUNNER_LOG           debug, info (default), warning or error
    LIVE_RUNNER_LOG_FORMAT    json or console; default: console on a terminal, json elsewhere
    LIVE_RUNNER_HEALTH_PORT   port of /health and /metrics of a service; 0 (default) is off
    LIVE_RUNNER_HEALTH_HOST   address that they listen on; default 127.0.0.1
    LIVE_RUNNER_NATS_SYNC     ``default`` (two minutes) or ``always``, of the embedded NATS

``NATS_TOKEN_FILE`` and ``TIMESCALE_DSN_FILE`` name files that hold the secret instead. Secrets are
never part of a printed text: ``repr`` leaves them out, and ``masked`` takes them out of an address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast

from live_runner.contracts.errors import ConfigError

__all__ = ["DEFAULT_HOME", "LogFormat", "LogLevel", "NatsSync", "Settings", "masked"]

DEFAULT_HOME: Final = ".live-runner"

type LogLevel = Literal["debug", "info", "warning", "error"]
type LogFormat = Literal["auto", "json", "console"]
type NatsSync = Literal["default", "always"]

_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("auto", "json", "console")
_SYNCS: Final = ("default", "always")
_PORT_MAX: Final = 65535

_URL_PASSWORD: Final = re.compile(r"(?P<scheme>\w+://)(?P<user>[^:/?#\s]*):(?P<password>[^\s]*)@(?P<host>[^@\s]*)")
_URL_TOKEN: Final = re.compile(r"(?P<scheme>(?:nats|tls|ws|wss)://)(?P<token>[^:/?#@\s]+)@")
_KEY_PASSWORD: Final = re.compile(r"(?P<key>\b(?:ssl)?password\s*=\s*)(?:'(?:\\.|[^'\\])*'|[^\s&]+)", re.IGNORECASE)


def masked(text: str) -> str:
    """The text with the passwords and tokens of addresses in it replaced by ``***``."""
    text = _URL_PASSWORD.sub(r"\g<scheme>\g<user>:***@\g<host>", text)
    text = _URL_TOKEN.sub(r"\g<scheme>***@", text)
    return _KEY_PASSWORD.sub(r"\g<key>***", text)


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one process. ``nats_url`` and ``timescale_dsn`` None mean the embedded servers of ``home``."""

    home: Path = Path(DEFAULT_HOME)
    nats_url: str | None = field(default=None, repr=False)
    nats_token: str | None = field(default=None, repr=False)
    timescale_dsn: str | None = field(default=None, repr=False)
    log_level: LogLevel = "info"
    log_format: LogFormat = "auto"
    health_port: int = 0
    health_host: str = "127.0.0.1"
    nats_sync: NatsSync = "default"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
        """The settings that the environment gives; ``home`` from the command line goes over it."""
        env = os.environ if environ is None else environ
        return cls(
            home=(home or Path(env.get("LIVE_RUNNER_HOME") or DEFAULT_HOME)).expanduser().absolute(),
            nats_url=env.get("NATS_URL") or None,
            nats_token=_secret(env, "NATS_TOKEN"),
            timescale_dsn=_secret(env, "TIMESCALE_DSN"),
            log_level=cast(LogLevel, _one_of(env, "LIVE_RUNNER_LOG", _LEVELS, "info")),
            log_format=cast(LogFormat, _one_of(env, "LIVE_RUNNER_LOG_FORMAT", _FORMATS, "auto")),
            health_port=_port(env, "LIVE_RUNNER_HEALTH_PORT"),
            health_host=env.get("LIVE_RUNNER_HEALTH_HOST") or "127.0.0.1",
            nats_sync=cast(NatsSync, _one_of(env, "LIVE_RUNNER_NATS_SYNC", _SYNCS, "default")),
        )

    def environment(self) -> dict[str, str]:
        """What a child process has to be given to have the same settings."""
        given = {
            "LIVE_RUNNER_HOME": str(self.home),
            "LIVE_RUNNER_LOG": self.log_level,
            "LIVE_RUNNER_LOG_FORMAT": self.log_format,
            "LIVE_RUNNER_NATS_SYNC": self.nats_sync,
            "NATS_URL": self.nats_url,
            "NATS_TOKEN": self.nats_token,
            "TIMESCALE_DSN": self.timescale_dsn,
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.home / "logs"

    def described(self) -> dict[str, str]:
        """What may be shown and logged."""
        return {
            "home": str(self.home),
            "nats": masked(self.nats_url) if self.nats_url else "embedded",
            "database": masked(self.timescale_dsn) if self.timescale_dsn else "embedded",
        }


def _secret(env: Mapping[str, str], name: str) -> str | None:
    if value := env.get(name):
        return value
    path = env.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise ConfigError(
            f"{name}_FILE names {path}, which cannot be read: {error.strerror}",
            remedy=f"Make the file readable, or set {name}",
            variable=f"{name}_FILE",
        ) from error


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = (env.get(name) or default).lower()
    if value not in allowed:
        raise ConfigError(f"{name} is '{value}'", remedy=f"Use one of {', '.join(allowed)}", variable=name)
    return value


def _port(env: Mapping[str, str], name: str) -> int:
    text = env.get(name) or "0"
    if not text.isdecimal() or int(text) > _PORT_MAX:
        raise ConfigError(f"{name} is '{text}'", remedy=f"Use a port from 0 (off) to {_PORT_MAX}", variable=name)
    return int(text)
