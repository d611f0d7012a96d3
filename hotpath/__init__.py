"""The exact arithmetic and the indicators, each module twice; the engine (``engine/``), written once.

``reference/*.py`` is the specification, plain and obvious; ``compiled/*.pyx`` gives the same answers,
fast. ``LIVE_RUNNER_HOTPATH`` (``compiled``, the default, or ``reference``) chooses once, when this
package is imported; a compiled module that is missing is an ImportError, never a quiet fallback.
A module is loaded when it is first asked for: ``from live_runner.hotpath import fixed``.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final

IMPLEMENTATIONS: Final = ("compiled", "reference")
MODULES: Final = ("fixed", "indicators", "normalize")
"""Each is ``reference/<name>.py`` and ``compiled/<name>.pyx``."""

IMPLEMENTATION: Final = os.environ.get("LIVE_RUNNER_HOTPATH") or "compiled"

if IMPLEMENTATION not in IMPLEMENTATIONS:
    raise ImportError(f"LIVE_RUNNER_HOTPATH is '{IMPLEMENTATION}': set it to compiled or reference, or leave it unset")

if TYPE_CHECKING:
    from live_runner.hotpath.reference import fixed, indicators, normalize

__all__ = ["IMPLEMENTATION", "IMPLEMENTATIONS", "MODULES", "fixed", "indicators", "normalize"]


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{IMPLEMENTATION}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{IMPLEMENTATION}.{name}":
            raise
        raise ImportError(
            f"The {IMPLEMENTATION} hot path has no '{name}'. Build it with: pip install --no-build-isolation -e ."
            " (or set LIVE_RUNNER_HOTPATH=reference to run on the plain Python twin)"
        ) from error
    globals()[name] = module
    return module
