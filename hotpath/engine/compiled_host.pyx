# cython: language_level=3, binding=True, embedsignature=False, auto_pickle=False, annotation_typing=False
"""A compiled strategy over the engine. The rules are those of decisions.py; here is only what C pointers need.

The interpreter's lock is held for the whole run: several sessions at once take several processes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from live_runner.contracts.errors import LedgerOverflow, StrategyError
from live_runner.contracts.messages import BlockedIntent, Intent
from live_runner.contracts.vocabulary import ACTIONS, KINDS, SIDES, STYLES
from live_runner.hotpath import fixed
from live_runner.hotpath.compiled.fixed cimport ST_OK, ST_OUT_OF_MEMORY
from live_runner.hotpath.engine.columns cimport bar_t
from live_runner.hotpath.engine.decisions cimport Decisions
from live_runner.hotpath.engine.groups cimport LegHistory
from live_runner.hotpath.engine.ledger cimport Leg
from live_runner.hotpath.engine.lists cimport empty
from live_runner.hotpath.engine.money cimport to_float
from live_runner.hotpath.engine.notices cimport Notice
from live_runner.hotpath.engine.orders cimport Order
from live_runner.hotpath.engine.pretrade cimport Asked, new_asked
from live_runner.hotpath.engine.session cimport Session
from live_runner.hotpath.engine.state cimport Market, State
from live_runner.hotpath.engine.strategy cimport (
    CompiledStrategy,
    Desk,
    asked_t,
    fill_news_t,
    handles_orders,
    rejection_news_t,
    UNNAMED,
)
from live_runner.hotpath.engine.words cimport (
    CLOSE,
    FILLED,
    MARKET,
    NOTICE_BLOCKED,
    NOTICE_DENIED,
    NOTICE_FILLED,
    NOTICE_REJECTED,
    OPEN,
    PROTECT,
)

from live_runner.hotpath.engine.decisions import INTENTS_PER_CALL_MAX
from live_runner.hotpath.engine.host import GaveUpError

__all__ = ["CompiledHost"]

cdef int INTENTS_MAX = INTENTS_PER_CALL_MAX


cdef bytes IS_STYLE = bytes(kind in STYLES for kind in KINDS)


cdef inline bint is_style(int kind):
    """Whether an intent may ask for this kind of order."""
    return 0 <= kind < PyBytes_GET_SIZE(IS_STYLE) and PyBytes_AS_STRING(IS_STYLE)[kind] == 1


cdef inline int call_on_bar(PyObject *strategy, const bar_t *bar, PyObject *desk) noexcept nogil:
    # Passed as attributes they would be counted up and down around each call.
    return (<CompiledStrategy>strategy).on_bar(bar, <Desk>desk)


cdef class CompiledHost(Decisions):
    """Calls one compiled strategy. A call that gives a negative status ends the run with GaveUpError."""

    cdef readonly CompiledStrategy strategy
    cdef readonly Desk desk
    cdef Session session
    cdef State account
    cdef PyObject *borrowed
    cdef list asked, held_back
    cdef list pool          # intents of the last decision, used again for the next one
    cdef char *accepted     # leg states as they were accepted last: most calls change none

    def __init__(
        self, Session session not None, CompiledStrategy strategy not None, Desk desk not None, bint skips_late
    ):
        cdef int symbol
        Decisions.__init__(self, session.columns, skips_late)
        if len(strategy.symbols) != self.symbols:
            raise StrategyError(
                f"A strategy of {len(strategy.symbols)} symbols is called with {self.symbols}",
                remedy="Make it with the configured symbols",
            )
        self.session = session
        self.account = session.state
        self.strategy = strategy
        self.desk = desk
        self.borrowed = <PyObject *>desk
        self.asked = []
        self.held_back = []
        self.pool = []
        self.keeps_state = strategy.leg_bytes > 0
        self.listens = self.keeps_state or handles_orders(strategy)
        self.account.notes = self.listens
        if self.keeps_state:
            if self.accepted != NULL:
                raise RuntimeError("A host is set up once")
            self.accepted = <char *>malloc(2 * self.symbols * strategy.leg_bytes)
            if self.accepted == NULL:
                raise MemoryError
            for symbol in range(self.symbols):
                Decisions.accept(self, symbol)
            memcpy(self.accepted, strategy.legs, 2 * self.symbols * strategy.leg_bytes)

    def __dealloc__(self):
        free(self.accepted)

    # -- a close ----------------------------------------------------------------------------------

    cdef int observe(self) except -1:
        cdef int symbol
        for symbol in range(self.symbols):
            if self.columns.bars[symbol].number == self.account.set_number:
                if self.strategy.observe(&self.columns.bars[symbol]) < 0:
                    self.give_up()
        return 0

    cdef int decide(self) except -1:
        if self.account.changes:
            self.forget_averages()
        self.desk.begin(self.account.now_ns)
        if self.numbered:
            empty(self.asked)
            if self.held_back:
                self.held_back = []
        if self.account.has_notices:
            self.account.has_notices = False
            self.decide_at(
                self.account.set_number, self.account.close_ns, self.account.now_ns, self.account.notices
            )
        elif self.waits:
            self.decide_at(self.account.set_number, self.account.close_ns, self.account.now_ns, None)
        else:
            self.decide_quietly()
        return 0

    cdef int decide_quietly(self) except -1:
        """``decide_at`` of a close without order events, without its calls in between."""
        cdef int symbol
        self.number = self.account.set_number
        self.close_ns = self.account.close_ns
        self.now_ns = self.account.now_ns
        self.numbered = 0
        for symbol in range(self.symbols):
            if self.columns.bars[symbol].number == self.number and not (
                self.skips_late and self.columns.bars[symbol].late
            ):
                self.ask_symbol(symbol)
        if self.desk.status != ST_OK:
            self.give_up()
        if self.wanted:
            self.hand_over()
            self.wanted = 0
        return 0

    cdef int forget_averages(self) except -1:
        cdef int at
        cdef Market market
        for at in range(self.symbols):
            market = <Market>self.account.markets[at]
            if market.long.changed:
                self.desk.forget_averages(at, 0)
            if market.short.changed:
                self.desk.forget_averages(at, 1)
        self.session.clear_changes()
        return 0

    cdef int ask(self) except -1:
        Decisions.ask(self)
        if self.desk.status != ST_OK:
            self.give_up()
        return 0

    cdef int give_up(self) except -1:
        if self.desk.status == ST_OUT_OF_MEMORY:
            raise MemoryError
        if self.desk.fault is not None and not isinstance(self.desk.fault, LedgerOverflow):
            raise self.desk.fault
        raise GaveUpError("The compiled strategy gave up") from self.desk.fault

    # -- intents ----------------------------------------------------------------------------------

    cdef int ask_symbol(self, int symbol) except -1:
        cdef int first = self.desk.asked_count
        if call_on_bar(<PyObject *>self.strategy, &self.columns.bars[symbol], self.borrowed) < 0:
            self.give_up()
        if self.desk.asked_count > first:
            self.take(symbol, first)
        elif self.keeps_state:
            self.accept(symbol)
        return 0

    cdef int take(self, int symbol, int first) except -1:
        """The intents that one call asked for."""
        cdef int at, index
        cdef asked_t *given
        cdef Asked asked
        cdef str reason
        cdef bytes long = self.known_state(2 * symbol)
        cdef bytes short = self.known_state(2 * symbol + 1)
        if self.desk.asked_count - first > INTENTS_MAX:
            raise GaveUpError(f"on_bar gave more than {INTENTS_PER_CALL_MAX} intents")
        if self.keeps_state:
            self.accept(symbol)
        for at in range(first, self.desk.asked_count):
            given = &self.desk.asked[at]
            if (
                given.symbol != symbol
                or not 0 <= given.leg <= 1
                or not (OPEN <= given.action <= CLOSE or given.action == PROTECT)
                or not 0 <= given.reason < len(self.strategy.reasons)
            ):
                raise StrategyError(
                    f"on_bar of {self.strategy.symbols[symbol]} asked for symbol {given.symbol}, leg {given.leg}, "
                    f"action {given.action} and reason {given.reason}",
                    remedy="Ask for the bar's own symbol, for LONG or SHORT, with the methods of the Desk, "
                    "and for a reason in the list of reasons",
                )
            self.numbered += 1
            index = 2 * symbol + given.leg
            self.remember(index, self.numbered, given.action, short if given.leg else long)
            asked = self.asked_of(given)
            reason = self.why_blocked(index, given.action)
            if reason:
                self.block(index, self.numbered, given.action, reason)
                self.held_back.append((asked, reason, self.blocked_detail))
            else:
                self.wanted += 1
                self.asked.append(asked)
        return 0

    cdef Asked asked_of(self, const asked_t *given):
        cdef Asked asked
        if self.numbered > len(self.pool):
            asked = new_asked(self.close_ns, self.numbered, given.symbol, given.leg, given.action)
            asked.by_float = True
            self.pool.append(asked)
        else:
            asked = <Asked>self.pool[self.numbered - 1]
            asked.close_ns = self.close_ns
            asked.number = self.numbered
            asked.symbol = given.symbol
            asked.side = given.leg
            asked.action = given.action
        asked.style = given.style
        asked.unknown_style = None
        if given.style != UNNAMED and not is_style(given.style):
            asked.style = -2
            asked.unknown_style = KINDS[given.style] if 0 <= given.style < len(KINDS) else str(given.style)
        asked.float_quantity = given.quantity
        asked.float_price = given.limit_price
        asked.stop_loss = fixed.float_text(given.stop_loss) if given.stop_loss else None
        asked.take_profit = fixed.float_text(given.take_profit) if given.take_profit else None
        asked.has_time_to_live = given.time_to_live_ns >= 0
        asked.time_to_live_ns = given.time_to_live_ns
        asked.reason = self.strategy.reasons[given.reason]
        return asked

    cdef int hand_over(self) except -1:
        self.session.carry_out(self.asked)
        return 0

    cpdef tuple decision(self):
        """The last decision in messages: intents, blocked intents, no failed calls."""
        if not self.numbered:
            return [], [], []
        return (
            [self.word_intent(asked) for asked in self.asked],
            [
                BlockedIntent(intent=self.word_intent(asked), reason=reason, detail=detail)
                for asked, reason, detail in self.held_back
            ],
            [],
        )

    cdef object word_intent(self, Asked asked):
        """The intent as the Python twin would have asked for it."""
        cdef bint has_price = asked.style > MARKET or asked.unknown_style is not None
        return Intent(
            id=f"{self.account.name}/{asked.close_ns}/{asked.number}",
            symbol=self.strategy.symbols[asked.symbol],
            leg=SIDES[asked.side],
            action=ACTIONS[asked.action],
            quantity=None if asked.action >= CLOSE else fixed.float_text(asked.float_quantity),
            style=KINDS[asked.style] if asked.style >= 0 else asked.unknown_style,
            limit_price=fixed.float_text(asked.float_price) if has_price else None,
            take_profit=asked.take_profit,
            stop_loss=asked.stop_loss,
            time_to_live_ns=asked.time_to_live_ns if asked.has_time_to_live else None,
            reason=asked.reason,
            bar_open_ns=self.columns.bars[asked.symbol].open_ns,
        )

    cpdef str backoff_detail(self, int index):
        """The last rejection of a leg that is in backoff, else None."""
        cdef Market market
        cdef Leg leg
        if not self.account.backoffs:
            return None
        market = <Market>self.account.markets[index // 2]
        leg = market.leg(index % 2)
        if leg.backoff is None or not leg.backoff.blocks(self.now_ns):
            return None
        return leg.backoff.detail

    # -- order events -----------------------------------------------------------------------------

    cdef int notify(self, Notice notice, bint restored) except -1:
        self.account.spare = notice  # a compiled strategy gets copies, so that none is kept
        if notice.kind == NOTICE_FILLED:
            self.fill(notice)
        elif notice.kind == NOTICE_DENIED or notice.kind == NOTICE_REJECTED or notice.kind == NOTICE_BLOCKED:
            self.rejection(notice, restored)
        else:
            return 0
        if self.keeps_state:
            self.accept(notice.symbol)
        return 0

    cdef int fill(self, Notice notice) except -1:
        cdef fill_news_t fill
        cdef Market market = <Market>self.account.markets[notice.symbol]
        cdef Order order = notice.order
        fill.symbol = notice.symbol
        fill.leg = notice.side
        fill.action = order.action
        fill.kind = order.kind
        fill.quantity = to_float(market.lot_grid, notice.lots)
        fill.price = to_float(market.grid, notice.ticks)
        fill.filled = to_float(market.lot_grid, notice.filled)
        fill.remaining = to_float(market.lot_grid, notice.remaining)
        fill.leg_quantity = to_float(market.lot_grid, notice.leg_lots)
        fill.is_done = notice.state == FILLED
        fill.at_ns = notice.at_ns
        if self.strategy.on_fill(&fill, self.desk) < 0:
            self.give_up()
        return 0

    cdef int rejection(self, Notice notice, bint restored) except -1:
        cdef rejection_news_t news
        memset(&news, 0, sizeof(news))
        news.symbol = notice.symbol
        news.leg = notice.side
        news.action = notice.action
        news.blocked = notice.kind == NOTICE_BLOCKED
        news.refused = notice.kind == NOTICE_DENIED
        news.retrying = notice.retrying
        news.restored = restored
        news.at_ns = notice.at_ns
        if self.strategy.on_rejection(&news, self.desk) < 0:
            self.give_up()
        return 0

    # -- leg states -------------------------------------------------------------------------------

    cdef int accept(self, int symbol) except -1:
        """Take over what strategy code left in the symbol's legs; nothing where it left them alone."""
        cdef int size = self.strategy.leg_bytes
        cdef int at = 2 * symbol * size
        if memcmp(self.accepted + at, self.strategy.legs + at, 2 * size) != 0:
            self.accept_changed(2 * symbol, size)
            self.accept_changed(2 * symbol + 1, size)
        return 0

    cdef int accept_changed(self, int index, int size) except -1:
        cdef char *state = self.strategy.legs + index * size
        cdef LegHistory history
        if memcmp(self.accepted + index * size, state, size) != 0:
            history = <LegHistory>self.legs[index]
            history.version += 1
            memcpy(self.accepted + index * size, state, size)
        return 0

    cdef bytes known_state(self, int index):
        """What was accepted last, as bytes, which are made at the first need: most changes are never put back."""
        cdef int size = self.strategy.leg_bytes
        cdef LegHistory history = <LegHistory>self.legs[index]
        if len(history.known) != size or memcmp(
            PyBytes_AS_STRING(history.known), self.accepted + index * size, size
        ) != 0:
            history.known = PyBytes_FromStringAndSize(self.accepted + index * size, size)
        return history.known

    cdef bytes changed_state(self, int index, bytes known):
        cdef int size = self.strategy.leg_bytes
        cdef char *now = self.strategy.legs + index * size
        if len(known) == size and memcmp(PyBytes_AS_STRING(known), now, size) == 0:
            return None
        return PyBytes_FromStringAndSize(now, size)

    cdef int write_state(self, int index, bytes state) except -1:
        memcpy(
            self.strategy.legs + index * self.strategy.leg_bytes, PyBytes_AS_STRING(state), self.strategy.leg_bytes
        )
        memcpy(self.accepted + index * self.strategy.leg_bytes, PyBytes_AS_STRING(state), self.strategy.leg_bytes)
        return 0
