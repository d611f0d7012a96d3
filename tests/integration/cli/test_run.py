"""``run`` as a user has it: real servers, real services, killed and continued."""

from __future__ import annotations

import json
import os
import signal

import pytest
from fix_terminal import CONFIG, LIMIT_S, OUTLASTS_EVERYTHING, Terminal

from live_runner.services.runtime.embedded.process import wait_until_gone

pytestmark = pytest.mark.slow


def test_a_session_runs_to_its_summary_and_keeps_its_name(terminal: Terminal) -> None:
    """R01: it replays and compares with zero differences."""
    config = terminal.config(400)

    code, out, err = terminal.do("run", config, "--stage", "paper", "--verify", "--json")

    assert code == 0, err
    told = json.loads(out)
    assert told["session"] == "alpha"
    assert told["orders"] == told["fills"] > 0
    assert told["events_stored"] == told["replay"]["events"]
    assert told["replay"]["agrees"]
    assert told["comparison"]["agrees"]

    code, _, err = terminal.do("run", config, "--stage", "paper")

    assert code == 66
    assert "alpha is finished" in err.splitlines()[-1]
    assert "--session" in err.splitlines()[-1]

    code, out, _ = terminal.do("replay", "alpha", "--json")
    assert (code, json.loads(out)["differences"]) == (0, 0)


FAILING = """\
from live_runner.strategies.base import Strategy, intent


class Failing(Strategy):
    def on_bar(self, bar, view):
        if bar.symbol.startswith("ETH"):
            raise ValueError("boom")
        return [intent.open(bar.symbol, "long", -1.0, style="market", reason="try")]
"""


SILENT = """\
from live_runner.strategies.base import Strategy, intent


class Silent(Strategy):
    def select(self, bars, view):
        return []

    def on_bar(self, bar, view):
        return [intent.open(bar.symbol, "long", 1.0, style="market", reason="try")]
"""


def test_a_strategy_that_fails_is_named_in_the_summary(terminal: Terminal) -> None:
    """Calls that fail and intents that are refused: how many, why, and the line of the strategy."""
    (terminal.folder / "failing.py").write_text(FAILING)
    config = terminal.folder / "failing.yaml"
    config.write_text(CONFIG.replace("module: live_runner.strategies.ema_cross", "path: failing.py") % 50)
    config.write_text(config.read_text().replace(", parameters: {fast: 3, slow: 8, notional: 100}", ""))

    code, out, err = terminal.do("run", str(config), "--stage", "paper", "--json")

    failures = {(row["kind"], row["reason"]): row for row in json.loads(out)["failures"]}
    assert code == 65
    # After the first failed call opens are blocked, so only the first bar's intent is refused.
    assert {key: row["count"] for key, row in failures.items()} == {
        ("failed_call", "on_bar: ValueError"): 50,
        ("refused", "bad_quantity"): 1,
    }
    assert failures["failed_call", "on_bar: ValueError"]["where"] == "failing.py:7"
    assert failures["refused", "bad_quantity"]["where"] == "failing.py:5"
    assert "50 calls of the strategy failed in the session alpha, first: failing.py:7: on_bar of ETH/USDT:USDT" in err

    code, _, err = terminal.do("run", str(config), "--stage", "paper", "--session", "beta", "--allow-failures")

    assert code == 0, err


def test_a_strategy_that_is_never_asked_is_named_in_the_summary(terminal: Terminal) -> None:
    (terminal.folder / "silent.py").write_text(SILENT)
    config = terminal.folder / "silent.yaml"
    config.write_text(CONFIG.replace("module: live_runner.strategies.ema_cross", "path: silent.py") % 50)
    config.write_text(config.read_text().replace(", parameters: {fast: 3, slow: 8, notional: 100}", ""))

    code, out, err = terminal.do("run", str(config), "--stage", "paper", "--json")

    (failure,) = json.loads(out)["failures"]
    assert code == 65
    assert (failure["kind"], failure["reason"], failure["where"]) == ("never_asked", "select", "silent.py:5")
    assert failure["first"] == "select chose no symbol at any of 50 closes, so on_bar was never called"
    assert "The strategy was never asked for an intent in the session alpha, first: silent.py:5: select chose" in err


def test_a_session_runs_in_a_folder_of_any_name(terminal: Terminal) -> None:
    terminal.home = terminal.folder / "B\u00f6rse" / os.fsdecode(b'it\'s "so" $HOME {#} 100% \\ a\nline \xff')

    code, out, err = terminal.do("run", terminal.config(100), "--stage", "paper", "--verify", "--json")

    assert code == 0, err
    assert json.loads(out)["events_stored"] > 100


def test_a_killed_run_leaves_no_orphans_and_goes_on_when_run_again(terminal: Terminal) -> None:
    """P11, P10: kill -9 of everything at once; the same session ends as if nothing had happened."""
    # A quarter of a minute, so that it is killed long before its end however fast the machine is.
    config = terminal.config(3000)
    arguments = ("run", config, "--stage", "paper", "--verify", "--json", "--speed", "12000")
    first = terminal.begin(*arguments)
    terminal.until(lambda: terminal.status().get("sets", 0) > 50, first)
    below = terminal.children(first.pid)
    first.kill()

    assert len(below) >= 7  # two servers, four services, the strategy's own process
    assert all(wait_until_gone(pid, 30.0) for pid in below)

    code, out, err = terminal.do(*arguments)

    assert code == 0, err
    told = json.loads(out)
    assert told["replay"]["agrees"]
    assert told["comparison"]["agrees"]


def test_ctrl_c_ends_everything_in_order_and_the_session_goes_on_later(terminal: Terminal) -> None:
    config = terminal.config(OUTLASTS_EVERYTHING)
    first = terminal.begin("run", config, "--stage", "paper", "--speed", "6000")
    terminal.until(lambda: terminal.status().get("sets", 0) > 10, first)
    below = terminal.children(first.pid)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=LIMIT_S)

    assert first.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert all(wait_until_gone(pid, 30.0) for pid in below)

    changed = terminal.folder / "changed.yaml"
    changed.write_text((CONFIG % OUTLASTS_EVERYTHING).replace("fast: 3", "fast: 4"))
    code, _, err = terminal.do("run", str(changed), "--stage", "paper")

    assert code == 66
    assert "already running with a different configuration" in err.splitlines()[-1]


def test_what_another_run_left_unfinished_is_named_and_left_alone(terminal: Terminal) -> None:
    config = terminal.config(OUTLASTS_EVERYTHING)
    first = terminal.begin("run", config, "--stage", "paper", "--speed", "6000")
    terminal.until(lambda: terminal.status().get("sets", 0) > 10, first)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=LIMIT_S)
    other = terminal.folder / "other.yaml"
    other.write_text((CONFIG % 400).replace("alpha", "beta"))

    code, _, err = terminal.do("run", str(other), "--stage", "paper", "--json")

    assert code == 0, err
    assert "Unfinished sessions" in err
    assert "left as they are: alpha." in err
    # The recorder has stored everything up to beta's end, what alpha had left to store included.
    before = terminal.status()["stream_seq"]
    sql = "select min(stream_seq) as begun from event where session = 'beta'"
    [beta] = json.loads(terminal.do("db", "query", sql, "--json")[1])
    assert before < beta["begun"]
    again = terminal.begin("run", config, "--stage", "paper", "--speed", "6000")
    terminal.until(lambda: terminal.status()["stream_seq"] > before, again)
    assert terminal.do("end", "alpha", "--reason", "enough")[0] == 0
    _, err = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 0, err
    assert "Unfinished" not in err


def test_a_detached_session_obeys_commands_from_elsewhere(terminal: Terminal) -> None:
    """S01, S02: stop and resume with author and reason in the log; `end` ends the session in order."""
    config = terminal.config(OUTLASTS_EVERYTHING)
    code, out, err = terminal.do("run", config, "--stage", "paper", "--speed", "6000", "--detach", "--json")
    assert code == 0, err
    pid = json.loads(out)["pid"]
    try:
        assert terminal.do("stop", "alpha", "--reason", "look", "--author", "me")[0] == 0
        assert terminal.do("resume", "alpha", "--reason", "fine")[0] == 0
        assert terminal.do("stop", "beta", "--reason", "x")[0] == 69
        code, out, err = terminal.do("tail", "ops.evt.command.alpha", "--no-follow", "--json")
        commands = [json.loads(line) for line in out.splitlines()]

        assert [(c["command"], c["reason"]) for c in commands] == [("stop", "look"), ("resume", "fine")]
        assert commands[0]["author"] == "me"

        assert terminal.do("end", "alpha", "--reason", "enough")[0] == 0
        assert wait_until_gone(pid, LIMIT_S)
    finally:
        if not wait_until_gone(pid, 0.0):
            os.kill(pid, signal.SIGKILL)
    assert terminal.status()["state"] == "stopped"


@pytest.mark.parametrize("service", ["market_data", "strategy", "execution", "recorder", "nats", "postgres"])
def test_a_killed_service_or_server_changes_nothing(terminal: Terminal, service: str) -> None:
    """P11, S06: kill -9 of each in turn while a session runs: same events, same ledger."""
    config = terminal.config(8000)
    process = terminal.begin("run", config, "--stage", "paper", "--verify", "--json")
    terminal.until(lambda: terminal.status().get("sets", 0) > 50, process)
    pid = terminal.service_pid(process, service)
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["replay"]["agrees"]
    assert told["comparison"]["agrees"]


def test_the_end_of_a_session_is_stored_when_its_run_was_killed_before_that(terminal: Terminal) -> None:
    """Its name is used up, and the next ``run`` in the folder leaves nothing in the log alone."""
    arguments = ("run", terminal.config(60), "--stage", "paper", "--json", "--speed", "1200")
    run = terminal.begin(*arguments)
    terminal.until(lambda: terminal.status().get("sets", 0) > 5, run)
    os.kill(terminal.service_pid(run, "recorder"), signal.SIGSTOP)
    terminal.until(lambda: terminal.do("tail", "session.evt.stopped.alpha", "--no-follow", "--json")[1] != "", run)
    below = terminal.children(run.pid)
    run.kill()
    assert all(wait_until_gone(pid, 30.0) for pid in below)

    code, _, err = terminal.do(*arguments)

    assert (code, json.loads(err.splitlines()[-1])["error"]["fields"]["reason"]) == (66, "session_finished")
    code, out, err = terminal.do("replay", "alpha", "--json")
    assert code == 0, err
    assert json.loads(out)["agrees"]


def test_status_shows_how_near_each_limit_is(terminal: Terminal) -> None:
    config = terminal.folder / "limits.yaml"
    limits = "caps: {open_orders: 7}\nrisk:\n  drawdown: {limit: 100, action: stop, reset: operator}\n"
    config.write_text(CONFIG % OUTLASTS_EVERYTHING + limits + "  spread: {limit_bp: 5, action: stop, reset: day}\n")
    running = terminal.begin("run", str(config), "--stage", "paper", "--speed", "6000")

    terminal.until(lambda: bool(terminal.status().get("limits")), running)

    levels = {level["name"]: level for level in terminal.status()["limits"]}
    assert (levels["drawdown"]["limit"], levels["open_orders"]["limit"]) == ("100", "7")
    assert float(levels["drawdown"]["left"]) == 100 - float(levels["drawdown"]["value"])
    _, out, _ = terminal.do("status", "alpha")
    assert "alpha: spread 0 of 5, the session has no order book" in out
