cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.orders cimport Order

@cython.final
cdef class Notice:
    cdef readonly int kind, symbol, side, action, number, state
    cdef readonly int64_t close_ns, lots, ticks, reference, filled, remaining, leg_lots, fill_number, at_ns
    cdef int128 notional, fee, realised, slippage
    cdef readonly bint maker, retrying
    cdef readonly Order order
    cdef readonly str reason, message
    cdef readonly object event, details
    # Written by decisions.py.
    cdef object group, puts_back

cdef Notice begin_notice(Notice notice, int kind, Order order, int symbol, int side, int action, int64_t close_ns, int number, int64_t at_ns)
cdef Notice new_notice(int kind, Order order, int symbol, int side, int action, int64_t close_ns, int number, int64_t at_ns)
