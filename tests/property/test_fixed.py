"""Exact decimals: what must hold for every number, measured against fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import LedgerOverflow
from live_runner.hotpath import fixed

many = settings(max_examples=300, deadline=None)
amounts = st.integers(-(2**100) + 1, 2**100 - 1)
counts = st.integers(-(2**63) + 1, 2**63 - 1)
steps = st.builds(fixed.decimal_text, st.integers(1, 2**53 - 1), st.integers(0, 22))
texts = st.builds(fixed.decimal_text, st.integers(-(10**20), 10**20), st.integers(0, 24))


def _fraction(text: str) -> Fraction:
    mantissa, decimals = fixed.parse_decimal(text)
    return Fraction(mantissa, 10**decimals)


@many
@given(st.integers(), st.integers(0, 60))
def test_a_decimal_survives_its_text(mantissa: int, decimals: int) -> None:
    assume(abs(mantissa) < 10**300)
    text = fixed.decimal_text(mantissa, decimals)

    assert _fraction(text) == Fraction(mantissa, 10**decimals)
    assert fixed.decimal_text(*fixed.parse_decimal(text)) == text
    assert "e" not in text
    assert text == text.strip()


@many
@given(amounts)
def test_money_survives_its_text(units: int) -> None:
    assert fixed.money(fixed.money_text(units)) == units


@many
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_its_text(value: float) -> None:
    text = fixed.float_text(value)

    assert float(text) == value
    assert "e" not in text


@many
@given(st.integers(-(2**110), 2**110), st.integers(-(2**110), 2**110).filter(bool))
def test_division_is_the_fraction_rounded_half_even(numerator: int, denominator: int) -> None:
    wanted = round(Fraction(numerator, denominator))
    assume(abs(wanted) < 2**100)

    assert fixed.div_half_even(numerator, denominator) == wanted


@many
@given(amounts.filter(lambda quotient: quotient % 2 == 0), st.integers(1, 2**20))
def test_a_half_goes_to_the_even_count(even: int, half: int) -> None:
    assume(abs(even) * 2 * half < 2**126)

    assert fixed.div_half_even(even * 2 * half + half, 2 * half) == even
    assert fixed.div_half_even(even * 2 * half - half, 2 * half) == even


@many
@given(steps, counts)
def test_a_count_survives_its_text(step: str, units: int) -> None:
    grid = fixed.Grid(step)

    assert grid.units(grid.text(units)) == units
    assert _fraction(grid.text(units)) == units * _fraction(step)


@many
@given(steps, texts)
def test_floor_ceil_and_nearest_are_those_of_the_fraction(step: str, text: str) -> None:
    """A price or amount meets its grid in one exact step, a half at the even count."""
    grid, ratio = fixed.Grid(step), _fraction(text) / _fraction(step)
    assume(abs(ratio) < 2**62)

    assert grid.floor(text) == math.floor(ratio)
    assert grid.ceil(text) == math.ceil(ratio)
    assert grid.nearest(text) == round(ratio)
    if ratio.denominator == 1:
        assert grid.units(text) == ratio
    else:
        with pytest.raises(ValueError, match="not a multiple"):
            grid.units(text)


@many
@given(steps, st.integers(-(2**50), 2**50))
def test_to_float_is_the_nearest_float_and_comes_back(step: str, units: int) -> None:
    grid = fixed.Grid(step)
    value = grid.to_float(units)

    assert value == float(grid.text(units))
    assert abs(grid.from_float(value) - units) <= abs(units) * 2.0**-51


@many
@given(
    st.sampled_from(["0.01", "0.05", "0.1", "0.5", "1", "0.0001", "0.00001", "1e-8", "1e-18"]),
    st.integers(-(10**12), 10**12),
)
def test_market_data_on_the_grid_comes_back_exactly(step: str, units: int) -> None:
    """S02: a price that a venue prints is the count it prints, whatever its float looks like."""
    grid = fixed.Grid(step)

    assert grid.from_float(float(grid.text(units))) == units


@many
@given(steps, steps, steps, counts, counts, st.integers(-(10**8), 10**8), st.integers(0, 10))
def test_money_is_the_exact_product_rounded_once(
    tick: str, lot: str, contract: str, lots: int, ticks: int, rate: int, decimals: int
) -> None:
    size = _fraction(tick) * _fraction(lot) * _fraction(contract) * 10**12
    assume(size.numerator < 2**100 and size.denominator < 2**127)
    valuation = fixed.Valuation(tick, lot, contract)
    count, scale = lots * ticks * size.numerator, 10**decimals

    _check(lambda: valuation.notional(lots, ticks), [lots * ticks, count], [size.denominator])
    _check(lambda: valuation.product(lots * ticks), [lots * ticks, count], [size.denominator])
    _check(
        lambda: valuation.fee(lots, ticks, rate, decimals),
        [lots * ticks, count, count * rate],
        [size.denominator, size.denominator * scale],
    )


def _check(call: Callable[[], int], numerators: list[int], denominators: list[int]) -> None:
    """The exact amount, or LedgerOverflow where an intermediate leaves 127 bits or the result 100."""
    exact = round(Fraction(numerators[-1], denominators[-1]))
    if max(map(abs, numerators + denominators)) >= 2**127 or abs(exact) >= 2**100:
        with pytest.raises(LedgerOverflow):
            call()
    else:
        assert call() == exact
