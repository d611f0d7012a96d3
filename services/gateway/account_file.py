"""A venue account as its gateway knows it: ``accounts/NAME.yaml`` in the home folder, and the keys that it names.

    venue: binanceusdm
    environment: emulator          # real, demo or emulator
    keys: {env: MAIN}              # MAIN_KEY, MAIN_SECRET and, where the venue has one, MAIN_PASSWORD
    # keys: {file: keys.json}      # {"key": ..., "secret": ..., "password": ...}; nobody else may read it
    options: {httpsProxy: http://127.0.0.1:8090, wssProxy: http://127.0.0.1:8090, cafile: ca.pem}

Keys stand in no configuration of a session and are shown by their last four characters alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from live_runner.contracts import subjects
from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.masking import remember
from live_runner.services.runtime.config.yaml_tree import Tree, read_text
from live_runner.services.venues.ccxt_account import Credentials
from live_runner.services.venues.sending import check_sending

__all__ = ["AccountFile", "Keys", "credentials_of", "read_account"]

_OTHERS: Final = 0o077
_PROXIES: Final = ("httpsProxy", "wssProxy")
_KEY_LENGTH_MIN: Final = 8


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the keys are: variables that begin with ``env``, or a file."""

    env: str | None = None
    file: str | None = None


class AccountFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    venue: str
    keys: Keys
    environment: Literal["real", "demo", "emulator"] = "real"
    options: dict[str, Any] = {}
    recv_window_ms: int = 3000
    send_window_s: float = 2.0


def read_account(home: Path, name: str) -> AccountFile:
    """The account of a name; ConfigError names the key and what to write instead."""
    if not subjects.is_session(name):
        raise ConfigError(
            f"'{name}' is not a valid account name", remedy="Use 1 to 48 of a-z 0-9 _ -", key="account.name"
        )
    path = home / "accounts" / f"{name}.yaml"
    if not path.exists():
        raise ConfigError(
            f"The account {name} is not described: there is no {path}",
            remedy="Write the file: venue, environment, keys and options",
            key="account.name",
        )
    tree = Tree(read_text(path), name=path.name)
    account: AccountFile = tree.value(tree.root, AccountFile, "")
    check_sending(account.venue, account.options)
    _check_environment(account)
    return account


def credentials_of(account: AccountFile, home: Path, environ: Mapping[str, str]) -> Credentials:
    """The keys; they are masked in this process from here on. ConfigError never shows one."""
    keys = account.keys
    if (keys.env is None) == (keys.file is None):
        raise _refused("keys_place", "keys: give either 'env' or 'file'", "Name one place of the keys")
    found = _from_env(keys.env, environ) if keys.env is not None else _from_file(home / "accounts" / str(keys.file))
    remember(*found.values())
    for field, value in found.items():
        if value != value.strip() or any(character.isspace() for character in value):
            raise _refused(
                "keys_malformed", f"The account's {field} holds a space or a line break", "Write it without one"
            )
    if len(found["key"]) < _KEY_LENGTH_MIN or not found["secret"]:
        raise _refused("keys_missing", "The account has no key, or no secret", "Give key and secret of the account")
    return Credentials(found["key"], found["secret"], found.get("password", ""))


def _check_environment(account: AccountFile) -> None:
    is_proxied = any(name in account.options for name in _PROXIES)
    if account.environment == "emulator" and not all(name in account.options for name in (*_PROXIES, "cafile")):
        raise ConfigError(
            "The environment is emulator, and nothing leads there",
            remedy="Give options httpsProxy, wssProxy and cafile, as `live-runner serve emulator` prints them",
            key="options",
        )
    if account.environment != "emulator" and "cafile" in account.options and is_proxied:
        raise ConfigError(
            f"The environment is {account.environment}, and the options lead to an emulator",
            remedy="Take httpsProxy, wssProxy and cafile out, or set environment: emulator",
            key="options",
        )


def _from_env(prefix: str, environ: Mapping[str, str]) -> dict[str, str]:
    names = {field: f"{prefix}_{field.upper()}" for field in ("key", "secret", "password")}
    return {field: environ.get(name, "").removesuffix("\n") for field, name in names.items()}


def _from_file(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            raise _refused("keys_readable", f"The key file {path.name} can be read by others", f"chmod 600 {path}")
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(
            "keys_missing", f"The key file {path.name} cannot be read: {error.strerror}", "Make it readable"
        ) from error
    except ValueError:
        # Without the cause: its text quotes the file.
        raise _refused(
            "keys_malformed", f"The key file {path.name} is not valid JSON", "Write key and secret"
        ) from None
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in ("key", "secret")):
        raise _refused("keys_malformed", f"The key file {path.name} has no key and secret", "Write both as texts")
    return {name: str(given.get(name, "")) for name in ("key", "secret", "password")}


def _refused(reason: str, what: str, remedy: str) -> ConfigError:
    return ConfigError(what, remedy=remedy, key="keys", reason=reason)
