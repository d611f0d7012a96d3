"""One run of a sweep as a row: the figures of the backtest, its manifest, and what goes wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.contracts.manifest import config_fields, config_hash
from live_runner.contracts.messages import Started
from live_runner.contracts.risk import MoneyLimit, Risk
from live_runner.services.backtest.session import BacktestResult, Engine, MarketFacts, load_strategy, run_backtest
from live_runner.services.backtest.sweep.job import Job, carry_out, shared_manifest
from live_runner.services.backtest.sweep.plan import Setting, configured
from live_runner.services.backtest.sweep.rows import COLUMNS, FIGURES, manifest_fields, manifest_of, ranked
from live_runner.services.market_data.feed import RecordingSource, recording_source
from live_runner.strategies.loader import collect

FAULTY = """
from live_runner.strategies.base import LegState, Parameters, Strategy


class FaultyParameters(Parameters, frozen=True, kw_only=True):
    kind: str = "none"


class Faulty(Strategy[FaultyParameters, LegState]):
    def __init__(self, parameters, symbols, timeframe):
        if parameters.kind == "constructor":
            raise RuntimeError("not made")
        if parameters.kind == "exit":
            raise SystemExit(3)
        super().__init__(parameters, symbols, timeframe)

    def warmup(self, timeframe):
        return 10_000 if self.parameters.kind == "history" else 0

    def observe(self, bar):
        pass

    def on_bar(self, bar, view):
        if self.parameters.kind == "bar":
            raise ZeroDivisionError("in a bar")
        return []
"""
ENGINE = Engine(version="1", hash="e" * 32, platform={"machine": "m"})


def made(tmp_path: Path, text: str = "", **parameters: Any) -> tuple[Job, RecordingSource]:
    choice = StrategyChoice(module="live_runner.strategies.ema_cross", parameters={"notional": 100.0, **parameters})
    source = collect(module=choice.module)
    if text:
        (tmp_path / "faulty.py").write_text(text)
        source = collect(path=tmp_path / "faulty.py")
        choice = StrategyChoice(path="faulty.py", parameters=parameters)
    config = Config(
        session="alpha",
        strategy=choice,
        market=Market(
            venue="v", source="simulated", bars=300, symbols=("BTC/USDT:USDT", "ETH/USDT:USDT"), timeframe="1m"
        ),
    )
    market = recording_source(config, tmp_path)
    job = Job(config=config, source=source, engine=ENGINE)
    first = configured(config, load_strategy(config, source), Setting(1, {}))
    return msgspec.structs.replace(job, shared=shared_manifest(first, job, market)), market


def backtested(job: Job, market: RecordingSource, config: Config) -> BacktestResult:
    warmup = config.strategy.parameters["slow"] + 1
    plan = market.plan_now(warmup)
    facts = MarketFacts(
        instruments=market.instruments(),
        dataset=market.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )
    return run_backtest(config, job.source, facts, market.items(None, 0), job.engine)


def test_a_row_holds_every_figure_of_the_backtest(tmp_path: Path) -> None:
    job, market = made(tmp_path)
    setting = Setting(7, {"fast": 3, "slow": 9})
    config = configured(job.config, load_strategy(job.config, job.source), setting)

    row = carry_out(setting, job, market)
    result = backtested(job, market, config)

    assert result.stopped.summary["fills"] > 10
    assert {column.name: row[column.name] for column in FIGURES} == result.stopped.summary
    assert list(row) == [column.name for column in COLUMNS]
    assert (row["number"], row["status"], row["message"]) == (7, "done", "")
    assert row["parameters"] == {"fast": 3, "slow": 9}
    assert row["bars"] == result.sets * 2 == 600
    assert row["config_hash"] == config_hash(config_fields(config)) == result.started.config_hash
    assert row["strategy_hash"] == job.source.hash
    assert (row["engine_version"], row["engine_hash"]) == ("1", "e" * 32)
    assert row["dataset_hash"] == market.manifest_view()["hash"]


def test_caps_and_limits_are_searched_like_parameters(tmp_path: Path) -> None:
    """Each row is the backtest of its own configuration, one by one; a looser limit lets more through."""
    job, market = made(tmp_path, fast=3, slow=9)
    risk = Risk(drawdown=MoneyLimit(limit="1", action="stop", reset="operator"))
    job = msgspec.structs.replace(job, config=msgspec.structs.replace(job.config, risk=risk))
    fills = []
    sets: list[dict[str, Any]] = [
        {"risk.drawdown.limit": 0.05},
        {"risk.drawdown.limit": 1000},
        {"caps.order_notional": 50},
    ]
    for number, chosen in enumerate(sets, 1):
        setting = Setting(number, chosen)
        row = carry_out(setting, job, market)
        config = configured(job.config, load_strategy(job.config, job.source), setting)
        result = backtested(job, market, config)

        assert {column.name: row[column.name] for column in FIGURES} == result.stopped.summary
        assert row["parameters"] == chosen
        assert row["config_hash"] == result.started.config_hash
        fills.append(row["fills"])

    assert 0 < fills[0] < fills[1]
    assert fills[2] == 0


def test_a_limit_that_is_not_complete_is_a_row_that_says_so(tmp_path: Path) -> None:
    job, market = made(tmp_path, fast=3, slow=9)

    missing = carry_out(Setting(1, {"risk.drawdown.limit": 5}), job, market)
    wrong = carry_out(Setting(2, {"caps.order_notional": 0}), job, market)

    assert (missing["status"], wrong["status"]) == ("refused", "refused")
    assert "Object missing required field `action`" in missing["message"]
    assert wrong["message"].startswith("caps.order_notional: 0 is out of range")


def test_shared_and_own_part_make_the_whole_manifest_again(tmp_path: Path) -> None:
    job, market = made(tmp_path)
    setting = Setting(1, {"fast": 3, "slow": 9})
    row = carry_out(setting, job, market)
    config = configured(job.config, load_strategy(job.config, job.source), setting)
    started = backtested(job, market, config).started

    whole = manifest_of(job.shared, row["manifest"])

    assert whole == manifest_fields(started)
    assert set(whole) == set(Started.__struct_fields__) - {
        "v", "id", "session", "source", "seq", "cause", "event_ns", "recorded_ns",
    }  # fmt: skip
    assert "instruments" in job.shared
    assert "instruments" not in row["manifest"]


def test_a_set_that_the_parameters_refuse_is_a_row(tmp_path: Path) -> None:
    job, market = made(tmp_path)
    row = carry_out(Setting(2, {"fast": 9, "slow": 3}), job, market)

    assert row["status"] == "refused"
    assert "fast (9) must be below slow (3)" in row["message"]
    assert row["equity"] is None
    assert list(row) == [column.name for column in COLUMNS]


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("constructor", "failed", "StrategyError: Faulty cannot be created: RuntimeError: not made"),
        ("exit", "failed", "SystemExit: 3"),
        ("bar", "failed", "BTC/USDT:USDT on_bar: ZeroDivisionError: in a bar"),
        ("history", "refused", "The warmup needs 10000 bars"),
        ("none", "done", ""),
    ],
)
def test_a_run_that_cannot_be_a_result_has_no_figures(tmp_path: Path, kind: str, status: str, told: str) -> None:
    job, market = made(tmp_path, FAULTY)
    row = carry_out(Setting(1, {"kind": kind}), job, market)

    assert row["status"] == status
    assert told in row["message"]
    assert (row["equity"] is None) == (status != "done")


def test_rows_are_ranked_by_value_and_equals_by_number() -> None:
    columns = {column.name: column for column in FIGURES}
    rows = [
        {"number": number, "status": status, "equity": equity, "drawdown_equity": equity, "fills": 1}
        for number, status, equity in [
            (4, "done", "9.5"),
            (3, "done", "10.25"),
            (1, "failed", None),
            (2, "done", "9.5"),
        ]
    ]

    assert [row["number"] for row in ranked(rows, columns["equity"], 2)] == [3, 2]
    assert [row["number"] for row in ranked(rows, columns["drawdown_equity"], 9)] == [2, 4, 3]
    assert [row["number"] for row in ranked(rows, columns["fills"], 9)] == [2, 3, 4]


def test_columns_and_messages_give_the_same_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, market = made(tmp_path)
    setting = Setting(1, {"fast": 3, "slow": 9, "short": True})
    rows = [carry_out(setting, job, market)]
    monkeypatch.setattr("live_runner.services.backtest.sweep.job.run_over", through_messages)
    rows.append(carry_out(setting, job, market))

    assert [row.pop("seconds") > 0 for row in rows] == [True, True]
    assert rows[0] == rows[1]


def through_messages(
    config: Config, source: Any, facts: MarketFacts, timeline: Any, engine: Any, *, compiled: bool
) -> BacktestResult:
    return run_backtest(config, source, facts, timeline.items(), engine)
