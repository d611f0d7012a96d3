"""Source texts as modules in memory, apart from everything else that is imported.

The modules of a strategy see each other by their own names, whatever else of that name the process
holds, and they stay out of the way of others: a strategy file called ``signal.py`` replaces nothing,
and two versions of one strategy can live in one process.
"""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, Final

from live_runner.contracts.errors import StrategyError

__all__ = ["SourceModules", "strategy_line"]

_PREFIX: Final = "live_runner_strategy_"
_ENGINE: Final = "live_runner"


@lru_cache(maxsize=64)
def _compiled(text: str, file: str) -> CodeType:
    """Compiled once, however often a sweep loads it."""
    return compile(text, file, "exec", dont_inherit=True)


class SourceModules:
    """The modules of one strategy, executed when first imported."""

    def __init__(self, sources: Mapping[str, str], hash: str) -> None:
        self.sources = dict(sources)
        self.prefix = f"{_PREFIX}{hash}"
        # Annotations and pickles find a class's module in sys.modules, so the modules stand there
        # too, under a name that nothing else has.
        for name in [name for name in sys.modules if name == self.prefix or name.startswith(f"{self.prefix}.")]:
            del sys.modules[name]
        self._module("")

    def load(self, name: str) -> ModuleType:
        """The executed module; StrategyError with the line when executing it fails."""
        try:
            return self._import(name)
        except StrategyError:
            raise
        except (Exception, SystemExit) as error:
            file, line = strategy_line(error)
            where = f"{file}, line {line}: " if line else ""
            raise StrategyError(
                f"The strategy '{name}' does not load: {where}{type(error).__name__}: {error}",
                remedy="Install what it imports, or put the module beside the strategy's file"
                if isinstance(error, ImportError)
                else "Correct the strategy; the line is named above",
                strategy=name,
                file=file,
                line=line,
            ) from error

    def _holds(self, name: str) -> bool:
        return name in self.sources or any(other.startswith(f"{name}.") for other in self.sources)

    def _import(self, name: str) -> ModuleType:
        parts = name.split(".")
        module = sys.modules[self.prefix]
        for end in range(1, len(parts) + 1):
            inner = ".".join(parts[:end])
            if not self._holds(inner):
                raise ModuleNotFoundError(f"No module named '{inner}' beside the strategy", name=inner)
            loaded = sys.modules.get(f"{self.prefix}.{inner}")
            if loaded is None:
                loaded = self._execute(inner)
            setattr(module, parts[end - 1], loaded)
            module = loaded
        return module

    def _module(self, name: str) -> ModuleType:
        full = f"{self.prefix}.{name}" if name else self.prefix
        module = ModuleType(full)
        is_package = not name or any(other.startswith(f"{name}.") for other in self.sources)
        module.__package__ = full if is_package else full.rpartition(".")[0]
        if is_package:
            module.__path__ = []
        module.__dict__["__builtins__"] = dict(vars(builtins), __import__=self._import_statement)
        sys.modules[full] = module
        return module

    def _execute(self, name: str) -> ModuleType:
        module = self._module(name)
        text = self.sources.get(name)
        if text is None:
            return module
        file = f"{name}.py"
        module.__file__ = file
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            exec(_compiled(text, file), module.__dict__)
        except BaseException:
            del sys.modules[module.__name__]
            raise
        return module

    def _import_statement(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """The ``import`` statement inside the strategy: its own modules first, then the installed ones."""
        inner = name
        if level:
            package = str((globals or {}).get("__package__", self.prefix))
            around = package.removeprefix(self.prefix).lstrip(".")
            kept = around.split(".") if around else []
            if level - 1 > len(kept):
                raise ImportError("attempted relative import beyond the strategy's folder")
            kept = kept[: len(kept) - (level - 1)]
            inner = ".".join([*kept, name] if name else kept)
        if inner and (not self._holds(inner) or inner.split(".")[0] == _ENGINE):
            # A module named by strategy.module is alone: what stands beside it is installed.
            if level and "." not in inner:
                raise ModuleNotFoundError(f"No module named '{inner}' beside the strategy", name=inner)
            return builtins.__import__(inner, None, None, fromlist or (), 0)
        module = self._import(inner) if inner else sys.modules[self.prefix]
        if not fromlist:
            return self._import(inner.split(".")[0])
        for wanted in fromlist:
            full = f"{inner}.{wanted}" if inner else wanted
            if not hasattr(module, wanted) and self._holds(full):
                self._import(full)
        return module


def strategy_line(error: BaseException) -> tuple[str, int]:
    """File and line of the innermost frame in strategy source; ("", 0) when there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    found = ("", 0)
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).startswith(_PREFIX):
            found = (frame.f_code.co_filename, line)
    return found
