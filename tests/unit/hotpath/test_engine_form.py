"""The engine is loaded in one form: compiled, or from the very same sources."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).parents[3] / "hotpath/engine"
MODULES = sorted(path.stem for path in ENGINE.glob("*.py") if path.stem != "__init__")
COMPILED_ONLY = sorted(path.stem for path in ENGINE.glob("*.pyx"))
NEVER_COMPILED = {"python_lists", "python_money", "words"}
RUN_TIMEOUT_S = 60
PROGRAM = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"live_runner.hotpath.engine.{name}")
for name, module in sorted(sys.modules.items()):
    if name.startswith("live_runner.hotpath.engine."):
        print(name.rpartition(".")[2], module.__file__)
"""


def _python(program: str, choice: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "LIVE_RUNNER_HOTPATH": choice},
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )


def _files(choice: str, *modules: str) -> dict[str, str]:
    """Every module of the engine that was loaded, and whether from a source or built."""
    ran = _python(PROGRAM, choice, *modules)
    assert ran.returncode == 0, ran.stderr
    lines = (line.split(" ", 1) for line in ran.stdout.splitlines())
    return {name: "source" if path.endswith(".py") else "built" for name, path in lines}


def test_compiled_nothing_but_words_and_plain_numbers_is_a_source() -> None:
    loaded = _files("compiled", *MODULES, *COMPILED_ONLY)

    assert set(loaded) == {*MODULES, *COMPILED_ONLY}
    assert {name for name, form in loaded.items() if form == "source"} == NEVER_COMPILED


def test_interpreted_everything_is_a_source() -> None:
    loaded = _files("reference", *MODULES)

    assert set(loaded) == set(MODULES)
    assert set(loaded.values()) == {"source"}


def test_interpreted_a_module_without_a_source_is_refused_by_name() -> None:
    for name in (*COMPILED_ONLY, "nothing"):
        ran = _python(f"import live_runner.hotpath.engine.{name}", "reference")

        assert ran.returncode != 0
        assert f"live_runner.hotpath.engine.{name} has no Python source" in ran.stderr


def test_a_module_that_is_not_built_is_an_error_that_says_how_to_build_it() -> None:
    ran = _python("import live_runner.hotpath.engine.nothing", "compiled")

    assert ran.returncode != 0
    assert "live_runner.hotpath.engine.nothing is not built. Build it with: pip install" in ran.stderr


def test_the_sources_need_no_compiler() -> None:
    program = """
import sys
sys.modules["cython"] = None
from live_runner.hotpath.engine import ledger
print(ledger.cython.compiled)
"""
    ran = _python(program, "reference")

    assert ran.stdout.strip() == "False", ran.stderr
