cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.engine.words cimport (
    INTENT_ABSENT,
    INTENT_ACTED,
    INTENT_OPEN,
    INTENT_VOID,
    INTENT_WITHOUT_ORDER,
    LEG_KEPT,
    LEG_PUT_BACK,
    LEG_WAITS,
    NOTICE_BLOCKED,
    NOTICE_CANCELLED,
    NOTICE_DENIED,
    NOTICE_EXPIRED,
    NOTICE_FILLED,
    NOTICE_REJECTED,
)

@cython.final
cdef class Group:
    cdef readonly int64_t close_ns, version
    cdef readonly int first
    cdef readonly int first_outcome
    cdef readonly bytearray others
    cdef readonly bytes before
    cdef readonly bint filled_since, restored
    cdef Py_ssize_t first_notice
    cpdef int add(self, int number, int outcome) except -1
    cdef int outcome_of(self, int number) except -1
    cdef int put(self, int number, int outcome) except -1
    @cython.locals(what=int)
    cdef bint waits_for(self, int number, int kind) except -1
    cpdef bint holds(self, int64_t close_ns, int number) except -1
    @cython.locals(at=Py_ssize_t, what=int, is_open=bint)
    cpdef int verdict(self) except -1
    @cython.locals(at=Py_ssize_t)
    cdef int end_without_order(self) except -1

@cython.locals(group=Group)
cpdef Group new_group(int64_t close_ns, int first, int64_t version, bytes before)

cpdef int outcome(int kind, bint anything_filled, bint retrying) except -1
cdef bint is_result(int kind) noexcept

@cython.final
cdef class LegHistory:
    cdef readonly bytes known
    cdef readonly int64_t version
    cdef readonly list groups

@cython.locals(group=Group)
cdef Group restored_group(list row)
