cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.at_venue cimport AtVenue, is_child, is_own_end, is_trigger, owed_lots, trades_of
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.money cimport money_text, of_whole, units_text, whole
from live_runner.hotpath.engine.orders cimport Order, apply_report, order_name
from live_runner.hotpath.engine.reconcile cimport Reconciler, fee_of
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.venue_protection cimport VenueProtection
from live_runner.hotpath.engine.words cimport (
    CANCEL_REQUESTED, FILLED, IOC, MARKET, NO_PART, POST_ONLY, REPORT_CANCELLED, REPORT_EXPIRED, REPORT_PARTLY_FILLED,
    REQUESTED, SUBMITTED, TRADING_FLATTENING, UNKNOWN,
)

@cython.final
cdef class Reports:
    cdef State state
    cdef Manager manager
    cdef RemoteVenue venue
    cdef readonly VenueProtection protection
    cdef readonly Reconciler reconciler
    @cython.locals(at=AtVenue, order=Order, was_over=bint, booked=Py_ssize_t)
    cpdef fold(self, object report)
    @cython.locals(at=AtVenue)
    cdef int timer(self) except -1
    cdef int go_on(self) except -1
    @cython.locals(order=Order)
    cdef bint note(self, AtVenue at, object report) except -1
    @cython.locals(order=Order, market=Market, total=int64_t)
    cdef bint book(self, AtVenue at, object report) except -1
    @cython.locals(order=Order, market=Market, leg=Leg, lots=int64_t, ticks=int64_t, part=int64_t, fee=int128)
    cdef bint trade(self, AtVenue at, object report, object trade) except -1
    @cython.locals(order=Order, state=State, market=Market, was_over=bint, fee_given=bint, is_foreign=bint)
    cdef int fill(self, AtVenue at, object trade, int64_t lots, int64_t ticks, int128 fee) except -1
    @cython.locals(fees=dict)
    cdef int charge(self, object currency, int128 fee) except -1
    @cython.locals(order=Order, state=State, market=Market, ledger=Ledger, before=list, taken=int64_t, gain=int128, was_maker=bint, is_maker=bint)
    cdef int64_t correct(self, AtVenue at, object trade, int64_t part, int64_t lots, int64_t ticks, int128 fee) except -1
    @cython.locals(order=Order, state=State, market=Market, leg=Leg, lots=int64_t, ticks=int64_t)
    cdef book_owed(self, AtVenue at)
    cdef int64_t average(self, AtVenue at, Market market, int64_t lots) except? -2
    @cython.locals(order=Order, following=str, refusal=list)
    cdef status(self, AtVenue at, object report)
    cdef bint may_stand(self, AtVenue at, object report) except -1
    @cython.locals(order=Order)
    cdef int ends(self, AtVenue at, object report) except -1
    @cython.locals(order=Order)
    cdef int end(self, AtVenue at, list ending) except -1
    @cython.locals(again=bint)
    cdef int taken_off(self, Order order, int status, str reason) except -1
    cdef bint is_due(self, Order order) noexcept
    @cython.locals(order=Order)
    cdef int stands(self, AtVenue at) except -1
    @cython.locals(order=Order, market=Market, theirs=int64_t)
    cdef cut(self, AtVenue at, object report)
    @cython.locals(order=Order, age_ns=int64_t)
    cdef int absent(self, AtVenue at, object report) except -1
    @cython.locals(order=Order)
    cdef int forgotten(self, AtVenue at, object report) except -1
    cdef int resolve(self, Order order) except -1
    @cython.locals(market=Market)
    cdef int incident(self, int64_t at_ns, str code, str message, Order order) except -1
    cdef int keep(self, object report, str why) except -1
    cpdef list timers(self)
    cpdef list row(self)
    cpdef restore(self, list row)
