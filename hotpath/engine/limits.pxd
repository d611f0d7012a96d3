cimport cython
from libc.stdint cimport int64_t
from live_runner.hotpath.compiled.fixed cimport int128
from live_runner.hotpath.engine.money cimport of_whole, whole

@cython.final
cdef class Limit:
    cdef readonly str name, action, reset
    cdef readonly int128 most
    cdef readonly int128 value
    cdef readonly int trading
    cdef readonly int64_t cooldown_ns, until_ns
    cdef readonly bint tripped
    cpdef bint trips(self, int128 value, int64_t now_ns) except -1
    cpdef bint ends(self, int64_t now_ns, bint new_day) except -1
    cpdef clear(self)
    cpdef list row(self)
    cpdef restore(self, list row)

@cython.final
cdef class Equity:
    cdef public int128 start, peak, day_start
    cdef readonly int128 last
    cdef readonly int64_t day
    @cython.locals(day=int64_t, new_day=bint)
    cpdef bint mark(self, int64_t now_ns, int128 equity) except -1
    cpdef int64_t next_day_ns(self) noexcept
    cpdef int128 loss_of_day(self) noexcept
    cpdef int128 loss(self) noexcept
    cpdef int128 below_peak(self) noexcept
    cpdef list row(self)
    cpdef restore(self, list row)

cpdef int64_t day_of(int64_t now_ns) noexcept
cpdef object units_of(object value)
cpdef Limit limit_of(str name, object given, object most)
