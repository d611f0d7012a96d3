# cython: language_level=3, annotation_typing=False, auto_pickle=False
"""The paper venue: what a bar does to orders and positions, in the order that the manifest's models name.

For one symbol's bar: (1) funding due by its open, on the position held before, at the given mark, else the open;
(2) market orders at the open; (3) resting orders that the open already crosses; (4) liquidation, then stops,
targets and limits against high and low; (5) funding inside the bar, at the given mark, else the open; (6) the mark
to the close. A symbol without position, orders and funding costs nothing.

Plain limits that rested at least one bar, post-only orders and targets pay the maker's fee, market orders, stops,
liquidations and a limit that is marketable at its first open the taker's. A post-only order that would cross the last
close is rejected. An entry whose initial margin exceeds equity less the margin that positions and other open entries
bind is rejected.
"""

from __future__ import annotations

from typing import Any

import cython

from live_runner.contracts.errors import OurFault
from live_runner.contracts.vocabulary import END_REASONS, SIDES
from live_runner.hotpath import fixed
from live_runner.hotpath.engine.gateway import Gateway
from live_runner.hotpath.engine.margin import Margin
from live_runner.hotpath.engine.state import FUNDING_WAITING_MAX

if not cython.compiled:
    from live_runner.hotpath.engine.book import takes_at_once
    from live_runner.hotpath.engine.bracket import closing_order, refuse_bracket
    from live_runner.hotpath.engine.ledger import Position
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, flatten_order
    from live_runner.hotpath.engine.python_money import money_text, ticks_at, units_text
    from live_runner.hotpath.engine.state import FundingDue, Market, State
    from live_runner.hotpath.engine.words import (
        LIQUIDATION,
        LONG_PART,
        MARKET,
        POST_ONLY,
        STOP,
        STOP_PART,
        TAKE_PROFIT,
        TARGET_PART,
    )

__all__ = ["Paper"]


class Paper(Gateway):
    """Margin, acceptance and the bars of one session; the gateway of its order manager."""

    def __init__(self, state: State, manager: Manager) -> None:
        self.state = state
        self.manager = manager
        self.margin = Margin(state)

    # -- the gateway ----------------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Accept or reject an order, and put it on the book."""
        if not self.crosses(order) and not self.lacks_margin(order):
            state = self.state
            market = state.markets[order.symbol]
            self.number(order)
            self.manager.accept(order)
            market.book.add(order)
            if state.at_close and takes_at_once(order.kind) and self.is_at_its_close(order):
                state.ledger.mark_at(market, market.close_ticks())
                market.book.at_close(self, market, order, market.close_ticks(), market.cap(), state.now_ns)
            self.mark_busy(market)

    def crosses(self, order: Order) -> bool:
        """Whether the order is post-only and would take at the last close; it is rejected then."""
        if order.kind != POST_ONLY or order.price == 0:
            return False
        market = self.state.markets[order.symbol]
        close = market.close_ticks()
        if (close > order.price) if order.buy else (close < order.price):
            return False
        side = "buy" if order.buy else "sell"
        price = units_text(market.grid, order.price)
        at = units_text(market.grid, close)
        self.manager.reject(order, "post_only_would_cross", f"A post-only {side} at {price} would take at {at}", False)
        return True

    def lacks_margin(self, order: Order) -> bool:
        """Whether the account lacks the initial margin of an entry; it is rejected then."""
        if order.reduce:
            return False
        missing = self.margin.shortfall(order)
        if missing <= 0:
            return False
        self.manager.reject(
            order, "insufficient_margin", f"The account lacks {money_text(missing)} of initial margin", False
        )
        return True

    def is_at_its_close(self, order: Order) -> bool:
        """Whether the symbol's last close is now, and not past or late."""
        at = order.symbol
        return (
            not order.waits and not order.at_next_open and self.state.columns.bars[at].number == self.state.set_number
        )

    def cancel(self, order: Order, reason: str) -> None:
        """The paper venue confirms at once."""
        self.take_off(order)
        self.manager.cancelled(order, reason)

    def expire(self, order: Order) -> None:
        """The order leaves the book by itself when its time is over."""
        self.take_off(order)
        self.manager.expired(order, "time_to_live")

    def is_irrevocable(self, order: Order) -> bool:
        """Whether an order takes at once: it belongs to the open that follows its decision."""
        return takes_at_once(order.kind) and order.fills == 0 and not order.waits

    def flatten(self, command_id: str) -> None:
        """A market close for every leg that is open, or about to be by an order that cannot be recalled."""
        number = 0
        for market in self.state.markets:
            for side in range(2):
                lots = market.leg(side).quantity
                for order in market.open_orders:
                    if order.side == side and not order.reduce:
                        lots += order.quantity - order.filled
                if lots == 0 or market.closes_whole_leg(side):
                    continue
                number += 1
                self.close_at_open(market, side, lots, f"{command_id}/{number}")

    def close_leg(self, market: Market, side: int, intent_id: str) -> None:
        """At the next open, unless the leg is flat or being closed."""
        leg = market.leg(side)
        if leg.quantity and not market.closes_whole_leg(side):
            self.close_at_open(market, side, leg.quantity, intent_id)

    def close_at_open(self, market: Market, side: int, lots: int, intent_id: str) -> None:
        """A market close that waits for the next open, whatever the fill model says of closes."""
        state = self.state
        order = flatten_order(state.name, market.index, side, lots, market.close_ticks(), intent_id, state.policy)
        order.at_next_open = True
        self.manager.request(order)

    def take_off(self, order: Order) -> None:
        """The order leaves the book."""
        market = self.state.markets[order.symbol]
        market.book.remove(order)
        self.mark_busy(market)

    def mark_busy(self, market: Market) -> None:
        """Whether the symbol's next bar has anything to match, mark or fund."""
        self.state.columns.busy[market.index] = (
            market.book.count > 0 or market.long.quantity > 0 or market.short.quantity > 0 or market.funding_count > 0
        )

    def number(self, order: Order) -> None:
        """The venue's id of an order."""
        self.state.numbered += 1
        order.venue_number = self.state.numbered

    # -- what the book calls --------------------------------------------------------------------

    def fill(self, order: Order, lots: int, ticks: int, reference: int, maker: bool, at_ns: int) -> None:
        """One fill, and the bracket of an entry's, unless a stop or target of the whole leg covers it."""
        self.manager.fill(order, lots, ticks, reference, maker, at_ns, None, False, 0)
        if order.stop or order.target:
            market = self.state.markets[order.symbol]
            leg = market.leg(order.side)
            if leg.covered:
                refuse_bracket(self.state, self.manager, order)
            else:
                self.create_bracket(order, lots)

    def cancelled(self, order: Order, why: int) -> None:
        """The book has dropped the order."""
        self.manager.cancelled(order, END_REASONS[why])

    def create_bracket(self, entry: Order, lots: int) -> None:
        """The attached stop-loss and take-profit for the quantity of one entry fill; one done cancels the other."""
        market = self.state.markets[entry.symbol]
        stop = None
        target = None
        if entry.stop:
            stop = self.child(entry, STOP, STOP_PART, lots, entry.stop)
            market.book.add(stop)
        if entry.target:
            target = self.child(entry, TAKE_PROFIT, TARGET_PART, lots, entry.target)
            market.book.add(target)
        if stop is not None and target is not None:
            market.book.tie(stop, target)

    def child(self, entry: Order, kind: int, part: int, lots: int, ticks: int) -> Order:
        """A stop or target of an entry."""
        order = closing_order(
            self.state, entry.close_ns, entry.number, entry.symbol, entry.side, kind, lots, ticks, entry.reason
        )
        order.intent_text = entry.intent_text
        order.named_attempt = entry.attempt
        order.part = part
        order.part_number = entry.fills
        self.stand(order)
        return order

    def stand(self, order: Order) -> None:
        """It stands at the venue without having been sent: requested and accepted in one."""
        self.number(order)
        self.manager.record_request(order)
        self.manager.accept(order)

    # -- bars -----------------------------------------------------------------------------------

    def await_funding(self, market: Market, due: FundingDue) -> None:
        """One more rate that waits for the symbol's next bar; OurFault beyond what may wait."""
        if market.funding_count >= FUNDING_WAITING_MAX:
            raise OurFault(
                f"{market.funding_count} funding rates of {market.symbol} wait for a bar of it",
                remedy="Check the feed: the symbol has had no bar for a long time",
                symbol=market.symbol,
            )
        market.funding.append(due)
        market.funding_count += 1
        self.state.columns.busy[market.index] = True

    def run_bar(self, market: Market) -> None:
        """One symbol's bar, steps 1 to 6."""
        at = market.index
        bars = self.state.columns.bars
        opened = ticks_at(bars[at].open, market.tick_scale, market.tick_mantissa)
        highest = ticks_at(bars[at].high, market.tick_scale, market.tick_mantissa)
        lowest = ticks_at(bars[at].low, market.tick_scale, market.tick_mantissa)
        closed = ticks_at(bars[at].close, market.tick_scale, market.tick_mantissa)
        if opened == 0 or highest == 0 or lowest == 0 or closed == 0:
            self.name_price(market)
        if market.funding_count:
            self.fund(market, bars[at].open_ns + 1, opened)
        watched = self.is_in_danger(market, opened, highest, lowest)
        if watched and self.margin.ends_at(market, opened):
            self.liquidate(market, bars[at].open_ns)
        fills = self.state.fills
        market.book.at_open(self, market, opened, market.cap(), bars[at].late, bars[at].open_ns)
        if watched or self.state.fills != fills:
            watched = self.is_in_danger(market, opened, highest, lowest)
        if watched or market.book.count:
            market.book.inside(self, market, highest, lowest, closed, watched, bars[at].close_ns)
        if market.funding_count:
            self.fund(market, bars[at].close_ns, opened)
        self.state.moved = True
        self.state.ledger.mark_at(market, closed)
        self.mark_busy(market)

    def is_in_danger(self, market: Market, opened: int, high: int, low: int) -> bool:
        """Whether the symbol's position could use up the margin at some price of the bar."""
        return (
            self.state.margin_on
            and not market.is_spot
            and (market.long.quantity > 0 or market.short.quantity > 0)
            and not self.margin.is_far(market, opened, high, low)
        )

    def moves(self, position: Position, start: int, end: int, at_ns: int) -> bool:
        """See ``Venue``."""
        market: Any = position
        if not self.is_in_danger(market, start, max(start, end), min(start, end)):
            return False
        if not self.margin.ends_between(market, start, end):
            return False
        self.liquidate(market, at_ns)
        return True

    def name_price(self, market: Market) -> None:
        """Raise for the first price of the bar that is not on the market's grid."""
        at = market.index
        market.ticks(self.state.columns.bars[at].open)
        market.ticks(self.state.columns.bars[at].high)
        market.ticks(self.state.columns.bars[at].low)
        market.ticks(self.state.columns.bars[at].close)

    def fund(self, market: Market, before_ns: int, price: int) -> None:
        """Pay or receive what is due before a time; what is due later goes on waiting."""
        state = self.state
        waiting = market.funding
        market.funding = []
        market.funding_count = 0
        for due in waiting:
            if due.funding_ns >= before_ns:
                market.funding.append(due)
                market.funding_count += 1
                continue
            for side in range(2):
                leg = market.leg(side)
                if leg.quantity:
                    if due.mark is None:
                        mark = units_text(market.grid, price)
                        amount = state.ledger.fund(market, leg, price, due.mantissa, due.scale)
                    else:
                        mark = fixed.float_text(due.mark)
                        amount = -leg.sign * market.funding_at_mark(due, leg.quantity)
                        state.ledger.pay(amount)
                    state.seq += 1
                    if state.journals:
                        state.sink.funded(market, SIDES[side], due.funding_ns, due.rate, mark, leg.quantity, amount)

    def liquidate(self, market: Market, at_ns: int) -> None:
        """Close the symbol's legs where the margin ends; its other orders leave the book first."""
        state = self.state
        ticks = self.margin.ticks
        state.seq += 1
        number = state.seq
        name = state.event_id()
        if state.journals:
            state.sink.liquidated(market, ticks, self.margin.equity, self.margin.maintenance, at_ns)
        state.liquidations += 1
        state.ledger.call_margin()
        market.book.clear(self, LIQUIDATION)
        left = self.margin.equity
        for side in range(2):
            lots = market.leg(side).quantity
            if lots:
                fee = state.ledger.fee_of(market, lots, ticks, state.taker_rate, state.taker_scale)
                if self.margin.bankrupt or fee > left:
                    fee = left  # below zero the venue makes up for what is missing
                left -= fee
                order = closing_order(state, number, 0, market.index, side, MARKET, lots, 0, "liquidation")
                order.intent_text = name
                order.part = LONG_PART + side
                self.stand(order)
                self.manager.fill(order, lots, ticks, ticks, False, at_ns, None, True, fee)
