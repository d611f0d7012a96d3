"""A ccxt market becomes an instrument; what is missing is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from live_runner.contracts.errors import DataError
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt

SPOT: dict[str, Any] = {
    "symbol": "ADA/USDT",
    "base": "ADA",
    "quote": "USDT",
    "settle": None,
    "contract": False,
    "contractSize": None,
    "inverse": None,
    "precision": {"amount": 0.1, "price": 1e-05},
    "limits": {
        "amount": {"min": 0.1, "max": 900000.0},
        "price": {"min": None, "max": None},
        "cost": {"min": 5, "max": 0.0},
    },
}


def test_numbers_become_plain_decimal_text() -> None:
    instrument = instrument_from_ccxt(SPOT, venue="binance", precision_mode=4)

    assert (instrument.tick_size, instrument.lot_size) == ("0.00001", "0.1")
    assert (instrument.precision_mode, instrument.price_precision) == ("tick_size", "0.00001")
    assert (instrument.min_amount, instrument.max_amount, instrument.min_notional) == ("0.1", "900000", "5")
    assert (instrument.contract, instrument.settle, instrument.contract_size) == (False, "USDT", "1")


def test_no_limit_and_a_limit_of_zero_are_no_limit() -> None:
    instrument = instrument_from_ccxt(SPOT, venue="binance", precision_mode=4)

    assert (instrument.min_price, instrument.max_price, instrument.max_notional) == ("", "", "")


def test_a_contract_keeps_its_size_and_direction() -> None:
    swap = {**SPOT, "settle": "ADA", "contract": True, "contractSize": 10.0, "inverse": True}
    instrument = instrument_from_ccxt(swap, venue="okx", precision_mode=4)

    assert (instrument.contract, instrument.inverse, instrument.contract_size) == (True, True, "10")
    assert instrument.settle == "ADA"


def test_decimal_places_are_a_grid() -> None:
    market = {**SPOT, "precision": {"amount": 3, "price": 2}}
    instrument = instrument_from_ccxt(market, venue="somewhere", precision_mode=2)

    assert (instrument.tick_size, instrument.lot_size) == ("0.01", "0.001")
    assert (instrument.price_precision, instrument.amount_precision) == ("2", "3")


def test_significant_digits_stand_on_the_finest_grid() -> None:
    market = {**SPOT, "precision": {"amount": 8, "price": 5}}
    instrument = instrument_from_ccxt(market, venue="bitfinex", precision_mode=3)

    assert (instrument.tick_size, instrument.lot_size) == ("0.00000001", "0.00000001")
    assert (instrument.precision_mode, instrument.price_precision) == ("significant_digits", "5")


def test_a_venue_that_counts_amounts_otherwise_than_prices_has_a_lot_of_its_decimals() -> None:
    market = {**SPOT, "precision": {"amount": 4, "price": 4}}
    instrument = instrument_from_ccxt(market, venue="bithumb", precision_mode=3)

    assert (instrument.tick_size, instrument.lot_size) == ("0.00000001", "0.0001")


@pytest.mark.parametrize(("contract", "tick"), [(True, "0.0001"), (False, "0.000001")])
def test_a_price_may_have_the_decimals_that_the_size_leaves_over(contract: bool, tick: str) -> None:
    market = {**SPOT, "contract": contract, "precision": {"amount": 0.01, "price": 0.1}}

    assert instrument_from_ccxt(market, venue="hyperliquid", precision_mode=4).tick_size == tick


@pytest.mark.parametrize("missing", ["price", "amount"])
def test_a_market_without_precision_is_unusable_and_says_so(missing: str) -> None:
    market = {**SPOT, "precision": {**SPOT["precision"], missing: None}}

    with pytest.raises(DataError, match=f"ADA/USDT at binance has no {missing} precision") as caught:
        instrument_from_ccxt(market, venue="binance", precision_mode=4)
    assert "configuration" in caught.value.remedy


def test_a_precision_that_is_no_number_is_unusable() -> None:
    with pytest.raises(DataError, match="nan is not a valid number"):
        instrument_from_ccxt(
            {**SPOT, "precision": {"amount": float("nan"), "price": 1}}, venue="binance", precision_mode=4
        )


def test_an_unknown_way_to_count_is_unusable() -> None:
    with pytest.raises(DataError, match="mode 7"):
        instrument_from_ccxt(SPOT, venue="binance", precision_mode=7)


def test_every_recorded_market_becomes_an_instrument(shared_data: Path) -> None:
    with (shared_data / "markets" / "markets.jsonl").open() as lines:
        markets = [json.loads(line) for line in lines]
    for market in markets:
        instrument = instrument_from_ccxt(market, venue=market["exchange"], precision_mode=market["precisionMode"])
        assert float(instrument.tick_size) > 0
        assert float(instrument.lot_size) > 0
        if market["precisionMode"] == 4 and market["exchange"] != "hyperliquid":
            assert float(instrument.tick_size) == market["precision"]["price"]
            assert float(instrument.lot_size) == market["precision"]["amount"]
