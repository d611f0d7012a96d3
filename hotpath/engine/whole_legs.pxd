cimport cython
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.state cimport Market

@cython.locals(leg=Leg)
cdef int cover(Market market, Order order, int change) except -1
@cython.locals(leg=Leg, order=Order)
cdef int follow(Market market, int side) except -1
