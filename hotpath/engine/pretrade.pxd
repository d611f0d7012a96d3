cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.book cimport takes_at_once
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.money cimport (
    is_exact, money, money_text, near, quick_lots, quick_lots_text, quick_ticks, quick_ticks_text, times, whole,
)
from live_runner.hotpath.engine.orders cimport Order, Policy, new_order, order_name
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.trading_state cimport trading_reason
from live_runner.hotpath.engine.words cimport (
    ADD, CANCEL, CLOSE, DELEGATE_NOTIONAL, MARKET, OPEN, PARTIAL_CLOSE, SHORT, STOP, TAKE_PROFIT, TRADING_OPEN,
)

cdef tuple ACTIONS, DONE_TO_IT, KINDS, SIDES, STYLES
cdef double NOTIONAL_END

@cython.final
cdef class Asked:
    cdef readonly int64_t close_ns, time_to_live_ns
    cdef readonly int number, symbol, side, action, style, sizing, fallback
    cdef readonly bint by_float, has_time_to_live
    cdef readonly double float_quantity, float_price
    cdef readonly str quantity, fraction, notional, limit_price, stop_loss, take_profit
    cdef readonly str unknown_style, unknown_fallback, order_id, intent_text, reason
    cdef readonly Policy policy
    cdef readonly object message

@cython.locals(asked=Asked)
cdef Asked new_asked(int64_t close_ns, int number, int symbol, int side, int action)
@cython.locals(style=int)
cdef int take_words(Asked asked, object intent) except -1
@cython.locals(asked=Asked, index=int)
cpdef Asked asked_of(object intent, int64_t close_ns, int number, State state)
cdef int place_of(tuple words, object word) except -2
cdef int max_brackets(object config) except -2
cdef bint is_positive(str text) except -1

@cython.final
cdef class PreTrade:
    cdef State state
    cdef int max_brackets               # of one market at a venue, -1 where there may be none
    cdef readonly str reason, message
    cdef readonly int64_t stop, target
    @cython.locals(state=State, market=Market, policy=Policy, leg=Leg, entry=bint, held=int64_t, closing=bint, style=int, price=int64_t, stop=int64_t, target=int64_t, reference=int64_t, lots=int64_t, expires_ns=int64_t, order=Order)
    cdef Order order_of(self, Asked asked)
    @cython.locals(market=Market, leg=Leg)
    cdef bint check_protection(self, Asked asked) except -1
    @cython.locals(most=int, count=int, order=Order, at=Py_ssize_t)
    cdef bint check_venue(self, Market market) except -1
    cdef Order deny(self, str reason, str message)
    @cython.locals(given=str)
    cdef bint check_size(self, Asked asked, bint entry) except -1
    cdef bint check_fraction(self, str text) except -1
    @cython.locals(style=int, text=str)
    cdef int style_of(self, Asked asked, Policy policy) except -3
    @cython.locals(word=str)
    cdef bint check_fallback(self, Asked asked, Policy policy) except -1
    @cython.locals(ticks=int64_t)
    cdef int64_t limit_of(self, Asked asked, int style, Market market) except -1
    cdef int64_t trigger(self, Asked asked, str text, str name, Market market) except -1
    @cython.locals(ticks=int64_t)
    cdef int64_t price_ticks(self, str text, str name, Market market) except -1
    @cython.locals(leg=str)
    cdef bint check_side(self, Asked asked, int64_t price, int64_t stop, int64_t target) except -1
    cdef bint check_position(self, Asked asked, Market market, int64_t held, bint closing) except -1
    @cython.locals(lots=int64_t)
    cdef int64_t entry_lots(self, Asked asked, Market market, Policy policy, int64_t price) except -2
    @cython.locals(lots=int64_t)
    cdef int64_t exit_lots(self, Asked asked, Market market, int64_t held) except -2
    @cython.locals(lots=int64_t)
    cdef int64_t quantity_lots(self, Asked asked, Market market, str rounding) except -2
    @cython.locals(lots=int64_t)
    cdef int64_t amount(self, Market market, str text, str rounding) except -2
    @cython.locals(notional=int128)
    cdef bint check_notional(self, Market market, int64_t lots, int64_t price) except -1
    cdef int64_t expiry(self, Asked asked, Policy policy) except -3
    @cython.locals(state=State, name=str, other=int, held=int64_t)
    cdef bint check_entry(self, Asked asked, Market market, Leg leg) except -1
    @cython.locals(name=str, at=Py_ssize_t, other=Order)
    cdef bint check_exit(self, Asked asked, Market market, int style) except -1
