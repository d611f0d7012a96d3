cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.book cimport Book, takes_at_once
from live_runner.hotpath.engine.bracket cimport closing_order, refuse_bracket
from live_runner.hotpath.engine.columns cimport Columns, bar_p
from live_runner.hotpath.engine.ledger cimport Ledger, Leg, Position
from live_runner.hotpath.engine.gateway cimport Gateway
from live_runner.hotpath.engine.manager cimport Manager
from live_runner.hotpath.engine.margin cimport Margin
from live_runner.hotpath.engine.money cimport money_text, ticks_at, units_text
from live_runner.hotpath.engine.orders cimport Order, flatten_order, intent_name, new_order
from live_runner.hotpath.engine.state cimport FundingDue, Market, Sink, State
from live_runner.hotpath.engine.words cimport (
    CLOSE, LIQUIDATION, LONG_PART, MARKET, POST_ONLY, STOP, STOP_PART, TAKE_PROFIT, TARGET_PART,
)

cdef tuple ACTIONS, END_REASONS, SIDES

cdef class Paper(Gateway):
    cdef State state
    cdef Manager manager
    cdef Margin margin
    @cython.locals(state=State, market=Market)
    cdef int submit(self, Order order) except -1
    @cython.locals(market=Market, close=int64_t, side=str, price=str, at=str)
    cdef bint crosses(self, Order order) except -1
    @cython.locals(missing=int128)
    cdef bint lacks_margin(self, Order order) except -1
    @cython.locals(at=int)
    cdef bint is_at_its_close(self, Order order) noexcept
    cdef int cancel(self, Order order, str reason) except -1
    cdef int expire(self, Order order) except -1
    cdef bint is_irrevocable(self, Order order) except -1
    @cython.locals(market=Market, side=int, lots=int64_t, order=Order, number=int, state=State)
    cdef int flatten(self, str command_id) except -1
    @cython.locals(leg=Leg)
    cdef int close_leg(self, Market market, int side, str intent_id) except -1
    @cython.locals(state=State, order=Order)
    cdef int close_at_open(self, Market market, int side, int64_t lots, str intent_id) except -1
    @cython.locals(market=Market)
    cdef int take_off(self, Order order) except -1
    cdef int mark_busy(self, Market market) except -1
    cdef int number(self, Order order) except -1
    @cython.locals(market=Market, leg=Leg)
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns) except -1
    cdef int cancelled(self, Order order, int why) except -1
    @cython.locals(market=Market)
    cdef bint moves(self, Position position, int64_t start, int64_t end, int64_t at_ns) except -1
    cdef bint is_in_danger(self, Market market, int64_t opened, int64_t high, int64_t low) noexcept
    @cython.locals(market=Market, stop=Order, target=Order)
    cdef int create_bracket(self, Order entry, int64_t lots) except -1
    @cython.locals(market=Market, leg=str, message=str)
    @cython.locals(order=Order)
    cdef Order child(self, Order entry, int kind, int part, int64_t lots, int64_t ticks)
    @cython.locals(market=Market, order=Order)
    cdef int stand(self, Order order) except -1
    cdef int await_funding(self, Market market, FundingDue due) except -1
    @cython.locals(at=int, bars=bar_p, opened=int64_t, highest=int64_t, lowest=int64_t, closed=int64_t, watched=bint, fills=int64_t)
    cdef int run_bar(self, Market market) except -1
    @cython.locals(at=int)
    cdef int name_price(self, Market market) except -1
    @cython.locals(state=State, waiting=list, due=FundingDue, mark=str, side=int, leg=Leg, amount=int128)
    cdef int fund(self, Market market, int64_t before_ns, int64_t price) except -1
    @cython.locals(state=State, ticks=int64_t, number=int64_t, name=str, side=int, lots=int64_t, order=Order, fee=int128, left=int128)
    cdef int liquidate(self, Market market, int64_t at_ns) except -1
