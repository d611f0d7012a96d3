"""Exact decimals: known answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live_runner.contracts.errors import ConfigError, LedgerOverflow
from live_runner.hotpath import fixed


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.10", (1, 1)),
        ("100", (100, 0)),
        ("7e-05", (7, 5)),
        ("-1.50e1", (-15, 0)),
        ("+.5", (5, 1)),
        ("1.", (1, 0)),
        ("-0", (0, 0)),
        ("1e3", (1000, 0)),
        ("1E-18", (1, 18)),
        ("0000.0010", (1, 3)),
    ],
)
def test_a_decimal_is_a_mantissa_without_trailing_zeros(text: str, parts: tuple[int, int]) -> None:
    assert fixed.parse_decimal(text) == parts


@pytest.mark.parametrize(
    "text", ["", ".", "-", "nan", "inf", "-Infinity", "1_0", " 1", "1 ", "1e", "0x1", "1,5", "\u0661", "1e999"]
)
def test_what_is_no_finite_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a valid decimal number|digits"):
        fixed.parse_decimal(text)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0"),
        (-500_000_000_000, "-0.5"),
        (12_345_000_000_000, "12.345"),
        (1, "0.000000000001"),
        (-1, "-0.000000000001"),
        (10**30, "1000000000000000000"),
        (2**100 - 1, "1267650600228229401.496703205375"),
    ],
)
def test_money_has_twelve_decimals(units: int, text: str) -> None:
    assert fixed.money_text(units) == text
    assert fixed.money(text) == units


def test_money_finer_than_its_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 12 decimals"):
        fixed.money("0.0000000000001")


@pytest.mark.parametrize(
    "call",
    [
        lambda: fixed.money("1e19"),
        lambda: fixed.money_text(2**100),
        lambda: fixed.money_text(-(2**100)),
        lambda: fixed.div_half_even(2**127, 1),
        lambda: fixed.div_half_even(1, 2**127),
        lambda: fixed.div_half_even(2**100, 1),
        lambda: fixed.Grid("0.1").text(2**63),
        lambda: fixed.Grid("0.1").to_float(-(2**63)),
        lambda: fixed.Valuation("1", "1", "1").notional(2**62, 2**62),
        lambda: fixed.Valuation("1", "1", "1").product(2**120),
        lambda: fixed.Valuation("1", "1", "1").fee(2**40, 2**40, 10**18, 4),
    ],
)
def test_an_amount_out_of_range_is_our_fault_and_never_wrong(call: Callable[[], object]) -> None:
    """L02"""
    with pytest.raises(LedgerOverflow):
        call()


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (5, -2, -2), (1, 3, 0), (2, 3, 1), (-2, 3, -1), (0, 9, 0)],
)
def test_division_rounds_a_half_to_the_even_quotient(numerator: int, denominator: int, quotient: int) -> None:
    assert fixed.div_half_even(numerator, denominator) == quotient


def test_nothing_is_divided_by_zero() -> None:
    with pytest.raises(ZeroDivisionError):
        fixed.div_half_even(1, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-05, "0.00001"), (0.1, "0.1"), (-0.0, "0"), (1e22, "10000000000000000000000"), (-2.5, "-2.5"), (3.0, "3")],
)
def test_a_float_is_written_without_exponent(value: float, text: str) -> None:
    assert fixed.float_text(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_not_finite_has_no_text_and_no_place_on_a_grid(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        fixed.float_text(value)
    with pytest.raises(ValueError, match="cannot be counted"):
        fixed.Grid("0.1").from_float(value)


def test_a_grid_counts_exactly() -> None:
    grid = fixed.Grid("0.05")

    assert (grid.mantissa, grid.decimals, grid.step) == (5, 2, "0.05")
    assert grid.text(-7) == "-0.35"
    assert grid.units("0.350") == 7
    assert (grid.floor("0.37"), grid.ceil("0.37")) == (7, 8)
    assert (grid.floor("-0.37"), grid.ceil("-0.37")) == (-8, -7)
    assert (grid.nearest("0.375"), grid.nearest("0.425"), grid.nearest("0.4251")) == (8, 8, 9)
    assert (grid.from_float(0.37), grid.from_float(0.375), grid.to_float(7)) == (7, 8, 0.35)


def test_a_number_between_two_steps_is_not_on_the_grid() -> None:
    with pytest.raises(ValueError, match=r"0\.37 is not a multiple of 0\.05"):
        fixed.Grid("0.05").units("0.37")


def test_grids_reach_from_1e_minus_18_to_a_million() -> None:
    assert fixed.Grid("1e-18").text(123) == "0.000000000000000123"
    assert fixed.Grid("1e-18").from_float(0.001) == 10**15
    assert fixed.Grid("1000000").from_float(2.5e6) == 2
    assert fixed.Grid("1000000").text(3) == "3000000"
    assert fixed.Grid("1e-22").from_float(1e-22) == 1


@pytest.mark.parametrize("step", ["1e-23", "0", "-0.1", "nan", "", "9007199254740993"])
def test_a_step_that_floats_cannot_count_is_a_wrong_configuration(step: str) -> None:
    with pytest.raises(ConfigError, match="The step"):
        fixed.Grid(step)


def test_a_float_too_far_out_is_not_counted() -> None:
    assert fixed.Grid("1").from_float(2.0**53 - 1) == 2**53 - 1
    with pytest.raises(ValueError, match="cannot be counted in steps of 1"):
        fixed.Grid("1").from_float(2.0**53)


def test_money_of_lots_at_ticks() -> None:
    """0.123 BTC at 61728.3, and the taker fee of 0.05 % on it."""
    valuation = fixed.Valuation("0.1", "0.001", "1")

    assert fixed.money_text(valuation.notional(123, 617283)) == "7592.5809"
    assert fixed.money_text(valuation.product(-123 * 617283)) == "-7592.5809"
    assert fixed.money_text(valuation.fee(123, 617283, 5, 4)) == "3.79629045"
    assert fixed.money_text(valuation.fee(123, 617283, -1, 4)) == "-0.75925809"


def test_contracts_of_a_million_coins_at_a_tick_of_1e_minus_18() -> None:
    valuation = fixed.Valuation("1e-18", "1", "1000000")

    assert valuation.notional(1, 1) == 1  # 1e-12
    assert valuation.notional(3, 1_500_000) == 4_500_000
    assert fixed.Valuation("1e-18", "0.1", "1").product(25 * 10**5) == 0  # 0.25 of a unit
    assert fixed.Valuation("1e-18", "0.1", "1").product(5 * 10**6) == 0  # half a unit, to the even one
    assert fixed.Valuation("1e-18", "0.1", "1").product(15 * 10**6) == 2


@pytest.mark.parametrize("sizes", [("0", "1", "1"), ("1", "-1", "1"), ("1", "1", ""), ("1e-22", "1e-22", "1e-22")])
def test_sizes_that_make_no_money_are_a_wrong_configuration(sizes: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError):
        fixed.Valuation(*sizes)
