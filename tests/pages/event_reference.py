"""docs/events.md: every event and value with its fields, from the classes and docstrings of contracts/messages.py."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise

import msgspec
from pages.markdown import MADE, table, text

from live_runner.contracts import messages, policy, subjects
from live_runner.contracts.codec import MESSAGE_TYPES
from live_runner.contracts.messages import Event

SYMBOL = "symbol"
ROLE = "role"


def page() -> str:
    """The whole page."""
    described = _fields_of(messages) | _fields_of(policy)
    lines = [
        MADE,
        "",
        "# Events",
        "",
        "Every message of the log, from [contracts/messages.py](../contracts/messages.py). `v` is the version of its",
        "shape. Each is one MessagePack map: its own fields, then the [envelope](#the-envelope).",
        "[contracts/README.md](../contracts/README.md) has the rules of change, [codes.md](codes.md) every code and",
        "reason, and [order_life.svg](order_life.svg) the life of an order.",
        "",
        "Exact quantities are decimal text, market observations float64, times int64 nanoseconds UTC (`_ns`).",
        "",
    ]
    for domain in subjects.DOMAINS:
        lines += [f"## {domain}", ""]
        for type_, event in _events():
            if type_.startswith(f"{domain}."):
                lines += [f"### {type_}", "", f"{text(event.__doc__)} `v` {event.VERSION}, on `{_subject(type_)}`.", ""]
                lines += _table(event, described)
    lines += ["## The envelope", "", f"{text(Event.__doc__)}", "", *_table(Event, described)]
    lines += ["## Values inside events", ""]
    for kind in _values():
        lines += [f"### {kind.__name__}", "", text(kind.__doc__), "", *_table(kind, described)]
    return "\n".join(lines).rstrip() + "\n"


def _events() -> Iterator[tuple[str, type[Event]]]:
    """Every message by its type, in the order of the file."""
    order = list(_fields_of(messages))
    yield from sorted(MESSAGE_TYPES.items(), key=lambda item: order.index(item[1].__name__))


def _subject(type_: str) -> str:
    last = subjects.of_type(type_, "SESSION")[0].split(".")
    if last[-1] == "*":
        last[-1] = ROLE.upper() if type_.partition(".")[2] in subjects.PER_ROLE else SYMBOL.upper()
    return ".".join(last)


def _table(kind: type[msgspec.Struct], described: dict[str, dict[str, tuple[str, str]]]) -> list[str]:
    envelope = set() if kind is Event else {field.name for field in msgspec.structs.fields(Event)}
    rows = []
    for field in msgspec.structs.fields(kind):
        if field.name not in envelope or not issubclass(kind, Event):
            shape, meaning = described[kind.__name__][field.name]
            rows.append((f"`{field.name}`", f"`{shape}`".replace("|", "\\|"), _default(field), meaning))
    return table(("field", "type", "default", "meaning"), rows) if rows else []


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not msgspec.NODEFAULT:
        return f"`{field.default!r}`".replace("'", '"')
    return "empty" if field.default_factory is not msgspec.NODEFAULT else ""


def _values() -> Iterator[type[msgspec.Struct]]:
    """The structs that stand inside events, in the order of their files."""
    for module in (messages, policy):
        for name in _fields_of(module):
            kind = getattr(module, name)
            if not issubclass(kind, Event):
                yield kind


def _fields_of(module: object) -> dict[str, dict[str, tuple[str, str]]]:
    """Type and meaning of each field of each struct, by class and field; a docstring below a field is its meaning."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]  # a module
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            fields = found[node.name] = {}
            for this, following in pairwise([*node.body, ast.Pass()]):
                if isinstance(this, ast.AnnAssign) and isinstance(this.target, ast.Name):
                    meaning = ""
                    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                        meaning = text(str(following.value.value))
                    fields[this.target.id] = (ast.unparse(this.annotation), meaning)
    return found
