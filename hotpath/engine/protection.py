# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""``protect``: the stop and the target of a whole leg.

An entry's own stop and target are for its fills, one pair for each (paper.py). The first ``protect`` of a leg cancels
all pairs of the leg; a stop, a target or both stand for the whole leg instead, one cancelling the other. Their quantity
follows the leg's through every fill (manager.py), until the leg is flat. An entry that fills meanwhile gets no pair
(``leg_is_protected``). Each further ``protect`` says anew what is to stand: what it repeats stays as it is, everything
else is cancelled. This is how the paper venue carries it out; at a real one: venue_protection.py.
"""

from __future__ import annotations

import cython

from live_runner.contracts.vocabulary import SIDES

if not cython.compiled:
    from live_runner.hotpath.engine.bracket import closing_order
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order
    from live_runner.hotpath.engine.paper import Paper
    from live_runner.hotpath.engine.pretrade import Asked, PreTrade
    from live_runner.hotpath.engine.state import State
    from live_runner.hotpath.engine.venue_protection import VenueProtection
    from live_runner.hotpath.engine.words import STOP, STOP_PART, TAKE_PROFIT, TARGET_PART

__all__ = ["Protection"]


class Protection:
    """Stops and targets of the legs of one session."""

    def __init__(self, state: State, manager: Manager, paper: Paper, at_venue: VenueProtection) -> None:
        self.state = state
        self.manager = manager
        self.paper = paper
        self.at_venue = at_venue

    def carry_out(self, asked: Asked, pretrade: PreTrade) -> bool:
        """Set, move or remove the stop and target of a leg; False where ``pretrade`` denies it."""
        if not pretrade.check_protection(asked):
            return False
        if self.state.simulated:
            protects = self.set(asked, pretrade.stop, pretrade.target)
        else:
            protects = self.at_venue.protect(asked, pretrade.stop, pretrade.target)
        if not protects:
            market = self.state.markets[asked.symbol]
            pretrade.deny(
                "not_protected", f"The {SIDES[asked.side]} leg of {market.symbol} has neither a stop nor a target"
            )
            return False
        return True

    def set(self, asked: Asked, stop: int, target: int) -> bool:
        """Have these stand, in ticks, 0 for none; False where none is asked for and none stands."""
        market = self.state.markets[asked.symbol]
        stands = False
        stop_order = None
        target_order = None
        for order in list(market.open_orders):
            if order.side != asked.side or not (order.kind == STOP or order.kind == TAKE_PROFIT):
                continue
            stands = True
            if order.whole and order.price == (stop if order.kind == STOP else target):
                if order.kind == STOP:
                    stop_order = order
                else:
                    target_order = order
            else:
                self.manager.cancel(order, "protect" if stop or target else "unprotected")
        if stop and stop_order is None:
            stop_order = self.place(asked, STOP, STOP_PART, stop)
        if target and target_order is None:
            target_order = self.place(asked, TAKE_PROFIT, TARGET_PART, target)
        if stop_order is not None and target_order is not None:
            market.book.tie(stop_order, target_order)
        self.paper.mark_busy(market)
        return stands or stop_order is not None or target_order is not None

    def place(self, asked: Asked, kind: int, part: int, ticks: int) -> Order:
        """A stop or target of the whole leg. Decided on a late bar, a target waits for the first bar in time."""
        market = self.state.markets[asked.symbol]
        leg = market.leg(asked.side)
        order = closing_order(
            self.state,
            asked.close_ns,
            asked.number,
            asked.symbol,
            asked.side,
            kind,
            leg.quantity,
            ticks,
            asked.reason,
        )
        order.intent_text = asked.intent_text
        order.part = part
        order.whole = True
        order.waits = kind == TAKE_PROFIT and self.state.is_late(market)
        self.paper.stand(order)
        market.book.add(order)
        return order
