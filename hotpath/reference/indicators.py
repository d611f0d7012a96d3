"""Indicators, bar by bar and over whole columns, seeded as TA-Lib seeds them.

An indicator has no value until it is warm: ``value`` is None and a column holds nan. After ``warmup``
bars it has one, always. Inputs are finite float64; anything else is a ValueError that names the field.
The order of float operations is part of the specification: the compiled twin, a column and a
restored state give the same bits. Wilder's averages are those of J. Welles Wilder, New Concepts in
Technical Trading Systems (1978). Running sums are taken afresh every time their window has turned over,
so that rounding errors do not pile up over a long session.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Atr",
    "Bollinger",
    "Donchian",
    "Ema",
    "Macd",
    "Rsi",
    "Sma",
    "atr",
    "bollinger",
    "donchian",
    "ema",
    "macd",
    "rsi",
    "sma",
]

type Column = NDArray[np.float64]
"""One value per bar, float64. numpy itself is loaded by the first column: a live session has none."""

PERIOD_MAX: Final = 1_000_000
"""Longest period, in bars."""
BARS_MAX: Final = 2**62
"""Bars that an indicator can have seen."""


@final
class Ema:
    """Exponential moving average: value += (close - value) * 2 / (period + 1).

    Seeded with the simple average of the first ``period`` closes (TA-Lib EMA). Warm after ``period`` bars.
    """

    __slots__ = ("_count", "_factor", "_value", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = _period(period, "period")
        self.warmup: Final = self.period
        self._factor: Final = 2.0 / (self.period + 1)
        self._count = 0
        self._value = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = _finite(close, "close")
        if self._count >= self.period:
            self._value = (close - self._value) * self._factor + self._value
            return
        # Until it is warm the value is the sum of what came.
        self._count += 1
        self._value += close
        if self._count == self.period:
            self._value /= self.period

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
        return [self._count, self._value]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, value = _shape(state, 2)
        self._count = _count(count, self.period)
        self._value = float(value)


@final
class Sma:
    """Simple moving average: the mean of the last ``period`` closes (TA-Lib SMA). Warm after ``period`` bars."""

    __slots__ = ("_count", "_total", "_window", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = _period(period, "period")
        self.warmup: Final = self.period
        self._window = [0.0] * self.period
        self._count = 0
        self._total = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = _finite(close, "close")
        slot = self._count % self.period
        self._total = self._total - self._window[slot] + close
        self._window[slot] = close
        self._count += 1
        if slot == self.period - 1:
            self._total = _sum(self._window)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.period

    @property
    def value(self) -> float | None:
        """The average, None until warm."""
        return self._total / self.period if self._count >= self.period else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._total, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, total, window = _shape(state, 3)
        self._window = _floats(window, self.period)
        self._count = _count(count, BARS_MAX)
        self._total = float(total)


@final
class Rsi:
    """Relative strength index: 100 * gain / (gain + loss), both Wilder averages of the changes of the close.

    Seeded with the mean gain and loss of the first ``period`` changes, then
    average = (average * (period - 1) + change) / period (TA-Lib RSI). 0 where there was neither gain nor
    loss, as in TA-Lib. Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_close", "_count", "_gain", "_loss", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = _period(period, "period")
        self.warmup: Final = self.period + 1
        self._count = 0
        self._close = 0.0
        self._gain = 0.0
        self._loss = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = _finite(close, "close")
        change = close - self._close
        self._close = close
        gain = change if change > 0.0 else 0.0
        loss = -change if change < 0.0 else 0.0
        if self._count >= self.warmup:
            self._gain = (self._gain * (self.period - 1) + gain) / self.period
            self._loss = (self._loss * (self.period - 1) + loss) / self.period
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
        if self._count < self.warmup:
            return None
        both = self._gain + self._loss
        return 100.0 * (self._gain / both) if both > 0.0 else 0.0

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._close, self._gain, self._loss]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, gain, loss = _shape(state, 4)
        self._count = _count(count, self.warmup)
        self._close, self._gain, self._loss = float(close), float(gain), float(loss)


@final
class Atr:
    """Average true range: Wilder average of max(high - low, |high - close before|, |low - close before|).

    Seeded with the mean of the first ``period`` true ranges, which begin with the second bar, then
    average = (average * (period - 1) + range) / period (TA-Lib ATR). Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_close", "_count", "_value", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = _period(period, "period")
        self.warmup: Final = self.period + 1
        self._count = 0
        self._close = 0.0
        self._value = 0.0

    def update(self, high: float, low: float, close: float) -> None:
        """Take one closed bar."""
        high = _finite(high, "high")
        low = _finite(low, "low")
        close = _finite(close, "close")
        span = high - low
        above = abs(high - self._close)
        below = abs(low - self._close)
        if above > span:
            span = above
        if below > span:
            span = below
        self._close = close
        if self._count >= self.warmup:
            self._value = (self._value * (self.period - 1) + span) / self.period
            return
        self._count += 1
        if self._count == 1:
            return  # the first bar has no close before it
        self._value += span
        if self._count == self.warmup:
            self._value /= self.period

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The range in units of price, None until warm."""
        return self._value if self._count >= self.warmup else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._close, self._value]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value = _shape(state, 3)
        self._count = _count(count, self.warmup)
        self._close, self._value = float(close), float(value)


@final
class Bollinger:
    """Bollinger bands: mean of the last ``period`` closes, and ``width`` population deviations off it.

    The deviation is sqrt((s2 - s1 * s1 / period) / period), s1 and s2 being sums of the distance to a
    close of the window and of its square: prices far from zero lose no digits (TA-Lib BBANDS with a
    simple average, John Bollinger). Warm after ``period`` bars.
    """

    __slots__ = ("_base", "_count", "_squares", "_total", "_window", "period", "warmup", "width")

    def __init__(self, period: int, width: float) -> None:
        self.period: Final = _period(period, "period")
        self.width: Final = _finite(width, "width")
        self.warmup: Final = self.period
        self._window = [0.0] * self.period
        self._count = 0
        self._base = 0.0
        self._total = 0.0
        self._squares = 0.0

    def update(self, close: float) -> None:
        """Take one closed bar."""
        close = _finite(close, "close")
        slot = self._count % self.period
        if self._count == 0:
            self._base = close
        if self._count >= self.period:
            left = self._window[slot] - self._base
            self._total -= left
            self._squares -= left * left
        came = close - self._base
        self._total += came
        self._squares += came * came
        self._window[slot] = close
        self._count += 1
        if slot == self.period - 1:
            self._base = close
            self._total, self._squares = _sums(self._window, close)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.period

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Upper band, middle, lower band; None until warm."""
        if self._count < self.period:
            return None
        return _bands(self._base, self._total, self._squares, self.period, self.width)

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._base, self._total, self._squares, list(self._window)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, base, total, squares, window = _shape(state, 5)
        self._window = _floats(window, self.period)
        self._count = _count(count, BARS_MAX)
        self._base, self._total, self._squares = float(base), float(total), float(squares)


@final
class Macd:
    """Moving average convergence divergence: the fast EMA minus the slow one, and the EMA of that.

    Both averages begin with the bar on which the slow one is warm: the fast one is seeded with the mean
    of the ``fast`` closes up to it (TA-Lib MACD, Gerald Appel). Warm after ``slow`` + ``signal`` - 1 bars.
    """

    __slots__ = ("_count", "_fast", "_line", "_signal", "_slow", "fast", "signal", "slow", "warmup")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.fast: Final = _period(fast, "fast")
        self.slow: Final = _period(slow, "slow")
        self.signal: Final = _period(signal, "signal")
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
        close = _finite(close, "close")
        self._slow.update(close)
        if self._count < self.slow:
            self._count += 1
        if self._count > self.slow - self.fast:
            self._fast.update(close)
        fast, slow = self._fast.value, self._slow.value
        if fast is None or slow is None:
            return
        self._line = fast - slow
        self._signal.update(self._line)

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
        count, line, fast, slow, signal = _shape(state, 5)
        self._count = _count(count, self.slow)
        self._line = float(line)
        self._fast.restore(fast)
        self._slow.restore(slow)
        self._signal.restore(signal)


@final
class Donchian:
    """Donchian channel: highest high and lowest low of the last ``period`` bars (TA-Lib MAX and MIN).

    The bar just taken is among them. Warm after ``period`` bars.
    """

    __slots__ = ("_count", "_highs", "_lows", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = _period(period, "period")
        self.warmup: Final = self.period
        self._highs = [0.0] * self.period
        self._lows = [0.0] * self.period
        self._count = 0

    def update(self, high: float, low: float) -> None:
        """Take one closed bar."""
        # Adding zero makes a negative zero a positive one, so that equal extremes have equal bits.
        high = _finite(high, "high") + 0.0
        low = _finite(low, "low") + 0.0
        slot = self._count % self.period
        self._highs[slot] = high
        self._lows[slot] = low
        self._count += 1

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.period

    @property
    def value(self) -> tuple[float, float, float] | None:
        """Highest high, the middle, lowest low; None until warm."""
        if self._count < self.period:
            return None
        upper, lower = max(self._highs), min(self._lows)
        return upper, (upper + lower) / 2.0, lower

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, list(self._highs), list(self._lows)]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, highs, lows = _shape(state, 3)
        self._highs = _floats(highs, self.period)
        self._lows = _floats(lows, self.period)
        self._count = _count(count, BARS_MAX)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


def ema(values: Column, period: int) -> Column:
    """``Ema`` over a column of closes."""
    (close,) = _columns(close=values)
    return _single(Ema(period), close)


def sma(values: Column, period: int) -> Column:
    """``Sma`` over a column of closes."""
    (close,) = _columns(close=values)
    return _single(Sma(period), close)


def rsi(values: Column, period: int) -> Column:
    """``Rsi`` over a column of closes."""
    (close,) = _columns(close=values)
    return _single(Rsi(period), close)


def atr(high: Column, low: Column, close: Column, period: int) -> Column:
    """``Atr`` over columns of bars."""
    return _single(Atr(period), *_columns(high=high, low=low, close=close))


def bollinger(values: Column, period: int, width: float) -> tuple[Column, Column, Column]:
    """``Bollinger`` over a column of closes: upper, middle, lower."""
    (close,) = _columns(close=values)
    return _triple(Bollinger(period, width), close)


def macd(values: Column, fast: int, slow: int, signal: int) -> tuple[Column, Column, Column]:
    """``Macd`` over a column of closes: line, signal, line minus signal."""
    (close,) = _columns(close=values)
    return _triple(Macd(fast, slow, signal), close)


def donchian(high: Column, low: Column, period: int) -> tuple[Column, Column, Column]:
    """``Donchian`` over columns of bars: upper, middle, lower."""
    return _triple(Donchian(period), *_columns(high=high, low=low))


def _single(indicator: Any, *columns: Column) -> Column:
    out = _empty(len(columns[0]))
    for index, bar in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        indicator.update(*bar)
        if indicator.warm:
            out[index] = indicator.value
    return out


def _triple(indicator: Any, *columns: Column) -> tuple[Column, Column, Column]:
    first, second, third = (_empty(len(columns[0])) for _ in range(3))
    for index, bar in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        indicator.update(*bar)
        if indicator.warm:
            first[index], second[index], third[index] = indicator.value
    return first, second, third


# -- checks and shared arithmetic -----------------------------------------------------------------


def _period(value: int, name: str) -> int:
    if not 1 <= value <= PERIOD_MAX:
        raise ValueError(f"{name} is {value}: 1 to {PERIOD_MAX} bars are possible")
    return value


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} is {float(value)}: an indicator takes finite numbers")
    return float(value)


def _empty(rows: int) -> Column:
    import numpy as np

    return np.full(rows, np.nan)


def _columns(**columns: Column) -> list[Column]:
    """The columns as float64, of one length, all finite."""
    import numpy as np

    arrays = {name: np.ascontiguousarray(column, dtype=np.float64) for name, column in columns.items()}
    rows = {name: len(array) for name, array in arrays.items() if array.ndim == 1}
    if len(rows) < len(arrays) or len(set(rows.values())) > 1:
        raise ValueError(f"{', '.join(arrays)} must be columns of one length")
    for name, array in arrays.items():
        wrong = np.flatnonzero(~np.isfinite(array))
        if wrong.size:
            raise ValueError(f"{name}[{wrong[0]}] is {float(array[wrong[0]])}: an indicator takes finite numbers")
    return list(arrays.values())


def _shape(state: Sequence[Any], length: int) -> Sequence[Any]:
    if len(state) != length:
        raise ValueError(f"A state of {len(state)} parts is of another indicator: {length} are needed")
    return state


def _count(value: int, most: int) -> int:
    if not 0 <= value <= most:
        raise ValueError(f"A state after {value} bars is of another indicator: at most {most} are counted")
    return int(value)


def _floats(values: Sequence[float], length: int) -> list[float]:
    if len(values) != length:
        raise ValueError(f"A state over {len(values)} bars is of another indicator: {length} are needed")
    return [float(value) for value in values]


def _sum(window: list[float]) -> float:
    # Not the built-in sum: since Python 3.12 it compensates, and gives other bits than adding in order.
    total = 0.0
    for value in window:
        total += value
    return total


def _sums(window: list[float], base: float) -> tuple[float, float]:
    total = squares = 0.0
    for value in window:
        distance = value - base
        total += distance
        squares += distance * distance
    return total, squares


def _bands(base: float, total: float, squares: float, period: int, width: float) -> tuple[float, float, float]:
    mean = total / period
    variance = squares / period - mean * mean
    deviation = math.sqrt(variance) if variance > 0.0 else 0.0
    middle = base + mean
    return middle + width * deviation, middle, middle - width * deviation
