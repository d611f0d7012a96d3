"""A live session whose execution is a process of its own, killed at named points and started again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fix_gateway import TradingAccount
from fix_live_session import DEADLINE_S, NAME, LiveSession, configuration, gateway_of
from killed_service import start_service
from nats_gate import Frame, NatsGate, nats_gate

from live_runner.contracts import codec
from live_runner.contracts.core import SendOrder
from live_runner.contracts.errors import MessageError
from live_runner.contracts.gateway import decode_outcome, decode_request
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.runtime.nats.bus import Bus

__all__ = [
    "KilledSession",
    "Point",
    "acknowledges",
    "answers",
    "asked",
    "asks",
    "brings",
    "killed_session",
    "logs",
    "replies",
]

TIMEFRAME = "15s"
WEIGHT = 1_000_000
HOUR_NS = 3_600_000_000_000
FUNDING_EVERY_NS = 8 * HOUR_NS

type Point = Callable[[Frame], bool]

ORDER_EVENTS = (
    "requested", "submitted", "accepted", "filled", "cancel_requested", "cancelled", "expired", "rejected", "unknown",
)  # fmt: skip


def _is_event(frame: Frame, type_: str, fields: dict[str, Any]) -> bool:
    domain, _, name = type_.partition(".")
    if not frame.subject.startswith(f"{domain}.evt.{name}."):
        return False
    event = codec.decode(codec.canonical(frame.data))
    return all(_fits(getattr(event, field), value) for field, value in fields.items())


def _fits(found: str, wanted: str | tuple[str, ...] | re.Pattern[str]) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.match(found) is not None
    return found in wanted if isinstance(wanted, tuple) else found == wanted


def logs(type_: str, **fields: Any) -> Point:
    """The process hands such an event to the log."""
    return lambda frame: frame.is_sent and _is_event(frame, type_, fields)


def acknowledges(type_: str, **fields: Any) -> Point:
    """The log says that it has such an event of the process."""
    return lambda frame: frame.answers is not None and _is_event(frame.answers, type_, fields)


def brings(type_: str, **fields: Any) -> Point:
    """The log brings the process such an event."""
    return lambda frame: not frame.is_sent and frame.answers is None and _is_event(frame, type_, fields)


def asks(verb: str, kind: str = "") -> Point:
    """The process asks its gateway."""

    def is_it(frame: Frame) -> bool:
        if not (frame.is_sent and frame.subject.startswith("venue.req.")):
            return False
        request = decode_request(frame.data)
        return request.verb == verb and (
            not kind or (isinstance(request.effect, SendOrder) and request.effect.order.kind == kind)
        )

    return is_it


def answers(verb: str, kind: str = "", *, filled: bool = False) -> Point:
    """The gateway has answered; with ``filled``, that something has filled."""

    def is_it(frame: Frame) -> bool:
        if frame.answers is None or not asks(verb, kind)(frame.answers):
            return False
        return not filled or any(order.trades for order in decode_outcome(frame.data).orders)

    return is_it


def asked(verb: str) -> Point:
    """Somebody asks this gateway."""
    return lambda frame: (
        not frame.is_sent and frame.subject.startswith("venue.req.") and decode_request(frame.data).verb == verb
    )


def replies(verb: str) -> Point:
    """This gateway answers a request; it answers, too, whether it lives."""

    def is_it(frame: Frame) -> bool:
        if not frame.is_sent or frame.reply or not frame.subject.startswith("_INBOX."):
            return False
        try:
            return decode_outcome(frame.data).verb == verb
        except MessageError:
            return False

    return is_it


class KilledSession(LiveSession):
    """Its execution runs as a process; ``until`` fails when that ends by itself."""

    gate: NatsGate
    url: str
    home: Path
    trading: TradingAccount
    process: BaseProcess | None = None

    def execute(self, instance: str = "", others: Any = None) -> Any:
        """Start the session's execution, as ``serve execution`` does; who it is and who else runs are the service's."""
        environ = {"NATS_URL": self.url, "LIVE_RUNNER_HOME": str(self.home), "LIVE_RUNNER_LOG_FORMAT": "json"}
        self.process = start_service("execution", environ, self.home / "execution.log")

    async def kill(self) -> None:
        """``kill -9``; nothing that was held back reaches anybody."""
        if self.process is not None:
            self.process.kill()
            await asyncio.to_thread(self.process.join)
            self.process = None
        self.gate.cut()

    async def bar(self, price: float = 50_000.0) -> None:
        """The next bar, once the venue's clock is at its close; those that are late come first, undecided."""
        while self.trading.account.now_ns() >= self.close_ns + 2 * self._bar_ns:
            await super().bar(price)
            await self.decide()
        await self.trading.reach(self.close_ns + self._bar_ns)
        await super().bar(price)

    async def killed_at_point(self) -> None:
        """Kill the process once it has come to the message that is held."""
        async with asyncio.timeout(DEADLINE_S):
            await self.gate.reached.wait()
        await self.kill()

    def orders(self) -> dict[str, tuple[str, str]]:
        """By order id its kind, and the last that was logged of it."""
        found: dict[str, tuple[str, str]] = {}
        for event in self.log:
            domain, _, name = str(event.__struct_config__.tag).partition(".")
            if domain == "order" and name in ORDER_EVENTS:
                order: Any = event
                kind = order.kind if name == "requested" else found[order.order_id][0]
                is_part = name == "filled" and order.remaining != "0"
                found[order.order_id] = (kind, "part" if is_part else name)
        return found

    async def stand(self, begin: int, /, **expected: list[str]) -> None:
        """Wait until the orders of each kind, from one on, stand like this in the order of their requests."""

        def now() -> dict[str, list[str]]:
            by_kind: dict[str, list[str]] = {}
            for kind, name in list(self.orders().values())[begin:]:
                by_kind.setdefault(kind, []).append(name)
            return by_kind

        try:
            async with asyncio.timeout(DEADLINE_S), self._grown:
                await self._grown.wait_for(lambda: now() == expected)
        except TimeoutError:
            raise AssertionError(f"{now()} instead of {expected}\n{self.told()}") from None

    def epoch(self) -> int:
        """How often the execution was taken over."""
        return max(int(event.epoch) for event in self.of("session.owned") if event.role == "execution")

    def told(self) -> str:
        """The log, and what the process said."""
        said = (self.home / "execution.log").read_text() if (self.home / "execution.log").exists() else ""
        return "\n".join([*self.text(), said[-4000:]])


@asynccontextmanager
async def killed_session(
    bus: Bus, url: str, trading: TradingAccount, home: Path, **execution: Any
) -> AsyncIterator[KilledSession]:
    """A session that has started, its gateway in this process."""
    # An hour after funding: the venue books none while the session runs.
    now_ns = trading.account.now_ns()
    await trading.reach(now_ns - now_ns % FUNDING_EVERY_NS + FUNDING_EVERY_NS + HOUR_NS)
    bar_ns = duration_ns(TIMEFRAME)
    begin_ns = trading.account.now_ns() // bar_ns * bar_ns - bar_ns
    config = configuration(timeframe=TIMEFRAME, **execution)
    session = KilledSession(bus, config, begin_ns, home / "sessions" / NAME, venue=trading.client)
    session.home, session.trading = home, trading
    trading.counts_on(config)
    following = asyncio.create_task(session.follow())
    try:
        # More restarts than an account's budget of a minute has listings for.
        await trading.client.post("limits", {"weight_per_minute": WEIGHT})
        async with gateway_of(bus, trading) as gateway, nats_gate(url) as (session.gate, session.url):
            gateway.answerer.budget = Budget(WEIGHT, 60_000_000_000)
            await bus.publish(session.announced)
            session.execute()
            await session.until("session.joined")
            await bus.publish(session.started)
            yield session
            await session.kill()
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
