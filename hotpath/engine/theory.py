# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""What the paper venue's model makes of the orders that a real venue has: theoretical fills.

Each order that leaves has a twin on a book of its own, which the session's bars fill as on the paper venue. A twin's
fill is one ``order.theoretical``: no position, no money and no other order is moved by it. The venue decides what an
order may reduce, so a twin is never cut to the position.

A twin takes part from its request on. It leaves the book when its cancel is asked for. When the order ends at the venue
otherwise, filled, refused or expired, it takes part in the bar in which that happened, and leaves then.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.hotpath.engine.book import Book, Venue
from live_runner.hotpath.engine.orders import restored_order

if not cython.compiled:
    from live_runner.hotpath.engine.book import takes_at_once
    from live_runner.hotpath.engine.ledger import Position
    from live_runner.hotpath.engine.orders import Order, new_order, order_name, order_row
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.words import FILLED

__all__ = ["Theory"]

HELD: Final = 2**52
"""Lots that every twin finds held on both legs, on top of the account's own: more than any order reduces."""


class Theory(Venue):
    """The books of twins, one for each market of a session whose orders go to a real venue."""

    books: list[Any]
    twins: dict[str, Any]

    def __init__(self, state: State) -> None:
        self.state = state
        self.books = []
        self.twins = {}
        """By order id, in the order of their requests."""
        if not state.simulated:
            self.make_books()

    def make_books(self) -> None:
        """As those of the paper venue; each twin may hold any leg."""
        for market in self.state.markets:
            book = market.book
            self.books.append(Book(book.slip_up, book.slip_down, book.slip_base, book.through, False))

    def place(self, order: Order) -> None:
        """An order is about to be handed to the venue."""
        market = self.state.markets[order.symbol]
        twin = twin_of(order)
        self.twins[order_name(order)] = twin
        book = self.books[order.symbol]
        book.add(twin)
        bars = self.state.columns.bars
        is_at_its_close = (
            not twin.waits and not twin.at_next_open and bars[order.symbol].number == self.state.set_number
        )
        if self.state.at_close and takes_at_once(twin.kind) and is_at_its_close:
            position = self.position_of(market)
            book.at_close(self, position, twin, market.close_ticks(), market.cap(), self.state.now_ns)
            self.forget()

    def take_off(self, order: Order) -> None:
        """A cancel is asked for: the model stops there."""
        twin = self.twins.pop(order_name(order), None)
        if twin is not None:
            self.remove(twin)

    def remove(self, twin: Order) -> None:
        """The twin leaves its book."""
        book = self.books[twin.symbol]
        book.remove(twin)

    def leave(self, order: Order) -> None:
        """The order has ended at the venue: its twin takes part in the bar of that end, the next one, and no more."""
        twin = self.twins.get(order_name(order))
        if twin is not None:
            twin.state = FILLED

    def run_bar(self, market: Market) -> None:
        """One symbol's bar, as the paper venue takes it."""
        book = self.books[market.index]
        if book.count:
            self.play(market, book)

    def play(self, market: Market, book: Book) -> None:
        """The bar, for the twins on a book."""
        at = market.index
        bars = self.state.columns.bars
        opened = market.ticks(bars[at].open)
        highest = market.ticks(bars[at].high)
        lowest = market.ticks(bars[at].low)
        closed = market.ticks(bars[at].close)
        position = self.position_of(market)
        book.at_open(self, position, opened, market.cap(), bars[at].late, bars[at].open_ns)
        if book.count:
            book.inside(self, position, highest, lowest, closed, False, bars[at].close_ns)
        for twin in list(self.twins.values()):
            if twin.state == FILLED and twin.symbol == at:
                self.remove(twin)
        self.forget()

    def position_of(self, market: Market) -> Position:
        """Legs from which any order may reduce; which one outweighs the other is the account's."""
        position = Position(1, 1)
        position.long.quantity = HELD + market.long.quantity
        position.short.quantity = HELD + market.short.quantity
        return position

    def forget(self) -> None:
        """Keep the twins that are on a book."""
        for name, twin in list(self.twins.items()):
            if twin.gone:
                del self.twins[name]

    # -- what the books call --------------------------------------------------------------------

    def fill(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """The model fills a twin."""
        order.filled += lots
        order.fills += 1
        self.state.seq += 1
        self.state.sink.theoretical(order, lots, ticks, reference, maker, at_ns)

    def cancelled(self, order: Order, why: int) -> None:
        """The book has dropped a twin, the rest of an ioc order."""

    def moves(self, position: Position, start: int, end: int, at_ns: int) -> bool:
        """The venue liquidates, not the model."""
        return False

    # -- snapshots ------------------------------------------------------------------------------

    def row(self) -> list[Any]:
        """Plain data for a snapshot, taken between two inputs."""
        return [order_row(twin) for twin in self.twins.values()]

    def restore(self, rows: list[Any]) -> None:
        """Go on from a snapshot."""
        for row in rows:
            twin = restored_order(row, None)
            self.twins[order_name(twin)] = twin
            book = self.books[twin.symbol]
            book.add(twin)


def twin_of(order: Order) -> Order:
    """The order as it is requested, to be filled by the model."""
    twin = new_order(
        order.session,
        order.close_ns,
        order.number,
        order.attempt,
        order.symbol,
        order.side,
        order.action,
        order.kind,
        order.quantity,
        order.price,
        order.reference,
        order.reduce,
        order.reason,
    )
    twin.named_attempt = order.named_attempt
    twin.part = order.part
    twin.part_number = order.part_number
    twin.intent_text = order.intent_text
    twin.at_next_open = order.at_next_open
    twin.waits = order.waits
    return twin
