# The bar loop's own state, for the two ways of running a strategy: CompiledHost, and python_loop.pyx.

cimport cython
from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.execution cimport Execution, execution_t, rate_t
from live_runner.hotpath.compiled.strategy cimport CompiledStrategy, Desk, asked_t, bar_t

cdef enum:
    PAUSE_SETS = 16384  # between two looks at signals and the progress display


cdef inline bint is_plain_time(int64_t time_to_live_ns) noexcept nogil:
    """Neither over already nor beyond what a moment can be added to."""
    return 0 < time_to_live_ns < (<int64_t>1 << 61)


ctypedef struct due_t:
    int64_t set
    int symbol
    rate_t rate

ctypedef struct column_t:
    const int64_t *opens_ns
    const double *open
    const double *high
    const double *low
    const double *close
    const double *volume
    int64_t rows
    int64_t at

ctypedef struct group_t:
    # The intents of one leg in one decision, and the leg's state before it.
    group_t *next
    int64_t close_ns
    int64_t version
    int count
    int first_notice  # in the news being told, -1 for none
    bint filled_since
    bint restored
    char *before
    int *numbers
    char *outcomes

ctypedef struct notice_t:
    int64_t row  # of the journal, or -1 - number of a blocked intent
    group_t *group
    group_t *puts_back
    bint retrying


@cython.final
cdef class BarLoop:
    cdef readonly Execution machine
    cdef execution_t *x
    cdef list _kept_alive
    cdef column_t *_columns
    cdef const int64_t *_grid
    cdef readonly int64_t sets
    cdef readonly int64_t warmup_sets
    cdef readonly int64_t at
    cdef int64_t _length_ns
    cdef int _symbols
    cdef due_t *_due
    cdef int64_t _due_count
    cdef int64_t _due_at
    cdef bar_t *_bars
    cdef int _present
    cdef readonly object error
    cdef object _progress
    cdef object _recorder
    cdef object _host

    cdef int _check_times(self) except -1
    cdef int _set(self, int64_t number) noexcept nogil
    cdef int _cap(self, int symbol, double volume) noexcept with gil
    cdef int _pause(self) noexcept with gil


@cython.final
cdef class CompiledHost:
    # Calls a compiled strategy, and keeps what may have to be put back.
    cdef readonly CompiledStrategy strategy
    cdef readonly Desk desk
    cdef execution_t *x
    cdef BarLoop loop
    cdef char *known
    cdef int64_t *versions
    cdef int _legs
    cdef group_t **groups  # by leg
    cdef group_t *ended
    cdef int open_groups
    cdef asked_t *blocked
    cdef int64_t *blocked_ns
    cdef int blocked_count
    cdef int blocked_capacity
    cdef notice_t *notices
    cdef int64_t notices_capacity
    cdef bint adds_at_market
    cdef int *reasons

    # What it calls is handed in: read anew from ``self`` it would be after each call.
    cdef int run(self, BarLoop loop, CompiledStrategy strategy, Desk desk) noexcept nogil
    cdef int decide(
        self, CompiledStrategy strategy, Desk desk, const bar_t *bars, int present, int64_t open_ns
    ) noexcept nogil
    cdef int ask(self, int symbol, int first, int64_t close_ns) noexcept nogil
    cdef int group_asked(self, int symbol, int leg, int first, int64_t close_ns) noexcept nogil
    cdef int block(self, const asked_t *asked, int64_t close_ns) noexcept nogil
    cdef int carry_out(self, int64_t open_ns, int64_t close_ns) noexcept nogil
    cdef int place_asked(self, const asked_t *asked, int64_t open_ns, int64_t close_ns) noexcept nogil
    cdef int judge(self, const asked_t *asked, int64_t open_ns, int64_t close_ns) noexcept with gil
    cdef int settled(self, int64_t number) noexcept with gil
    cdef int decided(self, int64_t number) noexcept with gil
    cdef int news(self) noexcept nogil
    cdef int read(self, int64_t *count) noexcept nogil
    cdef int tell_one(self, const notice_t *notice) noexcept nogil
    cdef group_t *group_of(self, int leg, int64_t close_ns, int number, int *place) noexcept nogil
    cdef int verdict(self, const group_t *group) noexcept nogil
    cdef void accept(self, int symbol) noexcept nogil
    cdef void put_back(self, int leg, const char *before) noexcept nogil
    cdef void forget(self) noexcept nogil
    cdef void drop(self, group_t *group) noexcept nogil
