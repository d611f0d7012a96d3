"""The engine's book fills what the reference book fills, in its order; errors are of the same class."""

from __future__ import annotations

from typing import Any

import pytest
from fix_engine import Paper
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live_runner.contracts.errors import LedgerOverflow, RunnerError
from live_runner.hotpath.reference import matching

prices = st.integers(80, 120)
orders = st.tuples(
    st.integers(0, 1),
    st.integers(0, 4),
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
        st.tuples(st.just("remove"), st.integers(1, 12)),
        st.tuples(st.just("close"), st.tuples(orders, prices, st.integers(-1, 6))),
        st.tuples(st.just("clear"), st.just(3)),
        st.tuples(st.just("restore"), st.just(0)),
    ),
    max_size=40,
)
books = st.tuples(st.one_of(st.just(0), st.integers(0, 900), st.integers(0, 100_000)), st.booleans(), st.booleans())


class Old:
    """The reference book with the positions that an account would have."""

    def __init__(self, *shape: Any) -> None:
        self.shape = shape
        self.book = matching.Book(*shape)
        self.held = [0, 0]
        self.legs: dict[int, tuple[int, bool]] = {}

    def add(self, *order: Any) -> int:
        number = self.book.add(*order)
        self.legs[number] = (order[0], order[2])
        return number

    def remove(self, number: int) -> int:
        return self.book.cancel(number)

    def at_open(self, ticks: int, cap: int, late: bool) -> list[Any]:
        return self._apply(self.book.at_open(ticks, cap, late, *self.held))

    def inside(self, high: int, low: int) -> list[Any]:
        return self._apply(self.book.inside(high, low))

    def at_close(self, number: int, ticks: int, cap: int) -> list[Any]:
        return self._apply(self.book.at_close(number, ticks, cap, *self.held))

    def clear(self, why: int) -> list[Any]:
        return self._apply(self.book.clear(why))

    def renew(self) -> None:
        state = self.book.state()
        self.book = matching.Book(*self.shape)
        self.book.restore(state)

    def _apply(self, happened: list[tuple[int, ...]]) -> list[Any]:
        said: list[Any] = []
        for what, number, first, second, third, fourth in happened:
            if what == matching.FILLED:
                leg, reduce = self.legs[number]
                self.held[leg] += -first if reduce else first
                said.append(("filled", number, first, second, third, fourth == 1))
            elif what == matching.BORN:
                self.legs[number] = (self.legs[first][0], True)
                said.append(("born", number, first, second, third, fourth))
            else:
                said.append(("cancelled", number, first))
        return said


def _state(book: Paper | Old) -> Any:
    """The orders on the book: number, open lots, waits, number of the pair, rested, triggered."""
    if isinstance(book, Old):
        on = {row[0] for row in book.book.state()["orders"]}
        return [(o[0], o[4], o[8], o[9] if o[9] in on else 0, o[10], o[11]) for o in book.book.state()["orders"]]
    rows = []
    for name, pair in book.book.listed():
        order = book.orders[int(name.split("/")[2])]
        other = int(pair.split("/")[2]) if pair else 0
        rows.append((order.number, order.remaining, order.waits, other, order.rested, order.triggered))
    return rows


def _play(book: Any, story: list[tuple[str, Any]]) -> list[Any]:
    said: list[Any] = []
    for what, given_ in story:
        if what == "add":
            said.append(book.add(*given_))
        elif what == "bar":
            open_, one, two, cap, late = given_
            said.append(book.at_open(open_, cap, late))
            said.append(list(book.held))
            said.append(book.inside(max(open_, one, two), min(open_, one, two)))
        elif what == "close":
            fields, price, cap = given_
            number = book.add(fields[0], 0, fields[2], fields[3], 0, fields[5], fields[6], False)
            said.append(book.at_close(number, price, cap))
        elif what == "remove":
            said.append(book.remove(given_))
        elif what == "clear":
            said.append(book.clear(given_))
        else:
            book.renew()
        said.append((list(book.held), _state(book)))
    return said


@settings(max_examples=600, deadline=None)
@given(shape=books, story=steps)
def test_the_book_is_the_reference_book(shape: tuple[int, bool, bool], story: list[tuple[str, Any]]) -> None:
    factors = (100_000 + shape[0], 100_000 - shape[0], 100_000, *shape[1:])

    assert _play(Paper(*factors), story) == _play(Old(*factors), story)


def _class(call: Any, *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except RunnerError as error:
        return type(error)


@settings(max_examples=300, deadline=None)
@given(
    factors=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1)),
    kind=st.sampled_from([matching.MARKET, matching.LIMIT, matching.STOP]),
    leg=st.integers(0, 1),
    ticks=st.integers(1, 2**53 - 1),
    bar=st.tuples(*[st.one_of(st.integers(1, 2**53 - 1), st.integers(1, 1000))] * 3),
)
@example((2**63 - 1, 1, 1), 0, 0, 1, (2, 2, 2))
@example((1, 2**63 - 1, 1), 0, 1, 1, (2, 2, 2))
def test_slippage_at_the_ends_of_the_range(
    factors: tuple[int, int, int], kind: int, leg: int, ticks: int, bar: tuple[int, int, int]
) -> None:
    """What is no price for the account ends as an overflow there; the reference book leaves that to its caller."""
    new, old = Paper(*factors), Old(*factors, False, False)
    for book in (new, old):
        book.add(leg, kind, False, 5, ticks, 3, 9, False)
    left, right = _class(new.at_open, bar[0], -1, False), _class(old.at_open, bar[0], -1, False)
    if isinstance(right, list) and any(row[0] == "filled" and not 0 < row[3] < 2**53 for row in right):
        assert isinstance(left, type)
        return
    assert left == right


@pytest.mark.parametrize(
    "factors",
    [(2**63, 1, 1), (1, 2**63, 1), (1, 1, 2**63), (-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -5), (2**200, 1, 1)],
)
def test_the_same_slippage_is_refused(factors: tuple[int, int, int]) -> None:
    for book in (Paper, Old):
        with pytest.raises(LedgerOverflow, match="out of the book's range"):
            book(*factors, False, False)


@pytest.mark.parametrize(
    "order",
    [(0, 0, False, 0, 0, 0, 0, False), (0, 1, False, 2**53, 5, 0, 0, False), (0, 1, False, 1, 2**53, 0, 0, False)],
)
def test_the_same_orders_are_refused(order: tuple[Any, ...]) -> None:
    left, right = (_class(book.add, *order) for book in (Paper(1, 1, 1), Old(1, 1, 1, False, False)))

    assert left == right
    assert isinstance(left, type)
