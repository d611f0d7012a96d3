# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""Stops and targets that shall stand at a real venue: one bracket for each fill of an entry, or one for a whole leg.

A bracket is what is wanted; its orders are what has been asked for. venue_protection.py brings the two together.
"""

from __future__ import annotations

from typing import Any, Final

import cython

from live_runner.contracts.vocabulary import ACTIONS, SIDES

if not cython.compiled:
    from live_runner.hotpath.engine.manager import Manager
    from live_runner.hotpath.engine.orders import Order, intent_name, new_order, order_name
    from live_runner.hotpath.engine.pretrade import Asked
    from live_runner.hotpath.engine.state import State
    from live_runner.hotpath.engine.words import CLOSE, FILLED, STOP, STOP_PART, TAKE_PROFIT, TARGET_PART

__all__ = ["ENDED_KEPT_MAX", "Bracket", "Slot", "closing_order", "refuse_bracket"]

ENDED_KEPT_MAX: Final = 100
"""Orders of a bracket that have ended and whose late trades are still taken for its own."""


class Slot:
    """The stop or the target of a bracket: its trigger in ticks, 0 for none, its lots, and the newest order for it.

    ``refused_ticks`` and ``refused_lots``: what the venue would not have, and is not asked for again. ``retry_ns``:
    nothing is placed before that time, -1 where nothing is waited for. ``failing``: the last attempts have failed.
    ``by_side``: the venue takes no reduce-only order, and closes by the position's side.
    """

    kind: int
    part: int
    ticks: int
    lots: int
    current: Order | None
    refused_ticks: int
    refused_lots: int
    retry_ns: int
    failing: bool
    by_side: bool


class Bracket:
    """A stop, a target or both. ``lots``: what is left of the fill that they are for; 0 for a ``whole`` leg.

    ``orders`` are the open ones that were placed for it, those that are being replaced included; ``ended`` the names of
    the last ones that have ended, of which a trade may still come.
    """

    symbol: int
    side: int
    close_ns: int
    number: int
    attempt: int
    lots: int
    whole: bool
    intent_text: str | None
    reason: str
    stop: Slot
    target: Slot
    orders: list[Any]
    ended: list[str]


def new_slot(kind: int, part: int, ticks: int) -> Slot:
    """A slot without an order."""
    slot = Slot.__new__(Slot)
    slot.kind = kind
    slot.part = part
    slot.ticks = ticks
    slot.lots = 0
    slot.current = None
    slot.refused_ticks = 0
    slot.refused_lots = 0
    slot.retry_ns = -1
    slot.failing = False
    slot.by_side = False
    return slot


def new_bracket(
    symbol: int, side: int, close_ns: int, number: int, attempt: int, intent_text: str | None, reason: str
) -> Bracket:
    """A bracket that wants nothing yet."""
    bracket = Bracket.__new__(Bracket)
    bracket.symbol = symbol
    bracket.side = side
    bracket.close_ns = close_ns
    bracket.number = number
    bracket.attempt = attempt
    bracket.lots = 0
    bracket.whole = False
    bracket.intent_text = intent_text
    bracket.reason = reason
    bracket.stop = new_slot(STOP, STOP_PART, 0)
    bracket.target = new_slot(TAKE_PROFIT, TARGET_PART, 0)
    bracket.orders = []
    bracket.ended = []
    return bracket


def bracket_of_fill(entry: Order, lots: int) -> Bracket:
    """The bracket of one fill of an entry that brought a stop or target."""
    bracket = new_bracket(
        entry.symbol, entry.side, entry.close_ns, entry.number, entry.attempt, entry.intent_text, entry.reason
    )
    bracket.lots = lots
    bracket.stop.ticks = entry.stop
    bracket.target.ticks = entry.target
    return bracket


def bracket_of_leg(asked: Asked) -> Bracket:
    """The bracket of a whole leg that a ``protect`` asked for."""
    bracket = new_bracket(asked.symbol, asked.side, asked.close_ns, asked.number, 1, asked.intent_text, asked.reason)
    bracket.whole = True
    return bracket


def put_aside(bracket: Bracket) -> None:
    """Keep only the names of the orders that have ended."""
    for order in bracket.orders:
        if order.state >= FILLED:
            bracket.ended.append(order_name(order))
    bracket.orders = [order for order in bracket.orders if order.state < FILLED]
    del bracket.ended[:-ENDED_KEPT_MAX]


def was_placed_for(bracket: Bracket, order: Order) -> bool:
    """Whether the order is one of the bracket, or was before it ended."""
    return order in bracket.orders or order_name(order) in bracket.ended


def closing_order(
    state: State, close_ns: int, number: int, symbol: int, side: int, kind: int, lots: int, price: int, reason: str
) -> Order:
    """An order that no intent asked for in so many words, which closes."""
    market = state.markets[symbol]
    order = new_order(
        state.name,
        close_ns,
        number,
        1,
        symbol,
        side,
        CLOSE,
        kind,
        lots,
        price,
        market.close_ticks(),
        True,
        reason,
    )
    order.policy = state.policy
    return order


def refuse_bracket(state: State, manager: Manager, entry: Order) -> None:
    """An entry of a leg that has a stop or target of its own is filled: it gets none besides."""
    entry.stop = 0
    entry.target = 0
    market = state.markets[entry.symbol]
    leg = SIDES[entry.side]
    message = f"The {leg} leg of {market.symbol} has a stop or target of its own, which covers this fill"
    manager.deny(
        entry.close_ns,
        entry.number,
        entry.symbol,
        entry.side,
        intent_name(entry),
        market.symbol,
        leg,
        entry.action,
        ACTIONS[entry.action],
        "leg_is_protected",
        message,
        entry,
    )


def slot_row(slot: Slot) -> list[Any]:
    """Plain data for a snapshot."""
    name = "" if slot.current is None else order_name(slot.current)
    return [
        slot.ticks,
        slot.lots,
        name,
        slot.refused_ticks,
        slot.refused_lots,
        slot.retry_ns,
        bool(slot.failing),
        bool(slot.by_side),
    ]


def restore_slot(slot: Slot, row: list[Any], orders: dict[str, Any]) -> None:
    """Go on from a snapshot, with the open orders by their ids."""
    (
        slot.ticks, slot.lots, name, slot.refused_ticks, slot.refused_lots, slot.retry_ns, slot.failing, slot.by_side,
    ) = row  # fmt: skip
    slot.current = orders.get(name)


def bracket_row(bracket: Bracket) -> list[Any]:
    """Plain data for a snapshot."""
    return [
        bracket.symbol, bracket.side, bracket.close_ns, bracket.number, bracket.attempt, bracket.intent_text,
        bracket.reason, bracket.lots, bool(bracket.whole), slot_row(bracket.stop), slot_row(bracket.target),
        [order_name(order) for order in bracket.orders], bracket.ended,
    ]  # fmt: skip


def restored_bracket(row: list[Any], orders: dict[str, Any]) -> Bracket:
    """A bracket from its row in a snapshot."""
    bracket = new_bracket(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
    bracket.lots = row[7]
    bracket.whole = row[8]
    restore_slot(bracket.stop, row[9], orders)
    restore_slot(bracket.target, row[10], orders)
    bracket.orders = [orders[name] for name in row[11]]
    bracket.ended = row[12]
    return bracket
