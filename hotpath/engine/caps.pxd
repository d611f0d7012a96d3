cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.limits cimport units_of
from live_runner.hotpath.engine.money cimport money, money_text, of_whole, times, whole
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.state cimport Market, State

cdef tuple SIDES

@cython.final
cdef class Caps:
    cdef State state
    cdef readonly bint on
    cdef int128 order_notional, leg_notional, symbol_notional, total_notional
    cdef int64_t open_orders, per_minute
    cdef list times
    cdef str reason, message
    @cython.locals(state=State, market=Market, asked=int128, total=int128, count=int64_t, other=Order)
    cdef bint permit(self, Order order, bint at_market) except -1
    cdef bint refuse(self, str reason, str what) except -1
    cdef int requested(self) except -1
    @cython.locals(since_ns=int64_t, count=int64_t)
    cdef int64_t in_last_minute(self) except -1
    cdef int128 notional_of(self, Order order) except *
    @cython.locals(market=Market, ticks=int64_t)
    cdef int128 notional_at(self, Order order, int64_t price) except *
    @cython.locals(leg=Leg, total=int128, order=Order)
    cdef int128 of_leg(self, Market market, int side, Order apart) except *
    @cython.locals(total=int128, market=Market)
    cdef int128 of_all(self, Order apart) except *
    @cython.locals(market=Market, leg=int128, both=int128, total=int128, first=int128, second=int128)
    cdef list levels(self)
    cpdef list row(self)
    cpdef restore(self, list row)

cdef int128 money_cap(object given, str name) except *
cdef int64_t count_cap(object given, str name) except -2
