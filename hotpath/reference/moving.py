"""Moving averages: simple, exponential, weighted, double and triple exponential, and MACD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from live_runner.hotpath.reference.inputs import Column, columns, count_of, finite, followed, parts, period_of
from live_runner.hotpath.reference.windows import Ramp, Sum

__all__ = [
    "Dema",
    "Ema",
    "Macd",
    "Sma",
    "Tema",
    "Wma",
    "dema",
    "ema",
    "macd",
    "sma",
    "tema",
    "wma",
]


@final
class Sma:
    """Simple moving average: the mean of the last ``period`` closes (TA-Lib SMA). Warm after ``period`` bars."""

    __slots__ = ("_sum", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._sum = Sum(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._sum.push(finite(close, "close"))

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._sum.full

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self._sum.total / self.period if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._sum.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._sum.restore(state)


@final
class Ema:
    """Exponential moving average: value += (close - value) * 2 / (period + 1).

    Worked out as the lag behind the close: lag = (lag + change of the close) * (period - 1) / (period + 1), value =
    close - lag. On a price that stands still the lag goes to nothing and the value is the price, to the bit.
    Seeded with the simple average of the first ``period`` closes (TA-Lib EMA). Warm after ``period`` bars.
    """

    __slots__ = ("_close", "_count", "_keep", "_lag", "_value", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._keep: Final = (self.period - 1) / (self.period + 1)
        self._count = 0
        self._value = 0.0
        self._close = 0.0
        self._lag = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._take(finite(close, "close"))

    def _take(self, close: float) -> None:
        if self._count >= self.period:
            self._lag = lag = (self._lag + (close - self._close)) * self._keep
            self._close = close
            self._value = close - lag
            return
        # Until it is warm the value is the sum of what came.
        self._count += 1
        self._value += close
        if self._count == self.period:
            self._value /= self.period
            self._close = close
            self._lag = close - self._value

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.period

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self._value if self._count >= self.period else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._value, self._close, self._lag]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, value, close, lag = parts(state, 4)
        self._count = count_of(count, self.period)
        self._value, self._close, self._lag = float(value), float(close), float(lag)


@final
class Wma:
    """Weighted moving average: the newest of ``period`` closes counts ``period`` times, the oldest once (TA-Lib WMA).

    Warm after ``period`` bars.
    """

    __slots__ = ("_ramp", "_share", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._share: Final = 2.0 / (self.period * (self.period + 1))
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
        """The average, None until warm."""
        return self._ramp.base + self._ramp.weighted * self._share if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return self._ramp.state()

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        self._ramp.restore(state)


@final
class Dema:
    """Double exponential moving average: 2 * e1 - e2, e2 being the EMA of the EMA e1 (TA-Lib DEMA, Patrick Mulloy).

    Each is seeded as ``Ema`` is, e2 with the first ``period`` values of e1. e1 - e2 is the lag of e2, so the value is
    e1 + lag. Warm after 2 * ``period`` - 1 bars.
    """

    __slots__ = ("_first", "_second", "period", "warmup")

    def __init__(self, period: int) -> None:
        self._first = Ema(period)
        self.period: Final = self._first.period
        self.warmup: Final = 2 * self.period - 1
        self._second = Ema(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._first.update(close)
        if self._first.warm:
            self._second._take(self._first._value)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._second.warm

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self._first._value + self._second._lag if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._first.state(), self._second.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        first, second = parts(state, 2)
        self._first.restore(first)
        self._second.restore(second)


@final
class Tema:
    """Triple exponential moving average: 3 * (e1 - e2) + e3 (TA-Lib TEMA, Patrick Mulloy).

    e1 is the EMA of the close, e2 of e1, e3 of e2, each seeded as ``Ema`` is; e1 - e2 is the lag of e2. Warm after
    3 * ``period`` - 2 bars.
    """

    __slots__ = ("_first", "_second", "_third", "period", "warmup")

    def __init__(self, period: int) -> None:
        self._first = Ema(period)
        self.period: Final = self._first.period
        self.warmup: Final = 3 * self.period - 2
        self._second = Ema(self.period)
        self._third = Ema(self.period)

    def update(self, close: float) -> None:
        """Take one closed bar."""
        self._first.update(close)
        if self._first.warm:
            self._second._take(self._first._value)
        if self._second.warm:
            self._third._take(self._second._value)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._third.warm

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        if not self.warm:
            return None
        return 3.0 * self._second._lag + self._third._value

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._first.state(), self._second.state(), self._third.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        first, second, third = parts(state, 3)
        self._first.restore(first)
        self._second.restore(second)
        self._third.restore(third)


@final
class Macd:
    """Moving average convergence divergence: the fast EMA minus the slow one, and the EMA of that.

    Both averages begin with the bar on which the slow one is warm: the fast one is seeded with the mean
    of the ``fast`` closes up to it (TA-Lib MACD, Gerald Appel). Warm after ``slow`` + ``signal`` - 1 bars.
    """

    __slots__ = ("_count", "_fast", "_line", "_signal", "_slow", "fast", "signal", "slow", "warmup")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.fast: Final = period_of(fast, "fast")
        self.slow: Final = period_of(slow, "slow")
        self.signal: Final = period_of(signal, "signal")
        if self.fast >= self.slow:
            raise ValueError(f"fast is {fast}: it must be shorter than slow, {slow}")
        self.warmup: Final = self.slow + self.signal - 1
        self._fast = Ema(self.fast)
        self._slow = Ema(self.slow)
        self._signal = Ema(self.signal)
        self._count = 0
        self._line = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = finite(close, "close")
        self._slow._take(close)
        if self._count < self.slow:
            self._count += 1
        if self._count > self.slow - self.fast:
            self._fast._take(close)
        if self._slow.warm:
            self._line = self._fast._value - self._slow._value
            self._signal._take(self._line)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._signal.warm

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Line, signal, and line minus signal; None until warm."""
        signal = self._signal.value
        return None if signal is None else (self._line, signal, self._line - signal)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._line, self._fast.state(), self._slow.state(), self._signal.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, line, fast, slow, signal = parts(state, 5)
        self._count, self._line = count_of(count, self.slow), float(line)
        self._fast.restore(fast)
        self._slow.restore(slow)
        self._signal.restore(signal)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


def sma(values: Column, period: int) -> Column:
    """``Sma`` over a column of closes."""
    return followed(Sma(period), 1, *columns(close=values))[0]


def ema(values: Column, period: int) -> Column:
    """``Ema`` over a column of closes."""
    return followed(Ema(period), 1, *columns(close=values))[0]


def wma(values: Column, period: int) -> Column:
    """``Wma`` over a column of closes."""
    return followed(Wma(period), 1, *columns(close=values))[0]


def dema(values: Column, period: int) -> Column:
    """``Dema`` over a column of closes."""
    return followed(Dema(period), 1, *columns(close=values))[0]


def tema(values: Column, period: int) -> Column:
    """``Tema`` over a column of closes."""
    return followed(Tema(period), 1, *columns(close=values))[0]


def macd(values: Column, fast: int, slow: int, signal: int) -> tuple[Column, Column, Column]:
    """``Macd`` over a column of closes: line, signal, line minus signal."""
    line, average, difference = followed(Macd(fast, slow, signal), 3, *columns(close=values))
    return line, average, difference
