"""Typed values out of a YAML tree, each error with the key's path, its line and the nearest spelling.

YAML is read as a tree of nodes and not as Python objects, so that every value keeps its line and a
number keeps the digits that were written: ``0.10`` for a text decimal is "0.10" and not 0.1.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from live_runner.contracts.bounds import nearest, spelled
from live_runner.contracts.errors import ConfigError

__all__ = ["Tree", "nearest", "read_text", "whole"]

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_NUMBERS: Final = (_TAG + "int", _TAG + "float")
_WORDS: Final = {
    _TAG + "int": "a whole number",
    _TAG + "float": "a number",
    _TAG + "bool": "true or false",
    _TAG + "null": "empty",
    _TAG + "str": "text",
    _TAG + "timestamp": "a date",
    _TAG + "seq": "a list",
    _TAG + "map": "a section",
}
DEPTH_MAX: Final = 16
"""Nesting of free-form values; also ends an alias that contains itself."""


class Tree:
    """One YAML document, the lines of its keys, and typed access to it."""

    def __init__(
        self,
        text: str,
        *,
        name: str,
        is_exact: Callable[[str], bool] = lambda _: False,
        begin: str = "Begin with `session: <name>`; see `live-runner config schema`",
    ) -> None:
        """``is_exact`` tells of a key path whether a bare number there is meant as text.

        ``begin`` is the remedy for a document without keys.
        """
        self.name = name
        self._lines: dict[str, int] = {}
        self._is_exact = is_exact
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or str(error)
            raise self._error(
                "",
                f"it is not valid YAML: {problem}",
                "Check indentation, colons and quotes",
                line=mark.line + 1 if mark else 0,
            ) from None
        if not isinstance(root, yaml.MappingNode):
            raise self._error("", "it holds no keys", begin, line=1)
        self.root: yaml.MappingNode = root

    def supply(self, name: str, text: str) -> None:
        """Put a text under a top-level key, over what the file says."""
        rest = [pair for pair in self.root.value if pair[0].value != name]
        mark = self.root.start_mark
        pair = tuple(yaml.ScalarNode(_TAG + "str", part, mark, mark) for part in (name, text))
        self.root.value = [pair, *rest]

    def line(self, key: str) -> int:
        """The line of a key, or of the nearest section around it."""
        while key and key not in self._lines:
            key = key.rpartition(".")[0]
        return self._lines.get(key, 1)

    def error(self, key: str, what: str, remedy: str) -> ConfigError:
        """The error of a key, with its line."""
        return self._error(key, what, remedy, line=self.line(key))

    def _error(self, key: str, what: str, remedy: str, *, line: int) -> ConfigError:
        where = f"{self.name} line {line}" if line else self.name
        return ConfigError(
            f"{where}: {f'{key}: ' if key else ''}{what}", remedy=remedy, key=key, line=line, file=self.name
        )

    def value(self, node: yaml.Node, kind: Any, key: str) -> Any:
        """The node as a value of this type; ConfigError names what does not fit."""
        self._lines.setdefault(key, node.start_mark.line + 1)
        origin = typing.get_origin(kind)
        if origin in (typing.Union, types.UnionType):
            choices = typing.get_args(kind)
            if type(None) in choices and node.tag == _TAG + "null":
                return None
            return self.value(node, next(choice for choice in choices if choice is not type(None)), key)
        if origin is typing.Literal:
            return self._choice(node, typing.get_args(kind), key)
        if origin is tuple:
            return tuple(
                self.value(item, typing.get_args(kind)[0], f"{key}[{number}]")
                for number, item in enumerate(self._items(node, key))
            )
        if origin is dict:
            inner = typing.get_args(kind)[1]
            return {name: self.value(item, inner, f"{key}.{name}") for name, item in self._pairs(node, key)}
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind, key)
        return self.plain(node, key) if kind is Any else self._scalar(node, kind, key)

    def plain(self, node: yaml.Node, key: str, depth: int = 0) -> Any:
        """A free-form value: text, numbers, truth, lists and sections; dates stay text."""
        self._lines.setdefault(key, node.start_mark.line + 1)
        if depth > DEPTH_MAX:
            raise self.error(key, f"values are nested deeper than {DEPTH_MAX} levels", "Flatten them")
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, f"{key}[{n}]", depth + 1) for n, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            above = f"{key}." if key else ""
            return {name: self.plain(item, f"{above}{name}", depth + 1) for name, item in self._pairs(node, key)}
        if node.tag == _TAG + "null":
            return None
        if node.tag == _TAG + "bool":
            return self._scalar(node, bool, key)
        if node.tag in _NUMBERS and self._is_exact(key):
            return str(node.value)
        if node.tag == _TAG + "int":
            return self._scalar(node, int, key)
        if node.tag == _TAG + "float":
            return self._scalar(node, float, key)
        return str(node.value)

    def _struct(self, node: yaml.Node, kind: type[msgspec.Struct], key: str) -> Any:
        hints = typing.get_type_hints(kind)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        for name, item in self._pairs(node, key):
            path = f"{key}.{name}" if key else name
            if name not in fields:
                raise self.error(
                    path, "there is no such key", nearest(name, fields) or f"Known here: {', '.join(fields)}"
                )
            values[name] = self.value(item, hints[name], path)
        for name, field in fields.items():
            if name not in values and field.required:
                path = f"{key}.{name}" if key else name
                raise self._error(
                    path,
                    "this key is missing",
                    f"Add `{name}:`" + (f" under `{key}:`" if key else ""),
                    line=node.start_mark.line + 1,
                )
        return kind(**values)

    def _pairs(self, node: yaml.Node, key: str) -> Iterable[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error(
                key, f"a section with keys is expected, found {described(node)}", "Indent its keys below it"
            )
        seen: set[str] = set()
        for name_node, item in node.value:
            name = str(name_node.value)
            path = f"{key}.{name}" if key else name
            line = name_node.start_mark.line + 1
            if name_node.tag == _TAG + "merge":
                raise self._error(path, "merge keys are not read here", "Write the keys out", line=line)
            if name in seen:
                raise self._error(
                    path, f"this key is there twice, first in line {self._lines[path]}", "Keep one", line=line
                )
            seen.add(name)
            self._lines[path] = line
            yield name, item

    def _items(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(key, f"a list is expected, found {described(node)}", "Write [a, b] or one `- item` a line")
        return list(node.value)

    def _choice(self, node: yaml.Node, allowed: tuple[Any, ...], key: str) -> Any:
        text = self._scalar(node, str, key)
        if text not in allowed:
            raise self.error(
                key, f"'{text}' is not one of its values", nearest(text, allowed) or f"Use {' or '.join(allowed)}"
            )
        return text

    def _scalar(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            text = str(node.value)
            if kind is str and (
                node.tag in (_TAG + "str", _TAG + "timestamp") or (node.tag in _NUMBERS and self._is_exact(key))
            ):
                return text
            if kind is bool and node.tag == _TAG + "bool":
                return text.lower() in ("true", "yes", "on")
            if kind is int and node.tag == _TAG + "int" and (value := whole(text)) is not None:
                return value
            if kind is float and (node.tag in _NUMBERS or node.style is None) and (real := finite(text)) is not None:
                return real
        wanted = {str: "text", bool: "true or false", int: "a whole number", float: "a finite number"}[kind]
        raise self.error(key, f"{wanted} is expected, found {described(node)}", _remedy(node, kind, wanted))


def _remedy(node: yaml.Node, kind: Any, wanted: str) -> str:
    if isinstance(node, yaml.ScalarNode):
        if kind is str:
            return f'Put it in quotes: "{node.value}"'
        if kind is int and node.tag == _TAG + "int":
            return "Write it in decimal digits, without a leading zero, 0x, 0b or colons"
        if kind in (int, float) and (number := spelled(str(node.value), whole=kind is int)) is not None:
            return f"Write {number}: '{node.value}' is text in YAML"
    return f"Write {wanted}"


def described(node: yaml.Node) -> str:
    """A node in words: ``a whole number (7)``."""
    words = _WORDS.get(node.tag, "something else")
    return f"{words} ({node.value})" if isinstance(node, yaml.ScalarNode) and node.value else words


def whole(text: str) -> int | None:
    """A decimal whole number; octal, binary and clock-like YAML spellings are none."""
    cleaned = text.replace("_", "")
    sign = cleaned[:1] in ("+", "-")
    digits = cleaned[1:] if sign else cleaned
    if not digits.isdecimal() or (len(digits) > 1 and digits[0] == "0"):
        return None
    return int(cleaned)


def finite(text: str) -> float | None:
    """A finite number, also as ``1e-4``, which YAML 1.1 takes for text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_text(path: Path) -> str:
    """The text of a configuration file; ConfigError says why it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no configuration file {path}",
            remedy="Check the path; infra/examples holds some to start from",
            path=str(path),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"The configuration file {path} cannot be read: {why}", remedy="Give a readable YAML file", path=str(path)
        ) from error
