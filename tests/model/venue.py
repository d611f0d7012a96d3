"""A venue as far as one leg needs it: its orders by client order id, its trades, its position. It imports nothing.

It is the truth that the engine is measured against. A venue is a value: every operation gives the venue afterwards.
Quantities are whole lots. An order may be filled in parts at any time, whatever its price. A client order id is unique
among the orders that stand, and only there; an order that was refused leaves no trace; a reducing order never opens the
other side: what is more than the position is refused.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EMPTY", "Order", "Venue", "cancelled", "fill", "found", "place", "standing", "trades"]


class Order(NamedTuple):
    """One order: ``fills`` are the lots of its trades."""

    client: str
    reduce: bool
    at_market: bool
    quantity: int
    fills: tuple[int, ...] = ()
    status: str = "accepted"

    @property
    def filled(self) -> int:
        """Lots of its trades."""
        return sum(self.fills)

    @property
    def remaining(self) -> int:
        """Lots that can still fill: none when it is off the book."""
        return self.quantity - sum(self.fills) if self.stands else 0

    @property
    def stands(self) -> bool:
        """Whether it is on the book."""
        return self.status in ("accepted", "partly_filled")


class Venue(NamedTuple):
    """Position in lots, and every order it took: by client order id, those of one id in the order of their arrival."""

    position: int
    orders: tuple[Order, ...]


EMPTY = Venue(0, ())


def standing(venue: Venue, client: str) -> Order | None:
    """The order on the book that has this id."""
    for order in venue.orders:
        if order.client == client and order.stands:
            return order
    return None


def found(venue: Venue, client: str) -> Order | None:
    """What a query for the id shows: the newest order that has it."""
    shown = None
    for order in venue.orders:
        if order.client == client:
            shown = order
    return shown


def trades(venue: Venue, client: str) -> tuple[tuple[str, int, int], ...]:
    """Id, lots and price of each trade of the orders with this id, oldest first."""
    fills = [lots for order in venue.orders if order.client == client for lots in order.fills]
    base = 100 + 10 * sum(map(ord, client)) % 700
    return tuple((f"{client}.t{number}", lots, base + number) for number, lots in enumerate(fills, 1))


def place(venue: Venue, client: str, *, reduce: bool, at_market: bool, quantity: int) -> tuple[Venue, str]:
    """Take an order on the book; or why not."""
    if standing(venue, client) is not None:
        return venue, "duplicate"
    if reduce and quantity > venue.position:
        return venue, "no_position" if venue.position == 0 else "reduce_only_refused"
    orders = sorted([*venue.orders, Order(client, reduce, at_market, quantity)], key=lambda order: order.client)
    return venue._replace(orders=tuple(orders)), ""


def fill(venue: Venue, client: str, lots: int) -> Venue:
    """One trade of the order that stands."""
    orders = []
    position = venue.position
    for order in venue.orders:
        if order.client == client and order.stands:
            fills = (*order.fills, lots)
            status = "filled" if sum(fills) == order.quantity else "partly_filled"
            position += -lots if order.reduce else lots
            order = order._replace(fills=fills, status=status)
        orders.append(order)
    return Venue(position, tuple(orders))


def cancelled(venue: Venue, client: str) -> Venue:
    """Without the order that stands."""
    orders = (
        order._replace(status="cancelled") if order.client == client and order.stands else order
        for order in venue.orders
    )
    return venue._replace(orders=tuple(orders))
