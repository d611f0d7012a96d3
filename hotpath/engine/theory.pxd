cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.book cimport Book, Venue, takes_at_once
from live_runner.hotpath.engine.columns cimport Columns, bar_p
from live_runner.hotpath.engine.ledger cimport Leg, Position
from live_runner.hotpath.engine.orders cimport Order, new_order, order_name, order_row
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.words cimport FILLED

cdef class Theory(Venue):
    cdef State state
    cdef list books         # by the number of the symbol
    cdef dict twins
    @cython.locals(market=Market, book=Book)
    cdef int make_books(self) except -1
    @cython.locals(market=Market, twin=Order, book=Book, bars=bar_p, is_at_its_close=bint, position=Position)
    cdef int place(self, Order order) except -1
    @cython.locals(twin=Order)
    cdef int take_off(self, Order order) except -1
    @cython.locals(book=Book)
    cdef int remove(self, Order twin) except -1
    @cython.locals(twin=Order)
    cdef int leave(self, Order order) except -1
    @cython.locals(book=Book)
    cdef int run_bar(self, Market market) except -1
    @cython.locals(at=int, bars=bar_p, opened=int64_t, highest=int64_t, lowest=int64_t, closed=int64_t, position=Position, twin=Order)
    cdef int play(self, Market market, Book book) except -1
    @cython.locals(position=Position)
    cdef Position position_of(self, Market market)
    @cython.locals(twin=Order, name=str)
    cdef int forget(self) except -1
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int cancelled(self, Order order, int why) except -1
    cdef bint moves(self, Position position, int64_t start, int64_t end, int64_t at_ns) except -1
    cpdef list row(self)
    @cython.locals(twin=Order, book=Book)
    cpdef restore(self, list rows)

@cython.locals(twin=Order)
cdef Order twin_of(Order order)
