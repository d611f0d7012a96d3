cdef class Host:
    cdef int observe(self) except -1
    cdef int decide(self) except -1
    cpdef tuple decision(self)
