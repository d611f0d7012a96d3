# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True
"""Lots, cash and drawdowns of one account, in exact integers.

The fast twin of reference/ledger.py, which says what is right. The account is a C struct, for loops without
the GIL; ``Ledger`` is its shell. A step that fails changes nothing, so the shell can ask the reference, with
the same state, what was wrong.
"""

from typing import Any

from cpython.long cimport PyLong_AsLongLongAndOverflow
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

from live_runner.hotpath.compiled.fixed cimport (
    EXACT_LAST,
    ST_FAULT,
    ST_OK,
    ST_OUT_OF_MEMORY,
    ST_OVERFLOW,
    Valuation,
    add_overflows,
    add_overflows_64,
    c_div_half_even,
    c_fee,
    c_is_amount,
    c_notional,
    c_product,
    int128,
    int128_of,
    int_of,
    is_short,
    is_small,
    make_int128,
    multiply_overflows,
    units_of,
)

from live_runner.contracts.errors import LedgerOverflow, OurFault
from live_runner.hotpath.constants import LONG, METHODS, PRODUCT_END, SHORT

__all__ = ["LONG", "METHODS", "SHORT", "Ledger"]

cdef enum:
    FIRST_LOTS = 8          # of a leg, doubled as it grows
    LOTS_END = 1 << 28
    NAMES_KEPT = 64         # order ids of lots that are gone, before the list is made anew

cdef tuple TOTALS = (
    "cash",
    "realised",
    "fees_maker",
    "fees_taker",
    "funding",
    "slippage",
    "turnover",
    "trades",
    "margin_calls",
    "peak_cash",
    "peak_equity",
    "drawdown_realised",
    "drawdown_equity",
)


# -- memory ------------------------------------------------------------------------------------------


cdef int ledger_init(ledger_t *l, int128 equity, int method, int instruments) noexcept nogil:
    cdef int status = ST_OK
    memset(l, 0, sizeof(ledger_t))
    if not METHOD_LIFO <= method <= METHOD_AVERAGE or instruments < 0:
        return ST_FAULT
    if not c_is_amount(equity):
        return ST_OVERFLOW
    l.method = method
    l.start = l.cash = l.peak_cash = l.peak_equity = equity
    while status >= ST_OK and l.count < instruments:
        status = ledger_add(l, NULL)
    return status if status < ST_OK else ST_OK


cdef void ledger_free(ledger_t *l) noexcept nogil:
    cdef int at
    for at in range(2 * l.count):
        free(l.legs[at].lots)
    free(l.legs)
    free(l.valuations)
    free(l.marks)
    free(l.values)
    free(l.notionals)
    memset(l, 0, sizeof(ledger_t))


cdef int ledger_add(ledger_t *l, const valuation_t *valuation) noexcept nogil:
    """One more instrument; its number."""
    cdef int capacity
    if l.count == l.capacity:
        capacity = 2 * l.capacity if l.capacity else 4
        if (
            grow(<void **>&l.legs, 2 * capacity * sizeof(leg_t)) < ST_OK
            or grow(<void **>&l.valuations, capacity * sizeof(valuation_t)) < ST_OK
            or grow(<void **>&l.marks, capacity * sizeof(int64_t)) < ST_OK
            or grow(<void **>&l.values, capacity * sizeof(int128)) < ST_OK
            or grow(<void **>&l.notionals, capacity * sizeof(int128)) < ST_OK
        ):
            return ST_OUT_OF_MEMORY
        l.capacity = capacity
    memset(&l.legs[2 * l.count], 0, 2 * sizeof(leg_t))
    l.marks[l.count] = 0
    l.values[l.count] = 0
    l.notionals[l.count] = 0
    l.valuations[l.count].multiplier = 1
    l.valuations[l.count].divisor = 1
    if valuation != NULL:
        l.valuations[l.count] = valuation[0]
    l.count += 1
    return l.count - 1


cdef inline int grow(void **block, size_t size) noexcept nogil:
    cdef void *larger = realloc(block[0], size)
    if larger == NULL:
        return ST_OUT_OF_MEMORY
    block[0] = larger
    return ST_OK


cdef int ledger_set_valuation(ledger_t *l, int instrument, const valuation_t *valuation) noexcept nogil:
    if not 0 <= instrument < l.count or l.legs[2 * instrument].quantity or l.legs[2 * instrument + 1].quantity:
        return ST_FAULT
    l.valuations[instrument] = valuation[0]
    return ST_OK


cdef int room_for_one(leg_t *leg) noexcept nogil:
    """Room for one more lot at the end."""
    cdef int capacity
    if leg.head + leg.count < leg.capacity:
        return ST_OK
    if leg.head > leg.capacity // 2:
        memmove(leg.lots, leg.lots + leg.head, leg.count * sizeof(lot_t))
        leg.head = 0
        return ST_OK
    capacity = 2 * leg.capacity if leg.capacity else FIRST_LOTS
    if capacity > LOTS_END or grow(<void **>&leg.lots, capacity * sizeof(lot_t)) < ST_OK:
        return ST_OUT_OF_MEMORY
    leg.capacity = capacity
    return ST_OK


# -- value -------------------------------------------------------------------------------------------


cdef inline int value_of(
    const valuation_t *v, int leg, int64_t quantity, int128 cost, int64_t ticks, int128 *value, int128 *notional
) noexcept nogil:
    """What an open leg is worth over its cost at a price, and its notional there; added to both."""
    cdef int128 worth = <int128>quantity * <int128>ticks
    cdef int128 money
    cdef int status
    if quantity == 0:
        return ST_OK
    status = c_product(v, worth - cost if leg == 0 else cost - worth, &money)
    if status < ST_OK:
        return status
    value[0] += money
    status = c_product(v, worth, &money)
    notional[0] += money
    return status


cdef int ledger_unrealised_at(const ledger_t *l, int instrument, int64_t ticks, int128 *money) noexcept nogil:
    cdef const leg_t *legs = &l.legs[2 * instrument]
    cdef int128 part
    cdef int128 total = 0
    cdef int leg, status
    for leg in range(2):
        if legs[leg].quantity:
            part = <int128>legs[leg].quantity * <int128>ticks - legs[leg].cost
            status = c_product(&l.valuations[instrument], part if leg == 0 else -part, &part)
            if status < ST_OK:
                return status
            total += part
    money[0] = total
    return ST_OK


cdef int ledger_notional_at(const ledger_t *l, int instrument, int64_t ticks, int128 *money) noexcept nogil:
    cdef const leg_t *legs = &l.legs[2 * instrument]
    cdef int128 part
    cdef int128 total = 0
    cdef int leg, status
    for leg in range(2):
        if legs[leg].quantity:
            status = c_notional(&l.valuations[instrument], legs[leg].quantity, ticks, &part)
            if status < ST_OK:
                return status
            total += part
    money[0] = total
    return ST_OK


cdef int ledger_revalue(ledger_t *l, int instrument, int64_t ticks) noexcept nogil:
    cdef const leg_t *legs = &l.legs[2 * instrument]
    cdef const valuation_t *v = &l.valuations[instrument]
    cdef int128 longs = <int128>legs[0].quantity * <int128>ticks
    cdef int128 shorts = <int128>legs[1].quantity * <int128>ticks
    cdef int128 value = 0
    cdef int128 notional = 0
    cdef int leg, status
    if (
        v.divisor == 1 and is_small(v)
        and is_short(longs) and is_short(shorts) and is_short(legs[0].cost) and is_short(legs[1].cost)
    ):
        # Nothing is rounded and each product is below 2**100, so that both legs are valued at once.
        value = (longs - legs[0].cost - shorts + legs[1].cost) * v.multiplier
        notional = (longs + shorts) * v.multiplier
    else:
        for leg in range(2):
            status = value_of(v, leg, legs[leg].quantity, legs[leg].cost, ticks, &value, &notional)
            if status < ST_OK:
                return status
    l.marks[instrument] = ticks
    take_value(l, instrument, value, notional)
    return ST_OK


cdef inline void take_value(ledger_t *l, int instrument, int128 value, int128 notional) noexcept nogil:
    l.unrealised += value - l.values[instrument]
    l.values[instrument] = value
    l.exposure += notional - l.notionals[instrument]
    l.notionals[instrument] = notional


# -- fills and payments ------------------------------------------------------------------------------


ctypedef struct after_t:
    # What the account is after a fill, worked out before anything is changed.
    fill_t fill
    int128 realised
    int128 cash
    int128 fees
    int128 slippage
    int128 turnover
    int128 leg_realised
    int128 value
    int128 notional


cdef inline int check_fill(int64_t lots, int64_t ticks, int64_t reference) noexcept nogil:
    if lots <= 0 or ticks <= 0 or reference <= 0:
        return ST_FAULT
    if lots >= EXACT_LAST or ticks >= EXACT_LAST or reference >= EXACT_LAST:
        return ST_OVERFLOW
    return ST_OK


cdef inline int work_out(
    const ledger_t *l, int instrument, int leg, int64_t lots, int64_t ticks, int64_t adverse, int64_t rate_mantissa,
    int rate_decimals, bint maker, const int128 *given_fee, int64_t quantity, int128 cost, int128 realised,
    after_t *after
) noexcept nogil:
    """The money of one fill, and the account after it; quantity and cost are the leg's, after it."""
    cdef const valuation_t *v = &l.valuations[instrument]
    cdef const leg_t *other = &l.legs[2 * instrument + 1 - leg]
    cdef int128 bound = make_int128(1 << 37, 0)
    cdef int status
    status = c_notional(v, lots, ticks, &after.fill.notional)
    if status < ST_OK:
        return status
    if given_fee != NULL:
        after.fill.fee = given_fee[0]
    else:
        status = c_fee(v, lots, ticks, rate_mantissa, rate_decimals, &after.fill.fee)
        if status < ST_OK:
            return status
    status = c_product(v, <int128>lots * <int128>adverse, &after.fill.slippage)
    if status < ST_OK:
        return status
    # Totals are below 2**100, so what moves one by 2**101 leaves the range, and sums below stay in 128 bits.
    if not -bound < after.fill.fee < bound or not -bound < realised < bound:
        return ST_OVERFLOW
    after.fill.realised = realised
    after.realised = l.realised + realised
    after.cash = l.cash + realised - after.fill.fee
    after.fees = (l.fees_maker if maker else l.fees_taker) + after.fill.fee
    after.slippage = l.slippage + after.fill.slippage
    after.turnover = l.turnover + after.fill.notional
    if not (
        c_is_amount(after.realised) and c_is_amount(after.cash) and c_is_amount(after.fees)
        and c_is_amount(after.slippage) and c_is_amount(after.turnover)
    ) or add_overflows(l.legs[2 * instrument + leg].realised, realised, &after.leg_realised):
        return ST_OVERFLOW
    after.value = after.notional = 0
    status = value_of(v, leg, quantity, cost, l.marks[instrument], &after.value, &after.notional)
    if status < ST_OK:
        return status
    return value_of(v, 1 - leg, other.quantity, other.cost, l.marks[instrument], &after.value, &after.notional)


cdef inline void take(ledger_t *l, int instrument, int leg, bint maker, const after_t *after, fill_t *out) noexcept nogil:
    l.realised = after.realised
    l.cash = after.cash
    if maker:
        l.fees_maker = after.fees
    else:
        l.fees_taker = after.fees
    l.slippage = after.slippage
    l.turnover = after.turnover
    l.legs[2 * instrument + leg].realised = after.leg_realised
    take_value(l, instrument, after.value, after.notional)
    out[0] = after.fill


cdef int ledger_buy_in(
    ledger_t *l, int instrument, int leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate_mantissa,
    int rate_decimals, bint maker, const int128 *given_fee, int64_t opened_ns, int64_t order, fill_t *out
) noexcept nogil:
    cdef leg_t *own = &l.legs[2 * instrument + leg]
    cdef lot_t *lot
    cdef int64_t adverse, quantity
    cdef int128 cost = <int128>lots * <int128>ticks
    cdef after_t after
    cdef int status = check_fill(lots, ticks, reference)
    if status < ST_OK:
        return status
    adverse = ticks - reference if leg == 0 else reference - ticks
    if add_overflows_64(own.quantity, lots, &quantity):
        return ST_OVERFLOW
    status = work_out(
        l, instrument, leg, lots, ticks, adverse, rate_mantissa, rate_decimals, maker, given_fee,
        quantity, own.cost + cost, 0, &after,
    )
    if status < ST_OK:
        return status
    if l.method == METHOD_AVERAGE and own.count:
        lot = &own.lots[own.head]
        lot.quantity += lots
        lot.cost += cost
    else:
        status = room_for_one(own)
        if status < ST_OK:
            return status
        lot = &own.lots[own.head + own.count]
        lot.quantity = lots
        lot.ticks = ticks
        lot.cost = cost
        lot.opened_ns = opened_ns
        lot.order = order
        own.count += 1
    own.quantity = quantity
    own.cost += cost
    take(l, instrument, leg, maker, &after, out)
    return ST_OK


cdef int ledger_sell_out(
    ledger_t *l, int instrument, int leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate_mantissa,
    int rate_decimals, bint maker, const int128 *given_fee, fill_t *out
) noexcept nogil:
    cdef leg_t *own = &l.legs[2 * instrument + leg]
    cdef const valuation_t *v = &l.valuations[instrument]
    cdef bint oldest = l.method != METHOD_LIFO
    cdef lot_t *lot
    cdef int64_t adverse
    cdef int64_t left = lots
    cdef int whole = 0  # lots that are closed altogether
    cdef int128 realised = 0
    cdef int128 cost = 0
    cdef int128 share = 0
    cdef int128 money
    cdef after_t after
    cdef int status = check_fill(lots, ticks, reference)
    if status < ST_OK:
        return status
    if lots > own.quantity:
        return ST_FAULT
    while left:
        lot = &own.lots[own.head + whole if oldest else own.head + own.count - 1 - whole]
        if lot.quantity <= left:
            share = lot.cost
            whole += 1
            left -= lot.quantity
            money = <int128>lot.quantity * <int128>ticks
        else:
            status = share_of(l.method, lot, left, &share)
            if status < ST_OK:
                return status
            money = <int128>left * <int128>ticks
            left = 0
        status = c_product(v, money - share if leg == 0 else share - money, &money)
        if status < ST_OK:
            return status
        cost += share
        if add_overflows(realised, money, &realised):
            return ST_OVERFLOW
    adverse = reference - ticks if leg == 0 else ticks - reference
    status = work_out(
        l, instrument, leg, lots, ticks, adverse, rate_mantissa, rate_decimals, maker, given_fee,
        own.quantity - lots, own.cost - cost, realised, &after,
    )
    if status < ST_OK:
        return status
    drop_lots(own, oldest, whole, lots, share)
    own.cost -= cost
    if own.quantity == 0:
        l.trades += 1
    take(l, instrument, leg, maker, &after, out)
    return ST_OK


cdef inline int share_of(int method, const lot_t *lot, int64_t taken, int128 *share) noexcept nogil:
    """The cost of a part of a lot: exact, but of the average lot its share."""
    cdef int128 product
    if method != METHOD_AVERAGE:
        share[0] = <int128>taken * <int128>lot.ticks
        return ST_OK
    if multiply_overflows(lot.cost, <int128>taken, &product):
        return ST_OVERFLOW
    return c_div_half_even(product, lot.quantity, share)


cdef inline void drop_lots(leg_t *own, bint oldest, int whole, int64_t lots, int128 share) noexcept nogil:
    """Take so many lots off the end that goes first, and the rest from the next."""
    cdef lot_t *lot
    cdef int at
    own.quantity -= lots
    for at in range(whole):
        lots -= own.lots[own.head if oldest else own.head + own.count - 1].quantity
        own.head += oldest
        own.count -= 1
    if lots:
        lot = &own.lots[own.head if oldest else own.head + own.count - 1]
        lot.quantity -= lots
        lot.cost -= share
    if own.count == 0:
        own.head = 0


cdef int ledger_fund(
    ledger_t *l, int instrument, int leg, int64_t ticks, int128 rate_mantissa, int rate_decimals, int128 *amount
) noexcept nogil:
    cdef int128 rate = -rate_mantissa if leg == 0 else rate_mantissa
    cdef int128 money
    cdef int status
    if <int128><int64_t>rate != rate:
        return ST_OVERFLOW
    status = c_fee(
        &l.valuations[instrument], l.legs[2 * instrument + leg].quantity, ticks, <int64_t>rate, rate_decimals, &money
    )
    if status < ST_OK:
        return status
    if not c_is_amount(l.funding + money) or not c_is_amount(l.cash + money):
        return ST_OVERFLOW
    l.funding += money
    l.cash += money
    amount[0] = money
    return ST_OK


cdef int ledger_settle(ledger_t *l) noexcept nogil:
    cdef int128 equity = l.cash + l.unrealised
    if not c_is_amount(equity):
        return ST_OVERFLOW
    if l.cash > l.peak_cash:
        l.peak_cash = l.cash
    elif l.peak_cash - l.cash > l.drawdown_realised:
        l.drawdown_realised = l.peak_cash - l.cash
    if equity > l.peak_equity:
        l.peak_equity = equity
    elif l.peak_equity - equity > l.drawdown_equity:
        l.drawdown_equity = l.peak_equity - equity
    return ST_OK


# -- the shell ---------------------------------------------------------------------------------------


cdef class Ledger:
    """One account: every fill and payment once, in order.

    ``equity`` is the starting money in units of 1e-12. Instruments are numbered by ``add`` from 0.
    """

    def __cinit__(self, equity, method):
        memset(&self.c, 0, sizeof(ledger_t))
        if method not in METHODS:
            raise OurFault(f"'{method}' is no lot method", remedy=f"Use one of {', '.join(METHODS)}")
        self.method = method
        self._valuations = []
        self._names = []
        if ledger_init(&self.c, int128_of(equity), METHODS.index(method), 0) < ST_OK:
            plain().Ledger(equity, method)

    def __dealloc__(self):
        ledger_free(&self.c)

    @property
    def start(self):
        return int_of(self.c.start)

    @property
    def cash(self):
        return int_of(self.c.cash)

    @property
    def realised(self):
        return int_of(self.c.realised)

    @property
    def fees_maker(self):
        return int_of(self.c.fees_maker)

    @property
    def fees_taker(self):
        return int_of(self.c.fees_taker)

    @property
    def funding(self):
        return int_of(self.c.funding)

    @property
    def slippage(self):
        return int_of(self.c.slippage)

    @property
    def turnover(self):
        return int_of(self.c.turnover)

    @property
    def trades(self):
        return self.c.trades

    @property
    def margin_calls(self):
        return self.c.margin_calls

    @property
    def unrealised(self):
        return int_of(self.c.unrealised)

    @property
    def peak_cash(self):
        return int_of(self.c.peak_cash)

    @property
    def peak_equity(self):
        return int_of(self.c.peak_equity)

    @property
    def drawdown_realised(self):
        return int_of(self.c.drawdown_realised)

    @property
    def drawdown_equity(self):
        return int_of(self.c.drawdown_equity)

    def add(self, valuation: Valuation) -> int:
        """One more instrument; its number."""
        cdef Valuation sizes = valuation
        cdef int number = ledger_add(&self.c, &sizes.c)
        if number < 0:
            raise MemoryError
        self._valuations.append(valuation)
        return number

    cdef int _at(self, object instrument, object leg) except -1:
        """The leg's place; IndexError where there is none."""
        if not 0 <= instrument < self.c.count or not 0 <= leg <= 1:
            raise IndexError(f"The ledger has no leg {leg} of an instrument {instrument}")
        return 2 * <int>instrument + <int>leg

    def quantity(self, instrument: int, leg: int) -> int:
        """Open lots of a leg, never negative."""
        return self.c.legs[self._at(instrument, leg)].quantity

    def is_open(self, instrument: int) -> bool:
        """Whether the instrument has a position on either leg."""
        cdef int at = self._at(instrument, 0)
        return self.c.legs[at].quantity > 0 or self.c.legs[at + 1].quantity > 0

    def cost(self, instrument: int, leg: int) -> int:
        """Sum of quantity times entry price over the open lots of a leg."""
        return int_of(self.c.legs[self._at(instrument, leg)].cost)

    def lots(self, instrument: int, leg: int) -> list[tuple[int, int, int, str]]:
        """Open lots, oldest first: quantity, quantity times price, time of the entry, its order."""
        cdef leg_t *own = &self.c.legs[self._at(instrument, leg)]
        cdef lot_t *lot
        cdef int at
        rows = []
        for at in range(own.head, own.head + own.count):
            lot = &own.lots[at]
            rows.append((lot.quantity, int_of(lot.cost), lot.opened_ns, self._names[lot.order]))
        return rows

    def buy_in(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate_mantissa: int,
        rate_decimals: int,
        maker: bool,
        given_fee: int | None,
        opened_ns: int,
        order_id: str,
    ) -> tuple[int, int, int, int]:
        """An entry fill of either leg: notional, fee, realised (0) and slippage against ``reference``.

        The fee is the rate's share of notional, unless the venue gave it.
        """
        cdef int at = self._at(instrument, leg)
        cdef int128 fee = 0
        cdef fill_t fill
        cdef int status = ST_OVERFLOW
        if small(quantity) and small(ticks) and small(reference) and small(rate_mantissa) and small(rate_decimals):
            if given_fee is None or fits(given_fee, &fee):
                status = ledger_buy_in(
                    &self.c, at // 2, at & 1, quantity, ticks, reference, rate_mantissa, decimals_of(rate_decimals),
                    maker, NULL if given_fee is None else &fee, opened_ns, self._named(order_id), &fill,
                )
        if status == ST_OK:
            return int_of(fill.notional), int_of(fill.fee), int_of(fill.realised), int_of(fill.slippage)
        arguments = (instrument, leg, quantity, ticks, reference, rate_mantissa, rate_decimals, maker, given_fee)
        return self._as_reference("buy_in", status, (*arguments, opened_ns, order_id))

    def sell_out(
        self,
        instrument: int,
        leg: int,
        quantity: int,
        ticks: int,
        reference: int,
        rate_mantissa: int,
        rate_decimals: int,
        maker: bool,
        given_fee: int | None,
    ) -> tuple[int, int, int, int]:
        """A closing fill, of either leg: notional, fee, realised and slippage against ``reference``."""
        cdef int at = self._at(instrument, leg)
        cdef int128 fee = 0
        cdef fill_t fill
        cdef int status = ST_OVERFLOW
        if small(quantity) and small(ticks) and small(reference) and small(rate_mantissa) and small(rate_decimals):
            if given_fee is None or fits(given_fee, &fee):
                status = ledger_sell_out(
                    &self.c, at // 2, at & 1, quantity, ticks, reference, rate_mantissa, decimals_of(rate_decimals),
                    maker, NULL if given_fee is None else &fee, &fill,
                )
        if status == ST_OK:
            return int_of(fill.notional), int_of(fill.fee), int_of(fill.realised), int_of(fill.slippage)
        arguments = (instrument, leg, quantity, ticks, reference, rate_mantissa, rate_decimals, maker, given_fee)
        return self._as_reference("sell_out", status, arguments)

    def fund(self, instrument: int, leg: int, ticks: int, rate_mantissa: int, rate_decimals: int) -> int:
        """Funding on a leg at a mark: a positive rate is paid by longs (negative) and received by shorts."""
        cdef int at = self._at(instrument, leg)
        cdef int128 amount
        cdef int status = ST_OVERFLOW
        if small(ticks) and small(rate_mantissa) and small(rate_decimals):
            status = ledger_fund(
                &self.c, at // 2, at & 1, ticks, <int64_t>rate_mantissa, decimals_of(rate_decimals), &amount
            )
        if status == ST_OK:
            return int_of(amount)
        return self._as_reference("fund", status, (instrument, leg, ticks, rate_mantissa, rate_decimals))

    def mark(self, instrument: int, ticks: int) -> None:
        """Value the instrument's legs at a price."""
        cdef int status = ledger_mark(&self.c, self._at(instrument, 0) // 2, units_of(ticks))
        if status < ST_OK:
            self._as_reference("mark", status, (instrument, ticks))

    def unrealised_at(self, instrument: int, ticks: int) -> int:
        """What the instrument's open legs would be worth over their cost at a price."""
        cdef int128 money
        cdef int status = ledger_unrealised_at(&self.c, self._at(instrument, 0) // 2, units_of(ticks), &money)
        return int_of(money) if status == ST_OK else self._as_reference("unrealised_at", status, (instrument, ticks))

    def notional_at(self, instrument: int, ticks: int) -> int:
        """Notional of both legs of the instrument at a price."""
        cdef int128 money
        cdef int status = ledger_notional_at(&self.c, self._at(instrument, 0) // 2, units_of(ticks), &money)
        return int_of(money) if status == ST_OK else self._as_reference("notional_at", status, (instrument, ticks))

    def exposure(self) -> int:
        """Notional of all open legs at their last marks."""
        return int_of(self.c.exposure)

    def value(self, instrument: int) -> int:
        """Mark-to-market PnL of the instrument's open legs at its last mark."""
        return int_of(self.c.values[self._at(instrument, 0) // 2])

    @property
    def equity(self) -> int:
        """Cash and what is open, at the last marks."""
        return int_of(ledger_equity(&self.c))

    def settle(self) -> None:
        """The end of a close: peaks and drawdowns of cash and of equity."""
        cdef int status = ledger_settle(&self.c)
        if status < ST_OK:
            self._as_reference("settle", status, ())

    def call_margin(self) -> None:
        """Count one margin call."""
        self.c.margin_calls += 1

    def state(self) -> dict[str, Any]:
        """Plain data for a snapshot; money as text, since it outgrows 64 bits."""
        legs = [self.lots(at // 2, at & 1) for at in range(2 * self.c.count)]
        return {
            "totals": {name: str(getattr(self, name)) for name in TOTALS},
            "legs": [[[lot[0], str(lot[1]), lot[2], lot[3]] for lot in lots] for lots in legs],
            "marks": [self.c.marks[at] for at in range(self.c.count)],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot, with the same instruments added."""
        cdef int at, status
        totals = {name: int(state["totals"][name]) for name in TOTALS}
        self.c.cash = int128_of(totals["cash"])
        self.c.realised = int128_of(totals["realised"])
        self.c.fees_maker = int128_of(totals["fees_maker"])
        self.c.fees_taker = int128_of(totals["fees_taker"])
        self.c.funding = int128_of(totals["funding"])
        self.c.slippage = int128_of(totals["slippage"])
        self.c.turnover = int128_of(totals["turnover"])
        self.c.trades = totals["trades"]
        self.c.margin_calls = totals["margin_calls"]
        self.c.peak_cash = int128_of(totals["peak_cash"])
        self.c.peak_equity = int128_of(totals["peak_equity"])
        self.c.drawdown_realised = int128_of(totals["drawdown_realised"])
        self.c.drawdown_equity = int128_of(totals["drawdown_equity"])
        for at, lots in zip(range(2 * self.c.count), state["legs"], strict=True):
            self._restore_leg(&self.c.legs[at], lots)
        for at, ticks in zip(range(self.c.count), state["marks"], strict=True):
            status = ledger_revalue(&self.c, at, units_of(ticks))
            if status < ST_OK:
                raise LedgerOverflow("The positions of a snapshot are out of range", remedy=REPORT)

    cdef int _restore_leg(self, leg_t *own, object lots) except -1:
        cdef lot_t *lot
        own.head = own.count = 0
        own.quantity = 0
        own.cost = own.realised = 0
        for quantity, cost, opened_ns, order_id in lots:
            if room_for_one(own) < ST_OK:
                raise MemoryError
            lot = &own.lots[own.count]
            lot.quantity = units_of(quantity)
            lot.cost = int128_of(int(cost))
            lot.ticks = <int64_t>(lot.cost / <int128>lot.quantity) if lot.quantity > 0 else 0
            lot.opened_ns = opened_ns
            lot.order = self._named(order_id)
            own.count += 1
            own.quantity += lot.quantity
            own.cost += lot.cost
        return 0

    cdef int64_t _named(self, object order_id) except -1:
        """The number of one more order id. Ids that no lot carries any more are dropped now and then."""
        cdef leg_t *own
        cdef int at, lot
        cdef int64_t held = 0
        for at in range(2 * self.c.count):
            held += self.c.legs[at].count
        if len(self._names) > NAMES_KEPT + 2 * held:
            names = []
            for at in range(2 * self.c.count):
                own = &self.c.legs[at]
                for lot in range(own.head, own.head + own.count):
                    names.append(self._names[own.lots[lot].order])
                    own.lots[lot].order = len(names) - 1
            self._names = names
        self._names.append(order_id)
        return len(self._names) - 1

    cdef object _as_reference(self, str call, int status, tuple arguments):
        """The same call on the same account in the reference, which says what was wrong with it."""
        if status == ST_OUT_OF_MEMORY:
            raise MemoryError
        account = plain().Ledger(self.start, self.method)
        for sizes in self._valuations:
            account.add((<Valuation>sizes)._plain())
        account.restore(self.state())
        getattr(account, call)(*arguments)
        raise LedgerOverflow(f"The account's totals do not fit 128 bits in '{call}'", remedy=REPORT)


cdef object plain():
    """The reference, which says what was wrong."""
    from live_runner.hotpath.reference import ledger

    return ledger


cdef inline bint small(object value) except -1:
    """Whether the int fits 64 bits."""
    cdef int overflow = 0
    PyLong_AsLongLongAndOverflow(value, &overflow)
    return not overflow


cdef inline bint fits(object value, int128 *units) except -1:
    """Reads an int of 128 bits; False when it is larger."""
    if not -PRODUCT_END < value < PRODUCT_END:
        return False
    units[0] = int128_of(value)
    return True


cdef inline int decimals_of(int64_t value) noexcept:
    return <int>value if 0 <= value <= 100 else -1


cdef str REPORT = "This is a fault of the program: keep the session's log and report it"
