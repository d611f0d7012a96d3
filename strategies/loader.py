"""From a file or module to a strategy class, by way of its source text.

``collect`` reads the file and every project module that it imports; the texts travel in
``announced``. ``load`` executes exactly those texts, in memory, wherever it is called: what runs in
the strategy's process, in its backtest and in a replay on another machine is the same source, and
its hash says so. This module reads files when it collects; nothing else in ``strategies`` does.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import StrategyError
from live_runner.strategies.base import Strategy
from live_runner.strategies.legacy import adapt, is_old_style
from live_runner.strategies.parameters import (
    AnyStrategy,
    check_strategy,
    create,
    parameters_with_defaults,
    read_parameters,
)
from live_runner.strategies.source_modules import SourceModules

__all__ = [
    "MODULES_MAX",
    "SOURCE_BYTES_MAX",
    "StrategySource",
    "collect",
    "create",
    "installed_imports",
    "load",
    "parameters_with_defaults",
    "read_parameters",
    "source_hash",
]

MODULES_MAX: Final = 200
"""Most modules that one strategy may be made of."""
SOURCE_BYTES_MAX: Final = 500_000
"""Most source text of one strategy, in bytes: it has to fit into one message on the bus."""

_ENGINE: Final = "live_runner"


class StrategySource(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy as text: ``<module>:<class>``, module name to source, and their hash.

    ``imports`` names the installed top-level modules, outside the standard library and live_runner,
    that the sources import: their versions matter too and are listed in the manifest.
    """

    strategy: str
    sources: dict[str, str]
    hash: str
    imports: tuple[str, ...] = ()


def source_hash(sources: Mapping[str, str]) -> str:
    """blake2b-128 over module names and texts, sorted by name; folders do not enter."""
    digest = blake2b(digest_size=16)
    for name in sorted(sources):
        for text in (name, sources[name]):
            data = text.encode()
            digest.update(len(data).to_bytes(4, "big"))
            digest.update(data)
    return digest.hexdigest()


def installed_imports(sources: Mapping[str, str]) -> tuple[str, ...]:
    """Top-level modules outside the standard library and live_runner that the sources import, sorted."""
    return tuple(sorted({top for name, text in sources.items() for top in _installed(_parsed(text, name), sources)}))


def collect(
    *,
    path: str | Path | None = None,
    module: str | None = None,
    name: str | None = None,
    root: str | Path | None = None,
    legacy: Mapping[str, Any] | None = None,
) -> StrategySource:
    """Read a strategy and every module of its folder that it imports; StrategyError says what is wrong.

    ``root`` is the folder that imports start from, by default the file's own. Of an importable
    ``module`` the own source file is read and nothing else.
    """
    if (path is None) == (module is None):
        raise StrategyError("A strategy is named by a path or by a module", remedy="Give exactly one of them")
    if path is not None:
        start, sources = _from_path(Path(path), None if root is None else Path(root))
    else:
        assert module is not None
        start, sources = module, {module: _module_text(module)}
    imports = installed_imports(sources)
    chosen = _choose(start, sources, name, legacy)
    return StrategySource(strategy=f"{start}:{chosen}", sources=sources, hash=source_hash(sources), imports=imports)


def load(strategy: str, sources: Mapping[str, str], *, legacy: Mapping[str, Any] | None = None) -> type[AnyStrategy]:
    """Execute exactly these sources and give the class ``<module>:<class>``, fit to be hosted.

    With ``legacy`` (the config's strategy.legacy) an old-style class is adapted; without it, it is refused.
    """
    start, _, name = strategy.partition(":")
    if start not in sources:
        raise StrategyError(
            f"The strategy '{strategy}' has no source '{start}'",
            remedy="Announce the session again with the sources that collect() gives",
            strategy=strategy,
        )
    module = SourceModules(sources, source_hash(sources)).load(start)
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        known = ", ".join(_candidates(module, start)) or "none"
        raise StrategyError(f"'{start}' has no class '{name}'", remedy=f"Strategies in it: {known}", strategy=strategy)
    return _hosted(kind, legacy)


def _hosted(kind: type, legacy: Mapping[str, Any] | None) -> type[AnyStrategy]:
    if is_old_style(kind):
        return adapt(kind, legacy)
    if not issubclass(kind, Strategy):
        raise StrategyError(
            f"{kind.__name__} is not a strategy",
            remedy="Derive it from strategies.base.Strategy",
            strategy=kind.__name__,
        )
    check_strategy(kind)
    return kind


# -- reading ------------------------------------------------------------------------------------


def _from_path(path: Path, root: Path | None) -> tuple[str, dict[str, str]]:
    if path.is_dir():
        raise StrategyError(f"'{path}' is a folder", remedy="Name the strategy's Python file", path=str(path))
    root = path.parent if root is None else root
    try:
        relative = path.resolve().relative_to(root.resolve())
    except ValueError:
        raise StrategyError(
            f"'{path}' is outside '{root}'",
            remedy="Give a root folder that holds the strategy's file",
            path=str(path),
        ) from None
    start = _module_name(relative)
    sources: dict[str, str] = {}
    waiting = [(start, path)]
    size = 0
    while waiting:
        name, file = waiting.pop()
        if name in sources:
            continue
        text = sources[name] = _read(file)
        size += len(text.encode())
        if len(sources) > MODULES_MAX or size > SOURCE_BYTES_MAX:
            raise StrategyError(
                f"'{path}' imports more than {MODULES_MAX} modules or {SOURCE_BYTES_MAX} bytes of its folder",
                remedy="Move what it does not need out of the folder, or install it as a package",
                path=str(path),
            )
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imported(_parsed(text, name), package):
            waiting.extend(_files(root, imported))
    return start, dict(sorted(sources.items()))


def _module_name(relative: Path) -> str:
    parts = relative.with_suffix("").parts
    if parts[-1] == "__init__":
        parts = parts[:-1]
    if relative.suffix != ".py" or not parts or not all(part.isidentifier() for part in parts):
        raise StrategyError(
            f"'{relative}' cannot be imported",
            remedy="Name the file and its folders like Python modules: letters, digits and _, ending in .py",
            path=str(relative),
        )
    return ".".join(parts)


def _files(root: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The module's file and those of the packages around it, as far as they lie in the folder."""
    parts = name.split(".")
    if parts[0] == _ENGINE:
        return
    for end in range(1, len(parts) + 1):
        folder = root.joinpath(*parts[:end])
        package, module = folder / "__init__.py", folder.with_suffix(".py")
        inner = ".".join(parts[:end])
        if package.is_file():
            yield inner, package
        elif module.is_file():
            yield inner, module


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StrategyError(
            f"There is no strategy file '{path}'",
            remedy="A path in a configuration is relative to the configuration file",
            path=str(path),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyError(
            f"'{path}' cannot be read: {error}", remedy="It must be a readable UTF-8 text file", path=str(path)
        ) from error


def _module_text(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError) as error:
        raise StrategyError(
            f"The module '{module}' cannot be found: {error}", remedy="Check strategy.module", module=module
        ) from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise StrategyError(
            f"The module '{module}' cannot be found as Python source",
            remedy="Check strategy.module, or give strategy.path",
            module=module,
        )
    return _read(Path(spec.origin))


# -- imports ------------------------------------------------------------------------------------


def _parsed(text: str, name: str) -> ast.Module:
    try:
        return ast.parse(text, f"{name}.py")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{name}.py, line {line}" if line else f"{name}.py"
        raise StrategyError(
            f"{where}: {getattr(error, 'msg', error)}", remedy="Correct the syntax", strategy=name, line=line or 0
        ) from error


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Every module name that an import statement may mean, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                around = package.split(".") if package else []
                kept = around[: len(around) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            if base:
                yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names if alias.name != "*")


def _installed(tree: ast.Module, sources: Mapping[str, str]) -> Iterator[str]:
    tops = {source.split(".")[0] for source in sources}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in names:
            top = name.split(".")[0]
            if top not in tops and top != _ENGINE and top not in sys.stdlib_module_names:
                yield top


# -- choosing the class -------------------------------------------------------------------------


def _candidates(module: Any, start: str) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and not name.startswith("_")
        and (issubclass(value, Strategy) or is_old_style(value))
    ]


def _choose(start: str, sources: Mapping[str, str], name: str | None, legacy: Mapping[str, Any] | None) -> str:
    for module_name, text in sources.items():
        _parsed(text, module_name)
    if name is None:
        found = _candidates(SourceModules(sources, source_hash(sources)).load(start), start)
        if len(found) != 1:
            raise StrategyError(
                f"'{start}' holds {len(found)} strategies{': ' if found else ''}{', '.join(found)}",
                remedy="Name one in strategy.name" if found else "Derive a class from strategies.base.Strategy",
                strategy=start,
            )
        name = found[0]
    load(f"{start}:{name}", sources, legacy=legacy)
    return name
