"""Normalization against ccxt itself, the installed one, on generated markets and numbers."""

from __future__ import annotations

import decimal
import functools
from typing import Any

import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import NormalizationRefused
from live_runner.contracts.instruments import PRECISION_MODES, instrument_from_ccxt
from live_runner.hotpath import normalize

many = settings(max_examples=300, deadline=None)
VENUES = ("kraken", "okx", "gate", "bitfinex", "bithumb", "hyperliquid", "polymarket")
SYMBOL = "A/B:B"
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(1e-8, 1e8),
    st.builds(lambda n, d: n / 10**d, st.integers(-(10**10), 10**10), st.integers(0, 12)),
    st.integers(-(10**9), 10**9),
    st.builds("{}.{}".format, st.integers(0, 10**12), st.integers(0, 10**12)),
    st.integers(10**20, 10**29).map(lambda n: f"{n // 10**9}.{n % 10**9:09d}"),
)
grid_steps = st.sampled_from(
    [1e-12, 1e-08, 1e-05, 0.0001, 0.0005, 0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 100.0]
)


@functools.cache
def _exchange(venue: str) -> Any:
    return getattr(ccxt, venue)()


def _market(venue: str, price: float, amount: float, digits: int, spot: bool) -> dict[str, Any]:
    if venue in ("bitfinex", "bithumb"):
        price, amount = digits, 8
    if venue == "hyperliquid":
        amount = 10.0 ** -(digits % 6)
    return {
        "symbol": SYMBOL,
        "base": "A",
        "quote": "B",
        "settle": None if spot else "B",
        "spot": spot,
        "contract": not spot,
        "inverse": False,
        "contractSize": None if spot else 1.0,
        "precision": {"price": price, "amount": amount},
        "limits": {},
    }


@pytest.mark.parametrize("venue", VENUES)
@many
@given(price=grid_steps, amount=grid_steps, digits=st.integers(1, 8), spot=st.booleans(), value=numbers)
def test_every_venue_gets_what_ccxt_would_send(
    venue: str, price: float, amount: float, digits: int, spot: bool, value: Any
) -> None:
    exchange, market = _exchange(venue), _market(venue, price, amount, digits, spot)
    exchange.markets = {SYMBOL: market}
    instrument = instrument_from_ccxt(market, venue=venue, precision_mode=exchange.precisionMode)
    normalizer = normalize.Normalizer(instrument)
    for ours, theirs in (
        (normalizer.price, exchange.price_to_precision),
        (normalizer.amount, exchange.amount_to_precision),
    ):
        with decimal.localcontext():  # ccxt changes the rounding of the thread
            try:
                wanted = theirs(SYMBOL, value)
            except (ccxt.InvalidOrder, decimal.InvalidOperation):
                wanted = None
        if wanted is None:
            with pytest.raises(NormalizationRefused):
                ours(value)
        else:
            assert ours(value) == wanted


@many
@given(
    value=numbers,
    rounding=st.sampled_from(["round", "truncate"]),
    mode=st.sampled_from(sorted(PRECISION_MODES)),
    padding=st.sampled_from(["no_padding", "pad_with_zero"]),
    digits=st.integers(-4, 30),
    step=grid_steps,
)
def test_precision_is_that_of_ccxt(
    value: Any, rounding: str, mode: int, padding: str, digits: int, step: float
) -> None:
    count: Any = step if mode == ccxt.TICK_SIZE else digits
    with decimal.localcontext():
        try:
            wanted = ccxt.decimal_to_precision(
                value,
                ccxt.ROUND if rounding == "round" else ccxt.TRUNCATE,
                count,
                mode,
                ccxt.NO_PADDING if padding == "no_padding" else ccxt.PAD_WITH_ZERO,
            )
        except decimal.InvalidOperation:
            wanted = None
    text = value if isinstance(value, str) else repr(value)
    arguments = (text, rounding, repr(count), PRECISION_MODES[mode], padding)
    if wanted is None:
        with pytest.raises(ValueError, match="digits"):
            normalize.decimal_to_precision(*arguments)
    else:
        assert normalize.decimal_to_precision(*arguments) == wanted
