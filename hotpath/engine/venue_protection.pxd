cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.at_venue cimport AtVenue
from live_runner.hotpath.engine.bracket cimport (
    Bracket, Slot, bracket_of_fill, bracket_of_leg, bracket_row, closing_order, put_aside,
    refuse_bracket, restored_bracket, was_placed_for,
)
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.orders cimport Order, client_name, order_name
from live_runner.hotpath.engine.pretrade cimport Asked
from live_runner.hotpath.engine.risk cimport Risk
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.words cimport ACCEPTED, FILLED, PARTLY_FILLED, REJECTED, STOP, TAKE_PROFIT

cdef tuple SIDES

@cython.final
cdef class LegProtection:
    cdef list brackets
    cdef int64_t since_ns
    cdef bint failed

@cython.final
cdef class VenueProtection:
    cdef State state
    cdef Manager manager
    cdef RemoteVenue venue
    cdef list legs
    @cython.locals(market=Market, own=LegProtection, bracket=Bracket, stood=bint)
    cdef bint protect(self, Asked asked, int64_t stop, int64_t target) except -1
    @cython.locals(market=Market, bracket=Bracket, leg=Leg, own=LegProtection)
    cdef int filled(self, Order order, int64_t lots) except -1
    @cython.locals(bracket=Bracket, own=LegProtection)
    cdef int cancel(self, Order order, str reason) except -1
    @cython.locals(leg=Leg, own=LegProtection)
    cdef int add(self, Market market, Bracket bracket) except -1
    @cython.locals(own=LegProtection, bracket=Bracket)
    cdef int drop(self, Market market, int side) except -1
    @cython.locals(leg=Leg, own=LegProtection)
    cdef int remove(self, Market market, Bracket bracket) except -1
    @cython.locals(market=Market, side=int)
    cpdef reconcile(self)
    @cython.locals(held=Leg, own=LegProtection, bracket=Bracket, order=Order, missing=int64_t)
    cdef reconcile_leg(self, Market market, int side)
    @cython.locals(order=Order, other=Order, kept=Order, at=AtVenue, for_good=bint, lots=int64_t)
    cdef tidy(self, Market market, Bracket bracket, Slot slot)
    cdef bint is_replaced(self, Bracket bracket, Order order, Order other) except -1
    @cython.locals(held=Leg, bracket=Bracket, slot=Slot, order=Order, left=int64_t, wanted=int64_t, standing=int64_t, fits=bint)
    cdef int64_t fit(self, Market market, int side, int kind) except -1
    @cython.locals(market=Market, held=Leg, own=LegProtection, bracket=Bracket, slot=Slot)
    cdef bint may_go(self, Order order, bint fits) except -1
    @cython.locals(own=LegProtection, bracket=Bracket, slot=Slot, at=Py_ssize_t, falls=bint)
    cdef list nearest(self, Market market, int side, int kind)
    @cython.locals(order=Order, lots=int64_t, size=int64_t)
    cdef fit_slot(self, Market market, Bracket bracket, Slot slot)
    @cython.locals(order=Order, size=int64_t)
    cdef bint takes_up(self, Bracket bracket, Slot slot) except -1
    @cython.locals(order=Order)
    cdef place(self, Bracket bracket, Slot slot)
    @cython.locals(order=Order)
    cdef int cancel_other(self, Bracket bracket, Order done) except -1
    @cython.locals(own=LegProtection, bracket=Bracket, found=bint)
    cdef bint is_current(self, Order order) except -1
    @cython.locals(held=Leg, own=LegProtection)
    cdef take_off(self, Market market, Order order)
    @cython.locals(bracket=Bracket, slot=Slot, found=bint)
    cdef bint is_resized(self, LegProtection own, Order order) except -1
    @cython.locals(leg=LegProtection, held=Leg, state=State)
    cdef watch(self, Market market, int side, int64_t missing)
    @cython.locals(order=Order, leg=LegProtection, bracket=Bracket, found=bint)
    cdef bint is_under_way(self, Market market, int side) except -1
    @cython.locals(leg=LegProtection)
    cdef name_failure(self, Market market, Bracket bracket, Order order, Order kept)
    cdef incident(self, str code, str message, dict details)
    @cython.locals(leg=LegProtection, bracket=Bracket, slot=Slot)
    cpdef list timers(self)
    @cython.locals(leg=LegProtection, bracket=Bracket)
    cpdef list row(self)
    @cython.locals(leg=LegProtection, at=Py_ssize_t)
    cpdef restore(self, list rows)

@cython.locals(leg=LegProtection)
cdef LegProtection new_leg()
cdef int want(Slot slot, int64_t ticks) except -1
cdef bint stands(Order order) noexcept
cdef bint is_triggered(Order order) noexcept
cdef bint is_filled(Slot slot) noexcept
cdef bint is_refused(Slot slot) noexcept
cdef bint is_over(Bracket bracket) noexcept
cdef str timer_name(Market market, Bracket bracket)
cdef bint is_nearer(int64_t ticks, Bracket bracket, int kind, bint falls) noexcept
