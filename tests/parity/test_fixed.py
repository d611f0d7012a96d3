"""Compiled exact decimals agree with the reference on everything, errors included."""

from __future__ import annotations

import math

import pytest
from fix_hotpath import outcome, twins
from hypothesis import example, given, settings
from hypothesis import strategies as st

compiled, reference = twins("fixed")

many = settings(max_examples=400, deadline=None)
integers = st.one_of(
    st.integers(-(10**6), 10**6),
    st.integers(-(2**63) - 2, 2**63 + 2),
    st.integers(-(2**101), 2**101),
    st.integers(-(2**128), 2**128),
)
digits = st.text("0123456789", max_size=24)
numbers = st.one_of(
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), digits, digits),
    st.builds(
        "{}{}{}e{}".format, st.sampled_from(["", "-"]), digits, st.sampled_from(["", "."]), st.integers(-420, 420)
    ),
    st.builds(str, integers),
    st.floats().map(repr),
    st.text("0123456789+-.eE _nai", max_size=12),
    st.text(max_size=6),
)
# The reference makes the texts of both twins' grids.
steps = st.one_of(
    st.builds(reference.decimal_text, st.integers(1, 2**53 - 1), st.integers(0, 22)),
    st.sampled_from(["1", "10", "1000000", "0.1", "0.05", "0.5", "0.25", "0.01", "0.00001", "1e-8", "1e-18", "1e-22"]),
)
# On the grid, half way and next to it: where rounding is decided.
near = st.builds(
    lambda units, part: (units, part),
    st.integers(-(2**63) - 3, 2**63 + 3),
    st.sampled_from(["0", "0.5", "0.25", "0.499", "1e-9"]),
)


@many
@given(numbers)
@example("1_0")
@example(" 1")
@example("٣")
@example("1.")
@example(".5")
@example(".")
@example("")
@example("-0")
@example("1e-400")
@example("9" * 37 + "0" * 5)
@example("0." + "0" * 60 + "1")
def test_parse_decimal_agrees(text: str) -> None:
    assert outcome(compiled.parse_decimal, text) == outcome(reference.parse_decimal, text)
    assert outcome(compiled.money, text) == outcome(reference.money, text)


@many
@given(integers, st.integers(-1, 60))
def test_decimal_text_agrees(mantissa: int, decimals: int) -> None:
    assert outcome(compiled.decimal_text, mantissa, decimals) == outcome(reference.decimal_text, mantissa, decimals)
    assert outcome(compiled.money_text, mantissa) == outcome(reference.money_text, mantissa)


@many
@given(st.floats())
@example(-0.0)
@example(5e-324)
@example(1.7976931348623157e308)
@example(1e22)
@example(1e-5)
def test_float_text_agrees(value: float) -> None:
    assert outcome(compiled.float_text, value) == outcome(reference.float_text, value)


@many
@given(integers, integers)
@example(0, 0)
@example(2**127 - 1, 2)
@example(-(2**127) + 1, 2**127 - 1)
@example(-(2**127), 1)
@example(5, 2)
@example(-5, 2)
@example(15, -10)
@example(2**100, 1)
@example(2**101 - 1, 2)
def test_division_agrees(numerator: int, denominator: int) -> None:
    assert outcome(compiled.div_half_even, numerator, denominator) == outcome(
        reference.div_half_even, numerator, denominator
    )


@many
@given(st.one_of(steps, numbers))
@example("0")
@example("-1")
@example("1e-23")
@example("9007199254740992")
@example("9007199254740993")
def test_grids_agree_on_which_steps_they_take(step: str) -> None:
    assert outcome(compiled.Grid, step)[0] in (compiled.Grid, outcome(reference.Grid, step)[0])
    assert outcome(lambda: repr(compiled.Grid(step))) == outcome(lambda: repr(reference.Grid(step)))


@many
@given(steps, st.one_of(numbers, near))
def test_grids_agree_on_texts(step: str, given_: str | tuple[int, str]) -> None:
    left, right = compiled.Grid(step), reference.Grid(step)
    if isinstance(given_, tuple):
        units, decimals = reference.parse_decimal(given_[1])
        mantissa = (given_[0] * 10**decimals + units) * right.mantissa
        text = reference.decimal_text(mantissa, right.decimals + decimals)
    else:
        text = given_

    assert (left.mantissa, left.decimals, left.step) == (right.mantissa, right.decimals, right.step)
    for name in ("units", "floor", "ceil", "nearest"):
        assert outcome(getattr(left, name), text) == outcome(getattr(right, name), text), name


@many
@given(steps, integers)
@example("0.05", 2**63 - 1)
@example("0.05", -(2**63))
@example("1e-18", 2**53 + 1)
def test_grids_agree_on_counts(step: str, units: int) -> None:
    left, right = compiled.Grid(step), reference.Grid(step)

    assert outcome(left.text, units) == outcome(right.text, units)
    assert outcome(left.to_float, units) == outcome(right.to_float, units)


@many
@given(steps, st.one_of(st.floats(), st.floats(-1e6, 1e6), st.integers(-(10**9), 10**9).map(lambda n: n / 2)))
def test_grids_agree_on_floats(step: str, value: float) -> None:
    for name in ("from_float", "floor_float", "nearest_float"):
        assert outcome(getattr(compiled.Grid(step), name), value) == outcome(
            getattr(reference.Grid(step), name), value
        ), name


@settings(max_examples=2000, deadline=None)
@given(steps, st.integers(-(10**16), 10**16), st.sampled_from([0, 1, 2, 4]), st.integers(-3, 3))
@example("0.05", 3, 1, 0)
@example("0.1", 999999999999999, 0, -1)
@example("0.1", 9007199254740993, 0, 0)
@example("0.000001", 8388608000000001, 0, 1)
def test_grids_agree_on_floats_at_a_step_and_next_to_it(step: str, units: int, parts: int, away: int) -> None:
    """The floats around a multiple, or around a half or a quarter of one, where a count is decided."""
    left, right = compiled.Grid(step), reference.Grid(step)
    value = (units + (parts and 1 / parts)) * right.mantissa / 10**right.decimals
    for _ in range(abs(away)):
        value = math.nextafter(value, math.inf if away > 0 else -math.inf)

    for name in ("from_float", "floor_float", "nearest_float"):
        assert outcome(getattr(left, name), value) == outcome(getattr(right, name), value), name


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        integers, st.integers(-(10**20), 10**20), st.integers(2**53 - 9, 2**63), st.integers(2**53 - 9, 2**53 + 9)
    )
)
@example(2**100 - 1)
@example(2**100)
@example(-(2**53) - 1)
@example((2**53 + 1) * 10**12)  # half way between two floats
@example((2**53 + 1) * 10**12 + 1)
@example((2**53 + 3) * 10**12)
def test_money_floats_agree(units: int) -> None:
    assert outcome(compiled.money_float, units) == outcome(reference.money_float, units)
    if abs(units) < 2**100:
        assert compiled.money_float(units) == float(reference.money_text(units))


@many
@given(steps, steps, steps, integers, integers, st.integers(-(10**6), 10**6), st.integers(-1, 23))
@example("1e-22", "1e-22", "1e-22", 1, 1, 1, 0)
@example("1e-18", "1", "1000000", 2**62, 2**62, 5, 4)
def test_valuations_agree(tick: str, lot: str, contract: str, lots: int, ticks: int, rate: int, decimals: int) -> None:
    made = outcome(lambda: compiled.Valuation(tick, lot, contract) and None)
    assert made == outcome(lambda: reference.Valuation(tick, lot, contract) and None)
    if made[0] is not type(None):
        return
    left, right = compiled.Valuation(tick, lot, contract), reference.Valuation(tick, lot, contract)

    assert (left.multiplier, left.divisor) == (right.multiplier, right.divisor)
    assert outcome(left.notional, lots, ticks) == outcome(right.notional, lots, ticks)
    assert outcome(left.product, lots) == outcome(right.product, lots)
    assert outcome(left.fee, lots, ticks, rate, decimals) == outcome(right.fee, lots, ticks, rate, decimals)


@pytest.mark.parametrize("name", ["mantissa", "decimals", "step"])
def test_a_compiled_grid_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(compiled.Grid("0.05"), name, 1)
