# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""strategies/ema_cross.py, compiled: the same intents, bit for bit.

The Python strategy is the specification; its parameters, warmup and policy are used as they stand there.
docs/compiled_strategies.md goes through this file step by step.
"""

from typing import Any

from cpython.ref cimport PyObject
from libc.math cimport isfinite
from libc.stdlib cimport calloc, free

from live_runner.hotpath.compiled.indicators cimport Ema
from live_runner.hotpath.engine.strategy cimport GIVE_UP, LONG, OK, SHORT, CompiledStrategy, Desk, bar_t

__all__ = ["EmaCross"]

cdef enum:
    # Which average was the higher one.
    UNKNOWN = -1
    BELOW = 0
    ABOVE = 1

cdef enum:
    # Reasons, as numbers into ``reasons``.
    CROSS = 1

cdef enum:
    # The parameter that sizes a position.
    BY_QUANTITY = 0
    BY_NOTIONAL = 1
    BY_EQUITY = 2

ctypedef struct cross_t:
    # What ``observe`` keeps of one symbol.
    PyObject *fast  # an Ema, which ``averages`` keeps alive
    PyObject *slow
    int order
    bint crossed


cdef class EmaCross(CompiledStrategy):
    """Market order when the averages of the closed bars cross, filled at the next open."""

    cdef list averages
    cdef cross_t *crosses  # by symbol
    cdef bint shorts
    cdef int sizing
    cdef double size

    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        cdef int symbol
        self.reasons.append("cross")
        self.shorts = parameters.short
        if parameters.quantity is not None:
            self.sizing, self.size = BY_QUANTITY, parameters.quantity
        elif parameters.notional is not None:
            self.sizing, self.size = BY_NOTIONAL, parameters.notional
        else:
            self.sizing, self.size = BY_EQUITY, parameters.equity_fraction
        self.averages = [(Ema(parameters.fast), Ema(parameters.slow)) for _ in symbols]
        self.crosses = <cross_t *>calloc(len(symbols), sizeof(cross_t))
        if self.crosses == NULL:
            raise MemoryError
        for symbol, (fast, slow) in enumerate(self.averages):
            self.crosses[symbol].fast = <PyObject *>fast
            self.crosses[symbol].slow = <PyObject *>slow
            self.crosses[symbol].order = UNKNOWN

    def __dealloc__(self):
        free(self.crosses)

    cdef int observe(self, const bar_t *bar) noexcept nogil:
        """Move both averages and note whether they crossed."""
        cdef cross_t *cross = &self.crosses[bar.symbol]
        cdef int before = cross.order
        cdef double fast, slow
        if not isfinite(bar.close):
            return GIVE_UP  # the Python strategy's averages refuse it, too
        (<Ema>cross.fast).take(bar.close)
        (<Ema>cross.slow).take(bar.close)
        cross.crossed = False
        if not (<Ema>cross.fast).is_warm() or not (<Ema>cross.slow).is_warm():
            return OK
        fast = (<Ema>cross.fast).get()
        slow = (<Ema>cross.slow).get()
        if fast != slow:
            cross.order = ABOVE if fast > slow else BELOW
            cross.crossed = before != UNKNOWN and cross.order != before
        return OK

    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil:
        """Leave the side that ended, enter the one that began."""
        if not self.crosses[bar.symbol].crossed:
            return OK
        return self.turn(bar, desk, self.crosses[bar.symbol].order == ABOVE)

    cdef int turn(self, const bar_t *bar, Desk desk, bint above) noexcept nogil:
        cdef int entered = LONG if above else SHORT
        cdef int left = SHORT if above else LONG
        if desk.is_open(bar.symbol, left):
            desk.close(bar.symbol, left, CROSS)
        if (entered == LONG or self.shorts) and not desk.is_open(bar.symbol, entered):
            return self.enter(bar, desk, entered)
        return OK

    cdef int enter(self, const bar_t *bar, Desk desk, int leg) noexcept nogil:
        cdef double quantity = self.size
        cdef double lot_value
        if self.sizing != BY_QUANTITY:
            lot_value = bar.close * desk.rules[bar.symbol].contract_size
            if lot_value == 0.0:
                return GIVE_UP  # where Python raises
            quantity = (self.size if self.sizing == BY_NOTIONAL else self.size * desk.equity()) / lot_value
        desk.open(bar.symbol, leg, quantity, CROSS)
        return OK
