"""What the core asks of a real venue, carried out beside the fold loop: requests to the gateway, answers to the log.

A request leaves when the log has acknowledged what it carries out. What changes something leaves in order for each leg,
one at a time; orders are asked for one by one beside that. Nothing is decided here: an answer becomes reports
(core/outcomes.py), which the core folds at their place in the log, and an effect that a crash has lost comes again, for
whoever takes over asks for every open order.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple

from msgspec import UnsetType

from live_runner.contracts.config import Config, Execution
from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.errors import OurFault
from live_runner.contracts.gateway import GatewayRequest, Moment, Outcome, Verb
from live_runner.contracts.messages import Event, Report, Timer
from live_runner.hotpath.engine.state import REPORT_IT
from live_runner.services.execution.core.outcomes import VenueEffect, reports_of
from live_runner.services.execution.gateway_client import GATEWAY_AWAY, ask_gateway, gateway_instance
from live_runner.services.execution.timers import Timers
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import boot_ns, moment

__all__ = ["VenueEffects"]

QUERIES_MAX: Final = 8
"""Orders that are asked for at once."""
WAITING_MAX: Final = 1000
"""Requests of one leg that wait; one more ends the session, and whoever follows asks for what is open."""

ENDS: Final = ("filled", "cancelled", "expired", "rejected")
"""Statuses that say nothing new the second time: two questions were under way when it came."""
NOTHING: Final = ("unknown", "absent")
"""Statuses that say nothing of an order whose end is known: another question about it was faster."""
REPORTED_MAX: Final = 10_000
"""Orders whose last report is remembered; of one that is forgotten a look is reported once more."""

type Note = Callable[[type[Event], dict[str, Any]], Awaitable[None]]
"""Publishes an observation of the shell."""


class VenueClock:
    """The venue's time, from the gateway's answers; until the first one the wall clock's."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - boot_ns()

    def answered(self, asked: Moment, outcome: Outcome) -> None:
        """An answer came: the venue's clock stood at ``answered_ns`` between asking and now."""
        if outcome.answered_ns:
            self._offset_ns = outcome.answered_ns - (asked.boot_ns + boot_ns()) // 2

    def now_ns(self) -> int:
        """The venue's time."""
        return boot_ns() + self._offset_ns


class _Waiting(NamedTuple):
    effect: VenueEffect
    acknowledged: asyncio.Future[int] | None
    made: Moment


class _Shown(NamedTuple):
    """What a report has shown of an order."""

    status: str
    filled: str
    trades: int
    rest: tuple[Any, ...]

    @property
    def is_end(self) -> bool:
        """Whether it ends the order, and nothing is missing."""
        return self.status in ENDS and (self.filled == "0" or self.trades > 0)


class _Line:
    """Requests of one leg, or about one order, one after another."""

    def __init__(self) -> None:
        self.waiting: deque[_Waiting] = deque()
        self.task: asyncio.Task[None] | None = None


class VenueEffects:
    """Carries out the effects of one session in one epoch of its execution."""

    def __init__(
        self, bus: Bus, session: str, config: Config, epoch: int, note: Note, queries: Callable[[], Sequence[Any]]
    ) -> None:
        """``queries`` gives what asks for each open order of the core."""
        self.queries = queries
        self._bus = bus
        self._session = session
        self.account = str(config.account.name)
        self._position_mode = config.account.position_mode
        execution = Execution() if isinstance(config.execution, UnsetType) else config.execution
        self._window_ns = int(execution.send_window_s * 1_000_000_000)
        """The core counts on it: after that a request has left, or never leaves."""
        self._gateway = ""
        """The process that answers."""
        self._epoch = epoch
        self._note = note
        self.clock = VenueClock()
        self._timers = Timers(self.clock.now_ns, self._fire)
        self._lines: dict[str, _Line] = {}
        self._queries = asyncio.Semaphore(QUERIES_MAX)
        self._beside: list[asyncio.Task[None]] = []
        self._reported: dict[tuple[str, str], _Shown] = {}
        """By client order id, which the venue may leave out of what a stop becomes, and parent: the last report."""
        self._changes: dict[str, int] = {}
        """By client order id how often something was sent or reported."""
        self.on_follow_up: Callable[[str, str], None] = lambda _what, _symbol: None
        """A refusal says that the ``rules`` of a symbol, or the ``account``, are not what they were."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with the error of a task here: the session cannot go on without it."""

    def start(self, timers: Sequence[SetTimer], *beside: Coroutine[Any, Any, None]) -> None:
        """Go on with the timers of a state that was restored, and run what else the session needs beside it."""
        for timer in timers:
            self._timers.set(timer)
        self._beside = [asyncio.create_task(work) for work in (self._timers.run(), *beside)]
        for task in self._beside:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Let go of everything. What is under way may still happen at the venue; whoever follows asks for it."""
        tasks = [line.task for line in self._lines.values() if line.task is not None] + self._beside
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self.failed.done():
            self.failed.cancel()

    def take(self, effect: VenueEffect | SetTimer, acknowledged: asyncio.Future[int] | None = None) -> None:
        """Carry out an effect once the log has what stands before it; returns at once.

        Without anything before it, it only looks: what it finds is reported where it is new and proves something.
        """
        if isinstance(effect, SetTimer):
            self._timers.set(effect)
            return
        if isinstance(effect, QueryOrder):
            key = f"query {effect.client_order_id}"
            line = self._lines.get(key)
            if line is not None and line.waiting:
                return  # it is asked for once more already, and that answer will be as new
        else:
            order = effect.order if isinstance(effect, SendOrder) else effect
            key = f"{order.symbol} {order.leg}"
            self._changed(order.client_order_id)
            self._reported.pop((order.client_order_id, ""), None)
        line = self._lines.setdefault(key, _Line())
        if len(line.waiting) == WAITING_MAX:
            raise OurFault(f"{WAITING_MAX} requests of {key} wait for the gateway", remedy=REPORT_IT, leg=key)
        line.waiting.append(_Waiting(effect, acknowledged, moment()))
        if line.task is None:
            line.task = asyncio.create_task(self._drain(key, line))
            line.task.add_done_callback(self._ended)

    def has_reported(self, client_order_id: str) -> bool:
        """Whether a report on the order was published, of those that are remembered."""
        return (client_order_id, "") in self._reported

    async def _drain(self, key: str, line: _Line) -> None:
        while line.waiting:
            effect, acknowledged, made = line.waiting.popleft()
            stream_seq = 0 if acknowledged is None else await acknowledged
            if isinstance(effect, QueryOrder):
                before = self._changes.get(effect.client_order_id)
                async with self._queries:
                    outcome = await self._ask(effect, stream_seq, made)
                if acknowledged is None and self._changes.get(effect.client_order_id) != before:
                    continue  # something was sent or reported meanwhile
            else:
                outcome = await self._ask(effect, stream_seq, made)
            if acknowledged is None and outcome.fate not in ("done", "gone"):
                continue  # it proves nothing, and nobody waits for it; the gateway's log has it
            for fields in reports_of(effect, outcome):
                await self._report(fields, is_look=acknowledged is None)
            if isinstance(effect, SendOrder) and outcome.follow_up in ("rules", "account"):
                self.on_follow_up(outcome.follow_up, effect.order.symbol)
            if isinstance(effect, QueryOrder) and acknowledged is not None:
                # What was asked for again meanwhile has its answer; another one is worth a report where it is new.
                line.waiting = deque(each._replace(acknowledged=None) for each in line.waiting)
        del self._lines[key]

    def _changed(self, client_order_id: str) -> None:
        """A look that is under way finds what is older than this."""
        self._changes[client_order_id] = self._changes.pop(client_order_id, 0) + 1
        if len(self._changes) > REPORTED_MAX:
            del self._changes[next(iter(self._changes))]

    async def _report(self, fields: dict[str, Any], *, is_look: bool) -> None:
        about, status = (fields["client_order_id"], fields.get("parent", "")), fields["status"]
        shown = _Shown(status, str(fields.get("filled", "0")), len(fields.get("trades", ())), ())
        if not shown.is_end:
            shown = shown._replace(rest=tuple(fields.get(name) for name in ("quantity", "venue_order_id", "complete")))
        last = self._reported.get(about)
        if last == shown and (is_look or shown.is_end):
            return
        order = about[1] or about[0]
        if is_look or status in NOTHING:
            has_ended = last is not None and last.is_end and last.status != "rejected"  # which absence has to prove
            if has_ended or all(order != query.client_order_id for query in self.queries()):
                return
        self._reported[about] = shown
        if len(self._reported) > REPORTED_MAX:
            del self._reported[next(iter(self._reported))]
        self._changed(order)
        await self._note(Report, fields | {"event_ns": fields["event_ns"] or self.clock.now_ns()})

    async def _ask(self, effect: VenueEffect, stream_seq: int, made: Moment) -> Outcome:
        since_ns = effect.requested_ns if isinstance(effect, QueryOrder) else 0
        return await self.ask(_verb(effect), made, effect=effect, stream_seq=stream_seq, since_ns=since_ns)

    async def ask(self, verb: Verb, made: Moment, **fields: Any) -> Outcome:
        """The gateway's answer to a request of this session; ``unknown`` where none comes."""
        request = GatewayRequest(
            verb=verb, account=self.account, made=made, session=self._session, epoch=self._epoch,
            window_ns=self._window_ns, position_mode=self._position_mode, **fields,
        )  # fmt: skip
        if not self._gateway:
            self._gateway = await gateway_instance(self._bus, self.account) or ""
        asked = moment()
        outcome = await ask_gateway(self._bus, request, self._gateway)
        if outcome.code == GATEWAY_AWAY:
            self._gateway = ""
        self.clock.answered(asked, outcome)
        return outcome

    async def _fire(self, timer: SetTimer) -> None:
        await self._note(
            Timer, {"event_ns": timer.due_ns, "role": "execution", "name": timer.name, "due_ns": timer.due_ns}
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failed.done():
            self.failed.set_exception(error)


def _verb(effect: VenueEffect) -> Verb:
    if isinstance(effect, SendOrder):
        return "send"
    return "cancel" if isinstance(effect, CancelOrder) else "query"
