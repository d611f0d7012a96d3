cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.manager cimport Gateway, Manager
from live_runner.hotpath.engine.orders cimport Order, apply_report, order_name
from live_runner.hotpath.engine.state cimport Sink, State
from live_runner.hotpath.engine.theory cimport Theory
from live_runner.hotpath.engine.trading_state cimport trading_reason
from live_runner.hotpath.engine.words cimport MARKET, REPORT_ABSENT, TRADING_OPEN, UNKNOWN

cdef class RemoteVenue(Gateway):
    cdef State state
    cdef Manager manager
    cdef readonly Theory theory
    cdef int submit(self, Order order) except -1
    cdef int cancel(self, Order order, str reason) except -1
    cdef int expire(self, Order order) except -1
    cdef bint is_irrevocable(self, Order order) except -1
    cdef int query_unknown(self, Order order, str reason) except -1
    cdef int send_again(self, Order order) except -1
