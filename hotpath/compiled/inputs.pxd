# The C side of reference/inputs.py: numbers are checked here, and refused there, so that there is one sentence for
# each wrong input. Nothing but inline functions, so there is no inputs.pyx.

from libc.math cimport NAN, isfinite


cdef inline double finite(object value, str name) except? -1.0:
    """A number that is neither nan nor infinite."""
    cdef double number = value
    if not isfinite(number):
        refuse_number(value, name)
    return number


cdef inline double volume_of(object value) except? -1.0:
    """The volume of a bar: finite, not negative."""
    cdef double number = value
    if not isfinite(number) or number < 0.0:
        refuse_volume(value)
    return number


# Apart from those above, so that they stay small enough to be put where they are used.
cdef inline int refuse_number(object value, str name) except -1:
    from live_runner.hotpath.reference import inputs
    inputs.finite(value, name)
    return 0


cdef inline int refuse_volume(object value) except -1:
    from live_runner.hotpath.reference import inputs
    inputs.volume_of(value)
    return 0


cdef inline void clear(double *out, Py_ssize_t rows, Py_ssize_t warmup) noexcept nogil:
    """No value before the bar on which an indicator is warm."""
    cdef Py_ssize_t index
    for index in range(min(rows, warmup - 1)):
        out[index] = NAN


cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* Selects that never branch: which of two prices is higher cannot be predicted. */
    static inline double lr_higher(double a, double b) { return a > b ? a : b; }
    static inline double lr_lower(double a, double b) { return a < b ? a : b; }
    static inline double lr_pick(int first, double a, double b) {
        uint64_t x, y, mask = -(uint64_t)(first != 0);
        double picked;
        memcpy(&x, &a, 8);
        memcpy(&y, &b, 8);
        x = (x & mask) | (y & ~mask);
        memcpy(&picked, &x, 8);
        return picked;
    }
    """
    double higher "lr_higher"(double a, double b) noexcept nogil
    double lower "lr_lower"(double a, double b) noexcept nogil
    double pick "lr_pick"(bint first, double a, double b) noexcept nogil
