"""Whatever is traded, lots sum to the position and cash to its parts."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.hotpath import fixed, ledger

START = 10**18
trades = st.lists(
    st.tuples(
        st.integers(0, 1),  # leg
        st.booleans(),  # entry
        st.integers(1, 5000),
        st.integers(1, 200_000),
        st.integers(-5, 5),  # slippage
        st.integers(0, 9999),  # fee in 1e-7
        st.booleans(),
        st.integers(-300, 300),  # funding in 1e-6
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(method=st.sampled_from(["lifo", "fifo", "average"]), story=trades)
def test_lots_sum_to_the_position_and_cash_to_its_parts(method: str, story: list[Any]) -> None:
    """L02, L03, L04."""
    book = ledger.Ledger(START, method)
    value = fixed.Valuation("0.01", "0.001", "1")
    book.add(value)
    held, realised, fees, funding, turnover = [0, 0], 0, 0, 0, 0
    for leg, entry, quantity, ticks, slip, rate, maker, funded in story:
        near = max(ticks + slip, 1)
        if entry:
            result = book.buy_in(0, leg, quantity, ticks, near, rate, 7, maker, None, 1, "o")
            held[leg] += quantity
        elif held[leg]:
            quantity = min(quantity, held[leg])
            result = book.sell_out(0, leg, quantity, ticks, near, rate, 7, maker, None)
            held[leg] -= quantity
        else:
            continue
        turnover += result[0]
        fees += result[1]
        realised += result[2]
        funding += book.fund(0, leg, ticks, funded, 6)
        book.mark(0, near)
        book.settle()
        for side in (0, 1):
            lots = book.lots(0, side)
            assert sum(lot[0] for lot in lots) == book.quantity(0, side) == held[side]
            assert sum(lot[1] for lot in lots) == book.cost(0, side)
            assert all(lot[0] > 0 for lot in lots)
        assert book.cash == START + realised - fees + funding
        assert (book.realised, book.fees_maker + book.fees_taker, book.funding) == (realised, fees, funding)
        assert book.turnover == turnover
        assert book.equity == book.cash + book.unrealised
        assert book.unrealised == value.product(held[0] * near - book.cost(0, 0)) + value.product(
            book.cost(0, 1) - held[1] * near
        )
        assert book.peak_equity - book.equity <= book.drawdown_equity
        assert book.peak_cash - book.cash <= book.drawdown_realised


@settings(max_examples=100, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 9000)), min_size=1, max_size=12),
    exit_=st.integers(1, 9000),
)
def test_method_changes_which_lot_is_closed_and_not_the_total(entries: list[tuple[int, int]], exit_: int) -> None:
    """L01, L02: closing everything realises the same by every method where no rounding is at work."""
    totals = []
    for method in ledger.METHODS:
        book = ledger.Ledger(START, method)
        book.add(fixed.Valuation("1", "1", "1"))
        for quantity, ticks in entries:
            book.buy_in(0, 0, quantity, ticks, ticks, 0, 0, False, None, 1, "o")
        left = book.quantity(0, 0)
        while left:
            part = max(left // 2, 1)
            book.sell_out(0, 0, part, exit_, exit_, 0, 0, False, None)
            left -= part
        totals.append((book.realised, book.cash, book.unrealised, book.trades))

    assert totals[0] == totals[1] == totals[2]
