"""The login of a strategy's process at NATS, by file descriptor: strategy code can read the environment.

The process needs no database, so it gets none.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

import msgspec

from live_runner.services.runtime.config.settings import Settings

__all__ = ["read_login", "without_login", "write_login"]

_FIELDS: Final = (
    *("nats_url", "nats_token", "nats_creds", "nats_nkey"),
    *("nats_ca", "nats_cert", "nats_key", "nats_domain"),
)
_SECRET_NAMES: Final = ("NATS_", "TIMESCALE_DSN", "PGPASSWORD", "PGPASSFILE")
"""How the names of variables begin that are kept from strategy code."""


def write_login(settings: Settings) -> int:
    """A descriptor with the login; whoever starts the process closes it afterwards."""
    descriptor = os.memfd_create("live-runner-login")
    os.write(descriptor, msgspec.json.encode({name: getattr(settings, name) for name in _FIELDS}))
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def read_login(descriptor: int, settings: Settings) -> Settings:
    """The settings with the login of the descriptor, which is closed."""
    with os.fdopen(descriptor, "rb") as file:
        given = msgspec.json.decode(file.read(), type=dict[str, str | None])
    return replace(settings, **{name: given[name] for name in _FIELDS})  # type: ignore[arg-type]  # as they were written


def without_login(settings: Settings) -> dict[str, str]:
    """The environment of the process: this one's and the settings, without address, token and database."""
    environment = {**os.environ, **settings.environment()}
    return {name: value for name, value in environment.items() if not name.startswith(_SECRET_NAMES)}
