"""Secrets of real processes: what their logs, errors, environments and command lines hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import fix_house
import psycopg
import psycopg.conninfo
import pytest
from fix_house import House
from fix_nats import NatsServer
from house_faults import RUN_FOR_EVER, SLOW, child_pid, events_of, faulty_strategy, wait_for_event

from live_runner.contracts.messages import Incident

SECRET = "hunter22"
DSN = f"postgresql://me:{SECRET}@{SECRET}.invalid:5432/x"
"""The driver's own error names the host, which is the secret too."""


@pytest.fixture
def environment(own_nats_server: NatsServer, tmp_path: Path) -> dict[str, str]:
    """Variables that name a NATS of this test and a database that is nowhere."""
    return {
        **os.environ,
        "NATS_URL": own_nats_server.url,
        "NATS_TOKEN": own_nats_server.token,
        "TIMESCALE_DSN": DSN,
        "LIVE_RUNNER_HOME": str(tmp_path / "home"),
    }


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "live_runner.services.cli.main", *arguments]


def test_the_drivers_error_names_the_secret() -> None:
    """Else the tests below would show nothing."""
    with pytest.raises(psycopg.OperationalError, match=SECRET):
        psycopg.connect(DSN, connect_timeout=5)


def test_a_recorder_that_waits_for_its_database_does_not_log_its_secret(environment: dict[str, str]) -> None:
    recorder = subprocess.Popen(command("serve", "recorder"), env=environment, stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None
    lines = []
    for line in recorder.stderr:
        lines.append(line)
        if "is unavailable; waiting for it" in line:
            recorder.send_signal(signal.SIGTERM)
            break
    lines.append(recorder.communicate(timeout=60)[1])

    assert any("resolve host '***.invalid'" in line for line in lines), lines
    assert not [line for line in lines if SECRET in line]


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("replay", "x"), ("doctor",)], ids=" ".join)
def test_a_command_does_not_print_it(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = subprocess.run(command(*arguments), env=environment, capture_output=True, text=True, check=False)

    assert done.returncode
    assert SECRET not in done.stdout + done.stderr
    assert "***" in done.stdout + done.stderr


OTHER_USER = 65534
STARTED = """
import ctypes, os, subprocess, sys

from live_runner.services.cli import {entry} as begun, main


def look():
    files = [f"/proc/{{os.getpid()}}/{{name}}" for name in ("environ", "maps")]
    print(*[subprocess.run(["/bin/cat", file], capture_output=True).returncode for file in files], flush=True)
    return 0


os.setresgid({user}, {user}, {user})
os.setresuid({user}, {user}, {user})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as every program is that a user starts
look()
main.invoke = lambda arguments: look()  # whatever the command is
begun.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("entry", ["entry", "main"])
def test_no_other_process_of_the_user_reads_the_environment_of_a_command(entry: str) -> None:
    """As a user who is not root: of root nothing is hidden. Before the command begins the child reads both."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    done = subprocess.run(
        [sys.executable, "-P", "-c", STARTED.format(entry=entry, user=OTHER_USER)],
        env={**os.environ, "TIMESCALE_DSN": DSN},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == ["0 0", "1 1"], done.stderr


def command_lines(root: int) -> Iterator[str]:
    """Of a process and all below it."""
    yield Path(f"/proc/{root}/cmdline").read_bytes().decode()
    for task in Path(f"/proc/{root}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from command_lines(int(child))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_no_command_line_and_no_environment_of_strategy_code_holds_a_login(new_house: Callable[[], House]) -> None:
    house = new_house()
    told = "raise RuntimeError(str(sorted(__import__('os').environ.items())) + open('/proc/self/environ').read())"
    config = house.config("shown", strategy=faulty_strategy(house, "telling", told), bars=RUN_FOR_EVER)
    run = house.start(config, *SLOW)
    incident = wait_for_event(
        house, "shown", lambda event: isinstance(event, Incident) and event.code == "strategy_failed"
    )
    nats = fix_house._with_nats(house.home)
    assert nats is not None
    login = [str(psycopg.conninfo.conninfo_to_dict(house.dsn)["password"]), str(nats.nats_token)]
    environ = Path(f"/proc/{child_pid(run, 'shown')}/environ").read_bytes().decode()
    lines = list(command_lines(run.pid))
    assert house.command("end", "shown", "--reason", "seen enough").returncode == 0
    run.wait(timeout=60)

    assert isinstance(incident, Incident)
    assert "LIVE_RUNNER_HOME" in incident.message + str(incident.details)
    assert len(lines) > 5
    assert any("live_runner.services.strategy.child" in line for line in lines)
    shown = [environ, *lines, house.logs(), house.printed(config), *map(str, events_of(house, "shown", Incident))]
    for secret in login:
        assert len(secret) > 5
        assert not [text for text in shown if secret in text]
