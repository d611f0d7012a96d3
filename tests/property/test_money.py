"""The engine's arithmetic is Python's inside its range and a LedgerOverflow beyond: compiled and interpreted.

The oracles are Python's integers and fractions, at the edges of 53, 64, 100 and 128 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import LedgerOverflow
from live_runner.contracts.messages import Instrument
from live_runner.hotpath import fixed, normalize
from live_runner.hotpath.engine import INTERPRETED

many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def near_edges(*bits: int) -> st.SearchStrategy[int]:
    """Any number below the last edge, and those around each edge, of both signs."""
    last = 2 ** bits[-1]
    edges = [sign * 2**bit + off for bit in bits for sign in (-1, 1) for off in (-2, -1, 0, 1, 2)]
    inside = sorted({edge for edge in edges if -last < edge < last} | {-1, 0, 1, 10**12})
    return st.one_of(st.sampled_from(inside), st.integers(-last + 1, last - 1), st.integers(-(10**6), 10**6))


words = near_edges(31, 32, 53, 62, 63)
wide = near_edges(31, 53, 63, 64, 99, 100, 126, 127)


def result(call: Callable[..., Any], *arguments: Any) -> Any:
    """What the call gives, or that it overflows."""
    try:
        return call(*arguments)
    except LedgerOverflow:
        return LedgerOverflow


def inside(value: int, low: int, end: int) -> Any:
    """The value, or an overflow outside of low to end - 1."""
    return value if low <= value < end else LedgerOverflow


def half_even(value: Fraction) -> Any:
    """Python's own rounding of a fraction, as an amount."""
    return inside(round(value), -(2**100) + 1, 2**100)


@many
@given(a=words, b=words)
@example(-(2**63) + 1, -(2**63) + 1)
@example(2**62, 4)
def test_64_bits(money_calls: Any, a: int, b: int) -> None:
    assert money_calls.times(a, b) == a * b
    assert result(money_calls.add64, a, b) == inside(a + b, -(2**63), 2**63)
    assert money_calls.is_exact(a) == (-(2**53) < a < 2**53)


@many
@given(a=wide, b=wide)
@example(2**127 - 1, 1)
@example(-(2**127) + 1, -1)
@example(2**64, 2**63)
@example(-(2**64), 2**63)
def test_128_bits(money_calls: Any, a: int, b: int) -> None:
    assert money_calls.whole(money_calls.of_whole(a)) == a
    assert result(money_calls.mul, a, b) == inside(a * b, -(2**127), 2**127)
    assert result(money_calls.plus, a, b) == inside(a + b, -(2**127), 2**127)
    assert result(money_calls.amount, a) == inside(a, -(2**100) + 1, 2**100)
    assert result(money_calls.count64, a) == inside(a, -(2**63), 2**63)
    assert money_calls.near(a) == float(a)
    assert money_calls.money_float(a) == a / 10**12


@many
@given(a=wide, b=wide)
@example(2**126, 2**126)
@example(2**127 - 1, 2)
@example(5, 2)
@example(-5, 2)
@example(2**127 - 1, -1)
@example(1, 0)
def test_division_is_half_even(money_calls: Any, a: int, b: int) -> None:
    assert result(money_calls.divide, a, b) == (half_even(Fraction(a, b)) if b else LedgerOverflow)


@many
@given(a=wide, b=st.one_of(st.integers(1, 2**63 - 1), st.integers(1, 100)))
def test_floor_division_rounds_down(money_calls: Any, a: int, b: int) -> None:
    assert money_calls.floor_of(a, b) == a // b


@many
@given(
    product=wide,
    multiplier=st.one_of(st.integers(1, 10**9), st.integers(1, 2**100), st.sampled_from([2**36 - 1, 2**36, 2**63])),
    divisor=st.one_of(st.just(1), st.sampled_from([2, 5, 10**6, 10**20]), st.integers(1, 2**126)),
)
@example(2**63 - 1, 2**36 - 1, 1)
@example(2**63 - 1, 2**37, 1)
@example(2**63, 2**36 - 1, 1)
@example(-(2**63), 2**36 - 1, 1)
def test_money_is_rounded_once(money_calls: Any, product: int, multiplier: int, divisor: int) -> None:
    exact = product * multiplier
    expected = LedgerOverflow if not -(2**127) < exact < 2**127 else half_even(Fraction(exact, divisor))

    assert result(money_calls.money, product, multiplier, divisor) == expected


@pytest.mark.parametrize("units", [2**127, -(2**127), 2**128, -(2**200)])
def test_a_number_beyond_128_bits_does_not_come_in(money_calls: Any, units: int) -> None:
    with pytest.raises(LedgerOverflow):
        money_calls.of_whole(units)


def test_an_overflow_says_what_to_do(money_calls: Any) -> None:
    for call, arguments in (("mul", (2**100, 2**100)), ("amount", (2**100,)), ("add64", (2**62, 2**62))):
        with pytest.raises(LedgerOverflow, match=r"(does not fit|out of range).*\. Check prices, quantities"):
            getattr(money_calls, call)(*arguments)


def test_powers_of_ten(money_calls: Any) -> None:
    assert [money_calls.power_of_ten(exponent) for exponent in range(39)] == [10**exponent for exponent in range(39)]


@many
@given(count=st.one_of(st.floats(-(2.0**52), 2.0**52), st.integers(-(10**9), 10**9).map(lambda n: n + 0.5)))
def test_a_count_is_rounded_half_even(money_calls: Any, count: float) -> None:
    assert money_calls.nearest(count) == round(count)


steps = st.sampled_from(["1", "0.1", "0.01", "0.05", "25", "0.00000001", "1e-18", "3"])


@many
@given(step=steps, price=st.floats(allow_nan=True, allow_infinity=True))
@example("0.1", float("nan"))
@example("1", 2.0**53)
@example("1", 2.0**53 - 1)
@example("1", -1.0)
@example("0.1", 0.25)
@example("0.02", 1.15)
@example("0.02", 0.07)
def test_a_price_is_counted_in_ticks(money_calls: Any, step: str, price: float) -> None:
    """0 for what is not a price on the grid: too small, below 0, too large, not finite."""
    grid = fixed.Grid(step)
    counted = money_calls.ticks_at(price, 10.0**grid.decimals, float(grid.mantissa))
    try:
        expected = max(grid.from_float(price), 0)
    except ValueError:
        expected = 0

    assert counted == expected


@pytest.mark.parametrize("step", ["0.02", "0.05", "0.025", "0.5", "2", "0.0004"])
def test_half_a_tick_goes_to_the_even_tick_of_the_decimal_that_a_price_prints(money_calls: Any, step: str) -> None:
    """Every price on a grid four times as fine: 141 ties of 1,714 went to the odd tick once."""
    fine = Fraction(step) / 4
    grid = fixed.Grid(step)
    for number in range(1, 4000):
        price = float(fine * number)
        exact = round(Fraction(repr(price)) / Fraction(step))
        assert grid.from_float(price) == exact
        assert money_calls.ticks_at(price, 10.0**grid.decimals, float(grid.mantissa)) == exact


@many
@given(step=steps, units=near_edges(31, 53, 62, 63))
def test_counts_have_text_and_floats(money_calls: Any, step: str, units: int) -> None:
    grid = fixed.Grid(step)

    assert money_calls.units_text(grid, units) == grid.text(units)
    assert money_calls.to_float(grid, units) == grid.to_float(units)


@many
@given(units=near_edges(31, 53, 63, 64, 99, 100))
def test_amounts_have_text(money_calls: Any, units: int) -> None:
    assert money_calls.money_text(units) == fixed.money_text(units)


decimals = st.decimals("-1", "100000", places=7, allow_nan=False).map(lambda number: f"{number:f}")


MARKET = Instrument(
    symbol="A/B:B",
    venue="okx",
    base="A",
    quote="B",
    settle="B",
    tick_size="0.01",
    lot_size="0.001",
    min_amount="0.002",
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(decimals, st.sampled_from(["", "x", "nan", "1e30", "0", "0.001", "-1"])),
    rounding=st.sampled_from(["down", "nearest", "up"]),
)
@example("0.0012", "down")
def test_a_quick_answer_is_the_normalizer_s(money_calls: Any, text: str, rounding: str) -> None:
    """Or none: the interpreter never has one, and the normalizer words every refusal."""
    normalizer: Any = normalize.Normalizer(MARKET)
    answers: list[tuple[int, Any]] = [
        (money_calls.quick_ticks_text(normalizer, text), lambda: normalizer.price_ticks(text)),
        (money_calls.quick_lots_text(normalizer, text, rounding), lambda: normalizer.amount_lots(text, rounding)),
    ]
    try:
        value = float(text)
    except ValueError:
        value = 1.0
    answers += [
        (money_calls.quick_ticks(normalizer, value), lambda: normalizer.price_ticks(value)),
        (money_calls.quick_lots(normalizer, value, rounding), lambda: normalizer.amount_lots(value, rounding)),
    ]
    for quick, careful in answers:
        assert quick == -1 or quick == careful()


def test_everyday_numbers_have_a_quick_answer_in_compiled_code(money_calls: Any) -> None:
    normalizer: Any = normalize.Normalizer(MARKET)
    answers = [
        money_calls.quick_ticks(normalizer, 12.34),
        money_calls.quick_ticks_text(normalizer, "12.34"),
        money_calls.quick_lots(normalizer, 0.0129, "down"),
        money_calls.quick_lots_text(normalizer, "0.0129", "nearest"),
    ]

    assert answers == ([-1] * 4 if INTERPRETED else [1234, 1234, 12, 13])
