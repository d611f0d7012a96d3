cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.book cimport Book
from live_runner.hotpath.engine.bracket cimport closing_order
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.paper cimport Paper
from live_runner.hotpath.engine.pretrade cimport Asked, PreTrade
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.venue_protection cimport VenueProtection
from live_runner.hotpath.engine.words cimport STOP, STOP_PART, TAKE_PROFIT, TARGET_PART

cdef tuple SIDES

@cython.final
cdef class Protection:
    cdef State state
    cdef Manager manager
    cdef Paper paper
    cdef VenueProtection at_venue
    @cython.locals(market=Market, protects=bint)
    cdef bint carry_out(self, Asked asked, PreTrade pretrade) except -1
    @cython.locals(market=Market, stands=bint, stop_order=Order, target_order=Order, order=Order)
    cdef bint set(self, Asked asked, int64_t stop, int64_t target) except -1
    @cython.locals(market=Market, leg=Leg, order=Order)
    cdef Order place(self, Asked asked, int kind, int part, int64_t ticks)
