cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.ledger cimport Ledger, Lot as HeldLot, Leg as Position
from live_runner.hotpath.engine.limits cimport Limit
from live_runner.hotpath.engine.money cimport money, money_text, times, units_text
from live_runner.hotpath.engine.orders cimport Order, client_name, intent_name, order_name
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.trading_state cimport trading_word
from live_runner.hotpath.engine.words cimport CANCELLED, NO_PART, STOP_PART, TARGET_PART

cdef tuple ACTIONS, KINDS, ORDER_STATES, SIDES

@cython.final
cdef class Amount:
    cdef int128 units
    cdef str text
    cdef str of(self, int128 units)

cdef class Journal(Sink):
    cdef State state
    cdef str name, prefix, settled_cause
    cdef readonly bint hashing
    cdef public str hash
    cdef public str cause
    cdef list step
    cdef public list out
    cdef public object encoded
    cdef int64_t decisions
    cdef object last_request
    cdef Amount cash, realised, unrealised, equity, fees, funding, slippage, turnover, exposure, margin
    cdef Amount drawdown_realised, drawdown_equity
    @cython.locals(data=bytes)
    cdef int add(self, object event) except -1
    cdef str event_name(self)
    @cython.locals(data=bytes)
    cpdef object close(self, object event)
    cdef int requested(self, Order order) except -1
    @cython.locals(market=Market, asked=object)
    cdef object request_of(self, Order order, str name, int64_t seq, int64_t at_ns)
    @cython.locals(market=Market)
    cdef int submitted(self, Order order, int64_t at_ns) except -1
    @cython.locals(market=Market)
    cdef int accepted(self, Order order) except -1
    @cython.locals(market=Market, ledger=Ledger, name=str)
    cdef int filled(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns, str fill_id) except -1
    @cython.locals(market=Market, state=State, worth=int128, adverse=int128, rate=int64_t, scale=int128)
    cdef int theoretical(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    @cython.locals(market=Market)
    cdef int corrected(self, Order order, object trade, int64_t lots, int64_t before, int64_t ticks, int128 fee_before, int128 fee, bint maker, int128 gain) except -1
    @cython.locals(market=Market)
    cdef int cancel_requested(self, Order order) except -1
    @cython.locals(market=Market)
    cdef int ended(self, Order order, str reason, bint retrying) except -1
    @cython.locals(market=Market)
    cdef int rejected(self, Order order, str code, str message, bint retryable, bint retrying) except -1
    cdef int denied(self, str intent_id, str symbol, str leg, str action, str reason, str message, str order_id) except -1
    @cython.locals(market=Market)
    cdef int unknown(self, Order order, str reason) except -1
    cdef int incident(self, int64_t at_ns, str severity, str code, str message, dict details) except -1
    cdef int funded(self, Market market, str leg, int64_t funding_ns, str rate, str mark, int64_t lots, int128 amount) except -1
    cdef int reconciled(self, Market market, int side, int64_t before, int64_t ticks, int128 realised, list fields) except -1
    cdef int liquidated(self, Market market, int64_t ticks, int128 equity, int128 maintenance, int64_t at_ns) except -1
    cdef int limit_tripped(self, Limit limit, str symbol, str leg, str order_id) except -1
    cdef int limit_reset(self, Limit limit, str why, str author) except -1
    cdef int risk_levels(self, list levels) except -1
    cdef int settled(self) except -1
    @cython.locals(state=State, ledger=Ledger, name=str)
    cpdef str settle(self, str state_hash)
    @cython.locals(market=Market)
    cdef list changed_legs(self)
    @cython.locals(lot=HeldLot, lots=list, blocked=str)
    cdef object leg(self, Market market, Position held, int side)
    @cython.locals(order=Order, market=Market, found=list)
    cdef list pending(self)
    cdef int executed(self, int64_t requested, int64_t denied) except -1
    cpdef stopped(self, object reason, object summary, str state_hash)
    cdef int send(self, Order order) except -1
    cdef int send_again(self, Order order) except -1
    @cython.locals(market=Market)
    cdef int cancel_order(self, Order order, bint is_child) except -1
    @cython.locals(market=Market)
    cdef int query(self, Order order, int64_t requested_ns, bint is_child) except -1
    cdef int set_timer(self, str name, int64_t due_ns) except -1
    cdef int expect_decision(self) except -1
    cdef int decided(self, tuple decision, Py_ssize_t at) except -1
    cpdef dict row(self)
    cpdef restore(self, dict row)

cdef str venue_name(Order order)
cdef str parent_name(Order order)
cdef str entry_name(HeldLot lot)
