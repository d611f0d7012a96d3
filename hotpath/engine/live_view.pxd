cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff
from live_runner.hotpath.engine.columns cimport Columns, bar_p
from live_runner.hotpath.engine.ledger cimport Leg, Lot
from live_runner.hotpath.engine.money cimport money_float, to_float
from live_runner.hotpath.engine.notices cimport Notice
from live_runner.hotpath.engine.orders cimport Order, intent_name, order_name
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.words cimport AVERAGE, FILLED

@cython.final
cdef class LiveBar:
    cdef readonly str symbol
    cdef readonly int64_t open_ns, close_ns
    cdef readonly double open, high, low, close, volume
    cdef readonly bint late

@cython.locals(bars=bar_p, shown=LiveBar)
cdef LiveBar live_bar(str symbol, Columns columns, int at)

@cython.final
cdef class LiveLot:
    cdef readonly double quantity, price
    cdef readonly int64_t opened_ns
    cdef object order

@cython.final
cdef class LiveLeg:
    cdef readonly double quantity, realised
    cdef readonly object average
    cdef readonly tuple lots
    cdef readonly str blocked

@cython.locals(leg=LiveLeg)
cdef LiveLeg live_leg(double quantity, object average, tuple lots, double realised, str blocked)

@cython.final
cdef class LiveOrder:
    cdef Order order
    cdef int state
    cdef int64_t filled
    cdef readonly str symbol, leg
    cdef readonly double remaining
    cdef readonly object price

@cython.final
cdef class LiveFill:
    cdef Notice notice
    cdef Order order
    cdef Market market

@cython.final
cdef class LiveView:
    cdef tuple names
    cdef dict places
    cdef State account
    cdef object backoff_class, no_backoff
    cdef readonly int64_t now_ns
    cdef int128 cash_units, equity_units, exposure_units
    cdef list shown_legs        # by leg, None for one that never changed; never changed in place
    cdef dict shown_orders      # by symbol, as far as somebody asked or all when it is complete
    cdef dict shown_backoffs
    cdef bint complete
    cdef readonly str gate
    cdef readonly object rules
    @cython.locals(order=Order, market=Market, found=list)
    cdef tuple orders_of(self, symbol)
    @cython.locals(index=int)
    cdef int finish(self) except -1

@cython.locals(lots=list, lot=Lot, at=Py_ssize_t, blocked=str)
cdef LiveLeg live_leg_of(State state, Market market, Leg leg)
@cython.locals(shown=LiveLot)
cdef LiveLot live_lot(State state, Market market, Lot lot)
@cython.locals(backoff=Backoff, market=Market, leg=Leg)
cdef object show_backoff(LiveView view, int index)
@cython.locals(views=list, lot=Lot, at=Py_ssize_t)
cdef tuple lot_views(list lots)
@cython.locals(shown=LiveOrder)
cdef LiveOrder live_order(Market market, Order order)
cdef str described(str name, tuple fields, tuple values)
