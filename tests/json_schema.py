"""A checker of the JSON schema words that the configuration's schema uses, ``x-decimal`` among them.

It refuses a word that it does not know, so that no rule of a schema passes unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from live_runner.contracts.decimals import DIGITS_MAX

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
NOTES = {"title", "description", "default", "$schema", "$defs"}
ENDS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, end: value >= end,
    "maximum": lambda value, end: value <= end,
    "exclusiveMinimum": lambda value, end: value > end,
    "exclusiveMaximum": lambda value, end: value < end,
}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Key paths of everything in a value that its schema does not allow."""
    for word, wanted in schema.items():
        if word not in NOTES and not _holds(word, wanted, value, schema, root):
            yield path
        if isinstance(value, dict) and word == "properties":
            for name in wanted.keys() & value.keys():
                yield from faults(value[name], wanted[name], root, f"{path}.{name}".lstrip("."))
        elif isinstance(value, dict) and word == "additionalProperties" and wanted:
            for name in value.keys() - schema.get("properties", {}).keys():
                yield from faults(value[name], wanted, root, f"{path}.{name}".lstrip("."))
        elif isinstance(value, list) and word == "items":
            for number, item in enumerate(value):
                yield from faults(item, wanted, root, f"{path}[{number}]")
        elif word == "anyOf" and isinstance(value, dict):
            given = [choice for choice in wanted if choice.get("type") != "null"]
            if len(given) == 1:  # a section that may be left out: the fault is inside
                yield from faults(value, given[0], root, path)
        elif word == "$ref":
            yield from faults(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, path)


def _holds(word: str, wanted: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match word:
        case "type":
            return any(_is(value, name) for name in ([wanted] if isinstance(wanted, str) else wanted))
        case "enum":
            return value in wanted
        case "anyOf":
            return any(not list(faults(value, choice, root)) for choice in wanted)
        case "pattern":
            return not isinstance(value, str) or re.search(wanted, value) is not None
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return not is_number or ENDS[word](value, wanted)
        case "minItems":
            return not isinstance(value, list) or len(value) >= wanted
        case "maxItems":
            return not isinstance(value, list) or len(value) <= wanted
        case "required":
            return not isinstance(value, dict) or set(wanted) <= value.keys()
        case "additionalProperties":
            return wanted is not False or not isinstance(value, dict) or value.keys() <= schema["properties"].keys()
        case "x-decimal":
            return not isinstance(value, str) or not value or is_decimal(value, wanted)
        case "properties" | "items" | "$ref" | "prefixItems":
            return True
    raise AssertionError(f"the schema uses {word}, which this checker does not know")


def _is(value: Any, name: str) -> bool:
    if name == "null":
        return value is None
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))  # type: ignore[arg-type]


def is_decimal(text: str, wanted: dict[str, Any]) -> bool:
    """Whether a text is a decimal of this range, with no more digits than it says."""
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except ArithmeticError:
        return False
    if not isinstance(exponent, int):
        return False
    if not any(digits):
        digits, exponent = (0,), 0
    while exponent < 0 and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if max(-exponent, len(digits) + max(exponent, 0)) > DIGITS_MAX:
        return False  # before Python's own bound on the digits of an integer
    value = Fraction(int("".join(map(str, digits)) or "0")) * Fraction(10) ** exponent * (-1 if sign else 1)
    decimals = next((n for n in range(max(-exponent, 0) + 1) if (value * 10**n).denominator == 1), 0)
    if decimals > wanted["decimals"] or len(str(abs(int(value * 10**decimals)))) > wanted["digits"]:
        return False
    return all(holds(value, Fraction(wanted[end])) for end, holds in ENDS.items() if end in wanted)
