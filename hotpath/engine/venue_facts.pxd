cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.money cimport money_text, of_whole, units_text
from live_runner.hotpath.engine.at_venue cimport AtVenue, owed_lots, waits_since
from live_runner.hotpath.engine.orders cimport Order, client_name
from live_runner.hotpath.engine.reconcile cimport Reconciler
from live_runner.hotpath.engine.reports cimport Reports
from live_runner.hotpath.engine.rules cimport take_over
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.theory cimport Theory
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.venue_protection cimport VenueProtection
from live_runner.hotpath.engine.words cimport CANCEL_REQUESTED, REQUESTED, SUBMITTED

@cython.final
cdef class VenueFacts:
    cdef State state
    cdef RemoteVenue venue
    cdef VenueProtection protection
    cdef readonly Reconciler reconciler
    cdef dict incomes, differences, rules, statuses, refused_rules
    cpdef fold(self, object event)
    cpdef obey(self, object command)
    @cython.locals(at=AtVenue, order=Order)
    cdef owned(self, object owned)
    @cython.locals(at=int)
    cdef quote(self, object quote)
    @cython.locals(market=Market)
    cdef rules_of(self, object reported)
    @cython.locals(at=AtVenue)
    cdef stream_gap(self, object gap)
    @cython.locals(market=Market, amount=int128, side=int, lots=int64_t, leg=Leg, is_fee=bint)
    cdef income(self, object income)
    @cython.locals(state=State, leg=Leg, side=int, lots=int64_t, fee=str, fields=list)
    cdef int charge(self, object income, Market market, int128 amount) except -1
    @cython.locals(market=Market)
    cdef Market market_of(self, object symbol)
    cdef int side_of(self, Market market, object leg) except? -2
    cdef int remember(self, object income_id) except -1
    cdef int keep(self, object income, str why) except -1
    @cython.locals(market=Market, side=int)
    cdef account(self, object reported)
    @cython.locals(leg=Leg, key=str, theirs=str, lots=int64_t)
    cdef int compare(self, object reported, Market market, int side, list row) except -1
    @cython.locals(leg=Leg, ours=str)
    cdef int name(self, object reported, Market market, int side, str key, str theirs) except -1
    @cython.locals(absence=list, order=Order, at=AtVenue, are_open=bint)
    cdef bint is_closed_elsewhere(self, object reported, Market market, int side, str key) except -1
    @cython.locals(leg=Leg, ticks=int64_t, absence=list, fields=list)
    cdef int settle_elsewhere(self, object reported, Market market, int side, str key) except -1
    cpdef list row(self)
    cpdef restore(self, list row)
