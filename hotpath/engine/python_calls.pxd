cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.decisions cimport Decisions
from live_runner.hotpath.engine.groups cimport LegHistory
from live_runner.hotpath.engine.notices cimport Notice, new_notice
from live_runner.hotpath.engine.words cimport NOTICE_BLOCKED, NOTICE_DENIED, NOTICE_FILLED, NOTICE_REJECTED

cdef class PythonDecisions(Decisions):
    cdef readonly object strategy
    cdef readonly str session
    cdef readonly tuple names
    cdef dict places
    cdef object call_observe, call_on_bar, call_on_fill, call_on_rejection, call_on_order_update, call_select
    cdef readonly bint handles_fills, handles_rejections, handles_updates
    cdef readonly object failures
    cdef object draft_class
    cdef bint failed                        # a call failed since the last decision
    cdef list bars                          # by symbol, as the strategy is shown them
    cdef object view
    cdef object chosen
    cdef public int64_t empty_selections    # closes at which select chose nothing; -1 once it chose, or where unknown
    cdef list states
    cdef tuple fields
    cdef object leg_class, encode, decode
    cdef list drafts, numbers, held_back    # of the decision in the making

    @cython.locals(symbol=int)
    cpdef take_bars(self, list bars, int64_t number)
    @cython.locals(symbol=int)
    cpdef observe_bars(self, list bars, int64_t number)
    cpdef decide_on(self, int64_t number, int64_t close_ns, int64_t now_ns, view, list notices)
    @cython.locals(index=int)
    cdef take_first_states(self)
    @cython.locals(history=LegHistory)
    cdef int first_version(self, int index) except -1
    cdef int show(self, int symbol, bar) except -1
    cdef int ask_symbol(self, int symbol) except -1
    @cython.locals(long=bytes, short=bytes)
    cdef int ask_with_state(self, int symbol) except -1
    @cython.locals(drafts=list)
    cdef list drafts_of(self, answer, str symbol)
    @cython.locals(side=int, index=int, action=int, reason=str, at=Py_ssize_t)
    cdef int take(self, int symbol, list drafts, bytes long, bytes short) except -1
    cdef int notify(self, Notice notice, bint restored) except -1
    @cython.locals(long=bytes, short=bytes)
    cdef int call_hook(self, str name, hook, news, int symbol) except -1
    cdef int fail(self, str symbol, str call, error) except -1
    cdef int hand_over(self) except -1
    cdef int choose(self) except -1
    cdef bint has_bar(self, int symbol) noexcept
    cdef bint is_chosen(self, int symbol) except -1
    @cython.locals(data=bytes)
    cdef bytes changed_state(self, int index, bytes known)
    cdef int write_state(self, int index, bytes state) except -1
    cpdef str backoff_detail(self, int index)
    cpdef bint is_in_use(self, int symbol) except -1
    cpdef word_fill(self, Notice notice)
    cpdef word_rejection(self, Notice notice, bint restored)
    cpdef word_update(self, Notice notice, bint restored)
    cpdef tuple decision(self)
    cdef int forget_decision(self) except -1

cdef object answer_error(answer, str call)
@cython.locals(notice=Notice)
cpdef Notice message_notice(int kind, int symbol, int side, int action, int64_t close_ns, int number, bint filled, bint retrying, event, details)
cdef object intent_of(draft, str id, int64_t open_ns)
