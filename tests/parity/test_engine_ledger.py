"""The engine's account books what the reference account books, to the last unit; errors are of the same class."""

from __future__ import annotations

from typing import Any

from fix_engine import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import OurFault, RunnerError
from live_runner.hotpath.reference import fixed, ledger

SIZES = [
    ("0.01", "0.001", "1"),
    ("0.0001", "1", "10"),
    ("0.000001", "0.000001", "1"),
    ("5", "3", "0.7"),
    ("1e-18", "1", "500000"),
    ("1000000", "1000", "1"),
]
sizes = st.sampled_from(SIZES)
rates = st.tuples(st.one_of(st.integers(-50, 500), st.integers(-(2**62), 2**62)), st.integers(0, 22))
counts = st.one_of(st.integers(1, 500), st.integers(1, 10**9), st.integers(0, 2**54))
fees = st.one_of(st.none(), st.integers(-(10**12), 10**12), st.integers(-(2**101), 2**101))
fills = st.tuples(
    st.integers(0, 1), st.integers(0, 1), counts, counts, counts, rates, st.booleans(), fees, st.integers(0, 4)
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("increase"), fills),
        st.tuples(st.just("reduce"), fills),
        st.tuples(st.just("fund"), st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 10**7), rates)),
        st.tuples(st.just("mark"), st.tuples(st.integers(0, 1), counts)),
        st.tuples(st.just("settle"), st.none()),
        st.tuples(st.just("call_margin"), st.none()),
        st.tuples(st.just("restore"), st.none()),
    ),
    max_size=30,
)


def _outcome(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except RunnerError as error:
        return type(error)


def _picture(book: Any, marks: tuple[int, ...]) -> Any:
    """Everything that an account shows."""
    state = {name: book.state()[name] for name in ("totals", "legs", "marks")}
    legs = [(book.lots(i, s), book.cost(i, s), book.quantity(i, s)) for i in (0, 1) for s in (0, 1)]
    at = [
        (_outcome(book.unrealised_at, i, ticks), _outcome(book.notional_at, i, ticks))
        for i in (0, 1)
        for ticks in marks
    ]
    return state, legs, at, book.unrealised, book.equity


@settings(max_examples=400, deadline=None)
@given(method=st.sampled_from(["lifo", "fifo", "average"]), shape=st.lists(sizes, min_size=2, max_size=2), story=steps)
def test_the_account_is_the_reference_account(method: str, shape: list[tuple[str, str, str]], story: list[Any]) -> None:
    new = Account(10**16, method, *shape)
    old: Any = ledger.Ledger(10**16, method)
    for size in shape:
        old.add(fixed.Valuation(*size))
    for number, (what, given_) in enumerate(story):
        if what in ("increase", "reduce"):
            index, leg, quantity, ticks, near, (rate, decimals), maker, fee, part = given_
            if what == "reduce" and part and old.quantity(index, leg):
                quantity = old.quantity(index, leg) if part == 1 else quantity % old.quantity(index, leg) + 1
            arguments: tuple[Any, ...] = (index, leg, quantity, ticks, near, rate, decimals, maker, fee)
            if what == "increase":
                arguments = (*arguments, number, f"o{number}")
            left = _outcome(getattr(new, what), *arguments)
            right = _outcome(old.buy_in if what == "increase" else old.sell_out, *arguments)
        elif what == "fund":
            index, leg, ticks, (rate, decimals) = given_
            left, right = (_outcome(book.fund, index, leg, ticks, rate, decimals) for book in (new, old))
        elif what == "mark":
            left, right = (_outcome(book.mark, *given_) for book in (new, old))
        elif what == "restore":
            state = new.state()
            new = Account(10**16, method, *shape)
            new.restore(state)
            assert new.state() == state
            left = right = None
        else:
            left, right = (_outcome(getattr(book, what)) for book in (new, old))
        if isinstance(right, type):
            assert left == right or (issubclass(left, OurFault) and 0 in given_[2:5])
            return  # an account that has raised is not used any further
        assert left == right or what not in ("increase", "reduce", "fund")
        assert _picture(new, (77, 10**6)) == _picture(old, (77, 10**6))
        assert new.exposure == old.exposure()
        assert [position.value for position in new.positions] == [old.value(0), old.value(1)]
