"""Making a strategy: its parameters checked, its leg state fit to be copied, its answers usable."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakSet

import msgspec

from live_runner.contracts.bounds import spelled
from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.contracts.policy import ExecutionPolicy, check_policy
from live_runner.strategies.base import LegState, Parameters, Strategy

__all__ = ["check_leg_state", "check_strategy", "create", "parameters_with_defaults", "read_parameters"]

type AnyStrategy = Strategy[Any, Any]

WARMUP_MAX: Final = 2**31 - 1
"""Bars; an announcement holds no larger number."""
_KEY: Final = "strategy.parameters"
_CHECKED: Final[WeakSet[type]] = WeakSet()
"""Classes that can be hosted; a session makes its strategy several times."""
_PLAIN: Final = (bool, int, float, str, bytes, type(None))


def read_parameters(kind: type[AnyStrategy], given: Mapping[str, Any]) -> Parameters:
    """The typed parameters; ConfigError that names the key, for example ``strategy.parameters.long.step``."""
    try:
        parameters = msgspec.convert(dict(given), kind.Params)
    except msgspec.ValidationError as error:
        raise _explained(kind, given, str(error)) from None
    for key, value in _numbers(msgspec.to_builtins(parameters), _KEY):
        if not math.isfinite(value):
            raise ConfigError(f"{key} is {value}", remedy="Give a finite number", key=key)
    return parameters


def parameters_with_defaults(kind: type[AnyStrategy], given: Mapping[str, Any]) -> dict[str, Any]:
    """The checked parameters as plain data with every default written out, for the manifest."""
    plain: dict[str, Any] = msgspec.to_builtins(read_parameters(kind, given))
    return plain


def create(
    kind: type[AnyStrategy], parameters: Mapping[str, Any], symbols: tuple[str, ...], timeframe: str
) -> AnyStrategy:
    """The strategy with its parameters; ConfigError for those, StrategyError for a constructor that fails."""
    check_strategy(kind)
    checked = read_parameters(kind, parameters)
    try:
        strategy = kind(checked, symbols, timeframe)
        needed = strategy.warmup(timeframe)
        policy = strategy.policy()
    except Exception as error:
        raise StrategyError(
            f"{kind.__name__} cannot be created: {type(error).__name__}: {error}",
            remedy="See the traceback; __init__, warmup and policy run before the session starts",
            strategy=kind.__name__,
        ) from error
    if not hasattr(strategy, "leg_states"):
        raise StrategyError(
            f"{kind.__name__}.__init__ does not call super().__init__",
            remedy="Call super().__init__(parameters, symbols, timeframe) first",
            strategy=kind.__name__,
        )
    if not isinstance(needed, int) or isinstance(needed, bool) or not 0 <= needed <= WARMUP_MAX:
        raise StrategyError(
            f"{kind.__name__}.warmup returns {needed!r}",
            remedy=f"Give a whole number of bars from 0 to {WARMUP_MAX}",
            strategy=kind.__name__,
        )
    if not isinstance(policy, ExecutionPolicy):
        raise StrategyError(
            f"{kind.__name__}.policy returns a {type(policy).__name__}",
            remedy="Give an ExecutionPolicy",
            strategy=kind.__name__,
        )
    check_policy(policy)
    return strategy


def check_strategy(kind: type[AnyStrategy]) -> None:
    """StrategyError unless the class can be hosted: its parameter and leg state types are usable."""
    if kind in _CHECKED:
        return
    for name, base in (("Params", Parameters), ("Leg", LegState)):
        given = getattr(kind, name, None)
        if not (isinstance(given, type) and issubclass(given, base)):
            raise StrategyError(
                f"{kind.__name__}.{name} is not a subclass of {base.__name__}",
                remedy=f"Derive it from strategies.base.{base.__name__}",
                strategy=kind.__name__,
            )
    check_leg_state(kind)
    _CHECKED.add(kind)


def check_leg_state(kind: type[AnyStrategy]) -> None:
    """StrategyError when a field of the leg state is mutable or has no default.

    Such a field could not be put back after a refusal: the copy would share it with the original.
    """
    leg = kind.Leg
    try:
        hints = typing.get_type_hints(leg)
        leg()
    except Exception as error:
        raise StrategyError(
            f"{kind.__name__}: a {leg.__name__} cannot be created: {type(error).__name__}: {error}",
            remedy="Give every field of the leg state a type and a default",
            strategy=kind.__name__,
        ) from error
    for name in leg.__struct_fields__:
        if not _is_immutable(hints[name]):
            raise StrategyError(
                f"{kind.__name__}: field '{name}' of {leg.__name__} is a {_type_name(hints[name])}, which can change"
                " inside a copy",
                remedy="Use numbers, text, None, and tuples of them",
                strategy=kind.__name__,
                field=name,
            )


def _is_immutable(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if hint in _PLAIN or hint is None or hint is ...:
        return True
    if origin is typing.Annotated:
        return _is_immutable(arguments[0])
    if origin is typing.Literal:
        return True
    if origin in (tuple, typing.Union, types.UnionType):
        return bool(arguments) and all(map(_is_immutable, arguments))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and hint.__struct_config__.frozen:
        return all(map(_is_immutable, typing.get_type_hints(hint).values()))
    return False


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, f"{key}.{name}")
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _numbers(inner, f"{key}[{number}]")


def _explained(kind: type[AnyStrategy], given: Mapping[str, Any], message: str) -> ConfigError:
    """msgspec's sentence as ours: its ``$.long.step`` is our ``strategy.parameters.long.step``."""
    what, _, path = message.partition(" - at `$")
    key = f"{_KEY}{path.rstrip('`')}"
    quoted = what.split("`")
    if "unknown field" in what:
        name = quoted[1]
        known = _fields_at(kind.Params, path.rstrip("`"))
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known) or 'none'}"
        return ConfigError(f"{key}.{name} is not a parameter of {kind.__name__}", remedy=remedy, key=f"{key}.{name}")
    if "missing required field" in what:
        name = quoted[1]
        return ConfigError(f"{key}.{name} is missing", remedy=f"{kind.__name__} needs it", key=f"{key}.{name}")
    value = _at(given, path.rstrip("`"))
    if isinstance(value, str) and what.startswith(("Expected `int", "Expected `float")):
        number = spelled(value, whole="`int" in what)
        if number is not None:
            return ConfigError(f"{key}: {what}", remedy=f"Write {number}: '{value}' is text in YAML", key=key)
    if isinstance(value, (bool, int, float)) and what.startswith("Expected `str"):
        return ConfigError(f"{key}: {what}", remedy="Put the text in quotes", key=key)
    return ConfigError(f"{key}: {what}", remedy=f"See the parameters of {kind.__name__}", key=key)


def _at(given: Any, path: str) -> Any:
    """The value at a path such as ``.long.steps[0]``; None where it leads nowhere."""
    for name in path.replace("[", ".").replace("]", "").split(".")[1:]:
        try:
            given = given[int(name)] if isinstance(given, list) else given[name]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return given


def _fields_at(kind: Any, path: str) -> list[str]:
    """Field names of the struct at a path such as ``.long``; of the outermost one when it leads nowhere."""
    for name in filter(None, path.split(".")):
        inner = typing.get_type_hints(kind).get(name)
        if not (isinstance(inner, type) and issubclass(inner, msgspec.Struct)):
            break
        kind = inner
    return list(kind.__struct_fields__)
