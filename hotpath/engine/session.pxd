cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.book cimport Book
from live_runner.hotpath.engine.caps cimport Caps
from live_runner.hotpath.engine.columns cimport Columns, unfit
from live_runner.hotpath.engine.host cimport Host
from live_runner.hotpath.engine.journal cimport Journal
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.gateway cimport Gateway
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.money cimport money_text, of_whole, whole
from live_runner.hotpath.engine.orders cimport Order, Policy, order_name
from live_runner.hotpath.engine.paper cimport Paper
from live_runner.hotpath.engine.pretrade cimport Asked, PreTrade
from live_runner.hotpath.engine.protection cimport Protection
from live_runner.hotpath.engine.levels cimport levels_of
from live_runner.hotpath.engine.reports cimport Reports
from live_runner.hotpath.engine.risk cimport Risk
from live_runner.hotpath.engine.snapshots cimport manager_row, market_row, restore_manager, restore_market
from live_runner.hotpath.engine.state cimport FundingDue, Market, Sink, State, new_funding
from live_runner.hotpath.engine.summary cimport summary_of
from live_runner.hotpath.engine.trading_state cimport move_trading, trading_reason
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.venue_facts cimport VenueFacts
from live_runner.hotpath.engine.words cimport CANCEL, CLOSE, HOLD, MARKET, PARTIAL_CLOSE, PROTECT, SYNC_STATE

@cython.final
cdef class Session:
    cdef readonly Columns columns
    cdef readonly State state
    cdef readonly Manager manager
    cdef readonly Paper paper
    cdef readonly RemoteVenue venue
    cdef readonly Reports reports
    cdef readonly VenueFacts facts
    cdef readonly PreTrade pretrade
    cdef readonly Protection protection
    cdef readonly Risk risk
    cdef readonly Caps caps
    cdef readonly Journal journal
    cdef public str set_cause           # id of the bar set being played, for messages
    cdef list due
    cdef Py_ssize_t due_at
    cdef int64_t due_set
    cdef int64_t settled_fills          # fills up to the last close
    cdef bint is_late
    @cython.locals(times="const int64_t[::1]", number=int64_t, sets=int64_t, pause_at=int64_t)
    cpdef play(self, Host host, object grid, int64_t length_ns, int64_t warmup_sets, list due, object progress, object sink)
    @cython.locals(row=Py_ssize_t)
    cpdef check(self, object grid, object length_ns, object warmup_sets, list due)
    cdef int pause(self, int64_t number, object progress) except -1
    @cython.locals(at=int)
    cdef int step(self, Host host, int64_t open_ns, int64_t close_ns, int64_t number, bint tradable) except -1
    @cython.locals(row=tuple)
    cdef int await_due(self, int64_t number, bint tradable) except -1
    @cython.locals(at=Py_ssize_t, asked=int64_t)
    cdef int decide_in_messages(self, Host host) except -1
    cpdef begin_set(self, int64_t close_ns, int64_t number)
    cpdef await_funding(self, object symbol, object funding_ns, object rate, object mark)
    @cython.locals(state=State, market=Market, at=int)
    cpdef put_bar(self, object symbol, int64_t open_ns, int64_t close_ns, double open, double high, double low, double close, double volume, bint late, bint tradable)
    cpdef int end_set(self) except -1
    cpdef bint end(self) except -1
    cdef int watch(self) except -1
    @cython.locals(risk=Risk, legs=list, symbol=int, side=int)
    cdef int act(self) except -1
    cdef int name_levels(self) except -1
    @cython.locals(market=Market, side=int, leg=Leg, backoff=Backoff)
    cdef int end_backoffs(self) except -1
    @cython.locals(market=Market)
    cpdef clear_changes(self)
    @cython.locals(state=State, count=Py_ssize_t, requested=int64_t, denied=int64_t, passing=int, at=Py_ssize_t, asked=Asked, first=bint)
    cpdef int carry_out(self, list intents) except -1
    @cython.locals(order=Order)
    cdef int place(self, Asked asked) except -1
    cdef int place_at_venue(self, Asked asked, Order order) except -1
    @cython.locals(state=State)
    cpdef int carry_out_late(self, list intents, object behind) except -1
    @cython.locals(order=Order, found=Order)
    cdef int cancel(self, Asked asked) except -1
    @cython.locals(market=Market, intent_id=str, symbol=str, leg=str, action=str)
    cdef int deny(self, Asked asked, str reason, str message) except -1
    cpdef obey(self, object command)
    cpdef report(self, object report)
    cpdef fact(self, object event)
    cpdef timer(self, int64_t due_ns)
    cpdef list timers(self)
    cpdef dict summary(self)
    @cython.locals(state=State, market=Market)
    cpdef dict row(self)
    cdef dict rows_of_some(self)
    @cython.locals(state=State, at=int)
    cpdef restore(self, dict row)
