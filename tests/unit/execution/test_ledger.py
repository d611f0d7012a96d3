"""Lots, realised and open PnL, drawdowns: exact, to the last unit."""

from __future__ import annotations

from typing import Any

import pytest
from fix_engine import Account

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.contracts.messages import Filled
from live_runner.hotpath import fixed

MONEY = 10**12


def account(method: str = "lifo") -> Account:
    """1000 of equity; one tick of one lot is 1."""
    return Account(1000 * MONEY, method, ("1", "1", "1"))


def enter(book: Account, quantity: int, ticks: int, leg: int = 0, order: str = "o") -> None:
    book.increase(0, leg, quantity, ticks, order=order)


def leave(book: Account, quantity: int, ticks: int, leg: int = 0) -> int:
    return book.reduce(0, leg, quantity, ticks)[2]


def test_newest_lot_closes_first_and_a_part_leaves_the_others_as_they_were() -> None:
    """L01."""
    book = account()
    for number, (quantity, ticks) in enumerate([(3, 100), (2, 90), (4, 80)]):
        enter(book, quantity, ticks, order=f"o{number}")

    assert leave(book, 5, 95) == (4 * 15 + 1 * 5) * MONEY
    assert book.lots(0, 0) == [(3, 300, 1, "o0"), (1, 90, 1, "o1")]


def test_oldest_lot_closes_first_in_fifo() -> None:
    book = account("fifo")
    enter(book, 3, 100)
    enter(book, 2, 90)

    assert leave(book, 4, 95) == (3 * -5 + 1 * 5) * MONEY
    assert book.lots(0, 0) == [(1, 90, 1, "o")]


def test_average_keeps_one_lot_whose_cost_is_never_lost() -> None:
    book = account("average")
    enter(book, 1, 100)
    enter(book, 2, 101)
    realised = [leave(book, 1, 101) for _ in range(3)]

    assert sum(realised) == 1 * MONEY
    assert (book.quantity(0, 0), book.cost(0, 0), book.lots(0, 0)) == (0, 0, [])


def test_closing_all_leaves_exactly_zero() -> None:
    """L02."""
    book = account()
    for ticks in (101, 97, 99):
        enter(book, 7, ticks)
    leave(book, 21, 100)

    assert (book.quantity(0, 0), book.cost(0, 0), book.lots(0, 0), book.unrealised) == (0, 0, [], 0)
    assert book.trades == 1


def test_short_leg_gains_when_the_price_falls() -> None:
    """L03."""
    book = account()
    enter(book, 2, 100, leg=1)
    book.mark(0, 90)
    assert book.unrealised == 20 * MONEY

    assert leave(book, 2, 80, leg=1) == 40 * MONEY


def test_equity_is_cash_and_what_is_open() -> None:
    """L04."""
    book = account()
    enter(book, 2, 100)
    enter(book, 1, 100, leg=1)
    book.mark(0, 107)

    assert book.equity == book.cash + 7 * MONEY


def test_drawdowns_are_the_largest_fall_from_the_peak() -> None:
    """L03: of cash and of equity, each its own."""
    book = account()
    enter(book, 1, 100)
    for ticks in (150, 80, 120, 60):
        book.mark(0, ticks)
        book.settle()
    assert (book.drawdown_equity, book.drawdown_realised) == (90 * MONEY, 0)
    leave(book, 1, 60)
    book.settle()

    assert book.drawdown_realised == 40 * MONEY


def test_fee_and_slippage_are_rounded_once_half_even() -> None:
    book = Account(MONEY, "lifo", ("0.000001", "0.000001", "1"))  # one tick of one lot is one unit
    assert book.increase(0, 0, 5, 1, rate=1, decimals=1) == (5, 0, 0, 0)

    assert book.increase(0, 0, 15, 1, reference=2, rate=1, decimals=1, maker=True) == (15, 2, 0, -15)
    assert (book.fees_taker, book.fees_maker, book.slippage, book.turnover) == (0, 2, -15, 20)


def test_closing_more_than_there_is_is_our_fault() -> None:
    book = account()
    enter(book, 1, 100)

    with pytest.raises(OurFault, match="2 lots cannot close a leg of 1"):
        leave(book, 2, 100)


def test_amount_out_of_range_is_never_silent() -> None:
    book = account()

    with pytest.raises(LedgerOverflow):
        enter(book, 2**52, 2**52)


def test_a_position_or_leg_that_is_missing_is_a_type_error() -> None:
    """A built engine would read None as if it were one."""
    ledger: Any = account().ledger
    nothing: Any = None
    for call in (ledger.increase, ledger.reduce):
        with pytest.raises(TypeError):
            call(nothing, nothing, 1, 1, 1, 0, 1, False, False, 0, *([0, None] if call == ledger.increase else []))
    with pytest.raises(TypeError):
        ledger.add(nothing)


def test_state_after_a_restore_is_the_state_before() -> None:
    book = account()
    enter(book, 3, 100)
    enter(book, 2, 90, leg=1)
    leave(book, 1, 95)
    book.mark(0, 97)
    book.settle()
    again = account()
    again.restore(book.state())

    assert again.state() == book.state()
    assert (again.unrealised, again.equity) == (book.unrealised, book.equity)


def test_session_pnl_is_the_change_of_cash_and_the_value_of_what_is_open(driver: Any) -> None:
    """L03, L04: fills, fees and funding, to the last unit, in the published texts."""
    core = driver(fees={"maker": "0.0002", "taker": "0.00047"}, fills={"slippage_bp": "1.7"})
    core.bar(100, 101, 99, 100.37)
    core.open("1.234", stop_loss="93.1")
    core.bar(100.11, 103, 99, 102.2, funding=[core.funding("0.000123", at_ns=core.close_ns + 1)])
    core.decide(core.intent("add", quantity="0.777", style="limit", limit_price="97.3"))
    core.bar(101, 101, 97, 98)
    core.decide(core.intent("partial_close", fraction="0.31"))
    core.bar(98, 99, 97, 98.6, funding=[core.funding("-0.00007")])

    settled = core.settled
    units = fixed.money
    fills = core.of(Filled)
    assert len(fills) == 3
    assert units(settled.cash) == (
        10_000 * MONEY + units(settled.realised) - units(settled.fees) + units(settled.funding)
    )
    assert units(settled.equity) == units(settled.cash) + units(settled.unrealised)
    assert units(settled.realised) == sum(units(fill.realised) for fill in fills)
    assert units(settled.fees) == sum(units(fill.fee) for fill in fills)
    assert units(settled.slippage) == sum(units(fill.slippage) for fill in fills)
    assert units(settled.turnover) == sum(units(fill.notional) for fill in fills)
    assert units(settled.funding) != 0


def test_average_is_shown_from_the_exact_lots(driver: Any) -> None:
    core = driver()
    core.held("1", price=100.0)
    core.bar()
    core.decide(core.intent("add", quantity="2", style="market"))
    core.bar(101, 101, 101, 101)

    assert core.settled.legs[0].average == "100.666666666667"
    assert [(lot.quantity, lot.price) for lot in core.settled.legs[0].lots] == [("1", "100"), ("2", "101")]
