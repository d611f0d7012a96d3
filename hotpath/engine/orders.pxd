cimport cython
from libc.stdint cimport int64_t

@cython.final
cdef class Policy:
    cdef readonly object given
    cdef readonly int attempts, max_failures, fallback, add_style
    cdef readonly int64_t retry_spacing_ns, backoff_ns, time_to_live_ns
    cdef readonly str add_style_text, unknown_fallback, open_rounding

@cython.final
@cython.freelist(256)
cdef class Order:
    cdef readonly int64_t close_ns
    cdef readonly int number, named_attempt, attempt, part, part_number
    cdef readonly int symbol, side, action, kind, state
    cdef readonly bint reduce, buy
    cdef readonly int64_t quantity, price, reference, filled, fills, stop, target, expires_ns
    cdef readonly int fallback
    cdef readonly Policy policy
    cdef readonly str reason
    cdef readonly object asked
    cdef readonly str cancel_reason
    cdef readonly object venue_order_id
    cdef readonly int64_t venue_number
    # The paper book.
    cdef readonly bint gone, waits, rested, triggered, at_next_open
    cdef readonly int64_t used
    cdef Order pair
    # Of its request in the log, for sending the very same once more.
    cdef readonly int64_t request_seq, request_ns
    # Worded at the first need.
    cdef str intent_id, order_id, client_id
    cdef object pending

@cython.locals(order=Order)
cdef Order new_order(int64_t close_ns, int number, int attempt, int symbol, int side, int action, int kind, int64_t quantity, int64_t price, int64_t reference, bint reduce, str reason)
