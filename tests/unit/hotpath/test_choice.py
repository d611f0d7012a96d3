"""Which twin is used: LIVE_RUNNER_HOTPATH, read once, never a quiet fallback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from live_runner import hotpath

RUN_TIMEOUT_S = 60


def _python(program: str, choice: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "LIVE_RUNNER_HOTPATH"}
    if choice is not None:
        environment["LIVE_RUNNER_HOTPATH"] = choice
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("choice", "twin"), [(None, "compiled"), ("", "compiled"), ("compiled", "compiled"), ("reference", "reference")]
)
def test_the_environment_chooses_the_twin(choice: str | None, twin: str) -> None:
    program = "from live_runner.hotpath import fixed, indicators, normalize; print(fixed.__name__, normalize.__name__)"
    ran = _python(program, choice)

    assert ran.stdout.split() == [f"live_runner.hotpath.{twin}.fixed", f"live_runner.hotpath.{twin}.normalize"]


def test_another_word_is_an_import_error() -> None:
    ran = _python("import live_runner.hotpath", "fast")

    assert ran.returncode != 0
    assert "ImportError: LIVE_RUNNER_HOTPATH is 'fast': set it to compiled or reference" in ran.stderr


def test_a_missing_compiled_module_is_an_import_error_that_says_how_to_build_it() -> None:
    program = (
        "import sys; sys.modules['live_runner.hotpath.compiled.fixed'] = None\nfrom live_runner.hotpath import fixed"
    )
    ran = _python(program, "compiled")

    assert ran.returncode != 0
    assert "ImportError: The compiled hot path has no 'fixed'. Build it with" in ran.stderr


def test_a_name_that_is_no_module_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'prices'"):
        _ = hotpath.prices
    assert not hasattr(hotpath, "prices")


def test_a_live_session_loads_no_numpy() -> None:
    """The streaming indicators, the exact decimals and normalization need none of its memory."""
    program = "import sys\nfrom live_runner.hotpath import fixed, indicators, normalize\n"
    program += "indicators.Ema(2).update(1.0)\nprint('numpy' in sys.modules)"

    assert _python(program, "compiled").stdout.strip() == "False"
