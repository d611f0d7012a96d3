"""Markets and numbers at the edge: the documented result or a named error, in both twins of the exact modules."""

from __future__ import annotations

import math
from typing import Any

import pytest
from fix_engine import Account
from fix_hotpath import twins

from live_runner.contracts.errors import ConfigError, LedgerOverflow, NormalizationRefused, OurFault
from live_runner.contracts.messages import Instrument

MONEY = 10**12


@pytest.fixture(params=[0, 1], ids=["compiled", "reference"])
def twin(request: pytest.FixtureRequest) -> Any:
    """The module of a name, of one twin."""
    return lambda name: twins(name)[request.param]


# -- sizes of a market -------------------------------------------------------------------------------


def test_a_tick_of_1e_18_counts_exactly(twin: Any) -> None:
    grid = twin("fixed").Grid("1e-18")

    assert grid.units("0.000000000000001234") == 1234
    assert grid.text(1234) == "0.000000000000001234"
    assert grid.to_float(1234) == 1.234e-15
    assert grid.from_float(1.234e-15) == grid.floor_float(1.234e-15) == grid.nearest_float(1.234e-15) == 1234
    assert grid.to_float(2**63 - 1) == 9.223372036854775807


def test_a_price_that_fine_ticks_cannot_count_is_refused(twin: Any) -> None:
    grid = twin("fixed").Grid("1e-18")

    with pytest.raises(ValueError, match=r"1.0 cannot be counted in steps of 0.000000000000000001"):
        grid.from_float(1.0)
    with pytest.raises(ValueError, match="out of range"):
        grid.floor_float(10.0)
    assert grid.floor_float(9.2) == 9_200_000_000_000_000_000  # the text is exact beyond 2**53


def test_money_of_fine_ticks_and_large_contracts_is_rounded_once(twin: Any) -> None:
    value = twin("fixed").Valuation("1e-18", "1", "1000000")

    assert (value.multiplier, value.divisor) == (1, 1)
    assert value.notional(3, 5) == 15  # 1.5e-11
    half = twin("fixed").Valuation("1e-18", "1", "500000")
    assert [half.product(n) for n in (1, 2, 3, -1, -3)] == [0, 1, 2, 0, -2]


@pytest.mark.parametrize("size", ["0", "-1", "1e-23", "9007199254740992", "nan", "", "one"])
def test_a_size_that_is_no_step_is_named(twin: Any, size: str) -> None:
    fixed = twin("fixed")
    with pytest.raises(ConfigError, match=r"The step '.*' is"):
        fixed.Grid(size)
    for place, name in enumerate(("tick_size", "lot_size", "contract_size")):
        sizes = ["1", "1", "1"]
        sizes[place] = size
        with pytest.raises(ConfigError, match=f"The {name} '{size}' is"):
            fixed.Valuation(*sizes)


@pytest.mark.parametrize("limits", [{"min_amount": "1e308"}, {"min_price": "1e30"}, {"max_amount": "-1e308"}])
def test_a_limit_that_allows_no_order_is_refused(twin: Any, limits: dict[str, Any]) -> None:
    sizes: dict[str, Any] = {"tick_size": "0.1", "lot_size": "0.001"}
    with pytest.raises(ConfigError, match="cannot be counted"):
        twin("normalize").Normalizer(
            Instrument(symbol="A/B", venue="v", base="A", quote="B", settle="B", **sizes, **limits)
        )


def test_a_tick_of_a_lot_that_is_no_amount_is_refused(twin: Any) -> None:
    with pytest.raises(ConfigError, match="no amount that can be kept"):
        twin("fixed").Valuation("1000000", "1000000", "10000000")
    with pytest.raises(ConfigError, match="no amount that can be kept"):
        twin("fixed").Valuation("1e-22", "1e-22", "1e-10")


def test_large_contracts_are_traded_to_the_last_unit() -> None:
    account = Account(10**6 * MONEY, "lifo", ("0.000000000000000001", "1", "1000000"))
    account.increase(0, 0, 1_000_000_007, 1_000_000_000_003, rate=5, decimals=4)
    account.mark(0, 1_000_000_000_004)

    assert account.unrealised == 1_000_000_007
    assert account.fees_taker == 500_000_003_501_500_000  # 500000003501500000.0105


# -- numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["from_float", "floor_float", "nearest_float"])
def test_what_is_no_number_is_not_counted(twin: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=r"nan|inf"):
        getattr(twin("fixed").Grid("0.1"), name)(value)


@pytest.mark.parametrize(("quantity", "ticks"), [(0, 5), (5, 0), (-1, 5), (5, -1)])
def test_a_fill_of_nothing_or_less_is_our_fault(quantity: int, ticks: int) -> None:
    account = Account(MONEY, "lifo", ("0.1", "0.001", "1"))
    with pytest.raises(OurFault, match=f"A fill of {quantity} lots at {ticks} ticks is impossible"):
        account.increase(0, 0, quantity, ticks, reference=5)


@pytest.mark.parametrize("large", [2**53, 2**63 - 1])
def test_a_fill_beyond_the_range_is_an_overflow(large: int) -> None:
    account = Account(MONEY, "lifo", ("0.1", "0.001", "1"))
    for quantity, ticks in ((large, 5), (5, large)):
        with pytest.raises(LedgerOverflow, match=f"A fill of {quantity} lots at {ticks} ticks is out of range"):
            account.increase(0, 0, quantity, ticks, reference=5)


def test_an_amount_out_of_range_is_an_overflow() -> None:
    account = Account(MONEY, "lifo", ("1", "1", "1"))
    with pytest.raises(LedgerOverflow, match="An amount of money is out of range"):
        account.increase(0, 0, 2**40, 2**40)
    with pytest.raises(LedgerOverflow, match="does not fit 128 bits"):
        account.increase(0, 0, 2**52, 2**52)


@pytest.mark.parametrize("fee", [2**100, -(2**100), 2**127 - 1])
def test_a_fee_beyond_all_money_is_an_overflow(fee: int) -> None:
    account = Account(MONEY, "lifo", ("1", "1", "1"))
    with pytest.raises(LedgerOverflow, match="An amount of money is out of range"):
        account.increase(0, 0, 1, 1, fee=fee)


@pytest.mark.parametrize("equity", [2**100, -(2**100), 2**130])
def test_an_account_of_more_than_all_money_is_refused(equity: int) -> None:
    with pytest.raises(LedgerOverflow, match=r"out of range|does not fit"):
        Account(equity, "lifo")


def test_a_part_of_a_huge_lot_costs_its_price() -> None:
    """Exact, though its cost times the part is beyond 128 bits."""
    account = Account(0, "lifo", ("1e-12", "1e-12", "1"))
    account.increase(0, 0, 2**53 - 1, 2**40)
    account.reduce(0, 0, 2**52, 2**40)

    assert account.lots(0, 0) == [(2**52 - 1, (2**52 - 1) * 2**40, 1, "o")]
    assert account.realised == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "not_a_number"),
        (math.inf, "not_a_number"),
        (-1.0, "negative"),
        (0.0, "amount_rounds_to_zero"),
        (1e-30, "amount_rounds_to_zero"),
        (5e-324, "amount_rounds_to_zero"),
        (1e300, "above_max_amount"),
        (1.7976931348623157e308, "above_max_amount"),
    ],
)
def test_a_float_that_is_no_amount_is_refused_with_its_reason(twin: Any, value: float, reason: str) -> None:
    market = Instrument(
        symbol="A/B:B", venue="okx", base="A", quote="B", settle="B", tick_size="1e-18", lot_size="0.001"
    )
    with pytest.raises(NormalizationRefused) as caught:
        twin("normalize").Normalizer(market).amount_lots(value)

    assert caught.value.reason == reason
