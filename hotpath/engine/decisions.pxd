cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.columns cimport Columns
from live_runner.hotpath.engine.groups cimport Group, LegHistory, is_result, new_group, outcome, restored_group
from live_runner.hotpath.engine.host cimport Host
from live_runner.hotpath.engine.lists cimport empty
from live_runner.hotpath.engine.notices cimport Notice, new_notice
from live_runner.hotpath.engine.words cimport (
    ADD,
    CANCEL,
    HOLD,
    INTENT_OPEN,
    INTENT_WITHOUT_ORDER,
    LEG_PUT_BACK,
    LEG_WAITS,
    LONG_PART,
    NOTICE_BLOCKED,
    NOTICE_FILLED,
    OPEN,
    PROTECT,
    SYNC_STATE,
)

cdef class Decisions(Host):
    cdef readonly Columns columns
    cdef readonly int symbols
    cdef readonly list legs
    cdef bint keeps_state, listens, skips_late, selects
    cdef readonly int64_t number, close_ns, now_ns
    cdef int numbered, wanted, open_groups
    cdef bint waits                         # blocked intents wait for the next dispatch
    cdef list blocked
    cdef readonly str trouble
    cdef str blocked_detail

    # A subclass calls its kind of strategy and knows its kind of account.
    cdef int ask_symbol(self, int symbol) except -1
    cdef int notify(self, Notice notice, bint restored) except -1
    cdef int hand_over(self) except -1
    cdef bytes changed_state(self, int index, bytes known)
    cdef int write_state(self, int index, bytes state) except -1
    cpdef str backoff_detail(self, int index)
    cdef int choose(self) except -1
    cdef bint is_chosen(self, int symbol) except -1

    cdef int decide_at(self, int64_t number, int64_t close_ns, int64_t now_ns, list notices) except -1
    @cython.locals(symbol=int)
    cdef int ask(self) except -1
    @cython.locals(history=LegHistory, group=Group, count=Py_ssize_t)
    cdef int remember(self, int index, int number, int action, bytes before) except -1
    @cython.locals(kept=list, other=Group, at=Py_ssize_t)
    cdef int add_group(self, LegHistory history, Group group) except -1
    cdef str why_blocked(self, int index, int action)
    @cython.locals(notice=Notice)
    cdef int block(self, int index, int number, int action, str reason) except -1
    @cython.locals(history=LegHistory)
    cdef bytes known_state(self, int index)
    cdef int accept(self, int symbol) except -1
    @cython.locals(history=LegHistory, state=bytes)
    cdef int accept_leg(self, int index) except -1
    @cython.locals(history=LegHistory)
    cdef int take_over(self, int index, bytes state) except -1
    @cython.locals(known=bytes)
    cdef int put_back(self, int index, bytes state) except -1
    @cython.locals(notice=Notice, at=Py_ssize_t)
    cdef int dispatch(self, list notices) except -1
    @cython.locals(history=LegHistory, notice=Notice)
    cdef int read(self, list notices, Py_ssize_t at) except -1
    @cython.locals(group=Group, notice=Notice, first=Notice)
    cdef int read_result(self, list notices, Py_ssize_t at, LegHistory history) except -1
    @cython.locals(index=int, history=LegHistory, group=Group)
    cdef int deliver(self, Notice notice) except -1
    @cython.locals(group=Group, at=Py_ssize_t)
    cdef Group group_of(self, LegHistory history, int64_t close_ns, int number)
    @cython.locals(group=Group, at=Py_ssize_t, first=Notice)
    cdef int end_groups(self, list notices, LegHistory history, Notice fill) except -1
    @cython.locals(history=LegHistory, group=Group, kept=list, at=Py_ssize_t, index=int)
    cdef int forget(self) except -1
    @cython.locals(history=LegHistory)
    cdef int restore_leg(self, int index, list row) except -1

cdef list notice_row(Notice notice)
@cython.locals(notice=Notice)
cdef Notice restored_notice(list row)
