"""A session that cannot go on: it is named, every run of it ends with the reason, and a command closes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fix_terminal import CONFIG, LIMIT_S, OUTLASTS_EVERYTHING, Terminal, new_terminal

pytestmark = pytest.mark.slow

STRATEGY = """
from pathlib import Path

from live_runner.strategies.ema_cross import EmaCross


class Undecided(EmaCross):
    def on_bar(self, bar, view):
        return [] if Path({flag!r}).exists() else super().on_bar(bar, view)
"""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Two sessions were killed under way in its data folder, and every run of them since has ended with the reason."""
    for terminal in new_terminal(tmp_path_factory.mktemp("dead")):
        configs = [undecided(terminal, session) for session in ("alpha", "gamma")]
        under_way = [terminal.begin("run", config, "--stage", "paper", "--speed", "12000") for config in configs]
        for run, session in zip(under_way, ("alpha", "gamma"), strict=True):
            terminal.until_logged("order.filled", 1, run, session)
        for run in under_way:
            run.kill()
            run.communicate()
        (terminal.folder / "flag").touch()
        for config in (configs[0], configs[0], configs[1]):
            code, _, err = terminal.do("run", config, "--stage", "paper")
            assert code == 70, err
            assert f"The session {Path(config).stem} cannot go on: " in err.splitlines()[-1]
            assert f"live-runner end {Path(config).stem}" in err.splitlines()[-1]
        yield terminal


def test_a_session_that_cannot_go_on_is_named_and_closed_by_end(terminal: Terminal) -> None:
    dead = terminal.status()
    assert dead["state"] == "dead"
    assert "Replaying the log" in dead["why"]

    code, _, err = terminal.do("end", "alpha", "--reason", "beyond repair", "--author", "me")
    assert code == 0, err
    closed = terminal.status()
    assert (closed["state"], closed["stop_reason"], closed["why"]) == ("stopped", "closed by me: beyond repair", None)
    assert closed["events"] > dead["events"]

    assert terminal.do("run", str(terminal.folder / "alpha.yaml"), "--stage", "paper")[0] == 66
    (terminal.folder / "flag").unlink()
    code, out, err = terminal.do("replay", "alpha", "--json")
    assert (code, json.loads(out)["differences"]) == (0, 0), err


def test_one_is_closed_beside_a_session_that_runs(terminal: Terminal) -> None:
    beside = terminal.folder / "beside.yaml"
    beside.write_text((CONFIG % OUTLASTS_EVERYTHING).replace("alpha", "beta"))
    other = terminal.begin("run", str(beside), "--stage", "paper", "--speed", "6000")
    terminal.until_logged("market.bar_set", 10, other, "beta")
    assert terminal.status("gamma")["state"] == "dead"

    code, _, err = terminal.do("end", "gamma", "--reason", "beyond repair", "--author", "me")
    assert code == 0, err
    terminal.wait(lambda: terminal.status("gamma")["state"] == "stopped")
    assert terminal.do("end", "beta", "--reason", "enough")[0] == 0
    _, err = other.communicate(timeout=LIMIT_S)
    assert other.returncode == 0, err


def undecided(terminal: Terminal, session: str) -> str:
    """Configuration of a strategy that decides nothing as soon as the file ``flag`` is there."""
    (terminal.folder / "undecided.py").write_text(STRATEGY.format(flag=str(terminal.folder / "flag")))
    path = terminal.folder / f"{session}.yaml"
    text = (CONFIG % OUTLASTS_EVERYTHING).replace("module: live_runner.strategies.ema_cross", "path: undecided.py")
    path.write_text(text.replace("alpha", session))
    return str(path)
