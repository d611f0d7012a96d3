"""The plan of a sweep: numbered parameter sets, and the configuration of each.

The numbers are the identity of the runs. A set is a function of space, seed and number alone: an interrupted
sweep, and every machine that takes its part of one, number them alike, and a random search may be prolonged
without running anything again.

Runs are compared with each other, so they have to trade the same bars. Without ``market.start`` a
configuration begins as soon as its own warmup is filled, which would give a slow average fewer bars than a
fast one. In a sweep every run gets the greatest warmup of all, written out as ``market.warmup_bars``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from live_runner.contracts.bounds import exact_keys
from live_runner.contracts.config import Config, check
from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import fixed
from live_runner.services.backtest.session import warmup_needed, with_defaults
from live_runner.services.backtest.sweep.space import DRAW_BITS, SECTIONS, Space, is_of_section
from live_runner.strategies.base import Strategy

__all__ = ["SETS_MAX", "Part", "Plan", "Setting", "configured", "grid", "make_plan", "missing", "random_sets"]

SETS_MAX: Final = 200_000
"""Runs of one sweep."""
DRAWS_PER_SET: Final = 100
"""So many draws for a set that was not drawn before; then the space is said to be used up."""

type AnyStrategy = type[Strategy[Any, Any]]


class Setting(msgspec.Struct, frozen=True):
    """One run: its number, from 1, and the values of the searched parameters by their paths."""

    number: int
    parameters: dict[str, Any]


class Part(msgspec.Struct, frozen=True):
    """Every ``count``-th run, beginning with the ``index``-th."""

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Part:
        """From ``2/8``; ConfigError when it is none."""
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
            raise ConfigError(
                f"--part {text} is not a valid part", remedy="Write for example --part 2/8: the second of eight"
            )
        return cls(int(index), int(count))

    def holds(self, number: int) -> bool:
        """Whether the run is in this part."""
        return (number - self.index) % self.count == 0

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class Plan(msgspec.Struct, frozen=True):
    """Every run of a sweep, and which of them the strategy's parameters refuse."""

    config: Config
    """As given, but for what a sweep sets: the common warmup, and ``strategy.on_error``."""
    settings: list[Setting]
    refusals: dict[int, str]
    """Why a set is refused, by its number."""


def grid(space: Space) -> list[Setting]:
    """Every combination, the last parameter changing fastest; ConfigError when there are too many."""
    columns: list[tuple[str, Sequence[Any]]] = []
    for axis in space.axes:
        points = axis.points
        if points is None:
            raise space.error(
                axis.path, "a grid needs to know which values", "Add a `step:`, or search at random with --random 100"
            )
        columns.append((axis.path, points))
    total = math.prod(len(points) for _, points in columns)
    if total > SETS_MAX:
        raise ConfigError(
            f"The space has {total} combinations; a sweep runs at most {SETS_MAX}",
            remedy="Use longer steps, or search at random with --random 1000",
        )
    return [_combination(columns, number) for number in range(1, total + 1)]


def _combination(columns: Sequence[tuple[str, Sequence[Any]]], number: int) -> Setting:
    rest = number - 1
    chosen: dict[str, Any] = {}
    for path, points in reversed(columns):
        rest, index = divmod(rest, len(points))
        chosen[path] = points[index]
    return Setting(number, dict(reversed(chosen.items())))


def random_sets(space: Space, count: int, seed: int) -> list[Setting]:
    """``count`` different sets, the first of them those of any smaller count; ConfigError when there are too few."""
    if not 1 <= count <= SETS_MAX:
        raise ConfigError(f"--random {count} is out of range", remedy=f"Use 1 to {SETS_MAX}")
    found: list[Setting] = []
    seen: set[bytes] = set()
    for at in range(count * DRAWS_PER_SET):
        chosen = {axis.path: axis.pick(_draw(seed, axis.path, at)) for axis in space.axes}
        key = msgspec.msgpack.encode(chosen)
        if key not in seen:
            seen.add(key)
            found.append(Setting(len(found) + 1, chosen))
            if len(found) == count:
                return found
    raise ConfigError(
        f"The space seems to hold {len(found)} different sets; --random asks for {count}",
        remedy="Leave --random out to run all of them",
    )


def _draw(seed: int, path: str, at: int) -> int:
    """Even over 64 bits, and another for each seed, parameter and place: a hash and no generator with a state."""
    return int.from_bytes(blake2b(f"{seed}/{at}/{path}".encode(), digest_size=DRAW_BITS // 8).digest(), "big")


def make_plan(config: Config, strategy_class: AnyStrategy, settings: Iterable[Setting]) -> Plan:
    """Check every set and find the common warmup; ConfigError when not one of them can run."""
    # A strategy that raises goes on without opens in a session, which is of no use in a ranking.
    config = replace(config, strategy=replace(config.strategy, on_error="stop"))
    kept: list[Setting] = []
    refusals: dict[int, str] = {}
    warmup = 0
    for setting in settings:
        kept.append(setting)
        try:
            warmup = max(warmup, warmup_needed(configured(config, strategy_class, setting), strategy_class))
        except ConfigError as error:
            refusals[setting.number] = str(error)
    if len(refusals) == len(kept):
        first = refusals[kept[0].number]
        raise ConfigError(
            f"The strategy refuses every one of the {len(kept)} parameter sets, the first one with: {first}",
            remedy="Correct the space or strategy.parameters",
        )
    if config.market.start is None:
        config = replace(config, market=replace(config.market, warmup_bars=warmup))
    return Plan(config, kept, refusals)


def configured(config: Config, strategy_class: AnyStrategy, setting: Setting) -> Config:
    """The configuration of one run, every default written out; ConfigError when the strategy refuses the set."""
    own: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {}
    for path, value in setting.parameters.items():
        if is_of_section(path, strategy_class.Params):
            section, _, inner = path.partition(".")
            sections.setdefault(section, {})[inner] = value
        else:
            own[path] = value
    for section, chosen in sections.items():
        config = _with_section(config, section, chosen)
    parameters = _merged(config.strategy.parameters, own)
    return with_defaults(replace(config, strategy=replace(config.strategy, parameters=parameters)), strategy_class)


def _with_section(config: Config, section: str, chosen: Mapping[str, Any]) -> Config:
    """The configuration with other values in ``caps`` or ``risk``; ConfigError as for a file."""
    kind = SECTIONS[section]
    exact = set(exact_keys(kind))
    worded = {path: _worded(value) if path in exact else value for path, value in chosen.items()}
    given = getattr(config, section)
    try:
        plain = {} if given is UNSET else msgspec.to_builtins(given)
        changed = replace(config, **{section: msgspec.convert(_merged(plain, worded), kind)})
    except msgspec.ValidationError as error:
        raise ConfigError(f"{section}: {error}", remedy="See docs/risk.md, and give the rest in the file") from error
    check(changed)
    return changed


def _worded(value: Any) -> Any:
    """An exact decimal as text."""
    return fixed.float_text(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _merged(given: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(given)
    for path, value in chosen.items():
        section = merged
        *above, name = path.split(".")
        for outer in above:
            inner = section.get(outer)
            section[outer] = dict(inner) if isinstance(inner, Mapping) else {}
            section = section[outer]
        section[name] = value
    return merged


def missing(plan: Plan, part: Part, stored: frozenset[int]) -> list[Setting]:
    """The settings of this part that are still to be run."""
    return [setting for setting in plan.settings if part.holds(setting.number) and setting.number not in stored]
