# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""The paper venue's book of one symbol: which orders a bar fills, at what price, in what order.

The fast twin of reference/matching.py, which says what is right. The book is a C struct, for loops without
the GIL; ``Book`` is its shell.
"""

from typing import Any

from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

from live_runner.hotpath.compiled.fixed cimport (
    EXACT_LAST,
    ST_FAULT,
    ST_OK,
    ST_OUT_OF_MEMORY,
    ST_OVERFLOW,
    add_overflows_64,
    int128,
    int_of,
    units_of,
)

from live_runner.hotpath.constants import (
    BORN,
    CANCELLED,
    EXACT_END,
    FILLED,
    LEG_FLAT,
    LIMIT,
    LIQUIDATION,
    MARKET,
    OCO,
    ONE_WAY,
    POST_ONLY,
    STOP,
    TAKE_PROFIT,
    UNITS_END,
)

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

cdef enum:
    FIRST_ORDERS = 16       # doubled as the book grows
    ORDERS_END = 1 << 24


# -- orders ------------------------------------------------------------------------------------------


cdef int book_init(
    book_t *b, int64_t slip_up, int64_t slip_down, int64_t slip_base, bint through, bint one_way
) noexcept nogil:
    memset(b, 0, sizeof(book_t))
    if slip_up < 0 or slip_down < 0 or slip_base <= 0:
        return ST_FAULT
    b.slip_up = slip_up
    b.slip_down = slip_down
    b.slip_base = slip_base
    b.slips = slip_up != slip_base or slip_down != slip_base
    b.through = through
    b.one_way = one_way
    b.cap = NO_CAP_C
    return ST_OK


cdef void book_free(book_t *b) noexcept nogil:
    free(b.orders)
    free(b.ranked)
    free(b.out)
    memset(b, 0, sizeof(book_t))


cdef int book_put(book_t *b, const book_order_t *order) noexcept nogil:
    cdef int capacity
    cdef void *block
    if b.count == b.capacity:
        capacity = 2 * b.capacity if b.capacity else FIRST_ORDERS
        if capacity > ORDERS_END:
            return ST_OUT_OF_MEMORY
        block = realloc(b.orders, capacity * sizeof(book_order_t))
        if block == NULL:
            return ST_OUT_OF_MEMORY
        b.orders = <book_order_t *>block
        block = realloc(b.ranked, capacity * sizeof(int))
        if block == NULL:
            return ST_OUT_OF_MEMORY
        b.ranked = <int *>block
        b.capacity = capacity
    b.orders[b.count] = order[0]
    b.count += 1
    return ST_OK


cdef int put_new(
    book_t *b, int leg, int kind, bint reduce, int64_t lots, int64_t ticks, int64_t stop, int64_t target, bint waits
) noexcept nogil:
    """An order of the next key; its place."""
    cdef book_order_t order
    cdef int status
    memset(&order, 0, sizeof(book_order_t))
    order.key = b.key + 1
    order.leg = leg
    order.kind = kind
    order.reduce = reduce
    order.buy = (leg == 0) != reduce
    order.lots = lots
    order.ticks = ticks
    order.stop = stop
    order.target = target
    order.waits = waits
    status = book_put(b, &order)
    if status < ST_OK:
        return status
    b.key += 1
    return b.count - 1


cdef int book_add(
    book_t *b, int leg, int kind, bint reduce, int64_t lots, int64_t ticks, int64_t stop, int64_t target, bint waits,
    int64_t *key
) noexcept nogil:
    cdef int place
    if lots < 0 or ticks < 0 or stop < 0 or target < 0:
        return ST_OVERFLOW
    if lots >= EXACT_LAST or ticks >= EXACT_LAST or stop >= EXACT_LAST or target >= EXACT_LAST:
        return ST_OVERFLOW
    if lots == 0:
        return ST_FAULT
    place = put_new(b, leg, kind, reduce, lots, ticks, stop, target, waits)
    if place < 0:
        return place
    key[0] = b.orders[place].key
    return ST_OK


cdef inline int place_of(const book_t *b, int64_t key) noexcept nogil:
    """Where an order is that is not gone, -1 for nowhere."""
    cdef int at = b.count - 1
    while at >= 0 and b.orders[at].key > key:
        at -= 1
    return at if at >= 0 and b.orders[at].key == key and not b.orders[at].gone else -1


cdef int64_t book_cancel(book_t *b, int64_t key) noexcept nogil:
    cdef int at = place_of(b, key)
    cdef int64_t lots
    if at < 0:
        return 0
    lots = b.orders[at].lots
    b.count -= 1
    memmove(&b.orders[at], &b.orders[at + 1], (b.count - at) * sizeof(book_order_t))
    return lots


cdef int64_t book_remaining(const book_t *b, int64_t key) noexcept nogil:
    cdef int at = place_of(b, key)
    return b.orders[at].lots if at >= 0 else 0


cdef void sweep(book_t *b) noexcept nogil:
    """Take what is gone off the book."""
    cdef int at
    cdef int kept = 0
    if b.gone:
        for at in range(b.count):
            if not b.orders[at].gone:
                if kept < at:
                    b.orders[kept] = b.orders[at]
                kept += 1
        b.count = kept
        b.gone = 0


# -- a bar -------------------------------------------------------------------------------------------


cdef int book_at_open(
    book_t *b, int64_t open_ticks, int64_t cap, bint late, int64_t long_lots, int64_t short_lots
) noexcept nogil:
    cdef book_order_t *order
    cdef int64_t newest = b.key  # what is born now takes part inside the bar
    cdef int at, ranked, status
    cdef int count = b.count
    cdef bint now = False
    cdef bint crosses = False
    begin(b, open_ticks, cap, long_lots, short_lots)
    for at in range(count):
        order = &b.orders[at]
        if not late:
            order.waits = False
        if order.waits:
            continue
        if order.kind == KIND_MARKET or order.triggered:
            now = True
        elif crossed(b, order, open_ticks):
            crosses = True
    if now:
        for at in range(count):
            order = &b.orders[at]
            if not order.waits and not order.gone and (order.kind == KIND_MARKET or order.triggered):
                status = take_slipped(b, at, open_ticks)
                if status < ST_OK:
                    return status
    if crosses:
        ranked = rank(b, newest, open_ticks, open_ticks)
        for at in range(ranked):
            status = at_the_open(b, b.ranked[at])
            if status < ST_OK:
                return status
    sweep(b)
    return ST_OK


cdef int book_inside(book_t *b, int64_t high, int64_t low) noexcept nogil:
    cdef int at, ranked, status
    b.out_count = 0
    ranked = rank(b, b.key, high, low)
    for at in range(ranked):
        status = against(b, b.ranked[at])
        if status < ST_OK:
            return status
    sweep(b)
    for at in range(b.count):
        if not b.orders[at].waits:
            b.orders[at].rested = True
        b.orders[at].used = 0
    return ST_OK


cdef int book_at_close(
    book_t *b, int64_t key, int64_t ticks, int64_t cap, int64_t long_lots, int64_t short_lots
) noexcept nogil:
    cdef int at, status
    begin(b, ticks, cap, long_lots, short_lots)
    at = place_of(b, key)
    if at < 0:
        return ST_FAULT
    status = take_slipped(b, at, ticks)
    b.orders[at].used = 0
    sweep(b)
    return status


cdef int book_clear(book_t *b, int why) noexcept nogil:
    cdef int at, status
    b.out_count = 0
    for at in range(b.count):
        status = drop(b, at, why)
        if status < ST_OK:
            return status
    sweep(b)
    return ST_OK


cdef inline void begin(book_t *b, int64_t open_ticks, int64_t cap, int64_t long_lots, int64_t short_lots) noexcept nogil:
    b.out_count = 0
    b.position[0] = long_lots
    b.position[1] = short_lots
    b.cap = cap
    b.open = open_ticks


cdef inline bint crossed(const book_t *b, const book_order_t *order, int64_t price) noexcept nogil:
    """Whether a price triggers the stop or fills the limit."""
    if order.kind == KIND_STOP:
        return price >= order.ticks if order.buy else price <= order.ticks
    if b.through and order.kind != KIND_TAKE_PROFIT:
        return price < order.ticks if order.buy else price > order.ticks
    return price <= order.ticks if order.buy else price >= order.ticks


cdef inline bint goes_up(const book_order_t *order) noexcept nogil:
    """Whether it is the high that reaches the order's price."""
    return order.buy == (order.kind == KIND_STOP)


cdef int rank(book_t *b, int64_t newest, int64_t high, int64_t low) noexcept nogil:
    """Places of the orders that high or low cross, in the order in which they are taken; how many."""
    cdef const book_order_t *order
    cdef int place, at
    cdef int count = 0
    for place in range(b.count):
        order = &b.orders[place]
        if order.kind == KIND_MARKET or order.waits or order.gone or order.triggered or order.key > newest:
            continue
        if not crossed(b, order, high if goes_up(order) else low):
            continue
        at = count
        while at > 0 and before(order, &b.orders[b.ranked[at - 1]]):
            b.ranked[at] = b.ranked[at - 1]
            at -= 1
        b.ranked[at] = place
        count += 1
    return count


cdef inline bint before(const book_order_t *left, const book_order_t *right) noexcept nogil:
    """Stops before targets, reduce-only limits and entries; long before short; nearest the open first."""
    cdef int group = group_of(left)
    cdef int other = group_of(right)
    if group != other:
        return group < other
    if left.leg != right.leg:
        return left.leg < right.leg
    if left.ticks != right.ticks:
        # A buy limit and a sell stop lie below the open: the higher one is nearer.
        if goes_up(left):
            return left.ticks < right.ticks
        return left.ticks > right.ticks
    return left.key < right.key


cdef inline int group_of(const book_order_t *order) noexcept nogil:
    if order.kind == KIND_STOP:
        return 0
    if order.kind == KIND_TAKE_PROFIT:
        return 1
    return 2 if order.reduce else 3


cdef int at_the_open(book_t *b, int at) noexcept nogil:
    """The open is beyond the order's price: it fills there."""
    cdef book_order_t *order = &b.orders[at]
    cdef int status
    if order.gone:
        return ST_OK
    if order.kind != KIND_STOP:
        return take(b, at, b.open, b.open, order.rested or order.kind != KIND_LIMIT)
    status = take_slipped(b, at, b.open)
    b.orders[at].triggered = True
    return status


cdef int against(book_t *b, int at) noexcept nogil:
    """The order against the extremes; never at a price that the open already left behind."""
    cdef book_order_t *order = &b.orders[at]
    cdef int64_t price = order.ticks
    cdef int status
    if order.gone:
        return ST_OK
    if goes_up(order) == (b.open > price) and b.open != price:
        price = b.open
    if order.kind != KIND_STOP:
        return take(b, at, price, price, True)
    status = take_slipped(b, at, price)
    b.orders[at].triggered = True
    return status


# -- fills -------------------------------------------------------------------------------------------


cdef inline int take_slipped(book_t *b, int at, int64_t price) noexcept nogil:
    """Fill at the price with adverse slippage, rounded adversely, at least one tick."""
    cdef int128 product, slipped
    cdef int64_t small, factor
    if not b.slips:
        return take(b, at, price if price > 0 or b.orders[at].buy else 1, price, False)
    factor = b.slip_up if b.orders[at].buy else b.slip_down
    product = <int128>price * <int128>factor
    if b.orders[at].buy:
        product += b.slip_base - 1
    small = <int64_t>product
    if <int128>small == product and small >= 0:
        slipped = small // b.slip_base
    else:
        slipped = floor_of(product, b.slip_base)
    if not b.orders[at].buy and slipped < 1:
        slipped = 1
    small = <int64_t>slipped
    if <int128>small != slipped:
        b.refused = slipped
        return ST_OVERFLOW
    return take(b, at, small, price, False)


cdef inline int128 floor_of(int128 numerator, int128 denominator) noexcept nogil:
    cdef int128 quotient = numerator / denominator
    return quotient - (quotient * denominator > numerator)


cdef int take(book_t *b, int at, int64_t price, int64_t reference, bint maker) noexcept nogil:
    """Fill what position, participation and mode allow, and what follows from it."""
    cdef book_order_t *order = &b.orders[at]
    cdef int leg = order.leg
    cdef int64_t lots = order.lots
    cdef int64_t pair = order.pair
    cdef bint done
    cdef int other, status
    if b.cap != NO_CAP_C and b.cap - order.used < lots:
        lots = b.cap - order.used
    if order.reduce:
        if b.position[leg] == 0:
            return drop(b, at, WHY_LEG_FLAT)
        if b.position[leg] < lots:
            lots = b.position[leg]
    elif b.one_way and b.position[1 - leg]:
        return drop(b, at, WHY_ONE_WAY)
    if lots <= 0:
        return ST_OK
    if add_overflows_64(b.position[leg], -lots if order.reduce else lots, &b.position[leg]):
        b.refused = <int128>b.position[leg] + (<int128>1 << 64)
        return ST_OVERFLOW
    order.lots -= lots
    order.used += lots
    done = order.lots == 0
    if done:
        order.gone = True
        b.gone += 1
    status = say(b, WHAT_FILLED, order.key, lots, price, reference, maker)
    if status < ST_OK:
        return status
    if not order.reduce:
        return bear(b, at, lots)
    if pair and (done or b.position[leg] == 0):
        other = place_of(b, pair)
        if other >= 0:
            status = drop(b, other, WHY_OCO)
    if b.position[leg] == 0:
        for other in range(b.count):
            if status == ST_OK and b.orders[other].leg == leg and b.orders[other].reduce:
                status = drop(b, other, WHY_LEG_FLAT)
    return status


cdef int bear(book_t *b, int at, int64_t lots) noexcept nogil:
    """The stop and target of an entry, for the quantity of one of its fills."""
    cdef int64_t stop_ticks = b.orders[at].stop
    cdef int64_t target_ticks = b.orders[at].target
    cdef int stop = 0
    cdef int target = 0
    if stop_ticks:
        stop = born(b, at, KIND_STOP, lots, stop_ticks)
        if stop < 0:
            return stop
    if target_ticks:
        target = born(b, at, KIND_TAKE_PROFIT, lots, target_ticks)
        if target < 0:
            return target
    if stop and target:
        b.orders[stop].pair = b.orders[target].key
        b.orders[target].pair = b.orders[stop].key
    return ST_OK


cdef int born(book_t *b, int at, int kind, int64_t lots, int64_t ticks) noexcept nogil:
    """A child of an entry; its place, which is never the first."""
    cdef int place = put_new(b, b.orders[at].leg, kind, True, lots, ticks, 0, 0, False)
    cdef int status
    if place < 0:
        return place
    status = say(b, WHAT_BORN, b.orders[place].key, b.orders[at].key, kind, lots, ticks)
    return status if status < ST_OK else place


cdef int drop(book_t *b, int at, int why) noexcept nogil:
    cdef book_order_t *order = &b.orders[at]
    if order.gone:
        return ST_OK
    order.gone = True
    b.gone += 1
    return say(b, WHAT_CANCELLED, order.key, why, 0, 0, 0)


cdef int say(book_t *b, int what, int64_t key, int64_t a, int64_t bb, int64_t c, int64_t d) noexcept nogil:
    cdef happening_t *happening
    cdef int capacity
    cdef void *block
    if b.out_count == b.out_capacity:
        capacity = 2 * b.out_capacity if b.out_capacity else FIRST_ORDERS
        if capacity > 4 * ORDERS_END:
            return ST_OUT_OF_MEMORY
        block = realloc(b.out, capacity * sizeof(happening_t))
        if block == NULL:
            return ST_OUT_OF_MEMORY
        b.out = <happening_t *>block
        b.out_capacity = capacity
    happening = &b.out[b.out_count]
    happening.what = what
    happening.key = key
    happening.a = a
    happening.b = bb
    happening.c = c
    happening.d = d
    b.out_count += 1
    return ST_OK


# -- the shell ---------------------------------------------------------------------------------------


cdef class Book:
    """Resting and market orders of one symbol.

    ``slip_up`` / ``slip_down`` over ``slip_base`` is the adverse factor of a buy and of a sell, below 2**63;
    ``through`` asks that a bar trades beyond a limit; ``one_way`` never holds both legs.
    """

    def __cinit__(self, slip_up, slip_down, slip_base, through, one_way):
        memset(&self.c, 0, sizeof(book_t))
        if not (0 <= slip_up < UNITS_END and 0 <= slip_down < UNITS_END and 0 < slip_base < UNITS_END):
            plain().Book(slip_up, slip_down, slip_base, through, one_way)  # raises what is wrong with it
        book_init(&self.c, slip_up, slip_down, slip_base, through, one_way)

    def __dealloc__(self):
        book_free(&self.c)

    def __len__(self):
        return self.c.count

    def add(
        self, leg: int, kind: int, reduce: bool, lots: int, ticks: int, stop: int, target: int, waits: bool
    ) -> int:
        """One more order, taking part from the next bar on; its key. 0 ticks is no price."""
        cdef int64_t key
        cdef int status = ST_OVERFLOW
        if 0 < lots < EXACT_END and 0 <= ticks < EXACT_END and 0 <= stop < EXACT_END and 0 <= target < EXACT_END:
            status = book_add(&self.c, leg, kind, reduce, lots, ticks, stop, target, waits, &key)
            if status == ST_OK:
                return key
            raise MemoryError
        return plain().Book(1, 1, 1, False, False).add(leg, kind, reduce, lots, ticks, stop, target, waits)

    def cancel(self, key: int) -> int:
        """Take an order off the book; its open lots, 0 when it is not there."""
        return book_cancel(&self.c, key)

    def remaining(self, key: int) -> int:
        """Open lots of an order, 0 when it is not on the book."""
        return book_remaining(&self.c, key)

    def at_open(
        self, open_ticks: int, cap: int, late: bool, long_lots: int, short_lots: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """The first half of a bar, on the positions held; ``cap`` lots per order, -1 for any."""
        return self._said(
            book_at_open(
                &self.c, units_of(open_ticks), units_of(cap), late, units_of(long_lots), units_of(short_lots)
            )
        )

    def inside(self, high: int, low: int) -> list[tuple[int, int, int, int, int, int]]:
        """The second half: stops, targets and limits against the extremes. Then every order has rested."""
        return self._said(book_inside(&self.c, units_of(high), units_of(low)))

    def at_close(
        self, key: int, ticks: int, cap: int, long_lots: int, short_lots: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """One market order at the close that it was decided on."""
        cdef int status = book_at_close(
            &self.c, key, units_of(ticks), units_of(cap), units_of(long_lots), units_of(short_lots)
        )
        if status == ST_FAULT:
            raise KeyError(key)
        return self._said(status)

    def clear(self, why: int) -> list[tuple[int, int, int, int, int, int]]:
        """Cancel everything."""
        return self._said(book_clear(&self.c, why))

    cdef list _said(self, int status):
        """What happened, as tuples."""
        cdef happening_t *h
        cdef int at
        if status == ST_OUT_OF_MEMORY:
            raise MemoryError
        if status < ST_OK:
            units_of(int_of(self.c.refused))
        said = []
        for at in range(self.c.out_count):
            h = &self.c.out[at]
            said.append((h.what, h.key, h.a, h.b, h.c, h.d))
        return said

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot, taken between bars."""
        cdef book_order_t *o
        cdef int at
        rows = []
        for at in range(self.c.count):
            o = &self.c.orders[at]
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
        return {"key": self.c.key, "orders": rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        cdef book_order_t order
        self.c.key = state["key"]
        self.c.count = self.c.gone = 0
        memset(&order, 0, sizeof(book_order_t))
        for row in state["orders"]:
            order.key, order.leg, order.kind, order.reduce, order.lots, order.ticks = row[:6]
            order.stop, order.target, order.waits, order.pair, order.rested, order.triggered = row[6:]
            order.buy = (order.leg == 0) != order.reduce
            if book_put(&self.c, &order) < ST_OK:
                raise MemoryError


cdef object plain():
    """The reference, which says what is wrong with an order."""
    from live_runner.hotpath.reference import matching

    return matching
