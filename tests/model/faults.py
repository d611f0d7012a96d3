"""Faults planted into the engine, each of which the model check must find.

They replace methods of the interpreted engine (``LIVE_RUNNER_HOTPATH=reference``): compiled code calls past a patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from live_runner.contracts.messages import Report
from live_runner.hotpath.engine.manager import Manager
from live_runner.hotpath.engine.orders import next_attempt
from live_runner.hotpath.engine.reports import Reports
from live_runner.hotpath.engine.state import Market
from live_runner.hotpath.engine.venue import RemoteVenue
from live_runner.hotpath.engine.venue_facts import VenueFacts
from live_runner.hotpath.engine.venue_protection import VenueProtection
from live_runner.hotpath.engine.words import CANCEL_REQUESTED, MARKET

__all__ = ["FAULTS", "Fault", "planted"]


class Fault(NamedTuple):
    """One method replaced: ``make`` gives the faulty one from the right one. ``mishaps``: see ``Rules``."""

    world: str
    owner: type[Any]
    method: str
    make: Callable[[Any], Any]
    mishaps: int = 0


@contextmanager
def planted(fault: Fault) -> Iterator[None]:
    """The engine with the fault in it."""
    right = getattr(fault.owner, fault.method)
    setattr(fault.owner, fault.method, fault.make(right))
    try:
        yield
    finally:
        setattr(fault.owner, fault.method, right)


def book_again(right: Any) -> Any:
    def trade(self: Reports, at: Any, *given: Any) -> Any:
        at.trades.clear()
        return right(self, at, *given)

    return trade


def forget_trades(right: Any) -> Any:
    def owned(self: VenueFacts, event: Any) -> Any:
        for at in [*self.venue.open.values(), *self.venue.closed.values()]:
            at.trades.clear()
        return right(self, event)

    return owned


def ignore(right: Any) -> Any:
    return lambda *_: None


def believe(right: Any) -> Any:
    return lambda *_: False


def believe_any_absence(right: Any) -> Any:
    def absent(self: Reports, at: Any, report: Report) -> Any:
        at.sent_ns = 0
        return right(self, at, report)

    return absent


def take_old_for_new(right: Any) -> Any:
    def absent(self: Reports, at: Any, report: Report) -> Any:
        return right(self, at, msgspec.structs.replace(report, asked_ns=report.event_ns))

    return absent


def close_all(right: Any) -> Any:
    return lambda self, side: self.leg(side).quantity


def take_for_cancelled(right: Any) -> Any:
    def status(self: Reports, at: Any, report: Report) -> Any:
        if at.order.state == CANCEL_REQUESTED and report.status in ("unknown", "cancel_refused"):
            report = msgspec.structs.replace(report, status="cancelled")
        return right(self, at, report)

    return status


def find_open_only(right: Any) -> Any:
    return lambda self, client, parent: self.open.get(client)


def fall_back_at_once(right: Any) -> Any:
    def expire(self: RemoteVenue, order: Any) -> Any:
        right(self, order)
        market = self.state.markets[order.symbol]
        self.manager.request(next_attempt(order, MARKET, 0, market.close_ticks(), False))

    return expire


def try_under_a_new_id(right: Any) -> Any:
    def mark_unknown(self: Manager, order: Any, reason: str) -> Any:
        right(self, order, reason)
        market = self.state.markets[order.symbol]
        self.request(next_attempt(order, order.kind, order.price, market.close_ticks(), False))

    return mark_unknown


def flatten_ordered(right: Any) -> Any:
    def flatten_leg(self: RemoteVenue, market: Any, side: int) -> Any:
        leg = market.leg(side)
        held = leg.quantity
        leg.quantity += sum(order.remaining for order in market.open_orders if not order.reduce)
        try:
            return right(self, market, side)
        finally:
            leg.quantity = held

    return flatten_leg


def see_what_waits(right: Any) -> Any:
    return lambda self, symbol, side: self.is_closing(symbol, side)


def find_no_parent(right: Any) -> Any:
    return lambda self, client, parent: right(self, client, "")


def keep_the_size(right: Any) -> Any:
    def fit_slot(self: VenueProtection, market: Any, bracket: Any, slot: Any) -> Any:
        if slot.current is None or slot.lots == 0:
            right(self, market, bracket, slot)

    return fit_slot


def cancel_first(right: Any) -> Any:
    def may_go(self: VenueProtection, order: Any, fits: bool) -> Any:
        return not self.is_current(order) and not order.triggered

    return may_go


def nearest_last(right: Any) -> Any:
    return lambda self, market, side, kind: right(self, market, side, kind)[::-1]


def end_it(right: Any) -> Any:
    return lambda self, order, status, reason: self.manager.cancelled(order, reason)


FAULTS: dict[str, Fault] = {
    "a trade is booked as often as it is reported": Fault("entry and add", Reports, "trade", book_again),
    "a restart forgets which trades are booked": Fault("entry and add", VenueFacts, "owned", forget_trades),
    "a restart asks for nothing": Fault("entry and add", VenueFacts, "owned", ignore),
    "any absence is proof": Fault("entry and add", Reports, "absent", believe_any_absence),
    "an old answer counts as a new one": Fault("entry and add", Reports, "absent", take_old_for_new),
    "a rejection of what may stand is believed": Fault("entry and add", Reports, "may_stand", believe),
    "no answer is tried again under a new id": Fault("entry and add", Manager, "mark_unknown", try_under_a_new_id),
    "a cancel without an answer is a cancel": Fault("entry and add", Reports, "status", take_for_cancelled),
    "the fallback does not wait for the cancel": Fault("entry and add", RemoteVenue, "expire", fall_back_at_once),
    "a trade that comes after the end is not booked": Fault("entry of totals", RemoteVenue, "find", find_open_only),
    "a close does not count other closes": Fault("close and partial close", Market, "closable", close_all),
    "a close may come before the next attempt at another": Fault(
        "flatten and resting close", RemoteVenue, "closes_later", see_what_waits, mishaps=1
    ),
    "what waits for a close is forgotten": Fault("resting close and close", RemoteVenue, "release", ignore),
    "a close that the venue takes off is given up": Fault("entry and flatten", Reports, "taken_off", end_it, mishaps=1),
    "flatten closes what is only ordered": Fault("entry and flatten", RemoteVenue, "flatten_leg", flatten_ordered),
    "what a stop becomes is a stranger": Fault("entry with a stop", RemoteVenue, "find", find_no_parent),
    "a refused stop is not named": Fault("entry with a stop", VenueProtection, "incident", ignore, mishaps=1),
    "the stop of one entry is for the lots of another": Fault("two stops", VenueProtection, "nearest", nearest_last),
    "a target does not follow its leg": Fault("target of a leg", VenueProtection, "fit_slot", keep_the_size),
    "a refused target is not named": Fault("target of a leg", VenueProtection, "name_failure", ignore, mishaps=1),
    "a stop does not follow its leg": Fault("stop of a leg", VenueProtection, "fit_slot", keep_the_size),
    "the old stop goes before the new one stands": Fault("stop of a leg", VenueProtection, "may_go", cancel_first),
}
