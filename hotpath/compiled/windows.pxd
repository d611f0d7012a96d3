# The fast twin of reference/windows.py, which tells how the blocks work. Structs and inline functions, so that the
# compiler sees through them: a batch keeps its window in registers, and there is no windows.pyx.
#
# ``X_open`` allocates, ``X_close`` frees; a struct that was never opened may be closed. Read a window when it is full.

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.math cimport INFINITY, sqrt

from live_runner.hotpath.compiled.inputs cimport higher, lower


cdef inline double *cells(long long length) except NULL:
    cdef double *memory = <double *>PyMem_Calloc(length, sizeof(double))
    if memory == NULL:
        raise MemoryError
    return memory


cdef inline list as_list(const double *window, long long length):
    cdef long long index
    return [window[index] for index in range(length)]


# -- Sum ------------------------------------------------------------------------------------------

cdef struct Sum:
    long long length
    long long count
    long long slot
    double front
    double *window
    double *back


cdef inline int sum_open(Sum *self, long long length) except -1:
    self.length = length
    self.window = cells(2 * length + 1)
    self.back = self.window + length
    return 0


cdef inline void sum_close(Sum *self) noexcept:
    PyMem_Free(self.window)


cdef inline void sum_turn(const double *window, double *back, long long oldest, long long length) noexcept nogil:
    cdef double total = 0.0
    cdef long long slot
    for slot in range(length - 1, oldest - 1, -1):
        total += window[slot]
        back[slot] = total


cdef inline void sum_push(Sum *self, double value) noexcept nogil:
    self.window[self.slot] = value
    self.front += value
    self.count += 1
    self.slot += 1
    if self.slot == self.length:
        sum_turn(self.window, self.back, 0, self.length)
        self.slot = 0
        self.front = 0.0


cdef inline double sum_total(const Sum *self) noexcept nogil:
    return self.back[self.slot] + self.front


cdef inline list sum_state(const Sum *self):
    return [self.count, as_list(self.window, self.length)]


cdef inline int sum_restore(Sum *self, state) except -1:
    from live_runner.hotpath.reference import inputs
    cdef long long slot
    count, window = inputs.parts(state, 2)
    cdef list values = inputs.floats(window, self.length)
    self.count = inputs.count_of(count, inputs.BARS_MAX)
    for slot in range(self.length):
        self.window[slot] = values[slot]
        self.back[slot] = 0.0
    self.slot = self.count % self.length
    if self.count >= self.length:
        sum_turn(self.window, self.back, self.slot, self.length)
    self.front = 0.0
    for slot in range(self.slot):
        self.front += self.window[slot]
    return 0


# -- Moments --------------------------------------------------------------------------------------

cdef struct Moments:
    long long length
    long long count
    long long slot
    double share
    double base
    double front
    double front_squares
    double *window
    double *back
    double *back_squares


cdef inline int moments_open(Moments *self, long long length) except -1:
    self.length = length
    self.share = 1.0 / <double>length
    self.window = cells(3 * length + 2)
    self.back = self.window + length
    self.back_squares = self.back + length + 1
    return 0


cdef inline void moments_close(Moments *self) noexcept:
    PyMem_Free(self.window)


cdef inline void moments_turn(
    const double *window, double *back, double *back_squares, double base, long long oldest, long long length
) noexcept nogil:
    cdef double total = 0.0
    cdef double squares = 0.0
    cdef double distance
    cdef long long slot
    for slot in range(length - 1, oldest - 1, -1):
        distance = window[slot] - base
        total += distance
        squares += distance * distance
        back[slot] = total
        back_squares[slot] = squares


cdef inline void moments_push(Moments *self, double value) noexcept nogil:
    cdef double distance
    if self.count == 0:
        self.base = value
    self.window[self.slot] = value
    self.count += 1
    self.slot += 1
    distance = value - self.base
    self.front += distance
    self.front_squares += distance * distance
    if self.slot == self.length:
        self.base = value
        moments_turn(self.window, self.back, self.back_squares, value, 0, self.length)
        self.slot = 0
        self.front = 0.0
        self.front_squares = 0.0


cdef inline double moments_shift(const Moments *self) noexcept nogil:
    return (self.back[self.slot] + self.front) * self.share


cdef inline double moments_deviation(const Moments *self, double shift) noexcept nogil:
    cdef double variance
    variance = (self.back_squares[self.slot] + self.front_squares) * self.share - shift * shift
    return sqrt(variance) if variance > 0.0 else 0.0


cdef inline list moments_state(const Moments *self):
    return [self.count, as_list(self.window, self.length)]


cdef inline int moments_restore(Moments *self, state) except -1:
    from live_runner.hotpath.reference import inputs
    cdef long long slot
    cdef double distance
    count, window = inputs.parts(state, 2)
    cdef list values = inputs.floats(window, self.length)
    self.count = inputs.count_of(count, inputs.BARS_MAX)
    for slot in range(self.length):
        self.window[slot] = values[slot]
        self.back[slot] = 0.0
        self.back_squares[slot] = 0.0
    self.slot = self.count % self.length
    self.base = self.window[self.length - 1 if self.count >= self.length else 0]
    if self.count >= self.length:
        moments_turn(self.window, self.back, self.back_squares, self.base, self.slot, self.length)
    self.front = 0.0
    self.front_squares = 0.0
    for slot in range(self.slot):
        distance = self.window[slot] - self.base
        self.front += distance
        self.front_squares += distance * distance
    return 0


# -- Ramp -----------------------------------------------------------------------------------------

cdef struct Ramp:
    long long length
    long long count
    long long slot
    double base
    double front
    double front_ramp
    double *window
    double *back
    double *back_ramp


cdef inline int ramp_open(Ramp *self, long long length) except -1:
    self.length = length
    self.window = cells(3 * length + 2)
    self.back = self.window + length
    self.back_ramp = self.back + length + 1
    return 0


cdef inline void ramp_close(Ramp *self) noexcept:
    PyMem_Free(self.window)


cdef inline void ramp_turn(
    const double *window, double *back, double *back_ramp, double base, long long oldest, long long length
) noexcept nogil:
    cdef double total = 0.0
    cdef double ramp = 0.0
    cdef long long slot
    for slot in range(length - 1, oldest - 1, -1):
        total += window[slot] - base
        ramp += total
        back[slot] = total
        back_ramp[slot] = ramp


cdef inline void ramp_push(Ramp *self, double value) noexcept nogil:
    cdef double distance
    if self.count == 0:
        self.base = value
    self.window[self.slot] = value
    self.count += 1
    self.slot += 1
    distance = value - self.base
    self.front += distance
    self.front_ramp += <double>self.slot * distance
    if self.slot == self.length:
        self.base = value
        ramp_turn(self.window, self.back, self.back_ramp, value, 0, self.length)
        self.slot = 0
        self.front = 0.0
        self.front_ramp = 0.0


cdef inline double ramp_total(const Ramp *self) noexcept nogil:
    return self.back[self.slot] + self.front


cdef inline double ramp_weighted(const Ramp *self) noexcept nogil:
    return self.back_ramp[self.slot] + (self.front_ramp + <double>(self.length - self.slot) * self.front)


cdef inline list ramp_state(const Ramp *self):
    return [self.count, as_list(self.window, self.length)]


cdef inline int ramp_restore(Ramp *self, state) except -1:
    from live_runner.hotpath.reference import inputs
    cdef long long slot
    cdef double distance
    count, window = inputs.parts(state, 2)
    cdef list values = inputs.floats(window, self.length)
    self.count = inputs.count_of(count, inputs.BARS_MAX)
    for slot in range(self.length):
        self.window[slot] = values[slot]
        self.back[slot] = 0.0
        self.back_ramp[slot] = 0.0
    self.slot = self.count % self.length
    self.base = self.window[self.length - 1 if self.count >= self.length else 0]
    if self.count >= self.length:
        ramp_turn(self.window, self.back, self.back_ramp, self.base, self.slot, self.length)
    self.front = 0.0
    self.front_ramp = 0.0
    for slot in range(self.slot):
        distance = self.window[slot] - self.base
        self.front += distance
        self.front_ramp += <double>(slot + 1) * distance
    return 0


# -- Extremes -------------------------------------------------------------------------------------

cdef struct Extremes:
    long long length
    long long count
    long long slot
    double front_high
    double front_low
    double *highs
    double *lows
    double *back_highs
    double *back_lows


cdef inline int extremes_open(Extremes *self, long long length) except -1:
    cdef long long slot
    self.length = length
    self.highs = cells(4 * length + 2)
    self.lows = self.highs + length
    self.back_highs = self.lows + length
    self.back_lows = self.back_highs + length + 1
    extremes_clear(self)
    return 0


cdef inline void extremes_close(Extremes *self) noexcept:
    PyMem_Free(self.highs)


cdef inline void extremes_clear(Extremes *self) noexcept:
    cdef long long slot
    self.front_high = -INFINITY
    self.front_low = INFINITY
    for slot in range(self.length + 1):
        self.back_highs[slot] = -INFINITY
        self.back_lows[slot] = INFINITY


cdef inline void extremes_turn(
    const double *highs, const double *lows, double *back_highs, double *back_lows, long long oldest, long long length
) noexcept nogil:
    cdef double highest = -INFINITY
    cdef double lowest = INFINITY
    cdef long long slot
    for slot in range(length - 1, oldest - 1, -1):
        highest = higher(highs[slot], highest)
        lowest = lower(lows[slot], lowest)
        back_highs[slot] = highest
        back_lows[slot] = lowest


cdef inline void extremes_push(Extremes *self, double high, double low) noexcept nogil:
    high += 0.0
    low += 0.0
    self.highs[self.slot] = high
    self.lows[self.slot] = low
    self.front_high = higher(high, self.front_high)
    self.front_low = lower(low, self.front_low)
    self.count += 1
    self.slot += 1
    if self.slot == self.length:
        extremes_turn(self.highs, self.lows, self.back_highs, self.back_lows, 0, self.length)
        self.slot = 0
        self.front_high = -INFINITY
        self.front_low = INFINITY


cdef inline double extremes_upper(const Extremes *self) noexcept nogil:
    return higher(self.back_highs[self.slot], self.front_high)


cdef inline double extremes_lower(const Extremes *self) noexcept nogil:
    return lower(self.back_lows[self.slot], self.front_low)


cdef inline list extremes_state(const Extremes *self):
    return [self.count, as_list(self.highs, self.length), as_list(self.lows, self.length)]


cdef inline int extremes_restore(Extremes *self, state) except -1:
    from live_runner.hotpath.reference import inputs
    cdef long long slot
    count, given_highs, given_lows = inputs.parts(state, 3)
    cdef list highs = inputs.floats(given_highs, self.length)
    cdef list lows = inputs.floats(given_lows, self.length)
    self.count = inputs.count_of(count, inputs.BARS_MAX)
    for slot in range(self.length):
        self.highs[slot] = highs[slot]
        self.lows[slot] = lows[slot]
    self.slot = self.count % self.length
    extremes_clear(self)
    if self.count >= self.length:
        extremes_turn(self.highs, self.lows, self.back_highs, self.back_lows, self.slot, self.length)
    for slot in range(self.slot):
        self.front_high = higher(self.highs[slot], self.front_high)
        self.front_low = lower(self.lows[slot], self.front_low)
    return 0
