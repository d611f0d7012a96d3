cimport cython
from libc.stdint cimport int64_t

@cython.final
@cython.freelist(64)
@cython.no_gc
cdef class Backoff:
    cdef readonly int failures
    cdef readonly bint blocked
    cdef readonly int64_t until_ns, at_ns
    cdef readonly str event_id, detail
    cdef bint blocks(self, int64_t now_ns) noexcept
