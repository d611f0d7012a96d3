"""Both twins of the hot modules, and what a call came to, an error included."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from live_runner.hotpath import MODULES

TWINS: dict[str, tuple[Any, Any]] = {}
"""Module name to its compiled and its reference twin, filled by ``twins``."""


def twins(name: str) -> tuple[Any, Any]:
    """The compiled and the reference module of one stem."""
    assert name in MODULES
    if name not in TWINS:
        TWINS[name] = (
            importlib.import_module(f"live_runner.hotpath.compiled.{name}"),
            importlib.import_module(f"live_runner.hotpath.reference.{name}"),
        )
    return TWINS[name]


def outcome(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What the call returned, with its type; or the class, the text and the fields of its error."""
    try:
        result = call(*arguments, **named)
    except Exception as error:  # noqa: BLE001 - whatever it is, the twins must raise the same
        return type(error), str(error), getattr(error, "fields", None)
    return type(result), repr(result)
