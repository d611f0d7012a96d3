cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport Grid, int128
from live_runner.hotpath.compiled.normalize cimport Normalizer
from live_runner.hotpath.engine.book cimport Book
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.ledger cimport Ledger, Leg, Position
from live_runner.hotpath.engine.limits cimport Limit
from live_runner.hotpath.engine.money cimport divide, money_float, money_text, mul, of_whole, ticks_at, times, whole
from live_runner.hotpath.engine.notices cimport Notice, begin_notice
from live_runner.hotpath.engine.orders cimport Order, Policy
from live_runner.hotpath.engine.words cimport CLOSE, MARKET, STOP, TAKE_PROFIT, TRADING_OPEN

@cython.final
cdef class FundingDue:
    cdef readonly int64_t funding_ns
    cdef readonly object rate           # decimal text, as given
    cdef readonly object mark           # a float or None
    cdef int128 mantissa, scale

@cython.locals(due=FundingDue)
cpdef FundingDue new_funding(object funding_ns, object rate, object mark)
cpdef check_instruments(object config, list instruments)

@cython.final
cdef class Market(Position):
    cdef readonly int index
    cdef readonly str symbol
    cdef readonly object instrument
    cdef readonly Columns columns
    cdef readonly Grid grid
    cdef readonly Grid lot_grid
    cdef readonly Normalizer normalizer
    cdef readonly Book book
    cdef readonly list open_orders      # of the symbol, in the order of their requests
    cdef int128 average_scale, average_divisor, min_notional, max_notional
    cdef double unit, tick_scale, tick_mantissa
    cdef readonly object participation
    cdef readonly bint is_spot
    cdef list funding
    cdef int funding_count
    cdef int brackets                   # stops and targets that are wanted at a venue
    @cython.locals(ticks=int64_t)
    cdef int64_t ticks(self, double price) except -1
    cdef object off_grid(self, double price)
    cdef int64_t close_ticks(self) except -1
    cdef int128 funding_at_mark(self, FundingDue due, int64_t lots) except *
    cdef int64_t cap(self) except? -2
    cdef int128 average(self, int128 cost, int64_t quantity) except *
    cdef str average_text(self, int128 cost, int64_t quantity)
    @cython.locals(order=Order, at=Py_ssize_t)
    cdef bint closes_whole_leg(self, int side) except -1
    @cython.locals(order=Order, at=Py_ssize_t)
    cdef bint has_entry(self, int side) except -1
    @cython.locals(order=Order, at=Py_ssize_t, lots=int64_t)
    cdef int64_t closable(self, int side) except -1

cdef class Sink:
    cdef int requested(self, Order order) except -1
    cdef int submitted(self, Order order, int64_t at_ns) except -1
    cdef int accepted(self, Order order) except -1
    cdef int filled(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns, str fill_id) except -1
    cdef int cancel_requested(self, Order order) except -1
    cdef int ended(self, Order order, str reason, bint retrying) except -1
    cdef int rejected(self, Order order, str code, str message, bint retryable, bint retrying) except -1
    cdef int denied(self, str intent_id, str symbol, str leg, str action, str reason, str message, str order_id) except -1
    cdef int unknown(self, Order order, str reason) except -1
    cdef int incident(self, int64_t at_ns, str severity, str code, str message, dict details) except -1
    cdef int funded(self, Market market, str leg, int64_t funding_ns, str rate, str mark, int64_t lots, int128 amount) except -1
    cdef int reconciled(self, Market market, int side, int64_t before, int64_t ticks, int128 realised, list fields) except -1
    cdef int liquidated(self, Market market, int64_t ticks, int128 equity, int128 maintenance, int64_t at_ns) except -1
    cdef int settled(self) except -1
    cdef int limit_tripped(self, Limit limit, str symbol, str leg, str order_id) except -1
    cdef int limit_reset(self, Limit limit, str why, str author) except -1
    cdef int theoretical(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int corrected(self, Order order, object trade, int64_t lots, int64_t before, int64_t ticks, int128 fee_before, int128 fee, bint maker, int128 gain) except -1
    cdef int executed(self, int64_t requested, int64_t denied) except -1
    cdef int send(self, Order order) except -1
    cdef int send_again(self, Order order) except -1
    cdef int cancel_order(self, Order order, bint is_child) except -1
    cdef int query(self, Order order, int64_t requested_ns, bint is_child) except -1
    cdef int set_timer(self, str name, int64_t due_ns) except -1

cdef class State:
    cdef readonly object config
    cdef readonly str name
    cdef readonly Columns columns
    cdef readonly list markets
    cdef readonly dict index            # of a symbol
    cdef readonly Ledger ledger
    cdef readonly Policy policy         # the strategy's
    cdef readonly list orders           # open, in the order of their requests
    cdef readonly bint simulated, at_close, one_way, late_entries
    cdef int128 leverage, leverage_scale, maintenance_rate, maintenance_scale, maker_scale, taker_scale
    cdef bint margin_on
    cdef readonly bint has_spot
    cdef double maintenance
    cdef int64_t maker_rate, taker_rate
    cdef public int64_t seq             # of the last event
    cdef public int64_t now_ns          # the largest time in the inputs folded so far
    cdef public int64_t close_ns, set_number    # of the last bar set
    cdef public int trading
    cdef public str trading_author, trading_reason
    cdef readonly dict foreign_fees
    cdef object foreign_rate
    cdef str foreign_fee, foreign_currency     # of the fill that is being booked, "" where it is in the settle currency
    cdef bint provisional                      # the fill that is being booked is known by its order's totals alone
    cdef public bint moved                     # money or a mark changed since the last settlement
    cdef public bint journals, notes, notes_updates, has_notices
    cdef public int changes           # legs marked as changed
    cdef public int backoffs                   # legs with rejections in a row
    cdef readonly dict halts                   # by leg (symbol * 2 + side): why it takes no entries
    cdef readonly list notices
    cdef readonly dict refusals, rejections # of this run, by reason: how many, and the first in words
    cdef Notice spare                       # one that was delivered and nobody keeps; the next one is made of it
    cdef public Sink sink
    cdef public int64_t intents, requested, fills, rejected, denied, numbered, liquidations
    cpdef Market market_of(self, object symbol)
    cdef int advance(self, int64_t at_ns) except -1
    @cython.locals(leg=Leg)
    cdef int change(self, Market market, int side) except -1
    @cython.locals(at=int)
    cdef bint is_late(self, Market market) noexcept
    cdef int128 equity(self) noexcept
    cdef int128 initial_margin(self, int128 notional) except *
    @cython.locals(owned=int128)
    cdef int128 margin_of(self, int128 exposure) except *
    @cython.locals(owned=int128, market=Market)
    cdef int128 owned(self) except *
    cdef str event_id(self)
    cdef int count_failure(self, dict counts, str reason, str first) except -1
    @cython.locals(notice=Notice)
    cdef Notice note(self, int kind, Order order, int64_t at_ns)
