"""Settings of a process: from the environment, overridden by the command line.

    NATS_URL                  NATS of yours, addresses with commas between them; unset: the embedded server
    NATS_TOKEN                its token; a token or a user and password may also stand in the address
    NATS_CREDS, NATS_NKEY     a `.creds` file, or a file with an NKEY seed, to log in with
    NATS_CA                   certificates of a private certificate authority; demands TLS
    NATS_CERT, NATS_KEY       a client certificate and its key; demand TLS
    NATS_JS_DOMAIN            the JetStream domain that holds the log, behind a leaf node for example
    TIMESCALE_DSN             a PostgreSQL of yours; unset: the embedded one under the home folder
    LIVE_RUNNER_HOME          the data folder; default ``.live-runner`` in the working directory
    LIVE_RUNNER_LOG           debug, info (default), warning or error
    LIVE_RUNNER_LOG_FORMAT    json or console; default: console on a terminal, json elsewhere
    LIVE_RUNNER_HEALTH_PORT   port of /health and /metrics of a service; 0 (default) is off
    LIVE_RUNNER_HEALTH_HOST   address that they listen on; default 127.0.0.1
    LIVE_RUNNER_NATS_SYNC     ``default`` (two minutes) or ``always``, of the embedded NATS
    LIVE_RUNNER_NATS_REPLICAS copies of the log in a NATS cluster, 1 to 5; unset: as it is, a new one has 1
    LIVE_RUNNER_SESSIONS      ``all`` (default), or ``followed``: a service runs only sessions that a `run` follows
    LIVE_RUNNER_STRATEGIES_MAX  sessions that one strategy service runs at a time; default 256

The names of NATS are those of its own command line. They matter with NATS_URL alone: the embedded server is
ours. ``NATS_TOKEN_FILE`` and ``TIMESCALE_DSN_FILE`` name files that hold the secret instead. Secrets are
never part of a printed text: ``repr`` leaves them out, and ``masked`` (masking.py) takes those of all settings out of
any text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, cast

from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import masked, of_address, remember

__all__ = ["DEFAULT_HOME", "LogFormat", "LogLevel", "NatsSettings", "NatsSync", "SessionChoice", "Settings"]

DEFAULT_HOME: Final = ".live-runner"

type LogLevel = Literal["debug", "info", "warning", "error"]
type LogFormat = Literal["auto", "json", "console"]
type NatsSync = Literal["default", "always"]
type SessionChoice = Literal["all", "followed"]

_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("auto", "json", "console")
_SYNCS: Final = ("default", "always")
_CHOICES: Final = ("all", "followed")
_PORT_MAX: Final = 65535
REPLICAS_MAX: Final = 5
"""The most replicas that NATS allows."""
STRATEGIES_DEFAULT: Final = 256
"""Each is a process of about 45 MiB."""
_STRATEGIES_LIMIT: Final = 100_000

_DSN: Final = re.compile(
    r"postgres(ql)?://(?:[^\s%]|%[0-9a-fA-F]{2})+|\w+\s*=\s*(?:'(?:\\.|[^'\\])*'|[^\s']+)(?:\s+\w+\s*=\s*(?:'(?:\\.|[^'\\])*'|[^\s']+))*"
)


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Address of NATS and the login of this process there. Paths are of files; an empty text means none."""

    url: str = field(repr=False)
    """One address or several with commas between them; schemes nats, tls, ws and wss."""
    token: str = field(default="", repr=False)
    creds: str = ""
    nkey: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""
    domain: str = ""
    replicas: int = 0
    """0: as it is; a new stream has one."""

    @property
    def addresses(self) -> list[str]:
        """Each server's address."""
        return [one.strip() for one in self.url.split(",") if one.strip()]

    @property
    def shown(self) -> str:
        """The addresses without what is secret in them."""
        return ",".join(map(masked, self.addresses))


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
    nats_creds: str = ""
    nats_nkey: str = ""
    nats_ca: str = ""
    nats_cert: str = ""
    nats_key: str = ""
    nats_domain: str = ""
    nats_replicas: int = 0
    strategies_max: int = STRATEGIES_DEFAULT
    sessions: SessionChoice = "all"

    def __post_init__(self) -> None:
        """What is secret in them is masked from here on."""
        remember(self.nats_token, *of_address(self.nats_url), *of_address(self.timescale_dsn))

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, *, home: Path | None = None) -> Settings:
        """The settings that the environment gives; ``home`` from the command line goes over it."""
        env = os.environ if environ is None else environ
        nats = {field: env.get(name) or "" for field, name in _OF_YOUR_NATS.items()} if env.get("NATS_URL") else {}
        _check_nats(nats)
        remember(env.get("PGPASSWORD"), *_of_proxies(env))
        return cls(
            home=(home or Path(env.get("LIVE_RUNNER_HOME") or DEFAULT_HOME)).expanduser().absolute(),
            nats_url=env.get("NATS_URL") or None,
            nats_token=_secret(env, "NATS_TOKEN"),
            timescale_dsn=_dsn(_secret(env, "TIMESCALE_DSN")),
            log_level=cast(LogLevel, _one_of(env, "LIVE_RUNNER_LOG", _LEVELS, "info")),
            log_format=cast(LogFormat, _one_of(env, "LIVE_RUNNER_LOG_FORMAT", _FORMATS, "auto")),
            health_port=_port(env, "LIVE_RUNNER_HEALTH_PORT"),
            health_host=env.get("LIVE_RUNNER_HEALTH_HOST") or "127.0.0.1",
            nats_sync=cast(NatsSync, _one_of(env, "LIVE_RUNNER_NATS_SYNC", _SYNCS, "default")),
            nats_replicas=_whole(env, "LIVE_RUNNER_NATS_REPLICAS", 1, REPLICAS_MAX, default=0),
            sessions=cast(SessionChoice, _one_of(env, "LIVE_RUNNER_SESSIONS", _CHOICES, "all")),
            strategies_max=_whole(env, "LIVE_RUNNER_STRATEGIES_MAX", 1, _STRATEGIES_LIMIT, default=STRATEGIES_DEFAULT),
            **nats,
        )

    @property
    def nats(self) -> NatsSettings:
        """The settings of a connection to NATS."""
        return NatsSettings(
            url=self.nats_url or "",
            token=self.nats_token or "",
            creds=self.nats_creds,
            nkey=self.nats_nkey,
            ca=self.nats_ca,
            cert=self.nats_cert,
            key=self.nats_key,
            domain=self.nats_domain,
            replicas=self.nats_replicas,
        )

    def environment(self) -> dict[str, str]:
        """Environment variables that give a child process the same settings."""
        given = {
            "LIVE_RUNNER_HOME": str(self.home),
            "LIVE_RUNNER_LOG": self.log_level,
            "LIVE_RUNNER_LOG_FORMAT": self.log_format,
            "LIVE_RUNNER_NATS_SYNC": self.nats_sync,
            "NATS_URL": self.nats_url,
            "NATS_TOKEN": self.nats_token,
            "TIMESCALE_DSN": self.timescale_dsn,
            "LIVE_RUNNER_NATS_REPLICAS": str(self.nats_replicas) if self.nats_replicas else None,
            "LIVE_RUNNER_STRATEGIES_MAX": str(self.strategies_max),
            # Empty ones too: what the parent does not use, its child must not find in the environment.
            **{name: getattr(self, field) for field, name in _OF_YOUR_NATS.items()},
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.home / "logs"

    def described(self) -> dict[str, str]:
        """The settings that may be shown and logged."""
        return {
            "home": str(self.home),
            "nats": self.nats.shown if self.nats_url else "embedded",
            "database": masked(self.timescale_dsn) if self.timescale_dsn else "embedded",
        }


_OF_YOUR_NATS: Final = {
    "nats_creds": "NATS_CREDS",
    "nats_nkey": "NATS_NKEY",
    "nats_ca": "NATS_CA",
    "nats_cert": "NATS_CERT",
    "nats_key": "NATS_KEY",
    "nats_domain": "NATS_JS_DOMAIN",
}
"""Settings of a NATS server that is not the embedded one, and the variable of each."""
_DOMAIN: Final = re.compile(r"[^\s.*>]+")


def _of_proxies(env: Mapping[str, str]) -> Iterator[str]:
    """The logins of the proxies that libraries take from the environment."""
    for name, value in env.items():
        if name.lower().endswith("_proxy"):
            yield from of_address(value if "://" in value else f"http://{value}")


def _check_nats(nats: Mapping[str, str]) -> None:
    for field_name, path in nats.items():
        variable = _OF_YOUR_NATS[field_name]
        if field_name == "nats_domain":
            if path and not _DOMAIN.fullmatch(path):
                raise ConfigError(
                    f"'{path}' is not a valid JetStream domain",
                    remedy=f"Set {variable} to one word without spaces, dots and wildcards",
                    variable=variable,
                )
        elif path and not os.access(path, os.R_OK):
            raise ConfigError(
                f"{variable} names {path}, which cannot be read",
                remedy=f"Make the file readable, or unset {variable}",
                variable=variable,
            )
    if bool(nats.get("nats_cert")) != bool(nats.get("nats_key")):
        raise ConfigError(
            "NATS_CERT and NATS_KEY belong together and one of them is missing",
            remedy="Set both, or none",
            variable="NATS_CERT",
        )
    if nats.get("nats_creds") and nats.get("nats_nkey"):
        raise ConfigError(
            "NATS_CREDS and NATS_NKEY are both set", remedy="Set the one to log in with", variable="NATS_CREDS"
        )


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


def _dsn(dsn: str | None) -> str | None:
    """The address; ConfigError, which shows nothing of it, for one that is neither a URL nor ``key=value`` pairs."""
    if dsn is None or _DSN.fullmatch(dsn.strip()):
        return dsn
    raise ConfigError(
        "TIMESCALE_DSN is not a valid address of a database",
        remedy="Set it to postgresql://user:password@host:port/database",
        variable="TIMESCALE_DSN",
    )


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


def _whole(env: Mapping[str, str], name: str, least: int, most: int, *, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdecimal() or not least <= int(text) <= most:
        raise ConfigError(f"{name} is '{text}'", remedy=f"Use a whole number from {least} to {most}", variable=name)
    return int(text)
