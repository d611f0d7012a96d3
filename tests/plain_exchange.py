"""A second exchange, slow and obvious: prices are whole ticks, walked one by one; every order is looked at on each.

It imports nothing of the product and shares no idea of speed with it: no look-ahead, no index, no decimals. Quantities
are whole steps, money is ``Fraction``. What it knows: orders that rest, take, reduce and trigger, in one-way and hedge
mode, with the rules that ``services/emulator/binance`` states in its docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["PlainExchange", "PlainOrder", "PlainStop"]


@dataclass
class PlainOrder:
    """An order in the book, or on its way into it."""

    name: str
    number: int
    buys: bool
    side: str
    quantity: int
    limit: int | None
    reduce_only: bool
    filled: int = 0
    open: bool = True
    parent: str = ""

    @property
    def reduces(self) -> bool:
        if self.side == "BOTH":
            return self.reduce_only
        return self.buys == (self.side == "SHORT")


@dataclass
class PlainStop:
    """An order that waits for a price."""

    name: str
    number: int
    buys: bool
    side: str
    quantity: int
    trigger: int | None
    limit: int | None
    reduce_only: bool
    kind: str
    closes: bool = False
    callback: Fraction = Fraction(0)
    extreme: int | None = None
    status: str = "NEW"

    def is_met(self, last: int) -> bool:
        if self.kind == "TRAIL" and self.extreme is not None:
            away = self.callback * self.extreme / 100
            return last >= self.extreme + away if self.buys else last <= self.extreme - away
        assert self.trigger is not None
        above = self.buys if self.kind == "STOP" else not self.buys
        return last >= self.trigger if above else last <= self.trigger


@dataclass
class PlainExchange:
    """One account on one market without margin limits."""

    hedge: bool
    last: int
    spread: int
    level: int | None
    levels: int
    through: bool
    fees: tuple[Fraction, Fraction]
    """Maker, taker."""
    unit: Fraction
    """Money of one tick on one step."""
    orders: list[PlainOrder] = field(default_factory=list)
    stops: list[PlainStop] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)
    fills: list[tuple[str, int, int, bool]] = field(default_factory=list)
    """Name, price, quantity, maker: in order."""
    taken: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    cash: Fraction = Fraction(0)
    """All that was paid and received, fees included; positions not counted."""
    numbers: int = 0
    target: int = 0
    budget: int | None = None
    """How much may still fill at the very price of the trade; None: all."""

    def held(self, side: str) -> int:
        return self.positions.get(side, 0)

    def closable(self, order: PlainOrder) -> int:
        held = self.held(order.side)
        return abs(held) if held and (held > 0) != order.buys else 0

    # Requests

    def place(self, order: PlainOrder, time_in_force: str) -> str:
        """NEW, FILLED, EXPIRED, or REFUSED when nothing has happened."""
        if order.reduces:
            most = self.closable(order)
            if not most or (order.quantity > most and self.hedge):
                return "REFUSED"
            order.quantity = min(order.quantity, most)
        offers = self.offers(order)
        if time_in_force == "GTX" and offers:
            return "EXPIRED"
        if time_in_force == "FOK" and sum(quantity for _, quantity in offers) < order.quantity:
            return "EXPIRED"
        self.numbers += 1
        order.number = self.numbers
        self.orders.append(order)
        for price, quantity in offers:
            if not order.open:
                break
            self.taken[order.buys] += quantity
            self.fill(order, price, quantity, maker=False)
        if order.open and (order.limit is None or time_in_force in ("IOC", "FOK")):
            order.open = False
        if order.open:
            return "PARTIALLY_FILLED" if order.filled else "NEW"
        return "FILLED" if order.filled == order.quantity else "EXPIRED"

    def cancel(self, name: str) -> bool:
        """Whether there was something to cancel."""
        found = [order for order in self.orders if order.name == name and order.open]
        for order in found:
            order.open = False
        return bool(found)

    def wait_for(self, stop: PlainStop) -> str:
        """NEW, or REFUSED when it would trigger at once."""
        if stop.trigger is not None and stop.is_met(self.last):
            return "REFUSED"
        if stop.kind == "TRAIL" and stop.trigger is None:
            stop.extreme = self.last
        stop.number = len(self.stops)
        self.stops.append(stop)
        return "NEW"

    def cancel_stop(self, name: str) -> bool:
        """Whether there was something to cancel."""
        found = [stop for stop in self.stops if stop.name == name and stop.status == "NEW"]
        for stop in found:
            stop.status = "CANCELED"
        return bool(found)

    # The market

    def candle(self, opened: int, high: int, low: int, closed: int, budgets: list[int | None]) -> None:
        """The market trades from open to close, a rising candle by its low first."""
        way = (opened, low, high, closed) if closed >= opened else (opened, high, low, closed)
        for place, price in enumerate(way):
            self.trade(price, jumps=place == 0, budget=budgets[place])

    def trade(self, price: int, *, jumps: bool, budget: int | None = None) -> None:
        """The market trades at a price; unless it jumps, at every price on the way too."""
        self.taken = {True: 0, False: 0}
        self.budget = budget
        self.target = price
        if jumps or price == self.last:
            self.print(price)
            return
        step = 1 if price > self.last else -1
        for each in range(self.last + step, price + step, step):
            self.print(each)

    def print(self, price: int) -> None:
        """One trade in the market."""
        before, self.last = self.last, price
        way = (price > before) - (price < before)

        def distance(at: int | Fraction) -> Fraction:
            return max(Fraction(0), Fraction(at - before) * way)

        resting = [order for order in self.orders if order.open and self.meets(order)]
        for order in sorted(resting, key=lambda o: (distance(o.limit or 0), o.number)):
            if order.open:
                assert order.limit is not None
                wanted = order.quantity - order.filled
                if order.limit == price == self.target and self.budget is not None:
                    wanted = min(wanted, self.budget)
                    self.budget -= wanted
                if wanted:
                    self.fill(order, order.limit, wanted, maker=True)
        waiting = [stop for stop in self.stops if stop.status == "NEW" and stop.is_met(price)]
        for stop in sorted(waiting, key=lambda s: (distance(self.level_of(s)), s.number)):
            if stop.status == "NEW" and stop.is_met(price):
                self.release(stop)
        for stop in self.stops:
            if stop.status == "NEW" and stop.extreme is not None:
                stop.extreme = min(stop.extreme, price) if stop.buys else max(stop.extreme, price)

    def meets(self, order: PlainOrder) -> bool:
        assert order.limit is not None
        if self.last == order.limit:
            return not self.through
        return self.last < order.limit if order.buys else self.last > order.limit

    @staticmethod
    def level_of(stop: PlainStop) -> Fraction:
        if stop.extreme is not None:
            away = stop.callback * stop.extreme / 100
            return stop.extreme + away if stop.buys else stop.extreme - away
        assert stop.trigger is not None
        return Fraction(stop.trigger)

    def release(self, stop: PlainStop) -> None:
        if stop.kind == "TRAIL" and stop.extreme is None:
            stop.extreme = self.last
            return
        order = PlainOrder(
            f"child of {stop.name}",
            0,
            stop.buys,
            stop.side,
            stop.quantity,
            stop.limit,
            stop.reduce_only and stop.side == "BOTH",
            parent=stop.name,
        )
        if stop.closes:
            order.quantity = self.closable(order)
            order.reduce_only = stop.side == "BOTH"
        elif stop.side != "BOTH" and self.closable(order):
            order.quantity = min(order.quantity, self.closable(order))
        stop.status = "TRIGGERING"
        stop.status = "REJECTED" if not order.quantity or self.place(order, "GTC") == "REFUSED" else "TRIGGERED"

    def offers(self, order: PlainOrder) -> list[tuple[int, int]]:
        """What the book gives: the best level at the last price, for buyers the spread above it, then tick by tick."""
        found, wanted, gone = [], order.quantity - order.filled, self.taken[order.buys]
        for place in range(self.levels):
            price = self.last + self.spread + place if order.buys else self.last - place
            if order.limit is not None and (price > order.limit if order.buys else price < order.limit):
                break
            if price < 1 or not wanted:
                break
            if self.level is None:
                return [(price, wanted)]
            there = max(0, self.level - gone)
            gone = max(0, gone - self.level)
            if there:
                found.append((price, min(there, wanted)))
                wanted -= min(there, wanted)
        return found

    # Money

    def fill(self, order: PlainOrder, price: int, quantity: int, *, maker: bool) -> None:
        if order.reduces:
            most = self.closable(order)
            if not most:
                order.open = False
                return
            if quantity >= most:
                quantity, order.quantity = most, order.filled + most
        before = self.held(order.side)
        after = before + (quantity if order.buys else -quantity)
        self.positions[order.side] = after
        order.filled += quantity
        order.open = order.filled < order.quantity
        worth = price * quantity * self.unit
        self.cash += (-worth if order.buys else worth) - worth * self.fees[0 if maker else 1]
        self.fills.append((order.name, price, quantity, maker))
        if abs(after) < abs(before) or after * before < 0:
            for other in self.orders:
                if other.open and other.side == order.side and other.reduces and not self.closable(other):
                    other.open = False
            for stop in self.stops:
                if (
                    stop.status == "NEW"
                    and stop.closes
                    and stop.side == order.side
                    and after * (1 if stop.buys else -1) >= 0
                ):
                    stop.status = "EXPIRED"
