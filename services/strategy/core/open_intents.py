"""What was asked and is not finished: orders by id, intents by id, and per leg the copies that may be put back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import (
    BlockedIntent,
    Cancelled,
    Denied,
    Event,
    Expired,
    Filled,
    Intent,
    Rejected,
    Requested,
)
from live_runner.services.strategy.core.legs import LegKey
from live_runner.services.strategy.core.rollback import Outcome, Verdict, outcome, verdict

__all__ = ["COPIES_PER_LEG_MAX", "Blocked", "Group", "Known", "Notice", "OpenIntents"]

COPIES_PER_LEG_MAX: Final = 100
"""Copies kept per leg while the outcome of their intents is not known; the oldest goes first."""

_UNTRACKED: Final = frozenset({"hold"})
"""Asks for nothing, so nothing can become of it."""
_WITHOUT_ORDER: Final = frozenset({"cancel", "sync_state"})
"""Only their refusal is ever heard of; without one by the next close they were carried out."""


class Blocked(msgspec.Struct, frozen=True):
    """An intent that was held back at the decision; the strategy is told with the next news."""

    blocked: BlockedIntent
    at_ns: int


class Known(msgspec.Struct, frozen=True):
    """An order that is not finished."""

    intent_id: str
    symbol: str
    leg: str
    action: str


class Group(msgspec.Struct):
    """The intents of one leg in one ``on_bar``, and the leg's state before it."""

    before: bytes
    version: int
    """The leg's version right after that ``on_bar``."""
    outcomes: dict[str, Outcome]
    without_order: tuple[str, ...] = ()
    filled_since: bool = False
    restored: bool = False


class Notice(msgspec.Struct):
    """One piece of news with what it means."""

    event: Event | Blocked
    key: LegKey
    order: Known | None = None
    group: Group | None = None
    puts_back: Group | None = None
    """The group whose leg is to be put back before this is told, if nothing changed on the leg until then."""


class OpenIntents:
    """Folds decisions and order events; ``read`` turns the news of one step into notices."""

    def __init__(self) -> None:
        self.orders: dict[str, Known] = {}
        self.groups: dict[LegKey, list[Group]] = {}

    def ask(self, key: LegKey, intents: list[Intent], before: bytes, version: int) -> None:
        """Remember the intents of one leg and call, blocked ones included."""
        told = [intent for intent in intents if intent.action not in _UNTRACKED]
        if not told:
            return
        outcomes = {intent.id: Outcome.OPEN for intent in told}
        groups = [group for group in self.groups.get(key, ()) if group.version == version]
        without_order = tuple(intent.id for intent in told if intent.action in _WITHOUT_ORDER)
        groups.append(Group(before, version, outcomes, without_order))
        self.groups[key] = groups[-COPIES_PER_LEG_MAX:]

    def read(self, held: list[Event | Blocked]) -> list[Notice]:
        """What each piece of news means, and where a leg is to be put back. Finished intents are forgotten."""
        notices: list[Notice] = []
        first: dict[int, Notice] = {}
        for event in held:
            notice = self._notice(event)
            notices.append(notice)
            group = notice.group
            if group is not None:
                first.setdefault(id(group), notice)
                if verdict(group.outcomes.values(), changed=group.filled_since) is Verdict.RESTORE:
                    first[id(group)].puts_back = group
            if isinstance(event, Filled):
                for other in self.groups.pop(notice.key, ()):
                    other.filled_since = True
                    if event.intent_id in other.outcomes and id(other) in first:
                        # A fill that was reported after the end of its own order.
                        first[id(other)].puts_back = None
        return notices

    def forget(self, versions: dict[LegKey, int]) -> None:
        """Drop the copies that can not be put back any more: finished, or the leg has changed since."""
        for key in list(self.groups):
            version = versions[key]
            for group in self.groups[key]:
                for intent_id in group.without_order:
                    if group.outcomes[intent_id] is Outcome.OPEN:
                        group.outcomes[intent_id] = Outcome.ACTED
            kept = [
                group
                for group in self.groups[key]
                if group.version == version and verdict(group.outcomes.values(), changed=False) is Verdict.WAIT
            ]
            if kept:
                self.groups[key] = kept
            else:
                del self.groups[key]

    def _notice(self, event: Event | Blocked) -> Notice:
        if isinstance(event, Blocked):
            intent = event.blocked.intent
            notice = Notice(event, (intent.symbol, intent.leg))
            notice.group = self._group_of(notice.key, intent.id)
            if notice.group is not None:
                notice.group.outcomes[intent.id] = Outcome.VOID
            return notice
        if isinstance(event, Requested):
            order = Known(event.intent_id, event.symbol, event.leg, event.action)
            self.orders[event.order_id] = order
            return Notice(event, (event.symbol, event.leg), order)
        known = self.orders.get(getattr(event, "order_id", ""))
        if isinstance(event, Filled | Cancelled | Expired | Rejected | Denied):
            return self._result(event, known)
        if known is None:
            return Notice(event, (getattr(event, "symbol", ""), ""))
        return Notice(event, (known.symbol, known.leg), known)

    def _result(self, event: Filled | Cancelled | Expired | Rejected | Denied, order: Known | None) -> Notice:
        notice = Notice(event, (event.symbol, event.leg), order)
        group = self._group_of(notice.key, event.intent_id)
        if group is not None and group.outcomes[event.intent_id] is not Outcome.ACTED:
            group.outcomes[event.intent_id] = outcome(event)
            notice.group = group
        if not isinstance(event, Filled) or event.status == "filled":
            self.orders.pop(event.order_id, None)
        return notice

    def _group_of(self, key: LegKey, intent_id: str) -> Group | None:
        for group in self.groups.get(key, ()):
            if intent_id in group.outcomes:
                return group
        return None

    def _rows(self) -> Iterator[list[Any]]:
        for (symbol, leg), groups in sorted(self.groups.items()):
            yield [symbol, leg, groups]

    def snapshot(self) -> dict[str, Any]:
        """Plain data; groups by symbol and leg."""
        return {"orders": self.orders, "groups": list(self._rows())}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what ``snapshot`` gave."""
        self.orders = msgspec.convert(state["orders"], dict[str, Known])
        self.groups = {(symbol, leg): msgspec.convert(groups, list[Group]) for symbol, leg, groups in state["groups"]}
