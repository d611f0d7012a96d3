"""The compiled ledger books what the reference books, to the last unit, errors included."""

from __future__ import annotations

from typing import Any

from fix_hotpath import outcome, twins
from hypothesis import given, settings
from hypothesis import strategies as st

compiled, reference = twins("ledger")
compiled_fixed, reference_fixed = twins("fixed")

sizes = st.sampled_from(
    [("0.01", "0.001", "1"), ("0.0001", "1", "10"), ("0.000001", "0.000001", "1"), ("5", "3", "0.7")]
)
rates = st.tuples(st.integers(-50, 500), st.integers(0, 8))
counts = st.one_of(st.integers(1, 500), st.integers(1, 10**9), st.integers(0, 2**54))
fills = st.tuples(
    st.integers(0, 1), st.integers(0, 1), counts, counts, counts, rates, st.booleans(), st.one_of(st.none(), counts)
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy_in"), fills),
        st.tuples(st.just("sell_out"), fills),
        st.tuples(st.just("fund"), st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(1, 10**7), rates)),
        st.tuples(st.just("mark"), st.tuples(st.integers(0, 1), st.integers(1, 10**9))),
        st.tuples(st.just("settle"), st.none()),
        st.tuples(st.just("restore"), st.none()),
    ),
    max_size=30,
)


def _make(module: Any, fixed: Any, method: str, shape: list[tuple[str, str, str]]) -> Any:
    book = module.Ledger(10**16, method)
    for size in shape:
        book.add(fixed.Valuation(*size))
    return book


def _play(module: Any, fixed: Any, method: str, shape: list[tuple[str, str, str]], story: list[Any]) -> list[Any]:
    book = _make(module, fixed, method, shape)
    said: list[Any] = []
    for what, given_ in story:
        if what in ("buy_in", "sell_out"):
            index, leg, quantity, ticks, near, (rate, decimals), maker, fee = given_
            if what == "sell_out" and book.quantity(index, leg):
                quantity = quantity % book.quantity(index, leg) + 1
            arguments: tuple[Any, ...] = (index, leg, quantity, ticks, near, rate, decimals, maker, fee)
            if what == "buy_in":
                arguments = (*arguments, len(said), f"o{len(said)}")
            result = outcome(getattr(book, what), *arguments)
        elif what == "fund":
            index, leg, ticks, (rate, decimals) = given_
            result = outcome(book.fund, index, leg, ticks, rate, decimals)
        elif what == "mark":
            result = outcome(book.mark, *given_)
        elif what == "settle":
            result = outcome(book.settle)
        else:
            state = book.state()
            book = _make(module, fixed, method, shape)
            book.restore(state)
            assert book.state() == state
            result = None
        said.append(result)
        if isinstance(result, tuple) and isinstance(result[0], type) and issubclass(result[0], Exception):
            return said  # a ledger that has overflowed is not used any further
        said.append((book.state(), book.unrealised, book.equity, outcome(book.exposure), book.is_open(0)))
        said.append([(book.lots(i, s), book.cost(i, s), book.quantity(i, s)) for i in (0, 1) for s in (0, 1)])
        said.append(
            [(book.value(i), outcome(book.unrealised_at, i, 77), outcome(book.notional_at, i, 77)) for i in (0, 1)]
        )
    return said


@settings(max_examples=300, deadline=None)
@given(method=st.sampled_from(["lifo", "fifo", "average"]), shape=st.lists(sizes, min_size=2, max_size=2), story=steps)
def test_ledgers_say_the_same(method: str, shape: list[tuple[str, str, str]], story: list[Any]) -> None:
    left = _play(compiled, compiled_fixed, method, shape, story)

    assert repr(left) == repr(_play(reference, reference_fixed, method, shape, story))


def test_unknown_method_is_refused_the_same() -> None:
    assert outcome(compiled.Ledger, 1, "hifo") == outcome(reference.Ledger, 1, "hifo")
