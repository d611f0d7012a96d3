cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport Grid, int128
from live_runner.hotpath.compiled.normalize cimport Normalizer
from live_runner.hotpath.engine.book cimport Book
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.ledger cimport Ledger, Leg, Position
from live_runner.hotpath.engine.notices cimport Notice
from live_runner.hotpath.engine.orders cimport Order, Policy

@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class FundingDue:
    cdef int64_t funding_ns
    cdef object rate        # decimal text, as given
    cdef int128 mantissa, scale
    cdef object mark        # float or None

cdef class Market(Position):
    cdef readonly int index
    cdef readonly str symbol
    cdef readonly object instrument
    cdef readonly Grid grid, lot_grid
    cdef readonly Normalizer normalizer
    cdef readonly Book book
    cdef int128 average_scale, average_divisor, min_notional, max_notional
    cdef double unit, tick_scale, tick_mantissa
    cdef int64_t cap
    cdef object participation
    cdef list funding
    cdef int funding_count

cdef class Sink:
    # Every event of a session's execution, in order. The journal makes messages of them.
    cdef int requested(self, Order order) except -1
    cdef int submitted(self, Order order, int64_t at_ns) except -1
    cdef int accepted(self, Order order) except -1
    cdef int filled(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns, str fill_id) except -1
    cdef int cancel_requested(self, Order order, str reason) except -1
    cdef int ended(self, Order order, str reason, bint retrying) except -1
    cdef int rejected(self, Order order, str code, str message, bint retryable, bint retrying) except -1

cdef class State:
    cdef readonly str name
    cdef readonly Columns columns
    cdef readonly list markets
    cdef readonly Ledger ledger
    cdef readonly Policy policy
    cdef readonly list orders       # open, in the order of their requests
    cdef readonly int64_t now_ns, close_ns, set_number
    cdef readonly bint simulated, at_close, one_way, late_entries
    cdef readonly int trading
    cdef readonly str trading_author, trading_reason
    cdef bint moved, journals, notes, has_notices
    cdef int changes                # legs marked as changed
    cdef list notices
    cdef Sink sink
