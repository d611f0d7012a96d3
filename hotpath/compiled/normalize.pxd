# The C side of normalization: the rules of one market without the GIL.
#
#     cdef const market_t *market = market_of(normalizer)
#     cdef bint sure
#     status = c_amount_lots(market, amount, ROUND_DOWN, True, &lots, &sure)
#     if not sure: ask ``normalizer.amount_lots(amount)``, which is right for every number
#
# A ``c_*`` function returns ST_OK or, where the market does not take the number, one of the REASON_*; it is
# ``sure`` of either for everyday numbers of up to 15 digits.

cimport cython
from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.fixed cimport Grid, Valuation, grid_t, int128, valuation_t

cdef enum:
    PASSES_MAX = 2

cdef enum:
    ROUND_AS_VENUE = -1
    ROUND_DOWN = 0
    ROUND_NEAREST = 1       # a half away from zero

cdef enum:
    # Why a market does not take a number; the tokens of NormalizationRefused in the same order.
    REASON_NOT_A_NUMBER = -10
    REASON_NEGATIVE = -11
    REASON_PRICE_OUT_OF_RANGE = -12
    REASON_AMOUNT_ROUNDS_TO_ZERO = -13
    REASON_BELOW_MIN_AMOUNT = -14
    REASON_ABOVE_MAX_AMOUNT = -15
    REASON_BELOW_MIN_NOTIONAL = -16
    REASON_ABOVE_MAX_NOTIONAL = -17


ctypedef struct pass_t:
    int rounding
    int mode
    grid_t grid             # steps and decimal places alike
    int digits              # significant ones


ctypedef struct market_t:
    grid_t ticks
    grid_t lots
    valuation_t valuation
    pass_t price[PASSES_MAX]
    pass_t amount[PASSES_MAX]
    int price_count         # of passes; 0: not sure of anything
    int amount_count
    bint price_is_ticks     # the one pass of a price is the tick grid itself
    bint amount_is_lots
    bint zero_price
    bint inverse
    int64_t min_ticks
    int64_t max_ticks
    int64_t min_lots
    int64_t max_lots
    int128 min_notional
    int128 max_notional


# The token of a reason.
cdef const char *c_reason(int status) noexcept nogil

# A price on the tick grid, an amount on the lot grid: of a float, which stands for its shortest decimal text,
# or of mantissa / 10**decimals, as ``parse_c`` reads it from text. Without ``limits`` the minimum and maximum
# are not looked at: a close takes what is there.
cdef int c_price_ticks(const market_t *m, double value, int64_t *ticks, bint *sure) noexcept nogil
cdef int c_amount_lots(
    const market_t *m, double value, int rounding, bint limits, int64_t *lots, bint *sure
) noexcept nogil
cdef int c_decimal_ticks(const market_t *m, int128 mantissa, int decimals, int64_t *ticks, bint *sure) noexcept nogil
cdef int c_decimal_lots(
    const market_t *m, int128 mantissa, int decimals, int rounding, bint limits, int64_t *lots, bint *sure
) noexcept nogil

# Money of an order, inside the market's notional limits.
cdef int c_order_notional(const market_t *m, int64_t lots, int64_t ticks, int128 *money) noexcept nogil


@cython.final
cdef class Normalizer:
    cdef readonly object instrument
    cdef readonly Grid ticks
    cdef readonly Grid lots
    cdef readonly Valuation valuation
    cdef object _reference
    cdef market_t c

    cdef object _plain(self)


cdef inline const market_t *market_of(Normalizer normalizer) noexcept:
    return &normalizer.c
