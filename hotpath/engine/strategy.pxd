# What a compiled strategy is written against: docs/compiled_strategies.md goes through it step by step.
#
#     from live_runner.hotpath.engine.strategy cimport CompiledStrategy, Desk, bar_t, fill_news_t

cimport cython
from libc.stdint cimport int64_t

from cpython.ref cimport PyObject
from live_runner.hotpath.compiled.fixed cimport c_money_float, c_to_float, int128
from live_runner.hotpath.engine.columns cimport bar_t
from live_runner.hotpath.engine.ledger cimport Leg, Ledger, Lot
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.state cimport Market, State
# Legs, actions, order styles, kinds of orders (words.pxd): a strategy cimports them from here.
from live_runner.hotpath.engine.words cimport *

include "interface.pxi"  # written by setup.py: an old build of a strategy is refused when it is loaded

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(PyObject *values, Py_ssize_t at) nogil
    Py_ssize_t PyList_GET_SIZE(PyObject *values) nogil

cdef enum:
    MONEY_DECIMALS = 12

cdef enum:
    # What a call of a strategy gives.
    OK = 0
    GIVE_UP = -4  # the session is run anew by the Python strategy, which says what is wrong

cdef enum:
    UNNAMED = -1  # no order style: the policy's for adds, market for closes

ctypedef struct rules_t:
    # Of one market, as Python strategies see them; 0.0 where it has no limit.
    double contract_size
    double tick_size
    double lot_size
    double min_amount
    double max_amount
    double min_notional
    double max_notional

ctypedef struct fill_news_t:
    int symbol
    int leg
    int action
    int kind
    double quantity
    double price
    double filled  # of the order, this fill included
    double remaining
    double leg_quantity
    bint is_done
    int64_t at_ns

ctypedef struct rejection_news_t:
    int symbol
    int leg
    int action
    bint blocked  # held back by the strategy's own policy
    bint refused  # by the runner; otherwise by the venue
    bint retrying
    bint restored
    int64_t at_ns

ctypedef struct asked_t:
    # One intent, as the strategy gave it.
    int number
    int symbol
    int leg
    int action
    int style
    int reason
    double quantity  # of a close there is none
    double limit_price
    double stop_loss  # of a protect; 0.0 for none
    double take_profit
    int64_t time_to_live_ns  # -1 when none was given
    bint blocked


@cython.final
cdef class Desk:
    # The account at one close, and the place to ask for orders. Numbers are those of a Python strategy's view.
    # The session's markets and legs are borrowed: reading a number of theirs counts no reference.
    cdef State state
    cdef Ledger ledger
    cdef PyObject **markets     # by symbol
    cdef PyObject **legs        # by leg, 2 * symbol + side
    cdef rules_t *rules
    cdef asked_t *asked
    cdef int asked_count
    cdef int asked_capacity
    cdef int status
    cdef object fault           # what was raised while the strategy was called; the host raises it
    cdef int64_t now_ns
    cdef double *averages
    cdef bint *averaged
    cdef bint equity_known
    cdef double equity_now

    # -- the account. Inline, since a strategy asks these of every leg at every bar.
    cdef inline double equity(self) noexcept nogil:
        if not self.equity_known:
            self.equity_now = c_money_float(self.ledger.cash + self.ledger.unrealised)
            self.equity_known = True
        return self.equity_now

    cdef inline double cash(self) noexcept nogil:
        return c_money_float(self.ledger.cash)

    cdef inline double quantity(self, int symbol, int leg) noexcept nogil:
        return c_to_float(&(<Market>self.markets[symbol]).lot_grid.c, (<Leg>self.legs[2 * symbol + leg]).quantity)

    cdef inline bint is_open(self, int symbol, int leg) noexcept nogil:
        return (<Leg>self.legs[2 * symbol + leg]).quantity > 0

    # Of the entries; 0.0 while flat.
    cdef inline double average(self, int symbol, int leg) noexcept nogil:
        cdef int at = 2 * symbol + leg
        if not self.averaged[at]:
            self.averages[at] = self.average_of(
                symbol, (<Leg>self.legs[at]).cost, (<Leg>self.legs[at]).quantity
            ) if (<Leg>self.legs[at]).quantity else 0.0
            self.averaged[at] = True
        return self.averages[at]

    cdef inline int lots(self, int symbol, int leg) noexcept nogil:
        return <int>PyList_GET_SIZE(<PyObject *>(<Leg>self.legs[2 * symbol + leg]).lots)

    # Lot 0 is the oldest.
    cdef inline double lot_quantity(self, int symbol, int leg, int lot) noexcept nogil:
        cdef PyObject *held = PyList_GET_ITEM(<PyObject *>(<Leg>self.legs[2 * symbol + leg]).lots, lot)
        return c_to_float(&(<Market>self.markets[symbol]).lot_grid.c, (<Lot>held).quantity)

    cdef inline double lot_price(self, int symbol, int leg, int lot) noexcept nogil:
        cdef PyObject *held = PyList_GET_ITEM(<PyObject *>(<Leg>self.legs[2 * symbol + leg]).lots, lot)
        if self.ledger.method != AVERAGE and (<Market>self.markets[symbol]).grid.c.decimals <= MONEY_DECIMALS:
            return c_to_float(&(<Market>self.markets[symbol]).grid.c, (<Lot>held).ticks)
        return self.average_of(symbol, (<Lot>held).cost, (<Lot>held).quantity)

    # An open or add is pending.
    cdef inline bint is_entering(self, int symbol, int leg) noexcept nogil:
        cdef PyObject *orders = <PyObject *>(<Market>self.markets[symbol]).open_orders
        cdef PyObject *order
        cdef Py_ssize_t at
        for at in range(PyList_GET_SIZE(orders)):
            order = PyList_GET_ITEM(orders, at)
            if (<Order>order).side == leg and (<Order>order).action <= ADD:
                return True
        return False

    # A close is pending, brackets apart.
    cdef inline bint is_leaving(self, int symbol, int leg) noexcept nogil:
        cdef PyObject *orders = <PyObject *>(<Market>self.markets[symbol]).open_orders
        cdef PyObject *order
        cdef Py_ssize_t at
        for at in range(PyList_GET_SIZE(orders)):
            order = PyList_GET_ITEM(orders, at)
            if (<Order>order).side == leg and (<Order>order).action > ADD and (<Order>order).kind < STOP:
                return True
        return False

    # The least whole number of lots at or above a quantity, as base units.
    cdef double whole_lots(self, int symbol, double quantity) noexcept nogil
    cdef double smallest_quantity(self, int symbol, double price) noexcept nogil

    # -- intents
    cdef void open(self, int symbol, int leg, double quantity, int reason) noexcept nogil
    cdef void open_limit(
        self, int symbol, int leg, double quantity, int style, double limit_price, int64_t time_to_live_ns, int reason
    ) noexcept nogil
    cdef void add(self, int symbol, int leg, double quantity, int reason) noexcept nogil
    cdef void partial_close(self, int symbol, int leg, double quantity, int reason) noexcept nogil
    cdef void close(self, int symbol, int leg, int reason) noexcept nogil
    # The stop and the target of the whole leg, 0.0 for none.
    cdef void protect(self, int symbol, int leg, double stop_loss, double take_profit, int reason) noexcept nogil

    cdef inline void begin(self, int64_t now_ns) noexcept nogil:
        # The next close: nothing asked yet.
        self.now_ns = now_ns
        self.asked_count = 0
        self.equity_known = False
    cdef void forget_averages(self, int symbol, int leg) noexcept nogil
    cdef asked_t *ask(self, int symbol, int leg, int action, int style, double quantity, int reason) noexcept nogil
    cdef double average_of(self, int symbol, int128 cost, int64_t quantity) noexcept nogil


cdef class CompiledStrategy:
    # Base of every compiled strategy. Subclasses override what they need.
    cdef readonly object parameters
    cdef readonly tuple symbols
    cdef readonly str timeframe
    cdef readonly list reasons  # texts of the reasons that intents name by number
    cdef char *legs  # state of each leg, ``leg_bytes`` each, long then short of each symbol: what intents may change
    cdef int leg_bytes

    cdef int observe(self, const bar_t *bar) noexcept nogil
    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil
    cdef int on_fill(self, const fill_news_t *fill, Desk desk) noexcept nogil
    cdef int on_rejection(self, const rejection_news_t *news, Desk desk) noexcept nogil
    # State per leg: plain C data without pointers, zeroed at the start. Gives the memory, for ``legs``.
    cdef char *keep_legs(self, int bytes_per_leg) except NULL
    cdef inline char *leg(self, int symbol, int side) noexcept nogil:
        return self.legs + (2 * symbol + side) * self.leg_bytes


# Whether the strategy overrides a hook for order events.
cdef bint handles_orders(CompiledStrategy strategy) noexcept
