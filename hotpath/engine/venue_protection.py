# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Stops and targets at a real venue: one step that compares what is wanted of a leg with the orders for it.

What is wanted are the leg's brackets: one for each fill of an entry that brought a stop or target, or the one of a
``protect`` for the whole leg. The step comes after each report, decision, timer and change of owner, and asks for what
is missing, stops first:

* Quantity. A bracket is for what is left of its fill, that of a whole leg for the leg; together never for more than the
  leg, the trigger that is met first before the others, as the paper venue fills them.
* Replacement. The new order is placed, and the old one cancelled when the new one stands: a leg is never without a stop
  in between. A refused replacement leaves the old one. Both reduce only, so whatever fills never opens the other side.
* One cancels the other. When a stop triggers, the target is cancelled; when a target has filled, the stop is.
* A trigger order never fills. It becomes another order, whose reports name it as their ``parent``, and whose trades
  are its fills. That order's end without a fill, or a refusal for good, is not tried again at the same price and
  quantity: its lots are left to the next bracket. What stands without a stop is named, and from when to when.
"""

from __future__ import annotations

from typing import Any

import cython

from live_runner.contracts.vocabulary import SIDES

if not cython.compiled:
    from live_runner.hotpath.engine.at_venue import AtVenue
    from live_runner.hotpath.engine.bracket import (
        Bracket,
        Slot,
        bracket_of_fill,
        bracket_of_leg,
        bracket_row,
        closing_order,
        put_aside,
        refuse_bracket,
        restored_bracket,
        was_placed_for,
    )
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, client_name, order_name
    from live_runner.hotpath.engine.pretrade import Asked
    from live_runner.hotpath.engine.state import Market, State
    from live_runner.hotpath.engine.venue import RemoteVenue
    from live_runner.hotpath.engine.words import ACCEPTED, FILLED, PARTLY_FILLED, REJECTED, STOP, TAKE_PROFIT

__all__ = ["VenueProtection"]


class LegProtection:
    """One leg: its brackets, oldest first, and since when its stop does not stand, -1 while it does.

    ``failed``: its stop has been refused or has ended unfilled since then, which an incident has named.
    """

    brackets: list[Any]
    since_ns: int
    failed: bool


def new_leg() -> LegProtection:
    """A leg of which nothing is wanted."""
    leg = LegProtection.__new__(LegProtection)
    leg.brackets = []
    leg.since_ns = -1
    leg.failed = False
    return leg


class VenueProtection:
    """Stops and targets of one session whose orders go to a real venue."""

    legs: list[Any]

    def __init__(self, state: State, manager: Manager, venue: RemoteVenue) -> None:
        self.state = state
        self.manager = manager
        self.venue = venue
        self.legs = []
        """Two for each market: long and short."""
        for _ in range(2 * len(state.markets)):
            self.legs.append(new_leg())

    # -- what is wanted ---------------------------------------------------------------------------

    def protect(self, asked: Asked, stop: int, target: int) -> bool:
        """Have these stand for the whole leg, in ticks, 0 for none; False where none is asked for and none stands."""
        market = self.state.markets[asked.symbol]
        own = self.legs[2 * asked.symbol + asked.side]
        stood = len(own.brackets) > 0
        if stop or target:
            bracket = own.brackets[0] if stood else None
            if bracket is None or not bracket.whole:
                self.drop(market, asked.side)
                bracket = bracket_of_leg(asked)
                self.add(market, bracket)
            bracket.close_ns = asked.close_ns
            bracket.number = asked.number
            bracket.intent_text = asked.intent_text
            bracket.reason = asked.reason
            want(bracket.stop, stop)
            want(bracket.target, target)
            bracket.stop.refused_ticks = bracket.target.refused_ticks = 0  # it is asked for anew
        else:
            self.drop(market, asked.side)
        self.reconcile_leg(market, asked.side)
        return stood or stop > 0 or target > 0

    def filled(self, order: Order, lots: int) -> None:
        """A fill has been booked: an entry's brings its bracket, that of a stop or target uses its own up."""
        market = self.state.markets[order.symbol]
        if order.kind == STOP or order.kind == TAKE_PROFIT:
            own = self.legs[2 * order.symbol + order.side]
            for bracket in own.brackets:
                if was_placed_for(bracket, order):
                    bracket.lots -= lots
                    if order.state == FILLED:
                        self.cancel_other(bracket, order)
        elif not order.reduce and (order.stop or order.target):
            leg = market.leg(order.side)
            if leg.covered:
                refuse_bracket(self.state, self.manager, order)
            else:
                self.add(market, bracket_of_fill(order, lots))

    def cancel(self, order: Order, reason: str) -> None:
        """The strategy cancels an order: a stop or target is not wanted any more."""
        own = self.legs[2 * order.symbol + order.side]
        for bracket in own.brackets:
            if bracket.stop.current is order:
                want(bracket.stop, 0)
            elif bracket.target.current is order:
                want(bracket.target, 0)
        self.manager.cancel(order, reason)

    def add(self, market: Market, bracket: Bracket) -> None:
        """One more bracket of its leg."""
        own = self.legs[2 * bracket.symbol + bracket.side]
        own.brackets.append(bracket)
        market.brackets += 1
        if bracket.whole:
            leg = market.leg(bracket.side)
            leg.covered += 1

    def drop(self, market: Market, side: int) -> None:
        """No bracket of the leg is wanted any more; what stands for them is cancelled by the next step."""
        own = self.legs[2 * market.index + side]
        for bracket in list(own.brackets):
            self.remove(market, bracket)

    def remove(self, market: Market, bracket: Bracket) -> None:
        """One bracket less."""
        own = self.legs[2 * bracket.symbol + bracket.side]
        own.brackets.remove(bracket)
        market.brackets -= 1
        if bracket.whole:
            leg = market.leg(bracket.side)
            leg.covered -= 1

    # -- the step ---------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """Every leg."""
        for market in self.state.markets:
            for side in range(2):
                self.reconcile_leg(market, side)

    def reconcile_leg(self, market: Market, side: int) -> None:
        """Ask for what is missing of a leg's stops and targets, and take off what is not wanted."""
        held = market.leg(side)
        own = self.legs[2 * market.index + side]
        if held.quantity == 0:
            self.drop(market, side)
        for bracket in list(own.brackets):
            if is_over(bracket):
                self.remove(market, bracket)
            else:
                self.tidy(market, bracket, bracket.stop)
                self.tidy(market, bracket, bracket.target)
                put_aside(bracket)
        missing = self.fit(market, side, STOP)
        self.fit(market, side, TAKE_PROFIT)
        self.watch(market, side, missing)

    def tidy(self, market: Market, bracket: Bracket, slot: Slot) -> None:
        """The newest order of a slot has ended: why, and what stands in its place."""
        order = slot.current
        if order is None or order.state < FILLED:
            return
        slot.current = None
        if order.state == FILLED or (order.cancel_reason and not order.triggered):
            return
        at: AtVenue | None = self.venue.find(client_name(order), "")
        for_good = order.triggered or (order.state == REJECTED and (at is None or not at.retryable))
        if for_good:
            slot.refused_ticks = order.price
            slot.refused_lots = order.quantity - order.filled
        else:
            slot.retry_ns = self.state.now_ns + max(self.state.policy.retry_spacing_ns, self.venue.first_ns)
            self.state.sink.set_timer(timer_name(market, bracket), slot.retry_ns)
        kept = None
        lots = 0
        for other in market.open_orders:
            if self.is_replaced(bracket, order, other):
                kept = other
                lots += other.quantity - other.filled
                if other in bracket.orders:
                    slot.current = other
        if lots < order.quantity - order.filled:
            kept = None  # what stands is not for all of it
        if for_good or not slot.failing or order.state != REJECTED:  # one that stood is another failure
            self.name_failure(market, bracket, order, kept)
        slot.failing = True
        slot.by_side = order.by_side

    def is_replaced(self, bracket: Bracket, order: Order, other: Order) -> bool:
        """Whether another one stands that the order was placed to replace: one of its bracket, or any for the leg."""
        if other.side != order.side or other.kind != order.kind or not stands(other) or self.is_current(other):
            return False
        return bracket.whole or other in bracket.orders

    def fit(self, market: Market, side: int, kind: int) -> int:
        """Place and replace the leg's stops, or its targets; lots of what is wanted that do not stand."""
        held = market.leg(side)
        left = held.quantity
        wanted = 0
        standing = 0
        fits = True
        for bracket in self.nearest(market, side, kind):
            slot = bracket.stop if kind == STOP else bracket.target
            slot.lots = left if bracket.whole else min(bracket.lots, left)
            wanted += slot.lots
            if kind == TAKE_PROFIT and is_triggered(bracket.stop.current):
                self.cancel_other(bracket, bracket.stop.current)
            else:
                self.fit_slot(market, bracket, slot)
                fits = fits and is_filled(slot)
            if slot.current is not None or not is_refused(slot):
                left -= slot.lots  # else the next bracket is for them: the venue would not have this one's
        for order in list(market.open_orders):
            if order.side == side and order.kind == kind and not order.cancel_reason:
                if self.may_go(order, fits):
                    self.take_off(market, order)
                elif stands(order) and not order.triggered:
                    standing += order.quantity - order.filled
        return max(min(wanted, held.quantity) - standing, 0)

    def may_go(self, order: Order, fits: bool) -> bool:
        """Whether nothing needs the order: what is to stand in its place stands. ``fits``: all of the leg's does."""
        if self.is_current(order):
            return False
        market = self.state.markets[order.symbol]
        held = market.leg(order.side)
        if order.triggered and held.quantity > 0:
            return False
        own = self.legs[2 * order.symbol + order.side]
        for bracket in own.brackets:
            if order in bracket.orders:
                slot = bracket.stop if order.kind == STOP else bracket.target
                return fits if slot.lots == 0 else is_filled(slot)
        return fits

    def nearest(self, market: Market, side: int, kind: int) -> list[Any]:
        """The leg's brackets that have such a trigger, the one that a price meets first before the others."""
        found: list[Any] = []
        own = self.legs[2 * market.index + side]
        for bracket in own.brackets:
            slot = bracket.stop if kind == STOP else bracket.target
            if slot.ticks:
                at = len(found)
                falls = (kind == STOP) == (side == 0)
                while at > 0 and is_nearer(slot.ticks, found[at - 1], kind, falls):
                    at -= 1
                found.insert(at, bracket)
        return found

    def fit_slot(self, market: Market, bracket: Bracket, slot: Slot) -> None:
        """Have an order of the slot's lots in it; an older one goes when this one stands."""
        order = slot.current
        lots = slot.lots
        if is_triggered(order):
            return
        if lots == 0:
            slot.current = None
            return
        if order is not None and not order.cancel_reason:
            size = order.quantity - order.filled
            if order.price == slot.ticks and size == lots:
                slot.failing = slot.failing and not stands(order)
                return
            if not stands(order):
                return  # one at a time: its answer is on the way
            if order.price == slot.ticks and size > lots and is_triggered(bracket.target.current):
                return  # what the target is filling is not taken from the stop before it is done
        if order is None and self.takes_up(bracket, slot):
            return
        if is_refused(slot):
            return
        if slot.retry_ns > self.state.now_ns:
            return
        slot.retry_ns = -1
        self.place(bracket, slot)

    def takes_up(self, bracket: Bracket, slot: Slot) -> bool:
        """Whether an order of the bracket's stands that is just what is wanted: one for lots that were another's."""
        for order in bracket.orders:
            size = order.quantity - order.filled
            if order.kind == slot.kind and stands(order) and order.price == slot.ticks and size == slot.lots:
                slot.current = order
        return slot.current is not None

    def place(self, bracket: Bracket, slot: Slot) -> None:
        """Ask for one more stop or target."""
        order = closing_order(
            self.state, bracket.close_ns, bracket.number, bracket.symbol, bracket.side, slot.kind, slot.lots,
            slot.ticks, bracket.reason,
        )  # fmt: skip
        order.intent_text = bracket.intent_text
        order.named_attempt = bracket.attempt
        order.part = slot.part
        order.part_number = self.venue.next_part(order)
        order.whole = bracket.whole
        order.by_side = slot.by_side
        bracket.orders.append(order)
        slot.current = order
        self.manager.request(order)

    def cancel_other(self, bracket: Bracket, done: Order) -> None:
        """One of a bracket is done, or is being filled: the other is cancelled."""
        for order in bracket.orders:
            if order.kind != done.kind and order.state < FILLED and not order.cancel_reason:
                self.manager.cancel(order, "oco")

    def is_current(self, order: Order) -> bool:
        """Whether the order is the newest one of a bracket's stop or target."""
        own = self.legs[2 * order.symbol + order.side]
        found = False
        for bracket in own.brackets:
            found = found or bracket.stop.current is order or bracket.target.current is order
        return found

    def take_off(self, market: Market, order: Order) -> None:
        """Cancel an order that is not wanted any more, and say why."""
        held = market.leg(order.side)
        own = self.legs[2 * order.symbol + order.side]
        if held.quantity == 0:
            self.manager.cancel(order, "leg_flat")
        elif own.brackets:
            self.manager.cancel(order, "resized" if self.is_resized(own, order) else "protect")
        else:
            self.manager.cancel(order, "unprotected")

    def is_resized(self, own: LegProtection, order: Order) -> bool:
        """Whether the same trigger is wanted for another quantity."""
        found = False
        for bracket in own.brackets:
            slot = bracket.stop if order.kind == STOP else bracket.target
            found = found or (order in bracket.orders and order.price == slot.ticks)
        return found

    # -- a leg without its stop -------------------------------------------------------------------

    def watch(self, market: Market, side: int, missing: int) -> None:
        """Since when the leg's stop does not stand; that it stands again is named where its absence was."""
        leg = self.legs[2 * market.index + side]
        state = self.state
        if missing > 0:
            if leg.since_ns < 0:
                leg.since_ns = state.now_ns
                self.manager.risk.unprotected(market.index, side, leg.since_ns)
            if not leg.failed and not self.is_under_way(market, side):
                leg.failed = True
                message = f"The {SIDES[side]} leg of {market.symbol} stands without its stop, and none is under way"
                self.incident("stop_failed", message, {"symbol": market.symbol, "leg": SIDES[side]})
            return
        if leg.since_ns >= 0 and leg.failed:
            held = market.leg(side)
            ended = "it stands again" if held.quantity else "the leg is flat"
            self.incident(
                "leg_was_unprotected",
                f"The {SIDES[side]} leg of {market.symbol} was without its stop from {leg.since_ns} to "
                f"{state.now_ns}: {ended}",
                {"symbol": market.symbol, "leg": SIDES[side], "from_ns": leg.since_ns, "to_ns": state.now_ns},
            )
        if leg.since_ns >= 0:
            self.manager.risk.unprotected(market.index, side, -1)
        leg.since_ns = -1
        leg.failed = False

    def is_under_way(self, market: Market, side: int) -> bool:
        """Whether a stop of the leg awaits its answer, fills, or is to be tried again."""
        for order in market.open_orders:
            if order.side == side and order.kind == STOP and (order.triggered or not stands(order)):
                return True
        leg = self.legs[2 * market.index + side]
        found = False
        for bracket in leg.brackets:
            found = found or bracket.stop.retry_ns > self.state.now_ns
        return found

    def name_failure(self, market: Market, bracket: Bracket, order: Order, kept: Order | None) -> None:
        """An incident: a stop or target was refused, or ended without having filled."""
        side = SIDES[bracket.side]
        what = "stop" if order.kind == STOP else "target"
        details = {"order_id": order_name(order), "symbol": market.symbol, "leg": side}
        if order.kind == STOP:
            leg = self.legs[2 * bracket.symbol + bracket.side]
            leg.failed = True
        if kept is not None:
            details["kept"] = order_name(kept)
            message = f"The replacement of the {what} {order_name(kept)} was refused: that one stands"
            self.incident("replacement_refused", message, details)
            return
        how = "has triggered and ended unfilled" if order.triggered else "does not stand"
        message = f"The {what} {order_name(order)} of the {side} leg of {market.symbol} {how}"
        self.incident("stop_failed" if order.kind == STOP else "target_failed", message, details)

    def incident(self, code: str, message: str, details: dict[str, Any]) -> None:
        """Something that the operator should know."""
        self.state.seq += 1
        self.state.sink.incident(self.state.now_ns, "error", code, message, details)

    # -- timers and snapshots ---------------------------------------------------------------------

    def timers(self) -> list[Any]:
        """Names and times of what is due."""
        due = []
        for leg in self.legs:
            for bracket in leg.brackets:
                name = timer_name(self.state.markets[bracket.symbol], bracket)
                for slot in (bracket.stop, bracket.target):
                    if slot.retry_ns >= 0:
                        due.append((name, slot.retry_ns))
        return due

    def row(self) -> list[Any]:
        """Plain data for a snapshot."""
        return [
            [[bracket_row(bracket) for bracket in leg.brackets], leg.since_ns, bool(leg.failed)] for leg in self.legs
        ]

    def restore(self, rows: list[Any]) -> None:
        """Go on from a snapshot, with the open orders there already."""
        orders = {order_name(order): order for order in self.state.orders}
        for at in range(len(rows)):
            leg = self.legs[at]
            brackets, leg.since_ns, leg.failed = rows[at]
            for row in brackets:
                self.add(self.state.markets[at // 2], restored_bracket(row, orders))


def want(slot: Slot, ticks: int) -> None:
    """Another trigger, 0 for none: what was refused before does not hold it back."""
    if slot.ticks != ticks:
        slot.ticks = ticks
        slot.refused_ticks = 0
        slot.retry_ns = -1
    if ticks == 0:
        slot.current = None
        slot.lots = 0


def stands(order: Order) -> bool:
    """Whether the venue has it, and goes on having it."""
    return (order.state == ACCEPTED or order.state == PARTLY_FILLED) and not order.cancel_reason


def is_triggered(order: Order | None) -> bool:
    """Whether it has become another order, which is not over yet."""
    return order is not None and order.triggered and order.state < FILLED


def is_filled(slot: Slot) -> bool:
    """Whether what a slot wants stands, or it wants nothing."""
    return slot.lots == 0 or (slot.current is not None and stands(slot.current))


def is_refused(slot: Slot) -> bool:
    """Whether the venue would not have just what is wanted."""
    return slot.refused_ticks == slot.ticks and slot.refused_lots == slot.lots


def is_over(bracket: Bracket) -> bool:
    """Whether a bracket wants nothing any more."""
    return (not bracket.whole and bracket.lots <= 0) or (bracket.stop.ticks == 0 and bracket.target.ticks == 0)


def timer_name(market: Market, bracket: Bracket) -> str:
    """Of the time at which a stop or target of the leg is asked for once more."""
    return f"protect {market.symbol} {SIDES[bracket.side]}"


def is_nearer(ticks: int, bracket: Bracket, kind: int, falls: bool) -> bool:
    """Whether a price meets the trigger before that of a bracket."""
    other = bracket.stop.ticks if kind == STOP else bracket.target.ticks
    return ticks > other if falls else ticks < other
