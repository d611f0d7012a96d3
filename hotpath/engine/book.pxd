cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Position
from live_runner.hotpath.engine.orders cimport Order

cdef class Venue:
    # Called back by a book, in the order in which it happens. ``fill`` updates order, ledger and position before it
    # returns, and adds the bracket of an entry's fill to the book.
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int cancelled(self, Order order, int why) except -1

@cython.final
cdef class Book:
    cdef list orders
    cdef readonly int count
    cdef int add(self, Order order) except -1
    cdef int remove(self, Order order) except -1
    cdef int at_open(self, Venue venue, Position position, int64_t ticks, int64_t cap, bint late, int64_t at_ns) except -1
    cdef int inside(self, Venue venue, Position position, int64_t high, int64_t low, int64_t at_ns) except -1
    cdef int at_close(self, Venue venue, Position position, Order order, int64_t ticks, int64_t cap, int64_t at_ns) except -1
    cdef int clear(self, Venue venue, int why) except -1
