"""A server that is killed once under a ``run``: every command still finds it, and nobody starts a second one."""

from __future__ import annotations

import json
import os
import signal

import pytest
from fix_terminal import CONFIG, LIMIT_S, OUTLASTS_EVERYTHING, Terminal

from live_runner.services.runtime.embedded.process import wait_until_gone

pytestmark = pytest.mark.slow

SERVERS = ("nats", "postgres")


def test_every_command_and_a_second_run_go_on_after_a_server_was_killed_once(terminal: Terminal) -> None:
    """NATS first, and then PostgreSQL: each is killed once, and every command follows."""
    first = terminal.begin("run", terminal.config(OUTLASTS_EVERYTHING), "--stage", "paper", "--speed", "6000")
    terminal.until_logged("market.bar_set", 10, first)
    commands: list[str] = []
    for server in SERVERS:
        killed = terminal.service_pid(first, server)
        os.kill(killed, signal.SIGKILL)
        assert wait_until_gone(killed, LIMIT_S)
        for command in ("stop", "kill", "flatten", "resume"):
            code, _, err = terminal.do(command, "alpha", "--reason", "look")
            assert code == 0, (server, command, err)
            commands.append(command)
        code, out, err = terminal.do("tail", "ops.evt.command.alpha", "--no-follow", "--json")
        assert [json.loads(line)["command"] for line in out.splitlines()] == commands, err
        status = terminal.status()
        assert status["state"] == "started"
        assert status["services"]["execution"]
        code, out, err = terminal.do("db", "query", "select count(*) as n from sessions", "--json")
        assert (code, json.loads(out)) == (0, [{"n": 1}]), err
        findings = {finding["what"]: finding for finding in json.loads(terminal.do("doctor", "--json")[1])}
        assert "answers" in findings["nats"]["message"]
        assert "answers" in findings["database"]["message"]

    second = terminal.folder / "second.yaml"
    second.write_text((CONFIG % 300).replace("alpha", "beta"))
    code, out, err = terminal.do("run", str(second), "--stage", "paper", "--verify", "--json")
    assert code == 0, err
    played = json.loads(out)
    assert played["events_stored"] == played["replay"]["events"] > 300

    assert terminal.do("end", "alpha", "--reason", "enough")[0] == 0
    _, err = first.communicate(timeout=LIMIT_S)
    assert first.returncode == 0, err
    for server in SERVERS:
        assert f"{server} ended with signal 9 and is restarted" in err
    assert terminal.status()["state"] == "stopped"
    assert terminal.do("replay", "alpha")[0] == 0
