"""What a world is made of: its state, its steps, and what may happen in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from model import venue as venues
from model.engine import Reported, intent
from model.venue import Venue
from msgspec.structs import replace

from live_runner.contracts.messages import Intent

__all__ = [
    "CLOSING",
    "OPENING",
    "BrokenRuleError",
    "Move",
    "Row",
    "Rules",
    "State",
    "Step",
    "decision",
    "is_child",
    "of_stops",
    "row_of",
    "with_lots",
    "with_message",
    "without",
]


class BrokenRuleError(Exception):
    """What must never be. ``kind`` is the rule that is broken."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


class Row(NamedTuple):
    """The core's events about one order, added up. ``booked``: lots by trade, ``owed``: those booked without one."""

    client: str
    intent: str
    reduce: bool
    at_market: bool
    quantity: int
    trigger: bool = False
    target: bool = False
    booked: tuple[tuple[str, int], ...] = ()
    owed: int = 0
    cost: int = 0
    status: str = "open"

    @property
    def filled(self) -> int:
        """Lots that the events book."""
        return sum(lots for _, lots in self.booked) + self.owed


class State(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One world. Times are seconds.

    ``calls`` are what the core asked for and the shell has not done: what, for which order, since when. ``messages``
    are on their way to the core: the report, and whether its loss is noticed (an answer) or not. ``late`` are
    requests without an answer that may still arrive, and until when. ``missed``: the stream was interrupted.
    """

    engine: int
    venue: Venue
    book: tuple[Row, ...]
    calls: tuple[tuple[str, str, int], ...]
    messages: tuple[tuple[Reported, bool], ...]
    late: tuple[tuple[str, int], ...]
    timers: tuple[tuple[int, str], ...]
    now: int
    moves: tuple[str, ...]
    epoch: int
    doubles: int
    mishaps: int
    missed: bool
    named: bool = False
    """An incident has named that the leg stands without its stop."""
    has_failed: bool = False
    """One has named that a stop does not stand, which may be so to the end although others stand for the whole leg."""
    is_kept: bool = False
    """One has named that a stop or target stands because its replacement was refused."""
    target_named: bool = False
    """An incident has named that its target does not stand, and no other one was asked for since."""


class Step(NamedTuple):
    """One thing that happens."""

    verb: str
    subject: Any = ""


class Move(NamedTuple):
    """Something that operator or strategy may do once, at any time: inputs by seconds after the step before."""

    name: str
    after_s: int
    inputs: tuple[Any, ...]
    closes: str = ""
    """How its orders are named where nothing may be left of the leg once they are done."""


def decision(name: str, *intents: Intent, closes: str = "") -> Move:
    """The next bar, and the decision on it."""
    return Move(name, 1, (("bar",), ("decide", msgspec.msgpack.encode(intents))), closes)


CLOSING = decision("close what is held", intent("last", "close"))
OPENING = decision("open one lot", intent("last", "open", quantity="1", style="market"))


class Rules(NamedTuple):
    """How this world's venue answers, and what may go wrong in one run."""

    moves: tuple[Move, ...] = ()
    names_trades: bool = True
    """Queries answer with the trades; otherwise with the total and the cost."""
    cancel_names_total: bool = True
    protects: bool = False
    """Whether all that is held has a stop; the venue may refuse one, once."""
    has_target: bool = False
    """Whether all that is held has a target."""
    by_fill: bool = False
    """Whether each fill has a target of its own, so that another one is not instead of one that failed."""
    pairs: tuple[str, ...] = ()
    """Entries that bring a stop each, the one whose stop is met first before the others."""
    doubles: int = 1
    restarts: int = 1
    mishaps: int = 1
    """How often the venue refuses an order for now, or takes one off its book on its own."""


def is_child(order: venues.Order) -> bool:
    """Whether reports are about what a stop or target has become."""
    return order.trigger and not order.waits


def of_stops(venue: Venue) -> int:
    """Lots that the stops of the venue may close."""
    stops = [order for order in venue.orders if order.trigger and not order.target]
    return sum(order.quantity - order.filled for order in stops if order.stands)


def without(items: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    """One of the items less."""
    at = items.index(item)
    return items[:at] + items[at + 1 :]


def with_message(state: State, report: Reported, *, awaited: bool) -> State:
    """One message more on its way; their order is free."""
    return replace(state, messages=tuple(sorted([*state.messages, (report, awaited)])))


def with_lots(booked: tuple[tuple[str, int], ...], trade: str, lots: int) -> tuple[tuple[str, int], ...]:
    """Lots of one trade more."""
    by_trade = dict(booked)
    by_trade[trade] = by_trade.get(trade, 0) + lots
    return tuple(sorted(by_trade.items()))


def row_of(book: tuple[Row, ...], client: str) -> Row:
    """The row of an order."""
    return next(row for row in book if row.client == client)
