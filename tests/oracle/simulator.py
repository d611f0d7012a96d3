"""The paper venue as docs/fills.md describes it, in exact rationals. The oracle of the engine's fills.

It is written from that page alone, imports nothing of the program, and is slow on purpose: it walks tick by tick and
adds everything up anew whenever it is asked.
"""

from __future__ import annotations

from fractions import Fraction

from oracle.market import AT_ONCE, LEGS, ZERO, Ask, Contract, Fill, Lot, Market, Order, Rules, booked

__all__ = ["Simulator"]


class Simulator:
    """One session. ``fills``, ``liquidations`` (bar, symbol, price), ``rejected``, ``bare`` (keys) are what happened.

    ``bare`` are entries whose fills get no stop and target of their own, because the leg has one.
    """

    def __init__(self, rules: Rules, contracts: dict[str, Contract]) -> None:
        self.rules = rules
        self.markets = {symbol: Market(symbol, contract) for symbol, contract in contracts.items()}
        self.bar = 0
        self.cash = rules.equity
        self.realised = ZERO
        self.fees = ZERO
        self.funding = ZERO
        self.fills: list[Fill] = []
        self.liquidations: list[tuple[int, str, Fraction]] = []
        self.rejected: list[str] = []
        self.bare: list[str] = []

    def value(self, market: Market, price: Fraction) -> Fraction:
        """What the symbol's legs have gained over their cost at a price."""
        total = ZERO
        for leg in LEGS:
            lots, sign = market.lots[leg], 1 if leg == "long" else -1
            if lots and self.rules.lots == "average":
                total += sign * (booked(lots[0].quantity * price * market.contract.size) - lots[0].cost)
            elif lots:
                total += booked(sign * market.contract.size * sum(lot.quantity * (price - lot.price) for lot in lots))
        return total

    def notional(self, market: Market, price: Fraction) -> Fraction:
        """The size of the symbol's legs at a price."""
        return sum((booked(market.held(leg) * price * market.contract.size) for leg in LEGS), ZERO)

    def equity(self, moved: Market | None = None, price: Fraction = ZERO) -> Fraction:
        """Cash and what is open, at the marks; one symbol at another price."""
        markets = self.markets.values()
        return self.cash + sum((self.value(m, price if m is moved else m.mark) for m in markets), ZERO)

    def maintenance(self, moved: Market, price: Fraction) -> Fraction:
        """What all positions have to be covered with."""
        markets = self.markets.values()
        exposure = sum((self.notional(m, price if m is moved else m.mark) for m in markets), ZERO)
        return booked(exposure * self.rules.maintenance)

    def is_used_up(self, market: Market, price: Fraction) -> bool:
        """Whether the account is liquidated with the symbol at a price."""
        return self.rules.maintenance > 0 and self.equity(market, price) <= self.maintenance(market, price)

    def needed(self, market: Market, order: Order) -> Fraction:
        """The initial margin of what an entry has left."""
        price = order.reference if order.price is None else order.price
        return booked(booked(order.left * price * market.contract.size) / self.rules.leverage)

    def is_covered(self, market: Market, order: Order) -> bool:
        """Whether the account has the initial margin of an entry."""
        exposure, bound = ZERO, ZERO
        for other in self.markets.values():
            exposure += self.notional(other, other.mark)
            for resting in other.orders:
                if not resting.closes:
                    bound += self.needed(other, resting)
                elif resting.kind == "market":
                    freed = min(resting.left, other.held(resting.leg))
                    exposure -= booked(freed * other.close * other.contract.size)
        bound += booked(max(exposure, ZERO) / self.rules.leverage)
        return self.needed(market, order) <= self.equity() - bound

    def ask(self, asks: list[Ask]) -> None:
        """The orders of one decision: closing ones first, then entries."""
        for ask in sorted(asks, key=lambda ask: not ask.closes):
            market = self.markets[ask.symbol]
            quantity = market.held(ask.leg) if ask.quantity is None else ask.quantity
            order = Order(
                ask.key, ask.leg, ask.kind, quantity, ask.price, ask.closes, market.close, ask.stop, ask.target
            )
            if (order.kind == "post_only" and self.would_cross(order, market.close)) or (
                not order.closes and not self.is_covered(market, order)
            ):
                self.rejected.append(order.key)
                continue
            market.orders.append(order)
            if self.rules.at_close and order.kind in AT_ONCE:
                market.mark = market.close
                self.take_at_once(market, order, market.close)
                order.taken = ZERO

    @staticmethod
    def would_cross(order: Order, close: Fraction) -> bool:
        """Whether a post-only order would take at the last close."""
        assert order.price is not None
        return close <= order.price if order.buys else close >= order.price

    def cancel(self, symbol: str, key: str) -> None:
        """Take an order off the book."""
        market = self.markets[symbol]
        for order in market.orders:
            if order.key == key:
                self.drop(market, order)
                return
        raise KeyError(key)

    def protect(self, symbol: str, leg: str, key: str, stop: Fraction | None, target: Fraction | None) -> None:
        """The stop and target of the whole leg: what is not repeated goes, what is missing comes."""
        market = self.markets[symbol]
        wanted = {"stop": stop, "take_profit": target}
        for order in list(market.orders):
            if order.leg == leg and order.kind in wanted:
                if order.whole and order.price == wanted[order.kind]:
                    del wanted[order.kind]
                else:
                    self.drop(market, order)
        for kind, price in wanted.items():
            if price is not None:
                market.orders.append(Order(f"{key} {kind} 1", leg, kind, ZERO, price, True, market.close, whole=True))
        both = [order for order in market.orders if order.leg == leg and order.whole]
        if len(both) == 2:
            both[0].twin, both[1].twin = both[1], both[0]

    def play(self, bars: dict[str, tuple[Fraction, Fraction, Fraction, Fraction, Fraction]]) -> None:
        """One set: open, high, low, close and volume of each symbol that has a bar."""
        self.bar += 1
        for symbol, market in self.markets.items():
            if symbol in bars:
                self.play_bar(market, *bars[symbol])

    def play_bar(
        self, market: Market, open_: Fraction, high: Fraction, low: Fraction, close: Fraction, volume: Fraction
    ) -> None:
        """Steps 1 to 6 of the page."""
        lot = market.contract.lot
        share = self.rules.participation
        market.cap = None if share is None else (volume * share) // lot * lot
        market.close = close
        self.pay(market, open_, inside=False)
        if any(market.lots.values()) and self.is_used_up(market, open_):
            self.liquidate(market, market.ticks(market.mark, open_))
        self.play_open(market, open_)
        market.entered = dict.fromkeys(LEGS, ZERO)  # what the open has filled takes part
        rises_first = market.held("short") > market.held("long")
        first, second = (high, low) if rises_first else (low, high)
        was_there = list(market.orders)
        if (
            self.walk(market, was_there, open_, first, rising=rises_first)
            and self.go(market, first, open_)
            and self.walk(market, was_there, open_, second, rising=not rises_first)
        ):
            self.go(market, second, close)
        self.pay(market, open_, inside=True)
        market.due.clear()
        market.entered = dict.fromkeys(LEGS, ZERO)
        for order in market.orders:
            order.rested, order.taken = True, ZERO
        market.mark = close

    def pay(self, market: Market, open_: Fraction, *, inside: bool) -> None:
        """Funding: a positive rate is paid by longs and received by shorts."""
        for due in market.due:
            if due.inside == inside:
                for leg in LEGS:
                    mark = open_ if due.mark is None else due.mark
                    paid = booked(market.held(leg) * mark * market.contract.size * due.rate)
                    self.cash += -paid if leg == "long" else paid
                    self.funding += -paid if leg == "long" else paid

    def play_open(self, market: Market, open_: Fraction) -> None:
        """Step 3: what takes at once in the order in which it came, then what the open crosses."""
        was_there = list(market.orders)
        for order in was_there:
            if order.at_once and order in market.orders:
                self.take_at_once(market, order, open_)
        crossed = [order for order in was_there if not order.at_once and self.is_reached(order, open_)]
        for order in sorted(crossed, key=lambda order: (order.rank, self.distance(order))):
            if order in market.orders:
                self.meet(market, order, open_, maker=order.rested or order.kind != "limit", opening=True)

    def walk(self, market: Market, was_there: list[Order], open_: Fraction, turn: Fraction, *, rising: bool) -> bool:
        """One way of the price from the open; False when the account was liquidated on it."""
        price = open_
        met: list[Order] = []
        while True:
            reached = [
                order
                for order in market.orders
                if order not in met
                and (order in was_there or order.kind == "stop")
                and not order.at_once
                and order.above == rising
                and self.is_reached(order, turn)
            ]
            if not reached:
                break
            order = min(reached, key=lambda order: (self.distance(order), order.rank))
            assert order.price is not None
            there = max(price, order.price) if rising else min(price, order.price)
            if there != price and not self.go(market, price, there):
                return False
            price = there
            met.append(order)
            self.meet(market, order, price, maker=True)
        return self.go(market, price, turn)

    def is_reached(self, order: Order, price: Fraction) -> bool:
        """Whether a price triggers the stop or fills the limit."""
        assert order.price is not None
        if order.kind != "stop" and self.rules.through:
            return price > order.price if order.above else price < order.price
        return price >= order.price if order.above else price <= order.price

    @staticmethod
    def distance(order: Order) -> Fraction:
        """Less for the order that the price passes first."""
        assert order.price is not None
        return order.price if order.above else -order.price

    def meet(self, market: Market, order: Order, price: Fraction, *, maker: bool, opening: bool = False) -> None:
        """The price has come to a resting order."""
        if order.kind == "stop":
            order.triggered = True
            self.take(market, order, self.slipped(market, order, price), maker=False)
        else:
            self.take(market, order, price, maker=maker, opening=opening)

    def take_at_once(self, market: Market, order: Order, price: Fraction) -> None:
        """A market order, a triggered stop or an ioc order at the price that follows."""
        if order.kind != "ioc":
            self.take(market, order, self.slipped(market, order, price), maker=False)
            return
        if self.is_reached(order, price):
            self.take(market, order, price, maker=False)
        self.drop(market, order)

    def slipped(self, market: Market, order: Order, price: Fraction) -> Fraction:
        """Slippage against the order, rounded to the worse tick."""
        tick = market.contract.tick
        if order.buys:
            return -(-price * (1 + self.rules.slippage) // tick) * tick
        return max(price * (1 - self.rules.slippage) // tick * tick, tick)

    def take(self, market: Market, order: Order, price: Fraction, *, maker: bool, opening: bool = False) -> None:
        """Fill what volume, position and mode allow, and what follows from it."""
        left = market.left(order)
        quantity = left if market.cap is None else min(left, market.cap - order.taken)
        if order.closes:
            quantity = min(quantity, market.held(order.leg))
            if order.whole and order.kind == "take_profit" and not opening:
                quantity = min(quantity, market.held(order.leg) - market.entered[order.leg])
            if not market.held(order.leg):
                self.drop(market, order)
        elif self.rules.one_way and market.held("short" if order.leg == "long" else "long"):
            self.drop(market, order)
            return
        if quantity <= 0:
            return
        order.taken += quantity
        order.filled += quantity
        order.fills += 1
        twin, done = order.twin, quantity == left
        if done:
            market.orders.remove(order)
        self.fill(market, order, quantity, price, self.rules.maker if maker else self.rules.taker, maker=maker)
        if order.closes:
            flat = not market.held(order.leg)
            if twin is not None and (flat or done):
                self.drop(market, twin)
            for other in list(market.orders):
                if flat and other.closes and other.leg == order.leg:
                    self.drop(market, other)
        else:
            market.entered[order.leg] += quantity
            self.add_bracket(market, order, quantity)

    def add_bracket(self, market: Market, entry: Order, quantity: Fraction) -> None:
        """The bracket of an entry's fill, unless the leg has a stop or target of its own."""
        if (entry.stop or entry.target) and any(order.whole and order.leg == entry.leg for order in market.orders):
            entry.stop = entry.target = None
            self.bare.append(entry.key)
        made = []
        for kind, price in (("stop", entry.stop), ("take_profit", entry.target)):
            if price is not None:
                key = f"{entry.key} {kind} {entry.fills}"
                made.append(Order(key, entry.leg, kind, quantity, price, True, market.close))
        market.orders += made
        if len(made) == 2:
            made[0].twin, made[1].twin = made[1], made[0]

    def drop(self, market: Market, order: Order) -> None:
        """Cancel an order that is still on the book."""
        if order in market.orders:
            market.orders.remove(order)
            if order.twin is not None:
                order.twin.twin = None

    def fill(
        self, market: Market, order: Order, quantity: Fraction, price: Fraction, rate: Fraction, *, maker: bool,
        fee: Fraction | None = None,
    ) -> None:  # fmt: skip
        """Money and lots of one fill."""
        size = market.contract.size
        if fee is None:
            fee = booked(quantity * price * size * rate)
        realised = ZERO
        if order.closes:
            realised = self.close_lots(market, order.leg, quantity, price)
        else:
            lots, cost = market.lots[order.leg], booked(quantity * price * size)
            if lots and self.rules.lots == "average":
                lots[0] = Lot(lots[0].quantity + quantity, ZERO, lots[0].cost + cost)
            else:
                lots.append(Lot(quantity, price, cost))
        if self.rules.maintenance and not any(lots for other in self.markets.values() for lots in other.lots.values()):
            fee = min(fee, self.cash + realised)  # flat: what is missing is the venue's
        self.cash += realised - fee
        self.realised += realised
        self.fees += fee
        self.fills.append(Fill(self.bar, market.symbol, order.key, order.leg, quantity, price, fee, maker, realised))

    def close_lots(self, market: Market, leg: str, quantity: Fraction, price: Fraction) -> Fraction:
        """What lots gain that are closed at a price: the newest first, the oldest first, or all at their mean."""
        realised, sign = ZERO, 1 if leg == "long" else -1
        while quantity:
            lot = market.lots[leg][0 if self.rules.lots == "fifo" else -1]
            part = min(quantity, lot.quantity)
            if self.rules.lots == "average":
                cost = booked(lot.cost * part / lot.quantity)
                realised += sign * (booked(part * price * market.contract.size) - cost)
                lot.cost -= cost
            else:
                realised += booked(sign * part * (price - lot.price) * market.contract.size)
            lot.quantity -= part
            quantity -= part
            if not lot.quantity:
                market.lots[leg].remove(lot)
        return realised

    def go(self, market: Market, start: Fraction, end: Fraction) -> bool:
        """Move the price, tick by tick; False when the account is liquidated on the way."""
        if any(market.lots.values()):
            way = market.ticks(start, end)
            for number, price in enumerate(way):
                if self.is_used_up(market, price):
                    self.liquidate(market, way[: number + 1])
                    return False
        return True

    def liquidate(self, market: Market, way: list[Fraction]) -> None:
        """At the end of the way, or at its last price at which something is left: the fee takes that."""
        price, takes_all = way[-1], False
        if self.equity(market, price) < 0:
            solvent = [at for at in way if self.equity(market, at) >= 0]
            if solvent:
                price, takes_all = solvent[-1], True
        self.liquidations.append((self.bar, market.symbol, price))
        left = self.equity(market, price)
        market.orders.clear()
        for leg in LEGS:
            quantity = market.held(leg)
            if quantity:
                fee = booked(quantity * price * market.contract.size * self.rules.taker)
                fee = left if takes_all else min(fee, left)
                left -= fee
                order = Order(f"liquidation {leg}", leg, "market", quantity, None, True, price)
                self.fill(market, order, quantity, price, ZERO, maker=False, fee=fee)
