# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""The paper venue's book of one instrument: which orders a bar fills, at what price, in what order.

Prices are ticks, quantities lots. A bar comes in two halves. At the open: market and ioc orders in the order they
came, then resting orders that the open already crosses (stops, targets, closing limits, entries). Inside the bar the
price goes from the open to one extreme and then to the other, down first, or up first where shorts outweigh longs. On
each of the two ways the nearer price is met first, whatever it belongs to: stop, target, limit, or the liquidation of
the account, which the venue looks for. docs/fills.md has the rule with worked bars.

A limit fills at its price, or at the open where that is better. What rested is a maker; a plain limit that is
marketable at its first open is a taker. A stop becomes a market order when the bar trades through its trigger, or at
the open beyond it. The bracket of an entry is added with each of its fills. Nothing reduces past the position; a leg
that goes flat cancels what only reduces it. Participation bounds what one order takes of one bar. The target of a whole
leg leaves what entries have added inside a bar to the next one.

An ioc (immediate or cancel) order takes part in one open only. It fills there, as a taker and without slippage, where
its limit allows that; what is left of it is cancelled.

Most bars reach no order. So the book keeps the lowest price of a rise and the highest of a fall that do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cython

from live_runner.contracts.errors import LedgerOverflow
from live_runner.hotpath.constants import UNITS_END
from live_runner.hotpath.engine.orders import CHECK

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_runner.hotpath.engine.ledger import Position
    from live_runner.hotpath.engine.orders import Order
if not cython.compiled:
    from live_runner.hotpath.engine.orders import out_of_order, out_of_range
    from live_runner.hotpath.engine.python_lists import drop_last
    from live_runner.hotpath.engine.python_money import count64, floor_of, is_exact, times
    from live_runner.hotpath.engine.words import (
        IOC,
        IOC_REMAINDER,
        LEG_FLAT,
        LIMIT,
        MARKET,
        OCO,
        ONE_WAY_CONFLICT,
        STOP,
        TAKE_PROFIT,
    )

__all__ = ["Book", "CallbackVenue", "Venue"]


class Venue:
    """Whom a book calls when something happens, in the order in which it happens."""

    def fill(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """Lots of an order are filled.

        Before it returns it has brought the fill into the order and the account, and added the bracket of an entry to
        the book.
        """
        raise NotImplementedError

    def cancelled(self, order: Order, why: int) -> None:
        """An order has left the book without being filled."""
        raise NotImplementedError

    def moves(self, position: Position, start: int, end: int, at_ns: int) -> bool:
        """The price moves inside a bar; True when the venue has liquidated the position and cleared the book."""
        raise NotImplementedError


class CallbackVenue(Venue):
    """A venue in Python: counts the order's fills and calls two functions with what a book calls it with."""

    def __init__(self, on_fill: Callable[..., None], on_cancelled: Callable[..., None]) -> None:
        self.on_fill = on_fill
        self.on_cancelled = on_cancelled

    def fill(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """See ``Venue``."""
        order.filled += lots
        self.on_fill(order, lots, ticks, reference, maker, at_ns)

    def cancelled(self, order: Order, why: int) -> None:
        """See ``Venue``."""
        self.on_cancelled(order, why)

    def moves(self, position: Position, start: int, end: int, at_ns: int) -> bool:
        """See ``Venue``: no margin, no liquidation."""
        return False


class Book:
    """Resting and market orders of one instrument, oldest first.

    ``slip_up`` / ``slip_down`` over ``slip_base`` is the adverse factor of a buy and of a sell, below 2**63;
    ``through`` asks that a bar trades beyond a limit; ``one_way`` never holds both legs. The ``cap`` of a bar is how
    many lots one order may take of it, -1 for any.
    """

    walking: bool
    rise: int
    fall: int
    immediate: bool
    waiting: bool
    fresh: bool

    def __init__(self, slip_up: int, slip_down: int, slip_base: int, through: bool, one_way: bool) -> None:
        if not (0 <= slip_up < UNITS_END and 0 <= slip_down < UNITS_END and 0 < slip_base < UNITS_END):
            factors = f"{slip_up} and {slip_down} over {slip_base}"
            raise LedgerOverflow(f"Slippage of {factors} is out of the book's range", remedy=CHECK)
        self.slip_up = slip_up
        self.slip_down = slip_down
        self.slip_base = slip_base
        self.slips = slip_up != slip_base or slip_down != slip_base
        self.through = through
        self.one_way = one_way
        self.orders: list[Order] = []
        self.count = 0
        self.open = 0
        self.cap = -1
        self.is_inside = False
        self.entered_long = 0
        self.entered_short = 0
        self.sweep()

    # -- orders ---------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """One more order. It takes part from the next half of a bar on."""
        if not (is_exact(order.quantity) and is_exact(order.price) and is_exact(order.stop) and is_exact(order.target)):
            raise out_of_range(order)
        if order.quantity <= order.filled or order.price < 0 or order.stop < 0 or order.target < 0:
            raise out_of_order(order)
        self.orders.append(order)
        self.count += 1
        self.note(order)

    def remove(self, order: Order) -> None:
        """Take an order off the book; nothing happens when it is not there."""
        if not order.gone:
            self.retire(order)
            if not self.walking:
                self.sweep()

    def tie(self, order: Order, other: Order) -> None:
        """One cancels the other."""
        order.pair = other
        other.pair = order

    def listed(self) -> list[list[Any]]:
        """Ids of the orders and of those that they cancel ('' for none), for a snapshot between bars."""
        rows = []
        for order in self.orders:
            rows.append([order.order_id, "" if order.pair is None else order.pair.order_id])
        return rows

    def restore(self, rows: list[list[Any]], orders: dict[str, Order]) -> None:
        """Go on from a snapshot, with its orders by their ids."""
        self.orders.clear()
        for name, pair in rows:
            order = orders[name]
            order.pair = orders[pair] if pair else None
            self.orders.append(order)
        self.count = len(self.orders)
        self.sweep()

    # -- a bar ----------------------------------------------------------------------------------

    def at_open(self, venue: Venue, position: Position, ticks: int, cap: int, late: bool, at_ns: int) -> None:
        """The first half of a bar. Orders that wait for a bar in time do not take part in a late one."""
        self.open = ticks
        self.cap = cap
        if self.waiting and not late:
            self.release()
        if self.immediate or ticks >= self.rise or ticks <= self.fall:
            self.cross_open(venue, position, ticks, at_ns)

    def inside(
        self, venue: Venue, position: Position, high: int, low: int, close: int, watched: bool, at_ns: int
    ) -> None:
        """The second half: what lies on the way to the extremes and the close. Then every order has rested.

        ``watched``: the margin may be used up on the way, so that the venue has to see it even where no order is met.
        """
        if watched or high >= self.rise or low <= self.fall:
            self.cross_inside(venue, position, high, low, close, at_ns)
        if self.fresh:
            self.rest()

    def at_close(self, venue: Venue, position: Position, order: Order, ticks: int, cap: int, at_ns: int) -> None:
        """One order that takes at once, at the close that it was decided on."""
        self.open = ticks
        self.cap = cap
        self.walking = True
        self.take_at_once(venue, position, order, ticks, at_ns)
        order.used = 0
        self.sweep()

    def clear(self, venue: Venue, why: int) -> None:
        """Cancel everything."""
        self.walking = True
        for at in range(self.count):
            self.drop(venue, self.orders[at], why)
        self.sweep()

    def cross_open(self, venue: Venue, position: Position, ticks: int, at_ns: int) -> None:
        """Fill what the open reaches. Brackets that come with its fills take part inside the bar."""
        count = self.count
        self.walking = True
        if self.immediate:
            for at in range(count):
                order = self.orders[at]
                if (takes_at_once(order.kind) or order.triggered) and not order.waits and not order.gone:
                    self.take_at_once(venue, position, order, ticks, at_ns)
        if ticks >= self.rise or ticks <= self.fall:
            ranked = self.ranked(count, ticks)
            for at in range(len(ranked)):
                order = ranked[at]
                if order.gone:
                    continue
                if order.kind == STOP:
                    order.triggered = True
                    self.take_slipped(venue, position, order, ticks, at_ns)
                else:
                    self.take(venue, position, order, ticks, ticks, order.rested or order.kind != LIMIT, at_ns)
        self.sweep()

    def cross_inside(self, venue: Venue, position: Position, high: int, low: int, close: int, at_ns: int) -> None:
        """The way of the price inside the bar: the worse extreme, back, the other one, the close (docs/fills.md)."""
        self.walking = True
        self.is_inside = True
        self.entered_long = 0
        self.entered_short = 0
        count = self.count
        up = position.short.quantity > position.long.quantity
        first = high if up else low
        second = low if up else high
        if (
            self.walk(venue, position, count, up, first, at_ns)
            and not venue.moves(position, first, self.open, at_ns)
            and self.walk(venue, position, count, not up, second, at_ns)
        ):
            venue.moves(position, second, close, at_ns)
        self.is_inside = False
        self.sweep()

    def walk(self, venue: Venue, position: Position, count: int, up: bool, end: int, at_ns: int) -> bool:
        """One way of the price, from the open to an extreme; False when the venue has liquidated the position on it.

        The nearer price is taken first. Of what a fill creates, its stop takes part. ``count`` orders were there.
        """
        way: list[Order] = []
        for at in range(count):
            order = self.orders[at]
            if self.is_reached(order, up, end):
                put_in(way, order, 0)
        price = self.open
        place = 0
        while place < len(way):
            order = way[place]
            place += 1
            if order.gone:
                continue
            if (order.price > price) if up else (order.price < price):  # else the open has left it behind
                if venue.moves(position, price, order.price, at_ns):
                    return False
                price = order.price
            known = self.count
            if order.kind == STOP:
                order.triggered = True
                self.take_slipped(venue, position, order, price, at_ns)
            else:
                self.take(venue, position, order, price, price, True, at_ns)
            for at in range(known, self.count):
                order = self.orders[at]
                if order.kind == STOP and self.is_reached(order, up, end):
                    put_in(way, order, place)
        return not venue.moves(position, price, end, at_ns)

    def is_reached(self, order: Order, up: bool, end: int) -> bool:
        """Whether a way of the price inside the bar comes to an order."""
        if takes_at_once(order.kind) or order.waits or order.gone or order.triggered or goes_up(order) != up:
            return False
        return self.crossed(order, end)

    def ranked(self, count: int, ticks: int) -> list[Order]:
        """The orders that an open crosses, in the order in which they are taken."""
        ranked: list[Order] = []
        for at in range(count):
            order = self.orders[at]
            if takes_at_once(order.kind) or order.waits or order.gone or order.triggered:
                continue
            if not self.crossed(order, ticks):
                continue
            place = len(ranked)
            ranked.append(order)
            while place > 0 and before(order, ranked[place - 1]):
                ranked[place] = ranked[place - 1]
                place -= 1
            ranked[place] = order
        return ranked

    def crossed(self, order: Order, price: int) -> bool:
        """Whether a price triggers the stop or fills the limit."""
        if order.kind == STOP:
            return price >= order.price if order.buy else price <= order.price
        if self.through:
            return price < order.price if order.buy else price > order.price
        return price <= order.price if order.buy else price >= order.price

    # -- fills ----------------------------------------------------------------------------------

    def take_at_once(self, venue: Venue, position: Position, order: Order, price: int, at_ns: int) -> None:
        """Fill an order that takes at once, at one price. The rest of an ioc order is cancelled, other orders go on."""
        if order.kind == IOC:
            if self.crossed(order, price):
                self.take(venue, position, order, price, price, False, at_ns)
            self.drop(venue, order, IOC_REMAINDER)
        else:
            self.take_slipped(venue, position, order, price, at_ns)

    def take_slipped(self, venue: Venue, position: Position, order: Order, price: int, at_ns: int) -> None:
        """Fill at the price with adverse slippage, rounded adversely, at least one tick."""
        slipped = price
        if self.slips and order.buy:
            slipped = count64(floor_of(times(price, self.slip_up) + self.slip_base - 1, self.slip_base))
        elif self.slips:
            slipped = count64(floor_of(times(price, self.slip_down), self.slip_base))
        if slipped < 1 and not order.buy:
            slipped = 1
        self.take(venue, position, order, slipped, price, False, at_ns)

    def take(
        self, venue: Venue, position: Position, order: Order, price: int, reference: int, maker: bool, at_ns: int
    ) -> None:
        """Fill what position, participation and mode allow, and what follows from it."""
        lots = order.quantity - order.filled
        if self.cap >= 0 and self.cap - order.used < lots:
            lots = self.cap - order.used
        if order.reduce:
            held = position.short.quantity if order.side else position.long.quantity
            if held == 0:
                self.drop(venue, order, LEG_FLAT)
                lots = 0
            elif held < lots:
                lots = held
            if order.whole and order.kind == TAKE_PROFIT and self.is_inside:
                lots = min(lots, held - (self.entered_short if order.side else self.entered_long))
        elif self.one_way and (position.long.quantity if order.side else position.short.quantity):
            self.drop(venue, order, ONE_WAY_CONFLICT)
            lots = 0
        if lots > 0:
            other = order.pair
            order.used += lots
            if lots == order.quantity - order.filled:
                self.retire(order)
            venue.fill(order, lots, price, reference, maker, at_ns)
            if order.reduce:
                held = position.short.quantity if order.side else position.long.quantity
                if other is not None and (order.gone or held == 0):
                    self.drop(venue, other, OCO)
                if held == 0:
                    self.drop_exits(venue, order.side)
            elif order.side:
                self.entered_short += lots
            else:
                self.entered_long += lots

    def drop_exits(self, venue: Venue, side: int) -> None:
        """The leg is flat: nothing is left that its exits could close."""
        for at in range(self.count):
            order = self.orders[at]
            if order.reduce and order.side == side:
                self.drop(venue, order, LEG_FLAT)

    def drop(self, venue: Venue, order: Order, why: int) -> None:
        """Cancel an order that is still on the book."""
        if not order.gone:
            self.retire(order)
            venue.cancelled(order, why)

    # -- bookkeeping ----------------------------------------------------------------------------

    def retire(self, order: Order) -> None:
        """It is filled or cancelled; it leaves the list when the half of the bar is over."""
        order.gone = True
        if order.pair is not None:
            order.pair.pair = None
            order.pair = None

    def sweep(self) -> None:
        """Take what is gone off the book."""
        self.walking = False
        self.rise = 1 << 62
        self.fall = -1
        self.immediate = False
        self.waiting = False
        self.fresh = False
        kept = 0
        for at in range(self.count):
            order = self.orders[at]
            if not order.gone:
                if kept < at:
                    self.orders[kept] = order
                kept += 1
                self.note(order)
        while self.count > kept:
            drop_last(self.orders)
            self.count -= 1

    def note(self, order: Order) -> None:
        """Which prices reach an order, and what is left to do after a bar for it."""
        if takes_at_once(order.kind) or order.triggered:
            self.immediate = True
        elif goes_up(order):
            self.rise = min(self.rise, order.price)
        else:
            self.fall = max(self.fall, order.price)
        if order.waits:
            self.waiting = True
        if order.used or not order.rested:
            self.fresh = True

    def release(self) -> None:
        """The first bar in time: orders that waited for it take part."""
        self.waiting = False
        for at in range(self.count):
            order = self.orders[at]
            order.waits = False

    def rest(self) -> None:
        """A bar is over for every order that took part in it."""
        self.fresh = False
        for at in range(self.count):
            order = self.orders[at]
            order.used = 0
            if order.waits:
                self.fresh = True
            else:
                order.rested = True


def takes_at_once(kind: int) -> bool:
    """Whether orders of the kind take part in one open, or in the close that they were decided on, and never rest."""
    return kind in (MARKET, IOC)


def goes_up(order: Order) -> bool:
    """Whether a rise reaches the order's price."""
    return order.buy == (order.kind == STOP)


def group_of(order: Order) -> int:
    """Stops before targets, reduce-only limits and entries."""
    if order.kind == STOP:
        return 0
    if order.kind == TAKE_PROFIT:
        return 1
    return 2 if order.reduce else 3


def before(order: Order, other: Order) -> bool:
    """Whether an order is taken before an older one: by group, long before short, nearest to the open first."""
    group = group_of(order)
    other_group = group_of(other)
    if group != other_group:
        return group < other_group
    if order.side != other.side:
        return order.side < other.side
    return distance(order) < distance(other)


def put_in(way: list[Order], order: Order, first: int) -> None:
    """Put an order in its place on the way, at ``first`` or behind it."""
    place = len(way)
    way.append(order)
    while place > first and comes_before(order, way[place - 1]):
        way[place] = way[place - 1]
        place -= 1
    way[place] = order


def comes_before(order: Order, other: Order) -> bool:
    """Whether the price comes to an order before an older one."""
    far = distance(order)
    other_far = distance(other)
    if far != other_far:
        return far < other_far
    return before(order, other)


def distance(order: Order) -> int:
    """The distance of an order from the open, among those on its side of it."""
    # A buy limit and a sell stop lie below the open: the higher one is nearer.
    return order.price if goes_up(order) else -order.price
