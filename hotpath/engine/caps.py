# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Caps of one session: section ``caps`` of its configuration. An open or add beyond one is refused, a close never.

They are checked when the order is made and again before each further attempt at it. Notional is counted at the last
marks, of entries under way at their limit or the last close: what is open, what may still fill, and the new order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import cython
from msgspec import UNSET

from live_runner.contracts.vocabulary import SIDES

if TYPE_CHECKING:
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.state import Market, State
if not cython.compiled:
    from live_runner.hotpath.engine.limits import units_of
    from live_runner.hotpath.engine.python_money import money, money_text, of_whole, times, whole

__all__ = ["Caps"]

MINUTE_NS: Final = 60_000_000_000


class Caps:
    """Caps of one session; -1 for one that is not given. ``reason`` and ``message``: why the last order was refused."""

    def __init__(self, state: State) -> None:
        self.state = state
        given = state.config.caps
        self.on = given is not UNSET
        self.order_notional = money_cap(given, "order_notional")
        self.leg_notional = money_cap(given, "leg_notional")
        self.symbol_notional = money_cap(given, "symbol_notional")
        self.total_notional = money_cap(given, "total_notional")
        self.open_orders = count_cap(given, "open_orders")
        self.per_minute = count_cap(given, "orders_per_minute")
        self.times: list[int] = []
        self.reason = ""
        self.message = ""

    def permit(self, order: Order, at_market: bool) -> bool:
        """Whether no cap refuses the order, or a market order for what is left of it."""
        state = self.state
        self.reason = ""
        if not self.on or order.reduce:
            return True
        market = state.markets[order.symbol]
        asked = self.notional_at(order, 0 if at_market else order.price)
        if 0 <= self.order_notional < asked:
            return self.refuse("order_notional_cap", f"The order is worth {money_text(asked)}")
        if self.leg_notional >= 0:
            total = self.of_leg(market, order.side, order) + asked
            if total > self.leg_notional:
                what = f"The {SIDES[order.side]} leg of {market.symbol} would be worth {money_text(total)}"
                return self.refuse("leg_notional_cap", what)
        if self.symbol_notional >= 0:
            total = self.of_leg(market, 0, order) + self.of_leg(market, 1, order) + asked
            if total > self.symbol_notional:
                what = f"Both legs of {market.symbol} together would be worth {money_text(total)}"
                return self.refuse("symbol_notional_cap", what)
        if self.total_notional >= 0:
            total = self.of_all(order) + asked
            if total > self.total_notional:
                what = f"All legs together would be worth {money_text(total)}"
                return self.refuse("total_notional_cap", what)
        count = 0
        for other in state.orders:
            if other is not order:
                count += 1
        if 0 <= self.open_orders <= count:
            return self.refuse("open_orders_cap", f"{count} other orders are open")
        count = self.in_last_minute()
        if 0 <= self.per_minute <= count:
            return self.refuse("orders_per_minute_cap", f"{count} others were requested within a minute")
        return True

    def refuse(self, reason: str, what: str) -> bool:
        """A cap refuses the order."""
        name = reason.removesuffix("_cap")
        self.reason = reason
        self.message = f"{what}, caps.{name} is {getattr(self.state.config.caps, name)}"
        return False

    def requested(self) -> None:
        """One more order of the last minute; only as many times are kept as the cap needs."""
        if self.per_minute >= 0:
            self.times.append(self.state.now_ns)
            if len(self.times) > self.per_minute:
                del self.times[0]

    def in_last_minute(self) -> int:
        """Orders that were requested less than a minute ago, as far as the cap counts them."""
        since_ns = self.state.now_ns - MINUTE_NS
        count = 0
        for at_ns in self.times:
            if at_ns > since_ns:
                count += 1
        return count

    def notional_of(self, order: Order) -> int:
        """What is left of an entry to fill, at its limit or the last close."""
        return self.notional_at(order, order.price)

    def notional_at(self, order: Order, price: int) -> int:
        """The same at a price, at the last close where that is 0."""
        market = self.state.markets[order.symbol]
        ticks = price if price else market.close_ticks()
        return money(times(order.quantity - order.filled, ticks), market.multiplier, market.divisor)

    def of_leg(self, market: Market, side: int, apart: Order | None) -> int:
        """Notional of a leg at its last mark, with what its entries may still fill, one of them apart."""
        leg = market.leg(side)
        total = of_whole(0)
        if leg.quantity:
            total = money(times(leg.quantity, market.mark), market.multiplier, market.divisor)
        for order in market.open_orders:
            if order.side == side and not order.reduce and order is not apart:
                total += self.notional_of(order)
        return total

    def of_all(self, apart: Order | None) -> int:
        """Notional of all legs, with what entries may still fill, one of them apart."""
        total = of_whole(0)
        for market in self.state.markets:
            total += self.of_leg(market, 0, apart) + self.of_leg(market, 1, apart)
        return total

    def levels(self) -> list[list[Any]]:
        """How near each cap is: name, value and cap in 1e-12 of its unit; of legs and symbols the largest."""
        found: list[list[Any]] = []
        leg = of_whole(0)
        both = of_whole(0)
        total = of_whole(0)
        for market in self.state.markets:
            first = self.of_leg(market, 0, None)
            second = self.of_leg(market, 1, None)
            leg = max(leg, first, second)
            both = max(both, first + second)
            total += first + second
        for name, value, cap in (
            ("leg_notional", whole(leg), whole(self.leg_notional)),
            ("symbol_notional", whole(both), whole(self.symbol_notional)),
            ("total_notional", whole(total), whole(self.total_notional)),
            ("open_orders", len(self.state.orders) * 10**12, self.open_orders * 10**12),
            ("orders_per_minute", self.in_last_minute() * 10**12, self.per_minute * 10**12),
        ):
            if cap >= 0:
                found.append([name, value, cap])
        return found

    def row(self) -> list[int]:
        """Plain data for a snapshot."""
        return list(self.times)

    def restore(self, row: list[int]) -> None:
        """Go on from a snapshot."""
        self.times = list(row)


def money_cap(given: Any, name: str) -> int:
    """A cap of money in 1e-12, -1 where it is not given."""
    text = None if given is UNSET else getattr(given, name)
    return of_whole(-1 if text is None else units_of(text))


def count_cap(given: Any, name: str) -> int:
    """A cap of a number of things, -1 where it is not given."""
    count = None if given is UNSET else getattr(given, name)
    return -1 if count is None else int(count)
