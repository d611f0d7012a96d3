"""The space that a sweep searches: for each parameter the values it may take, read from a YAML file.

    fast: [10, 20, 30]                       one of these
    slow: {from: 40, to: 200, step: 20}      both ends included
    long.take_profit: {from: 0.1, to: 0.5}   any number in between: for a random search
    period: {from: 1, to: 1000, scale: log}  the same, small numbers as likely as large ones
    long: {callback: [null, 0.05]}           the same as long.callback
    notional: 500                            always this
    risk.drawdown.limit: [100, 200]          a key of the sections ``caps`` and ``risk`` of the configuration

Ends are whole numbers when both are written without a point. Steps are counted in exact decimals, so the third
value from 0.1 by 0.1 is 0.3 and not 0.30000000000000004. A value is picked by a 64-bit draw with nothing but
exact arithmetic, so the same draw gives the same value on every machine.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.contracts.risk import Caps, Risk
from live_runner.services.runtime.config.yaml_tree import Tree, nearest, whole

__all__ = ["DRAW_BITS", "SECTIONS", "Axis", "Choices", "Space", "Span", "is_of_section", "read_space"]

DRAW_BITS: Final = 64
"""Bits of a draw: a whole number from 0 up to, not including, 2**64."""
POINTS_MAX: Final = 1_000_000
"""Values of one parameter."""

_ENDS: Final = frozenset(("from", "to"))
_SPAN_KEYS: Final = ("from", "to", "step", "scale")
_SCALES: Final = ("linear", "log")
# Enough digits for any float, the same on every machine.
_EXACT: Final = Context(prec=40)


class Choices(msgspec.Struct, frozen=True, tag="choices"):
    """One of some values, whatever they are."""

    path: str
    values: tuple[Any, ...]

    @property
    def points(self) -> Sequence[Any] | None:
        """Every value, in order."""
        return self.values

    def pick(self, draw: int) -> Any:
        """The value of a draw."""
        return self.values[draw * len(self.values) >> DRAW_BITS]


class Span(msgspec.Struct, frozen=True, tag="span"):
    """Numbers between two ends, both included; with ``step`` only those that are so many steps from ``low``."""

    path: str
    low: Decimal
    high: Decimal
    step: Decimal | None
    is_whole: bool
    scale: str

    @property
    def points(self) -> Sequence[Any] | None:
        """Every value, in order; None for a span without a step, unless it is of whole numbers and random."""
        if self.step is None:
            return None
        return [self._number(self.low + number * self.step) for number in range(self.steps)]

    @property
    def steps(self) -> int:
        """Number of values of a span that has a step."""
        assert self.step is not None
        return int((self.high - self.low) // self.step) + 1

    def pick(self, draw: int) -> Any:
        """The value of a draw, evenly over the span or over its logarithm."""
        if self.step is not None:
            return self._number(self.low + (draw * self.steps >> DRAW_BITS) * self.step)
        # Half a number beyond each end, so that the ends are as likely as the others.
        margin = Decimal("0.5") if self.is_whole else Decimal(0)
        low, high = self.low - margin, self.high + margin
        share = _EXACT.divide(Decimal(draw), Decimal(2**DRAW_BITS))
        if self.scale == "log":
            low, high = _EXACT.ln(low), _EXACT.ln(high)
        value = _EXACT.fma(_EXACT.subtract(high, low), share, low)
        if self.scale == "log":
            value = _EXACT.exp(value)
        if self.is_whole:
            value = value.to_integral_value()
        return self._number(min(max(value, self.low), self.high))

    def _number(self, value: Decimal) -> int | float:
        return int(value) if self.is_whole else float(value)


type Axis = Choices | Span

SECTIONS: Final[dict[str, type[msgspec.Struct]]] = {"caps": Caps, "risk": Risk}
"""Sections of the configuration that a sweep may search beside the strategy's parameters."""


def is_of_section(path: str, parameters: type[msgspec.Struct]) -> bool:
    """Whether a path leads into a section of the configuration; a parameter of the same name goes first."""
    name = path.partition(".")[0]
    return name in SECTIONS and name not in parameters.__struct_fields__


class Space:
    """Axes in the file's order, and where in the file each of them stands."""

    def __init__(self, axes: Sequence[Axis], error: Callable[[str, str, str], ConfigError]) -> None:
        self.axes = tuple(axes)
        self.error = error

    def described(self) -> list[Any]:
        """The axes as plain data: what the space's hash is made of."""
        plain: list[Any] = msgspec.to_builtins(self.axes)
        return plain

    def check_parameters(self, kind: type[msgspec.Struct]) -> None:
        """ConfigError when a path leads to no parameter of this class and to no limit of the configuration."""
        for axis in self.axes:
            section, _, path = axis.path.partition(".")
            if path and is_of_section(axis.path, kind):
                self._check_path(axis.path, path, SECTIONS[section], section)
            else:
                self._check_path(axis.path, axis.path, kind, kind.__name__)

    def _check_path(self, key: str, path: str, kind: type[msgspec.Struct], owner: str) -> None:
        inner: type[msgspec.Struct] | None = kind
        for name in path.split("."):
            if inner is None:
                return  # a free-form section: its keys are the strategy's business
            fields = inner.__struct_fields__
            if name not in fields:
                raise self.error(
                    key,
                    f"{owner} has no parameter {path}",
                    nearest(name, fields) or f"Known: {', '.join(fields) or 'none'}",
                )
            inner = _struct(typing.get_type_hints(inner).get(name))


def read_space(text: str, *, name: str) -> Space:
    """The space in a YAML text; ConfigError names key, line and remedy."""
    tree = Tree(text, name=name, is_exact=_is_end, begin="Begin with `parameter: [value, value]`; see docs/sweep.md")
    axes: list[Axis] = []
    _collect(tree, tree.plain(tree.root, ""), "", axes)
    seen: list[str] = []
    for axis in axes:
        for other in seen:
            if f"{axis.path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{axis.path}."):
                raise tree.error(axis.path, f"{other} already lists its values", "Keep one of them")
        seen.append(axis.path)
    return Space(axes, tree.error)


def _collect(tree: Tree, section: dict[str, Any], above: str, axes: list[Axis]) -> None:
    for key, value in section.items():
        path = f"{above}{key}"
        if not all(path.split(".")):
            raise tree.error(path, "this is not a valid parameter name", "Write for example long.take_profit")
        if isinstance(value, dict) and not _is_span(value):
            if not value:
                raise tree.error(path, "it has no values", "Write [value, value] or {from: 1, to: 9, step: 2}")
            _collect(tree, value, f"{path}.", axes)
        elif isinstance(value, dict):
            axes.append(_span(tree, path, value))
        elif isinstance(value, list):
            axes.append(_choices(tree, path, value))
        else:
            axes.append(Choices(path, (value,)))


def _is_end(key: str) -> bool:
    """Whether the number under this key keeps the digits that were written."""
    return key.rpartition(".")[2] in ("from", "to", "step")


def _is_span(value: dict[str, Any]) -> bool:
    return bool(_ENDS & value.keys()) and not any(isinstance(item, dict | list) for item in value.values())


def _choices(tree: Tree, path: str, values: list[Any]) -> Choices:
    if not 1 <= len(values) <= POINTS_MAX:
        raise tree.error(path, f"it holds {len(values)} values", f"Give 1 to {POINTS_MAX}")
    seen: set[bytes] = set()
    for value in values:
        plain = msgspec.json.encode(value)
        if plain in seen:
            raise tree.error(path, f"the value {plain.decode()} is listed twice", "Keep one of them")
        seen.add(plain)
    return Choices(path, tuple(values))


def _span(tree: Tree, path: str, given: dict[str, Any]) -> Span:
    for key in given:
        if key not in _SPAN_KEYS:
            raise tree.error(
                f"{path}.{key}", "there is no such key", nearest(key, _SPAN_KEYS) or f"Known: {', '.join(_SPAN_KEYS)}"
            )
    for key in sorted(_ENDS - given.keys()):
        raise tree.error(path, f"`{key}` is missing", "Write for example {from: 10, to: 50, step: 5}")
    low, high = _decimal(tree, path, given, "from"), _decimal(tree, path, given, "to")
    step = _decimal(tree, path, given, "step") if "step" in given else None
    scale = given.get("scale", "linear")
    if low > high:
        raise tree.error(path, f"`from` ({low}) is above `to` ({high})", "Exchange them")
    if scale not in _SCALES:
        raise tree.error(f"{path}.scale", f"'{scale}' is not one of its values", f"Use {' or '.join(_SCALES)}")
    if scale == "log" and step is not None:
        raise tree.error(path, "a logarithmic span has no step", "Leave one of them out, or list the values")
    if scale == "log" and low <= 0:
        raise tree.error(path, f"a logarithmic span cannot begin at {low}", "Begin above 0")
    are_whole = all(whole(str(given[key])) is not None for key in ("from", "to", "step") if key in given)
    span = Span(path, low, high, step, are_whole, scale)
    if step is not None and step <= 0:
        raise tree.error(f"{path}.step", f"it is {step}", "Use a step above 0")
    if step is not None and (high - low) / step >= POINTS_MAX:
        raise tree.error(path, f"it has more than {POINTS_MAX} values", "Use a longer step")
    return span


def _decimal(tree: Tree, path: str, given: dict[str, Any], key: str) -> Decimal:
    text = given[key]
    try:
        value = Decimal(text) if isinstance(text, str) else Decimal("nan")
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or abs(value) >= Decimal("1e18"):
        raise tree.error(f"{path}.{key}", f"'{text}' is not a valid number below 1e18", "Write for example 0.25")
    return value


def _struct(hint: Any) -> type[msgspec.Struct] | None:
    """The set of parameters that a field holds; None when it holds a value."""
    choices = typing.get_args(hint) if typing.get_origin(hint) is not None else (hint,)
    for choice in choices:
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return choice
    return None
