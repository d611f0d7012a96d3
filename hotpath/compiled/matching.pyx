# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, overflowcheck=True
"""The paper venue's book of one symbol: which orders a bar fills, at what price, in what order.

The fast twin of reference/matching.py, which says what is right.
"""

from typing import Any

from libc.stdint cimport int64_t

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.reference import matching as _reference

__all__ = _reference.__all__

MARKET = _reference.MARKET
LIMIT = _reference.LIMIT
POST_ONLY = _reference.POST_ONLY
STOP = _reference.STOP
TAKE_PROFIT = _reference.TAKE_PROFIT
FILLED = _reference.FILLED
BORN = _reference.BORN
CANCELLED = _reference.CANCELLED
OCO = _reference.OCO
LEG_FLAT = _reference.LEG_FLAT
ONE_WAY = _reference.ONE_WAY
LIQUIDATION = _reference.LIQUIDATION
UNITS_END = _reference.UNITS_END
NO_CAP = _reference.NO_CAP

cdef enum:
    K_MARKET = 0
    K_LIMIT = 1
    K_POST_ONLY = 2
    K_STOP = 3
    K_TAKE_PROFIT = 4
    W_FILLED = 0
    W_BORN = 1
    W_CANCELLED = 2
    Y_OCO = 0
    Y_LEG_FLAT = 1
    Y_ONE_WAY = 2

cdef str _RANGE = "Check prices, quantities and the market's grid"


cdef class _Order:
    cdef int64_t key
    cdef int leg
    cdef int kind
    cdef bint reduce
    cdef int64_t lots
    cdef int64_t ticks
    cdef int64_t stop
    cdef int64_t target
    cdef bint waits
    cdef bint buy
    cdef int64_t pair
    cdef bint rested
    cdef bint triggered
    cdef int64_t used


cdef _Order make(
    int64_t key, int leg, int kind, bint reduce, int64_t lots, int64_t ticks, int64_t stop, int64_t target, bint waits
):
    cdef _Order order = _Order.__new__(_Order)
    order.key = key
    order.leg = leg
    order.kind = kind
    order.reduce = reduce
    order.lots = lots
    order.ticks = ticks
    order.stop = stop
    order.target = target
    order.waits = waits
    order.buy = (leg == 0) != reduce
    return order


cdef bint before(_Order left, _Order right) noexcept:
    """Stops before targets, reduce-only limits and entries; long before short; nearest the open first."""
    cdef int group = group_of(left)
    cdef int other = group_of(right)
    if group != other:
        return group < other
    if left.leg != right.leg:
        return left.leg < right.leg
    if left.ticks != right.ticks:
        # A buy limit and a sell stop lie below the open: the higher one is nearer.
        if left.buy != (left.kind == K_STOP):
            return left.ticks > right.ticks
        return left.ticks < right.ticks
    return left.key < right.key


cdef int group_of(_Order order) noexcept:
    if order.kind == K_STOP:
        return 0
    if order.kind == K_TAKE_PROFIT:
        return 1
    return 2 if order.reduce else 3


cdef class Book:
    """Resting and market orders of one symbol.

    ``slip_up`` / ``slip_down`` over ``slip_base`` is the adverse factor of a buy and of a sell;
    ``through`` asks that a bar trades beyond a limit; ``one_way`` never holds both legs.
    """

    cdef object _slip_up
    cdef object _slip_down
    cdef object _slip_base
    cdef bint _slips
    cdef bint _through
    cdef bint _one_way
    cdef dict _orders
    cdef int64_t _key
    cdef int64_t _position[2]
    cdef int64_t _cap
    cdef int64_t _open
    cdef list _out

    def __init__(self, slip_up, slip_down, slip_base, through, one_way):
        self._slip_up = slip_up
        self._slip_down = slip_down
        self._slip_base = slip_base
        self._slips = slip_up != slip_base or slip_down != slip_base
        self._through = through
        self._one_way = one_way
        self._orders = {}
        self._key = 0
        self._position[0] = self._position[1] = 0
        self._cap = -1
        self._open = 0
        self._out = []

    def __len__(self):
        return len(self._orders)

    def add(
        self, leg: int, kind: int, reduce: bool, lots: int, ticks: int, stop: int, target: int, waits: bool
    ) -> int:
        """One more order, taking part from the next bar on; its key. 0 ticks is no price."""
        for value in (lots, ticks, stop, target):
            if not 0 <= value < UNITS_END:
                raise LedgerOverflow(f"{value} ticks or lots are out of the book's range", remedy=_RANGE)
        if not lots:
            raise OurFault("An order of no lots reached the book", remedy=_RANGE)
        self._key += 1
        self._orders[self._key] = make(self._key, leg, kind, reduce, lots, ticks, stop, target, waits)
        return self._key

    def cancel(self, key: int) -> int:
        """Take an order off the book; its open lots, 0 when it is not there."""
        order = self._orders.pop(key, None)
        return (<_Order>order).lots if order is not None else 0

    def remaining(self, key: int) -> int:
        """Open lots of an order, 0 when it is not on the book."""
        order = self._orders.get(key)
        return (<_Order>order).lots if order is not None else 0

    def at_open(self, open_ticks: int, cap: int, late: bool, long_lots: int, short_lots: int) -> list[tuple[int, int, int, int, int, int]]:
        """The first half of a bar, on the positions held; ``cap`` lots per order, -1 for any."""
        cdef _Order order
        cdef int64_t newest = self._key  # what is born now takes part inside the bar
        self._begin(open_ticks, cap, late, long_lots, short_lots)
        if not self._orders:
            return self._out
        for order in list(self._orders.values()):
            if (order.kind == K_MARKET or order.triggered) and not order.waits and order.key in self._orders:
                self._take(order, self._slipped(order, self._open), self._open, False)
        for order in self._by_worst():
            if order.key > newest or order.triggered or order.key not in self._orders:
                continue
            if self._crossed(order, self._open):
                self._at_open(order)
        return self._out

    def inside(self, high: int, low: int) -> list[tuple[int, int, int, int, int, int]]:
        """The second half: stops, targets and limits against the extremes. Then every order has rested."""
        cdef _Order order
        cdef int64_t highest = high
        cdef int64_t lowest = low
        self._out = []
        for order in self._by_worst():
            if order.triggered or order.key not in self._orders:
                continue
            self._against(order, highest, lowest)
        for order in self._orders.values():
            if not order.waits:
                order.rested = True
            order.used = 0
        return self._out

    def at_close(self, key: int, ticks: int, cap: int, long_lots: int, short_lots: int) -> list[tuple[int, int, int, int, int, int]]:
        """One market order at the close that it was decided on."""
        cdef _Order order
        self._begin(ticks, cap, True, long_lots, short_lots)
        order = self._orders[key]
        self._take(order, self._slipped(order, self._open), self._open, False)
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
        cdef _Order o
        rows = []
        for o in self._orders.values():
            rows.append(
                [
                    o.key,
                    o.leg,
                    o.kind,
                    bool(o.reduce),
                    o.lots,
                    o.ticks,
                    o.stop,
                    o.target,
                    bool(o.waits),
                    o.pair,
                    bool(o.rested),
                    bool(o.triggered),
                ]
            )
        return {"key": self._key, "orders": rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        cdef _Order order
        self._key = state["key"]
        self._orders = {}
        for row in state["orders"]:
            order = make(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])
            order.pair, order.rested, order.triggered = row[9], row[10], row[11]
            self._orders[order.key] = order

    cdef int _begin(self, int64_t open_ticks, int64_t cap, bint late, int64_t long_lots, int64_t short_lots) except -1:
        cdef _Order order
        self._out = []
        self._position[0] = long_lots
        self._position[1] = short_lots
        self._cap = cap
        self._open = open_ticks
        if not late:
            for order in self._orders.values():
                order.waits = False
        return 0

    cdef list _by_worst(self):
        """Orders with a price: stops, targets, reduce-only limits, entries; each nearest the open first."""
        cdef _Order order
        cdef list priced = []
        cdef Py_ssize_t at
        for order in self._orders.values():
            if order.kind == K_MARKET or order.waits:
                continue
            at = len(priced)
            priced.append(order)
            while at > 0 and before(order, <_Order>priced[at - 1]):
                priced[at] = priced[at - 1]
                at -= 1
            priced[at] = order
        return priced

    cdef bint _crossed(self, _Order order, int64_t price) noexcept:
        """Whether a price triggers the stop or fills the limit."""
        if order.kind == K_STOP:
            return price >= order.ticks if order.buy else price <= order.ticks
        if self._through and order.kind != K_TAKE_PROFIT:
            return price < order.ticks if order.buy else price > order.ticks
        return price <= order.ticks if order.buy else price >= order.ticks

    cdef int _at_open(self, _Order order) except -1:
        """The open is beyond the order's price: it fills there."""
        if order.kind == K_STOP:
            self._take(order, self._slipped(order, self._open), self._open, False)
            order.triggered = True
        else:
            self._take(order, self._open, self._open, order.rested or order.kind != K_LIMIT)
        return 0

    cdef int _against(self, _Order order, int64_t high, int64_t low) except -1:
        """The order against the extremes; never at a price that the open already left behind."""
        cdef bint upward = order.buy == (order.kind == K_STOP)
        cdef int64_t price
        if not self._crossed(order, high if upward else low):
            return 0
        price = order.ticks
        if upward == (self._open > price) and self._open != price:
            price = self._open
        if order.kind == K_STOP:
            self._take(order, self._slipped(order, price), price, False)
            order.triggered = True
        else:
            self._take(order, price, price, True)
        return 0

    cdef int64_t _slipped(self, _Order order, int64_t price) except? -1:
        """The price with adverse slippage, rounded adversely, at least one tick."""
        cdef object value = price
        if not self._slips:
            return price
        if order.buy:
            return -(-value * self._slip_up // self._slip_base)
        return max(value * self._slip_down // self._slip_base, 1)

    cdef int _take(self, _Order order, int64_t price, int64_t reference, bint maker) except -1:
        """Fill what position, participation and mode allow, and what follows from it."""
        cdef int64_t lots = order.lots
        cdef int leg = order.leg
        cdef _Order other
        if self._cap != -1:
            lots = min(lots, self._cap - order.used)
        if order.reduce:
            lots = min(lots, self._position[leg])
            if not self._position[leg]:
                self._drop(order.key, Y_LEG_FLAT)
                return 0
        elif self._one_way and self._position[1 - leg]:
            self._drop(order.key, Y_ONE_WAY)
            return 0
        if lots <= 0:
            return 0
        order.lots -= lots
        order.used += lots
        self._position[leg] += -lots if order.reduce else lots
        self._out.append((W_FILLED, order.key, lots, price, reference, 1 if maker else 0))
        if not order.lots:
            del self._orders[order.key]
        if not order.reduce:
            self._bear(order, lots)
            return 0
        if order.pair and (not order.lots or not self._position[leg]):
            self._drop(order.pair, Y_OCO)
        if not self._position[leg]:
            for other in list(self._orders.values()):
                if other.leg == leg and other.reduce:
                    self._drop(other.key, Y_LEG_FLAT)
        return 0

    cdef int _bear(self, _Order entry, int64_t lots) except -1:
        """The stop and target of an entry, for the quantity of one of its fills."""
        cdef _Order stop = None
        cdef _Order target = None
        if entry.stop:
            stop = self._born(entry, K_STOP, lots, entry.stop)
        if entry.target:
            target = self._born(entry, K_TAKE_PROFIT, lots, entry.target)
        if stop is not None and target is not None:
            stop.pair = target.key
            target.pair = stop.key
        return 0

    cdef _Order _born(self, _Order entry, int kind, int64_t lots, int64_t ticks):
        cdef _Order order
        self._key += 1
        order = make(self._key, entry.leg, kind, True, lots, ticks, 0, 0, False)
        self._orders[order.key] = order
        self._out.append((W_BORN, order.key, entry.key, kind, lots, ticks))
        return order

    cdef int _drop(self, object key, object why) except -1:
        if self._orders.pop(key, None) is not None:
            self._out.append((W_CANCELLED, key, why, 0, 0, 0))
        return 0
