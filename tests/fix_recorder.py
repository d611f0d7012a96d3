"""A recorder that runs, and sessions for it to record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.ids import event_id
from live_runner.contracts.messages import BarSet, Decided, Event, SetBar, Settled

if TYPE_CHECKING:
    from live_runner.services.recorder.shell import Recorder
    from live_runner.services.runtime.nats.bus import Bus

DEADLINE_S = 30.0
MINUTE_NS = 60_000_000_000
START_NS = 1_704_067_200_000_000_000
"""2024-01-01."""


class Numbered:
    """Gives messages of one session their numbers, source by source."""

    def __init__(self, session: str) -> None:
        self.session = session
        self._last: dict[str, int] = {}

    def take[E: Event](self, event: E, source: str | None = None) -> E:
        """The event as the next one of its source in this session."""
        source = source or event.source
        seq = self._last[source] = self._last.get(source, 0) + 1
        return msgspec.structs.replace(
            event, session=self.session, source=source, seq=seq, id=event_id(self.session, source, seq)
        )


def bar_sets(session: str, count: int, symbols: Iterable[str] = ("BTC/USDT:USDT", "ETH/USDT:USDT")) -> list[Event]:
    """The three messages of each of so many quiet bars."""
    found: list[Event] = []
    for number in range(1, count + 1):
        open_ns = START_NS + (number - 1) * MINUTE_NS
        close_ns = open_ns + MINUTE_NS
        bars = [SetBar(symbol, 100.0, 101.5, 99.25, 100.5 + number % 8 / 8, 1234.5) for symbol in symbols]
        numbered: dict[str, Any] = {"session": session, "seq": number, "event_ns": close_ns}
        found += [
            BarSet(
                number=number,
                open_ns=open_ns,
                close_ns=close_ns,
                bars=bars,
                source="market_data",
                id=event_id(session, "market_data", number),
                **numbered,
            ),
            Settled(
                close_ns=close_ns,
                legs=[],
                pending=[],
                cash="10000",
                realised="0",
                unrealised=f"{number}.25",
                equity=f"{10_000 + number}.25",
                fees="0",
                funding="0",
                slippage="0",
                turnover="0",
                exposure="123.456",
                margin="12.3456",
                drawdown_realised="0",
                drawdown_equity=f"{number / 8}",
                gate="open",
                hash="0123456789abcdef" * 2,
                source="execution",
                id=event_id(session, "execution", number),
                cause=event_id(session, "market_data", number),
                **numbered,
            ),
            Decided(
                close_ns=close_ns,
                intents=[],
                hash="fedcba9876543210" * 2,
                source="strategy",
                id=event_id(session, "strategy", number),
                cause=event_id(session, "execution", number),
                **numbered,
            ),
        ]
    return found


async def publish(bus: Bus, events: Iterable[Event]) -> int:
    """Publish in order, each acknowledged at the end; the last stream sequence."""
    publisher = await bus.publisher()
    for event in events:
        await publisher.publish(event)
    await publisher.flush()
    await publisher.close()
    return publisher.last_stream_seq


async def stored_bytes(bus: Bus, session: str) -> list[tuple[int, bytes]]:
    """What the stream has of a session. The stream must not be empty."""
    found: list[tuple[int, bytes]] = []
    reader = await bus.reader(subjects.STREAM_SUBJECTS)
    async with asyncio.timeout(DEADLINE_S):
        async for message in reader:
            if subjects.session_of(message.subject) == session:
                found.append((message.stream_seq, message.data))
            if message.pending == 0:
                break
    await reader.close()
    return found


async def until(is_so: Callable[[], bool], task: asyncio.Task[Any] | None = None) -> None:
    """Wait for a fact, up to a deadline; a task that fails meanwhile raises its error here."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():
            if task is not None and task.done():
                task.result()
                raise AssertionError("the recorder ended by itself")
            await asyncio.sleep(0.005)


class Running:
    """A recorder with the task that runs it."""

    def __init__(self, recorder: Recorder, task: asyncio.Task[None]) -> None:
        self.recorder = recorder
        self.task = task

    async def has(self, stream_seq: int) -> None:
        """Wait until everything up to there is committed."""
        await until(lambda: self.recorder.committed >= stream_seq, self.task)


@asynccontextmanager
async def recording(bus: Bus, dsn: str) -> AsyncIterator[Running]:
    """A recorder, asked to stop at the end of the block."""
    from live_runner.services.recorder.shell import Recorder

    recorder, stop = Recorder(), asyncio.Event()
    task = asyncio.create_task(recorder.run(bus, dsn, stop))
    try:
        yield Running(recorder, task)
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def wire(event: Event, recorded_ns: int = START_NS) -> bytes:
    """The bytes as they are published."""
    return codec.stamp(codec.encode(event), recorded_ns)
