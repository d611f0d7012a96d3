# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""every_so_often.py, compiled: the same intents."""

from typing import Any

from libc.stdlib cimport calloc, free

from live_runner.hotpath.engine.strategy cimport LONG, OK, CompiledStrategy, Desk, bar_t


cdef class EverySoOften(CompiledStrategy):
    """Every ``bars``-th bar of a symbol asks for one market order."""

    cdef long *seen  # by symbol
    cdef long every
    cdef double quantity

    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        self.every = parameters.bars
        self.quantity = parameters.quantity
        self.seen = <long *>calloc(len(symbols), sizeof(long))
        if self.seen == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.seen)

    cdef int observe(self, const bar_t *bar) noexcept nogil:
        self.seen[bar.symbol] += 1
        return OK

    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil:
        if self.every == 0 or self.seen[bar.symbol] % self.every:
            return OK
        if desk.is_open(bar.symbol, LONG):
            desk.close(bar.symbol, LONG, 0)
        else:
            desk.open(bar.symbol, LONG, self.quantity, 0)
        return OK
