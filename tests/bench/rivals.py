"""The engines and libraries beside which we are measured: where each one is, and how it is asked.

``make peers`` installs those that cannot live in the project's own environment. What is not there is told and
left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.peers.protocol import Bars, Case, save
from bench.table import note

__all__ = ["OURS", "RIVALS", "Rival"]

_FOLDER = Path(__file__).parent / "peers"
_ENVIRONMENTS = Path(__file__).parents[2] / ".venv" / "peers"
LIMIT_S = 400.0
"""One run of one peer."""


@dataclass(frozen=True)
class Rival:
    """A script under ``peers/`` and the environment that it needs."""

    name: str
    script: str
    environment: str | None = None
    """Folder under ``.venv/peers``; None is the project's own."""
    event_driven: bool = False
    """A backtest that gives a strategy one bar after the other."""
    bars_at_most: int = 2_000_000
    """Of one backtest, so that it ends."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        if self.environment is None:
            return Path(sys.executable)
        return _ENVIRONMENTS / self.environment / "bin" / "python"

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return self.environment is None or (_ENVIRONMENTS / self.environment / "installed").exists()

    def ask(self, scenario: str, bars: Bars, case: Case) -> dict[str, Any] | None:
        """Its answer; None when it is not installed or could not run, which is told."""
        if not self.is_there:
            note(f"{self.name} is not installed: make peers")
            return None
        note(f"{self.name}: {scenario}, {len(bars.close):,} bars")
        with TemporaryDirectory() as home:
            folder = Path(home)
            save(folder, bars, case)
            command = [str(self.python), str(_FOLDER / self.script), scenario, str(folder), str(folder / "answer")]
            try:
                done = subprocess.run(
                    command, capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False
                )
            except subprocess.TimeoutExpired:
                note(f"{self.name} took more than {LIMIT_S:g} s")
                return None
            if done.returncode:
                note(f"{self.name} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
                return None
            answer: dict[str, Any] = json.loads((folder / "answer").read_text(encoding="utf-8"))
            return answer


OURS = Rival("live-runner", "peer_live_runner.py")
RIVALS = (
    Rival("NautilusTrader 2", "peer_nautilus2.py", "nautilus2", event_driven=True),
    Rival("NautilusTrader 1", "peer_nautilus1.py", "nautilus1", event_driven=True, bars_at_most=500_000),
    Rival("backtesting.py", "peer_backtesting.py", event_driven=True),
    Rival("backtrader", "peer_backtrader.py", event_driven=True, bars_at_most=100_000),
    Rival("vectorbt", "peer_vectorbt.py", "vectorbt"),
    Rival("talipp", "peer_talipp.py", "talipp"),
    Rival("TA-Lib", "peer_talib.py"),
    Rival("ccxt", "peer_ccxt.py"),
)
