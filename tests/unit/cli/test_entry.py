"""Which command lines start a service at once, and which the whole command line has to understand."""

from __future__ import annotations

import subprocess
import sys

import pytest

from live_runner.services.cli.commands.serve import Service
from live_runner.services.cli.entry import _plain_serve
from live_runner.services.cli.service_process import SERVICES


@pytest.mark.parametrize(
    ("line", "understood"),
    [
        ("serve recorder", ("recorder", {}, False)),
        ("serve strategy --log-to-file", ("strategy", {}, True)),
        ("serve --home /data execution --session=alpha", ("execution", {"home": "/data", "session": "alpha"}, False)),
    ],
)
def test_a_plain_serve_is_understood(line: str, understood: object) -> None:
    assert _plain_serve(line.split()) == understood


@pytest.mark.parametrize(
    "line",
    [
        *("", "run x.yaml", "serve", "serve kitchen", "serve recorder strategy", "serve recorder --help"),
        *("serve recorder --home", "serve recorder --home=", "serve recorder --quick", "doctor serve recorder"),
    ],
)
def test_everything_else_is_left_to_the_command_line(line: str) -> None:
    assert _plain_serve(line.split()) is None


def test_both_know_the_same_services() -> None:
    assert set(SERVICES) == {service.value for service in Service}


def test_a_service_starts_without_what_it_does_not_need() -> None:
    """A start that takes half a second is half a second in which nobody follows the session."""
    script = (
        "import sys; from live_runner.services.cli.entry import _plain_serve; _plain_serve(['serve', 'recorder']);"
        "from live_runner.services.cli.service_process import SERVICES, _entry;"
        "[_entry(service) for service in SERVICES[:-1]];"
        "print(sorted({'typer', 'rich', 'numpy', 'psycopg', 'nats', 'ccxt', 'ctypes'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
