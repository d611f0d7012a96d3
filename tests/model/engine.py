"""The execution core as a pure function: a state and an input give a state and effects, each computed once.

A state is the hash of a snapshot: a core is restored from the snapshot wherever worlds branch, and at every restart, so
what a snapshot forgets is forgotten here too. Two snapshots are one state when they differ only in what names or counts
and never decides: numbers of events (``seq``, ``request_seq``, the running hash) and the summary's counters. The engine
makes ids of them and compares them with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from fix_execution import SYMBOL, Driver

from live_runner.contracts.core import CancelOrder, Effect, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    Accepted,
    BarSet,
    Cancelled,
    Command,
    Corrected,
    Decided,
    Denied,
    Event,
    Expired,
    Filled,
    Incident,
    Intent,
    Owned,
    Rejected,
    Report,
    Requested,
    SetBar,
    StreamGap,
    Timer,
    Trade,
    Unknown,
)
from live_runner.hotpath.engine import orders as engine_orders
from live_runner.hotpath.engine import state as engine_state
from live_runner.services.execution.core.engine import ExecutionCore

__all__ = ["SECOND_NS", "Engine", "Outcome", "Reported", "intent"]

SECOND_NS = 1_000_000_000
SEQ_AT = engine_orders._REST.index("request_seq")
KEPT_MAX = 200_000
"""Snapshots that are kept beside those that are needed, to be quick: some 1 GB with the steps between them."""
EVENT_AT = 4
"""Where a backoff's row has the id of the event that began it."""
COUNTS = [0] * 8
"""Of the summary, instead of those that there are: they decide nothing."""


class Reported(NamedTuple):
    """A report to the core, before it has a sender, a number and a time."""

    client: str
    status: str
    via: str
    filled: int = 0
    trades: tuple[tuple[str, int, int], ...] = ()
    quantity: int = 0
    cost: int = 0
    sent: int = 0
    asked: int = 0
    complete: bool = False
    code: str = ""
    meaning: str = ""
    retryable: bool = False
    child: bool = False
    """About what a stop or target has become."""


class Outcome(NamedTuple):
    """One effect of the core on the world: what it is, of which order, and the numbers that matter."""

    what: str
    client: str = ""
    detail: tuple[Any, ...] = ()


class Engine:
    """States of one session's core and the steps between them; what is kept of them is bounded by ``retain``."""

    def __init__(self, driver: Driver) -> None:
        self.misses = 0
        """Steps that the core made."""
        self._started = driver.started
        self._config = config_of(driver.started.config)
        self._journal = driver.core.session.row()["journal"]
        self._snapshots: dict[int, bytes] = {}
        self._retained = 0
        self._steps: dict[tuple[int, Any, int], tuple[int, tuple[Outcome, ...]]] = {}
        self._timers: dict[int, tuple[tuple[int, str], ...]] = {}
        self._client_ids: dict[str, str] = {}
        self.first = self.number(driver.core)
        self._last = self.first, driver.core
        """The state and the core of the last step, which may simply go on."""

    def step(self, state: int, given: Any, now: int) -> tuple[int, tuple[Outcome, ...]]:
        """The state after one input at a time (in seconds), and what the core does."""
        key = (state, given, now)
        found = self._steps.get(key)
        if found is None:
            self.misses += 1
            before, core = self._last
            if before != state or given[0] == "owned":
                core = self.restored(state)
            effects = core.handle(self.message(given, now))
            self._last = self.number(core), core
            found = self._steps[key] = self._last[0], self.outcomes_of(effects)
        return found

    def restored(self, state: int) -> ExecutionCore:
        """A fresh core that has taken over the state."""
        awaited, row = msgspec.msgpack.decode(self._snapshots[state])
        core = ExecutionCore("s1", hashing=False)
        with self._checked_manifest():
            core.handle(self._started)
        core._awaited = awaited
        core.session.restore(row)
        return core

    @contextmanager
    def _checked_manifest(self) -> Iterator[None]:
        """Take configuration and instruments as they were checked at the start: it is most of a restore."""
        checks = {name: getattr(engine_state, name) for name in ("config_of", "check_rules")}
        vars(engine_state).update(config_of=lambda _: self._config, check_rules=lambda _: None)
        try:
            yield
        finally:
            vars(engine_state).update(checks)

    def number(self, core: ExecutionCore) -> int:
        """The number of a core's state: 64 bits of the hash of its snapshot."""
        assert not core._queue, "no world has more than one bar that waits for its decision"
        row = core.session.row()
        unnumber(row)
        row["journal"] = self._journal
        snapshot = msgspec.msgpack.encode([core._awaited, row])
        number = int.from_bytes(blake2b(snapshot, digest_size=8).digest())
        self._snapshots[number] = snapshot
        return number

    def timers(self, state: int) -> tuple[tuple[int, str], ...]:
        """What is due in a state, for a process that takes over: seconds and names."""
        found = self._timers.get(state)
        if found is None:
            due = map(_due, self.restored(state).timers())
            found = self._timers[state] = tuple(sorted((due_s, name) for name, due_s in due))
        return found

    @property
    def is_full(self) -> bool:
        """Whether there are ``KEPT_MAX`` states more than the last ``retain`` has left."""
        return len(self._snapshots) > self._retained + KEPT_MAX

    def retain(self, states: Iterable[int]) -> None:
        """Forget every state but the first and these: another one comes back when a step leads to it again."""
        self._snapshots = {state: self._snapshots[state] for state in (self.first, *states)}
        self._retained = len(self._snapshots)
        self._steps.clear()
        self._timers.clear()
        self._last = -1, self._last[1]

    # -- inputs and effects in the words of the world -----------------------------------------------

    def message(self, given: Any, now: int) -> Event:
        """An input as the core takes it."""
        kind, *fields = given
        at_ns = now * SECOND_NS
        if isinstance(given, Reported):
            return self._report(given, at_ns)
        if kind == "timer":
            name, due_ns = fields
            return Timer(**_envelope("execution.shell", at_ns), role="execution", name=name, due_ns=due_ns)
        if kind == "owned":
            return Owned(**_envelope("execution.shell", at_ns), role="execution", instance="other", epoch=fields[0])
        if kind == "gap":
            return StreamGap(**_envelope("execution.shell", at_ns), stream="orders", from_ns=0, to_ns=at_ns)
        if kind == "command":
            return Command(**_envelope("runner.shell", at_ns, fields[0]), command=fields[0], author="op", reason="")
        if kind == "bar":
            bar = SetBar(SYMBOL, 100.0, 100.0, 100.0, 100.0, 1000.0, False)
            envelope = _envelope("market_data", at_ns)
            return BarSet(**envelope, number=now, open_ns=at_ns - 1, close_ns=at_ns, bars=[bar], missing=[])
        assert kind == "decide", given
        return Decided(
            **_envelope("strategy", at_ns), close_ns=at_ns, intents=msgspec.msgpack.decode(fields[0], type=list[Intent])
        )

    def _report(self, report: Reported, at_ns: int) -> Report:
        given: dict[str, Any] = {
            "filled": str(report.filled),
            "trades": [Trade(name, str(lots), str(price), at_ns) for name, lots, price in report.trades],
            "quantity": str(report.quantity) if report.quantity else "",
            "cost": str(report.cost) if report.cost else "",
            "sent_ns": report.sent * SECOND_NS,
            "asked_ns": report.asked * SECOND_NS,
            "complete": report.complete,
            "code": report.code,
            "via": report.via,
            "meaning": report.meaning,
            "retryable": report.retryable,
        }
        client = self._client_ids[report.client]
        if report.child:
            given["parent"] = client
            client = f"of-{client}"
        envelope = _envelope("execution.shell", at_ns)
        return Report(**envelope, client_order_id=client, symbol=SYMBOL, status=report.status, **given)

    def outcomes_of(self, effects: Sequence[Effect]) -> tuple[Outcome, ...]:
        """Effects in the words of the world."""
        return tuple(outcome for outcome in map(self._outcome, effects) if outcome is not None)

    def _outcome(self, effect: Effect) -> Outcome | None:
        if isinstance(effect, SetTimer):
            return Outcome("timer", "", _due(effect))
        if isinstance(effect, Incident):
            return Outcome("incident", "", (effect.code, effect.message))
        if isinstance(effect, SendOrder):
            return Outcome("send", effect.order.order_id)
        if isinstance(effect, Requested):
            self._client_ids[effect.order_id] = effect.client_order_id
        for kind, (what, detail) in OUTCOMES.items():
            if isinstance(effect, kind):
                return Outcome(what, effect.order_id, detail(effect))
        return None


def unnumber(row: dict[str, Any]) -> None:
    """Take out of a session's row what numbers events or counts them."""
    row["seq"] = 0
    row["counts"] = COUNTS
    orders = [*row["manager"]["orders"]]
    orders += [order for _, order in row["manager"]["retries"]]
    orders += [order for _, order, _ in row["reports"] if order is not None]
    for order in orders:
        order[1][SEQ_AT] = 0
    for market in row["markets"]:
        for _, _, backoff in market["legs"]:
            if backoff is not None:
                backoff[EVENT_AT] = ""


def _fill_of(fill: Filled) -> tuple[Any, ...]:
    is_last = fill.remaining == "0"
    return fill.fill_id, int(fill.quantity), int(fill.price), fill.provisional, is_last, int(fill.leg_quantity)


def _request_of(request: Requested) -> tuple[Any, ...]:
    is_target = request.kind == "take_profit"
    is_trigger = is_target or request.kind == "stop"
    at_market = request.kind == "market"
    return request.intent_id, request.reduce_only, at_market, int(request.quantity), is_trigger, is_target


OUTCOMES: dict[type[Any], tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    Requested: ("requested", _request_of),
    Filled: ("filled", _fill_of),
    Corrected: ("corrected", lambda of: (of.fill_id, int(of.quantity), int(of.price_before), int(of.price))),
    Cancelled: ("ended", lambda of: ("cancelled", of.reason)),
    Expired: ("ended", lambda of: ("expired", of.reason)),
    Rejected: ("ended", lambda of: ("rejected", of.code)),
    Denied: ("denied", lambda of: (of.intent_id, of.reason)),
    Accepted: ("accepted", lambda _: ()),
    Unknown: ("unknown", lambda _: ()),
    CancelOrder: ("cancel", lambda _: ()),
    QueryOrder: ("query", lambda _: ()),
}
"""Events and calls about one order, and what of each matters."""


def _due(timer: SetTimer) -> tuple[str, int]:
    return timer.name, -(-timer.due_ns // SECOND_NS)


def _envelope(source: str, at_ns: int, name: str = "0") -> dict[str, Any]:
    return {"id": name, "session": "s1", "source": source, "seq": 1, "event_ns": at_ns}


def intent(name: str, action: str, **fields: Any) -> Intent:
    """An intent of the long leg, named as it is meant."""
    return Intent(id=name, symbol=SYMBOL, leg="long", action=action, **fields)
