"""The engine's book fills what looking at every order would fill, in the same order."""

from __future__ import annotations

from typing import Any

import pytest
from fix_engine import Paper
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain_book import PlainBook

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.engine.words import IOC, LIMIT, MARKET, POST_ONLY, STOP, TAKE_PROFIT

prices = st.integers(80, 120)
orders = st.tuples(
    st.integers(0, 1),
    st.sampled_from([MARKET, LIMIT, POST_ONLY, STOP, TAKE_PROFIT, IOC]),
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


def _state(book: Paper | PlainBook) -> Any:
    """The orders on the book: number, open lots, waits, number of the pair, rested, triggered."""
    if isinstance(book, PlainBook):
        on = book.orders
        return [(o.number, o.lots, o.waits, o.pair if o.pair in on else 0, o.rested, o.triggered) for o in on.values()]
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
            kind, ticks = (IOC, fields[4]) if fields[1] == IOC else (MARKET, 0)
            number = book.add(fields[0], kind, fields[2], fields[3], ticks, fields[5], fields[6], False)
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
def test_a_book_fills_what_each_order_deserves(shape: tuple[int, bool, bool], story: list[tuple[str, Any]]) -> None:
    factors = (100_000 + shape[0], 100_000 - shape[0], 100_000, *shape[1:])

    assert _play(Paper(*factors), story) == _play(PlainBook(*factors), story)


@settings(max_examples=300, deadline=None)
@given(
    shape=books,
    before=st.lists(orders, max_size=6),
    leg=st.integers(0, 1),
    reduce=st.booleans(),
    lots=st.integers(1, 9),
    ticks=prices,
    bar=bars,
)
def test_an_ioc_order_is_over_at_its_open(
    shape: tuple[int, bool, bool],
    before: list[Any],
    leg: int,
    reduce: bool,
    lots: int,
    ticks: int,
    bar: tuple[int, int, int, int, bool],
) -> None:
    """Whatever else is on the book: it never rests, pays at most its limit, and fills or ends with all of its lots."""
    book = Paper(100_000 + shape[0], 100_000 - shape[0], 100_000, *shape[1:])
    for fields in before:
        book.add(*fields)
    number = book.add(leg, IOC, reduce, lots, ticks)
    opened, one, two, cap, late = bar
    happened = [row for row in book.at_open(opened, cap, late) if row[1] == number]
    inside = book.inside(max(opened, one, two), min(opened, one, two))

    filled = [row for row in happened if row[0] == "filled"]
    left = lots - sum(row[2] for row in filled)
    assert [row[0] for row in happened if row[0] == "cancelled"] == (["cancelled"] if left else [])
    assert all(row[3] == opened and not row[5] for row in filled)
    assert all((row[3] <= ticks) if (leg == 0) != reduce else (row[3] >= ticks) for row in filled)
    assert number not in [row[1] for row in inside]
    assert book.remaining(number) == 0


@settings(max_examples=300, deadline=None)
@given(
    factors=st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1)),
    kind=st.sampled_from([MARKET, LIMIT, STOP]),
    leg=st.integers(0, 1),
    ticks=st.integers(1, 2**53 - 1),
    opened=st.one_of(st.integers(1, 2**53 - 1), st.integers(1, 1000)),
)
@example((2**63 - 1, 1, 1), MARKET, 0, 1, 2)
@example((1, 2**63 - 1, 1), MARKET, 1, 1, 2)
@example((0, 0, 1), MARKET, 0, 1, 2)
def test_slippage_at_the_ends_of_the_range(
    factors: tuple[int, int, int], kind: int, leg: int, ticks: int, opened: int
) -> None:
    """A price that an account can book, or an error: never a wrong price."""
    book, plain = Paper(*factors), PlainBook(*factors, False, False)
    for each in (book, plain):
        each.add(leg, kind, False, 5, ticks, 3, 9, False)
    expected = plain.at_open(opened, -1, False)
    if any(row[0] == "filled" and not 0 < row[3] < 2**53 for row in expected):
        with pytest.raises(OurFault):
            book.at_open(opened)
    else:
        assert book.at_open(opened) == expected


@pytest.mark.parametrize(
    "factors",
    [(2**63, 1, 1), (1, 2**63, 1), (1, 1, 2**63), (-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -5), (2**200, 1, 1)],
)
def test_slippage_out_of_range_is_refused(factors: tuple[int, int, int]) -> None:
    with pytest.raises(LedgerOverflow, match="out of the book's range"):
        Paper(*factors)


@pytest.mark.parametrize("order", [(0, 5, 0, 0), (-1, 5, 0, 0), (2**53, 5, 0, 0), (1, -5, 0, 0), (1, 5, 2**60, 0)])
def test_an_order_that_cannot_be_is_refused(order: tuple[int, ...]) -> None:
    book = Paper(1, 1, 1)
    with pytest.raises(OurFault, match=r"An order of -?\d+ lots at -?\d+ ticks"):
        book.add(0, LIMIT, False, *order)
    assert book.book.count == 0


def test_an_order_that_is_gone_is_removed_once() -> None:
    book = Paper(1, 1, 1)
    number = book.add(0, LIMIT, False, 3, 90)
    book.remove(number)
    book.remove(number)

    assert book.book.count == 0
    assert book.at_open(80) == []
