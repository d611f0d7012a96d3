# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False
# cython: annotation_typing=False, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The five steps of a bar over columns, without an event per bar.

The specification is the cores in one process (services/backtest/loop.py): a set is matched and marked,
every symbol observed, news told, every symbol asked, the decision carried out, closes first. A set is one close
time at which at least one symbol has a bar.

``CompiledHost`` calls a compiled strategy without the GIL, so that several sessions use several cores; python_loop.pyx
calls a Python one. Whatever is not plain goes to the host object, which judges it with the services' own code.
"""

from typing import Any

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from live_runner.contracts.errors import DataError
from live_runner.hotpath.compiled.execution cimport (
    ACTION_ADD,
    KIND_MARKET,
    NOT_PLAIN,
    PART_LONG,
    TOLD_CANCELLED,
    TOLD_CROSSES,
    TOLD_EXPIRED,
    TOLD_FILLED,
    TOLD_MARGIN,
    TOLD_REFUSED,
    Execution,
    await_rate,
    begin_set,
    end_set,
    in_backoff,
    intent_t,
    is_busy,
    next_event,
    note,
    order_t,
    place,
    row_t,
    run_bar,
)
from live_runner.hotpath.compiled.fixed cimport (
    ST_FAULT,
    ST_OK,
    ST_OUT_OF_MEMORY,
    c_to_float,
)
from live_runner.hotpath.compiled.strategy cimport CompiledStrategy, Desk, asked_t, fill_news_t, rejection_news_t

__all__ = ["BarLoop", "CompiledHost"]

cdef enum:
    GROUPS_PER_LEG_MAX = 100

cdef int64_t TIME_END_NS = <int64_t>1 << 62  # in 2116; what is counted on from here still fits
cdef tuple PRICES = ("open", "high", "low", "close", "volume")

cdef enum:
    INTENT_OPEN = 0
    INTENT_VOID = 1
    INTENT_ACTED = 2

cdef enum:
    LEG_WAITS = 0
    LEG_KEPT = 1
    LEG_PUT_BACK = 2


@cython.final
cdef class BarLoop:
    """The columns of a session and where it stands in them.

    ``columns`` are, per symbol, open times in nanoseconds (int64) and open, high, low, close, volume (float64), each
    contiguous; ``grid`` the open times of all sets; ``due`` the funding rates by set. What does not fit together, such
    as a bar at a time that is no set's, is a DataError; prices are taken as they come, for who makes the columns has
    looked at them (services/market_data/core/columns.py). ``error`` is what a host raised.
    """

    def __init__(
        self,
        Execution machine not None,
        columns: list[tuple[Any, ...]],
        grid: Any,
        length_ns: int,
        warmup_sets: int,
        due: list[tuple[int, int, int, int, int, float | None, str]],
        progress: Any = None,
        recorder: Any = None,
    ) -> None:
        cdef const int64_t[::1] times
        cdef const double[::1] values
        cdef int at
        cdef int64_t number
        if self._columns != NULL:
            raise RuntimeError("A BarLoop is set up once")
        self.machine = machine
        self.x = &machine.x
        if len(columns) != machine.x.symbols:
            raise _unfit(f"{len(columns)} symbols come to a machine of {machine.x.symbols}", "symbols")
        self._symbols = len(columns)
        self._columns = <column_t *>calloc(self._symbols, sizeof(column_t))
        self._bars = <bar_t *>calloc(self._symbols, sizeof(bar_t))
        self._due = <due_t *>calloc(len(due) + 1, sizeof(due_t))
        if self._columns == NULL or self._bars == NULL or self._due == NULL:
            raise MemoryError
        self._kept_alive = [grid, [tuple(arrays) for arrays in columns]]
        for at, (opens_ns, *prices) in enumerate(self._kept_alive[1]):
            times = opens_ns
            if len(prices) != len(PRICES):
                raise _unfit(f"Symbol {at} has {len(prices)} columns instead of {len(PRICES)}", "symbols")
            for field, column in zip(PRICES, prices):
                if len(column) != len(times):
                    raise _unfit(f"Symbol {at} has {len(column)} rows of {field} and {len(times)} times", field, at)
            self._columns[at].rows = len(times)
            if len(times) == 0:
                continue
            self._columns[at].opens_ns = &times[0]
            values = prices[0]
            self._columns[at].open = &values[0]
            values = prices[1]
            self._columns[at].high = &values[0]
            values = prices[2]
            self._columns[at].low = &values[0]
            values = prices[3]
            self._columns[at].close = &values[0]
            values = prices[4]
            self._columns[at].volume = &values[0]
        times = grid
        self.sets = len(times)
        if self.sets:
            self._grid = &times[0]
        self.warmup_sets = warmup_sets
        self._length_ns = length_ns
        if not 0 < self._length_ns <= TIME_END_NS or self.warmup_sets < 0:
            raise _unfit(f"A bar of {length_ns} ns after {warmup_sets} sets of warmup is none", "length_ns")
        self._check_times()
        self._due_count = len(due)
        for number, (at_set, symbol, funding_ns, mantissa, decimals, mark, text) in enumerate(due):
            if not 0 <= symbol < self._symbols:
                raise _unfit(f"Funding rate {number} is of symbol {symbol} of {self._symbols}", "funding", symbol, number)
            if at_set < 0 or (number > 0 and at_set < self._due[number - 1].set):
                raise _unfit(f"Funding rate {number} is due before the one before it", "funding", symbol, number)
            self._due[number].set = at_set
            self._due[number].symbol = symbol
            machine.await_text_rate(symbol, funding_ns, mantissa, decimals, mark, text, &self._due[number].rate)
        self._progress = progress
        self._recorder = recorder

    cdef int _check_times(self) except -1:
        """Sets one after the other, and each bar in one: another would never come up, nor those after it."""
        cdef int64_t number
        cdef int64_t row
        cdef int symbol
        cdef column_t *column
        for number in range(self.sets):
            if not 0 <= self._grid[number] <= TIME_END_NS:
                raise _unfit(f"Set {number} opens at {self._grid[number]} ns, beyond 1970 to 2116", "time", -1, number)
            if number and self._grid[number] <= self._grid[number - 1]:
                raise _unfit(f"Set {number} does not open after the one before it", "time", -1, number)
        for symbol in range(self._symbols):
            column = &self._columns[symbol]
            number = 0
            for row in range(column.rows):
                while number < self.sets and self._grid[number] < column.opens_ns[row]:
                    number += 1
                if number == self.sets or self._grid[number] != column.opens_ns[row]:
                    raise _unfit(f"Row {row} of symbol {symbol} opens in no set, or twice in one", "time", symbol, row)
                number += 1
        return 0

    def __dealloc__(self):
        free(self._columns)
        free(self._bars)
        free(self._due)

    cdef int _set(self, int64_t number) noexcept nogil:
        """Match and mark one set; its bars stand in ``_bars`` then."""
        # In variables of their own: what is written through a pointer might be a field of this object, for all the
        # compiler knows, and each would be read again and again.
        cdef execution_t *x = self.x
        cdef column_t *column = self._columns
        cdef bar_t *bar = self._bars
        cdef int symbols = self._symbols
        cdef int64_t open_ns = self._grid[number]
        cdef int64_t close_ns = open_ns + self._length_ns
        cdef bint tradable = number >= self.warmup_sets
        cdef int64_t row
        cdef int symbol
        cdef int status
        begin_set(x, close_ns, number + 1)
        while self._due_at < self._due_count and self._due[self._due_at].set <= number:
            if tradable:
                status = await_rate(x, self._due[self._due_at].symbol, &self._due[self._due_at].rate)
                if status != ST_OK:
                    return status
            self._due_at += 1
        for symbol in range(symbols):
            row = column.at
            if row < column.rows and column.opens_ns[row] == open_ns:
                bar.symbol = symbol
                bar.open_ns = open_ns
                bar.close_ns = close_ns
                bar.open = column.open[row]
                bar.high = column.high[row]
                bar.low = column.low[row]
                bar.close = column.close[row]
                bar.volume = column.volume[row]
                column.at = row + 1
                note(x, symbol, bar.close, bar.volume, False)
                if tradable:
                    if x.capped:
                        status = self._cap(symbol, bar.volume)
                        if status != ST_OK:
                            return status
                    if is_busy(x, symbol):
                        status = run_bar(x, symbol, bar.open, bar.high, bar.low, bar.close, False, open_ns, close_ns)
                        if status != ST_OK:
                            return status
                bar += 1
            column += 1
        self._present = <int>(bar - self._bars)
        return end_set(x) if tradable else ST_OK

    cdef int _cap(self, int symbol, double volume) noexcept with gil:
        try:
            self.x.markets[symbol].cap = self.machine.cap_of(symbol, volume)
        except BaseException as error:
            self.error = error
            return ST_FAULT
        return ST_OK

    cdef int _pause(self) noexcept with gil:
        try:
            PyErr_CheckSignals()
            if self._progress is not None:
                self._progress(self.at)
        except BaseException as error:
            self.error = error
            return ST_FAULT
        return ST_OK


cdef object _unfit(str what, str field, int symbol=-1, int64_t row=-1):
    return DataError(what, remedy="Make the columns from a timeline of sets", field=field, symbol=symbol, row=row)


@cython.final
cdef class CompiledHost:
    """Calls one compiled strategy. ``judge_asked``, ``settled`` and ``decided`` of ``host`` are Python's part."""

    def __init__(
        self, BarLoop loop not None, CompiledStrategy strategy not None, Desk desk not None, object host, bint adds_at_market
    ):
        cdef int legs = 2 * loop._symbols
        cdef int at
        if self.groups != NULL:
            raise RuntimeError("A CompiledHost is set up once")
        if len(strategy.symbols) != loop._symbols:
            raise _unfit(f"A strategy of {len(strategy.symbols)} symbols is called with {loop._symbols}", "symbols")
        self.loop = loop
        self._legs = legs
        self.x = loop.x
        self.strategy = strategy
        self.desk = desk
        loop._host = host
        self.adds_at_market = adds_at_market
        self.reasons = <int *>malloc((len(strategy.reasons) + 1) * sizeof(int))
        if self.reasons == NULL:
            raise MemoryError
        for at, text in enumerate(strategy.reasons):
            self.reasons[at] = <int>loop.machine.text(text)
        self.versions = <int64_t *>calloc(legs, sizeof(int64_t))
        self.groups = <group_t **>calloc(legs, sizeof(group_t *))
        if self.versions == NULL or self.groups == NULL:
            raise MemoryError
        if strategy.leg_bytes:
            self.known = <char *>malloc(legs * strategy.leg_bytes)
            if self.known == NULL:
                raise MemoryError
            memcpy(self.known, strategy.legs, legs * strategy.leg_bytes)

    def __dealloc__(self):
        cdef int leg
        cdef group_t *group
        if self.groups != NULL:
            # Of its own: the collector of cycles may have taken the loop away already.
            for leg in range(self._legs):
                while self.groups[leg] != NULL:
                    group = self.groups[leg]
                    self.groups[leg] = group.next
                    self.drop(group)
        while self.ended != NULL:
            group = self.ended
            self.ended = group.next
            self.drop(group)
        free(self.known)
        free(self.reasons)
        free(self.versions)
        free(self.groups)
        free(self.blocked)
        free(self.blocked_ns)
        free(self.notices)

    def run_all(self) -> int:
        """Every set, without the GIL; the machine's status."""
        cdef int status
        with nogil:
            status = self.run(self.loop, self.strategy, self.desk)
        return status

    cdef int run(self, BarLoop loop, CompiledStrategy strategy, Desk desk) noexcept nogil:
        cdef execution_t *x = self.x
        cdef int64_t number
        cdef int64_t sets = loop.sets
        cdef int64_t warmup_sets = loop.warmup_sets
        cdef int legs = self._legs
        cdef int at
        cdef int status
        cdef bint records = loop._recorder is not None
        cdef bar_t *bars = loop._bars
        for number in range(sets):
            loop.at = number
            if number % PAUSE_SETS == 0:
                status = loop._pause()
                if status != ST_OK:
                    return status
            status = loop._set(number)
            if status != ST_OK:
                return status
            for at in range(loop._present):
                status = strategy.observe(&bars[at])
                if status < 0:
                    return status
            if number < warmup_sets:
                continue
            if records:
                status = self.settled(number)
                if status != ST_OK:
                    return status
            next_event(x)  # settled
            if x.changes:
                for at in range(legs):
                    if x.changed[at]:
                        x.changed[at] = False
                        desk.forget_averages(at // 2, at % 2)
                x.changes = 0
            desk.begin(x.now_ns)
            if x.told or self.blocked_count or self.open_groups:
                status = self.news()
                if status != ST_OK:
                    return status
                x.told = 0
            status = self.decide(strategy, desk, bars, loop._present, loop._grid[number])
            if status != ST_OK:
                return status
            if records:
                status = self.decided(number)
                if status != ST_OK:
                    return status
        loop.at = sets
        return loop._pause()

    # -- decision ---------------------------------------------------------------------------------------

    cdef int decide(
        self, CompiledStrategy strategy, Desk desk, const bar_t *bars, int present, int64_t open_ns
    ) noexcept nogil:
        cdef int64_t close_ns = self.x.close_ns
        cdef int at
        cdef int first
        cdef int status
        for at in range(present):
            first = desk.asked_count
            status = strategy.on_bar(&bars[at], desk)
            if status < 0:
                return status
            if desk.asked_count > first:
                status = self.ask(bars[at].symbol, first, close_ns)
                if status != ST_OK:
                    return status
            elif strategy.leg_bytes:
                self.accept(bars[at].symbol)
        if desk.status != ST_OK:
            return desk.status
        if desk.asked_count:
            return self.carry_out(open_ns, close_ns)
        return ST_OK

    cdef int ask(self, int symbol, int first, int64_t close_ns) noexcept nogil:
        """Hold back what a backoff forbids, and remember the legs as they were before."""
        cdef asked_t *asked
        cdef int at
        cdef int leg
        cdef int status
        for at in range(first, self.desk.asked_count):
            asked = &self.desk.asked[at]
            if asked.action <= ACTION_ADD and in_backoff(self.x, asked.symbol, asked.leg):
                asked.blocked = True
                status = self.block(asked, close_ns)
                if status != ST_OK:
                    return status
        for leg in range(2):
            status = self.group_asked(symbol, leg, first, close_ns)
            if status != ST_OK:
                return status
        if self.strategy.leg_bytes:
            self.accept(symbol)
        for leg in range(2):
            if self.groups[2 * symbol + leg] != NULL and self.groups[2 * symbol + leg].version < 0:
                self.groups[2 * symbol + leg].version = self.versions[2 * symbol + leg]
        return ST_OK

    cdef int group_asked(self, int symbol, int leg, int first, int64_t close_ns) noexcept nogil:
        """The intents of one leg as a group, with the leg's state before; its version is set afterwards."""
        cdef int size = self.strategy.leg_bytes
        cdef int index = 2 * symbol + leg
        cdef int count = 0
        cdef int at
        cdef group_t *group
        for at in range(first, self.desk.asked_count):
            count += self.desk.asked[at].leg == leg
        if count == 0:
            return ST_OK
        # One piece of memory: the group, its numbers, their outcomes, and the leg's state before.
        group = <group_t *>malloc(sizeof(group_t) + count * (sizeof(int) + 1) + size)
        if group == NULL:
            return ST_OUT_OF_MEMORY
        memset(group, 0, sizeof(group_t))
        group.numbers = <int *>(group + 1)
        group.outcomes = <char *>(group.numbers + count)
        group.before = group.outcomes + count
        memset(group.outcomes, INTENT_OPEN, count)
        if size:
            memcpy(group.before, self.known + index * size, size)
        group.close_ns = close_ns
        group.version = -1
        group.first_notice = -1
        for at in range(first, self.desk.asked_count):
            if self.desk.asked[at].leg == leg:
                group.numbers[group.count] = self.desk.asked[at].number
                group.count += 1
        group.next = self.groups[index]
        self.groups[index] = group
        self.open_groups += 1
        return ST_OK

    cdef int block(self, const asked_t *asked, int64_t close_ns) noexcept nogil:
        """An intent that is held back; the strategy is told with the next news."""
        cdef asked_t *grown
        cdef int64_t *times
        if self.blocked_count == self.blocked_capacity:
            grown = <asked_t *>realloc(self.blocked, (2 * self.blocked_capacity + 8) * sizeof(asked_t))
            if grown == NULL:
                return ST_OUT_OF_MEMORY
            self.blocked = grown
            times = <int64_t *>realloc(self.blocked_ns, (2 * self.blocked_capacity + 8) * sizeof(int64_t))
            if times == NULL:
                return ST_OUT_OF_MEMORY
            self.blocked_ns = times
            self.blocked_capacity = 2 * self.blocked_capacity + 8
        self.blocked[self.blocked_count] = asked[0]
        self.blocked_ns[self.blocked_count] = close_ns
        self.blocked_count += 1
        return ST_OK

    cdef int carry_out(self, int64_t open_ns, int64_t close_ns) noexcept nogil:
        """Closes first, then opens and adds, each group in the order said."""
        cdef asked_t *asked
        cdef int passing
        cdef int at
        cdef int64_t said = 0
        cdef int status
        for passing in range(2):
            for at in range(self.desk.asked_count):
                asked = &self.desk.asked[at]
                if asked.blocked or (asked.action <= ACTION_ADD) != (passing == 1):
                    continue
                said += 1
                status = self.place_asked(asked, open_ns, close_ns)
                if status != ST_OK:
                    return status
        self.x.intents += said
        if said:
            next_event(self.x)  # executed
        return ST_OK

    cdef int place_asked(self, const asked_t *asked, int64_t open_ns, int64_t close_ns) noexcept nogil:
        cdef intent_t intent
        cdef int status
        memset(&intent, 0, sizeof(intent_t))
        intent.kind = asked.style
        if asked.style < 0:
            if asked.action == ACTION_ADD and not self.adds_at_market:
                return self.judge(asked, open_ns, close_ns)
            intent.kind = KIND_MARKET
        if asked.time_to_live_ns >= 0 and not is_plain_time(asked.time_to_live_ns):
            return self.judge(asked, open_ns, close_ns)
        intent.number = asked.number
        intent.symbol = asked.symbol
        intent.leg = asked.leg
        intent.action = asked.action
        intent.reason = self.reasons[asked.reason]
        intent.quantity = asked.quantity
        intent.limit_price = asked.limit_price
        intent.time_to_live_ns = asked.time_to_live_ns
        status = place(self.x, &intent, close_ns)
        if status == NOT_PLAIN:
            return self.judge(asked, open_ns, close_ns)
        return status

    cdef int judge(self, const asked_t *asked, int64_t open_ns, int64_t close_ns) noexcept with gil:
        """Let the desk decide on what is not plain."""
        try:
            self.loop._host.judge_asked(_asked_row(asked, self.strategy), open_ns, close_ns)
        except BaseException as error:
            self.loop.error = error
            return ST_FAULT
        return ST_OK

    cdef int settled(self, int64_t number) noexcept with gil:
        try:
            self.loop._recorder.settled(number)
        except BaseException as error:
            self.loop.error = error
            return ST_FAULT
        return ST_OK

    cdef int decided(self, int64_t number) noexcept with gil:
        cdef int at
        try:
            asked = [_asked_row(&self.desk.asked[at], self.strategy) for at in range(self.desk.asked_count)]
            self.loop._recorder.decided(number, asked)
        except BaseException as error:
            self.loop.error = error
            return ST_FAULT
        return ST_OK

    # -- news -------------------------------------------------------------------------------------------

    cdef int news(self) noexcept nogil:
        """Say what happened since the last decision, in its order; put legs back where all came to nothing."""
        cdef int64_t count = 0
        cdef int64_t at
        cdef group_t *group
        cdef int status = self.read(&count)
        if status != ST_OK:
            return status
        for at in range(count):
            status = self.tell_one(&self.notices[at])
            if status < 0:
                return status
        self.forget()
        while self.ended != NULL:
            group = self.ended
            self.ended = group.next
            self.drop(group)
        self.blocked_count = 0
        return ST_OK

    cdef int read(self, int64_t *count) noexcept nogil:
        """What each piece of news means for the group of its intent."""
        cdef int64_t items = self.blocked_count + self.x.told
        cdef int64_t at
        cdef notice_t *grown
        cdef notice_t *notice
        cdef row_t *row
        cdef order_t *order
        cdef group_t *group
        cdef group_t *following
        cdef int place = 0
        cdef int leg
        cdef int outcome
        if items > self.notices_capacity:
            grown = <notice_t *>realloc(self.notices, 2 * items * sizeof(notice_t))
            if grown == NULL:
                return ST_OUT_OF_MEMORY
            self.notices = grown
            self.notices_capacity = 2 * items
        count[0] = items
        for at in range(items):
            notice = &self.notices[at]
            memset(notice, 0, sizeof(notice_t))
            if at < self.blocked_count:
                notice.row = -1 - at
                leg = 2 * self.blocked[at].symbol + self.blocked[at].leg
                group = self.group_of(leg, self.blocked_ns[at], self.blocked[at].number, &place)
                if group != NULL:
                    group.outcomes[place] = INTENT_VOID
            else:
                notice.row = at - self.blocked_count
                row = &self.x.journal[notice.row]
                leg = 2 * row.symbol + row.leg
                outcome = INTENT_OPEN
                group = NULL
                if row.told == TOLD_REFUSED and row.order < 0:
                    outcome = INTENT_VOID
                    group = self.group_of(leg, row.extra_ns, <int>row.lots, &place)
                elif row.told == TOLD_REFUSED or row.told == TOLD_FILLED or row.told == TOLD_CANCELLED or (
                    row.told == TOLD_EXPIRED or row.told == TOLD_CROSSES or row.told == TOLD_MARGIN
                ):
                    order = &self.x.orders[row.order]
                    if order.part < PART_LONG:
                        group = self.group_of(leg, order.close_ns, order.number, &place)
                    notice.retrying = row.retrying
                    if row.told == TOLD_FILLED or (
                        (row.told == TOLD_CANCELLED or row.told == TOLD_EXPIRED) and row.filled > 0
                    ):
                        outcome = INTENT_ACTED
                    elif row.told == TOLD_REFUSED or not notice.retrying:
                        outcome = INTENT_VOID
                if group != NULL and group.outcomes[place] == INTENT_ACTED:
                    group = NULL
                if group != NULL:
                    group.outcomes[place] = outcome
            notice.group = group
            if group != NULL:
                if group.first_notice < 0:
                    group.first_notice = <int>at
                if self.verdict(group) == LEG_PUT_BACK:
                    self.notices[group.first_notice].puts_back = group
            if notice.row >= 0 and self.x.journal[notice.row].told == TOLD_FILLED:
                row = &self.x.journal[notice.row]
                order = &self.x.orders[row.order]
                group = self.groups[leg]
                self.groups[leg] = NULL
                while group != NULL:
                    following = group.next
                    group.filled_since = True
                    if group.first_notice >= 0 and group.close_ns == order.close_ns:
                        for place in range(group.count):
                            if group.numbers[place] == order.number:
                                self.notices[group.first_notice].puts_back = NULL
                    group.next = self.ended
                    self.ended = group
                    self.open_groups -= 1
                    group = following
        return ST_OK

    cdef int tell_one(self, const notice_t *notice) noexcept nogil:
        cdef row_t *row
        cdef order_t *order
        cdef asked_t *asked
        cdef fill_news_t fill
        cdef rejection_news_t rejection
        cdef group_t *group = notice.puts_back
        cdef int leg
        cdef int status
        if notice.row < 0:
            asked = &self.blocked[-1 - notice.row]
            leg = 2 * asked.symbol + asked.leg
        else:
            row = &self.x.journal[notice.row]
            leg = 2 * row.symbol + row.leg
        if group != NULL and group.version == self.versions[leg]:
            if self.strategy.leg_bytes:
                self.put_back(leg, group.before)
            group.restored = True
        if notice.row >= 0 and row.told == TOLD_FILLED:
            order = &self.x.orders[row.order]
            fill.symbol = row.symbol
            fill.leg = row.leg
            fill.action = order.action
            fill.kind = order.kind
            fill.quantity = c_to_float(&self.x.markets[row.symbol].lot_grid, row.lots)
            fill.price = c_to_float(&self.x.markets[row.symbol].grid, row.ticks)
            fill.filled = c_to_float(&self.x.markets[row.symbol].lot_grid, row.filled)
            fill.remaining = c_to_float(&self.x.markets[row.symbol].lot_grid, order.quantity - row.filled)
            fill.leg_quantity = c_to_float(&self.x.markets[row.symbol].lot_grid, row.leg_lots)
            fill.is_done = order.quantity == row.filled
            fill.at_ns = row.at_ns
            status = self.strategy.on_fill(&fill, self.desk)
        elif notice.row < 0 or row.told == TOLD_REFUSED or row.told == TOLD_CROSSES or row.told == TOLD_MARGIN:
            memset(&rejection, 0, sizeof(rejection_news_t))
            rejection.symbol = leg // 2
            rejection.leg = leg % 2
            rejection.blocked = notice.row < 0
            rejection.refused = notice.row >= 0 and row.told == TOLD_REFUSED
            rejection.retrying = notice.retrying
            rejection.restored = notice.group != NULL and notice.group.restored
            rejection.at_ns = self.blocked_ns[-1 - notice.row] if notice.row < 0 else row.at_ns
            rejection.action = -1
            if notice.row < 0:
                rejection.action = asked.action
            elif row.order >= 0:
                rejection.action = self.x.orders[row.order].action
            status = self.strategy.on_rejection(&rejection, self.desk)
        else:
            return ST_OK
        if self.strategy.leg_bytes:
            self.accept(leg // 2)
        return status

    cdef group_t *group_of(self, int leg, int64_t close_ns, int number, int *place) noexcept nogil:
        """The group of an intent, and its place in it; NULL when nothing can be put back any more."""
        cdef group_t *group = self.groups[leg]
        while group != NULL:
            if group.close_ns == close_ns:
                for place[0] in range(group.count):
                    if group.numbers[place[0]] == number:
                        return group
            group = group.next
        return NULL

    cdef int verdict(self, const group_t *group) noexcept nogil:
        cdef bint is_open = False
        cdef int at
        if group.filled_since:
            return LEG_KEPT
        for at in range(group.count):
            if group.outcomes[at] == INTENT_ACTED:
                return LEG_KEPT
            is_open = is_open or group.outcomes[at] == INTENT_OPEN
        return LEG_WAITS if is_open else LEG_PUT_BACK

    cdef void accept(self, int symbol) noexcept nogil:
        """What the strategy left in the symbol's legs is their state now."""
        cdef int size = self.strategy.leg_bytes
        cdef int leg
        for leg in range(2 * symbol, 2 * symbol + 2):
            if memcmp(self.known + leg * size, self.strategy.legs + leg * size, size) != 0:
                memcpy(self.known + leg * size, self.strategy.legs + leg * size, size)
                self.versions[leg] += 1

    cdef void put_back(self, int leg, const char *before) noexcept nogil:
        cdef int size = self.strategy.leg_bytes
        memcpy(self.strategy.legs + leg * size, before, size)
        if memcmp(self.known + leg * size, before, size) != 0:
            memcpy(self.known + leg * size, before, size)
            self.versions[leg] += 1

    cdef void forget(self) noexcept nogil:
        """Drop the groups that are finished, or whose leg has changed since."""
        cdef group_t *group
        cdef group_t **link
        cdef int leg
        cdef int count
        if not self.open_groups:
            return
        for leg in range(2 * self.loop._symbols):
            link = &self.groups[leg]
            count = 0
            while link[0] != NULL:
                group = link[0]
                group.first_notice = -1
                if (
                    group.version == self.versions[leg]
                    and self.verdict(group) == LEG_WAITS
                    and count < GROUPS_PER_LEG_MAX
                ):
                    count += 1
                    link = &group.next
                else:
                    link[0] = group.next
                    self.open_groups -= 1
                    self.drop(group)

    cdef void drop(self, group_t *group) noexcept nogil:
        free(group)


cdef tuple _asked_row(const asked_t *asked, CompiledStrategy strategy):
    return (
        asked.number,
        asked.symbol,
        asked.leg,
        asked.action,
        asked.style,
        asked.quantity,
        asked.limit_price,
        asked.time_to_live_ns,
        strategy.reasons[asked.reason],
        bool(asked.blocked),
    )
