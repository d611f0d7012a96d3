"""The command line: help with examples, errors in one line, documented exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts import errors
from live_runner.services.cli.commands.status import _levels
from live_runner.services.cli.main import EXIT_CODES, app, invoke
from live_runner.services.forensics.errors import CodeMismatch
from live_runner.services.runtime.service.ownership import AlreadyOwned

COMMANDS = [
    ["run"], ["paper"], ["backtest"], ["sweep"], ["compare"], ["replay"], ["bundle"], ["tail"], ["status"], ["stop"],
    ["reconcile"],
    ["kill"], ["resume"], ["flatten"], ["end"], ["serve"], ["strategies"], ["doctor"], ["data", "import"],
    ["data", "list"], ["db", "migrate"], ["db", "query"], ["db", "adopt-log"], ["config", "check"],
    ["config", "schema"], ["account", "check"],
]  # fmt: skip

CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {notional: 100}}
market: {venue: v, source: simulated, bars: 100, symbols: [BTC/USDT:USDT], timeframe: 1m}
"""


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVE_RUNNER_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = invoke([*command, "--help"])
    told = capsys.readouterr().out

    assert code == 0
    assert "Examples:" in told
    assert f"live-runner {' '.join(command)}" in told


def test_every_command_is_in_this_test() -> None:
    top = {name for info in app.registered_commands if (name := info.name or getattr(info.callback, "__name__", ""))}
    groups = {str(group.name) for group in app.registered_groups}

    assert top | groups == {command[0] for command in COMMANDS}


def test_the_exit_code_of_every_error_is_documented() -> None:
    kinds = [errors.RunnerError]
    for kind in kinds:
        kinds += kind.__subclasses__()

    assert {CodeMismatch, AlreadyOwned} <= set(kinds)
    for kind in kinds:
        assert f"\n  {kind.exit_code} " in EXIT_CODES


def test_the_contract_documents_the_same_exit_codes() -> None:
    page = (Path(__file__).parents[3] / "docs" / "entrypoint.md").read_text(encoding="utf-8")
    table = page.partition("## Exit codes")[2]

    assert re.findall(r"^\| (\d+) \|", table, re.MULTILINE) == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run", "absent.yaml", "--stage", "paper"], 64, "no configuration file"),
        (["tail"], 69, "NATS"),
        (["stop", "alpha", "--reason", "r"], 69, "NATS"),
        (["reconcile", "alpha"], 69, "NATS"),
        (["replay", "alpha"], 69, "no database"),
        (["replay", "absent.zip"], 65, "no bundle"),
        (["status", "alpha"], 65, "no session alpha"),
        (["replay", __file__], 65, "not a bundle"),
        (["data", "import", "absent", "--name", "x"], 65, "absent does not exist"),
        (["data", "import", ".", "--name", "../x"], 65, "is not a valid dataset name"),
        (["serve", "strategy"], 69, "NATS_URL"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(arguments) == code

    stderr = capsys.readouterr().err
    assert stderr.startswith("error: ")
    assert told in stderr
    assert stderr.count("\n") == 1


def test_with_json_an_error_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["run", "absent.yaml", "--stage", "paper", "--json"]) == 64

    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "config_error"
    assert "absent.yaml" in error["message"]
    assert error["fields"] == {"path": "absent.yaml"}


@pytest.mark.parametrize(
    "arguments", [["run", "c.yaml"], ["nonsense"], ["serve", "kitchen"], ["run", "--stage", "live"]]
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(arguments) == 2
    assert capsys.readouterr().err


def test_a_wrong_key_names_its_line(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = empty_home / "c.yaml"
    path.write_text(CONFIG.replace("timeframe: 1m", "timeframe: 0.5m"))

    assert invoke(["config", "check", str(path)]) == 64
    assert "c.yaml line 3: market.timeframe: '0.5m' is not a valid timeframe. Write 30s." in capsys.readouterr().err


def test_a_strategy_that_does_not_load_is_exit_code_65(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (empty_home / "mine.py").write_text("def broken(:\n")
    path = empty_home / "c.yaml"
    path.write_text(CONFIG.replace("module: live_runner.strategies.ema_cross", "path: mine.py"))

    assert invoke(["config", "check", str(path)]) == 65
    assert "mine" in capsys.readouterr().err


def test_config_check_writes_every_default_out(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = empty_home / "c.yaml"
    path.write_text(CONFIG)

    assert invoke(["config", "check", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"]["strategy"]["parameters"]["slow"] == 50
    assert told["config"]["limits"]["read_ahead"] == 1000
    assert told["warmup_bars"] == 51


def test_config_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "live-runner session"


def test_the_shipped_strategies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["strategies", "--json"]) == 0
    found = {entry["name"] for entry in json.loads(capsys.readouterr().out)}
    assert found == {"EmaCross", "BreakoutBracket", "DualLifo"}
    assert invoke(["strategies"]) == 0
    told = capsys.readouterr().out
    assert "live_runner.strategies.ema_cross: The smallest example" in told
    assert "long.take_profit" in told


def test_backtest_prints_its_summary_as_json(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = empty_home / "c.yaml"
    path.write_text(CONFIG)

    assert invoke(["backtest", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["session"] == "alpha"
    assert told["bars_per_second"] > 0


def test_backtest_names_account_limits_as_not_applied(empty_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S04: a limit that a mode cannot apply is named."""
    path = empty_home / "c.yaml"
    limits = "{drawdown: {limit: 5, action: stop, reset: operator}}"
    path.write_text(f"{CONFIG}account: {{name: main, limits: {limits}}}\n")

    assert invoke(["backtest", str(path), "--json"]) == 0
    assert "not applied" in json.loads(capsys.readouterr().out)["not_applied"]["account.limits"]
    assert invoke(["backtest", str(path)]) == 0
    assert "account limits are not applied" in " ".join(capsys.readouterr().out.split())


def test_what_is_no_heartbeat_of_an_account_shows_no_limits() -> None:
    level = {"name": "drawdown", "value": "1", "limit": "5", "left": "4"}

    assert [found["left"] for found in _levels([level])] == ["4"]
    junk: list[Any] = [None, 5, "limits", {}, [1], [{"name": 1}], [{**level, "left": None}]]
    assert [_levels(foreign) for foreign in junk] == [[]] * len(junk)


def test_nobody_gives_commands_as_the_limits_of_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    """S03: an unauthorised author."""
    assert invoke(["resume", "alpha", "--reason", "r", "--author", "risk:main"]) == 67
    assert "'risk:main' is not a valid author" in capsys.readouterr().err


def test_doctor_tells_of_everything_and_warns_of_an_unknown_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVE_RUNNER_HOMES", "/x")
    invoke(["doctor", "--json"])
    found = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}

    assert set(found) >= {"python", "hot path", "disk", "nats", "database", "health port", "clock"}
    assert found["environment"]["remedy"] == "Did you mean LIVE_RUNNER_HOME"


def test_doctor_fails_when_a_named_server_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://secret@127.0.0.1:1")
    monkeypatch.setenv("TIMESCALE_DSN", "postgresql://me:secret@127.0.0.1:1/x")

    assert invoke(["doctor", "--json"]) == 1
    told = capsys.readouterr().out
    assert {f["what"] for f in json.loads(told) if f["state"] == "fail"} >= {"nats", "database"}
    assert "secret" not in told
