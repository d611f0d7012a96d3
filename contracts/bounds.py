"""Bounds of a configuration's values, written once beside each field and used by whoever checks one.

Numbers carry ``msgspec.Meta(ge=1, le=1000)``, decimals in text ``DecimalRange(above="0", most="1000")``:

    leverage: Annotated[str, DecimalRange(above="0", most="1000")] = "10"

``violations`` finds what is outside, in the fields of a struct and of the structs inside it; None passes,
since it stands for no value.
"""

from __future__ import annotations

import difflib
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import msgspec

from live_runner.contracts.decimals import PATTERN, parse_decimal

__all__ = [
    "DecimalRange",
    "Violation",
    "bounds_of",
    "exact_keys",
    "nearest",
    "outside",
    "spelled",
    "structs_of",
    "violations",
]


class Violation(NamedTuple):
    """A key path, what is wrong with its value, and what to write instead."""

    key: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecimalRange:
    """The exact decimals that a text may hold; each end is decimal text, None for no end.

    Leading and trailing zeros do not count as digits. With 18 of them a number without its point fits a
    signed 64-bit integer.
    """

    above: str | None = None
    least: str | None = None
    below: str | None = None
    most: str | None = None
    digits: int = 18
    """Most digits before and after the point together."""
    decimals: int = 22
    """Most digits after the point."""
    optional: bool = False
    """Whether an empty text is allowed; it stands for no value."""

    def outside(self, text: str) -> tuple[str, str] | None:
        """The fault of a text and its remedy, None when it is inside."""
        if self.optional and not text:
            return None
        try:
            mantissa, decimals = parse_decimal(text)
        except ValueError:
            return f"'{text[:40]}' is not a valid decimal number", f"Use a decimal number {self.ends}".rstrip()
        if len(str(abs(mantissa))) > self.digits or decimals > self.decimals:
            return f"{text[:40]} has too many digits", f"Round it to {self._precision}"
        if not self._holds(mantissa, decimals):
            return f"{text} is out of range", f"Use a decimal number {self.ends}"
        return None

    def _holds(self, mantissa: int, decimals: int) -> bool:
        def compared(end: str) -> int:
            other, places = parse_decimal(end)
            return int(mantissa * 10**places - other * 10**decimals)

        return (
            (self.above is None or compared(self.above) > 0)
            and (self.least is None or compared(self.least) >= 0)
            and (self.below is None or compared(self.below) < 0)
            and (self.most is None or compared(self.most) <= 0)
        )

    @property
    def ends(self) -> str:
        """The ends in words: ``above 0 and at most 1000``; nothing where there are none."""
        return _ends(above=self.above, least=self.least, below=self.below, most=self.most)

    @property
    def _precision(self) -> str:
        return f"at most {self.digits} significant digits and {self.decimals} decimals"

    def schema(self) -> dict[str, Any]:
        """The range as JSON schema: numbers by standard keywords, text by ``x-decimal``."""
        keywords = {
            "exclusiveMinimum": self.above,
            "minimum": self.least,
            "exclusiveMaximum": self.below,
            "maximum": self.most,
        }
        given = {name: end for name, end in keywords.items() if end is not None}
        return {
            "type": ["string", "number"],
            "pattern": f"^$|{PATTERN}" if self.optional else PATTERN,
            **{name: int(end) if end.lstrip("-").isdecimal() else float(end) for name, end in given.items()},
            "x-decimal": {**given, "digits": self.digits, "decimals": self.decimals},
            "description": " ".join(filter(None, ("An exact decimal", self.ends, "with", self._precision)))
            + ". A bare number is taken as it is written.",
        }


def outside(bound: Any, value: Any) -> tuple[str, str] | None:
    """The fault of a value that has this bound and its remedy, None when it is inside."""
    if isinstance(bound, DecimalRange):
        return bound.outside(value)
    if isinstance(bound, msgspec.Meta):
        if bound.min_length is not None or bound.max_length is not None:
            least, most = bound.min_length or 0, bound.max_length
            if len(value) < least or (most is not None and len(value) > most):
                return f"it holds {len(value)} values", f"Give {least} to {most}"
            return None
        if bound.pattern is not None:
            wanted = bound.description or f"text that matches {bound.pattern}"
            return None if re.search(bound.pattern, value) else (f"'{value}' is not valid", f"Give {wanted}")
        if not (
            (bound.gt is None or value > bound.gt)
            and (bound.ge is None or value >= bound.ge)
            and (bound.lt is None or value < bound.lt)
            and (bound.le is None or value <= bound.le)
        ):
            ends = _ends(above=bound.gt, least=bound.ge, below=bound.lt, most=bound.le)
            return f"{value} is out of range", f"Use a number {ends}"
    return None


def violations(value: msgspec.Struct, key: str = "") -> Iterator[Violation]:
    """Every value outside its bounds, in the order of the fields."""
    bounds = bounds_of(type(value))
    for name in value.__struct_fields__:
        path = f"{key}.{name}" if key else name
        inner = getattr(value, name)
        if isinstance(inner, msgspec.Struct):
            yield from violations(inner, path)
        elif inner is not None and inner is not msgspec.UNSET:
            for bound in bounds.get(name, ()):
                found = outside(bound, inner)
                if found is not None:
                    yield Violation(path, *found)


def spelled(text: str, *, whole: bool) -> str | None:
    """How to write a number that is text, so that YAML reads a number: ``1.0e+22`` for ``1e22``; None for others."""
    try:
        value: int | float = int(text, 0)
    except ValueError:
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, int) or (whole and value.is_integer() and abs(value) < 2**53):
        return str(int(value))
    if whole or not math.isfinite(value):
        return None
    mantissa, mark, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{mark}{exponent}"


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: ``Did you mean 'x'`` for the closest spelling, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'" if close else ""


@cache
def bounds_of(kind: type[msgspec.Struct]) -> Mapping[str, tuple[Any, ...]]:
    """The bounds of each field that has some."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found = {name: tuple(_bounds(hint)) for name, hint in hints.items()}
    return {name: bounds for name, bounds in found.items() if bounds}


def structs_of(kind: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    """The struct and every struct that is a value in it, at any depth."""
    yield kind
    for hint in typing.get_type_hints(kind).values():
        for choice in typing.get_args(hint) or (hint,):
            if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
                yield from structs_of(choice)


def exact_keys(kind: type[msgspec.Struct], key: str = "") -> Iterator[str]:
    """Key paths of the values that are exact decimals in text."""
    bounds = bounds_of(kind)
    for name, hint in typing.get_type_hints(kind).items():
        path = f"{key}.{name}" if key else name
        for choice in typing.get_args(hint) or (hint,):
            if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
                yield from exact_keys(choice, path)
        if any(isinstance(bound, DecimalRange) for bound in bounds.get(name, ())):
            yield path


def _bounds(hint: Any) -> Iterator[Any]:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        for bound in hint.__metadata__:
            if isinstance(bound, DecimalRange | msgspec.Meta):
                yield bound
    elif origin in (typing.Union, types.UnionType):
        for choice in typing.get_args(hint):
            yield from _bounds(choice)


def _ends(*, above: Any, least: Any, below: Any, most: Any) -> str:
    """The ends of a range in words: ``from 1 to 1000``, ``above 0 and below 1``."""
    if least is not None and most is not None:
        return f"from {_number(least)} to {_number(most)}"
    ends = {"above": above, "of at least": least, "below": below, "at most": most}
    return " and ".join(f"{words} {_number(end)}" for words, end in ends.items() if end is not None)


def _number(value: Any) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)
