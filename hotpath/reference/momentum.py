"""Momentum: RSI, rate of change, stochastic, ADX and the slope of the regression line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from live_runner.hotpath.constants import CHANGE_LEAST
from live_runner.hotpath.reference.inputs import (
    BARS_MAX,
    Column,
    columns,
    count_of,
    finite,
    floats,
    followed,
    parts,
    period_of,
)
from live_runner.hotpath.reference.ranges import true_range
from live_runner.hotpath.reference.windows import Extremes, Ramp, Sum

__all__ = ["Adx", "Roc", "Rsi", "Slope", "Stochastic", "adx", "roc", "rsi", "slope", "stochastic"]


@final
class Rsi:
    """Relative strength index: 100 * gain / (gain + loss), both Wilder averages of the changes of the close.

    Seeded with the mean gain and loss of the first ``period`` changes, then
    average = average * (period - 1) / period + change / period (TA-Lib RSI). 0 where there was neither gain nor
    loss, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_close", "_count", "_gain", "_keep", "_loss", "_share", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period + 1
        self._keep: Final = (self.period - 1) / self.period
        self._share: Final = 1.0 / self.period
        self._count = 0
        self._close = 0.0
        self._gain = 0.0
        self._loss = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = finite(close, "close")
        change = close - self._close
        self._close = close
        gain = change if change > 0.0 else 0.0
        loss = -change if change < 0.0 else 0.0
        if self._count >= self.warmup:
            self._gain = self._gain * self._keep + gain * self._share
            self._loss = self._loss * self._keep + loss * self._share
            return
        self._count += 1
        if self._count == 1:
            return  # the first close has no change
        self._gain += gain
        self._loss += loss
        if self._count == self.warmup:
            self._gain /= self.period
            self._loss /= self.period

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The index, 0 to 100, None until warm."""
        if not self.warm:
            return None
        both = self._gain + self._loss
        return 100.0 * (self._gain / both) if both > 0.0 else 0.0

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._close, self._gain, self._loss]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, gain, loss = parts(state, 4)
        self._count = count_of(count, self.warmup)
        self._close, self._gain, self._loss = float(close), float(gain), float(loss)


@final
class Roc:
    """Rate of change: 100 * (close / close of ``period`` bars before - 1) (TA-Lib ROC).

    0 where the close before is 0, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_count", "_value", "_window", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period + 1
        self._window = [0.0] * self.period
        self._count = 0
        self._value = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = finite(close, "close")
        slot = self._count % self.period
        before = self._window[slot]
        self._value = (close / before - 1.0) * 100.0 if before != 0.0 else 0.0
        self._window[slot] = close
        self._count += 1

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The change in percent, None until warm."""
        return self._value if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._value, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, value, window = parts(state, 3)
        self._window, self._count, self._value = floats(window, self.period), count_of(count, BARS_MAX), float(value)


@final
class Stochastic:
    """Stochastic oscillator: where the close lies between the lowest low and the highest high, and averages of it.

    Fast %K = 100 * (close - lowest) / (highest - lowest) over ``period`` bars, 0 where both are equal; slow %K is
    its mean over ``slowing`` bars, %D the mean of that over ``signal`` (TA-Lib STOCH with simple averages,
    George Lane). Warm after ``period`` + ``slowing`` + ``signal`` - 2 bars.
    """

    __slots__ = ("_range", "_signal", "_slow", "period", "signal", "slowing", "warmup")

    def __init__(self, period: int, slowing: int, signal: int) -> None:
        self.period: Final = period_of(period, "period")
        self.slowing: Final = period_of(slowing, "slowing")
        self.signal: Final = period_of(signal, "signal")
        self.warmup: Final = self.period + self.slowing + self.signal - 2
        self._range = Extremes(self.period)
        self._slow = Sum(self.slowing)
        self._signal = Sum(self.signal)

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        self._range.push(high, low)
        if not self._range.full:
            return
        lowest = self._range.lower
        span = self._range.upper - lowest
        self._slow.push(100.0 * ((close - lowest) / span) if span != 0.0 else 0.0)
        if self._slow.full:
            self._signal.push(self._slow.total / self.slowing)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._signal.full

    @property
    def value(self) -> tuple[float, float] | None:
        """Slow %K and %D, 0 to 100; None until warm."""
        return (self._slow.total / self.slowing, self._signal.total / self.signal) if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._range.state(), self._slow.state(), self._signal.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        extremes, slow, signal = parts(state, 3)
        self._range.restore(extremes)
        self._slow.restore(slow)
        self._signal.restore(signal)


@final
class Adx:
    """Average directional movement index, with both directional indicators.

    A bar moves up by high - high before, down by low before - low; the larger counts if positive, and neither where
    they are equal: to a part in 1e12 of the high, because equal steps of a tick differ in their last bits. Sums of both
    and of the true range begin with the first ``period`` - 1 moves, then sum = sum * (period - 1) / period + new.
    +DI and -DI are 100 * sum of moves / sum of ranges, DX is 100 * |difference| / sum of both, and the index is
    Wilder's average of DX, seeded with the mean of the first ``period`` (TA-Lib ADX, PLUS_DI, MINUS_DI). A bar on which
    neither sum is above zero leaves the index as it was, as in TA-Lib. Warm after 2 * ``period`` bars.
    """

    __slots__ = (
        "_adx",
        "_close",
        "_count",
        "_down",
        "_high",
        "_keep",
        "_low",
        "_range",
        "_share",
        "_up",
        "period",
        "warmup",
    )

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = 2 * self.period
        self._keep: Final = (self.period - 1) / self.period
        self._share: Final = 1.0 / self.period
        self._count = 0
        self._high = self._low = self._close = 0.0
        self._up = self._down = self._range = 0.0
        self._adx = 0.0

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        rise, fall = high - self._high, self._low - low
        span = true_range(high, low, self._close)
        self._high, self._low, self._close = high, low, close
        was_warm = self._count >= self.warmup
        if not was_warm:
            self._count += 1
        if self._count == 1:
            return  # the first bar has none before it
        keep = self._keep if self._count > self.period else 1.0
        least = abs(high) * CHANGE_LEAST
        self._up = self._up * keep + (rise if rise - fall > least and rise > 0.0 else 0.0)
        self._down = self._down * keep + (fall if fall - rise > least and fall > 0.0 else 0.0)
        self._range = self._range * keep + span
        if self._count > self.period:
            self._average(was_warm)

    def _average(self, was_warm: bool) -> None:
        both = self._up + self._down
        if both > 0.0:
            index = 100.0 * (abs(self._up - self._down) / both)
            self._adx = self._adx * self._keep + index * self._share if was_warm else self._adx + index
        if not was_warm and self._count == self.warmup:
            self._adx /= self.period

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> tuple[float, float, float] | None:
        """ADX, +DI and -DI, each 0 to 100; None until warm."""
        if not self.warm:
            return None
        if not self._range > 0.0:
            return self._adx, 0.0, 0.0
        return self._adx, 100.0 * (self._up / self._range), 100.0 * (self._down / self._range)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [
            self._count,
            [self._high, self._low, self._close],
            [self._up, self._down, self._range],
            self._adx,
        ]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, bar, sums, index = parts(state, 4)
        bar, sums = floats(bar, 3), floats(sums, 3)
        self._count, self._adx = count_of(count, self.warmup), float(index)
        self._high, self._low, self._close = bar
        self._up, self._down, self._range = sums


@final
class Slope:
    """Slope of the least squares line through the last ``period`` closes, per bar (TA-Lib LINEARREG_SLOPE).

    With places 1 to n it is (sum of place * close - (n + 1) / 2 * sum of close) / (n * (n * n - 1) / 12); closes
    count as distances to one of them, so that a high price costs no digits. Warm after ``period`` bars, at least 2.
    """

    __slots__ = ("_centre", "_ramp", "_share", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        if self.period < 2:
            raise ValueError(f"period is {period}: a line needs 2 bars")
        self.warmup: Final = self.period
        self._centre: Final = (self.period + 1) / 2.0
        self._share: Final = 12.0 / (self.period * (self.period * self.period - 1))
        self._ramp = Ramp(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._ramp.push(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._ramp.full

    @property
    def value(self) -> float | None:
        """The slope in price per bar, None until warm."""
        return (self._ramp.weighted - self._centre * self._ramp.total) * self._share if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._ramp.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._ramp.restore(state)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


def rsi(values: Column, period: int) -> Column:
    """``Rsi`` over a column of closes."""
    return followed(Rsi(period), 1, *columns(close=values))[0]


def roc(values: Column, period: int) -> Column:
    """``Roc`` over a column of closes."""
    return followed(Roc(period), 1, *columns(close=values))[0]


def stochastic(
    high: Column, low: Column, close: Column, period: int, slowing: int, signal: int
) -> tuple[Column, Column]:
    """``Stochastic`` over columns of bars: slow %K, %D."""
    bars = columns(high=high, low=low, close=close)
    slow, average = followed(Stochastic(period, slowing, signal), 2, *bars)
    return slow, average


def adx(high: Column, low: Column, close: Column, period: int) -> tuple[Column, Column, Column]:
    """``Adx`` over columns of bars: ADX, +DI, -DI."""
    index, plus, minus = followed(Adx(period), 3, *columns(high=high, low=low, close=close))
    return index, plus, minus


def slope(values: Column, period: int) -> Column:
    """``Slope`` over a column of closes."""
    return followed(Slope(period), 1, *columns(close=values))[0]
