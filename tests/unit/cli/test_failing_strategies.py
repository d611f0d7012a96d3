"""A strategy that does not work: every summary names it with file and line, and the exit code is 65."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from live_runner.services.cli.main import invoke

HEAD = """\
from live_runner.hotpath import indicators
from live_runner.strategies.base import Strategy, intent
{imports}

class Tried(Strategy):
    def __init__(self, parameters, symbols, timeframe):
        super().__init__(parameters, symbols, timeframe)
        self.seen = 0
        self.indicators = {indicators}

    def observe(self, bar):
        self.seen += 1

    def state(self):
        return super().state() | {{"seen": self.seen}}

    def restore(self, state):
        super().restore(state)
        self.seen = state["seen"]

    def on_bar(self, bar, view):
        {body}
"""
OPEN = 'return [intent.open(bar.symbol, "long", {quantity}, reason="try")]'
CONFIG = """\
session: alpha
strategy: {path: tried.py, on_error: %s}
market: {venue: simulated, source: simulated, bars: 400, symbols: [BTC/USDT:USDT], timeframe: 1m}
"""
STATELESS = """\
from live_runner.strategies.base import Strategy, intent


class Tried(Strategy):
    def __init__(self, parameters, symbols, timeframe):
        super().__init__(parameters, symbols, timeframe)
        self.seen = 0

    def on_bar(self, bar, view):
        self.seen += 1
        if self.seen % {every}:
            return []
        if view.leg(bar.symbol, "long").is_open:
            return [intent.close(bar.symbol, "long", reason="out")]
        return [intent.open(bar.symbol, "long", 0.01, style="market", reason="in")]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    for name in ("NATS_URL", "NATS_TOKEN", "TIMESCALE_DSN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIVE_RUNNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(home: Path, text: str, *, on_error: str = "manage_only") -> None:
    (home / "tried.py").write_text(text)
    (home / "c.yaml").write_text(CONFIG % on_error)


def _body(body: str, *, imports: str = "", indicators: str = "{}") -> str:
    return HEAD.format(body=body, imports=imports, indicators=indicators)


def _line(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def _ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    code = invoke([*arguments, "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out), told.err


@pytest.mark.parametrize("on_error", ["manage_only", "stop"])
@pytest.mark.parametrize("command", [("backtest", "c.yaml"), ("config", "check", "c.yaml")], ids=["backtest", "check"])
def test_raising_is_counted_and_named(
    home: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], on_error: str
) -> None:
    text = _body("raise ValueError('boom')")
    _write(home, text, on_error=on_error)

    code, fields, error = _ran(capsys, *command)

    (failure,) = fields["failures"]
    assert code == 65
    assert (failure["kind"], failure["reason"]) == ("failed_call", "on_bar: ValueError")
    assert failure["count"] == {"backtest": 400, "config": 200}[command[0]]
    assert failure["where"] == f"tried.py:{_line(text, 'boom')}"
    assert f"tried.py:{_line(text, 'boom')}" in error


@pytest.mark.parametrize(
    "body", ['return intent.open(bar.symbol, "long", 1, reason="x")', "return [1]", "return 'open'"]
)
def test_a_wrong_answer_is_named_with_the_method(home: Path, capsys: pytest.CaptureFixture[str], body: str) -> None:
    text = _body(body)
    _write(home, text)

    code, fields, _ = _ran(capsys, "backtest", "c.yaml")

    (failure,) = fields["failures"]
    assert code == 65
    assert (failure["kind"], failure["reason"], failure["count"]) == ("failed_call", "on_bar: StrategyError", 400)
    assert failure["where"] == f"tried.py:{_line(text, 'def on_bar')}"


def test_all_intents_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, _body('return [intent.open(bar.symbol, "long", 1e-12, style="market", reason="x")]'))

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    (failure,) = fields["failures"]
    assert code == 65
    assert (failure["kind"], failure["count"]) == ("refused", 400)
    assert "All 400 intents of the strategy were refused" in error


def test_all_orders_rejected(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, _body('return [intent.open(bar.symbol, "long", 1e6, style="market", reason="x")]'))

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    (failure,) = fields["failures"]
    assert code == 65
    assert (failure["kind"], failure["reason"], failure["count"]) == ("rejected", "insufficient_margin", 400)
    assert "All 400 orders of the strategy were rejected" in error


def test_never_warm(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, _body("return []", indicators="{'slow': indicators.Ema(10)}"))

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    assert code == 65
    assert [(row["kind"], row["reason"]) for row in fields["failures"]] == [("never_warm", "slow")]
    assert "'slow' never had a value" in error


@pytest.mark.parametrize(
    ("old", "new", "reason", "said", "line"),
    [
        ("def on_bar(", "def on_bars(", "on_bar", "Tried defines no on_bar", "def on_bars"),
        (
            "def on_bar(",
            "def select(self, bars, view):\n        return []\n\n    def on_bar(",
            "select",
            "select chose no symbol at any of",
            "def select",
        ),
    ],
    ids=["no on_bar", "nothing selected"],
)
@pytest.mark.parametrize("command", [("backtest", "c.yaml"), ("config", "check", "c.yaml")], ids=["backtest", "check"])
def test_a_strategy_that_is_never_asked(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    old: str,
    new: str,
    reason: str,
    said: str,
    line: str,
) -> None:
    text = _body(OPEN.format(quantity=0.01)).replace(old, new)
    _write(home, text)

    code, fields, error = _ran(capsys, *command)

    assert code == 65
    (failure,) = fields["failures"]
    assert (failure["kind"], failure["reason"]) == ("never_asked", reason)
    assert failure["first"].startswith(said)
    assert failure["where"] == f"tried.py:{_line(text, line)}"
    assert "The strategy was never asked for an intent in the session alpha, first: tried.py:" in error


def test_a_strategy_that_selects_now_and_then(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _body("return []").replace(
        "def on_bar(",
        "def select(self, bars, view):\n        return [] if self.seen % 100 else None\n\n    def on_bar(",
    )
    _write(home, text)

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    assert (code, fields["failures"], error) == (0, [], "")


def test_allowed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, _body("raise ValueError('boom')"))

    code, fields, error = _ran(capsys, "backtest", "c.yaml", "--allow-failures")

    assert (code, error) == (0, "")
    assert fields["failures"][0]["count"] == 400


def test_a_refusal_now_and_then_is_counted_and_no_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(
        home,
        _body(
            'return [intent.open(bar.symbol, "long", 0.01 if self.seen % 2 else -1.0, style="market", reason="x")]'
            " if self.seen < 5 else []"
        ),
    )

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    assert (code, error) == (0, "")
    counted = {(row["kind"], row["reason"]): row["count"] for row in fields["failures"]}
    assert counted == {("refused", "bad_quantity"): 2, ("refused", "not_flat"): 1}


def test_the_terminal_has_a_line_for_each(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = _body("raise ValueError('boom')")
    _write(home, text)

    code = invoke(["backtest", "c.yaml"])

    told = capsys.readouterr()
    assert code == 65
    assert "400 x failed_call (on_bar: ValueError), first: tried.py:" in told.out
    assert told.err.startswith("error: 400 calls of the strategy failed in the session alpha, first: tried.py:")


@pytest.mark.parametrize("command", [("backtest", "c.yaml"), ("config", "check", "c.yaml")], ids=["backtest", "check"])
def test_state_kept_on_self_is_found_before_a_crash(
    home: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    _write(home, STATELESS.format(every=7))

    code, fields, error = _ran(capsys, *command)

    assert code == 65
    assert "not_restartable" in [row["kind"] for row in fields["failures"]]
    assert "self (seen) and decides by belongs into state() and restore()" in error


def test_state_that_nothing_was_decided_by_is_named_only(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, STATELESS.format(every=1000))

    code, fields, error = _ran(capsys, "config", "check", "c.yaml")

    assert (code, error) == (0, "")
    assert [(row["kind"], row["count"]) for row in fields["failures"]] == [("state_lost", 1)]
    assert "After a restart seen would not be as before" in fields["failures"][0]["first"]


def test_restore_that_raises_is_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(home, _body("return []").replace('state["seen"]', 'state["absent"]'))

    code, _, error = _ran(capsys, "config", "check", "c.yaml")

    assert code == 65
    assert "restore raised KeyError" in error


@pytest.mark.parametrize(
    ("imports", "condition", "hint"),
    [
        ("import random", "random.random() < 0.5", "random.random (random numbers)"),
        ("import time", "time.perf_counter_ns() % 2", "time.perf_counter_ns (the clock)"),
    ],
)
def test_chance_is_named_with_its_line(
    home: Path, capsys: pytest.CaptureFixture[str], imports: str, condition: str, hint: str
) -> None:
    text = _body(
        f'return [intent.open(bar.symbol, "long", 0.01, style="market", reason="x")] if {condition} else []',
        imports=imports,
    )
    _write(home, text)

    code, fields, error = _ran(capsys, "config", "check", "c.yaml")

    assert code == 65
    assert "not_repeatable" in [row["kind"] for row in fields["failures"]]
    assert f"tried.py:{_line(text, condition)}: {hint}" in error


def test_the_examples_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "c.yaml").write_text(
        "session: alpha\nstrategy: {module: live_runner.strategies.dual_lifo}\n"
        "market: {venue: simulated, source: simulated, bars: 3000, symbols: [BTC/USDT:USDT], timeframe: 1m}\n"
    )

    code, fields, error = _ran(capsys, "backtest", "c.yaml")

    assert (code, error) == (0, "")
    assert [row["kind"] for row in fields["failures"] if row["kind"] != "refused"] == []
