# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""strategies/dual_lifo.py, compiled: the same intents, bit for bit.

The Python strategy is the specification and tells the rules; its parameters, warmup and policy are used as they stand
there. Names, and the order of every float operation, are those of the Python file: read both side by side.
"""

from typing import Any

from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memmove, memset

from live_runner.hotpath.engine.strategy cimport (
    ADD,
    CLOSE,
    GIVE_UP,
    LONG,
    OK,
    OPEN,
    PARTIAL_CLOSE,
    POST_ONLY,
    SHORT,
    CompiledStrategy,
    Desk,
    bar_t,
    fill_news_t,
)

__all__ = ["DualLifo"]

cdef const int64_t DAY_NS = 86_400_000_000_000

cdef enum:
    SUB_SELL_ABOVE = 5  # lots
    STEPPED_FILLS = 6
    SIZED_FILLS = 5
    FIRST_CAPACITY = 64  # bars of history; doubled when they do not fit
    NOTHING = -1  # beside CLOSE and PARTIAL_CLOSE

cdef enum:
    # Reasons, as numbers into ``reasons``; an add of fill n has LEVEL + n, from level_2 on.
    ENTRY = 1
    TAKE_PROFIT = 2
    SUB_TAKE_PROFIT = 3
    LEVEL = 2

ctypedef struct ladder_t:
    # One leg's parameters as the factors that each bar needs. What may be None has a flag beside it.
    int leg
    bint enabled
    double sign
    bint by_equity
    bint by_cash
    double size  # notional, or per cent of cash or equity
    double min_order_notional
    bint post_only
    double entry_offset_bp
    int64_t time_to_live_ns  # -1 for none
    double[5] factors
    double linear
    double[5] multipliers
    bint confirm_adds
    int max_fills
    int max_fills_per_bar
    double max_exposure
    double heavy_exposure
    int rate_orders
    int64_t window_ns
    bint has_regime
    double regime_move
    double take_profit
    bint has_retrace
    double retrace
    double sub_take_profit
    double fees
    bint reenter
    bint has_cap
    double cap

ctypedef struct ladder_state_t:
    # LadderState: what intents may change of one leg. Its adds within the rate window stand right behind it.
    # Compared byte by byte, so there is no gap between the fields, and what is not there is zero.
    double level
    double base_quantity
    double entry_close
    double best
    double target
    double carry
    int fills
    int adds
    bint has_level
    bint has_entry_close
    bint has_best
    bint has_target

ctypedef struct moment_t:
    int64_t close_ns
    double close

ctypedef struct day_t:
    # Closes of the last 24 hours and the last one before them, from ``begin`` to ``end``.
    moment_t *moments
    int64_t begin
    int64_t end
    int64_t capacity


# -- one ladder -------------------------------------------------------------------------------------


cdef ladder_t ladder_of(object parameters, int leg):
    cdef ladder_t ladder
    cdef double sign = 1.0 if leg == LONG else -1.0
    cdef int at
    memset(&ladder, 0, sizeof(ladder_t))
    ladder.leg = leg
    ladder.enabled = parameters.enabled
    ladder.sign = sign
    ladder.by_equity = parameters.base_notional is None
    ladder.by_cash = parameters.sizing_equity == "cash"
    ladder.size = parameters.equity_percent if ladder.by_equity else parameters.base_notional
    ladder.min_order_notional = parameters.min_order_notional
    ladder.post_only = parameters.entry_style == "post_only"
    ladder.entry_offset_bp = parameters.entry_offset_bp
    ladder.time_to_live_ns = -1
    if parameters.entry_time_to_live_s is not None:
        ladder.time_to_live_ns = nanoseconds(parameters.entry_time_to_live_s)
    for at in range(5):
        ladder.factors[at] = 1.0 - sign * <double>parameters.steps[at] / 100.0
        ladder.multipliers[at] = parameters.multipliers[at - 1] if at else 1.0
    ladder.linear = 1.0 - sign * <double>parameters.linear_step / 100.0
    ladder.confirm_adds = parameters.confirm_adds
    ladder.max_fills = parameters.max_fills
    ladder.max_fills_per_bar = parameters.max_fills_per_bar
    ladder.max_exposure = parameters.max_exposure
    ladder.heavy_exposure = parameters.heavy_exposure
    ladder.rate_orders = parameters.rate_orders
    ladder.window_ns = nanoseconds(parameters.rate_window_s)
    ladder.has_regime = parameters.regime_move is not None
    if ladder.has_regime:
        ladder.regime_move = parameters.regime_move
    ladder.take_profit = <double>parameters.take_profit / 100.0
    ladder.has_retrace = parameters.callback is not None
    if ladder.has_retrace:
        ladder.retrace = 1.0 - sign * <double>parameters.callback / 100.0
    ladder.sub_take_profit = <double>parameters.sub_take_profit / 100.0
    ladder.fees = <double>parameters.fees_bp / 1e4
    ladder.reenter = parameters.reenter
    ladder.has_cap = parameters.compensation_cap is not None
    if ladder.has_cap:
        ladder.cap = <double>parameters.compensation_cap / 100.0
    return ladder


cdef int64_t nanoseconds(double seconds):
    # Rounded as Python rounds. Three hundred years are as good as more.
    return min(round(seconds * 1e9), INT64_MAX)


cdef inline double factor(const ladder_t *ladder, int fills) noexcept nogil:
    """From the trigger of fill number ``fills`` to the trigger of the next one."""
    return ladder.factors[fills - 1] if fills < STEPPED_FILLS else ladder.linear


cdef inline double multiplier(const ladder_t *ladder, int fill) noexcept nogil:
    """Size of fill number ``fill`` in first lots."""
    return ladder.multipliers[fill - 1] if fill <= SIZED_FILLS else 1.0


cdef inline bint reached(const ladder_t *ladder, double touch, double close, double price) noexcept nogil:
    """Whether a winning price was touched and confirmed."""
    return ladder.sign * (touch - price) >= 0.0 and ladder.sign * (close - price) >= 0.0


# -- leg state --------------------------------------------------------------------------------------


cdef inline int64_t *added_ns(ladder_state_t *state) noexcept nogil:
    """Closes at which adds were asked, within the rate window: ``state.adds`` of them."""
    return <int64_t *>(state + 1)


cdef inline void set_best(ladder_state_t *state, bint known, double best) noexcept nogil:
    state.has_best = known
    state.best = best


cdef inline void set_target(ladder_state_t *state, bint known, double target) noexcept nogil:
    state.has_target = known
    state.target = target


cdef inline void set_level(ladder_state_t *state, bint known, double level) noexcept nogil:
    state.has_level = known
    state.level = level


cdef inline int recent_adds(const ladder_t *ladder, ladder_state_t *state, int64_t close_ns) noexcept nogil:
    """Number of remembered adds within the rate window; they are the last ones, for time goes on."""
    cdef int old = 0
    while old < state.adds and added_ns(state)[old] <= close_ns - ladder.window_ns:
        old += 1
    return state.adds - old


cdef void remember_adds(ladder_state_t *state, int recent, int asked, int64_t close_ns) noexcept nogil:
    """Keep the last ``recent`` adds and those just asked."""
    cdef int64_t *at = added_ns(state)
    cdef int add
    memmove(at, at + state.adds - recent, recent * sizeof(int64_t))
    for add in range(asked):
        at[recent + add] = close_ns
    if recent + asked < state.adds:
        memset(at + recent + asked, 0, (state.adds - recent - asked) * sizeof(int64_t))
    state.adds = recent + asked


cdef bint takes_profit(
    const ladder_t *ladder, ladder_state_t *state, double close, double touch, double average
) noexcept nogil:
    """Whether the whole leg is to be closed; arms and trails the take-profit."""
    cdef double sign = ladder.sign
    cdef double target = average * (1.0 + sign * (ladder.take_profit + state.carry))
    cdef bint done
    if not ladder.has_retrace:
        done = reached(ladder, touch, close, target)
    else:
        if not state.has_best and sign * (touch - target) < 0.0:
            return False
        if not state.has_best or sign * (touch - state.best) > 0.0:
            set_best(state, True, touch)
        done = sign * (close - target) >= 0.0 and sign * (close - state.best * ladder.retrace) <= 0.0
    if done:
        set_target(state, True, target)
    return done


cdef void rise(const ladder_t *ladder, ladder_state_t *state, const fill_news_t *fill) noexcept nogil:
    """One rung further: the first one hangs from the close that asked for the entry."""
    set_best(state, False, 0.0)
    if fill.action == OPEN or not state.has_level:
        state.fills = 1
        set_level(state, True, (state.entry_close if state.has_entry_close else fill.price) * factor(ladder, 1))
        return
    state.fills += 1
    state.level *= factor(ladder, state.fills)


# -- sizes and history ------------------------------------------------------------------------------


cdef double least_quantity(Desk desk, int symbol, double price, double notional) noexcept nogil:
    """The least whole number of lots worth at least ``notional`` that the market takes."""
    cdef double least = desk.smallest_quantity(symbol, price)
    cdef double by_notional = notional / (price * desk.rules[symbol].contract_size)
    return desk.whole_lots(symbol, by_notional if by_notional > least else least)


cdef bint has_room(day_t *day) noexcept nogil:
    """Make room for one more close: over those that are older than a day, else in twice the memory."""
    cdef int64_t capacity = 2 * day.capacity if day.capacity else FIRST_CAPACITY
    cdef moment_t *grown
    if day.begin > day.capacity // 2:
        day.end -= day.begin
        memmove(day.moments, day.moments + day.begin, day.end * sizeof(moment_t))
        day.begin = 0
        return True
    grown = <moment_t *>realloc(day.moments, capacity * sizeof(moment_t))
    if grown == NULL:
        return False
    day.moments = grown
    day.capacity = capacity
    return True


cdef class DualLifo(CompiledStrategy):
    """Two ladders per symbol; strategies/dual_lifo.py tells the rules."""

    cdef ladder_t[2] ladders
    cdef bint needs_day
    cdef day_t *days  # by symbol
    cdef int days_count

    def __init__(self, parameters: Any, symbols: tuple[str, ...], timeframe: str) -> None:
        super().__init__(parameters, symbols, timeframe)
        cdef int most_adds
        self.ladders[LONG] = ladder_of(parameters.long, LONG)
        self.ladders[SHORT] = ladder_of(parameters.short, SHORT)
        self.needs_day = any(
            [ladder.enabled and ladder.regime_move is not None for ladder in (parameters.long, parameters.short)]
        )
        most_fills = max(parameters.long.max_fills, parameters.short.max_fills)
        self.reasons += ["entry", "take_profit", "sub_take_profit"]
        self.reasons += [f"level_{fill}" for fill in range(2, most_fills + 1)]
        most_adds = max(self.ladders[LONG].rate_orders, self.ladders[SHORT].rate_orders)
        self.keep_legs(sizeof(ladder_state_t) + most_adds * sizeof(int64_t))
        self.days = <day_t *>calloc(len(symbols), sizeof(day_t))
        if self.days == NULL:
            raise MemoryError
        self.days_count = len(symbols)

    def __dealloc__(self):
        cdef int symbol
        for symbol in range(self.days_count):
            free(self.days[symbol].moments)
        free(self.days)

    # -- history ------------------------------------------------------------------------------------

    cdef int observe(self, const bar_t *bar) noexcept nogil:
        """Keep the closes of the last 24 hours, and the last one before them."""
        cdef day_t *day = &self.days[bar.symbol]
        cdef int64_t since = bar.close_ns - DAY_NS
        if not (bar.close > 0.0):
            return GIVE_UP  # no price to divide by
        if not self.needs_day:
            return OK
        if day.end == day.capacity and not has_room(day):
            return GIVE_UP
        day.moments[day.end].close_ns = bar.close_ns
        day.moments[day.end].close = bar.close
        day.end += 1
        while day.end - day.begin > 1 and day.moments[day.begin + 1].close_ns <= since:
            day.begin += 1
        return OK

    cdef bint day_move(self, const bar_t *bar, double *move) noexcept nogil:
        """Move of the close against that of 24 hours before, as a fraction; False when that is not known."""
        cdef day_t *day = &self.days[bar.symbol]
        cdef moment_t *before = &day.moments[day.begin]
        if before.close_ns > bar.close_ns - DAY_NS:
            return False
        move[0] = bar.close / before.close - 1.0
        return True

    # -- decision -----------------------------------------------------------------------------------

    cdef int on_bar(self, const bar_t *bar, Desk desk) noexcept nogil:
        """Open legs first, long then short; then entries, long then short."""
        cdef bint[2] entering
        cdef double move
        cdef int leg, status
        for leg in range(2):
            entering[leg] = False
            if self.ladders[leg].enabled:
                status = self.manage(bar, desk, leg, &entering[leg])
                if status != OK:
                    return status
        if self.needs_day and (entering[LONG] or entering[SHORT]) and not self.day_move(bar, &move):
            return OK
        for leg in range(2):
            if entering[leg]:
                status = self.enter(bar, desk, &self.ladders[leg])
                if status != OK:
                    return status
        return OK

    cdef int manage(self, const bar_t *bar, Desk desk, int leg, bint *entering) noexcept nogil:
        """Manage the open leg; whether it is to be entered."""
        cdef ladder_t *ladder = &self.ladders[leg]
        cdef int sale
        if not desk.is_open(bar.symbol, leg):
            entering[0] = not desk.is_entering(bar.symbol, leg)
            return OK
        if desk.is_leaving(bar.symbol, leg):
            return OK
        sale = self.sell(bar, desk, ladder)
        if desk.is_entering(bar.symbol, leg):
            return OK
        if sale == NOTHING:
            return self.climb(bar, desk, ladder)
        entering[0] = sale == CLOSE and ladder.reenter
        return OK

    cdef int sell(self, const bar_t *bar, Desk desk, const ladder_t *ladder) noexcept nogil:
        """Ask for the whole leg, or its newest lot, when its target was reached. CLOSE, PARTIAL_CLOSE or NOTHING."""
        cdef int symbol = bar.symbol, leg = ladder.leg
        cdef ladder_state_t *state = <ladder_state_t *>self.leg(symbol, leg)
        cdef double touch = bar.high if ladder.sign > 0.0 else bar.low
        cdef int newest = desk.lots(symbol, leg) - 1
        cdef double price, gain, notional, target
        if takes_profit(ladder, state, bar.close, touch, desk.average(symbol, leg)):
            desk.close(symbol, leg, TAKE_PROFIT)
            return CLOSE
        if newest + 1 <= SUB_SELL_ABOVE:
            return NOTHING
        price = desk.lot_price(symbol, leg, newest)
        if not reached(ladder, touch, bar.close, price * (1.0 + ladder.sign * ladder.fees)):
            return NOTHING  # not even breakeven, so that what it takes to know the gain can be spared
        gain = ladder.sub_take_profit + state.carry
        notional = desk.quantity(symbol, leg) * bar.close * desk.rules[symbol].contract_size
        if notional >= ladder.heavy_exposure * desk.equity():
            gain = 0.0
        target = price * (1.0 + ladder.sign * (ladder.fees + gain))
        if not reached(ladder, touch, bar.close, target):
            return NOTHING
        set_target(state, True, target)
        desk.partial_close(symbol, leg, desk.lot_quantity(symbol, leg, newest), SUB_TAKE_PROFIT)
        return PARTIAL_CLOSE

    cdef int climb(self, const bar_t *bar, Desk desk, const ladder_t *ladder) noexcept nogil:
        """One add for each level that the bar reached."""
        cdef int symbol = bar.symbol
        cdef ladder_state_t *state = <ladder_state_t *>self.leg(symbol, ladder.leg)
        cdef double sign = ladder.sign
        cdef double level = state.level
        cdef double touch = bar.low if sign > 0.0 else bar.high
        cdef int fills = state.fills
        cdef int asked = 0
        cdef int recent, most
        cdef double lot_value, least, notional, limit, quantity
        if not state.has_level or sign * (level - touch) < 0.0 or self.is_against(bar, ladder):
            return OK
        recent = recent_adds(ladder, state, bar.close_ns)
        lot_value = desk.rules[symbol].contract_size
        if bar.close * lot_value == 0.0:
            return GIVE_UP  # where Python raises
        least = least_quantity(desk, symbol, bar.close, ladder.min_order_notional)
        notional = desk.quantity(symbol, ladder.leg) * bar.close * lot_value
        limit = ladder.max_exposure * desk.equity()
        most = min(ladder.max_fills_per_bar, ladder.rate_orders - recent)
        while asked < most and fills < ladder.max_fills and sign * (level - touch) >= 0.0:
            if ladder.confirm_adds and sign * (level - bar.close) < 0.0:
                break
            quantity = multiplier(ladder, fills + 1) * state.base_quantity
            if least > quantity:
                quantity = least
            notional += quantity * bar.close * lot_value
            if notional > limit:
                break
            asked += 1
            fills += 1
            desk.add(symbol, ladder.leg, quantity, LEVEL + fills)
            level *= factor(ladder, fills)
        if asked:
            remember_adds(state, recent, asked, bar.close_ns)
        return OK

    cdef bint is_against(self, const bar_t *bar, const ladder_t *ladder) noexcept nogil:
        cdef double move
        if not ladder.has_regime:
            return False
        if not self.day_move(bar, &move):
            return True
        return -ladder.sign * move > ladder.regime_move

    cdef int enter(self, const bar_t *bar, Desk desk, const ladder_t *ladder) noexcept nogil:
        cdef ladder_state_t *state = <ladder_state_t *>self.leg(bar.symbol, ladder.leg)
        cdef double notional = ladder.size
        cdef double lot_value = bar.close * desk.rules[bar.symbol].contract_size
        cdef double quantity, least, price
        if lot_value == 0.0:
            return GIVE_UP  # where Python raises
        if ladder.by_equity:
            notional = (desk.cash() if ladder.by_cash else desk.equity()) * ladder.size / 100.0
        quantity = notional / lot_value
        least = least_quantity(desk, bar.symbol, bar.close, ladder.min_order_notional)
        if least > quantity:
            quantity = least
        state.base_quantity = quantity
        state.has_entry_close = True
        state.entry_close = bar.close
        if ladder.post_only:
            price = bar.close * (1.0 - ladder.sign * ladder.entry_offset_bp / 1e4)
            desk.open_limit(bar.symbol, ladder.leg, quantity, POST_ONLY, price, ladder.time_to_live_ns, ENTRY)
        else:
            desk.open(bar.symbol, ladder.leg, quantity, ENTRY)
        return OK

    # -- news ---------------------------------------------------------------------------------------

    cdef int on_fill(self, const fill_news_t *fill, Desk desk) noexcept nogil:
        """Move the ladder: up with an add, back with a sold lot, down when the leg is flat."""
        cdef ladder_t *ladder = &self.ladders[fill.leg]
        cdef ladder_state_t *state = <ladder_state_t *>self.leg(fill.symbol, fill.leg)
        cdef double shortfall
        if fill.action == OPEN or fill.action == ADD:
            if fill.filled == fill.quantity:  # the order's first
                rise(ladder, state, fill)
            return OK
        if state.has_target and ladder.has_cap:
            if state.target == 0.0:
                return GIVE_UP  # where Python raises
            shortfall = ladder.sign * (state.target - fill.price) / state.target
            if not shortfall > 0.0:
                shortfall = 0.0
            state.carry = shortfall if shortfall < ladder.cap else ladder.cap
        set_best(state, False, 0.0)
        if fill.is_done:
            set_target(state, False, 0.0)
        if fill.leg_quantity == 0.0:
            state.fills = 0
            set_level(state, False, 0.0)
            remember_adds(state, 0, 0, 0)
        elif fill.action == PARTIAL_CLOSE and fill.is_done and state.fills > 1 and state.has_level:
            state.level /= factor(ladder, state.fills)
            state.fills -= 1
        return OK
