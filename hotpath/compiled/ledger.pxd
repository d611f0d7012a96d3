# The C side of the ledger: the same account without the GIL.
#
#     cdef ledger_t account
#     ledger_init(&account, equity, METHOD_LIFO, 2)
#     ledger_set_valuation(&account, 0, valuation_of(valuation))
#
# Functions return ST_OK or a negative status, and then nothing has changed. Instruments and legs are taken
# to exist. What ``ledger_init`` made (also when it failed), ``ledger_free`` frees.

cimport cython
from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.fixed cimport ST_OK, int128, valuation_t

cdef enum:
    METHOD_LIFO = 0
    METHOD_FIFO = 1
    METHOD_AVERAGE = 2


ctypedef struct lot_t:
    int64_t quantity
    int64_t ticks       # the price; without meaning for the average lot
    int128 cost         # quantity * price, of the average lot the sum
    int64_t opened_ns
    int64_t order       # a number, the caller's


ctypedef struct leg_t:
    lot_t *lots         # oldest first, from ``head`` on
    int head
    int count
    int capacity
    int64_t quantity
    int128 cost
    int128 realised     # since the ledger was made or restored


ctypedef struct ledger_t:
    int method
    int count           # of instruments
    int capacity
    leg_t *legs         # 2 * instrument + leg
    valuation_t *valuations
    int64_t *marks
    int128 *values      # of the open legs at their marks, over their cost
    int128 *notionals
    int128 start
    int128 cash
    int128 realised
    int128 fees_maker
    int128 fees_taker
    int128 funding
    int128 slippage
    int128 turnover
    int128 unrealised   # sum of values
    int128 exposure     # sum of notionals
    int128 peak_cash
    int128 peak_equity
    int128 drawdown_realised
    int128 drawdown_equity
    int64_t trades      # legs that went flat: round trips
    int64_t margin_calls


ctypedef struct fill_t:
    int128 notional
    int128 fee
    int128 realised
    int128 slippage


cdef int ledger_init(ledger_t *l, int128 equity, int method, int instruments) noexcept nogil
cdef void ledger_free(ledger_t *l) noexcept nogil
cdef int ledger_add(ledger_t *l, const valuation_t *valuation) noexcept nogil
cdef int ledger_set_valuation(ledger_t *l, int instrument, const valuation_t *valuation) noexcept nogil

# An entry fill, and a closing one (never more than the leg has: ST_FAULT). The fee is the rate's share of the
# notional unless it is given (not NULL).
cdef int ledger_buy_in(
    ledger_t *l, int instrument, int leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate_mantissa,
    int rate_decimals, bint maker, const int128 *given_fee, int64_t opened_ns, int64_t order, fill_t *out
) noexcept nogil
cdef int ledger_sell_out(
    ledger_t *l, int instrument, int leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate_mantissa,
    int rate_decimals, bint maker, const int128 *given_fee, fill_t *out
) noexcept nogil

# Funding on a leg at a mark: a positive rate is paid by longs (negative amount) and received by shorts.
cdef int ledger_fund(
    ledger_t *l, int instrument, int leg, int64_t ticks, int128 rate_mantissa, int rate_decimals, int128 *amount
) noexcept nogil

# The end of a close: peaks and drawdowns.
cdef int ledger_settle(ledger_t *l) noexcept nogil

# What the open legs of an instrument would be worth over their cost at a price; their notional there.
cdef int ledger_unrealised_at(const ledger_t *l, int instrument, int64_t ticks, int128 *money) noexcept nogil
cdef int ledger_notional_at(const ledger_t *l, int instrument, int64_t ticks, int128 *money) noexcept nogil

# Value an instrument at its mark once more.
cdef int ledger_revalue(ledger_t *l, int instrument, int64_t ticks) noexcept nogil


cdef inline int ledger_mark(ledger_t *l, int instrument, int64_t ticks) noexcept nogil:
    """Value the instrument's legs at a price."""
    cdef const leg_t *legs = &l.legs[2 * instrument]
    if legs[0].quantity or legs[1].quantity:
        return ledger_revalue(l, instrument, ticks)
    l.marks[instrument] = ticks  # flat: worth nothing since its last fill
    return ST_OK


cdef inline int128 ledger_equity(const ledger_t *l) noexcept nogil:
    """Cash and what is open, at the last marks."""
    return l.cash + l.unrealised


cdef class Ledger:
    cdef ledger_t c
    cdef readonly str method
    cdef list _valuations
    cdef list _names        # order ids, by the number that a lot carries

    cdef int _at(self, object instrument, object leg) except -1
    cdef int64_t _named(self, object order_id) except -1
    cdef int _restore_leg(self, leg_t *own, object lots) except -1
    cdef object _as_reference(self, str call, int status, tuple arguments)
