# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The paper stage of the execution core as one machine of C structs: orders, matching, account.

The specification is services/execution/core: the same five steps, the same order of events, the same
numbers. What a session may ask for that is not plain (a refusal, a limit price on an odd grid) is judged by
that very code: ``place`` answers NOT_PLAIN and the caller lets the desk decide, whose orders then come in
through ``Execution.request``. So there is one set of rules in two speeds, held together by
tests/parity/test_barloop.py.

Nothing here raises. A status below zero means that this machine gives up: the session is run anew on the
cores, which name what is wrong.
"""

from typing import Any

from libc.math cimport NAN
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from live_runner.hotpath.compiled.fixed cimport (
    ST_FAULT,
    ST_OK,
    ST_OUT_OF_MEMORY,
    ST_OVERFLOW,
    Grid,
    Valuation,
    c_div_half_even,
    c_from_float,
    c_money_float,
    c_notional,
    grid_t,
    int128,
    int128_of,
    int_of,
    multiply_overflows,
    valuation_t,
    POWERS,
    c_to_float,
)
from live_runner.hotpath.compiled.ledger cimport (
    fill_t,
    leg_t,
    ledger_buy_in,
    ledger_equity,
    ledger_free,
    ledger_fund,
    ledger_init,
    ledger_mark,
    ledger_notional_at,
    ledger_sell_out,
    ledger_set_valuation,
    ledger_settle,
    ledger_unrealised_at,
    lot_t,
)
from live_runner.hotpath.compiled.normalize cimport (
    ROUND_DOWN,
    ROUND_NEAREST,
    Normalizer,
    c_amount_lots,
    c_decimal_lots,
    c_decimal_ticks,
    c_price_ticks,
    market_of,
)
from live_runner.hotpath.compiled.matching cimport (
    book_add,
    book_at_close,
    book_at_open,
    book_cancel,
    book_clear,
    book_free,
    book_init,
    book_inside,
    happening_t,
)

__all__ = ["OWN_REASONS", "Execution"]

OWN_REASONS = ("", "oco", "leg_flat", "one_way_conflict", "liquidation", "time_to_live", "intent", "timeout")
"""Reasons that execution gives, by number; a session's own words follow."""

cdef enum:
    W_FILLED = 0
    W_BORN = 1
    W_CANCELLED = 2
    Y_LIQUIDATION = 3
    FIRST_CAPACITY = 64

cdef enum:
    FUNDING_WAITING_MAX = 10_000

cdef object WAIT_NS_END = 1 << 61  # 73 years: what a moment can be added to


# -- the journal ------------------------------------------------------------------------------------


cdef row_t *tell(execution_t *x, int told, int64_t order, int64_t at_ns) noexcept nogil:
    """The next event of the execution core; NULL without memory."""
    cdef row_t *grown
    cdef row_t *row
    if x.told == x.journal_capacity:
        grown = <row_t *>realloc(x.journal, 2 * x.journal_capacity * sizeof(row_t))
        if grown == NULL:
            return NULL
        x.journal = grown
        x.journal_capacity *= 2
    row = &x.journal[x.told]
    x.told += 1
    x.seq += 1
    row.told = told
    row.order = order
    row.seq = x.seq
    row.at_ns = at_ns
    # A liquidation has no order and no leg; whoever reads the row looks its names up all the same.
    row.symbol = x.orders[order].symbol if order >= 0 else 0
    row.leg = x.orders[order].leg if order >= 0 else 0
    row.retrying = False
    return row


# -- prices and money -------------------------------------------------------------------------------


cdef inline int ticks_of(const symbol_t *m, double price, int64_t *ticks) noexcept nogil:
    cdef int status = c_from_float(&m.grid, price, ticks)
    if status != ST_OK:
        return status
    return ST_OK if ticks[0] > 0 else ST_FAULT


cdef int mean_price(const grid_t *grid, int128 cost, int64_t quantity, double *price) noexcept nogil:
    cdef int shift = MONEY_DECIMALS - grid.decimals
    cdef int128 numerator
    cdef int128 denominator = quantity
    cdef int128 units
    if shift > 26 or shift < -12 or multiply_overflows(cost, grid.mantissa, &numerator):
        return ST_OVERFLOW
    if shift > 0 and multiply_overflows(numerator, POWERS[shift], &numerator):
        return ST_OVERFLOW
    if shift < 0 and multiply_overflows(denominator, POWERS[-shift], &denominator):
        return ST_OVERFLOW
    if c_div_half_even(numerator, denominator, &units) != ST_OK:
        return ST_OVERFLOW
    price[0] = c_money_float(units)
    return ST_OK


cdef int initial_margin(execution_t *x, int128 notional, int128 *margin) noexcept nogil:
    cdef int128 scaled
    if multiply_overflows(notional, x.leverage_scale, &scaled):
        return ST_OVERFLOW
    return c_div_half_even(scaled, x.leverage_mantissa, margin)


cdef int needed(execution_t *x, const order_t *order, int128 *margin) noexcept nogil:
    """What an entry binds at its limit, else at the close that its decision saw."""
    cdef int128 notional
    cdef symbol_t *m = &x.markets[order.symbol]
    cdef int64_t price = order.price if order.price else order.reference
    cdef int status = c_notional(&m.valuation, order.quantity - order.filled, price, &notional)
    if status != ST_OK:
        return status
    return initial_margin(x, notional, margin)


cdef int shortfall(execution_t *x, int64_t index, int128 *missing) noexcept nogil:
    """Money that is missing for an entry; services/execution/core/margin.py says how it is counted."""
    cdef int128 exposure = x.ledger.exposure
    cdef int128 bound = 0
    cdef int128 amount
    cdef int64_t at = x.first
    cdef int64_t close
    cdef int64_t lots
    cdef int64_t held
    cdef order_t *other
    cdef symbol_t *m
    cdef int status
    while at >= 0:
        other = &x.orders[at]
        if other.reduce:
            if other.kind == KIND_MARKET:
                m = &x.markets[other.symbol]
                held = position_of(x, other.symbol, other.leg)
                lots = min(other.quantity - other.filled, held)
                status = ticks_of(m, m.close, &close)
                if status != ST_OK:
                    return status
                status = c_notional(&m.valuation, lots, close, &amount)
                if status != ST_OK:
                    return status
                exposure -= amount
        elif at != index:
            status = needed(x, other, &amount)
            if status != ST_OK:
                return status
            bound += amount
        at = other.next
    if exposure < 0:
        exposure = 0
    status = initial_margin(x, exposure, &amount)
    if status != ST_OK:
        return status
    bound += amount
    status = needed(x, &x.orders[index], &amount)
    if status != ST_OK:
        return status
    missing[0] = amount - (ledger_equity(&x.ledger) - bound)
    return ST_OK


# -- open orders ------------------------------------------------------------------------------------


cdef int64_t remember(execution_t *x, const order_t *given) noexcept nogil:
    """Take an order into the list of open ones, as the newest; its number, or a negative status."""
    cdef order_t *grown
    cdef order_t *order
    cdef symbol_t *m
    cdef int64_t index = x.orders_count
    if index == x.orders_capacity:
        grown = <order_t *>realloc(x.orders, 2 * x.orders_capacity * sizeof(order_t))
        if grown == NULL:
            return ST_OUT_OF_MEMORY
        x.orders = grown
        x.orders_capacity *= 2
    x.orders_count += 1
    order = &x.orders[index]
    order[0] = given[0]
    m = &x.markets[order.symbol]
    order.next = -1
    order.previous = x.last
    if x.last >= 0:
        x.orders[x.last].next = index
    else:
        x.first = index
    x.last = index
    order.next_on_market = -1
    order.previous_on_market = m.last
    if m.last >= 0:
        x.orders[m.last].next_on_market = index
    else:
        m.first = index
    m.last = index
    return index


cdef void forget(execution_t *x, int64_t index) noexcept nogil:
    """The order is closed. It goes on naming the one after it, for whoever walks the list now."""
    cdef order_t *order = &x.orders[index]
    cdef symbol_t *m = &x.markets[order.symbol]
    if order.previous >= 0:
        x.orders[order.previous].next = order.next
    else:
        x.first = order.next
    if order.next >= 0:
        x.orders[order.next].previous = order.previous
    else:
        x.last = order.previous
    if order.previous_on_market >= 0:
        x.orders[order.previous_on_market].next_on_market = order.next_on_market
    else:
        m.first = order.next_on_market
    if order.next_on_market >= 0:
        x.orders[order.next_on_market].previous_on_market = order.previous_on_market
    else:
        m.last = order.previous_on_market


cdef bint closes_whole_leg(execution_t *x, int symbol, int leg) noexcept nogil:
    """Whether a market order is on its way that closes all of the leg."""
    cdef int64_t at = x.markets[symbol].first
    cdef order_t *order
    while at >= 0:
        order = &x.orders[at]
        if order.leg == leg and order.action == ACTION_CLOSE and order.kind == KIND_MARKET and order.cancel_reason < 0:
            return True
        at = order.next_on_market
    return False


cdef bint has_entry(execution_t *x, int symbol, int leg) noexcept nogil:
    cdef int64_t at = x.markets[symbol].first
    while at >= 0:
        if x.orders[at].leg == leg and not x.orders[at].reduce:
            return True
        at = x.orders[at].next_on_market
    return False


cdef int64_t by_key(execution_t *x, const symbol_t *m, int64_t key) noexcept nogil:
    """The order that stands on the book under a key, -1 for none."""
    cdef int64_t at = m.first
    while at >= 0:
        if x.orders[at].key == key:
            return at
        at = x.orders[at].next_on_market
    return -1


cdef bint in_backoff(execution_t *x, int symbol, int leg) noexcept nogil:
    cdef backoff_t *backoff = &x.backoffs[2 * symbol + leg]
    return backoff.failures > 0 and backoff.blocked and (backoff.until_ns < 0 or x.now_ns < backoff.until_ns)


cdef inline void change(execution_t *x, int symbol, int leg) noexcept nogil:
    if not x.changed[2 * symbol + leg]:
        x.changed[2 * symbol + leg] = True
        x.changes += 1


# -- an order's life --------------------------------------------------------------------------------


cdef int64_t write_request(execution_t *x, const order_t *given) noexcept nogil:
    cdef int64_t index = remember(x, given)
    cdef order_t *order
    if index < 0:
        return index
    order = &x.orders[index]
    x.requested += 1
    if order.expires_ns >= 0 and (x.next_expiry < 0 or order.expires_ns < x.next_expiry):
        x.next_expiry = order.expires_ns
    if tell(x, TOLD_REQUESTED, index, x.now_ns) == NULL:
        return ST_OUT_OF_MEMORY
    return index


cdef int accept(execution_t *x, int64_t index) noexcept nogil:
    cdef row_t *row
    x.numbered += 1
    x.orders[index].venue_number = x.numbered
    x.orders[index].state = STATE_ACCEPTED
    row = tell(x, TOLD_ACCEPTED, index, x.now_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.number = x.numbered
    return ST_OK


cdef int request(execution_t *x, const order_t *given) noexcept nogil:
    """Request an order and hand it to the paper venue."""
    cdef int64_t index = write_request(x, given)
    if index < 0:
        return <int>index
    return submit(x, index)


cdef int submit(execution_t *x, int64_t index) noexcept nogil:
    cdef order_t *order = &x.orders[index]
    cdef symbol_t *m = &x.markets[order.symbol]
    cdef int64_t close
    cdef int64_t key
    cdef int128 missing
    cdef bint buy = (order.leg == SIDE_LONG) != order.reduce
    cdef int status
    if order.kind == KIND_POST_ONLY and order.price:
        status = ticks_of(m, m.close, &close)
        if status != ST_OK:
            return status
        if (close <= order.price) if buy else (close >= order.price):
            return reject(x, index, TOLD_CROSSES, close, 0)
    if not order.reduce:
        status = shortfall(x, index, &missing)
        if status != ST_OK:
            return status
        if missing > 0:
            return reject(x, index, TOLD_MARGIN, 0, missing)
    status = accept(x, index)
    if status != ST_OK:
        return status
    order = &x.orders[index]
    status = book_add(
        &m.book, order.leg, order.kind, order.reduce, order.quantity, order.price, order.stop, order.target,
        order.waits, &key,
    )
    if status != ST_OK:
        return status
    order.key = key
    if (
        x.at_close
        and order.kind == KIND_MARKET
        and not order.waits
        and not order.at_next_open
        and m.bar_set == x.bar_set
    ):
        status = ticks_of(m, m.close, &close)
        if status != ST_OK:
            return status
        status = book_at_close(
            &m.book, key, close, m.cap, position_of(x, order.symbol, 0), position_of(x, order.symbol, 1)
        )
        if status != ST_OK:
            return status
        return follow(x, order.symbol, x.now_ns)
    return ST_OK


cdef int reject(execution_t *x, int64_t index, int told, int64_t close, int128 missing) noexcept nogil:
    """The venue refuses; what the intent or the policy permits follows."""
    cdef order_t *order = &x.orders[index]
    cdef bint held_back = not order.reduce and in_backoff(x, order.symbol, order.leg)
    cdef backoff_t *backoff
    cdef policy_t *policy
    cdef row_t *row
    cdef bint falls_back = may_fall_back(order, FALLBACK_REJECT)
    order.state = STATE_REJECTED
    x.rejected += 1
    row = tell(x, told, index, x.now_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.ticks = close
    row.notional = missing
    row.retrying = falls_back and not held_back
    forget(x, index)
    if not order.reduce:
        policy = &x.policies[order.policy]
        backoff = &x.backoffs[2 * order.symbol + order.leg]
        if backoff.failures == 0:
            x.in_backoffs += 1
        backoff.failures += 1
        backoff.blocked = policy.max_failures > 0 and backoff.failures >= policy.max_failures
        backoff.until_ns = -1
        if backoff.blocked and policy.backoff_ns >= 0:
            backoff.until_ns = x.now_ns + policy.backoff_ns
        backoff.event_seq = row.seq
        backoff.at_ns = x.now_ns
        backoff.code = told
        backoff.order = index
        backoff.close_ticks = close
        backoff.missing = missing
        change(x, order.symbol, order.leg)
    return fall_back(x, index, held_back) if falls_back else ST_OK


cdef int fill(
    execution_t *x, int64_t index, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns
) noexcept nogil:
    """One fill: one ledger entry and one event."""
    cdef order_t *order = &x.orders[index]
    cdef int64_t mantissa = x.maker_mantissa if maker else x.taker_mantissa
    cdef int decimals = x.maker_decimals if maker else x.taker_decimals
    cdef backoff_t *backoff = &x.backoffs[2 * order.symbol + order.leg]
    cdef fill_t money
    cdef row_t *row
    cdef int status
    change(x, order.symbol, order.leg)
    if order.reduce:
        status = ledger_sell_out(
            &x.ledger, order.symbol, order.leg, lots, ticks, reference, mantissa, decimals, maker, NULL, &money
        )
    else:
        status = ledger_buy_in(
            &x.ledger, order.symbol, order.leg, lots, ticks, reference, mantissa, decimals, maker, NULL, at_ns,
            index, &money,
        )
    if status != ST_OK:
        return status
    if backoff.failures and order.action <= ACTION_ADD:
        memset(backoff, 0, sizeof(backoff_t))
        x.in_backoffs -= 1
    order.filled += lots
    order.fills += 1
    order.state = STATE_PARTLY_FILLED if order.quantity > order.filled else STATE_FILLED
    x.fills += 1
    x.moved = True
    row = tell(x, TOLD_FILLED, index, at_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.lots = lots
    row.ticks = ticks
    row.reference = reference
    row.maker = maker
    row.number = order.fills
    row.filled = order.filled
    row.state = order.state
    row.leg_lots = position_of(x, order.symbol, order.leg)
    row.notional = money.notional
    row.fee = money.fee
    row.realised = money.realised
    row.slippage = money.slippage
    if order.state == STATE_FILLED:
        forget(x, index)
    return ST_OK


cdef int end_order(execution_t *x, int64_t index, int told, int reason) noexcept nogil:
    """Cancelled or expired: certainly off the book."""
    cdef order_t *order = &x.orders[index]
    cdef bint held_back = not order.reduce and in_backoff(x, order.symbol, order.leg)
    cdef bint falls_back = (told == TOLD_EXPIRED or reason == REASON_TIMEOUT) and may_fall_back(order, FALLBACK_TIMEOUT)
    cdef row_t *row
    order.state = STATE_CANCELLED if told == TOLD_CANCELLED else STATE_EXPIRED
    row = tell(x, told, index, x.now_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.filled = order.filled
    row.reason = reason
    row.retrying = falls_back and not held_back
    forget(x, index)
    return fall_back(x, index, held_back) if falls_back else ST_OK


cdef int cancel_order(execution_t *x, int64_t index, int reason) noexcept nogil:
    """Ask for an order to be taken off the book; the paper venue confirms at once."""
    cdef order_t *order = &x.orders[index]
    cdef row_t *row
    order.cancel_reason = reason
    order.state = STATE_CANCEL_REQUESTED
    row = tell(x, TOLD_CANCEL_REQUESTED, index, x.now_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.reason = reason
    book_cancel(&x.markets[order.symbol].book, order.key)
    return end_order(x, index, TOLD_CANCELLED, reason)


cdef inline bint may_fall_back(const order_t *order, int why) noexcept nogil:
    """Whether a market order for the remainder is permitted, for this reason."""
    return (order.fallback & why) != 0 and order.kind != KIND_MARKET and order.quantity > order.filled


cdef int fall_back(execution_t *x, int64_t index, bint held_back) noexcept nogil:
    """One market order for the remainder, unless the leg's backoff holds it back."""
    cdef order_t *order = &x.orders[index]
    cdef order_t following
    cdef symbol_t *m = &x.markets[order.symbol]
    cdef row_t *row
    cdef int status
    if held_back:
        x.refused += 1
        row = tell(x, TOLD_DROPPED, index, x.now_ns)
        if row == NULL:
            return ST_OUT_OF_MEMORY
        row = tell(x, TOLD_REFUSED, index, x.now_ns)
        if row == NULL:
            return ST_OUT_OF_MEMORY
        row.number = -1
        return ST_OK
    following = order[0]
    following.attempt += 1
    following.named_attempt = following.attempt
    following.kind = KIND_MARKET
    following.price = 0
    following.quantity = order.quantity - order.filled
    following.expires_ns = -1
    following.state = STATE_REQUESTED
    following.filled = 0
    following.fills = 0
    following.venue_number = 0
    following.key = 0
    following.cancel_reason = -1
    following.asked_given = False
    following.text = 0
    following.fallback = 0
    following.waits = m.late and m.bar_set == x.bar_set
    status = ticks_of(m, m.close, &following.reference)
    if status != ST_OK:
        return status
    return request(x, &following)


cdef int expire(execution_t *x) noexcept nogil:
    """Take off the book what has reached its time."""
    cdef int64_t newest = x.orders_count
    cdef int64_t at = x.first
    cdef int64_t following
    cdef order_t *order
    cdef int status
    if x.next_expiry < 0 or x.now_ns < x.next_expiry:
        return ST_OK
    while at >= 0 and at < newest:
        order = &x.orders[at]
        following = order.next
        if order.state < STATE_FILLED and 0 <= order.expires_ns <= x.now_ns and order.cancel_reason < 0:
            book_cancel(&x.markets[order.symbol].book, order.key)
            status = end_order(x, at, TOLD_EXPIRED, REASON_TIME_TO_LIVE)
            if status != ST_OK:
                return status
        at = following
    x.next_expiry = -1
    at = x.first
    while at >= 0:
        order = &x.orders[at]
        if order.expires_ns >= 0 and order.cancel_reason < 0:
            if x.next_expiry < 0 or order.expires_ns < x.next_expiry:
                x.next_expiry = order.expires_ns
        at = order.next
    return ST_OK


# -- what a bar does --------------------------------------------------------------------------------


cdef int follow(execution_t *x, int symbol, int64_t at_ns) noexcept nogil:
    """Carry what happened on the book into orders and ledger, in its order."""
    cdef symbol_t *m = &x.markets[symbol]
    cdef int64_t filled = -1
    cdef int64_t index
    cdef happening_t happened
    cdef int number
    cdef int status
    for number in range(m.book.out_count):
        happened = m.book.out[number]
        if happened.what == W_BORN:
            status = bear(x, filled, happened.key, <int>happened.b, happened.c, happened.d) if filled >= 0 else ST_FAULT
        else:
            index = by_key(x, m, happened.key)
            if index < 0:
                return ST_FAULT
            if happened.what == W_FILLED:
                filled = index
                status = fill(x, index, happened.a, happened.b, happened.c, happened.d == 1, at_ns)
            else:
                status = end_order(x, index, TOLD_CANCELLED, REASON_OCO + <int>happened.a)
        if status != ST_OK:
            return status
    return ST_OK


cdef int bear(execution_t *x, int64_t entry, int64_t key, int kind, int64_t lots, int64_t ticks) noexcept nogil:
    """A stop or target that came to stand with one fill of an entry."""
    cdef order_t order = x.orders[entry]
    order.part = PART_STOP if kind == KIND_STOP else PART_TARGET
    order.part_number = order.fills
    order.kind = kind
    order.price = ticks
    order.key = key
    return own(x, &order, lots)


cdef int own(execution_t *x, order_t *order, int64_t lots) noexcept nogil:
    """An order that stands at the venue without having been sent: requested and accepted in one."""
    cdef symbol_t *m = &x.markets[order.symbol]
    cdef int64_t index
    cdef int status = ticks_of(m, m.close, &order.reference)
    if status != ST_OK:
        return status
    order.attempt = 1
    order.action = ACTION_CLOSE
    order.reduce = True
    order.quantity = lots
    order.expires_ns = -1
    order.state = STATE_REQUESTED
    order.filled = 0
    order.fills = 0
    order.stop = 0
    order.target = 0
    order.fallback = 0
    order.policy = 0
    order.cancel_reason = -1
    order.asked_given = False
    order.text = 0
    order.waits = False
    order.at_next_open = False
    index = write_request(x, order)
    if index < 0:
        return <int>index
    return accept(x, index)


cdef int fund(execution_t *x, int symbol, int64_t before_ns, int64_t price) noexcept nogil:
    """Pay or receive what is due before a time; what is due later goes on waiting."""
    cdef symbol_t *m = &x.markets[symbol]
    cdef rate_t rate
    cdef int64_t ticks
    cdef int kept = 0
    cdef int at
    cdef int leg
    cdef int status
    for at in range(m.rates_count):
        rate = m.rates[at]
        if rate.funding_ns >= before_ns:
            m.rates[kept] = rate
            kept += 1
            continue
        ticks = price
        if rate.mark == rate.mark:
            status = ticks_of(m, rate.mark, &ticks)
            if status != ST_OK:
                return status
        for leg in range(2):
            if position_of(x, symbol, leg):
                status = fund_leg(x, symbol, leg, &rate, ticks)
                if status != ST_OK:
                    return status
    m.rates_count = kept
    return ST_OK


cdef int fund_leg(execution_t *x, int symbol, int leg, const rate_t *rate, int64_t ticks) noexcept nogil:
    cdef int128 amount
    cdef row_t *row
    cdef int status = ledger_fund(&x.ledger, symbol, leg, ticks, rate.mantissa, rate.decimals, &amount)
    if status != ST_OK:
        return status
    row = tell(x, TOLD_FUNDING, -1, rate.funding_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.symbol = symbol
    row.leg = leg
    row.ticks = ticks
    row.lots = position_of(x, symbol, leg)
    row.notional = amount
    row.number = rate.text
    return ST_OK


cdef int cover_at(
    execution_t *x, int symbol, int64_t ticks, int128 others, int128 exposure, int128 *equity, int128 *maintenance
) noexcept nogil:
    """Equity and maintenance of the account with the symbol at a price."""
    cdef int128 amount
    cdef int status = ledger_unrealised_at(&x.ledger, symbol, ticks, &amount)
    if status != ST_OK:
        return status
    equity[0] = others + amount
    status = ledger_notional_at(&x.ledger, symbol, ticks, &amount)
    if status != ST_OK:
        return status
    amount += exposure
    if multiply_overflows(amount, x.maintenance_mantissa, &amount):
        return ST_OVERFLOW
    return c_div_half_even(amount, x.maintenance_scale, maintenance)


cdef int liquidation(
    execution_t *x, int symbol, int64_t open_ticks, int64_t high, int64_t low, bint *found, int64_t *ticks,
    int128 *equity, int128 *maintenance,
) noexcept nogil:
    """Where in a bar the account is liquidated; services/execution/core/margin.py tells why there."""
    cdef int128 others = ledger_equity(&x.ledger) - x.ledger.values[symbol]
    cdef int128 exposure
    cdef int128 high_equity = 0
    cdef int128 high_share = 0
    cdef int128 amount
    cdef int64_t safe = open_ticks
    cdef int64_t middle
    cdef int status = ledger_notional_at(&x.ledger, symbol, open_ticks, &amount)
    if status != ST_OK:
        return status
    exposure = x.ledger.exposure - amount
    found[0] = False
    status = cover_at(x, symbol, low, others, exposure, equity, maintenance)
    if status != ST_OK:
        return status
    status = cover_at(x, symbol, high, others, exposure, &high_equity, &high_share)
    if status != ST_OK:
        return status
    ticks[0] = low
    if equity[0] - maintenance[0] > high_equity - high_share:
        ticks[0], equity[0], maintenance[0] = high, high_equity, high_share
    if equity[0] - maintenance[0] > 0:
        return ST_OK
    found[0] = True
    status = cover_at(x, symbol, open_ticks, others, exposure, &high_equity, &high_share)
    if status != ST_OK:
        return status
    if high_equity - high_share <= 0:
        ticks[0], equity[0], maintenance[0] = open_ticks, high_equity, high_share
        return ST_OK
    while (ticks[0] - safe if ticks[0] > safe else safe - ticks[0]) > 1:
        middle = (safe + ticks[0]) // 2
        status = cover_at(x, symbol, middle, others, exposure, &high_equity, &high_share)
        if status != ST_OK:
            return status
        if high_equity - high_share <= 0:
            ticks[0], equity[0], maintenance[0] = middle, high_equity, high_share
        else:
            safe = middle
    return ST_OK


cdef inline double nearly(int128 units) noexcept nogil:
    """An amount as a float that need not be the nearest one."""
    cdef int64_t small = <int64_t>units
    return <double>small if small == units else <double>units


cdef inline bint is_far_from_liquidation(
    execution_t *x, int symbol, int64_t open_ticks, int64_t high, int64_t low
) noexcept nogil:
    """Whether no price of the bar can use up the margin, by far.

    What a price does to equity and maintenance is at most the gross position times the move from the last
    mark; that is counted in doubles, with a billion times their error to spare.
    """
    cdef symbol_t *m = &x.markets[symbol]
    cdef int64_t mark = x.ledger.marks[symbol]
    cdef int64_t up = high - mark
    cdef int64_t down = mark - low
    cdef double gross = <double>(position_of(x, symbol, 0) + position_of(x, symbol, 1)) * m.unit
    cdef double cover = nearly(ledger_equity(&x.ledger)) - x.maintenance * nearly(x.ledger.exposure)
    if down > up:
        up = down
    if open_ticks > high or open_ticks < low or mark <= 0:
        return False
    return cover > 1.001 * gross * <double>up * (1.0 + x.maintenance) + 1e6


cdef int liquidate(
    execution_t *x, int symbol, int64_t ticks, int128 equity, int128 maintenance, int64_t at_ns
) noexcept nogil:
    """Close the symbol's legs at a price; its other orders leave the book first."""
    cdef symbol_t *m = &x.markets[symbol]
    cdef order_t order
    cdef int64_t lots
    cdef int64_t number
    cdef int leg
    cdef int status
    cdef row_t *row = tell(x, TOLD_LIQUIDATED, -1, at_ns)
    if row == NULL:
        return ST_OUT_OF_MEMORY
    row.symbol = symbol
    row.ticks = ticks
    row.notional = equity
    row.fee = maintenance
    number = row.seq
    x.liquidations += 1
    x.ledger.margin_calls += 1
    status = book_clear(&m.book, Y_LIQUIDATION)
    if status != ST_OK:
        return status
    status = follow(x, symbol, at_ns)
    if status != ST_OK:
        return status
    for leg in range(2):
        lots = position_of(x, symbol, leg)
        if not lots:
            continue
        memset(&order, 0, sizeof(order_t))
        order.close_ns = number
        order.named_attempt = 1
        order.part = PART_LONG + leg
        order.symbol = symbol
        order.leg = leg
        order.kind = KIND_MARKET
        order.reason = REASON_LIQUIDATION
        status = own(x, &order, lots)
        if status != ST_OK:
            return status
        status = fill(x, x.orders_count - 1, lots, ticks, ticks, False, at_ns)
        if status != ST_OK:
            return status
    return ST_OK


cdef int await_rate(execution_t *x, int symbol, const rate_t *rate) noexcept nogil:
    """One more rate that waits for the symbol's next bar; ST_FAULT beyond what may wait."""
    cdef symbol_t *m = &x.markets[symbol]
    cdef rate_t *grown
    if m.rates_count >= FUNDING_WAITING_MAX:
        return ST_FAULT
    if m.rates_count == m.rates_capacity:
        grown = <rate_t *>realloc(m.rates, (2 * m.rates_capacity + 4) * sizeof(rate_t))
        if grown == NULL:
            return ST_OUT_OF_MEMORY
        m.rates = grown
        m.rates_capacity = 2 * m.rates_capacity + 4
    m.rates[m.rates_count] = rate[0]
    m.rates_count += 1
    return ST_OK


cdef int run_bar(
    execution_t *x, int symbol, double open, double high, double low, double close, bint late,
    int64_t open_ns, int64_t close_ns,
) noexcept nogil:
    """One symbol's bar, steps 1 to 6 of the paper venue; ``note`` goes before."""
    cdef symbol_t *m = &x.markets[symbol]
    cdef int64_t opened
    cdef int64_t highest
    cdef int64_t lowest
    cdef int64_t closed
    cdef int64_t at
    cdef bint found
    cdef int128 equity
    cdef int128 maintenance
    cdef int status = ticks_of(m, open, &opened)
    if status == ST_OK:
        status = ticks_of(m, high, &highest)
    if status == ST_OK:
        status = ticks_of(m, low, &lowest)
    if status == ST_OK:
        status = ticks_of(m, close, &closed)
    if status == ST_OK and m.rates_count:
        status = fund(x, symbol, open_ns + 1, opened)
    if status == ST_OK and m.book.count:
        status = book_at_open(&m.book, opened, m.cap, late, position_of(x, symbol, 0), position_of(x, symbol, 1))
        if status == ST_OK:
            status = follow(x, symbol, open_ns)
    if (
        status == ST_OK
        and x.margin_on
        and (position_of(x, symbol, 0) or position_of(x, symbol, 1))
        and not is_far_from_liquidation(x, symbol, opened, highest, lowest)
    ):
        status = ledger_mark(&x.ledger, symbol, opened)
        if status == ST_OK:
            status = liquidation(x, symbol, opened, highest, lowest, &found, &at, &equity, &maintenance)
        if status == ST_OK and found:
            status = liquidate(x, symbol, at, equity, maintenance, close_ns)
    if status == ST_OK and m.book.count:
        status = book_inside(&m.book, highest, lowest)
        if status == ST_OK:
            status = follow(x, symbol, close_ns)
    if status == ST_OK and m.rates_count:
        status = fund(x, symbol, close_ns, closed)
    x.moved = True
    if status == ST_OK:
        status = ledger_mark(&x.ledger, symbol, closed)
    return status


cdef int end_moved_set(execution_t *x) noexcept nogil:
    """After the bars of a set: what ran out of time, backoffs, peaks and drawdowns."""
    cdef backoff_t *backoff
    cdef int at
    cdef int status
    if x.next_expiry >= 0:
        status = expire(x)
        if status != ST_OK:
            return status
    if x.in_backoffs:
        for at in range(2 * x.symbols):
            backoff = &x.backoffs[at]
            if backoff.failures and backoff.blocked and not (backoff.until_ns < 0 or x.now_ns < backoff.until_ns):
                backoff.blocked = False
                change(x, at // 2, at % 2)
    if not x.moved:
        return ST_OK
    x.moved = False
    return ledger_settle(&x.ledger)


# -- what a decision does ---------------------------------------------------------------------------


cdef int judge_entry(
    execution_t *x, const intent_t *intent, int64_t held, int64_t price, int64_t lots
) noexcept nogil:
    """Whether nothing speaks against an entry of so many lots at a price."""
    cdef symbol_t *m = &x.markets[intent.symbol]
    cdef int other = 1 - intent.leg
    cdef int128 notional
    if intent.action == ACTION_OPEN:
        if held and not closes_whole_leg(x, intent.symbol, intent.leg):
            return NOT_PLAIN
    elif not held:
        return NOT_PLAIN
    if c_notional(&m.valuation, lots, price, &notional) != ST_OK:
        return NOT_PLAIN
    if (m.min_notional >= 0 and notional < m.min_notional) or (m.max_notional >= 0 and notional > m.max_notional):
        return NOT_PLAIN
    if x.one_way:
        if position_of(x, intent.symbol, other) and not closes_whole_leg(x, intent.symbol, other):
            return NOT_PLAIN
        if has_entry(x, intent.symbol, other):
            return NOT_PLAIN
    if in_backoff(x, intent.symbol, intent.leg):
        return NOT_PLAIN
    if m.late and m.bar_set == x.bar_set and not x.late_entries:
        return NOT_PLAIN
    return PLACED


cdef int place(execution_t *x, const intent_t *intent, int64_t close_ns) noexcept nogil:
    """Request the order of an intent against which nothing speaks; NOT_PLAIN for every other one."""
    cdef symbol_t *m = &x.markets[intent.symbol]
    cdef int64_t lots = 0
    cdef int64_t price = 0
    cdef bint sure = True
    if intent.kind != KIND_MARKET:
        if c_price_ticks(&m.rules, intent.limit_price, &price, &sure) != ST_OK or not sure:
            return NOT_PLAIN
    if intent.action != ACTION_CLOSE:
        if c_amount_lots(&m.rules, intent.quantity, rounding_of(x, intent), True, &lots, &sure) != ST_OK or not sure:
            return NOT_PLAIN
    return place_lots(x, intent, close_ns, lots, price, 0)


cdef int place_exact(
    execution_t *x, const intent_t *intent, int64_t close_ns, const decimal_t *quantity, const decimal_t *limit_price,
    int64_t text,
) noexcept nogil:
    cdef symbol_t *m = &x.markets[intent.symbol]
    cdef int64_t lots = 0
    cdef int64_t price = 0
    cdef bint sure = True
    if intent.kind != KIND_MARKET:
        if c_decimal_ticks(&m.rules, limit_price.mantissa, limit_price.decimals, &price, &sure) != ST_OK or not sure:
            return NOT_PLAIN
    if intent.action != ACTION_CLOSE:
        if (
            c_decimal_lots(
                &m.rules, quantity.mantissa, quantity.decimals, rounding_of(x, intent), True, &lots, &sure
            ) != ST_OK
            or not sure
        ):
            return NOT_PLAIN
    return place_lots(x, intent, close_ns, lots, price, text)


cdef inline int rounding_of(execution_t *x, const intent_t *intent) noexcept nogil:
    return ROUND_NEAREST if intent.action <= ACTION_ADD and x.policies[0].nearest else ROUND_DOWN


cdef int place_lots(
    execution_t *x, const intent_t *intent, int64_t close_ns, int64_t lots, int64_t price, int64_t text
) noexcept nogil:
    """The order of so many lots, unless something speaks against it."""
    cdef symbol_t *m = &x.markets[intent.symbol]
    cdef int64_t held = position_of(x, intent.symbol, intent.leg)
    cdef int64_t reference
    cdef order_t order
    cdef int status
    if not m.bar_set or not x.policies[0].plain:
        return NOT_PLAIN
    if intent.kind != KIND_MARKET and (price <= 0 or intent.time_to_live_ns == 0):
        return NOT_PLAIN
    status = ticks_of(m, m.close, &reference)
    if status != ST_OK:
        return status
    if intent.action <= ACTION_ADD:
        if lots <= 0 or judge_entry(x, intent, held, price or reference, lots) != PLACED:
            return NOT_PLAIN
    elif intent.kind != KIND_MARKET or not held or closes_whole_leg(x, intent.symbol, intent.leg):
        return NOT_PLAIN
    elif intent.action == ACTION_CLOSE or lots > held:
        lots = held
    elif lots <= 0:
        return NOT_PLAIN
    memset(&order, 0, sizeof(order_t))
    order.close_ns = close_ns
    order.number = intent.number
    order.attempt = 1
    order.named_attempt = 1
    order.symbol = intent.symbol
    order.leg = intent.leg
    order.action = intent.action
    order.kind = intent.kind
    order.reduce = intent.action > ACTION_ADD
    order.waits = m.late and m.bar_set == x.bar_set
    order.asked_given = intent.action != ACTION_CLOSE and text == 0
    order.asked = intent.quantity
    order.text = text
    order.quantity = lots
    order.price = price
    order.reference = reference
    order.expires_ns = -1
    if intent.kind != KIND_MARKET:
        if intent.time_to_live_ns > 0:
            order.expires_ns = x.now_ns + intent.time_to_live_ns
        elif x.policies[0].time_to_live_ns >= 0:
            order.expires_ns = x.now_ns + x.policies[0].time_to_live_ns
    order.cancel_reason = -1
    order.reason = intent.reason
    order.fallback = intent.fallback | x.policies[0].fallback
    return request(x, &order)


# -- the machine as an object -----------------------------------------------------------------------


cdef class Execution:
    """One session's orders, books and account, for the bar loop.

    ``texts`` holds, by number, what the C side keeps as numbers: reasons, funding rates, quantities as an
    intent worded them, and refusals as tuples. ``cap_of(symbol, volume)`` gives the lots that one order may
    take of a bar, when participation is bounded.
    """

    def __cinit__(self):
        memset(&self.x, 0, sizeof(execution_t))

    def __init__(self, rules: list[tuple[Any, ...]], session: dict[str, Any], policy: tuple[Any, ...]) -> None:
        cdef execution_t *x = &self.x
        cdef symbol_t *m
        cdef Grid grid
        cdef Valuation valuation
        cdef int at
        if x.markets != NULL:
            raise RuntimeError("An Execution is set up once")
        x.symbols = len(rules)
        x.markets = <symbol_t *>malloc(x.symbols * sizeof(symbol_t))
        x.backoffs = <backoff_t *>malloc(2 * x.symbols * sizeof(backoff_t))
        x.changed = <bint *>malloc(2 * x.symbols * sizeof(bint))
        x.orders = <order_t *>malloc(FIRST_CAPACITY * sizeof(order_t))
        x.journal = <row_t *>malloc(FIRST_CAPACITY * sizeof(row_t))
        if x.markets != NULL:
            memset(x.markets, 0, x.symbols * sizeof(symbol_t))
        if x.markets == NULL or x.backoffs == NULL or x.changed == NULL:
            raise MemoryError
        if x.orders == NULL or x.journal == NULL:
            raise MemoryError
        memset(x.backoffs, 0, 2 * x.symbols * sizeof(backoff_t))
        memset(x.changed, 0, 2 * x.symbols * sizeof(bint))
        x.orders_capacity = x.journal_capacity = FIRST_CAPACITY
        x.first = x.last = x.next_expiry = -1
        self._set_up(session)
        for at in range(x.symbols):
            m = &x.markets[at]
            normalizer, min_notional, max_notional, slippage = rules[at]
            grid = (<Normalizer>normalizer).ticks
            valuation = (<Normalizer>normalizer).valuation
            m.grid = grid.c
            m.lot_grid = (<Normalizer>normalizer).lots.c
            m.valuation = valuation.c
            m.unit = <double>valuation.c.multiplier / <double>valuation.c.divisor
            m.rules = market_of(<Normalizer>normalizer)[0]
            m.min_notional = int128_of(-1 if min_notional is None else min_notional)
            m.max_notional = int128_of(-1 if max_notional is None else max_notional)
            m.cap = -1
            m.first = m.last = -1
            up, down, base = slippage
            if book_init(&m.book, up, down, base, session["through"], session["one_way"]) != ST_OK:
                raise MemoryError
            ledger_set_valuation(&x.ledger, at, &m.valuation)
        self.texts = list(OWN_REASONS)
        self._numbers = {text: number for number, text in enumerate(self.texts)}
        self._policies = []
        self.policy_number(policy)

    cdef int _set_up(self, dict session) except -1:
        cdef execution_t *x = &self.x
        cdef int status = ledger_init(&x.ledger, int128_of(session["equity"]), session["lots"], x.symbols)
        if status == ST_OUT_OF_MEMORY:
            raise MemoryError
        if status != ST_OK:
            raise OverflowError("the equity is out of range")
        x.leverage_mantissa = int128_of(session["leverage"][0])
        x.leverage_scale = int128_of(10 ** session["leverage"][1])
        x.maintenance_mantissa = int128_of(session["maintenance"][0])
        x.maintenance_scale = int128_of(10 ** session["maintenance"][1])
        x.maintenance = session["maintenance"][0] / 10 ** session["maintenance"][1]
        x.margin_on = session["maintenance"][0] > 0
        x.maker_mantissa, x.maker_decimals = session["maker"]
        x.taker_mantissa, x.taker_decimals = session["taker"]
        x.at_close = session["at_close"]
        x.one_way = session["one_way"]
        x.late_entries = session["late_entries"]
        self.cap_of = session["cap_of"]
        x.capped = self.cap_of is not None
        return 0

    def __dealloc__(self):
        cdef execution_t *x = &self.x
        cdef int at
        if x.markets != NULL:
            for at in range(x.symbols):
                book_free(&x.markets[at].book)
                free(x.markets[at].rates)
            free(x.markets)
            ledger_free(&x.ledger)
        free(x.backoffs)
        free(x.changed)
        free(x.orders)
        free(x.journal)
        free(x.policies)

    cdef int64_t text(self, object words):
        """The number of a text; the same text has one number."""
        number = self._numbers.get(words)
        if number is None:
            number = self._numbers[words] = len(self.texts)
            self.texts.append(words)
        return number

    def text_number(self, words: Any) -> int:
        """The number under which the machine keeps a text."""
        return self.text(words)

    def policy_number(self, policy: tuple[int, int | None, int, bool, int | None, bool]) -> int:
        """Number of a policy.

        Its row: most failures, backoff in nanoseconds, fallback reasons, whether entries go to the nearest lot, time
        to live in nanoseconds, and whether all its words are words of the contract.
        """
        cdef policy_t *grown
        cdef execution_t *x = &self.x
        if policy in self._policies:
            return self._policies.index(policy)
        grown = <policy_t *>realloc(x.policies, (len(self._policies) + 1) * sizeof(policy_t))
        if grown == NULL:
            raise MemoryError
        x.policies = grown
        failures, backoff_ns, fallback, nearest, time_to_live_ns, plain = policy
        for wait_ns in (backoff_ns, time_to_live_ns):
            if wait_ns is not None and not -WAIT_NS_END < wait_ns < WAIT_NS_END:
                raise OverflowError("a time to wait is out of range")
        grown[len(self._policies)].max_failures = failures
        grown[len(self._policies)].backoff_ns = -1 if backoff_ns is None else backoff_ns
        grown[len(self._policies)].fallback = fallback
        grown[len(self._policies)].nearest = nearest
        grown[len(self._policies)].time_to_live_ns = -1 if time_to_live_ns is None else time_to_live_ns
        grown[len(self._policies)].plain = plain
        self._policies.append(policy)
        return len(self._policies) - 1

    cdef int await_text_rate(
        self, int symbol, int64_t funding_ns, object mantissa, int decimals, object mark, object text, rate_t *rate
    ) except -1:
        """A funding rate as the machine keeps it."""
        rate.funding_ns = funding_ns
        rate.mantissa = int128_of(mantissa)
        rate.decimals = decimals
        rate.mark = NAN if mark is None else mark
        rate.text = self.text(text)
        return 0

    # -- for the desk, which judges what is not plain ---------------------------------------------------

    def quantity(self, symbol: int, leg: int) -> int:
        """Open lots of a leg."""
        return position_of(&self.x, symbol, leg)

    def closes_whole_leg(self, symbol: int, leg: int) -> bool:
        """Whether a market order is on its way that closes all of the leg."""
        return closes_whole_leg(&self.x, symbol, leg)

    def in_backoff(self, symbol: int, leg: int) -> bool:
        """Whether rejections hold opens and adds of the leg back now."""
        return in_backoff(&self.x, symbol, leg)

    def open_orders(self, symbol: int = -1) -> list[int]:
        """Numbers of the open orders, oldest first, of one symbol or of all."""
        cdef execution_t *x = &self.x
        cdef int64_t at = x.first if symbol < 0 else x.markets[symbol].first
        found = []
        while at >= 0:
            found.append(at)
            at = x.orders[at].next if symbol < 0 else x.orders[at].next_on_market
        return found

    def order(self, index: int) -> dict[str, Any]:
        """One order as plain numbers."""
        return self.x.orders[index]

    def backoff(self, symbol: int, leg: int) -> dict[str, Any]:
        """Rejections of a leg as plain numbers; 0 failures when there are none."""
        cdef backoff_t *backoff = &self.x.backoffs[2 * symbol + leg]
        return {
            "failures": backoff.failures,
            "blocked": bool(backoff.blocked),
            "until_ns": None if backoff.until_ns < 0 else backoff.until_ns,
            "event_seq": backoff.event_seq,
            "at_ns": backoff.at_ns,
            "code": backoff.code,
            "order": backoff.order,
            "close_ticks": backoff.close_ticks,
            "missing": int_of(backoff.missing),
        }

    def request(
        self,
        close_ns: int,
        number: int,
        symbol: int,
        leg: int,
        action: int,
        kind: int,
        lots: int,
        price: int,
        reference: int,
        expires_ns: int,
        stop: int,
        target: int,
        waits: bool,
        fallback: int,
        policy: int,
        reason: str,
        asked: str | None,
    ) -> int:
        """Request an order that the desk has judged; the machine's status."""
        cdef order_t order
        memset(&order, 0, sizeof(order_t))
        order.close_ns = close_ns
        order.number = number
        order.attempt = order.named_attempt = 1
        order.symbol, order.leg, order.action, order.kind = symbol, leg, action, kind
        order.reduce = action > ACTION_ADD
        order.waits = waits
        order.quantity, order.price, order.reference = lots, price, reference
        order.expires_ns = expires_ns
        order.stop, order.target = stop, target
        order.fallback, order.policy = fallback, policy
        order.reason = self.text(reason)
        order.cancel_reason = -1
        order.text = 0 if asked is None else self.text(("asked", asked))
        return request(&self.x, &order)

    def margin(self) -> float:
        """Initial margin of what is open."""
        cdef int128 margin = 0
        if initial_margin(&self.x, self.x.ledger.exposure, &margin) != ST_OK:
            raise OverflowError("the margin is out of range")
        return c_money_float(margin)

    def refuse(self, refusal: tuple[Any, ...], symbol: int, leg: int, close_ns: int, number: int) -> int:
        """Write down a refusal: symbol, leg and action as said, reason, message, intent id, order id."""
        cdef row_t *row = tell(&self.x, TOLD_REFUSED, -1, self.x.now_ns)
        if row == NULL:
            return ST_OUT_OF_MEMORY
        self.x.refused += 1
        row.symbol, row.leg = symbol, leg
        row.extra_ns, row.lots = close_ns, number
        row.number = self.text(("refusal", *refusal))
        return ST_OK

    def cancel(self, order: int, reason: str) -> int:
        """Take an order off the book; the machine's status."""
        return cancel_order(&self.x, order, self.text(reason))

    # -- what hosts read --------------------------------------------------------------------------------

    def changed(self) -> list[tuple[int, int]]:
        """Legs that changed since ``forget_changes``, long before short."""
        cdef int at
        return [(at // 2, at % 2) for at in range(2 * self.x.symbols) if self.x.changed[at]]

    def forget_changes(self) -> None:
        """Every change has been read."""
        memset(self.x.changed, 0, 2 * self.x.symbols * sizeof(bint))
        self.x.changes = 0

    def lots(self, symbol: int, leg: int) -> list[tuple[int, int, int, int]]:
        """Open lots of a leg, oldest first: quantity, cost, time of the entry, number of its order."""
        cdef leg_t *book = &self.x.ledger.legs[2 * <int>symbol + <int>leg]
        cdef lot_t *lot
        cdef int at
        found = []
        for at in range(book.count):
            lot = &book.lots[book.head + at]
            found.append((lot.quantity, int_of(lot.cost), lot.opened_ns, lot.order))
        return found

    def leg(self, symbol: int, leg: int) -> tuple[int, int, int]:
        """Of a leg: open lots, their cost, and what it has realised."""
        cdef leg_t *book = &self.x.ledger.legs[2 * <int>symbol + <int>leg]
        return book.quantity, int_of(book.cost), int_of(book.realised)

    def shown(self, symbol: int, leg: int) -> tuple[float, float | None, float, list[tuple[float, float, int, int]]]:
        """A leg as a strategy sees it: quantity, average (None while flat), realised, and its lots, oldest first.

        Of a lot: quantity, price, time of the entry, number of its order. OverflowError for a price out of range.
        """
        cdef symbol_t *m = &self.x.markets[<int>symbol]
        cdef leg_t *book = &self.x.ledger.legs[2 * <int>symbol + <int>leg]
        cdef lot_t *lot
        cdef double price = 0.0
        cdef int at
        cdef int status
        cdef list found = []
        for at in range(book.count):
            lot = &book.lots[book.head + at]
            status = mean_price(&m.grid, lot.cost, lot.quantity, &price)
            if status != ST_OK:
                raise OverflowError("the price of a lot is out of range")
            found.append((c_to_float(&m.lot_grid, lot.quantity), price, lot.opened_ns, lot.order))
        if book.quantity and mean_price(&m.grid, book.cost, book.quantity, &price) != ST_OK:
            raise OverflowError("the average of a leg is out of range")
        return (
            c_to_float(&m.lot_grid, book.quantity),
            price if book.quantity else None,
            c_money_float(book.realised),
            found,
        )

    def last_bar(self, symbol: int) -> tuple[float, float, bool, int]:
        """Close, volume, lateness and set of the symbol's last bar."""
        cdef symbol_t *m = &self.x.markets[<int>symbol]
        return m.close, m.volume, bool(m.late), m.bar_set

    def count_decision(self, intents: int) -> None:
        """So many intents of a decision have been carried out; their last event is ``executed``."""
        self.x.intents += intents
        if intents:
            next_event(&self.x)

    @property
    def seq(self) -> int:
        """Number of the last event of the execution core."""
        return self.x.seq

    @property
    def rejected(self) -> int:
        """Orders that the venue has rejected so far."""
        return self.x.rejected

    @property
    def now_ns(self) -> int:
        """The largest time folded so far."""
        return self.x.now_ns

    @property
    def bar_set(self) -> int:
        """Number of the last bar set."""
        return self.x.bar_set

    # -- results ----------------------------------------------------------------------------------------

    def totals(self) -> dict[str, int]:
        """Money of the account in units of 1e-12, and counts."""
        cdef execution_t *x = &self.x
        cdef int128 margin = 0
        cdef int side
        legs = 0
        for side in range(2 * x.symbols):
            legs += x.ledger.legs[side].quantity > 0
        if initial_margin(x, x.ledger.exposure, &margin) != ST_OK:
            raise OverflowError("the margin is out of range")
        return {
            "cash": int_of(x.ledger.cash),
            "realised": int_of(x.ledger.realised),
            "unrealised": int_of(x.ledger.unrealised),
            "equity": int_of(ledger_equity(&x.ledger)),
            "fees_maker": int_of(x.ledger.fees_maker),
            "fees_taker": int_of(x.ledger.fees_taker),
            "funding": int_of(x.ledger.funding),
            "slippage": int_of(x.ledger.slippage),
            "turnover": int_of(x.ledger.turnover),
            "exposure": int_of(x.ledger.exposure),
            "margin": int_of(margin),
            "drawdown_realised": int_of(x.ledger.drawdown_realised),
            "drawdown_equity": int_of(x.ledger.drawdown_equity),
            "trades": x.ledger.trades,
            "margin_calls": x.ledger.margin_calls,
            "open_legs": legs,
            "orders": x.requested,
            "fills": x.fills,
            "refused": x.refused,
            "rejected": x.rejected,
            "intents": x.intents,
            "liquidations": x.liquidations,
        }
