cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.book cimport Venue
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.state cimport Market

cdef class Gateway(Venue):
    cdef int submit(self, Order order) except -1
    cdef int cancel(self, Order order, str reason) except -1
    cdef int expire(self, Order order) except -1
    cdef bint is_irrevocable(self, Order order) except -1
    cdef int highest_attempt(self, Order order) except -1
    cdef int flatten(self, str command_id) except -1
    cdef int close_leg(self, Market market, int side, str intent_id) except -1

@cython.final
cdef class Retry:
    cdef int64_t due_ns
    cdef Order order
