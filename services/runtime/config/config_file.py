"""A session's configuration out of a YAML file: strict, with key path and line in every error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath
from typing import Any, Final

import msgspec

from live_runner.contracts import timeframe
from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.messages import Instrument
from live_runner.contracts.subjects import check_session, symbol_token
from live_runner.contracts.time import time_ns
from live_runner.services.runtime.config.yaml_tree import Tree, nearest, read_text

__all__ = ["ConfigFile", "from_text", "json_schema", "read"]

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
DIGITS_MAX: Final = 30
"""Digits of a decimal text: the exact integers hold no more."""

# Key path: smallest and largest value allowed, and whether the smallest itself is.
_DECIMAL_RANGES: Final[dict[str, tuple[Decimal, Decimal, bool]]] = {
    "account.equity": (_ZERO, Decimal("1e15"), False),
    "account.leverage": (_ZERO, Decimal(1000), False),
    "account.maintenance_margin": (_ZERO, _ONE, True),
    "fills.slippage_bp": (_ZERO, Decimal(10_000), True),
    "fills.participation": (_ZERO, _ONE, False),
    "fees.maker": (-_ONE, _ONE, True),
    "fees.taker": (-_ONE, _ONE, True),
}
_NUMBER_RANGES: Final[dict[str, tuple[float, float]]] = {
    "market.bars": (1, 50_000_000),
    "market.seed": (0, 2**63 - 1),
    "market.warmup_bars": (0, 1_000_000),
    "market.missing_deadline_s": (0.1, 3600),
    "market.speed": (0.001, 1e9),
    "limits.decide_timeout_s": (0.05, 3600),
    "limits.read_ahead": (1, 100_000),
    "limits.snapshot_every": (1, 100_000_000),
    "limits.state_hash_every": (1, 100_000_000),
    "limits.join_timeout_s": (1, 3600),
}
_RULE_DECIMALS: Final = frozenset(
    (
        "contract_size",
        "tick_size",
        "lot_size",
        "price_precision",
        "amount_precision",
        "min_amount",
        "max_amount",
        "min_price",
        "max_price",
        "min_notional",
        "max_notional",
    )
)
SYMBOLS_MAX: Final = 1000


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
        low, high = _NUMBER_RANGES["market.speed"]
        if not low <= speed <= high:
            raise ConfigError(
                f"--speed {speed:g} is out of range", remedy=f"Use {low:g} to {high:g}", key="market.speed"
            )
        config = msgspec.structs.replace(config, market=msgspec.structs.replace(config.market, speed=speed))
    _check(tree, config)
    path = config.strategy.path
    if path is not None and PurePath(path).is_absolute():
        # A manifest is the same on every machine: where a file lay on this one is not part of it.
        strategy = msgspec.structs.replace(config.strategy, path=PurePath(path).name)
        config = msgspec.structs.replace(config, strategy=strategy)
    return ConfigFile(config=config, folder=folder, strategy_path=None if path is None else (folder / path).resolve())


def json_schema() -> dict[str, Any]:
    """The JSON schema of a configuration file."""
    schema = msgspec.json.schema(Config)
    definitions = schema["$defs"]
    for key in _DECIMAL_RANGES:
        section, name = key.split(".")
        wanted = {"type": ["string", "number"], "description": "An exact decimal; a bare number is taken as written."}
        described = definitions[section.capitalize()]["properties"][name]
        if "null" in str(described):
            wanted["type"] = ["string", "number", "null"]
        if "default" in described:
            wanted["default"] = described["default"]
        definitions[section.capitalize()]["properties"][name] = wanted
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "live-runner session", **schema}


def _is_exact(key: str) -> bool:
    """Whether a bare number under this key is an exact decimal and keeps the digits that were written."""
    return key in _DECIMAL_RANGES or key.startswith("market.instruments.")


def _check(tree: Tree, config: Config) -> None:
    try:
        check_session(config.session)
    except ConfigError as error:
        raise tree.error("session", error.what, error.remedy) from None
    _check_strategy(tree, config)
    _check_market(tree, config)
    for key, (low, high, low_included) in _DECIMAL_RANGES.items():
        _check_decimal(tree, config, key, low, high, low_included)
    for key, bounds in _NUMBER_RANGES.items():
        _check_number(tree, config, key, *bounds)
    if not config.account.currency.strip():
        raise tree.error("account.currency", "it is empty", "Name the accounting currency, for example USDT")


def _check_strategy(tree: Tree, config: Config) -> None:
    choice = config.strategy
    if (choice.path is None) == (choice.module is None):
        what = "neither path nor module is given" if choice.path is None else "both path and module are given"
        raise tree.error(
            "strategy", what, "Give one: `path: my_strategy.py` or `module: live_runner.strategies.ema_cross`"
        )


def _check_market(tree: Tree, config: Config) -> None:
    market = config.market
    try:
        timeframe.duration_ns(market.timeframe)
    except ConfigError as error:
        raise tree.error("market.timeframe", error.what, error.remedy) from None
    if not market.venue.strip():
        raise tree.error("market.venue", "it is empty", "Name the venue, for example binanceusdm")
    if not 1 <= len(market.symbols) <= SYMBOLS_MAX:
        raise tree.error("market.symbols", f"it holds {len(market.symbols)} symbols", f"Give 1 to {SYMBOLS_MAX}")
    tokens: dict[str, str] = {}
    for number, symbol in enumerate(market.symbols):
        key = f"market.symbols[{number}]"
        token = symbol_token(symbol)
        if not token:
            raise tree.error(key, f"'{symbol}' is no symbol", "Use ccxt's unified symbols, for example BTC/USDT:USDT")
        if token in tokens:
            what = "stands twice" if tokens[token] == symbol else f"cannot be told from '{tokens[token]}' in a subject"
            raise tree.error(key, f"'{symbol}' {what}", "Keep one of them")
        tokens[token] = symbol
    if market.source == "recording" and not market.dataset:
        raise tree.error(
            "market.dataset",
            "a recording needs the name of an imported dataset",
            "Import one with `live-runner data import`, list them with `live-runner data list`",
        )
    _check_times(tree, config)
    _check_instruments(tree, config)


def _check_times(tree: Tree, config: Config) -> None:
    found: dict[str, int] = {}
    for name in ("start", "end"):
        text = getattr(config.market, name)
        if text is None:
            continue
        try:
            found[name] = time_ns(text)
        except ValueError:
            raise tree.error(
                f"market.{name}", f"'{text}' is no ISO 8601 time", 'Write for example "2026-01-31T00:00:00Z"'
            ) from None
    if len(found) == 2 and found["start"] >= found["end"]:
        raise tree.error("market.end", "it is not after market.start", "Choose a later end or an earlier start")


def _check_instruments(tree: Tree, config: Config) -> None:
    kinds = {field.name: field.type for field in msgspec.structs.fields(Instrument)}
    for symbol, rules in config.market.instruments.items():
        key = f"market.instruments.{symbol}"
        if symbol not in config.market.symbols:
            raise tree.error(
                key, "this symbol is not in market.symbols", nearest(symbol, config.market.symbols) or "Add it"
            )
        for name, value in rules.items():
            if name not in kinds:
                raise tree.error(
                    f"{key}.{name}", "there is no such rule", nearest(name, kinds) or f"Known: {', '.join(kinds)}"
                )
            if not isinstance(value, bool if kinds[name] is bool else str):
                wanted = "true or false" if kinds[name] is bool else "text"
                raise tree.error(f"{key}.{name}", f"{wanted} is expected, found {value!r}", f"Write {wanted}")
            if name in _RULE_DECIMALS and value and not _DECIMAL.fullmatch(str(value)):
                raise tree.error(f"{key}.{name}", f"'{value}' is no decimal number", 'Write for example "0.01"')


def _check_decimal(tree: Tree, config: Config, key: str, low: Decimal, high: Decimal, low_included: bool) -> None:
    section, name = key.split(".")
    text = getattr(getattr(config, section), name)
    if text is None:
        return
    try:
        value = Decimal(text) if _DECIMAL.fullmatch(text) else Decimal("nan")
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise tree.error(key, f"'{text}' is no decimal number", 'Write for example "0.0005"')
    if len(value.as_tuple().digits) > DIGITS_MAX:
        raise tree.error(key, f"'{text}' has more than {DIGITS_MAX} digits", "Round it")
    if not (low <= value <= high) or (value == low and not low_included):
        raise tree.error(
            key, f"{text} is out of range", f"Use {'at least' if low_included else 'more than'} {low}, at most {high:f}"
        )


def _check_number(tree: Tree, config: Config, key: str, low: float, high: float) -> None:
    section, name = key.split(".")
    value = getattr(getattr(config, section), name)
    if value is not None and not low <= value <= high:
        raise tree.error(key, f"{value:g} is out of range", f"Use {low:g} to {high:g}")
