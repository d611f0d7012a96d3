cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.words cimport CLOSE, FILLED, LONG, LONG_PART, MARKET, NO_PART, REQUESTED

cdef bytes TABLE
cdef enum:
    KEPT_CODE = 255

@cython.final
cdef class Policy:
    cdef readonly object given
    cdef readonly int attempts, max_failures, fallback, add_style
    cdef readonly int64_t retry_spacing_ns, backoff_ns, time_to_live_ns
    cdef readonly bint has_time_to_live
    cdef readonly str add_style_text, unknown_fallback, open_rounding

@cython.final
cdef class Order:
    cdef readonly str session
    cdef readonly int64_t close_ns
    cdef readonly int number, named_attempt, attempt, part, part_number
    cdef readonly int symbol, side, action, kind, state
    cdef readonly bint reduce, buy
    cdef readonly int64_t quantity, price, reference, filled, fills, stop, target, expires_ns
    cdef readonly int fallback
    cdef readonly Policy policy
    cdef readonly str reason
    cdef readonly object asked              # the intent's own quantity: text, a float, or None
    cdef readonly str cancel_reason         # why it is being taken off the book, "" while it is not
    cdef readonly bint timed_out            # it is being taken off because its time has run out
    cdef readonly str venue_order_id
    cdef readonly int64_t venue_number      # at the paper venue
    cdef readonly bint whole                # the stop or target of the whole leg: its quantity follows the leg's
    cdef readonly bint by_side              # closes by the position's side, without a reduce-only flag
    cdef readonly bint syncs                # done where the venue proves that it holds nothing
    # The paper book.
    cdef readonly bint gone, waits, rested, triggered, at_next_open
    cdef readonly int64_t used
    cdef Order pair
    # Number and time of its request in the log, for sending the very same once more.
    cdef readonly int64_t request_seq, request_ns
    # Worded at the first need.
    cdef str intent_text, order_text, client_text
    cdef object pending, view

@cython.locals(order=Order)
cdef Order new_order(str session, int64_t close_ns, int number, int attempt, int symbol, int side, int action, int kind, int64_t quantity, int64_t price, int64_t reference, bint reduce, str reason)
@cython.locals(order=Order)
cdef Order flatten_order(str session, int symbol, int side, int64_t lots, int64_t reference, str intent_id, Policy policy)
@cython.locals(following=Order)
cdef Order next_attempt(Order order, int kind, int64_t price, int64_t reference, bint waits)
cdef str intent_name(Order order)
@cython.locals(name=str)
cdef str order_name(Order order)
cdef str client_name(Order order)
cpdef list order_row(Order order)
@cython.locals(order=Order)
cpdef Order restored_order(list row, Policy policy)
cdef restore_rest(Order order, list row)
@cython.locals(following=int)
cdef bint apply_report(Order order, int report) except -1
@cython.locals(at=Py_ssize_t)
cdef int take_out(list orders, Order order) except -1
cdef object out_of_range(Order order)
cdef object out_of_order(Order order)
