"""A session that cannot go on: it is named, every run of it ends with the reason, and a command closes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fix_terminal import CONFIG, LIMIT_S, OUTLASTS_EVERYTHING, Terminal

pytestmark = pytest.mark.slow

STRATEGY = """
from pathlib import Path

from live_runner.strategies.ema_cross import EmaCross


class Undecided(EmaCross):
    def on_bar(self, bar, view):
        return [] if Path({flag!r}).exists() else super().on_bar(bar, view)
"""


def test_a_session_that_cannot_go_on_is_named_and_closed_by_end(terminal: Terminal) -> None:
    flag = terminal.folder / "flag"
    config = undecided(terminal, flag)
    dead = killed(terminal, config, flag, runs=2)

    code, _, err = terminal.do("end", "alpha", "--reason", "beyond repair", "--author", "me")
    assert code == 0, err
    closed = terminal.status()
    assert (closed["state"], closed["stop_reason"], closed["why"]) == ("stopped", "closed by me: beyond repair", None)
    assert closed["events"] > dead["events"]

    assert terminal.do("run", config, "--stage", "paper")[0] == 66
    flag.unlink()
    code, out, err = terminal.do("replay", "alpha", "--json")
    assert (code, json.loads(out)["differences"]) == (0, 0), err


def test_one_is_closed_beside_a_session_that_runs(terminal: Terminal) -> None:
    flag = terminal.folder / "flag"
    killed(terminal, undecided(terminal, flag), flag, runs=1)
    beside = terminal.folder / "beside.yaml"
    beside.write_text((CONFIG % OUTLASTS_EVERYTHING).replace("alpha", "beta"))
    other = terminal.begin("run", str(beside), "--stage", "paper", "--speed", "6000")
    terminal.until_logged("market.bar_set", 10, other, "beta")

    code, _, err = terminal.do("end", "alpha", "--reason", "beyond repair", "--author", "me")
    assert code == 0, err
    terminal.wait(lambda: terminal.status()["state"] == "stopped")
    assert terminal.do("end", "beta", "--reason", "enough")[0] == 0
    _, err = other.communicate(timeout=LIMIT_S)
    assert other.returncode == 0, err


def killed(terminal: Terminal, config: str, flag: Path, *, runs: int) -> dict[str, Any]:
    """The status of a session whose run was killed under way, and of which every run since ended with the reason."""
    first = terminal.begin("run", config, "--stage", "paper", "--speed", "12000")
    terminal.until_logged("order.filled", 1, first)
    first.kill()
    first.communicate()
    flag.touch()
    for _ in range(runs):
        code, _, err = terminal.do("run", config, "--stage", "paper")
        assert code == 70, err
        assert "The session alpha cannot go on: " in err.splitlines()[-1]
        assert "live-runner end alpha" in err.splitlines()[-1]
    dead = terminal.status()
    assert dead["state"] == "dead"
    assert "Replaying the log" in dead["why"]
    return dead


def undecided(terminal: Terminal, flag: Path) -> str:
    """Configuration of a strategy that decides nothing as soon as ``flag`` is there."""
    (terminal.folder / "undecided.py").write_text(STRATEGY.format(flag=str(flag)))
    path = terminal.folder / "undecided.yaml"
    text = (CONFIG % OUTLASTS_EVERYTHING).replace("module: live_runner.strategies.ema_cross", "path: undecided.py")
    path.write_text(text)
    return str(path)
