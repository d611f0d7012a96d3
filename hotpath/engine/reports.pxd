cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.money cimport of_whole, units_text
from live_runner.hotpath.engine.orders cimport Order, apply_report, client_name
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.words cimport (
    CANCEL_REQUESTED, FILLED, REPORT_PARTLY_FILLED, REQUESTED, SUBMITTED, UNKNOWN,
)

@cython.final
cdef class Reports:
    cdef State state
    cdef Manager manager
    cdef RemoteVenue venue
    cdef list closed
    @cython.locals(order=Order, state=str, why=str)
    cpdef fold(self, object report)
    @cython.locals(order=Order)
    cdef Order find(self, object client)
    @cython.locals(market=Market, leg=Leg, lots=int64_t, ticks=int64_t, fee=int128, fee_given=bint)
    cdef bint fill(self, Order order, object report) except -1
    cdef int status(self, Order order, object report) except -1
    cdef int end(self, Order order, object report) except -1
    cdef int stands(self, Order order) except -1
    cdef int resolve(self, Order order) except -1
    cdef int keep(self, object report, str why) except -1
    cpdef list row(self)
    cpdef restore(self, list row)
