cimport cython
from libc.stdint cimport int64_t

@cython.final
cdef class Backoff:
    cdef public int failures
    cdef public bint blocked
    cdef public int64_t until_ns, at_ns
    cdef public str event_id, detail
    cdef bint blocks(self, int64_t now_ns) noexcept
    cpdef list row(self)

@cython.locals(backoff=Backoff)
cdef Backoff after_rejection(int failures, int max_failures, int64_t backoff_ns, str event_id, str detail, int64_t at_ns)
@cython.locals(backoff=Backoff)
cpdef Backoff restored_backoff(list row)
