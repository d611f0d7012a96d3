cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.words cimport ACCEPTED, STOP, TAKE_PROFIT

@cython.final
cdef class AtVenue:
    cdef readonly Order order
    cdef public int sends
    cdef public int64_t requested_ns    # it did not leave before this
    cdef public int64_t sent_ns         # it did not leave later than this
    cdef public int64_t query_ns        # it is not asked for again before this
    cdef public int64_t wait_ns         # between the last query and the next
    cdef public int64_t fills_ns        # when what is owed is booked without its trades
    cdef public int64_t shown_ns        # the answer asked for then showed it on the book, unfilled
    cdef public int64_t total           # filled, as the venue counts
    cdef public object worth            # lots times ticks of the trades that are booked
    cdef public str cost, last_price    # of the total, where the venue names them
    cdef public bint seen               # the venue has shown it
    cdef public bint must_ask           # the venue has not answered the last query
    cdef public bint forgotten          # it is older than what the venue remembers
    cdef public bint retryable          # its rejection does not hold for good
    cdef public str child               # the order that a stop or target has become
    cdef public list trades             # ids that are booked
    cdef public list provisional
    cdef public object ending, refusal

@cython.locals(at=AtVenue)
cdef AtVenue at_venue(Order order, int64_t sent_ns)
@cython.locals(order=Order)
cdef int64_t owed_lots(AtVenue at) except -1
cdef bint is_trigger(Order order) noexcept
@cython.locals(order=Order)
cdef bint waits_since(AtVenue at, int64_t since_ns) except -1
@cython.locals(order=Order)
cdef bint is_child(AtVenue at, object report) except -1
cdef bint is_own_end(AtVenue at, object report) except -1
cdef list trades_of(object report)
cpdef list at_venue_row(AtVenue at)
@cython.locals(at=AtVenue)
cpdef AtVenue restored_at_venue(Order order, list row)
