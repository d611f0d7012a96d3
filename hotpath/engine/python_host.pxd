cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.decisions cimport Decisions
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.live_view cimport LiveBar, LiveFill, LiveView, live_bar, live_leg_of
from live_runner.hotpath.engine.money cimport to_float
from live_runner.hotpath.engine.notices cimport Notice
from live_runner.hotpath.engine.orders cimport Order, intent_name, order_name
from live_runner.hotpath.engine.pretrade cimport Asked, new_asked, take_words
from live_runner.hotpath.engine.python_calls cimport PythonDecisions
from live_runner.hotpath.engine.session cimport Session
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.trading_state cimport trading_word
from live_runner.hotpath.engine.words cimport (
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
    @cython.locals(asked=list, at=Py_ssize_t)
    cdef int hand_over(self) except -1
    @cython.locals(asked=Asked)
    cdef Asked asked_of(self, draft, int number)
    @cython.locals(market=Market, leg=Leg)
    cpdef str backoff_detail(self, int index)
    @cython.locals(market=Market)
    cpdef bint is_in_use(self, int symbol) except -1
    @cython.locals(fill=LiveFill)
    cpdef word_fill(self, Notice notice)
    cpdef word_rejection(self, Notice notice, bint restored)
    @cython.locals(order=Order, market=Market)
    cpdef word_update(self, Notice notice, bint restored)
    cdef object word_limit(self, Notice notice)
    cdef int forget_decision(self) except -1

cdef class RecordedHost(PythonHost):
    cpdef observe_earlier(self, list bars)
    cpdef tuple decide_recorded(self, list legs)
    @cython.locals(at=int, side=int, market=Market, shown=list)
    cdef int show_settled(self, list legs) except -1
    cdef int hand_over(self) except -1
