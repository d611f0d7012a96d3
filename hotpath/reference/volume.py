"""Prices and what was traded at them: on-balance volume, money flow index, volume-weighted average price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from live_runner.hotpath.constants import CHANGE_LEAST
from live_runner.hotpath.reference.inputs import (
    Column,
    columns,
    count_of,
    finite,
    followed,
    parts,
    period_of,
    volume_of,
)
from live_runner.hotpath.reference.windows import Sum

__all__ = ["AnchoredVwap", "Mfi", "Obv", "Vwap", "anchored_vwap", "mfi", "obv", "vwap"]


def typical_price(high: float, low: float, close: float) -> float:
    """(high + low + close) / 3."""
    return (high + low + close) / 3.0


@final
class Obv:
    """On-balance volume: the volume of bars that close higher minus that of bars that close lower (TA-Lib OBV).

    Begins with the volume of the first bar (Joseph Granville). Warm after 1 bar.
    """

    __slots__ = ("_close", "_count", "_value", "warmup")

    def __init__(self) -> None:
        self.warmup: Final = 1
        self._count = 0
        self._close = 0.0
        self._value = 0.0

    def update(self, close: float, volume: float) -> None:
        """Take one closed bar."""
        close, volume = finite(close, "close"), volume_of(volume)
        if self._count == 0 or close > self._close:
            self._value += volume
        elif close < self._close:
            self._value -= volume
        self._count = 1
        self._close = close

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The balance in units of volume, None until warm."""
        return self._value if self.warm else None

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._close, self._value]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, close, value = parts(state, 3)
        self._count = count_of(count, self.warmup)
        self._close, self._value = float(close), float(value)


@final
class Mfi:
    """Money flow index: 100 * rising flow / (rising + falling flow) over the last ``period`` bars (TA-Lib MFI).

    A bar's flow is typical price * volume; it rises or falls with the typical price, and counts for neither when
    that stays: to a part in 1e12, because equal sums of three decimals differ in their last bit. 0 where nothing
    flowed. Warm after ``period`` + 1 bars.
    """

    __slots__ = ("_count", "_falling", "_price", "_rising", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period + 1
        self._count = 0
        self._price = 0.0
        self._rising = Sum(self.period)
        self._falling = Sum(self.period)

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        flow = typical_price(high, low, close) * volume_of(volume)
        before, self._price = self._price, typical_price(high, low, close)
        if self._count == 0:
            self._count = 1
            return  # the first bar has none before it
        change, least = self._price - before, abs(self._price) * CHANGE_LEAST
        self._rising.push(flow if change > least else 0.0)
        self._falling.push(flow if -change > least else 0.0)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._rising.full

    @property
    def value(self) -> float | None:
        """The index, 0 to 100, None until warm."""
        if not self.warm:
            return None
        both = self._rising.total + self._falling.total
        return 100.0 * (self._rising.total / both) if both > 0.0 else 0.0

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._price, self._rising.state(), self._falling.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, price, rising, falling = parts(state, 4)
        self._count, self._price = count_of(count, 1), float(price)
        self._rising.restore(rising)
        self._falling.restore(falling)


@final
class Vwap:
    """Volume-weighted average price of the last ``period`` bars: sum of typical price * volume / sum of volume.

    Where nothing was traded it is the typical price of the newest bar. Warm after ``period`` bars.
    """

    __slots__ = ("_money", "_price", "_volume", "period", "warmup")

    def __init__(self, period: int) -> None:
        self.period: Final = period_of(period, "period")
        self.warmup: Final = self.period
        self._price = 0.0
        self._money = Sum(self.period)
        self._volume = Sum(self.period)

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        volume = volume_of(volume)
        self._price = typical_price(high, low, close)
        self._money.push(self._price * volume)
        self._volume.push(volume)

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._volume.full

    @property
    def value(self) -> float | None:
        """The average price, None until warm."""
        if not self.warm:
            return None
        return self._money.total / self._volume.total if self._volume.total > 0.0 else self._price

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._price, self._money.state(), self._volume.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        price, money, volume = parts(state, 3)
        self._price = float(price)
        self._money.restore(money)
        self._volume.restore(volume)


@final
class AnchoredVwap:
    """Volume-weighted average price of all bars since the first, or since ``reset()``: a session, an event.

    Where nothing was traded it is the typical price of the newest bar. Warm after 1 bar.
    """

    __slots__ = ("_count", "_money", "_price", "_volume", "warmup")

    def __init__(self) -> None:
        self.warmup: Final = 1
        self._count = 0
        self._price = self._money = self._volume = 0.0

    def update(self, high: float, low: float, close: float, volume: float) -> None:
        """Take one closed bar."""
        high, low, close = finite(high, "high"), finite(low, "low"), finite(close, "close")
        volume = volume_of(volume)
        self._count = 1
        self._price = typical_price(high, low, close)
        self._money += self._price * volume
        self._volume += volume

    def reset(self) -> None:
        """Begin again: the next bar is the first."""
        self._count = 0
        self._price = self._money = self._volume = 0.0

    @property
    def warm(self) -> bool:
        """Whether there is a value."""
        return self._count >= self.warmup

    @property
    def value(self) -> float | None:
        """The average price, None until warm."""
        if not self.warm:
            return None
        return self._money / self._volume if self._volume > 0.0 else self._price

    def state(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self._count, self._price, self._money, self._volume]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from a snapshot."""
        count, price, money, volume = parts(state, 4)
        self._count = count_of(count, self.warmup)
        self._price, self._money, self._volume = float(price), float(money), float(volume)


# -- whole columns: nan until warm, bit for bit what the classes give -------------------------------


def obv(close: Column, volume: Column) -> Column:
    """``Obv`` over columns of bars."""
    return followed(Obv(), 1, *columns(close=close, volume=volume))[0]


def mfi(high: Column, low: Column, close: Column, volume: Column, period: int) -> Column:
    """``Mfi`` over columns of bars."""
    return followed(Mfi(period), 1, *columns(high=high, low=low, close=close, volume=volume))[0]


def vwap(high: Column, low: Column, close: Column, volume: Column, period: int) -> Column:
    """``Vwap`` over columns of bars."""
    return followed(Vwap(period), 1, *columns(high=high, low=low, close=close, volume=volume))[0]


def anchored_vwap(high: Column, low: Column, close: Column, volume: Column) -> Column:
    """``AnchoredVwap`` over columns of bars, anchored at the first."""
    return followed(AnchoredVwap(), 1, *columns(high=high, low=low, close=close, volume=volume))[0]
