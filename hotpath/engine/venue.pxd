cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.at_venue cimport AtVenue, at_venue, is_own_end, owed_lots
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.gateway cimport Gateway, Retry
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.orders cimport (
    Order, Policy, apply_report, client_name, flatten_order, intent_name, next_attempt, order_name,
)
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.theory cimport Theory
from live_runner.hotpath.engine.trading_state cimport trading_reason
from live_runner.hotpath.engine.words cimport (
    CLOSE, FILLED, MARKET, NO_PART, REPORT_ABSENT, REPORT_CANCEL_REQUESTED, STOP, TAKE_PROFIT, TRADING_OPEN, UNKNOWN,
)

cdef class RemoteVenue(Gateway):
    cdef State state
    cdef Manager manager
    cdef readonly Theory theory
    cdef dict open, closed
    cdef list waiting
    cdef dict absences
    cdef str flatten_id
    cdef int flattened
    cdef readonly int64_t expiry_ns, grace_ns, first_ns, longest_ns, resend_age_ns, history_ns
    cdef double factor
    cdef bint denies_late
    @cython.locals(at=AtVenue)
    cdef AtVenue find(self, object client, str parent)
    @cython.locals(states=tuple)
    cdef bint says_nothing(self, AtVenue at, object report) except -1
    @cython.locals(at=AtVenue, other=Order, name=str, number=int)
    cdef int next_part(self, Order order) except -1
    cdef int submit(self, Order order) except -1
    cdef int cancel(self, Order order, str reason) except -1
    cdef int cancel_again(self, Order order) except -1
    cdef int expire(self, Order order) except -1
    cdef bint is_irrevocable(self, Order order) except -1
    @cython.locals(name=str, highest=int, at=AtVenue, other=Order)
    cdef int highest_attempt(self, Order order) except -1
    @cython.locals(at=AtVenue, order=Order)
    cdef int sweep(self) except -1
    @cython.locals(state=State)
    cdef ask(self, AtVenue at)
    @cython.locals(order=Order)
    cdef ask_when_due(self, AtVenue at)
    cdef int query_unknown(self, Order order, str reason) except -1
    @cython.locals(order=Order, age_ns=int64_t)
    cdef int send_again(self, AtVenue at) except -1
    @cython.locals(market=Market, other=Order, leg=Leg, lots=int64_t)
    cdef close(self, Order order)
    @cython.locals(rest=Order)
    cdef int request_part(self, Order order, int64_t held) except -1
    cdef bint is_closing(self, int symbol, int side) except -1
    @cython.locals(retry=Retry, order=Order)
    cdef bint closes_later(self, int symbol, int side) except -1
    @cython.locals(order=Order, waiting=list, market=Market, leg=Leg, lots=int64_t)
    cdef release(self)
    @cython.locals(market=Market, at=AtVenue)
    cdef int refused(self, Order order, list refusal) except -1
    @cython.locals(order=Order, waiting=list)
    cdef int drop_waiting(self, int symbol, int side) except -1
    @cython.locals(market=Market, side=int)
    cdef int flatten(self, str command_id) except -1
    @cython.locals(leg=Leg, state=State, reference=int64_t)
    cdef int close_leg(self, Market market, int side, str intent_id) except -1
    @cython.locals(leg=Leg, state=State)
    cdef flatten_leg(self, Market market, int side)
    @cython.locals(at=AtVenue, name=str)
    cpdef list timers(self)
    cpdef object query_open(self)
    @cython.locals(at=AtVenue)
    cpdef list row(self)
    @cython.locals(order=Order)
    cpdef restore(self, list rows)
    @cython.locals(order=Order)
    cpdef list plans(self)
    cpdef restore_plans(self, list row)

cdef bint rests(Order order) noexcept
