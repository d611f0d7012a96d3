"""One source per session, whatever stands behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fix_market import MINUTE_NS, START_NS, config, csv_lines, write_csv

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.contracts.messages import BarSet
from live_runner.services.market_data.datasets.importer import import_files
from live_runner.services.market_data.feed import open_source, recording_source

SYMBOL = "BTC/USDT:USDT"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with dataset ``d`` of ten one-minute bars."""
    path = write_csv(tmp_path / "okx_BTC-USDT-USDT_1m.csv", csv_lines(range(10)))
    import_files([path], tmp_path, name="d")
    return tmp_path


def recorded(**market: Any) -> Any:
    """A session over dataset ``d``."""
    return config(**({"source": "recording", "dataset": "d", "venue": "okx"} | market))


def test_a_recording_plays_from_its_warmup_to_its_end(home: Path) -> None:
    source = asyncio.run(open_source(recorded(), home))
    plan = asyncio.run(source.plan(4))
    items = list(source.items(None, 0))

    assert (plan.warmup_found, plan.first_open_ns) == (4, START_NS + 4 * MINUTE_NS)
    assert [item.fields["warmup"] for item in items if item.kind is BarSet] == [True] * 4 + [False] * 6
    assert source.manifest_view()["hash"]


def test_start_and_end_bound_the_session(home: Path) -> None:
    source = recording_source(recorded(start="2025-04-30T08:05:00Z", end="2025-04-30T08:07:00"), home)
    plan = source.plan_now(1)
    opens = [item.fields["open_ns"] for item in source.items(None, 0)]

    assert plan.first_open_ns == opens[1]
    assert [(at - START_NS) // MINUTE_NS for at in opens] == [4, 5, 6]


def test_the_simulated_market_needs_no_files(tmp_path: Path) -> None:
    source = recording_source(config(symbols=(SYMBOL, "ETH/USDT:USDT"), bars=200, seed=3), tmp_path / "absent")
    source.plan_now(50)

    assert sum(item.kind is BarSet for item in source.items(None, 0)) == 200
    assert [rules.symbol for rules in source.instruments()] == [SYMBOL, "ETH/USDT:USDT"]
    assert source.manifest_view()["parameters"]["seed"] == 3


def test_rules_of_the_configuration_go_over_those_of_the_dataset(home: Path) -> None:
    source = recording_source(recorded(instruments={SYMBOL: {"tick_size": "0.25"}}), home)

    assert (source.instruments()[0].tick_size, source.instruments()[0].rules) == ("0.25", "given")


@pytest.mark.parametrize(
    ("market", "what"),
    [
        ({"timeframe": "5m"}, r"market\.timeframe is 5m"),
        ({"venue": "kraken"}, r"market\.venue is kraken"),
        ({"dataset": None}, r"market\.dataset is missing"),
        ({"timeframe": "0.5m"}, "30s"),
        ({"symbols": ()}, "empty"),
        ({"symbols": (SYMBOL, SYMBOL)}, "twice"),
        ({"instruments": {"X/Y": {}}}, "X/Y"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(home: Path, market: dict[str, Any], what: str) -> None:
    """X04, D06."""
    with pytest.raises(ConfigError, match=what):
        recording_source(recorded(**market), home)


def test_a_start_that_is_no_moment_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"market\.start 'soon'"):
        recording_source(recorded(start="soon"), home).plan_now(1)


def test_a_dataset_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data import"):
        recording_source(recorded(), tmp_path)
