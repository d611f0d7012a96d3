# The C side of the book: the same orders and fills without the GIL.
#
#     cdef book_t book
#     book_init(&book, slip_up, slip_down, slip_base, through, one_way)
#     book_at_open(&book, open_ticks, NO_CAP_C, False, longs, shorts)   # -> book.out[0 .. book.out_count)
#
# Functions return ST_OK or a negative status; after one of those the book is not used any further, and
# ``refused`` is the number that was out of range. ``out`` is valid until the next call. What ``book_init``
# made, ``book_free`` frees.

cimport cython
from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.fixed cimport int128

cdef enum:
    KIND_MARKET = 0
    KIND_LIMIT = 1
    KIND_POST_ONLY = 2
    KIND_STOP = 3
    KIND_TAKE_PROFIT = 4
    WHAT_FILLED = 0         # key, lots, ticks, reference ticks, maker
    WHAT_BORN = 1           # key, parent key, kind, lots, trigger ticks
    WHAT_CANCELLED = 2      # key, why
    WHY_OCO = 0
    WHY_LEG_FLAT = 1
    WHY_ONE_WAY = 2
    WHY_LIQUIDATION = 3
    NO_CAP_C = -1


ctypedef struct book_order_t:
    int64_t key
    int64_t lots
    int64_t ticks           # limit or trigger, 0 is no price
    int64_t stop            # of the stop and the target that are born with a fill, 0 for none
    int64_t target
    int64_t pair            # key of the order that is cancelled when this one is done, 0 for none
    int64_t used            # lots of the current bar
    int leg
    int kind
    bint reduce
    bint buy
    bint waits              # for the first bar that is not late
    bint rested
    bint triggered
    bint gone               # filled or cancelled, until the half of the bar is over


ctypedef struct happening_t:
    int what
    int64_t key
    int64_t a
    int64_t b
    int64_t c
    int64_t d


ctypedef struct book_t:
    book_order_t *orders    # in the order they came, keys ascending
    int count
    int capacity
    int *ranked             # places in ``orders``, worst case first; scratch
    happening_t *out
    int out_count
    int out_capacity
    int gone                # orders marked so
    int64_t key             # of the newest order
    int64_t slip_up
    int64_t slip_down
    int64_t slip_base
    bint slips
    bint through
    bint one_way
    int64_t position[2]
    int64_t cap
    int64_t open
    int128 refused


# ST_FAULT unless 0 <= slip_up, slip_down and 0 < slip_base.
cdef int book_init(
    book_t *b, int64_t slip_up, int64_t slip_down, int64_t slip_base, bint through, bint one_way
) noexcept nogil
cdef void book_free(book_t *b) noexcept nogil

# One more order, from the next bar on. ST_FAULT for no lots, ST_OVERFLOW outside 0 to 2**53 - 1.
cdef int book_add(
    book_t *b, int leg, int kind, bint reduce, int64_t lots, int64_t ticks, int64_t stop, int64_t target, bint waits,
    int64_t *key
) noexcept nogil

# Open lots of an order, 0 when it is not on the book; taken off by ``book_cancel``.
cdef int64_t book_cancel(book_t *b, int64_t key) noexcept nogil
cdef int64_t book_remaining(const book_t *b, int64_t key) noexcept nogil

cdef int book_at_open(
    book_t *b, int64_t open_ticks, int64_t cap, bint late, int64_t long_lots, int64_t short_lots
) noexcept nogil
cdef int book_inside(book_t *b, int64_t high, int64_t low) noexcept nogil
# ST_FAULT when there is no such order.
cdef int book_at_close(
    book_t *b, int64_t key, int64_t ticks, int64_t cap, int64_t long_lots, int64_t short_lots
) noexcept nogil
cdef int book_clear(book_t *b, int why) noexcept nogil

# Puts an order at the end as it is, from a snapshot.
cdef int book_put(book_t *b, const book_order_t *order) noexcept nogil


cdef class Book:
    cdef book_t c

    cdef list _said(self, int status)
