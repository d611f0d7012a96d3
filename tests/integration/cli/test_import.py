"""`data import` as a process: what is stored is stored, and the exit code says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 120.0
IMPORTS = 20
AT_ONCE = 4
ABORT_AT_EXIT = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.abort, None, None)
from live_runner.services.cli.entry import main
main()
"""
"""A library whose threads do not survive the end of the process, as Arrow's do not on a busy machine."""


@pytest.fixture
def candles(tmp_path: Path) -> Path:
    path = tmp_path / "simulated_BTC-USDT-USDT_1m.csv"
    rows = (f"{1_704_067_200_000 + 60_000 * n},100,101,99,100.5,{n}" for n in range(5_000))
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    return path


def begin(home: Path, candles: Path, *before: str) -> subprocess.Popen[str]:
    command = [*before, "data", "import", str(candles), "--name", "mine", "--json"]
    return subprocess.Popen(
        [sys.executable, "-P", *command],
        env={**os.environ, "LIVE_RUNNER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_of(process: subprocess.Popen[str]) -> int:
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    rows: int = json.loads(out)["rows"]
    return rows


def test_an_import_is_not_undone_by_a_library_that_aborts_at_exit(tmp_path: Path, candles: Path) -> None:
    assert rows_of(begin(tmp_path / "home", candles, "-c", ABORT_AT_EXIT)) == 5_000


@pytest.mark.slow
def test_every_import_of_many_ends_with_0(tmp_path: Path, candles: Path) -> None:
    for first in range(0, IMPORTS, AT_ONCE):
        running = [
            begin(tmp_path / f"home{number}", candles, "-m", "live_runner.services.cli.entry")
            for number in range(first, first + AT_ONCE)
        ]
        assert [rows_of(process) for process in running] == [5_000] * AT_ONCE
