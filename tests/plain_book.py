"""The paper venue's book as one would write it down: all orders, looked at one by one. The oracle of the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from live_runner.hotpath.engine.words import (
    IOC,
    IOC_REMAINDER,
    LEG_FLAT,
    LIMIT,
    MARKET,
    OCO,
    ONE_WAY_CONFLICT,
    STOP,
    TAKE_PROFIT,
)


@dataclass
class PlainOrder:
    """Lots and ticks; a leg is 0 (long) or 1."""

    number: int
    leg: int
    kind: int
    reduce: bool
    lots: int
    ticks: int
    stop: int
    target: int
    waits: bool
    pair: int = 0
    rested: bool = False
    triggered: bool = False
    used: int = 0

    @property
    def buy(self) -> bool:
        return (self.leg == 0) != self.reduce

    @property
    def rises_to(self) -> bool:
        """Whether it is the high that comes to its price."""
        return self.buy == (self.kind == STOP)

    @property
    def rank(self) -> tuple[int, ...]:
        """Stops, targets, exits, entries; long before short; nearest to the open first; the oldest first."""
        group = {STOP: 0, TAKE_PROFIT: 1}.get(self.kind, 2 if self.reduce else 3)
        return group, self.leg, self.ticks if self.rises_to else -self.ticks, self.number


class PlainBook:
    """A book with the position behind it; its calls return what happened, as ``fix_engine.Paper`` does."""

    def __init__(self, up: int, down: int, base: int, through: bool, one_way: bool) -> None:
        self.up, self.down, self.base, self.through, self.one_way = up, down, base, through, one_way
        self.orders: dict[int, PlainOrder] = {}
        self.number = 0
        self.held = [0, 0]
        self.open = 0
        self.cap = -1
        self.happened: list[tuple[Any, ...]] = []

    def add(self, leg: int, kind: int, reduce: bool, lots: int, ticks: int, stop: int, target: int, waits: bool) -> int:
        self.number += 1
        self.orders[self.number] = PlainOrder(self.number, leg, kind, reduce, lots, ticks, stop, target, waits)
        return self.number

    def remove(self, number: int) -> int:
        order = self.orders.pop(number, None)
        return order.lots if order else 0

    def at_open(self, ticks: int, cap: int, late: bool) -> list[tuple[Any, ...]]:
        self.happened, self.open, self.cap = [], ticks, cap
        for order in self.orders.values():
            order.waits = order.waits and late
        before = [order for order in self.orders.values() if not order.waits]
        for order in before:
            if order.number in self.orders and (order.kind in (MARKET, IOC) or order.triggered):
                self._take_at_once(order, ticks)
        for order in sorted(before, key=lambda order: order.rank):
            if order.number in self.orders and self._reaches(order, ticks):
                self._reach(order, ticks, order.rested or order.kind != LIMIT)
        return self.happened

    def inside(self, high: int, low: int) -> list[tuple[Any, ...]]:
        self.happened = []
        shorts_outweigh = self.held[1] > self.held[0]
        known = list(self.orders)
        for up in (shorts_outweigh, not shorts_outweigh):
            self._go(high if up else low, up, known)
        for order in self.orders.values():
            order.rested = order.rested or not order.waits
            order.used = 0
        return self.happened

    def _go(self, end: int, up: bool, known: list[int]) -> None:
        """One way of the price, looked at anew after each fill: the nearest order that has not been met yet."""
        met: set[int] = set()
        price, born_from = self.open, self.number
        while True:
            ahead = [
                order
                for order in self.orders.values()
                if order.number not in met
                and order.rises_to == up
                and not order.waits
                and self._reaches(order, end)
                and (order.number in known or (order.kind == STOP and order.number > born_from))
            ]
            if not ahead:
                return
            order = min(ahead, key=lambda order: (order.ticks if up else -order.ticks, *order.rank))
            met.add(order.number)
            price = max(order.ticks, price) if up else min(order.ticks, price)
            self._reach(order, price, maker=True)

    def at_close(self, number: int, ticks: int, cap: int) -> list[tuple[Any, ...]]:
        self.happened, self.open, self.cap = [], ticks, cap
        order = self.orders[number]
        self._take_at_once(order, ticks)
        order.used = 0
        return self.happened

    def clear(self, why: int) -> list[tuple[Any, ...]]:
        self.happened = []
        for number in list(self.orders):
            self._drop(number, why)
        return self.happened

    def renew(self) -> None:
        """A snapshot changes nothing."""

    def _take_at_once(self, order: PlainOrder, ticks: int) -> None:
        if order.kind != IOC:
            self._take(order, self._slipped(order, ticks), ticks, maker=False)
            return
        if self._crosses(order, ticks):
            self._take(order, ticks, ticks, maker=False)
        self._drop(order.number, IOC_REMAINDER)

    def _reaches(self, order: PlainOrder, price: int) -> bool:
        return order.kind not in (MARKET, IOC) and not order.triggered and self._crosses(order, price)

    def _crosses(self, order: PlainOrder, price: int) -> bool:
        beyond = price - order.ticks if order.rises_to else order.ticks - price
        return beyond > 0 if self.through and order.kind != STOP else beyond >= 0

    def _reach(self, order: PlainOrder, price: int, maker: bool) -> None:
        if order.kind == STOP:
            order.triggered = True
            self._take(order, self._slipped(order, price), price, maker=False)
        else:
            self._take(order, price, price, maker)

    def _slipped(self, order: PlainOrder, price: int) -> int:
        if order.buy:
            return -(-price * self.up // self.base)
        return max(price * self.down // self.base, 1)

    def _take(self, order: PlainOrder, price: int, reference: int, maker: bool) -> None:
        leg = order.leg
        lots = order.lots if self.cap < 0 else min(order.lots, self.cap - order.used)
        if order.reduce and not self.held[leg]:
            self._drop(order.number, LEG_FLAT)
        elif not order.reduce and self.one_way and self.held[1 - leg]:
            self._drop(order.number, ONE_WAY_CONFLICT)
        else:
            lots = min(lots, self.held[leg]) if order.reduce else lots
            if lots > 0:
                self._fill(order, lots, price, reference, maker)

    def _fill(self, order: PlainOrder, lots: int, price: int, reference: int, maker: bool) -> None:
        leg = order.leg
        self.held[leg] += -lots if order.reduce else lots
        order.lots -= lots
        order.used += lots
        self.happened.append(("filled", order.number, lots, price, reference, maker))
        if not order.lots:
            del self.orders[order.number]
        if not order.reduce:
            stop, target = self._born(order, STOP, lots, order.stop), self._born(order, TAKE_PROFIT, lots, order.target)
            if stop and target:
                self.orders[stop].pair, self.orders[target].pair = target, stop
            return
        if not (order.lots and self.held[leg]):
            self._drop(order.pair, OCO)
        if not self.held[leg]:
            for other in list(self.orders.values()):
                if other.reduce and other.leg == leg:
                    self._drop(other.number, LEG_FLAT)

    def _born(self, entry: PlainOrder, kind: int, lots: int, ticks: int) -> int:
        if not ticks:
            return 0
        number = self.add(entry.leg, kind, True, lots, ticks, 0, 0, False)
        self.happened.append(("born", number, entry.number, kind, lots, ticks))
        return number

    def _drop(self, number: int, why: int) -> None:
        if self.orders.pop(number, None):
            self.happened.append(("cancelled", number, why))
