"""The engine of a session: one module per rule, written once in Python and compiled with the ``.pxd`` beside it.

``LIVE_RUNNER_HOTPATH=reference`` runs the very same files interpreted: for breakpoints, coverage and a second
opinion on the arithmetic. Python's own finder takes a built module before its source and a source where nothing was
built, so a finder in front of it decides: all modules are loaded in one form, or the import fails and says why.
"""

from __future__ import annotations

import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from live_runner.hotpath import IMPLEMENTATION

__all__ = ["INTERPRETED", "NEVER_COMPILED"]

INTERPRETED: Final = IMPLEMENTATION == "reference"
NEVER_COMPILED: Final = ("python_lists", "python_money", "words")
"""The interpreter's side of money.pxd and words.pxd."""


class _OneForm:
    """Finds the engine's modules in the chosen form only."""

    def __init__(self, folder: str) -> None:
        self._sources = FileFinder(folder, (SourceFileLoader, [".py"]))
        self._built = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES))

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, module = name.rpartition(".")
        if package != __name__:
            return None
        interpreted = INTERPRETED or module in NEVER_COMPILED
        spec = (self._sources if interpreted else self._built).find_spec(name)
        if spec is not None:
            return spec
        if interpreted:
            raise ModuleNotFoundError(f"{name} has no Python source: unset LIVE_RUNNER_HOTPATH to use it", name=name)
        raise ModuleNotFoundError(
            f"{name} is not built. Build it with: pip install --no-build-isolation -e ."
            " (or set LIVE_RUNNER_HOTPATH=reference to run the engine's sources)",
            name=name,
        )


def _cython() -> ModuleType:
    """The compiler's name in a source that is interpreted, where the compiler is not installed."""
    module = ModuleType("cython")
    setattr(module, "compiled", False)  # noqa: B010  # a plain assignment is no attribute that mypy knows
    return module


sys.meta_path.insert(0, _OneForm(__path__[0]))
if INTERPRETED and find_spec("cython") is None:
    sys.modules["cython"] = _cython()
