"""A venue as far as one leg needs it: its orders by client order id, its trades, its position. It imports nothing.

It is the truth that the engine is measured against. A venue is a value: every operation gives the venue afterwards.
Quantities are whole lots. An order may be filled in parts at any time, whatever its price. A client order id is unique
among the orders that stand, and only there; an order that was refused leaves no trace; a reducing order never opens the
other side: what is more than the position is refused, and cut or ended when the position shrinks. A trigger order waits
for its price and is not held against the position; triggered, it becomes another order, which does reduce.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["EMPTY", "Order", "Venue", "cancelled", "fill", "found", "place", "standing", "trades", "triggered"]


class Order(NamedTuple):
    """One order: ``fills`` are the lots of its trades."""

    client: str
    reduce: bool
    at_market: bool
    quantity: int
    fills: tuple[int, ...] = ()
    status: str = "accepted"
    trigger: bool = False
    waits: bool = False
    """Of a trigger order: its price has not been met."""
    target: bool = False
    """Of a trigger order: it takes profit; the others stop losses."""

    @property
    def filled(self) -> int:
        """Lots of its trades."""
        return sum(self.fills)

    @property
    def remaining(self) -> int:
        """Lots that can still fill: none when it is off the book."""
        return self.quantity - sum(self.fills) if self.stands and not self.waits else 0

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


def place(
    venue: Venue, client: str, *, reduce: bool, at_market: bool, quantity: int, trigger: bool, target: bool
) -> tuple[Venue, str]:
    """Take an order on the book; or why not."""
    if standing(venue, client) is not None:
        return venue, "duplicate"
    if reduce and not trigger and quantity > venue.position:
        return venue, "no_position" if venue.position == 0 else "reduce_only_refused"
    order = Order(client, reduce, at_market, quantity, trigger=trigger, waits=trigger, target=target)
    return venue._replace(orders=tuple(sorted([*venue.orders, order], key=lambda order: order.client))), ""


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
    return Venue(position, tuple(_reduced(order, position) for order in orders))


def triggered(venue: Venue, client: str) -> Venue:
    """The price of a trigger order is met: it is another order from now on."""
    orders = (
        _reduced(order._replace(waits=False), venue.position) if order.client == client and order.stands else order
        for order in venue.orders
    )
    return venue._replace(orders=tuple(orders))


def _reduced(order: Order, position: int) -> Order:
    """An order for no more than it can reduce; it ends where that is nothing."""
    if not order.reduce or order.remaining <= position:
        return order
    if position == 0:
        return order._replace(status="expired")
    return order._replace(quantity=order.filled + position)


def cancelled(venue: Venue, client: str, status: str = "cancelled") -> Venue:
    """Without the order that stands."""
    orders = (
        order._replace(status=status) if order.client == client and order.stands else order for order in venue.orders
    )
    return venue._replace(orders=tuple(orders))
