"""``strategies``: what ships, with parameters and warmup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from live_runner.services.cli.options import JsonOption

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        short_help="List the included strategies.",
        epilog="Examples:\n\n\b\n  live-runner strategies\n  live-runner strategies --json",
    )(strategies)


def strategies(as_json: JsonOption = False) -> None:
    """List the strategies that ship, with their parameters and defaults."""
    from rich.table import Table

    from live_runner.services.cli.output import print_json, show

    found = _shipped()
    if as_json:
        print_json(found)
        return
    for strategy in found:
        parameters = strategy["parameters"]
        assert isinstance(parameters, dict)
        table = Table("parameter", "default")
        for name, value in _flat(parameters):
            table.add_row(name, _shown(value))
        show(f"{strategy['module']}: {strategy['about']}")
        show(table)


def _flat(parameters: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """A line for each value, also of the sets inside a set: ``long.take_profit``."""
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _shown(value: object) -> str:
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shipped() -> list[dict[str, object]]:
    import importlib
    import inspect
    import pkgutil

    import msgspec

    import live_runner.strategies as package
    from live_runner.strategies.base import Strategy

    found: list[dict[str, object]] = []
    for module_info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        name = f"{package.__name__}.{module_info.name}"
        module = importlib.import_module(name)
        for kind in vars(module).values():
            is_own = inspect.isclass(kind) and kind.__module__ == name and issubclass(kind, Strategy)
            if is_own and kind is not Strategy and not kind.__name__.startswith("_"):
                about = (inspect.getdoc(module) or "").partition("\n")[0]
                parameters = {field.name: _default(field) for field in msgspec.structs.fields(kind.Params)}
                found.append({"module": name, "name": kind.__name__, "about": about, "parameters": parameters})
    return found


def _default(field: Any) -> object:
    import msgspec

    if field.required:
        return "(required)"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    plain: object = msgspec.to_builtins(value)
    return plain
