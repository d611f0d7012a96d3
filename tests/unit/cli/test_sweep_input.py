"""Wrong input to ``sweep``: one line that names the thing and the remedy, before anything is run."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from live_runner.contracts.errors import ConfigError
from live_runner.services.backtest.sweep.plan import Part
from live_runner.services.backtest.sweep.store import check_same
from live_runner.services.cli.main import invoke
from live_runner.services.cli.sweep_setup import Search, prepare

CONFIG = """\
session: alpha
strategy: {module: live_runner.strategies.ema_cross, parameters: {notional: 100, short: true}}
market:
  venue: simulated
  source: simulated
  bars: %d
  symbols: [BTC/USDT:USDT, ETH/USDT:USDT]
  timeframe: 1m
"""
COMMAND = ["sweep", "c.yaml", "--space", "space.yaml"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVE_RUNNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIG % 400)
    (tmp_path / "space.yaml").write_text("fast: [3, 5, 12]\nslow: {from: 8, to: 20, step: 4}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--sort", "equty"], 64, "Did you mean 'equity'"),
        (["--sort", "message"], 64, "--sort message is not a column that ranks"),
        (["--part", "3/2"], 64, "--part 3/2 is not a valid part"),
        (["--seed", "3"], 64, "--seed has no effect in a grid"),
        (["--random", "0"], 64, "--random 0 is out of range"),
        (["--random", "500"], 64, "seems to hold 12 different sets"),
        (["--database", "--out", "x.parquet"], 64, "exclude each other"),
        (["--name", "a b"], 64, "a b"),
        (["--out", "/proc/x/y.parquet"], 64, "cannot be written"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--best", "0"], 2, "--best"),
    ],
)
def test_a_wrong_command_line_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    found = invoke([*COMMAND, *arguments])
    err = capsys.readouterr().err

    assert found == code
    assert told in err


@pytest.mark.parametrize(
    ("file", "text", "code", "told"),
    [
        ("space.yaml", "fsat: [1]", 64, "space.yaml line 1: fsat: EmaCrossParameters has no parameter fsat"),
        ("space.yaml", "fast: [60]\nslow: [50]", 64, "refuses every one of the 1 parameter sets"),
        ("space.yaml", "slow: [350, 500]", 66, "The warmup needs 501 bars"),
        ("space.yaml", "fast: {from: 1, to: 9}", 64, "a grid needs to know which values"),
        ("c.yaml", (CONFIG % 400).replace("simulated\n  bars", "ccxt\n  bars"), 64, "A sweep needs recorded candles"),
    ],
)
def test_a_wrong_file_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, code: int, told: str
) -> None:
    (folder / file).write_text(text)
    found = invoke(COMMAND)
    err = capsys.readouterr().err

    assert found == code
    assert told in err


def test_a_strategy_without_a_compiled_twin_is_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = (CONFIG % 400).replace("ema_cross, parameters: {notional: 100, short: true}", "breakout_bracket")
    (folder / "c.yaml").write_text(told)
    (folder / "space.yaml").write_text("channel: [10, 20]")

    assert invoke([*COMMAND, "--compiled"]) == 64
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "compiled" in err
    assert not (folder / "home").exists()


def test_a_sweep_does_not_go_on_upon_another_platform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R02: the last bit of a float may be another one there, so its rows are kept apart."""
    search = Search(Path("c.yaml"), Path("space.yaml"), None, None, Part(1, 1), None, compiled=False)
    here = prepare(search, folder / "home").header.made_of
    monkeypatch.setattr(platform, "machine", lambda: "another")
    there = prepare(search, folder / "home").header.made_of

    assert {key for key in here if here[key] != there[key]} == {"platform"}
    with pytest.raises(ConfigError, match="were made with another platform"):
        check_same("sweep.parquet", there, here)
