"""Whatever Python hands to the engine, the process lives: an error at most, and never one of the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "junk_calls.py"
SESSIONS = 30
TIMEOUT_S = 200


@pytest.mark.parametrize("part", range(2))
def test_no_call_with_any_arguments_ends_the_process(part: int, seed: int, tmp_path: Path) -> None:
    first = seed + part * SESSIONS
    last_call = tmp_path / "last_call"

    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", PROGRAM, str(first), str(first + SESSIONS), last_call],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert ran.returncode == 0, f"exit code {ran.returncode} after {last_call.read_text()}{ran.stderr[-2000:]}"
