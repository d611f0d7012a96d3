"""Orders of one market: what is taken, what is refused, and with which token."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from live_runner.contracts.errors import ConfigError, NormalizationRefused, TheirFault
from live_runner.contracts.messages import Instrument
from live_runner.hotpath import fixed, normalize

MARKET = Instrument(
    symbol="BTC/USDT:USDT",
    venue="binanceusdm",
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size="0.1",
    lot_size="0.001",
    min_amount="0.002",
    max_amount="100",
    min_price="100",
    max_price="1000000",
    min_notional="50",
    max_notional="1000000",
)


def _refusal(call: Any, *arguments: Any) -> NormalizationRefused:
    with pytest.raises(NormalizationRefused) as caught:
        call(*arguments)
    return caught.value


def test_a_price_goes_to_the_nearest_tick_and_a_half_away_from_zero() -> None:
    normalizer = normalize.Normalizer(MARKET)

    assert normalizer.price(61728.3512) == "61728.4"
    assert normalizer.price("61728.35") == "61728.4"
    assert normalizer.price("61728.25") == "61728.3"
    assert normalizer.price(61728) == "61728"


def test_an_amount_is_cut_off_and_never_grows() -> None:
    normalizer = normalize.Normalizer(MARKET)

    assert normalizer.amount(0.0129999) == "0.012"
    assert normalizer.amount("1.0009") == "1"
    assert normalizer.amount_lots("0.0129999") == 12
    assert normalizer.amount_lots("0.0129999", "nearest") == 13
    assert normalizer.amount_lots("0.0125", "nearest") == 13


def test_counts_are_on_the_grid_of_the_market() -> None:
    normalizer = normalize.Normalizer(MARKET)

    assert normalizer.price_ticks("61728.35") == 617284
    assert normalizer.ticks.text(617284) == "61728.4"
    assert normalizer.lots.text(12) == "0.012"
    assert fixed.money_text(normalizer.notional(12, 617284)) == "740.7408"


@pytest.mark.parametrize(
    ("method", "text", "reason"),
    [
        ("price", "nan", "not_a_number"),
        ("price", "", "not_a_number"),
        ("price", "0.01", "price_out_of_range"),
        ("price", "1e30", "price_out_of_range"),
        ("price_ticks", "99.9", "price_out_of_range"),
        ("price_ticks", "1000000.1", "price_out_of_range"),
        ("price_ticks", "-1", "negative"),
        ("price_ticks", "one", "not_a_number"),
        ("amount", "inf", "not_a_number"),
        ("amount", "0.0009", "amount_rounds_to_zero"),
        ("amount", "0", "amount_rounds_to_zero"),
        ("amount_lots", "0.0009", "amount_rounds_to_zero"),
        ("amount_lots", "0.0019", "below_min_amount"),
        ("amount_lots", "100.001", "above_max_amount"),
        ("amount_lots", "1e40", "above_max_amount"),
        ("amount_lots", "-1", "negative"),
        ("amount_lots", "lots", "not_a_number"),
    ],
)
def test_a_refusal_names_its_reason(method: str, text: str, reason: str) -> None:
    refusal = _refusal(getattr(normalize.Normalizer(MARKET), method), text)

    assert refusal.reason == reason
    assert refusal.fields["reason"] == reason
    assert isinstance(refusal, TheirFault)


def test_notional_is_held_between_the_limits() -> None:
    normalizer = normalize.Normalizer(MARKET)

    assert normalizer.notional(5, 100000) == fixed.money("50")
    assert _refusal(normalizer.notional, 5, 99999).reason == "below_min_notional"
    assert normalizer.notional(100_000, 100_000) == fixed.money("1000000")
    assert _refusal(normalizer.notional, 100_001, 100_000).reason == "above_max_notional"


def test_a_close_takes_what_is_there_whatever_the_limits() -> None:
    normalizer = normalize.Normalizer(MARKET)

    assert normalizer.amount_lots("0.001", "down", False) == 1
    assert normalizer.amount_lots("100.001", "down", False) == 100_001
    assert _refusal(normalizer.amount_lots, "0.0009", "down", False).reason == "amount_rounds_to_zero"


def test_a_market_without_limits_refuses_only_zero() -> None:
    free = replace(MARKET, min_amount="", max_amount="", min_price="", max_price="", min_notional="", max_notional="")
    normalizer = normalize.Normalizer(free)

    assert normalizer.amount_lots("0.001") == 1
    assert normalizer.price_ticks("0.1") == 1
    assert normalizer.notional(1, 1) == fixed.money("0.0001")


def test_a_limit_beyond_counting_is_no_limit() -> None:
    normalizer = normalize.Normalizer(replace(MARKET, max_amount="1e30", max_notional="1e40"))

    assert normalizer.amount_lots("9000000000000000") == 9 * 10**18
    assert normalizer.notional(10**6, 10**9) == fixed.money("100000000000")


def test_an_inverse_contract_is_worth_its_size() -> None:
    inverse = replace(MARKET, inverse=True, contract_size="100", lot_size="1", min_notional="150", max_notional="")
    normalizer = normalize.Normalizer(inverse)

    assert normalizer.notional(2, 617284) == fixed.money("200")
    assert _refusal(normalizer.notional, 1, 617284).reason == "below_min_notional"


def test_a_close_rounds_down_where_ccxt_would_round_up() -> None:
    """hyperliquid's ccxt rounds sizes to the nearest; a close must never grow past the position."""
    normalizer = normalize.Normalizer(
        replace(
            MARKET, venue="hyperliquid", tick_size="0.001", min_amount="", price_precision="", amount_precision="0.001"
        )
    )

    assert normalizer.amount("0.0019") == "0.002"
    assert normalizer.amount_lots("0.0019") == 1
    assert normalizer.amount("0") == "0"
    assert _refusal(normalizer.amount_lots, "0").reason == "amount_rounds_to_zero"


@pytest.mark.parametrize("step", ["0", "-1", "", "1e-23", "x"])
def test_a_market_without_a_usable_grid_is_refused(step: str) -> None:
    with pytest.raises(ConfigError, match=r"step|tick_size"):
        normalize.Normalizer(replace(MARKET, tick_size=step))


def test_an_unknown_rounding_is_refused() -> None:
    with pytest.raises(ConfigError, match="'up' is not a valid rounding"):
        normalize.Normalizer(MARKET).amount_lots("1", "up")
