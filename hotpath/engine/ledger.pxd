cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff

@cython.final
@cython.freelist(256)
@cython.no_gc
cdef class Lot:
    cdef readonly int64_t quantity, ticks, opened_ns
    cdef int128 cost
    cdef object order
    cdef object view, message

@cython.final
cdef class Leg:
    cdef list lots
    cdef readonly int sign
    cdef readonly int64_t quantity
    cdef int128 cost, realised
    cdef bint changed
    cdef readonly Backoff backoff
    cdef readonly int unresolved

cdef class Position:
    cdef int128 multiplier, divisor, value, notional
    cdef Leg long, short
    cdef readonly int64_t mark
    cdef Leg leg(self, int side)

@cython.final
cdef class Ledger:
    cdef readonly int method
    cdef list positions
    cdef int128 cash, peak_cash, peak_equity, realised, fees_maker, fees_taker, funding, slippage, turnover
    cdef int128 unrealised, exposure, drawdown_realised, drawdown_equity
    cdef readonly int64_t trades, margin_calls
    # Money of the last fill.
    cdef int128 filled_notional, filled_fee, filled_realised, filled_slippage
    cdef int increase(self, Position position, Leg leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate, int128 scale, bint maker, bint fee_given, int128 fee, int64_t at_ns, object order) except -1
    cdef int reduce(self, Position position, Leg leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate, int128 scale, bint maker, bint fee_given, int128 fee) except -1
    cdef int128 fund(self, Position position, Leg leg, int64_t ticks, int128 rate, int128 scale) except *
    cdef int mark_at(self, Position position, int64_t ticks) except -1
    cdef int128 unrealised_at(self, Position position, int64_t ticks) except *
    cdef int128 notional_at(self, Position position, int64_t ticks) except *
    cdef int settle(self) except -1
    cdef int call_margin(self) except -1
