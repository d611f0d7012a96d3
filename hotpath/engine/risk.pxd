cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.limits cimport Equity, Limit, limit_of
from live_runner.hotpath.engine.money cimport money_text, of_whole, whole
from live_runner.hotpath.engine.notices cimport Notice, new_notice
from live_runner.hotpath.engine.orders cimport Order, order_name
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.words cimport (
    NOTICE_LIMIT_RESET, NOTICE_LIMIT_TRIPPED, TRADING_FLATTENING, TRADING_KILLED, TRADING_OPEN,
)

cdef tuple SIDES

@cython.final
cdef class Risk:
    cdef State state
    cdef readonly bint on
    cdef readonly list limits
    cdef readonly Equity equity
    cdef list operator
    cdef str kills, flattens
    cdef list legs
    cdef dict results
    cdef int64_t losses, too_small
    cdef list slippages
    cdef dict naked, spreads
    cdef int64_t timer_ns
    cdef readonly Limit daily_loss, drawdown, trailing_drawdown, loss_streak, entry_slippage, p95_slippage
    cdef readonly Limit minimum_size, stale_data, spread, naked_leg
    cdef int64_t p95_fills
    cdef int configure(self, object given) except -1
    @cython.locals(limit=Limit)
    cdef Limit add(self, str name, object given, str key)
    cdef int evaluate(self) except -1
    @cython.locals(state=State, now_ns=int64_t, before=int128, new_day=bint, limit=Limit, key=int)
    cdef int evaluate_at(self, int128 equity, bint inside_set) except -1
    cdef int before_fill(self) except -1
    @cython.locals(ledger=Ledger, key=int, wanted=object, equity=int128)
    cdef int filled(self, Order order, Market market, Leg leg, int64_t ticks) except -1
    @cython.locals(now_ns=int64_t, limit=Limit, over=bint)
    cdef bint is_over(self) except -1
    cdef int end_trade(self, object result, Market market, Order order) except -1
    cdef int ended_elsewhere(self, int symbol, int side) except -1
    @cython.locals(now_ns=int64_t, rank=Py_ssize_t)
    cdef int slipped(self, Order order, Market market, object slippage) except -1
    cdef int accepted(self) except -1
    cdef int refused(self, str reason, str symbol, str leg) except -1
    cdef int unprotected(self, int symbol, int side, int64_t since_ns) except -1
    cdef int quoted(self, int symbol, double bid, double ask) except -1
    @cython.locals(state=State, oldest=int64_t, market=Market)
    cdef int64_t oldest_bar(self) except -1
    @cython.locals(oldest=int64_t, market=Market)
    cdef str oldest_symbol(self)
    @cython.locals(columns=Columns, at=int)
    cdef int64_t age_of(self, Market market) except -1
    @cython.locals(longest=int64_t)
    cdef int64_t longest_naked(self) except -1
    @cython.locals(state=State)
    cdef int trip(self, Limit limit, str symbol, str leg, str order_id) except -1
    @cython.locals(state=State)
    cdef int reset(self, Limit limit, str why, str author, int128 equity) except -1
    @cython.locals(state=State, notice=Notice)
    cdef int note(self, int kind, Limit limit, int symbol) except -1
    @cython.locals(state=State, limit=Limit)
    cdef int obey(self, str command) except -1
    @cython.locals(state=State, limit=Limit)
    cdef int apply(self) except -1
    cdef int set_timer(self) except -1
    cdef list timers(self)
    @cython.locals(state=State, due=int64_t, ends=int64_t, limit=Limit)
    cdef int64_t due_ns(self) except? -2
    @cython.locals(limit=Limit)
    cpdef dict row(self)
    @cython.locals(state=State, market=Market)
    cdef list closes(self)
    @cython.locals(limit=Limit, at=int)
    cpdef restore(self, dict row)
