"""Normalization against ccxt itself, the installed one, on generated markets and numbers."""

from __future__ import annotations

import decimal
import functools
import math
from collections.abc import Callable
from typing import Any

import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import NormalizationRefused
from live_runner.hotpath import normalize
from live_runner.services.venues.ccxt_markets import PRECISION_MODES, instrument_from_ccxt

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
grid_steps = st.one_of(
    st.sampled_from(
        [1e-18, 1e-12, 1e-08, 1e-05, 0.0001, 0.0005, 0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 100.0]
    ),
    st.builds(lambda n, d: n / 10**d, st.integers(1, 99_999), st.integers(0, 12)),
)


@st.composite
def at_a_step(draw: st.DrawFn, step: float) -> float:
    """The float of a multiple of the step, of a half or a quarter of one, or one of its neighbours."""
    value = draw(st.integers(0, 10**7)) * step * draw(st.sampled_from([1.0, 0.5, 0.25]))
    for _ in range(draw(st.integers(0, 2))):
        value = math.nextafter(value, draw(st.sampled_from([0.0, math.inf])))
    return value


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
    _same(normalizer.price, exchange.price_to_precision, value)
    _same(normalizer.amount, exchange.amount_to_precision, value)


def _same(ours: Callable[[Any], str], theirs: Callable[[str, Any], str], value: Any) -> None:
    """Our text is ccxt's; we refuse where it raises."""
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


@settings(max_examples=1000, deadline=None)
@given(data=st.data(), mode=st.sampled_from(sorted(PRECISION_MODES)), price=grid_steps, amount=grid_steps)
def test_a_made_up_market_of_any_mode_gets_what_ccxt_would_send(
    data: st.DataObject, mode: int, price: float, amount: float
) -> None:
    """Values on, half way between and next to the steps, where rounding is decided."""
    digits = st.integers(-3, 12) if mode == ccxt.DECIMAL_PLACES else st.integers(1, 12)
    counts = (price, amount) if mode == ccxt.TICK_SIZE else (data.draw(digits), data.draw(digits))
    exchange, market = ccxt.okx({"precisionMode": mode}), _market("okx", counts[0], counts[1], 1, False)
    exchange.markets = {SYMBOL: market}
    assert exchange.precisionMode == mode
    normalizer = normalize.Normalizer(instrument_from_ccxt(market, venue="okx", precision_mode=mode))
    for value in (data.draw(at_a_step(price)), data.draw(at_a_step(amount)), data.draw(numbers)):
        _same(normalizer.price, exchange.price_to_precision, value)
        _same(normalizer.amount, exchange.amount_to_precision, value)


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
