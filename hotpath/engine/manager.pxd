cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.backoff cimport Backoff, after_rejection
from live_runner.hotpath.engine.caps cimport Caps
from live_runner.hotpath.engine.gateway cimport Gateway, Retry
from live_runner.hotpath.engine.ledger cimport Ledger, Leg
from live_runner.hotpath.engine.notices cimport Notice, new_notice
from live_runner.hotpath.engine.orders cimport (
    Order, Policy, apply_report, intent_name, next_attempt, order_name, order_row, restored_order, take_out,
)
from live_runner.hotpath.engine.risk cimport Risk
from live_runner.hotpath.engine.state cimport Market, Sink, State
from live_runner.hotpath.engine.trading_state cimport trading_reason
from live_runner.hotpath.engine.whole_legs cimport cover, follow
from live_runner.hotpath.engine.words cimport (
    CANCELLED, EXPIRED, FALLBACK_REJECT, FALLBACK_TIMEOUT, FILLED, MARKET, NO_PART, NOTICE_ACCEPTED, NOTICE_CANCEL_REQUESTED,
    NOTICE_CANCELLED, NOTICE_DENIED, NOTICE_EXPIRED, NOTICE_FILLED, NOTICE_REJECTED, NOTICE_REQUESTED,
    PARTLY_FILLED, REPORT_ACCEPTED, REPORT_CANCEL_REQUESTED, REPORT_CANCELLED,
    REPORT_EXPIRED, REPORT_FILLED, REPORT_PARTLY_FILLED, REPORT_REJECTED, REPORT_SUBMITTED, REPORT_UNKNOWN,
    TRADING_OPEN,
)

@cython.final
cdef class Manager:
    cdef State state
    cdef readonly Risk risk
    cdef readonly Caps caps
    cdef Gateway gateway
    cdef list retries
    cdef int64_t next_expiry
    cdef int request(self, Order order) except -1
    @cython.locals(state=State, market=Market)
    cdef int record_request(self, Order order) except -1
    @cython.locals(state=State)
    cdef int accept(self, Order order) except -1
    @cython.locals(state=State)
    cdef int submitted(self, Order order, int64_t at_ns) except -1
    @cython.locals(state=State, market=Market, leg=Leg, held_back=bint, policy=Policy, taken_off=bint, permitted=bint, tries_again=bint, retrying=bint, notice=Notice, failures=int, detail=str)
    cdef int reject(self, Order order, str code, str message, bint retryable) except -1
    @cython.locals(state=State, market=Market, policy=Policy, following=Order)
    cdef int try_again(self, Order order) except -1
    @cython.locals(state=State, notice=Notice)
    cdef int deny(self, int64_t close_ns, int number, int index, int side, str intent_id, str symbol, str leg, int action, str action_text, str reason, str message, Order order) except -1
    @cython.locals(state=State, market=Market, leg=Leg, was_open=bint, rate=int64_t, scale=int128, notice=Notice)
    cdef int fill(self, Order order, int64_t lots, int64_t ticks, int64_t reference, bint maker, int64_t at_ns, str fill_id, bint fee_given, int128 fee) except -1
    cdef int cancelled(self, Order order, str reason) except -1
    cdef int expired(self, Order order, str reason) except -1
    @cython.locals(state=State, market=Market, leg=Leg, held_back=bint, falls_back=bint, retrying=bint, notice=Notice)
    cdef int end(self, Order order, str reason, bint for_its_time, bint again) except -1
    @cython.locals(market=Market)
    cdef int forget(self, Order order) except -1
    cdef bint may_fall_back(self, Order order, int why) noexcept
    cdef bint is_blocked(self, Order order, bint held_back) except -1
    @cython.locals(why=str)
    cdef str block(self, Order order, bint held_back, bint unresolved, bint at_market)
    @cython.locals(market=Market, following=Order, block=str)
    cdef fall_back(self, Order order, int why, bint held_back)
    @cython.locals(highest=int, retry=Retry)
    cdef int number(self, Order following, Order order) except -1
    @cython.locals(waiting=list, retry=Retry, order=Order)
    cdef int drop_resting(self, int symbol, int side) except -1
    @cython.locals(retry=Retry)
    cdef bint is_retrying(self, int symbol, int side) except -1
    cdef int retry(self, int64_t due_ns, Order order) except -1
    @cython.locals(state=State, waiting=list, due=list, retry=Retry, order=Order, market=Market, leg=Leg, why=str, held_back=bint)
    cdef int retry_due(self) except -1
    @cython.locals(retry=Retry)
    cpdef list timers(self)
    @cython.locals(state=State, intent=str, market=Market, leg=str, message=str)
    cdef int give_up(self, Order order, str code, str why) except -1
    @cython.locals(state=State, order=Order)
    cdef int expire(self) except -1
    @cython.locals(state=State, notice=Notice)
    cdef int cancel(self, Order order, str reason) except -1
    @cython.locals(order=Order, retry=Retry, waiting=list)
    cdef int cancel_entries(self, str reason) except -1
    @cython.locals(state=State, notice=Notice)
    cdef int mark_unknown(self, Order order, str reason) except -1
    @cython.locals(market=Market, leg=Leg)
    cdef int resolve(self, Order order, int change) except -1
    cdef Policy policy_of(self, list stored)
