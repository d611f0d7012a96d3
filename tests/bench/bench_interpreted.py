"""Bars per second of the same engine with its files interpreted, as breakpoints and coverage need it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

if os.environ.get("LIVE_RUNNER_HOTPATH") != "reference":
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "LIVE_RUNNER_HOTPATH": "reference"})

from bench.bench_backtest import rows_of
from bench.engines import ENGINES
from bench.table import Row, entry


def rows(quick: bool) -> list[Row]:
    """Both strategies over columns."""
    return rows_of({"interpreted": ENGINES["interpreted"]}, quick)


if __name__ == "__main__":
    entry("backtest, interpreted", rows)
