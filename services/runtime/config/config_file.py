"""A session's configuration out of a YAML file: strict, with key path and line in every error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import msgspec

from live_runner.contracts.bounds import bounds_of, exact_keys, outside
from live_runner.contracts.config import Config, Market, problems
from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config.yaml_tree import Tree, read_text

__all__ = ["ConfigFile", "from_text", "read"]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration, and where the things are that it names by paths."""

    config: Config
    folder: Path
    strategy_path: Path | None
    """The strategy's file, when the configuration names one."""


def read(path: Path, *, session: str | None = None, speed: float | None = None) -> ConfigFile:
    """The configuration in a file, with the command line's session and speed over it."""
    return from_text(read_text(path), name=path.name, folder=path.absolute().parent, session=session, speed=speed)


def from_text(
    text: str, *, name: str, folder: Path, session: str | None = None, speed: float | None = None
) -> ConfigFile:
    """The configuration in a text; ConfigError names the key, its line and what to write instead."""
    tree = Tree(text, name=name, is_exact=_is_exact)
    if session is not None:
        tree.supply("session", session)
    config: Config = tree.value(tree.root, Config, "")
    if session is not None:
        config = msgspec.structs.replace(config, session=session)
    if speed is not None:
        for bound in bounds_of(Market)["speed"]:
            if found := outside(bound, speed):
                raise ConfigError(f"--speed: {found[0]}", remedy=found[1], key="market.speed")
        config = msgspec.structs.replace(config, market=msgspec.structs.replace(config.market, speed=speed))
    _check(tree, config)
    path = config.strategy.path
    if path is not None and PurePath(path).is_absolute():
        # A manifest is the same on every machine: where a file lay on this one is not part of it.
        strategy = msgspec.structs.replace(config.strategy, path=PurePath(path).name)
        config = msgspec.structs.replace(config, strategy=strategy)
    return ConfigFile(config=config, folder=folder, strategy_path=None if path is None else (folder / path).resolve())


@cache
def _exact_keys() -> frozenset[str]:
    return frozenset(exact_keys(Config))


def _is_exact(key: str) -> bool:
    """Whether a bare number under this key is an exact decimal and keeps the digits that were written."""
    return key in _exact_keys() or key.startswith("market.instruments.")


def _check(tree: Tree, config: Config) -> None:
    market = config.market
    if market.source == "recording" and not market.dataset:
        raise tree.error(
            "market.dataset",
            "a recording needs the name of an imported dataset",
            "Import one with `live-runner data import`, list them with `live-runner data list`",
        )
    for problem in problems(config):
        raise tree.error(*problem)
