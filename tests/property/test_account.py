"""The engine's account is the one that fractions and lists give, to the last unit; beyond its range it says so."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from fix_engine import Account
from hypothesis import event, given, settings
from hypothesis import strategies as st
from plain_account import PlainAccount

from live_runner.contracts.errors import LedgerOverflow
from live_runner.hotpath import fixed

SIZES = [
    ("0.01", "0.001", "1"),
    ("0.0001", "1", "10"),
    ("0.000001", "0.000001", "1"),
    ("5", "3", "0.7"),
    ("1e-18", "1", "500000"),
    ("1000000", "1000", "1"),
]
sizes = st.lists(st.sampled_from(SIZES), min_size=2, max_size=2)
rates = st.tuples(st.one_of(st.integers(-50, 500), st.integers(-(2**62), 2**62)), st.integers(0, 22))
counts = st.one_of(st.integers(1, 500), st.integers(1, 10**9), st.integers(1, 2**53 - 1))
fees = st.one_of(st.none(), st.integers(-(10**12), 10**12), st.integers(-(2**101), 2**101))
places = (st.integers(0, 1), st.integers(0, 1))
steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["increase", "reduce"]),
            st.tuples(*places, counts, counts, counts, rates, st.booleans(), fees, st.integers(0, 3)),
        ),
        st.tuples(st.just("fund"), st.tuples(*places, st.integers(1, 10**7), rates)),
        st.tuples(st.just("mark"), st.tuples(st.integers(0, 1), counts)),
        st.tuples(st.sampled_from(["settle", "call_margin", "restore"]), st.just(())),
    ),
    max_size=30,
)


def _arguments(plain: PlainAccount, number: int, what: str, given_: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Of both accounts; None for a close of nothing."""
    if what == "fund":
        index, leg, ticks, (rate, decimals) = given_
        return index, leg, ticks, rate, decimals
    if what not in ("increase", "reduce"):
        return given_
    index, leg, quantity, ticks, near, (rate, decimals), maker, fee, part = given_
    if what == "increase":
        return index, leg, quantity, ticks, near, rate, decimals, maker, fee, number, f"o{number}"
    held = plain.quantity(index, leg)
    if not held:
        return None
    quantity = min(held, 2**53 - 1) if part == 0 else min(quantity, held)
    return index, leg, quantity, ticks, near, rate, decimals, maker, fee


@settings(max_examples=400, deadline=None)
@given(method=st.sampled_from(["lifo", "fifo", "average"]), shape=sizes, story=steps)
def test_an_account_is_exact(method: str, shape: list[tuple[str, str, str]], story: list[Any]) -> None:
    """L02, L03, L04: lots sum to the position, cash to the realised amounts, fees and funding."""
    account = Account(10**16, method, *shape)
    values = [fixed.Valuation(*size) for size in shape]
    plain = PlainAccount(10**16, method, *(Fraction(value.multiplier, value.divisor) for value in values))
    for number, (what, given_) in enumerate(story):
        if what == "restore":
            account = _restored(account, method, shape)
            continue
        arguments = _arguments(plain, number, what, given_)
        if arguments is None:
            continue
        try:
            got = getattr(account, what)(*arguments)
        except LedgerOverflow:
            getattr(plain, what)(*arguments)
            assert plain.is_out_of_range()
            event("out of range")
            return
        expected = getattr(plain, what)(*arguments)

        assert expected is None or got == expected
        _compare(account, plain)


def _restored(account: Account, method: str, shape: list[tuple[str, str, str]]) -> Account:
    again = Account(10**16, method, *shape)
    again.restore(account.state())
    assert again.state() == account.state()
    return again


def _compare(account: Account, plain: PlainAccount) -> None:
    assert account.totals() == plain.total
    assert (account.unrealised, account.exposure) == (plain.unrealised, plain.exposure)
    for (index, leg), lots in plain.lots.items():
        assert account.lots(index, leg) == [tuple(lot) for lot in lots]
        assert account.quantity(index, leg) == plain.quantity(index, leg)
        assert account.cost(index, leg) == plain.cost(index, leg)
    for index in (0, 1):
        assert account.unrealised_at(index, 77) == plain.unrealised_at(index, 77)
        assert account.notional_at(index, 77) == plain.notional_at(index, 77)


@settings(max_examples=100, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 9000)), min_size=1, max_size=12),
    exit_=st.integers(1, 9000),
)
def test_method_changes_which_lot_is_closed_and_not_the_total(entries: list[tuple[int, int]], exit_: int) -> None:
    """L01, L02: closing everything realises the same by every method where no rounding is at work."""
    totals = []
    for method in ("lifo", "fifo", "average"):
        account = Account(10**18, method, ("1", "1", "1"))
        for quantity, ticks in entries:
            account.increase(0, 0, quantity, ticks)
        left = account.quantity(0, 0)
        while left:
            part = max(left // 2, 1)
            account.reduce(0, 0, part, exit_)
            left -= part
        totals.append((account.realised, account.cash, account.unrealised, account.trades))

    assert totals[0] == totals[1] == totals[2]


legs = st.lists(st.tuples(st.integers(0, 1), st.booleans(), st.integers(1, 5000), st.integers(1, 200_000)), max_size=40)


@settings(max_examples=100, deadline=None)
@given(method=st.sampled_from(["lifo", "fifo", "average"]), story=legs)
def test_a_leg_realises_its_part_of_the_account(method: str, story: list[tuple[int, bool, int, int]]) -> None:
    """L03: and cash is the start and what both legs have realised, where nothing costs a fee."""
    account = Account(10**18, method, ("0.01", "0.001", "1"))
    for leg, entry, quantity, ticks in story:
        if entry:
            account.increase(0, leg, quantity, ticks)
        elif account.quantity(0, leg):
            account.reduce(0, leg, min(quantity, account.quantity(0, leg)), ticks)
        realised = [account.leg(0, side).realised for side in (0, 1)]
        assert sum(realised) == account.realised == account.cash - 10**18
        assert _restored(account, method, [("0.01", "0.001", "1")]).leg(0, 0).realised == realised[0]
