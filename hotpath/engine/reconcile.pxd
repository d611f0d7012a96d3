cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.at_venue cimport AtVenue, owed_lots
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.money cimport money_text, of_whole, units_text, whole
from live_runner.hotpath.engine.orders cimport Order, client_name, new_order
from live_runner.hotpath.engine.risk cimport Risk
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.venue cimport RemoteVenue
from live_runner.hotpath.engine.whole_legs cimport follow
from live_runner.hotpath.engine.words cimport MARKET, PARTIAL_CLOSE

@cython.final
cdef class Difference:
    cdef int64_t theirs, ours, since_ns, asked_ns
    cdef str text, average, report, done, asked

@cython.locals(found=Difference)
cdef Difference new_difference(list row)
cdef list difference_row(Difference found)

@cython.final
cdef class Reconciler:
    cdef State state
    cdef Manager manager
    cdef RemoteVenue venue
    cdef dict policy
    cdef int64_t tolerance, asked_ns
    cdef dict found, taken, settings
    cdef list trades
    cdef bint is_older(self, object reported) except -1
    cdef bint is_within(self, int64_t lots, int64_t held) noexcept
    cdef int agrees(self, Market market, int side) except -1
    @cython.locals(found=Difference)
    cdef int booked(self, int symbol, int side) except -1
    @cython.locals(key=int, leg=Leg, found=Difference, asked_ns=int64_t, asked=str)
    cdef bint differs(self, object reported, Market market, int side, int64_t lots, list row) except -1
    @cython.locals(leg=Leg, sure=bint, order=Order, at=AtVenue)
    cdef bint is_sure(self, Market market, int side, int64_t since_ns) except -1
    cdef str kind_of(self, Difference found)
    @cython.locals(found=Difference)
    cdef int settle(self, Market market, int side) except -1
    @cython.locals(found=Difference, key=int, kind=str, ours=str, more=int64_t, leg=Leg)
    cdef carry_out(self, Market market, int side, str remedy)
    @cython.locals(state=State, leg=Leg, whole_leg=bint, name=str, order=Order)
    cdef int close(self, Market market, int side, int64_t lots) except -1
    @cython.locals(found=Difference)
    cpdef obey(self, str command, str remedy)
    @cython.locals(state=State, key=int)
    cdef int halt(self, Market market, int side, str kind, str theirs, str ours, str report) except -1
    @cython.locals(state=State)
    cdef int lift(self, int key) except -1
    @cython.locals(more=int64_t, explained=int64_t, lots=int64_t, ticks=int64_t, rows=list, fields=list)
    cdef adopt(self, Market market, int side, Difference found, str kind)
    cdef int64_t ticks_of(self, Market market, str price) except -1
    @cython.locals(state=State, ledger=Ledger, risk=Risk, leg=Leg, before=int64_t, order=str)
    cdef int move(self, Market market, int side, int64_t lots, int64_t ticks, bint maker, int128 fee, int64_t at_ns, list fields) except -1
    @cython.locals(name=str)
    cpdef traded(self, object event)
    @cython.locals(market=Market, lots=int64_t)
    cdef str reason_against(self, object event)
    @cython.locals(at=AtVenue, order=Order, index=int)
    cdef bint is_ours(self, object event) except -1
    @cython.locals(market=Market, leg=Leg, side=int, other=int, closes=bint)
    cdef int key_of(self, object event) except -1
    cdef bint adds(self, object event, int side) except -1
    @cython.locals(key=int, side=int, market=Market, lots=int64_t, leg=Leg, ours=str, theirs=str)
    cdef int book_forced(self) except -1
    @cython.locals(lots=int64_t, signed=int64_t, ticks=int64_t, fee=int128, fees=dict, fields=list, is_foreign=bint)
    cdef int book(self, Market market, int side, object event, str reason, str kind) except -1
    @cython.locals(market=Market)
    cdef int compare_settings(self, object reported) except -1
    cdef compare_setting(self, Market market, str name, str value, str report)
    cdef int refused(self, Order order, str message) except -1
    cdef int halt_both(self, Market market, str kind, str theirs, str ours, str report) except -1
    cpdef list row(self)
    cpdef restore(self, list row)

cpdef object restored_trade(object stored)
cdef int128 fee_of(object trade) except *
