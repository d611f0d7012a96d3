# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""A risk limit, and equity as the limits of losses see it. A session and an account have the same ones.

A limit trips once, when its value reaches it, and stays tripped until its reset: an operator's ``resume``, the next day
(UTC), the end of its cooldown, or (of what is only observed) a value below the limit. A reset begins the count anew.
Every value is counted in 1e-12 of its unit: money, basis points, seconds, or a number of things.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.decimals import parse_decimal

if not cython.compiled:
    from live_runner.hotpath.engine.python_money import of_whole, whole

__all__ = ["ACTIONS", "DAY_NS", "Equity", "Limit", "day_of", "limit_of", "units_of"]

DAY_NS: Final = 86_400_000_000_000
SECOND_NS: Final = 1_000_000_000
UNITS: Final = 12
"""Decimals of a value."""
ACTIONS: Final = {"notify": 0, "stop": 1, "kill": 2, "flatten": 3, "close_leg": 0}
"""The trading state that a tripped limit keeps the session in; ``notify`` and ``close_leg`` leave it open."""


class Limit:
    """One limit: what must stay below ``most``, what happens when it does not, and when that ends.

    ``until_ns`` is the end of a cooldown, -1 where none runs.
    """

    def __init__(self, name: str, most: int, action: str, reset: str, cooldown_ns: int) -> None:
        self.name = name
        self.most = of_whole(most)
        self.value = of_whole(0)
        self.action = action
        self.trading = ACTIONS[action]
        self.reset = reset
        self.cooldown_ns = cooldown_ns
        self.tripped = False
        self.until_ns = -1

    def trips(self, value: int, now_ns: int) -> bool:
        """Take a new value; True when it is the one that trips the limit."""
        self.value = value
        if self.tripped or value < self.most:
            return False
        if self.reset != "each":
            self.tripped = True
            self.until_ns = now_ns + self.cooldown_ns if self.reset == "cooldown" else -1
        return True

    def ends(self, now_ns: int, new_day: bool) -> bool:
        """Whether a tripped limit is reset now, by time or by its value alone."""
        if not self.tripped:
            return False
        if self.reset == "cooldown":
            return now_ns >= self.until_ns
        if self.reset == "recovered":
            return self.value < self.most
        return self.reset == "day" and new_day

    def clear(self) -> None:
        """It is reset."""
        self.tripped = False
        self.until_ns = -1

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [self.name, str(whole(self.value)), bool(self.tripped), self.until_ns]

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.value = of_whole(int(row[1]))
        self.tripped = row[2]
        self.until_ns = row[3]


class Equity:
    """Mark-to-market equity over time: where its day, its count and its peak began.

    Midnight itself (UTC) is the last instant of the day that ends, so that the last bar of a day counts in it.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.peak = start
        self.day_start = start
        self.last = start
        self.day = -1

    def mark(self, now_ns: int, equity: int) -> bool:
        """The equity at a time; whether a new day has begun since the last one."""
        day = day_of(now_ns)
        new_day = self.day >= 0 and day > self.day
        if new_day:
            self.day_start = self.last
        if day > self.day:
            self.day = day
        self.last = equity
        if equity > self.peak:
            self.peak = equity
        return new_day

    def next_day_ns(self) -> int:
        """The first time that belongs to the next day."""
        return (self.day + 1) * DAY_NS + 1

    def loss_of_day(self) -> int:
        """What the day has lost, negative for a gain."""
        return self.day_start - self.last

    def loss(self) -> int:
        """What was lost since the start, negative for a gain."""
        return self.start - self.last

    def below_peak(self) -> int:
        """How far equity stands below its peak."""
        return self.peak - self.last

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [
            str(whole(self.start)),
            str(whole(self.peak)),
            str(whole(self.day_start)),
            str(whole(self.last)),
            self.day,
        ]

    def restore(self, row: list[Any]) -> None:
        """Go on from a snapshot."""
        self.start = of_whole(int(row[0]))
        self.peak = of_whole(int(row[1]))
        self.day_start = of_whole(int(row[2]))
        self.last = of_whole(int(row[3]))
        self.day = row[4]


def day_of(now_ns: int) -> int:
    """The number of the day (UTC) that a time belongs to; midnight belongs to the day before."""
    return (now_ns - 1) // DAY_NS


def units_of(value: Any) -> int:
    """A limit's number in 1e-12 of its unit; digits beyond that are cut."""
    mantissa, decimals = parse_decimal(str(value))
    return int(mantissa * 10**UNITS // 10**decimals)


def limit_of(name: str, given: Any, most: Any) -> Limit:
    """A limit from its part of the configuration."""
    cooldown_ns = 0 if given.cooldown_s is None else round(given.cooldown_s * SECOND_NS)
    return Limit(name, units_of(most), given.action, given.reset, cooldown_ns)
