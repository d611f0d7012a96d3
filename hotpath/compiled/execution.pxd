# The C side of execution: for the bar loop and for compiled strategies.
#
# Everything here works on one ``execution_t`` without the GIL. A function gives ST_OK or a negative status;
# after a negative one the session cannot go on in this machine and the caller starts it anew on the cores,
# which name what is wrong.

from libc.stdint cimport int64_t

from live_runner.hotpath.compiled.fixed cimport Grid, Valuation, grid_t, int128, valuation_t
from live_runner.hotpath.compiled.ledger cimport ledger_t
from live_runner.hotpath.compiled.matching cimport book_t
from live_runner.hotpath.compiled.normalize cimport market_t as rules_t

cdef enum:
    SIDE_LONG = 0
    SIDE_SHORT = 1

cdef enum:
    ACTION_OPEN = 0
    ACTION_ADD = 1
    ACTION_PARTIAL_CLOSE = 2
    ACTION_CLOSE = 3

cdef enum:
    KIND_MARKET = 0
    KIND_LIMIT = 1
    KIND_POST_ONLY = 2
    KIND_STOP = 3
    KIND_TAKE_PROFIT = 4

cdef enum:
    STATE_REQUESTED = 0
    STATE_ACCEPTED = 1
    STATE_PARTLY_FILLED = 2
    STATE_CANCEL_REQUESTED = 3
    STATE_FILLED = 4  # and all above are closed
    STATE_CANCELLED = 5
    STATE_EXPIRED = 6
    STATE_REJECTED = 7

cdef enum:
    FALLBACK_REJECT = 1
    FALLBACK_TIMEOUT = 2

cdef enum:
    # Texts of ``reason`` that execution gives itself; a session's own follow.
    REASON_NONE = 0
    REASON_OCO = 1
    REASON_LEG_FLAT = 2
    REASON_ONE_WAY = 3
    REASON_LIQUIDATION = 4
    REASON_TIME_TO_LIVE = 5
    REASON_INTENT = 6
    REASON_TIMEOUT = 7
    REASONS_OWN = 8

cdef enum:
    # What the journal tells, one row per event of the execution core.
    TOLD_REQUESTED = 0
    TOLD_ACCEPTED = 1
    TOLD_FILLED = 2
    TOLD_CANCEL_REQUESTED = 3
    TOLD_CANCELLED = 4
    TOLD_EXPIRED = 5
    TOLD_CROSSES = 6  # rejected: a post-only that would take
    TOLD_MARGIN = 7  # rejected: not enough initial margin
    TOLD_DROPPED = 8  # incident: a fallback that a backoff forbids
    TOLD_REFUSED = 9
    TOLD_FUNDING = 10
    TOLD_LIQUIDATED = 11

cdef enum:
    PLACED = 0
    NOT_PLAIN = 1  # not refused yet: the whole desk has to judge this intent

cdef enum:
    PART_NONE = 0
    PART_STOP = 1
    PART_TARGET = 2
    PART_LONG = 3  # of a liquidation, whose event stands for the intent
    PART_SHORT = 4

ctypedef struct intent_t:
    # What a strategy asks for, numbered within its decision from 1. Zeros mean: not given.
    int number
    int symbol
    int leg
    int action
    int kind
    int reason
    int fallback
    double quantity
    double limit_price
    int64_t time_to_live_ns  # -1 when none was given

ctypedef struct decimal_t:
    int128 mantissa
    int decimals

ctypedef struct order_t:
    int64_t close_ns  # of the decision; for a liquidation the number of its event
    int number  # of the intent in the decision
    int attempt
    int named_attempt  # in its id: a protective order bears its entry's
    int part
    int part_number
    int symbol
    int leg
    int action
    int kind
    int state
    bint reduce
    bint waits
    bint at_next_open
    bint asked_given
    double asked
    int64_t quantity
    int64_t price
    int64_t reference
    int64_t expires_ns  # -1 for never
    int64_t filled
    int64_t stop
    int64_t target
    int64_t key
    int64_t venue_number
    int64_t text  # of the intent's own words, kept outside: 0 for none
    int fills
    int fallback
    int policy
    int reason
    int cancel_reason  # -1 for none
    int64_t next
    int64_t previous
    int64_t next_on_market
    int64_t previous_on_market

ctypedef struct rate_t:
    int64_t funding_ns
    int128 mantissa
    int decimals
    double mark  # NaN when the venue gave none
    int64_t text

ctypedef struct backoff_t:
    int failures
    bint blocked
    int64_t until_ns  # -1: until an entry fills
    int64_t event_seq
    int64_t at_ns
    int code  # TOLD_CROSSES or TOLD_MARGIN
    int64_t order
    int64_t close_ticks
    int128 missing

ctypedef struct policy_t:
    int max_failures
    int64_t backoff_ns  # -1 for none
    int fallback
    int64_t time_to_live_ns  # of limit orders, -1 for none
    bint nearest
    bint plain  # its words are words of the contract

ctypedef struct symbol_t:
    grid_t grid
    grid_t lot_grid
    valuation_t valuation
    book_t book
    double close
    double volume
    bint late
    int64_t bar_set
    int64_t cap
    rules_t rules
    double unit  # money units of one lot at one tick, nearly
    int128 min_notional  # -1 for none
    int128 max_notional
    rate_t *rates
    int rates_count
    int rates_capacity
    int64_t first  # open orders of the market, oldest first; -1 for none
    int64_t last

ctypedef struct row_t:
    int told
    int64_t order
    int64_t seq
    int64_t at_ns
    int64_t lots
    int64_t ticks
    int64_t reference
    int64_t leg_lots
    int64_t filled
    int64_t number  # fill or venue number, or a text's
    int64_t extra_ns
    int state
    int symbol
    int leg
    int reason
    bint maker
    bint retrying  # of a rejection or an end: a further order for the same intent follows
    int128 notional
    int128 fee
    int128 realised
    int128 slippage

ctypedef struct execution_t:
    ledger_t ledger
    symbol_t *markets
    int symbols
    order_t *orders
    int64_t orders_count
    int64_t orders_capacity
    int64_t first
    int64_t last
    int64_t now_ns
    int64_t close_ns
    int64_t bar_set
    int64_t seq
    int128 leverage_mantissa
    int128 leverage_scale
    int128 maintenance_mantissa
    int128 maintenance_scale
    bint margin_on
    double maintenance  # nearly
    int64_t maker_mantissa
    int maker_decimals
    int64_t taker_mantissa
    int taker_decimals
    bint at_close
    bint one_way
    bint late_entries
    bint moved  # the account, since it was settled
    bint capped
    int64_t next_expiry  # -1 for none
    policy_t *policies
    backoff_t *backoffs  # by 2 * symbol + leg; failures 0 means none
    int in_backoffs
    bint *changed
    int changes
    int64_t requested
    int64_t refused
    int64_t rejected
    int64_t fills
    int64_t numbered
    int64_t liquidations
    int64_t intents
    row_t *journal
    int64_t told
    int64_t journal_capacity

# One set: begin, a bar for each symbol that has one, end.
cdef inline void begin_set(execution_t *x, int64_t close_ns, int64_t number) noexcept nogil:
    if close_ns > x.now_ns:
        x.now_ns = close_ns
    x.close_ns = close_ns
    x.bar_set = number


cdef inline void note(execution_t *x, int symbol, double close, double volume, bint late) noexcept nogil:
    cdef symbol_t *m = &x.markets[symbol]
    m.close = close
    m.volume = volume
    m.late = late
    m.bar_set = x.bar_set


cdef int run_bar(
    execution_t *x, int symbol, double open, double high, double low, double close, bint late,
    int64_t open_ns, int64_t close_ns,
) noexcept nogil
cdef int end_moved_set(execution_t *x) noexcept nogil


cdef inline int end_set(execution_t *x) noexcept nogil:
    """After the bars of a set; where nothing moved the account is what it was when it was settled last."""
    if x.moved or x.next_expiry >= 0 or x.in_backoffs:
        return end_moved_set(x)
    return 0


cdef int await_rate(execution_t *x, int symbol, const rate_t *rate) noexcept nogil

cdef inline bint is_busy(execution_t *x, int symbol) noexcept nogil:
    # Whether a bar can change anything here: orders, funding due or a position.
    cdef symbol_t *m = &x.markets[symbol]
    return (
        m.book.count > 0
        or m.rates_count > 0
        or x.ledger.legs[2 * symbol].quantity > 0
        or x.ledger.legs[2 * symbol + 1].quantity > 0
    )

cdef enum:
    MONEY_DECIMALS = 12

# Mean entry price of so many lots, rounded half-even to 1e-12 as every account shows it; ST_OVERFLOW.
cdef int mean_price(const grid_t *grid, int128 cost, int64_t quantity, double *price) noexcept nogil

cdef inline int64_t position_of(execution_t *x, int symbol, int leg) noexcept nogil:
    return x.ledger.legs[2 * symbol + leg].quantity

# PLACED, NOT_PLAIN or a negative status.
cdef int place(execution_t *x, const intent_t *intent, int64_t close_ns) noexcept nogil
cdef int cancel_order(execution_t *x, int64_t order, int reason) noexcept nogil
cdef int request(execution_t *x, const order_t *order) noexcept nogil
# The same of a quantity and a limit price given exactly, as mantissa / 10**decimals; ``text`` words the quantity.
cdef int place_exact(
    execution_t *x, const intent_t *intent, int64_t close_ns, const decimal_t *quantity, const decimal_t *limit_price,
    int64_t text,
) noexcept nogil
cdef bint closes_whole_leg(execution_t *x, int symbol, int leg) noexcept nogil
cdef bint in_backoff(execution_t *x, int symbol, int leg) noexcept nogil
cdef inline void next_event(execution_t *x) noexcept nogil:
    """An event of the core that the journal does not hold: settled, executed, stopped."""
    x.seq += 1


cdef class Execution:
    cdef execution_t x
    cdef readonly list texts  # of reasons, funding rates and refusals, by number
    cdef dict _numbers
    cdef readonly object cap_of
    cdef list _policies

    cdef int _set_up(self, dict session) except -1
    cdef int64_t text(self, object words)
    cdef int await_text_rate(
        self, int symbol, int64_t funding_ns, object mantissa, int decimals, object mark, object text, rate_t *rate
    ) except -1
