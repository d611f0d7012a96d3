cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.lists cimport drop_first, drop_last
from live_runner.hotpath.engine.money cimport (
    add64, amount, divide, is_exact, money, mul, of_whole, plus, times, whole,
)
from live_runner.hotpath.engine.words cimport AVERAGE, FIFO

@cython.final
cdef class Lot:
    cdef readonly int64_t quantity, ticks, opened_ns
    cdef readonly int128 cost
    cdef readonly object order
    cdef object view, message

@cython.final
cdef class Leg:
    cdef readonly list lots
    cdef readonly int sign
    cdef readonly int64_t quantity
    cdef readonly int128 cost, realised
    cdef bint changed
    cdef readonly Backoff backoff
    cdef readonly int unresolved, covered

cdef class Position:
    cdef readonly int128 multiplier, divisor, value, notional
    cdef readonly Leg long, short
    cdef readonly bint by_money  # costs are money, not lots times ticks: the average of what is left stays as it is
    cdef readonly int64_t mark
    cdef Leg leg(self, int side)

@cython.final
cdef class Ledger:
    cdef readonly int method
    cdef public bint ends_at_zero
    cdef readonly list positions
    cdef readonly int128 start
    cdef readonly int128 cash, peak_cash, peak_equity, realised, fees_maker, fees_taker, funding, slippage, turnover
    cdef readonly int128 unrealised, exposure, drawdown_realised, drawdown_equity
    cdef readonly int64_t trades, margin_calls
    # Money of the last fill.
    cdef readonly int128 filled_notional, filled_fee, filled_realised, filled_slippage
    cpdef int add(self, Position position) except -1
    @cython.locals(lot=Lot, cost=int128)
    cpdef int increase(self, Position position, Leg leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate, int128 scale, bint maker, bint fee_given, int128 fee, int64_t at_ns, object order) except -1
    @cython.locals(lot=Lot, realised=int128, share=int128, gain=int128, left=int64_t, taken=int64_t)
    cpdef int reduce(self, Position position, Leg leg, int64_t lots, int64_t ticks, int64_t reference, int64_t rate, int128 scale, bint maker, bint fee_given, int128 fee) except -1
    @cython.locals(product=int128, notional=int128, slippage=int128, is_flat=bint)
    cdef int book(self, Position position, Leg leg, int64_t lots, int64_t ticks, int64_t adverse, int64_t rate, int128 scale, bint maker, bint fee_given, int128 fee, int128 realised) except -1
    @cython.locals(missing=int128)
    cdef int end_at_zero(self, bint maker) except -1
    cdef int charge(self, int128 fee, bint maker) except -1
    cdef int128 gain_of(self, Position position, int sign, int128 worth, int128 cost) except *
    cdef int128 fee_of(self, Position position, int64_t lots, int64_t ticks, int64_t rate, int128 scale) except *
    @cython.locals(product=int128, paid=int128)
    cpdef int128 fund(self, Position position, Leg leg, int64_t ticks, int128 rate, int128 scale) except *
    cdef int pay(self, int128 paid) except -1
    cdef int correct(self, Leg leg, int128 gain, int128 fee_before, bint was_maker, int128 fee, bint maker) except -1
    cpdef int mark_at(self, Position position, int64_t ticks) except -1
    @cython.locals(value=int128, notional=int128, worth=int128)
    cdef int revalue(self, Position position, int64_t ticks) except -1
    @cython.locals(value=int128, worth=int128)
    cpdef int128 unrealised_at(self, Position position, int64_t ticks) except *
    @cython.locals(notional=int128)
    cpdef int128 notional_at(self, Position position, int64_t ticks) except *
    @cython.locals(equity=int128)
    cpdef int settle(self) except -1
    cpdef int call_margin(self) except -1
    cpdef dict totals(self)
    @cython.locals(legs=list)
    cpdef dict state(self)
    cpdef restore(self, dict state)
    cdef mark_again(self, Position position, int64_t ticks)
    @cython.locals(position=Position)
    cdef list legs(self)

@cython.locals(lot=Lot)
cdef Lot new_lot(int64_t quantity, int64_t ticks, int128 cost, int64_t opened_ns, object order)
cdef int check_given(object value) except -1
cdef int check_fill(int64_t lots, int64_t ticks, int64_t reference) except -1
cdef object beyond_the_leg(int64_t lots, int64_t held)
cdef str order_id(object order)
@cython.locals(lot=Lot)
cdef list lot_rows(Leg leg)
cdef str realised_text(Leg leg)
@cython.locals(cost=int128)
cdef restore_leg(Leg leg, list rows, object realised, bint by_money)
