# Whole columns through the windows of windows.pxd: the same operations in the same order, a block of ``length`` values
# at a time. While the front of a block grows from its oldest value on, its back is worked out from the newest one on,
# for the block that follows: chains of additions that do not wait for each other.
#
# ``scratch`` is zeroed memory: so many times ``length`` + 1 cells as each function says. What they return is a
# sum that is finite as long as every number is. Rows before the window is full hold anything.

from libc.math cimport INFINITY, sqrt

from live_runner.hotpath.compiled.inputs cimport higher, lower


cdef inline double mean_column(
    const double *values, double *out, Py_ssize_t rows, Py_ssize_t length, double *scratch
) noexcept nogil:
    """Means of a Sum; 2 parts of scratch."""
    cdef double *back = scratch
    cdef double *fresh = scratch + length + 1
    cdef double check = 0.0, size = <double>length, front, tail
    cdef Py_ssize_t start = 0, slot, last = length - 1
    while start + length <= rows:
        front = 0.0
        tail = 0.0
        for slot in range(last):
            front += values[slot]
            out[slot] = (back[slot + 1] + front) / size
            tail += values[last - slot]
            fresh[last - slot] = tail
        tail += values[0]
        fresh[0] = tail
        out[last] = (tail + 0.0) / size
        check += tail
        back, fresh = fresh, back
        values += length
        out += length
        start += length
    front = 0.0
    for slot in range(rows - start):
        front += values[slot]
        out[slot] = (back[slot + 1] + front) / size
    return check + front


cdef inline double ramp_column(
    const double *values,
    double *out,
    Py_ssize_t rows,
    Py_ssize_t length,
    double *scratch,
    bint is_slope,
    double centre,
    double share,
) noexcept nogil:
    """Of a Ramp the slope, (weighted - centre * total) * share, or the average, base + weighted * share; 4 parts."""
    cdef double *back = scratch
    cdef double *back_ramp = back + length + 1
    cdef double *fresh = back_ramp + length + 1
    cdef double *fresh_ramp = fresh + length + 1
    cdef double check = 0.0, size = <double>length, base, newest, distance, front, ramp, tail, tail_ramp, place, weighted
    cdef Py_ssize_t start = 0, slot, last = length - 1
    base = values[0] if rows > 0 else 0.0
    while start + length <= rows:
        newest = values[last]
        front = ramp = tail = tail_ramp = place = 0.0
        for slot in range(last):
            distance = values[slot] - base
            place += 1.0
            front += distance
            ramp += place * distance
            weighted = back_ramp[slot + 1] + (ramp + (size - place) * front)
            if is_slope:
                out[slot] = (weighted - centre * (back[slot + 1] + front)) * share
            else:
                out[slot] = base + weighted * share
            tail += values[last - slot] - newest
            tail_ramp += tail
            fresh[last - slot] = tail
            fresh_ramp[last - slot] = tail_ramp
        tail += values[0] - newest
        tail_ramp += tail
        fresh[0] = tail
        fresh_ramp[0] = tail_ramp
        base = newest
        weighted = tail_ramp + (0.0 + size * 0.0)
        out[last] = (weighted - centre * (tail + 0.0)) * share if is_slope else base + weighted * share
        check += tail
        back, fresh = fresh, back
        back_ramp, fresh_ramp = fresh_ramp, back_ramp
        values += length
        out += length
        start += length
    front = ramp = place = 0.0
    for slot in range(rows - start):
        distance = values[slot] - base
        place += 1.0
        front += distance
        ramp += place * distance
        weighted = back_ramp[slot + 1] + (ramp + (size - place) * front)
        if is_slope:
            out[slot] = (weighted - centre * (back[slot + 1] + front)) * share
        else:
            out[slot] = base + weighted * share
    return check + front


cdef inline double deviation_of(double squares, double shift, double share) noexcept nogil:
    return sqrt(higher(squares * share - shift * shift, 0.0))


cdef inline double deviation_column(
    const double *values, double *out, double *shifts, Py_ssize_t rows, Py_ssize_t length, double *scratch
) noexcept nogil:
    """Deviations of Moments, and where ``shifts`` is given the means; 4 parts of scratch."""
    cdef double *back = scratch
    cdef double *back_squares = back + length + 1
    cdef double *fresh = back_squares + length + 1
    cdef double *fresh_squares = fresh + length + 1
    cdef double check = 0.0, share = 1.0 / <double>length
    cdef double base, newest, distance, front, squares, tail, tail_squares, shift
    cdef Py_ssize_t start = 0, slot, last = length - 1
    base = values[0] if rows > 0 else 0.0
    while start + length <= rows:
        newest = values[last]
        front = squares = tail = tail_squares = 0.0
        for slot in range(last):
            distance = values[slot] - base
            front += distance
            squares += distance * distance
            shift = (back[slot + 1] + front) * share
            out[slot] = deviation_of(back_squares[slot + 1] + squares, shift, share)
            if shifts != NULL:
                shifts[slot] = base + shift
            distance = values[last - slot] - newest
            tail += distance
            tail_squares += distance * distance
            fresh[last - slot] = tail
            fresh_squares[last - slot] = tail_squares
        distance = values[0] - newest
        tail += distance
        tail_squares += distance * distance
        fresh[0] = tail
        fresh_squares[0] = tail_squares
        base = newest
        shift = (tail + 0.0) * share
        out[last] = deviation_of(tail_squares + 0.0, shift, share)
        if shifts != NULL:
            shifts[last] = base + shift
            shifts += length
        check += tail
        back, fresh = fresh, back
        back_squares, fresh_squares = fresh_squares, back_squares
        values += length
        out += length
        start += length
    front = squares = 0.0
    for slot in range(rows - start):
        distance = values[slot] - base
        front += distance
        squares += distance * distance
        shift = (back[slot + 1] + front) * share
        out[slot] = deviation_of(back_squares[slot + 1] + squares, shift, share)
        if shifts != NULL:
            shifts[slot] = base + shift
    return check + front


cdef inline double extreme_columns(
    const double *highs,
    const double *lows,
    double *upper,
    double *middle,
    double *bottom,
    Py_ssize_t rows,
    Py_ssize_t length,
    double *scratch,
) noexcept nogil:
    """Both Extremes and the middle between them; 4 parts of scratch."""
    cdef double *back_highs = scratch
    cdef double *back_lows = back_highs + length + 1
    cdef double *fresh_highs = back_lows + length + 1
    cdef double *fresh_lows = fresh_highs + length + 1
    cdef double check = 0.0, front_high, front_low, tail_high, tail_low, highest, lowest
    cdef Py_ssize_t start = 0, slot, last = length - 1
    for slot in range(length + 1):
        back_highs[slot] = -INFINITY
        back_lows[slot] = INFINITY
    fresh_highs[length] = -INFINITY
    fresh_lows[length] = INFINITY
    while start + length <= rows:
        front_high = tail_high = -INFINITY
        front_low = tail_low = INFINITY
        for slot in range(last):
            check += highs[slot] + lows[slot]
            front_high = higher(highs[slot], front_high)
            front_low = lower(lows[slot], front_low)
            highest = higher(back_highs[slot + 1], front_high) + 0.0
            lowest = lower(back_lows[slot + 1], front_low) + 0.0
            upper[slot] = highest
            middle[slot] = (highest + lowest) / 2.0
            bottom[slot] = lowest
            tail_high = higher(highs[last - slot], tail_high)
            tail_low = lower(lows[last - slot], tail_low)
            fresh_highs[last - slot] = tail_high
            fresh_lows[last - slot] = tail_low
        check += highs[last] + lows[last]
        fresh_highs[0] = higher(highs[0], tail_high)
        fresh_lows[0] = lower(lows[0], tail_low)
        upper[last] = fresh_highs[0] + 0.0
        bottom[last] = fresh_lows[0] + 0.0
        middle[last] = (upper[last] + bottom[last]) / 2.0
        back_highs, fresh_highs = fresh_highs, back_highs
        back_lows, fresh_lows = fresh_lows, back_lows
        highs += length
        lows += length
        upper += length
        middle += length
        bottom += length
        start += length
    front_high = -INFINITY
    front_low = INFINITY
    for slot in range(rows - start):
        check += highs[slot] + lows[slot]
        front_high = higher(highs[slot], front_high)
        front_low = lower(lows[slot], front_low)
        upper[slot] = higher(back_highs[slot + 1], front_high) + 0.0
        bottom[slot] = lower(back_lows[slot + 1], front_low) + 0.0
        middle[slot] = (upper[slot] + bottom[slot]) / 2.0
    return check
