"""The sum, moments, ramp and extremes of the last ``period`` values of a column.

A window reaches over two blocks of ``period`` values: all that came of the current block, the *front*, and the rest
of the block before, the *back*. The front grows value by value. When a block is complete it becomes the
back, and for each of its values the result over it and all later ones is worked out once, from the newest to the
oldest (van Herk 1992 and Gil and Werman 1993 do this for extremes). So nothing is ever taken out of a sum
again: no drift over a long session, no trace of a spike that has left, and a few operations per value.

The order of float operations is part of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from live_runner.hotpath.reference.inputs import BARS_MAX, count_of, floats, parts

__all__ = ["Extremes", "Moments", "Ramp", "Sum"]


class Sum:
    """The sum of the last ``period`` values."""

    __slots__ = ("_back", "_front", "_window", "count", "period")

    def __init__(self, period: int) -> None:
        self.period = period
        self.count = 0
        self._window = [0.0] * period
        self._front = 0.0
        self._back = [0.0] * (period + 1)

    def push(self, value: float) -> None:
        """Take one value."""
        self._window[self.count % self.period] = value
        self._front += value
        self.count += 1
        if self.count % self.period == 0:
            self._turn(0)
            self._front = 0.0

    @property
    def full(self) -> bool:
        """Whether ``period`` values have come."""
        return self.count >= self.period

    @property
    def total(self) -> float:
        """The sum."""
        return self._back[self.count % self.period] + self._front

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, window = parts(state, 2)
        self._window, self.count = floats(window, self.period), count_of(count, BARS_MAX)
        slot = self.count % self.period
        self._back = [0.0] * (self.period + 1)
        if self.full:
            self._turn(slot)
        self._front = 0.0
        for value in self._window[:slot]:
            self._front += value

    def _turn(self, oldest: int) -> None:
        total = 0.0
        for slot in reversed(range(oldest, self.period)):
            total += self._window[slot]
            self._back[slot] = total


class Moments:
    """Mean and variance of the last ``period`` values.

    Sums are of the distance to a base and of its square. The base is the newest value of the block before, so one
    of the window: values far from zero lose no digits.
    """

    __slots__ = ("_back", "_back_squares", "_front", "_front_squares", "_share", "_window", "base", "count", "period")

    def __init__(self, period: int) -> None:
        self.period = period
        self._share = 1.0 / period
        self.count = 0
        self.base = 0.0
        self._window = [0.0] * period
        self._front = self._front_squares = 0.0
        self._back = [0.0] * (period + 1)
        self._back_squares = [0.0] * (period + 1)

    def push(self, value: float) -> None:
        """Take one value."""
        if self.count == 0:
            self.base = value
        self._window[self.count % self.period] = value
        self.count += 1
        if self.count % self.period == 0:
            self.base = value
            self._turn(0)
            self._front = self._front_squares = 0.0
            return
        distance = value - self.base
        self._front += distance
        self._front_squares += distance * distance

    @property
    def full(self) -> bool:
        """Whether ``period`` values have come."""
        return self.count >= self.period

    @property
    def shift(self) -> float:
        """The mean as a distance from the base."""
        return (self._back[self.count % self.period] + self._front) * self._share

    @property
    def deviation(self) -> float:
        """The population standard deviation."""
        shift = self.shift
        squares = self._back_squares[self.count % self.period] + self._front_squares
        variance = squares * self._share - shift * shift
        return math.sqrt(variance) if variance > 0.0 else 0.0

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, window = parts(state, 2)
        self._window, self.count = floats(window, self.period), count_of(count, BARS_MAX)
        slot = self.count % self.period
        self.base = self._window[-1] if self.full else self._window[0]
        self._back = [0.0] * (self.period + 1)
        self._back_squares = [0.0] * (self.period + 1)
        if self.full:
            self._turn(slot)
        self._front = self._front_squares = 0.0
        for value in self._window[:slot]:
            distance = value - self.base
            self._front += distance
            self._front_squares += distance * distance

    def _turn(self, oldest: int) -> None:
        total = squares = 0.0
        for slot in reversed(range(oldest, self.period)):
            distance = self._window[slot] - self.base
            total += distance
            squares += distance * distance
            self._back[slot] = total
            self._back_squares[slot] = squares


class Ramp:
    """The sum of the last ``period`` values, each times its place: 1 the oldest, ``period`` the newest.

    Values count as their distance to a base, as in Moments.
    """

    __slots__ = ("_back", "_back_ramp", "_front", "_front_ramp", "_window", "base", "count", "period")

    def __init__(self, period: int) -> None:
        self.period = period
        self.count = 0
        self.base = 0.0
        self._window = [0.0] * period
        self._front = self._front_ramp = 0.0
        self._back = [0.0] * (period + 1)
        self._back_ramp = [0.0] * (period + 1)

    def push(self, value: float) -> None:
        """Take one value."""
        if self.count == 0:
            self.base = value
        self._window[self.count % self.period] = value
        self.count += 1
        slot = self.count % self.period
        if slot == 0:
            self.base = value
            self._turn(0)
            self._front = self._front_ramp = 0.0
            return
        distance = value - self.base
        self._front += distance
        self._front_ramp += slot * distance

    @property
    def full(self) -> bool:
        """Whether ``period`` values have come."""
        return self.count >= self.period

    @property
    def total(self) -> float:
        """The plain sum of the distances."""
        return self._back[self.count % self.period] + self._front

    @property
    def weighted(self) -> float:
        """The sum of the distances, each times its place."""
        slot = self.count % self.period
        return self._back_ramp[slot] + (self._front_ramp + (self.period - slot) * self._front)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, window = parts(state, 2)
        self._window, self.count = floats(window, self.period), count_of(count, BARS_MAX)
        newest = self.count % self.period
        self.base = self._window[-1] if self.full else self._window[0]
        self._back = [0.0] * (self.period + 1)
        self._back_ramp = [0.0] * (self.period + 1)
        if self.full:
            self._turn(newest)
        self._front = self._front_ramp = 0.0
        for slot in range(newest):
            distance = self._window[slot] - self.base
            self._front += distance
            self._front_ramp += (slot + 1) * distance

    def _turn(self, oldest: int) -> None:
        total = ramp = 0.0
        for slot in reversed(range(oldest, self.period)):
            total += self._window[slot] - self.base
            ramp += total
            self._back[slot] = total
            self._back_ramp[slot] = ramp


class Extremes:
    """The highest of the last ``period`` highs and the lowest of as many lows."""

    __slots__ = ("_highs", "_lows", "count", "period")

    def __init__(self, period: int) -> None:
        self.period = period
        self.count = 0
        self._highs = [0.0] * period
        self._lows = [0.0] * period

    def push(self, high: float, low: float) -> None:
        """Take one bar."""
        # Adding zero makes a negative zero a positive one, so that equal extremes have equal bits.
        self._highs[self.count % self.period] = high + 0.0
        self._lows[self.count % self.period] = low + 0.0
        self.count += 1

    @property
    def full(self) -> bool:
        """Whether ``period`` bars have come."""
        return self.count >= self.period

    @property
    def upper(self) -> float:
        """The highest high of a full window."""
        return max(self._highs)

    @property
    def lower(self) -> float:
        """The lowest low of a full window."""
        return min(self._lows)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.count, list(self._highs), list(self._lows)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, highs, lows = parts(state, 3)
        self._highs, self._lows, self.count = (
            floats(highs, self.period),
            floats(lows, self.period),
            count_of(count, BARS_MAX),
        )
