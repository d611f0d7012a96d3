"""Which command lines start a service at once, and which the whole command line has to understand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from live_runner.services.cli.entry import _parse_serve


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("serve recorder", ("recorder", {}, False)),
        ("serve strategy --log-to-file", ("strategy", {}, True)),
        ("serve --home /data execution --session=alpha", ("execution", {"home": "/data", "session": "alpha"}, False)),
    ],
)
def test_a_simple_serve_is_understood(line: str, understood: object) -> None:
    assert _parse_serve(line.split()) == understood


@pytest.mark.parametrize(
    "line",
    [
        *("", "run x.yaml", "serve", "serve kitchen", "serve recorder strategy", "serve recorder --help"),
        *("serve recorder --home", "serve recorder --home=", "serve recorder --quick", "doctor serve recorder"),
    ],
)
def test_everything_else_is_left_to_the_command_line(line: str) -> None:
    assert _parse_serve(line.split()) is None


def test_a_service_starts_without_what_it_does_not_need() -> None:
    """A start that takes half a second is half a second in which nobody follows the session."""
    script = (
        "import sys; from live_runner.services.cli.entry import _parse_serve; _parse_serve(['serve', 'recorder']);"
        "import importlib; from live_runner.services.runtime.services import SERVICES, SESSION_SERVICES;"
        "import live_runner.services.cli.service_process;"
        "[importlib.import_module(SERVICES[name].module) for name in SESSION_SERVICES];"
        "print(sorted({'typer', 'rich', 'numpy', 'psycopg', 'aiohttp', 'nkeys', 'ccxt', 'ctypes'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
