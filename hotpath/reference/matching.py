"""The paper venue's book of one symbol: which orders a bar fills, at what price, in what order.

Integers only: prices in ticks, quantities in lots, orders by a number the book gives. A bar comes in two
halves, since the account looks at its margin between them. At the open: market orders in the order they
came, then resting orders that the open already crosses. Inside the bar: stops, then targets, then limits
against high and low. Stops take the price nearest to the open first, entries likewise; reduce-only limits
go before entries.

A limit fills at its price, or at the open where that is better. What rested is a maker; a plain limit
that is marketable at its first open is a taker. A stop becomes a market order when the bar trades through
its trigger, or at the open beyond it. An entry's attached stop and target are born with each of its fills
for that fill's quantity, linked so that one done cancels the other: born at the open they take part inside
the bar, born inside it from the next bar on. Nothing reduces past the position; a leg that goes flat
cancels what only reduces it. Participation bounds what one order takes of one bar.
"""

from __future__ import annotations

from typing import Any, Final

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.constants import (
    BORN,
    CANCELLED,
    EXACT_END,
    FILLED,
    LEG_FLAT,
    LIMIT,
    LIQUIDATION,
    MARKET,
    NO_CAP,
    OCO,
    ONE_WAY,
    POST_ONLY,
    STOP,
    TAKE_PROFIT,
    UNITS_END,
)
from live_runner.hotpath.reference.fixed import in_range

__all__ = [
    "BORN",
    "CANCELLED",
    "FILLED",
    "LEG_FLAT",
    "LIMIT",
    "LIQUIDATION",
    "MARKET",
    "OCO",
    "ONE_WAY",
    "POST_ONLY",
    "STOP",
    "TAKE_PROFIT",
    "Book",
]


class _Order:
    __slots__ = (
        "buy",
        "key",
        "kind",
        "leg",
        "lots",
        "pair",
        "reduce",
        "rested",
        "stop",
        "target",
        "ticks",
        "triggered",
        "used",
        "waits",
    )

    def __init__(
        self, key: int, leg: int, kind: int, reduce: bool, lots: int, ticks: int, stop: int, target: int, waits: bool
    ) -> None:
        self.key = key
        self.leg = leg
        self.kind = kind
        self.reduce = reduce
        self.lots = lots
        self.ticks = ticks
        self.stop = stop
        self.target = target
        self.waits = waits  # for the first bar that is not late
        self.buy = (leg == 0) != reduce
        self.pair = 0
        self.rested = False
        self.triggered = False
        self.used = 0  # of the current bar


class Book:
    """Resting and market orders of one symbol.

    ``slip_up`` / ``slip_down`` over ``slip_base`` is the adverse factor of a buy and of a sell, below 2**63;
    ``through`` asks that a bar trades beyond a limit; ``one_way`` never holds both legs.
    """

    def __init__(self, slip_up: int, slip_down: int, slip_base: int, through: bool, one_way: bool) -> None:
        if not (0 <= slip_up < UNITS_END and 0 <= slip_down < UNITS_END and 0 < slip_base < UNITS_END):
            factors = f"{slip_up} and {slip_down} over {slip_base}"
            raise LedgerOverflow(f"Slippage of {factors} is out of the book's range", remedy=_RANGE)
        self._slip_up: Final = slip_up
        self._slip_down: Final = slip_down
        self._slip_base: Final = slip_base
        self._through: Final = through
        self._one_way: Final = one_way
        self._orders: dict[int, _Order] = {}
        self._key = 0
        self._position = [0, 0]
        self._cap = NO_CAP
        self._open = 0
        self._out: list[tuple[int, int, int, int, int, int]] = []

    def __len__(self) -> int:
        return len(self._orders)

    def add(self, leg: int, kind: int, reduce: bool, lots: int, ticks: int, stop: int, target: int, waits: bool) -> int:
        """One more order, taking part from the next bar on; its key. 0 ticks is no price."""
        for value in (lots, ticks, stop, target):
            if not 0 <= value < EXACT_END:
                raise LedgerOverflow(f"{value} ticks or lots are out of the book's range", remedy=_RANGE)
        if not lots:
            raise OurFault("An order of no lots reached the book", remedy=_RANGE)
        self._key += 1
        self._orders[self._key] = _Order(self._key, leg, kind, reduce, lots, ticks, stop, target, waits)
        return self._key

    def cancel(self, key: int) -> int:
        """Take an order off the book; its open lots, 0 when it is not there."""
        order = self._orders.pop(key, None)
        return order.lots if order else 0

    def remaining(self, key: int) -> int:
        """Open lots of an order, 0 when it is not on the book."""
        order = self._orders.get(key)
        return order.lots if order else 0

    def at_open(
        self, open_ticks: int, cap: int, late: bool, long_lots: int, short_lots: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """The first half of a bar, on the positions held; ``cap`` lots per order, -1 for any."""
        self._begin(open_ticks, cap, late, long_lots, short_lots)
        if not self._orders:
            return self._out
        newest = self._key  # what is born now takes part inside the bar
        for order in self._now():
            if order.key in self._orders and (order.kind == MARKET or order.triggered):
                self._take(order, self._slipped(order, open_ticks), open_ticks, False)
        for order in self._by_worst():
            if order.key > newest or order.key not in self._orders or order.triggered:
                continue
            if self._crossed(order, open_ticks):
                self._at_open(order)
        return self._out

    def inside(self, high: int, low: int) -> list[tuple[int, int, int, int, int, int]]:
        """The second half: stops, targets and limits against the extremes. Then every order has rested."""
        self._out = []
        in_range(high)
        in_range(low)
        for order in self._by_worst():
            if order.key not in self._orders or order.triggered:
                continue
            self._against(order, high, low)
        for order in self._orders.values():
            if not order.waits:
                order.rested = True
            order.used = 0
        return self._out

    def at_close(
        self, key: int, ticks: int, cap: int, long_lots: int, short_lots: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """One market order at the close that it was decided on."""
        self._begin(ticks, cap, True, long_lots, short_lots)
        order = self._orders[key]
        self._take(order, self._slipped(order, ticks), ticks, False)
        order.used = 0
        return self._out

    def clear(self, why: int) -> list[tuple[int, int, int, int, int, int]]:
        """Cancel everything."""
        self._out = []
        for key in list(self._orders):
            self._drop(key, why)
        return self._out

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot, taken between bars."""
        return {
            "key": self._key,
            "orders": [[*_fields(o), o.pair, o.rested, o.triggered] for o in self._orders.values()],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        self._key = state["key"]
        self._orders = {}
        for row in state["orders"]:
            order = _Order(*row[:9])
            order.pair, order.rested, order.triggered = row[9], row[10], row[11]
            self._orders[order.key] = order

    def _begin(self, open_ticks: int, cap: int, late: bool, long_lots: int, short_lots: int) -> None:
        self._out = []
        for value in (open_ticks, cap, long_lots, short_lots):
            in_range(value)
        self._position = [long_lots, short_lots]
        self._cap = cap
        self._open = open_ticks
        if not late:
            for order in self._orders.values():
                order.waits = False

    def _now(self) -> list[_Order]:
        """Orders that take part in this bar, as they came."""
        return [order for order in self._orders.values() if not order.waits]

    def _by_worst(self) -> list[_Order]:
        """Orders with a price: stops, targets, reduce-only limits, entries; each nearest the open first."""
        priced = [order for order in self._orders.values() if order.kind != MARKET and not order.waits]
        if len(priced) > 1:
            priced.sort(key=_rank)
        return priced

    def _crossed(self, order: _Order, price: int) -> bool:
        """Whether a price triggers the stop or fills the limit."""
        if order.kind == STOP:
            return price >= order.ticks if order.buy else price <= order.ticks
        if self._through and order.kind != TAKE_PROFIT:
            return price < order.ticks if order.buy else price > order.ticks
        return price <= order.ticks if order.buy else price >= order.ticks

    def _at_open(self, order: _Order) -> None:
        """The open is beyond the order's price: it fills there."""
        if order.kind == STOP:
            self._take(order, self._slipped(order, self._open), self._open, False)
            order.triggered = True
        else:
            self._take(order, self._open, self._open, order.rested or order.kind != LIMIT)

    def _against(self, order: _Order, high: int, low: int) -> None:
        """The order against the extremes; never at a price that the open already left behind."""
        upward = order.buy == (order.kind == STOP)
        if not self._crossed(order, high if upward else low):
            return
        price = order.ticks
        if upward == (self._open > price) and self._open != price:
            price = self._open
        if order.kind == STOP:
            self._take(order, self._slipped(order, price), price, False)
            order.triggered = True
        else:
            self._take(order, price, price, True)

    def _slipped(self, order: _Order, price: int) -> int:
        """The price with adverse slippage, rounded adversely, at least one tick."""
        if order.buy:
            return in_range(-(-price * self._slip_up // self._slip_base))
        return in_range(max(price * self._slip_down // self._slip_base, 1))

    def _take(self, order: _Order, price: int, reference: int, maker: bool) -> None:
        """Fill what position, participation and mode allow, and what follows from it."""
        lots = order.lots
        position = self._position
        leg = order.leg
        if self._cap != NO_CAP:
            lots = min(lots, self._cap - order.used)
        if order.reduce:
            lots = min(lots, position[leg])
            if not position[leg]:
                self._drop(order.key, LEG_FLAT)
                return
        elif self._one_way and position[1 - leg]:
            self._drop(order.key, ONE_WAY)
            return
        if lots <= 0:
            return
        position[leg] = in_range(position[leg] + (-lots if order.reduce else lots))
        order.lots -= lots
        order.used += lots
        self._out.append((FILLED, order.key, lots, price, reference, 1 if maker else 0))
        if not order.lots:
            del self._orders[order.key]
        if not order.reduce:
            self._bear(order, lots)
            return
        if order.pair and (not order.lots or not position[leg]):
            self._drop(order.pair, OCO)
        if not position[leg]:
            for other in list(self._orders.values()):
                if other.leg == leg and other.reduce:
                    self._drop(other.key, LEG_FLAT)

    def _bear(self, entry: _Order, lots: int) -> None:
        """The stop and target of an entry, for the quantity of one of its fills."""
        stop = self._born(entry, STOP, lots, entry.stop) if entry.stop else None
        target = self._born(entry, TAKE_PROFIT, lots, entry.target) if entry.target else None
        if stop and target:
            stop.pair, target.pair = target.key, stop.key

    def _born(self, entry: _Order, kind: int, lots: int, ticks: int) -> _Order:
        self._key += 1
        order = _Order(self._key, entry.leg, kind, True, lots, ticks, 0, 0, False)
        self._orders[order.key] = order
        self._out.append((BORN, order.key, entry.key, kind, lots, ticks))
        return order

    def _drop(self, key: int, why: int) -> None:
        if self._orders.pop(key, None):
            self._out.append((CANCELLED, key, why, 0, 0, 0))


def _fields(order: _Order) -> tuple[int, ...]:
    """What an order is made from."""
    o = order
    return o.key, o.leg, o.kind, o.reduce, o.lots, o.ticks, o.stop, o.target, o.waits


def _rank(order: _Order) -> tuple[int, int, int, int]:
    """Stops before targets, reduce-only limits and entries; long before short; nearest the open first."""
    if order.kind == STOP:
        group = 0
    elif order.kind == TAKE_PROFIT:
        group = 1
    else:
        group = 2 if order.reduce else 3
    # A buy limit and a sell stop lie below the open: the higher one is nearer.
    below = order.buy != (order.kind == STOP)
    return group, order.leg, -order.ticks if below else order.ticks, order.key


_RANGE: Final = "Check prices, quantities and the market's grid"
