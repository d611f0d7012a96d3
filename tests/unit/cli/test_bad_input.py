"""Wrong input to ``run`` and ``serve``: one line that names the thing and the remedy, before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_runner.services.cli.main import invoke

CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {fast: 5, slow: 20, notional: 500}}
market:
  venue: simulated
  source: simulated
  bars: 100
  symbols: [BTC/USDT:USDT]
  timeframe: 1m
"""
MODULE = "module: live_runner.strategies.ema_cross"

WRONG = {
    "unknown key": ("bars: 100", "barz: 100", 64, "c.yaml line 6: market.barz", "Did you mean 'bars'"),
    "missing key": ("  timeframe: 1m\n", "", 64, "market.timeframe: this key is missing", "Add `timeframe:`"),
    "no YAML": ("timeframe: 1m", "timeframe: 1m\n : : [", 64, "not valid YAML", "Check indentation"),
    "no module": ("ema_cross", "absent", 65, "live_runner.strategies.absent", "Check strategy.module"),
    "no file": (MODULE, "path: absent.py", 65, "absent.py", "relative to the configuration"),
    "raises": (MODULE, "path: raises.py", 65, "raises.py, line 1: ZeroDivisionError", "Correct the strategy"),
    "exits": (MODULE, "path: exits.py", 65, "exits.py, line 1: SystemExit", "Correct the strategy"),
    "no class": (MODULE, "path: empty.py", 65, "'empty' holds 0 strategies", "Derive a class"),
    "parameter": ("fast: 5", "faster: 5", 64, "strategy.parameters.faster", "Did you mean 'fast'?"),
    "value": ("fast: 5", "fast: 50", 64, "fast (50) must be below slow (20)", "See the parameters"),
    "type": ("fast: 5", "fast: abc", 64, "strategy.parameters.fast", "See the parameters"),
    "currency": ("BTC/USDT:USDT", "FOO/BAR:BAZ", 64, "FOO/BAR:BAZ settles in BAZ", "account.currency"),
    "history": ("bars: 100", "bars: 10", 66, "needs 21 bars", "the recording has 10"),
    "dataset": ("source: simulated", "source: recording\n  dataset: mine", 65, "no dataset 'mine'", "data import"),
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and no servers but the embedded ones."""
    for name in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVE_RUNNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on and says nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def told(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    assert invoke(arguments) == code
    stderr = capsys.readouterr().err
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    return stderr


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_is_told_in_one_line(case: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D03 among them: nothing is started, so the session's name stays free."""
    right, wrong, code, what, remedy = WRONG[case]
    assert right in CONFIG
    (home / "c.yaml").write_text(CONFIG.replace(right, wrong))
    line = told(["run", "c.yaml", "--stage", "paper"], code, capsys)

    assert what in line
    assert remedy in line
    assert not (home / "home" / "nats").exists()


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("BTC_USDT_USDT-1m.csv", b"", "is empty"),
        ("BTC_USDT_USDT-1m.parquet", b"PAR1 garbage", "is not a readable Parquet file"),
        (
            "BTC_USDT_USDT-1m.csv",
            b"timestamp,open,high,low,close,volume\n1700000000000,1,2,0.5,x,3\n",
            "row 2: close is 'x'",
        ),
    ],
)
def test_a_candle_file_that_is_empty_or_corrupt_is_named(
    name: str, data: bytes, what: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """R06."""
    (home / "candles").mkdir()
    (home / "candles" / name).write_bytes(data)
    line = told(["data", "import", "candles", "--name", "mine"], 65, capsys)

    assert name in line
    assert what in line


def test_a_nats_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMESCALE_DSN", "postgresql://me:secret@127.0.0.1:1/x")
    monkeypatch.setenv("NATS_URL", f"nats://token@127.0.0.1:{taken_port}")
    line = told(["tail", "--no-follow"], 69, capsys)

    assert f"NATS at nats://***@127.0.0.1:{taken_port} does not answer: TimeoutError. Start it" in line


def test_a_database_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIMESCALE_DSN", "postgresql://me:secret@127.0.0.1:1/x")
    line = told(["db", "migrate"], 69, capsys)

    assert "The database at postgresql://me:***@127.0.0.1:1/x does not answer" in line
    assert "TIMESCALE_DSN" in line
    assert "secret" not in line


def test_a_taken_health_port_is_named(
    monkeypatch: pytest.MonkeyPatch, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("LIVE_RUNNER_HEALTH_PORT", str(taken_port))
    line = told(["serve", "execution"], 64, capsys)

    assert f"cannot listen on 127.0.0.1:{taken_port}" in line
    assert "LIVE_RUNNER_HEALTH_PORT" in line
