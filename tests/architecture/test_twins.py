"""Twins: what is compiled and its reference are the same module to whoever imports it."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HOTPATH = Path(__file__).parents[2] / "hotpath"
INLINE = {"inputs", "windows"}
"""Compiled as inline functions in a ``.pxd`` alone: parts of other modules, with no Python face to compare."""
STEMS = sorted({path.stem for path in (HOTPATH / "reference").glob("*.py")} - {"__init__"} - INLINE)


def twins(stem: str) -> tuple[ModuleType, ModuleType]:
    return (
        import_module(f"live_runner.hotpath.compiled.{stem}"),
        import_module(f"live_runner.hotpath.reference.{stem}"),
    )


def public(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


def parameters(function: Any) -> list[tuple[str, Any, Any]] | None:
    """Names, kinds and defaults; None where there is nothing to ask."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


def test_every_reference_has_a_compiled_twin_and_the_other_way_round() -> None:
    assert {path.stem for path in (HOTPATH / "compiled").glob("*.pyx")} == set(STEMS)
    for stem in INLINE:
        assert (HOTPATH / "compiled" / f"{stem}.pxd").exists()
        assert (HOTPATH / "reference" / f"{stem}.py").exists()


@pytest.mark.parametrize("stem", STEMS)
def test_twins_offer_the_same_names(stem: str) -> None:
    compiled, reference = twins(stem)

    assert sorted(compiled.__all__) == sorted(reference.__all__)


@pytest.mark.parametrize("stem", STEMS)
def test_twins_are_called_the_same_way(stem: str) -> None:
    compiled, reference = (public(module) for module in twins(stem))

    different = []
    for name, expected in reference.items():
        pairs = [(name, expected, compiled[name])]
        if inspect.isclass(expected):
            own = [m for m in vars(expected) if not m.startswith("_") and callable(getattr(expected, m))]
            pairs = [(f"{name}.{m}", getattr(expected, m), getattr(compiled[name], m, None)) for m in own]
        for label, there, here in pairs:
            if callable(there) and parameters(here) is not None and parameters(here) != parameters(there):
                different.append(f"{label}: {parameters(here)} and {parameters(there)}")
            if here is None:
                different.append(f"{label} is not compiled")

    assert different == []


def test_what_is_compiled_loads_no_twin() -> None:
    """Memory and start of every process; ``inputs`` words the refusals of both, so it is not a twin."""
    program = (
        "import sys; from live_runner.hotpath import fixed, indicators, normalize;"
        "print(*(name for name in sys.modules if name.startswith('live_runner.hotpath.reference.')))"
    )
    environment = {**os.environ, "LIVE_RUNNER_HOTPATH": "compiled"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) <= {"live_runner.hotpath.reference.inputs"}
