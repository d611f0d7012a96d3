"""Loads every ``tests/fix_*.py`` as a plugin, says what is tested with which seed, and forbids skips in CI.

Fixtures of one topic stand in one file; ``from fix_nats import BusFactory`` names its types.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long a draw or a test takes says more about the machine than about the program. The same commit draws the same
# examples in every run; `make soak` draws new ones.
_DRAWS_ANEW = os.environ.get("LIVE_RUNNER_DRAWS") == "new"
settings.register_profile(
    "live-runner", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not _DRAWS_ANEW
)
settings.load_profile("live-runner")

# Whoever starts the tests in the background has Ctrl-C ignored, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SEED_VARIABLE = "LIVE_RUNNER_TEST_SEED"
_SEED_DEFAULT = "20240229"


# Loaded now and not in a hook: a plugin may bring command line options.
_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE))
pytest_plugins = [path.stem for path in sorted(_HERE.glob("fix_*.py"))]

# A compiled strategy is written against the compiled engine, and only that one could take the interpreter down.
_OF_THE_COMPILED_ENGINE = [
    "parity/test_compiled_strategies.py",
    "parity/test_extremes.py",
    "property/test_junk_calls.py",
    "unit/backtest/test_compiled_host.py",
    "unit/backtest/test_compiled_twin.py",
]
collect_ignore = _OF_THE_COMPILED_ENGINE if os.environ.get("LIVE_RUNNER_HOTPATH") == "reference" else []


def pytest_report_header() -> list[str]:
    import live_runner.hotpath as hotpath

    implementation = getattr(hotpath, "IMPLEMENTATION", os.environ.get("LIVE_RUNNER_HOTPATH") or "compiled")
    skips = "a failure" if _skips_fail() else "allowed"
    return [f"hotpath: {implementation}, seed: {_seed()}, a skipped test is {skips}"]


@pytest.fixture(autouse=True)
def _no_known_secrets() -> Generator[None]:
    """A value that one test makes secret is not masked in the next."""
    from live_runner.services.runtime.config import masking

    yield
    masking.forget()


@pytest.fixture
def seed() -> int:
    """The seed of generated input; LIVE_RUNNER_TEST_SEED sets it, the header prints it."""
    return _seed()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and _skips_fail() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and nothing may be skipped here: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: Any) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)


def _skips_fail() -> bool:
    return os.environ.get("CI", "").lower() == "true" or os.environ.get("LIVE_RUNNER_NO_SKIP") == "1"


def _seed() -> int:
    return int(os.environ.get(_SEED_VARIABLE, _SEED_DEFAULT))
