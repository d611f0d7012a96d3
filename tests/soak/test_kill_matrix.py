"""Every process of a session killed at every point of it, and then every command: ``make soak``.

The session must end as one that nobody disturbed: the same core events, a replay and a comparison without a
difference. Commands that look at it answer; those that act on a session that is over are refused by name.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from fix_terminal import LIMIT_S, Terminal

from live_runner.contracts import codec
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.embedded.process import wait_until_gone
from live_runner.services.runtime.embedded.servers import Embedded
from live_runner.services.runtime.postgres import archive

PROCESSES = ("market_data", "strategy", "execution", "recorder", "child", "nats", "postgres", "run")
POINTS = {
    "announced": ("session.announced", 1),
    "joined": ("session.joined", 1),
    "started": ("session.started", 1),
    "first_set": ("market.bar_set", 1),
    "middle": ("market.bar_set", 300),
    "last_decision": ("strategy.decided", 590),
    "feed_ended": ("market.feed_ended", 1),
}
LATE = ("last_decision", "feed_ended")
"""Points after which a session may be over before the kill is."""
BARS = 608
SOURCES = ("market_data", "strategy", "execution")


def _core_events(terminal: Terminal) -> dict[str, list[bytes]]:
    """Canonical bytes of every core event in the database, by source."""
    found: dict[str, list[bytes]] = {source: [] for source in SOURCES}
    with Embedded.start(Settings.from_environment({}, home=terminal.home), nats=False) as embedded:
        assert embedded.settings.timescale_dsn is not None
        for _, data in archive.events(embedded.settings.timescale_dsn, "alpha"):
            source = codec.head(data).source
            if source in found:
                found[source].append(codec.canonical(data))
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Core events of the session that nobody disturbs."""
    terminal = Terminal(tmp_path_factory.mktemp("undisturbed"))
    code, _, err = terminal.do("run", terminal.config(BARS), "--stage", "paper", "--verify", "--json")
    assert code == 0, err
    return _core_events(terminal)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("victim", PROCESSES)
def test_a_kill_changes_nothing_and_every_command_answers(
    terminal: Terminal, undisturbed: dict[str, list[bytes]], victim: str, point: str, tmp_path: Path
) -> None:
    arguments = ("run", terminal.config(BARS), "--stage", "paper", "--verify", "--json", "--speed", "12000")
    run = terminal.begin(*arguments)
    terminal.until_logged(*POINTS[point], run)
    pid = run.pid if victim == "run" else _pid(terminal, run, victim)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        assert victim == "run" or wait_until_gone(pid, LIMIT_S)
    out, err = run.communicate(timeout=LIMIT_S)
    if victim == "run":
        code, out, err = terminal.do(*arguments)
    else:
        code = run.returncode
    if victim == "run" and point in LATE and code == 66:
        # The session had ended before the kill: its name is used up, and all of it must be stored.
        assert json.loads(err)["error"]["fields"]["reason"] == "session_finished"
    else:
        assert code == 0, err
        played = json.loads(out)
        assert (played["replay"]["agrees"], played["comparison"]["agrees"]) == (True, True)

    assert _core_events(terminal) == undisturbed
    looks: tuple[tuple[str, ...], ...] = (
        ("status", "alpha", "--json"),
        ("replay", "alpha", "--json"),
        ("compare", "alpha", "--json"),
        ("bundle", "alpha", "--output", str(tmp_path / "alpha.zip")),
        ("db", "query", "select session from session_summary", "--json"),
    )
    for command in looks:
        code, _, err = terminal.do(*command)
        assert code == 0, (command, err)
    for act in ("stop", "kill", "flatten", "resume", "end"):
        code, _, err = terminal.do(act, "alpha", "--reason", "a look")
        assert (code in (67, 69), err.count("\n")) == (True, 1), (act, code, err)


def _pid(terminal: Terminal, run: subprocess.Popen[str], victim: str) -> int | None:
    """Of a process of the run; None where it has ended, or has not begun."""
    marks = {"child": "live_runner.services.strategy.child", "nats": "nats-server", "postgres": "/bin/postgres"}
    wanted = marks.get(victim, f"serve\0{victim}")
    for pid in terminal.children(run.pid):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        if wanted in command and "launch.py" not in command:
            return pid
    return None
