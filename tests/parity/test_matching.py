"""The compiled book fills what the reference fills, in its order, errors included."""

from __future__ import annotations

from typing import Any

import pytest
from fix_hotpath import outcome, twins
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import LedgerOverflow

compiled, reference = twins("matching")

prices = st.integers(80, 120)
orders = st.tuples(
    st.integers(0, 1),
    st.integers(0, 2),
    st.booleans(),
    st.integers(1, 9),
    prices,
    st.one_of(st.just(0), prices),
    st.one_of(st.just(0), prices),
    st.booleans(),
)
bars = st.tuples(prices, prices, prices, st.integers(-1, 6), st.booleans())
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), orders),
        st.tuples(st.just("bar"), bars),
        st.tuples(st.just("cancel"), st.integers(1, 12)),
        st.tuples(st.just("close"), st.tuples(orders, prices, st.integers(-1, 6))),
        st.tuples(st.just("clear"), st.just(3)),
        st.tuples(st.just("restore"), st.just(0)),
    ),
    max_size=40,
)
books = st.tuples(st.one_of(st.just(0), st.integers(0, 900), st.integers(0, 100_000)), st.booleans(), st.booleans())


def _make(module: Any, shape: tuple[int, bool, bool]) -> Any:
    slippage, through, one_way = shape
    return module.Book(100_000 + slippage, 100_000 - slippage, 100_000, through, one_way)


def _apply(position: list[int], legs: dict[int, tuple[int, bool]], happened: list[Any]) -> None:
    """Keep positions as an account would."""
    for what, key, first, second, third, _ in happened:
        if what == reference.FILLED:
            leg, reduce = legs[key]
            position[leg] += -first if reduce else first
        elif what == reference.BORN:
            legs[key] = (legs[first][0], True)
            assert (second in (reference.STOP, reference.TAKE_PROFIT), third > 0) == (True, True)


def _play(module: Any, shape: tuple[int, bool, bool], story: list[tuple[str, Any]]) -> list[Any]:
    book = _make(module, shape)
    position = [0, 0]
    legs: dict[int, tuple[int, bool]] = {}
    said: list[Any] = []
    for what, given_ in story:
        if what == "add":
            key = book.add(*given_)
            legs[key] = (given_[0], given_[2])
            said.append(key)
        elif what == "bar":
            open_, one, two, cap, late = given_
            for half in ("open", "inside"):
                if half == "open":
                    result = list(book.at_open(open_, cap, late, *position))
                else:
                    result = list(book.inside(max(open_, one, two), min(open_, one, two)))
                said.append(result)
                _apply(position, legs, result)
                assert min(position) >= 0
        elif what == "close":
            fields, price, cap = given_
            key = book.add(fields[0], 0, fields[2], fields[3], 0, fields[5], fields[6], False)
            legs[key] = (fields[0], fields[2])
            result = list(book.at_close(key, price, cap, *position))
            said.append(result)
            _apply(position, legs, result)
        elif what == "cancel":
            said.append((book.remaining(given_), book.cancel(given_)))
        elif what == "clear":
            said.append(list(book.clear(given_)))
        else:
            state = book.state()
            book = _make(module, shape)
            book.restore(state)
            assert book.state() == state
        said.append((len(book), list(position)))
    return [*said, book.state()]


@settings(max_examples=400, deadline=None)
@given(shape=books, story=steps)
def test_books_say_the_same(shape: tuple[int, bool, bool], story: list[tuple[str, Any]]) -> None:
    assert repr(_play(compiled, shape, story)) == repr(_play(reference, shape, story))


@pytest.mark.parametrize(
    "factors",
    [(2**63, 1, 1), (1, 2**63, 1), (1, 1, 2**63), (-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -5), (2**200, 1, 1)],
)
def test_books_refuse_the_same_slippage(factors: tuple[int, int, int]) -> None:
    left, right = (outcome(module.Book, *factors, False, False) for module in (compiled, reference))

    assert left == right
    assert left[0] is LedgerOverflow


@settings(max_examples=300, deadline=None)
@given(
    factors=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1)),
    kind=st.sampled_from([reference.MARKET, reference.LIMIT, reference.STOP]),
    leg=st.integers(0, 1),
    reduce=st.booleans(),
    ticks=st.integers(0, 2**53 - 1),
    bar=st.tuples(*[st.integers(-(2**63) - 1, 2**63 + 1)] * 3),
    held=st.tuples(*[st.one_of(st.integers(0, 9), st.integers(2**63 - 9, 2**63 + 1))] * 2),
)
@example((2**63 - 1, 1, 1), 0, 0, False, 0, (2, 2, 2), (0, 0))
@example((1, 1, 1), 0, 0, False, 0, (5, 5, 5), (2**63 - 4, 0))
@example((1, 1, 1), 0, 0, True, 0, (0, 0, 0), (5, 0))
@example((1, 2**63 - 1, 1), 0, 0, True, 0, (-(2**62), 0, 0), (5, 0))
def test_books_agree_at_the_ends_of_the_range(
    factors: tuple[int, int, int],
    kind: int,
    leg: int,
    reduce: bool,
    ticks: int,
    bar: tuple[int, int, int],
    held: tuple[int, int],
) -> None:
    said = []
    for module in (compiled, reference):
        book = module.Book(*factors, False, False)
        book.add(leg, kind, reduce, 5, ticks, 3, 9, False)
        first = outcome(book.at_open, bar[0], -1, False, *held)
        said.append((first, first[0] is list and outcome(book.inside, bar[1], bar[2])))

    assert said[0] == said[1]


def test_an_order_that_is_not_on_the_book_cannot_fill_at_the_close() -> None:
    left, right = (
        outcome(_make(module, (0, False, False)).at_close, 7, 5, -1, 0, 0) for module in (compiled, reference)
    )

    assert left == right
    assert left[0] is KeyError


@pytest.mark.parametrize(
    "order",
    [(0, 0, False, 0, 0, 0, 0, False), (0, 1, False, 2**53, 5, 0, 0, False), (0, 1, False, 1, -5, 0, 0, False)],
)
def test_books_refuse_the_same(order: tuple[Any, ...]) -> None:
    left, right = (outcome(_make(module, (0, False, False)).add, *order) for module in (compiled, reference))

    assert left == right
