"""What a paper run makes of candles that it is given."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from fix_market import START_NS, csv_lines, write_csv

from live_runner.contracts.errors import DataError
from live_runner.services.cli.demo import EXAMPLES
from live_runner.services.cli.demo_sizing import DemoSizing
from live_runner.services.cli.loaded_config import load_config
from live_runner.services.cli.recorded_market import RecordedMarket, read_market

DAY = range(24 * 60 + 2)


def market_of(tmp_path: Path, name: str, lines: list[str]) -> RecordedMarket:
    folder = tmp_path / "My Candles"
    folder.mkdir(exist_ok=True)
    write_csv(folder / name, lines)
    return read_market(tmp_path / "home", folder)


def test_a_market_in_dollars_keeps_the_sizes_of_the_examples(tmp_path: Path) -> None:
    market = market_of(
        tmp_path, "okx_A-USDT-USDT_1m.csv", [f"{line}.001" if n else line for n, line in enumerate(csv_lines(DAY))]
    )
    changes = market.changes("ema_cross")

    assert changes["market"]["dataset"] == "my-candles"
    assert changes["market"]["warmup_holes"] == "refuse"
    assert changes["account"] == {"currency": "USDT", "equity": "10000"}
    assert changes["strategy"]["parameters"] == {"notional": 500.0, "short": True}


def test_a_spot_market_in_bitcoin_has_an_account_in_bitcoin_and_no_short_side(tmp_path: Path) -> None:
    lines = ["ts_ms,open,high,low,close,volume"]
    lines += [f"{START_NS // 1_000_000 + m * 60_000},7e-05,7.1e-05,6.9e-05,7e-05,1000000000.5" for m in DAY]
    changes = market_of(tmp_path, "bittrex_XRP-BTC_1m.csv", lines).changes("dual_lifo")

    assert changes["account"] == {"currency": "BTC", "equity": "1", "leverage": "1"}
    ladder = changes["strategy"]["parameters"]["long"]
    assert (ladder["base_notional"], ladder["min_order_notional"]) == (0.002, 0.0002)
    assert changes["strategy"]["parameters"]["short"]["enabled"] is False


def test_holes_are_accepted_and_told(tmp_path: Path) -> None:
    market = market_of(tmp_path, "okx_A-USDT-USDT_1m.csv", csv_lines([0, 1, *range(5, 1500)]))

    assert market.changes("ema_cross")["market"]["warmup_holes"] == "accept"
    assert any("3 bars are missing, in 1 stretches" in line for line in market.summary())


def test_symbols_that_never_trade_at_the_same_time_leave_a_hole_too(tmp_path: Path) -> None:
    market_of(tmp_path, "okx_A-USDT-USDT_1m.csv", csv_lines(range(10)))

    assert market_of(tmp_path, "okx_B-USDT-USDT_1m.csv", csv_lines(range(20, 30))).has_holes


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    market_of(tmp_path, "okx_A-USDT-USDT_1m.csv", csv_lines(DAY))

    lines = market_of(tmp_path, "kraken_A-USDT-USDT_5m.csv", csv_lines(range(0, 50, 5))).summary()

    assert any("kraken_A-USDT-USDT_5m.csv" in line and line.startswith("Left out") for line in lines)


def test_less_than_a_day_switches_off_what_looks_back_a_day(tmp_path: Path) -> None:
    market = market_of(tmp_path, "okx_A-USDT-USDT_1m.csv", csv_lines(range(100)))
    parameters = market.changes("dual_lifo")["strategy"]["parameters"]

    assert parameters["long"]["regime_move"] is None
    assert load_config(EXAMPLES / "paper_dual_lifo.yaml").changed(market.changes("dual_lifo")).warmup_bars == 0


def test_changed_settings_keep_the_ones_that_are_not_named(tmp_path: Path) -> None:
    """The short ladder has defaults of its own, which a partial change must not reset."""
    market = market_of(tmp_path, "okx_A-USDT-USDT_1m.csv", csv_lines(DAY))
    loaded = load_config(EXAMPLES / "paper_dual_lifo.yaml")
    config = loaded.changed(market.changes("dual_lifo")).config

    assert config.strategy.parameters["short"]["steps"] == loaded.config.strategy.parameters["short"]["steps"]
    assert config.fills == loaded.config.fills
    assert config.market.symbols == ("A/USDT:USDT",)


@pytest.mark.parametrize(
    ("currency", "least", "equity", "notional"),
    [
        ("USDT", "20", "10000", 500.0),
        ("USDT", "112.5", "100000", 5000.0),
        ("USDT", "105000", "100000000", 5000000.0),
        ("BTC", "0.00001", "1", 0.05),
        ("BTC", "0.04", "20", 1.0),
        ("ETH", "0.001", "10", 0.5),
        ("JPY", "1", "10000", 500.0),
    ],
)
def test_no_order_is_below_the_least_one(currency: str, least: str, equity: str, notional: float) -> None:
    sizing = DemoSizing.of(currency, Decimal(least))

    assert (sizing.equity, sizing.notional) == (equity, notional)
    assert sizing.first_lot >= float(least)


def test_a_market_that_nobody_could_trade_is_an_error() -> None:
    with pytest.raises(DataError, match="least order"):
        DemoSizing.of("USDT", Decimal("1e30"))
