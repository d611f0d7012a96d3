cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.decisions cimport Decisions
from live_runner.hotpath.engine.ledger cimport Ledger, Leg, Lot
from live_runner.hotpath.engine.money cimport money_float, to_float
from live_runner.hotpath.engine.notices cimport Notice
from live_runner.hotpath.engine.orders cimport Order, intent_name, order_name
from live_runner.hotpath.engine.pretrade cimport Asked, new_asked, take_words
from live_runner.hotpath.engine.python_calls cimport PythonDecisions
from live_runner.hotpath.engine.session cimport Session
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.trading_state cimport trading_word
from live_runner.hotpath.engine.words cimport (
    AVERAGE,
    FILLED,
    NOTICE_BLOCKED,
    NOTICE_CANCELLED,
    NOTICE_EXPIRED,
    NOTICE_REJECTED,
    NOTICE_REQUESTED,
)

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(object held)

cdef inline Py_ssize_t owners_of(object held):
    return Py_REFCNT(held)

@cython.final
@cython.freelist(64)
cdef class LiveBar:
    cdef readonly str symbol
    cdef readonly int64_t open_ns, close_ns
    cdef readonly double open, high, low, close, volume
    cdef readonly bint late

@cython.locals(shown=LiveBar)
cdef LiveBar live_bar(str symbol, Columns columns, int at)

@cython.final
@cython.freelist(256)
cdef class LiveLot:
    cdef readonly double quantity, price
    cdef readonly int64_t opened_ns
    cdef object order

@cython.final
@cython.freelist(16)
cdef class LiveLeg:
    cdef readonly double quantity, realised
    cdef readonly object average
    cdef readonly tuple lots
    cdef readonly str blocked

@cython.locals(leg=LiveLeg)
cdef LiveLeg live_leg(double quantity, object average, tuple lots, double realised, str blocked)

@cython.final
@cython.freelist(16)
cdef class LiveOrder:
    cdef Order order
    cdef int state
    cdef int64_t filled
    cdef readonly str symbol, leg
    cdef readonly double remaining
    cdef readonly object price

@cython.final
@cython.freelist(16)
cdef class LiveFill:
    cdef Notice notice
    cdef Order order
    cdef Market market

@cython.final
@cython.freelist(4)
cdef class LiveView:
    cdef PythonHost host
    cdef readonly int64_t now_ns
    cdef int128 cash_units, equity_units, exposure_units
    cdef list shown_legs        # by leg, None for one that never changed; never changed in place
    cdef dict shown_orders      # by symbol, as far as somebody asked or all when it is complete
    cdef dict shown_backoffs
    cdef bint complete
    cdef readonly str gate
    cdef readonly object rules
    @cython.locals(order=Order, market=Market, found=list)
    cdef tuple orders_of(self, symbol)
    @cython.locals(index=int)
    cdef int finish(self) except -1

cdef class PythonHost(PythonDecisions):
    cdef Session engine
    cdef State account
    cdef readonly object backoff_class, rejection_class, update_class, no_backoff
    cdef list legs_shown
    cdef LiveView current
    cdef Py_ssize_t owners
    cdef object rules
    @cython.locals(symbol=int, bar=LiveBar)
    cdef int observe(self) except -1
    cdef int decide(self) except -1
    cdef int ask(self) except -1
    @cython.locals(view=LiveView)
    cdef LiveView new_view(self)
    cdef int refresh(self) except -1
    @cython.locals(market=Market, at=int, shown=list)
    cdef int show_legs(self) except -1
    @cython.locals(lots=list, lot=Lot, at=Py_ssize_t, blocked=str)
    cdef LiveLeg show_leg(self, Market market, Leg leg)
    @cython.locals(shown=LiveLot)
    cdef LiveLot show_lot(self, Market market, Lot lot)
    @cython.locals(asked=list, at=Py_ssize_t)
    cdef int hand_over(self) except -1
    @cython.locals(asked=Asked)
    cdef Asked asked_of(self, draft, int number)
    @cython.locals(market=Market, leg=Leg)
    cpdef str backoff_detail(self, int index)
    @cython.locals(backoff=Backoff, market=Market, leg=Leg)
    cdef object show_backoff(self, int index)
    @cython.locals(market=Market)
    cpdef bint is_in_use(self, int symbol) except -1
    @cython.locals(fill=LiveFill)
    cpdef word_fill(self, Notice notice)
    cpdef word_rejection(self, Notice notice, bint restored)
    @cython.locals(order=Order, market=Market)
    cpdef word_update(self, Notice notice, bint restored)
    cdef int forget_decision(self) except -1

@cython.locals(views=list, lot=Lot, at=Py_ssize_t)
cdef tuple lot_views(list lots)
@cython.locals(shown=LiveOrder)
cdef LiveOrder live_order(Market market, Order order)
cdef str described(str name, tuple fields, tuple values)
