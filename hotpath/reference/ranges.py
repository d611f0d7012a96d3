"""Indicators of range: standard deviation, Bollinger bands, ATR, Keltner and Donchian channels, supertrend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from live_runner.hotpath.reference.inputs import (
    Column,
    columns,
    count_of,
    finite,
    followed,
    parts,
    period_of,
    width_of,
)
from live_runner.hotpath.reference.moving import Ema
from live_runner.hotpath.reference.windows import Extremes, Moments

__all__ = [
    "Atr",
    "Bollinger",
    "Donchian",
    "Keltner",
    "Stddev",
    "Supertrend",
    "atr",
    "bollinger",
    "donchian",
    "keltner",
    "stddev",
    "supertrend",
]


def true_range(high: float, low: float, close_before: float) -> float:
    """max(high, close before) - min(low, close before).

    Where the high is not below the low that is Wilder's max(high - low, |high - close before|, |low - close before|).
    """
    upper = close_before if close_before > high else high
    return upper - (close_before if close_before < low else low)


@final
class Stddev:
    """Population standard deviation of the last ``period`` closes (TA-Lib STDDEV). Warm after ``period`` bars.

    sqrt(s2 / period - (s1 / period) ** 2), s1 and s2 being sums of the distance to a close of the window and of
    its square: prices far from zero lose no digits.
    """

    __slots__ = ("_moments", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._moments = Moments(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._moments.push(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._moments.full

    @property
    def value(self) -> float | None:
        """The deviation in units of price, None until warm."""
        return self._moments.deviation if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._moments.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._moments.restore(state)


@final
class Bollinger:
    """Bollinger bands: mean of the last ``period`` closes, and ``width`` population deviations (``Stddev``) off it.

    TA-Lib BBANDS with a simple average, John Bollinger. Warm after ``period`` bars.
    """

    __slots__ = ("_moments", "period", "warmup", "width")

    def __init__(self, period: int, width: float) -> None:
        self.period: Final = period_of(period, "period")
        self.width: Final = width_of(width, "width")
        self.warmup: Final = self.period
        self._moments = Moments(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._moments.push(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._moments.full

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        if not self.warm:
            return None
        middle = self._moments.base + self._moments.shift
        reach = self.width * self._moments.deviation
        return middle + reach, middle, middle - reach

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._moments.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._moments.restore(state)


@final
class Atr:
    """Average true range: Wilder average of max(high - low, |high - close before|, |low - close before|).

    Seeded with the mean of the first ``period`` true ranges, which begin with the second bar, then
    average = average * keep + range / period, keep being (period - 1) / period (TA-Lib ATR). Worked out from the
    average of every second bar, the anchor: one bar on it is anchor * keep + tail, two bars on anchor * keep**2 + tail,
    so that a column waits half as often for the bar before. Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_anchor", "_close", "_count", "_keep", "_odd", "_share", "_tail", "_value", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period + 1
        self._keep: Final = (self.period - 1) / self.period
        self._share: Final = 1.0 / self.period
        self._count = 0
        self._close = 0.0
        self._value = 0.0
        self._anchor = 0.0
        self._tail = 0.0
        self._odd = False

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        self._take(finite(high, "high"), finite(low, "low"), finite(close, "close"))

    def _take(self, high: float, low: float, close: float) -> None:
        span = true_range(high, low, self._close)
        self._close = close
        if self._count >= self.warmup:
            self._average(span * self._share)
            return
        self._count += 1
        if self._count == 1:
            return  # the first bar has no close before it
        self._value += span
        if self._count == self.warmup:
            self._value /= self.period
            self._anchor = self._value

    def _average(self, share: float) -> None:
        self._odd = not self._odd
        if self._odd:
            self._tail = share
            self._value = self._anchor * self._keep + self._tail
        else:
            self._tail = self._tail * self._keep + share
            self._value = self._anchor = self._anchor * (self._keep * self._keep) + self._tail

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The range in units of price, None until warm."""
        return self._value if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._close, self._value, self._anchor, self._tail, self._odd]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value, anchor, tail, odd = parts(state, 6)
        self._count = count_of(count, self.warmup)
        self._close, self._value, self._anchor = float(close), float(value), float(anchor)
        self._tail, self._odd = float(tail), bool(odd)


@final
class Keltner:
    """Keltner channel: ``Ema(period)`` of the close, and ``width`` times ``Atr(atr_period)`` off it.

    Chester Keltner's idea in the form of Linda Bradford Raschke. Warm when both are.
    """

    __slots__ = ("_average", "_range", "atr_period", "period", "warmup", "width")

    def __init__(self, period: int, atr_period: int, width: float) -> None:
        self.period: Final = period_of(period, "period")
        self.atr_period: Final = period_of(atr_period, "atr_period")
        self.width: Final = width_of(width, "width")
        self._average = Ema(self.period)
        self._range = Atr(self.atr_period)
        self.warmup: Final = max(self._average.warmup, self._range.warmup)

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        self._average._take(close)
        self._range._take(high, low, close)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._average.warm and self._range.warm

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        if not self.warm:
            return None
        middle, reach = self._average._value, self.width * self._range._value
        return middle + reach, middle, middle - reach

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._average.state(), self._range.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        average, span = parts(state, 2)
        self._average.restore(average)
        self._range.restore(span)


@final
class Donchian:
    """Donchian channel: highest high and lowest low of the last ``period`` bars (TA-Lib MAX and MIN).

    The bar just taken is among them. Warm after ``period`` bars.
    """

    __slots__ = ("_extremes", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._extremes = Extremes(self.period)

    def update(self, high: float, low: float) -> None:
        """Take one closed bar."""
        self._extremes.push(finite(high, "high"), finite(low, "low"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._extremes.full

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Highest high, the middle, lowest low; None until warm."""
        if not self.warm:
            return None
        upper, lower = self._extremes.upper, self._extremes.lower
        return upper, (upper + lower) / 2.0, lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._extremes.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._extremes.restore(state)


@final
class Supertrend:
    """Supertrend (Olivier Seban): a line on the far side of the trend, ``width`` times ``Atr(period)`` off the middle.

    The middle is (high + low) / 2. The lower line only rises and the upper one only falls, unless the close before
    lay beyond it. A falling trend turns when the close is above the upper line, a rising one when it is below the
    lower line. The first value is of a falling trend (TradingView ta.supertrend, but for the seed of the ATR).
    Warm when the ATR is: after ``period`` + 1 bars.
    """

    __slots__ = ("_lower", "_range", "_rising", "_upper", "period", "warmup", "width")

    def __init__(self, period: int, width: float) -> None:
        self.period: Final = period_of(period, "period")
        self.width: Final = width_of(width, "width")
        self._range = Atr(self.period)
        self.warmup: Final = self._range.warmup
        self._upper = self._lower = 0.0
        self._rising = False

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        before, was_warm = self._range._close, self._range.warm
        self._range._take(high, low, close)
        if not self._range.warm:
            return
        middle, reach = (high + low) / 2.0, self.width * self._range._value
        upper, lower = middle + reach, middle - reach
        if was_warm:
            if upper >= self._upper and before <= self._upper:
                upper = self._upper
            if lower <= self._lower and before >= self._lower:
                lower = self._lower
            self._rising = close >= lower if self._rising else close > upper
        self._upper, self._lower = upper, lower

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._range.warm

    @property
    def value(self) -> tuple[float, float] | None:
        """The line, and 1 for a rising or -1 for a falling trend; None until warm."""
        if not self.warm:
            return None
        return (self._lower, 1.0) if self._rising else (self._upper, -1.0)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._range.state(), self._upper, self._lower, self._rising]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        span, upper, lower, rising = parts(state, 4)
        self._range.restore(span)
        self._upper, self._lower, self._rising = float(upper), float(lower), bool(rising)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


def stddev(values: Column, period: int) -> Column:
    """``Stddev`` over a column of closes."""
    return followed(Stddev(period), 1, *columns(close=values))[0]


def bollinger(values: Column, period: int, width: float) -> tuple[Column, Column, Column]:
    """``Bollinger`` over a column of closes: upper, middle, lower."""
    upper, middle, lower = followed(Bollinger(period, width), 3, *columns(close=values))
    return upper, middle, lower


def atr(high: Column, low: Column, close: Column, period: int) -> Column:
    """``Atr`` over columns of bars."""
    return followed(Atr(period), 1, *columns(high=high, low=low, close=close))[0]


def keltner(
    high: Column, low: Column, close: Column, period: int, atr_period: int, width: float
) -> tuple[Column, Column, Column]:
    """``Keltner`` over columns of bars: upper, middle, lower."""
    bars = columns(high=high, low=low, close=close)
    upper, middle, lower = followed(Keltner(period, atr_period, width), 3, *bars)
    return upper, middle, lower


def donchian(high: Column, low: Column, period: int) -> tuple[Column, Column, Column]:
    """``Donchian`` over columns of bars: upper, middle, lower."""
    upper, middle, lower = followed(Donchian(period), 3, *columns(high=high, low=low))
    return upper, middle, lower


def supertrend(high: Column, low: Column, close: Column, period: int, width: float) -> tuple[Column, Column]:
    """``Supertrend`` over columns of bars: line, direction."""
    line, direction = followed(Supertrend(period, width), 2, *columns(high=high, low=low, close=close))
    return line, direction
