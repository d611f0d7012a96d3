"""Market rules that are read off the bars, or given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fix_market import candles

from live_runner.contracts.errors import ConfigError, DataError
from live_runner.contracts.symbols import split_symbol
from live_runner.services.market_data.core.inferred_rules import decimals_of, infer, override
from live_runner.services.market_data.datasets.markets_file import read_markets


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([95505.4, 95502.0], 1),
        ([100.0, 7.0], 0),
        ([7.092e-05, 7.09e-05], 8),
        ([0.00010756000000000001, 0.000107], 8),
        ([0.0016200800000000001], 8),
        ([0.1 + 0.2], 1),
        ([], 0),
    ],
)
def test_decimals_are_those_that_write_every_value(values: list[float], decimals: int) -> None:
    """Noise in the last bit of a float is not a decimal."""
    assert decimals_of(np.array(values), 18) == decimals


def test_a_grid_is_never_finer_than_doubles_can_count() -> None:
    assert decimals_of(np.array([95505.123456789012]), 18) <= 10


def test_rules_are_read_off_the_bars() -> None:
    rules = infer(candles([0, 1, 2], price=7.25), "okx")

    assert (rules.tick_size, rules.lot_size, rules.min_amount, rules.rules) == ("0.01", "1", "1", "inferred")
    assert (rules.base, rules.quote, rules.settle, rules.contract) == ("BTC", "USDT", "USDT", True)


def test_a_spot_market_settles_in_its_quote() -> None:
    rules = infer(candles([0], symbol="XRP/BTC"), "bittrex")

    assert (rules.settle, rules.contract) == ("BTC", False)


def test_given_rules_go_over_the_others_and_say_so() -> None:
    rules = override(infer(candles([0]), "okx"), {"tick_size": "0.5", "min_notional": "5"})

    assert (rules.tick_size, rules.price_precision, rules.min_notional, rules.rules) == ("0.5", "0.5", "5", "given")


def test_a_rule_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"BTC/USDT:USDT\.ticksize: there is no such rule. Did you mean 'tick_size'"):
        override(infer(candles([0]), "okx"), {"ticksize": "0.5"})


def test_a_rule_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tick_size: Expected `str`, got `float`"):
        override(infer(candles([0]), "okx"), {"tick_size": 0.5})


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/", "/USDT", "BTC/USDT:", "BTC/USDT:USDT-250627", ""])
def test_a_symbol_of_another_spelling_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="not a valid symbol"):
        split_symbol(symbol)


def test_rules_of_recorded_markets_can_be_given(shared_data: Path) -> None:
    found = read_markets(shared_data / "markets" / "markets.jsonl", "binanceusdm", ["BTC/USDT:USDT", "NO/NO:NO"])

    assert {symbol: rules.rules for symbol, rules in found.items()} == {"BTC/USDT:USDT": "given"}


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "x"}'])
def test_a_line_that_is_no_market_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(line + "\n")

    with pytest.raises(DataError, match=r"m\.jsonl, row 1"):
        read_markets(path, "okx", ["BTC/USDT"])
