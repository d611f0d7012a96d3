cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Position
from live_runner.hotpath.engine.lists cimport drop_last
from live_runner.hotpath.engine.money cimport count64, floor_of, is_exact, times
from live_runner.hotpath.engine.orders cimport Order, out_of_order, out_of_range
from live_runner.hotpath.engine.words cimport *  # a new order style needs no line here

cdef class Venue:
    # Called back by a book, in the order in which it happens. ``fill`` updates order, ledger and position before it
    # returns, and adds the bracket of an entry's fill to the book.
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int cancelled(self, Order order, int why) except -1
    cdef bint moves(self, Position position, int64_t start, int64_t end, int64_t at_ns) except -1

cdef class CallbackVenue(Venue):
    cdef object on_fill, on_cancelled
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int cancelled(self, Order order, int why) except -1
    cdef bint moves(self, Position position, int64_t start, int64_t end, int64_t at_ns) except -1

@cython.final
cdef class Book:
    cdef list orders
    cdef readonly int count     # len() of a list attribute would count references
    cdef int64_t slip_up, slip_down, slip_base, cap, open
    cdef bint slips, through, one_way
    cdef bint walking           # a half of a bar goes on: what is gone stays in the list
    # Of the orders on the book: the lowest price that a rise reaches, the highest that a fall does; whether any is to
    # be filled at the next open, waits for a bar in time, or has to be noted as rested.
    cdef int64_t rise, fall
    cdef bint immediate, waiting, fresh
    cdef bint is_inside         # a bar's way from its open to its extremes goes on
    cdef int64_t entered_long, entered_short    # lots that entries have added on it
    cpdef int add(self, Order order) except -1
    cpdef int remove(self, Order order) except -1
    cpdef int tie(self, Order order, Order other) except -1
    @cython.locals(order=Order)
    cpdef list listed(self)
    @cython.locals(order=Order)
    cpdef int restore(self, list rows, dict orders) except -1
    cpdef int at_open(self, Venue venue, Position position, int64_t ticks, int64_t cap, bint late, int64_t at_ns) except -1
    cpdef int inside(self, Venue venue, Position position, int64_t high, int64_t low, int64_t close, bint watched, int64_t at_ns) except -1
    cpdef int at_close(self, Venue venue, Position position, Order order, int64_t ticks, int64_t cap, int64_t at_ns) except -1
    @cython.locals(at=Py_ssize_t)
    cpdef int clear(self, Venue venue, int why) except -1
    @cython.locals(order=Order, ranked=list, at=Py_ssize_t, count=int)
    cdef int cross_open(self, Venue venue, Position position, int64_t ticks, int64_t at_ns) except -1
    @cython.locals(up=bint, count=int, first=int64_t, second=int64_t)
    cdef int cross_inside(self, Venue venue, Position position, int64_t high, int64_t low, int64_t close, int64_t at_ns) except -1
    @cython.locals(order=Order, way=list, at=Py_ssize_t, place=Py_ssize_t, known=Py_ssize_t, price=int64_t)
    cdef bint walk(self, Venue venue, Position position, int count, bint up, int64_t end, int64_t at_ns) except -1
    cdef bint is_reached(self, Order order, bint up, int64_t end) noexcept
    @cython.locals(order=Order, ranked=list, at=Py_ssize_t, place=Py_ssize_t)
    cdef list ranked(self, int count, int64_t ticks)
    cdef bint crossed(self, Order order, int64_t price) noexcept
    cdef int take_at_once(self, Venue venue, Position position, Order order, int64_t price, int64_t at_ns) except -1
    @cython.locals(slipped=int64_t)
    cdef int take_slipped(self, Venue venue, Position position, Order order, int64_t price, int64_t at_ns) except -1
    @cython.locals(other=Order, lots=int64_t, held=int64_t)
    cdef int take(self, Venue venue, Position position, Order order, int64_t price, int64_t reference, bint maker, int64_t at_ns) except -1
    @cython.locals(order=Order, at=Py_ssize_t)
    cdef int drop_exits(self, Venue venue, int side) except -1
    cdef int drop(self, Venue venue, Order order, int why) except -1
    cdef int retire(self, Order order) except -1
    @cython.locals(order=Order, at=Py_ssize_t, kept=Py_ssize_t)
    cdef int sweep(self) except -1
    cdef int note(self, Order order) except -1
    @cython.locals(order=Order, at=Py_ssize_t)
    cdef int release(self) except -1
    @cython.locals(order=Order, at=Py_ssize_t)
    cdef int rest(self) except -1

cdef bint takes_at_once(int kind) noexcept
cdef bint goes_up(Order order) noexcept
cdef int group_of(Order order) noexcept
@cython.locals(group=int, other_group=int)
cdef bint before(Order order, Order other) noexcept
@cython.locals(place=Py_ssize_t)
cdef int put_in(list way, Order order, Py_ssize_t first) except -1
@cython.locals(far=int64_t, other_far=int64_t)
cdef bint comes_before(Order order, Order other) noexcept
cdef int64_t distance(Order order) noexcept
