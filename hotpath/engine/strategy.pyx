# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What a compiled strategy is written against: its base, and the desk that it sees and asks.

The contract is that of strategies/base.py, call for call: ``observe`` for every symbol, news, ``on_bar`` for
every symbol in configured order. A compiled strategy is the twin of a Python one, which goes on running
live; in a backtest it gives the same intents, faster.
"""

from typing import Any

from libc.math cimport isfinite
cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from cpython.ref cimport PyObject
from live_runner.hotpath.compiled.fixed cimport (
    ST_OK,
    ST_OUT_OF_MEMORY,
    c_lots_floor,
    c_to_float,
    int128,
)
from live_runner.hotpath.engine.money cimport money_float
from live_runner.hotpath.engine.state cimport Market, State

__all__ = ["CompiledStrategy", "Desk"]

cdef enum:
    FIRST_ASKED = 16


ctypedef double (*average_t)(PyObject *desk, int symbol, int128 cost, int64_t quantity) noexcept nogil


cdef double average_of(Desk desk, int symbol, int128 cost, int64_t quantity) noexcept:
    try:
        return money_float((<Market>desk.markets[symbol]).average(cost, quantity))
    except BaseException as error:  # kept for the host, which raises it: nothing can be raised through a nogil method
        desk.status = GIVE_UP
        desk.fault = error
        return 0.0


# A strategy's methods are nogil, the interpreter's lock is held around them all the same: nothing has to be taken.
cdef average_t AVERAGE_OF = <average_t><void *>average_of


@cython.final
cdef class Desk:
    """The account at one close, and the place to ask for orders."""

    def __init__(self, State state not None, list rules not None):
        cdef int at
        cdef int count = len(state.markets)
        cdef Market market
        if self.rules != NULL:
            raise RuntimeError("A Desk is set up once")
        if len(rules) != count:
            raise ValueError(f"{len(rules)} rows of rules for {count} markets")
        self.state = state
        self.ledger = state.ledger
        self.rules = <rules_t *>malloc((count + 1) * sizeof(rules_t))
        self.asked = <asked_t *>malloc(FIRST_ASKED * sizeof(asked_t))
        self.asked_capacity = FIRST_ASKED
        self.averages = <double *>calloc(2 * count + 1, sizeof(double))
        self.averaged = <bint *>calloc(2 * count + 1, sizeof(bint))
        self.markets = <PyObject **>calloc(count + 1, sizeof(PyObject *))
        self.legs = <PyObject **>calloc(2 * count + 1, sizeof(PyObject *))
        if (
            self.rules == NULL or self.asked == NULL or self.averages == NULL or self.averaged == NULL
            or self.markets == NULL or self.legs == NULL
        ):
            raise MemoryError
        for at in range(count):
            market = <Market>state.markets[at]
            self.markets[at] = <PyObject *>market
            self.legs[2 * at] = <PyObject *>market.long
            self.legs[2 * at + 1] = <PyObject *>market.short
        for at, row in enumerate(rules):
            self.rules[at] = rules_t(row[0], row[1], row[2], row[3], row[4], row[5], row[6])

    def __dealloc__(self):
        free(self.rules)
        free(self.asked)
        free(self.averages)
        free(self.averaged)
        free(self.markets)
        free(self.legs)

    cdef void forget_averages(self, int symbol, int leg) noexcept nogil:
        self.averaged[2 * symbol + leg] = False

    cdef double average_of(self, int symbol, int128 cost, int64_t quantity) noexcept nogil:
        """Mean entry price, as every account shows it."""
        return AVERAGE_OF(<PyObject *>self, symbol, cost, quantity)

    cdef double smallest_quantity(self, int symbol, double price) noexcept nogil:
        cdef rules_t *rules = &self.rules[symbol]
        cdef double by_notional = 0.0
        cdef double least = rules.min_amount
        if price > 0:
            by_notional = rules.min_notional / (price * rules.contract_size)
        if rules.lot_size > least:
            least = rules.lot_size
        if by_notional > least:
            least = by_notional
        return least

    cdef double whole_lots(self, int symbol, double quantity) noexcept nogil:
        cdef int64_t lots = 0
        cdef bint sure = False
        if c_lots_floor(&(<Market>self.markets[symbol]).lot_grid.c, quantity, &lots, &sure) != ST_OK or not sure:
            self.status = GIVE_UP
            return 0.0
        if c_to_float(&(<Market>self.markets[symbol]).lot_grid.c, lots) != quantity:
            lots += 1
        return c_to_float(&(<Market>self.markets[symbol]).lot_grid.c, lots)

    cdef asked_t *ask(self, int symbol, int leg, int action, int style, double quantity, int reason) noexcept nogil:
        cdef asked_t *grown
        cdef asked_t *asked
        if not isfinite(quantity):
            self.status = GIVE_UP  # no text can be made of it, and Python raises
        if self.asked_count == self.asked_capacity:
            grown = <asked_t *>realloc(self.asked, 2 * self.asked_capacity * sizeof(asked_t))
            if grown == NULL:
                self.status = ST_OUT_OF_MEMORY
                return NULL
            self.asked = grown
            self.asked_capacity *= 2
        asked = &self.asked[self.asked_count]
        self.asked_count += 1
        memset(asked, 0, sizeof(asked_t))
        asked.number = self.asked_count
        asked.symbol = symbol
        asked.leg = leg
        asked.action = action
        asked.style = style
        asked.quantity = quantity
        asked.time_to_live_ns = -1
        asked.reason = reason
        return asked

    cdef void open(self, int symbol, int leg, double quantity, int reason) noexcept nogil:
        self.ask(symbol, leg, OPEN, MARKET, quantity, reason)

    cdef void open_limit(
        self, int symbol, int leg, double quantity, int style, double limit_price, int64_t time_to_live_ns, int reason
    ) noexcept nogil:
        cdef asked_t *asked = self.ask(symbol, leg, OPEN, style, quantity, reason)
        if not isfinite(limit_price):
            self.status = GIVE_UP
        if asked != NULL:
            asked.limit_price = limit_price
            asked.time_to_live_ns = time_to_live_ns

    cdef void add(self, int symbol, int leg, double quantity, int reason) noexcept nogil:
        self.ask(symbol, leg, ADD, UNNAMED, quantity, reason)

    cdef void partial_close(self, int symbol, int leg, double quantity, int reason) noexcept nogil:
        self.ask(symbol, leg, PARTIAL_CLOSE, UNNAMED, quantity, reason)

    cdef void close(self, int symbol, int leg, int reason) noexcept nogil:
        self.ask(symbol, leg, CLOSE, UNNAMED, 0.0, reason)

    cdef void protect(self, int symbol, int leg, double stop_loss, double take_profit, int reason) noexcept nogil:
        cdef asked_t *asked = self.ask(symbol, leg, PROTECT, UNNAMED, 0.0, reason)
        if not isfinite(stop_loss) or not isfinite(take_profit):
            self.status = GIVE_UP
        elif asked != NULL:
            asked.stop_loss = stop_loss
            asked.take_profit = take_profit


cdef class CompiledStrategy:
    """Base of every compiled strategy: ``__init__`` takes what a Python strategy takes.

    ``reasons`` are the texts that intents name by number. A call that gives a negative status ends the run.
    """

    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None:
        self.parameters = parameters
        self.symbols = symbols
        self.timeframe = timeframe
        self.reasons = [""]

    def __dealloc__(self):
        free(self.legs)

    cdef char *keep_legs(self, int bytes_per_leg) except NULL:
        self.legs = <char *>calloc(2 * len(self.symbols), bytes_per_leg)
        if self.legs == NULL:
            raise MemoryError
        self.leg_bytes = bytes_per_leg
        return self.legs

    cdef int observe(self, const bar_t *bar) noexcept nogil:
        return ST_OK

    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil:
        return ST_OK

    cdef int on_fill(self, const fill_news_t *fill, Desk desk) noexcept nogil:
        return ST_OK

    cdef int on_rejection(self, const rejection_news_t *news, Desk desk) noexcept nogil:
        return ST_OK


cdef bint handles_orders(CompiledStrategy strategy) noexcept:
    """Whether the strategy overrides a hook for order events."""
    return (
        <void *>strategy.on_fill != <void *>CompiledStrategy.on_fill
        or <void *>strategy.on_rejection != <void *>CompiledStrategy.on_rejection
    )
