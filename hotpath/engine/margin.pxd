cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.ledger cimport Ledger
from live_runner.hotpath.engine.money cimport divide, money, mul, near, times
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.words cimport MARKET

@cython.final
cdef class Margin:
    cdef State state
    cdef int64_t ticks
    cdef bint bankrupt
    cdef int128 equity, maintenance, others, exposure
    @cython.locals(state=State, exposure=int128, bound=int128, owned=int128, freed=int128, at=Py_ssize_t, other=Order, market=Market, held=int64_t, lots=int64_t)
    cdef int128 shortfall(self, Order order) except *
    @cython.locals(market=Market, price=int64_t, lots=int64_t, notional=int128)
    cdef int128 needed(self, Order order) except *
    @cython.locals(up=int64_t, down=int64_t, gross=double, cover=double)
    cdef bint is_far(self, Market market, int64_t opened, int64_t high, int64_t low) noexcept
    cdef bint ends_at(self, Market market, int64_t ticks) except -1
    @cython.locals(worst=int64_t, safe=int64_t, middle=int64_t)
    cdef bint ends_between(self, Market market, int64_t start, int64_t end) except -1
    @cython.locals(middle=int64_t)
    cdef int stop_at_zero(self, Market market, int64_t safe, int64_t worst) except -1
    cdef int take_apart(self, Market market) except -1
    @cython.locals(state=State)
    cdef int128 cover_at(self, Market market, int64_t ticks) except *
