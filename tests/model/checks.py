"""What must hold in a world in which nothing is under way: the core's events and the venue agree in everything."""

from __future__ import annotations

from model import venue as venues
from model.values import CLOSING, OPENING, BrokenRuleError, Rules, State

__all__ = ["check_rest"]


def check_rest(state: State, rules: Rules) -> None:
    """Nothing is under way: the core's events and the venue agree in everything."""
    for probe, position in ((CLOSING, 0), (OPENING, 1)):
        if probe.name in state.moves and state.venue.position != position:
            raise BrokenRuleError("a leg is blocked", f"{state.venue.position} is held after '{probe.name}'")
    for row in state.book:
        trades = venues.trades(state.venue, row.client)
        filled = sum(lots for _, lots, _ in trades)
        if row.filled != filled:
            raise BrokenRuleError("a fill is not booked", f"{row.client}: {row.filled} of {filled}")
        cost = sum(lots * price for _, lots, price in trades)
        if row.owed == 0 and row.cost != cost:
            raise BrokenRuleError("a fill has another price", f"{row.client}: {row.cost} for {cost}")
        stands = venues.standing(state.venue, row.client) is not None
        if stands and row.status == "ended":
            raise BrokenRuleError("an ended order stands at the venue", row.client)
        if not stands and row.status != "ended":
            raise BrokenRuleError("an order that is over stays open", row.client)
    check_stops(state, rules)
    for move in rules.moves:
        done = move.closes and move.name in state.moves and OPENING.name not in state.moves
        if done and state.venue.position:
            raise BrokenRuleError("a close leaves something open", f"{state.venue.position} after '{move.name}'")


def check_stops(state: State, rules: Rules) -> None:
    """What is held has its stop, for as much and no more, or an incident says that it has not; so has a target."""
    waiting = [order for order in state.venue.orders if order.stands and order.waits]
    for what, wanted, is_target, named in (
        ("stop", rules.protects, False, state.named),
        ("target", rules.has_target, True, state.target_named),
    ):
        lots = sum(order.quantity for order in waiting if order.target == is_target)
        if lots > state.venue.position and not state.is_kept:
            raise BrokenRuleError(f"{what}s for more than is held", f"{lots} of {state.venue.position}")
        if wanted and lots < state.venue.position and not named and OPENING.name not in state.moves:
            raise BrokenRuleError(f"a leg stands without its {what}", f"{lots} of {state.venue.position}")
    if not state.has_failed and OPENING.name not in state.moves:
        check_pairs(state, rules)


def check_pairs(state: State, rules: Rules) -> None:
    """Each entry's stop is for what is left of its fills, as far as the leg goes, the nearest one first."""
    left = state.venue.position
    for name in rules.pairs:
        rows = [row for row in state.book if row.intent == name]
        stops = [venues.standing(state.venue, row.client) for row in rows if row.trigger]
        lots = min(left, sum(-row.filled if row.trigger else row.filled for row in rows))
        theirs = sum(stop.quantity for stop in stops if stop is not None)
        if theirs != lots:
            raise BrokenRuleError("a stop is for the lots of another", f"{theirs} instead of {lots} of {name}")
        left -= lots
