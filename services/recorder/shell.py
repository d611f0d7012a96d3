"""Reads the stream from the position in the database and stores it, in order, each event once.

The reader packs one batch while the writer stores the one before; when both are full, reading
stops. So a slow or absent database costs two batches of memory and nothing else. A lost connection
to NATS ends ``run`` with BusUnavailable; the next ``run`` goes on from what is committed.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from live_runner.contracts import subjects
from live_runner.contracts.errors import BusUnavailable, RunnerError, SessionRefused
from live_runner.contracts.messages import Announced, Stopped
from live_runner.contracts.sequence import Sequences
from live_runner.contracts.subjects import STREAM_SUBJECTS
from live_runner.services.recorder.core.batch import Batch, Packer
from live_runner.services.recorder.core.position import Position, epoch_ns, first_to_read
from live_runner.services.recorder.core.purge import purge_plan
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log

if TYPE_CHECKING:
    from live_runner.services.recorder.writer import Writer

__all__ = ["Recorder", "check_session"]

PAUSE_READING_AFTER_S: Final = 1.0
"""Both batches full for so long: the consumer is given up until there is room."""
LOOK_EVERY_S: Final = 2.0
"""Between two looks at the stream: its epoch, its end, its size."""
PURGE_EVERY_S: Final = 30.0
PRESSED_SHARE: Final = 0.75
"""A stream fuller than this share of its limit is purged at every look."""
STOP_GRACE_S: Final = 5.0
"""How long the last batch may take when the recorder is asked to stop; the log keeps what is left."""
COUNTED_SESSIONS_MAX: Final = 1_000
"""Sessions whose stored events are known in memory, for heartbeats."""


class _ReadingPaused(RunnerError):  # noqa: N818  # a state, like the other errors of ours
    """Both batches are full; reading goes on when one is stored."""


class _Stopping(Exception):  # noqa: N818  # no error: how a wait ends when the recorder is asked to stop
    pass


class Recorder:
    """``run`` may be called again after BusUnavailable. The counters are for heartbeats and health."""

    def __init__(self) -> None:
        self.committed = 0
        """Stream sequence of the last event stored."""
        self.log_end = 0
        """The stream's last sequence, when it was last looked at."""
        self.events = 0
        """Stored by this process."""
        self.lag_ms = 0.0
        """Publish to commit, of the oldest event of the last batch."""
        self.events_of: Counter[str] = Counter()
        """Events in the database, by session; the latest ``COUNTED_SESSIONS_MAX`` sessions."""
        self._is_following = False
        self.is_paused = False
        """Whether reading waits until a batch is stored."""
        self._read_seq = 0
        self._writer: Writer | None = None
        self._log = log.get("recorder")

    @property
    def is_recording(self) -> bool:
        """Whether the position is known, the stream is being followed, and no other recorder writes."""
        return self._is_following and not self.stands_by

    @property
    def stands_by(self) -> bool:
        """Whether another recorder writes to the database."""
        return self._writer is not None and self._writer.stands_by

    def status(self) -> dict[str, Any]:
        """The counters as plain data."""
        return {
            "recording": self.is_recording,
            "database": "away" if self._writer is not None and self._writer.is_away else "ok",
            "committed": self.committed,
            "log_end": self.log_end,
            "lag_events": max(0, self.log_end - self.committed),
            "lag_ms": round(self.lag_ms, 3),
            "events": self.events,
        }

    async def run(self, bus: Bus, dsn: str, stop: asyncio.Event) -> None:
        """Record until ``stop``. Raises BusUnavailable, LogMismatch, OwnershipLost or another OurFault."""
        from live_runner.services.recorder.writer import Writer

        self._stop = stop
        self._give_up_at: float | None = None
        self._some, self._room = asyncio.Event(), asyncio.Event()
        writer = self._writer = Writer(dsn, self._pause)
        tasks: list[asyncio.Task[Any]] = []
        try:
            await self._open(bus, writer)
            write = asyncio.create_task(self._write(writer))
            tasks = [write, asyncio.create_task(self._look(bus, writer)), asyncio.create_task(stop.wait())]
            await self._read(bus, tasks)
            self._some.set()
            await write
        except _Stopping:
            self._log.info("stopped while the database was unavailable", committed=self.committed)
        finally:
            self._is_following = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await writer.close()

    async def _pause(self, delay_s: float) -> None:
        """Wait between two attempts at the database; ends at the latest ``STOP_GRACE_S`` after ``stop``."""
        if not self._stop.is_set():
            try:
                async with asyncio.timeout(delay_s):
                    await self._stop.wait()
            except TimeoutError:
                return
        now = time.monotonic()
        if self._give_up_at is None:
            self._give_up_at = now + STOP_GRACE_S
        if now >= self._give_up_at:
            raise _Stopping
        await asyncio.sleep(min(delay_s, self._give_up_at - now))

    async def _open(self, bus: Bus, writer: Writer) -> None:
        position = await writer.open()
        state = await bus.log_state()
        epoch = epoch_ns(state.epoch)
        start = first_to_read(position, epoch, state.last_seq)
        if position is None:
            await writer.begin(Position(epoch, 0))
        self._epoch_ns = epoch
        sources = await writer.sources()
        last = {(session, source): seq for session, source, seq, _ in sources}
        self._is_whole = start >= state.first_seq
        self._packer = Packer(epoch, Sequences(last, is_whole=self._is_whole), await writer.bars())
        self.events_of.clear()
        for session, _, _, events in sources:
            self._add(session, events)
        self.committed = self._read_seq = start - 1
        self.log_end = state.last_seq
        self._is_following = True
        self._log.info("recording", from_seq=start, log_end=state.last_seq)

    # -- reading -------------------------------------------------------------------------------

    async def _read(self, bus: Bus, tasks: list[asyncio.Task[Any]]) -> None:
        """Read until the recorder is asked to stop; one of the tasks' faults ends it."""
        while not self._stop.is_set():
            reader = await bus.bulk_reader(STREAM_SUBJECTS, self._read_seq + 1, self._take)
            try:
                await _first_of(reader.done, bus.lost, *tasks)
            finally:
                await reader.close()
            try:
                reader.done.result()
            except _ReadingPaused:
                self._log.warning("reading paused", read_seq=self._read_seq, committed=self.committed)
                room = asyncio.create_task(self._room.wait())
                self.is_paused = True
                try:
                    await _first_of(room, bus.lost, *tasks)
                finally:
                    self.is_paused = False
                    room.cancel()

    async def _take(self, message: Message) -> None:
        packer = self._packer
        packer.add(message.stream_seq, message.subject, message.data)
        self._read_seq = message.stream_seq
        self._some.set()
        if packer.is_full:
            self._room.clear()
            try:
                async with asyncio.timeout(PAUSE_READING_AFTER_S):
                    await self._room.wait()
            except TimeoutError:
                raise _ReadingPaused("Both batches are full") from None

    # -- writing -------------------------------------------------------------------------------

    async def _write(self, writer: Writer) -> None:
        while True:
            await self._some.wait()
            if self._stop.is_set() and not self._packer.messages:
                return
            batch = self._packer.take()
            self._some.clear()
            self._room.set()
            await self._store(writer, batch)
            if self._stop.is_set():
                self._some.set()

    async def _store(self, writer: Writer, batch: Batch) -> None:
        from live_runner.services.recorder.writer import BatchRefused

        try:
            await writer.store(batch)
            self._count(batch)
        except BatchRefused as error:
            self._log.warning(
                "a batch is refused; storing it in parts", messages=len(batch.messages), reason=error.what
            )
            await self._store_in_parts(writer, batch.messages)

    async def _store_in_parts(self, writer: Writer, messages: list[tuple[int, str, bytes]]) -> None:
        """Halve what the database refuses until the bad message stands alone, and keep that one in a finding."""
        from live_runner.services.recorder.writer import BatchRefused

        last = {(session, source): seq for session, source, seq, _ in await writer.sources()}
        sequences, bars = Sequences(last, is_whole=self._is_whole), await writer.bars()
        parts = deque([messages])
        while parts:
            part = parts.popleft()
            packer = Packer(self._epoch_ns, sequences.copy(), bars)
            for message in part:
                packer.add(*message)
            batch = packer.take()
            try:
                await writer.store(batch)
            except BatchRefused as error:
                if len(part) > 1:
                    half = len(part) // 2
                    parts.extendleft((part[half:], part[:half]))
                    continue
                packer = Packer(self._epoch_ns, sequences.copy(), bars)
                packer.add_refused(*part[0], error.what)
                batch = packer.take()
                await writer.store(batch)
            sequences, bars = packer.sequences, packer.bars
            self._count(batch)

    def _count(self, batch: Batch) -> None:
        self.committed = batch.last_stream_seq
        self.log_end = max(self.log_end, self.committed)
        self.events += batch.events
        if batch.first_recorded_ns:
            self.lag_ms = (time.time_ns() - batch.first_recorded_ns) / 1e6
        for (session, _), stored in batch.stored.items():
            self._add(session, stored.events)
        for session in batch.ended:
            self._log.info("session recorded", session=session, events=self.events_of[session])

    def _add(self, session: str, events: int) -> None:
        self.events_of[session] += events
        if len(self.events_of) > COUNTED_SESSIONS_MAX:
            del self.events_of[next(iter(self.events_of))]

    # -- looking after the stream --------------------------------------------------------------

    async def _look(self, bus: Bus, writer: Writer) -> None:
        purged_at = time.monotonic()
        await self._drop_snapshots(bus)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await writer.look()
            state = await bus.log_state()
            first_to_read(Position(self._epoch_ns, 0), epoch_ns(state.epoch), state.last_seq)
            self.log_end = state.last_seq
            is_pressed = 0 < state.max_bytes * PRESSED_SHARE < state.bytes
            if time.monotonic() - purged_at < PURGE_EVERY_S and not is_pressed:
                continue
            purged_at = time.monotonic()
            await self._drop_snapshots(bus)
            held = await writer.held()
            if held is None:
                continue  # the database is away: nothing may leave the stream
            for subject_filter, up_to in purge_plan(self.committed, held, size=state.bytes, size_limit=state.max_bytes):
                gone = await bus.purge(subject_filter, up_to)
                self._log.info("purged", filter=subject_filter, below=up_to, messages=gone)

    async def _drop_snapshots(self, bus: Bus) -> None:
        """Drop the snapshots of sessions that are over: no service takes those up again."""
        try:
            by_session: dict[str, list[str]] = {}
            for name in await bus.object_names():
                by_session.setdefault(name.partition("/")[0], []).append(name)
            for session, names in by_session.items():
                if not await self._is_over(bus, session):
                    continue
                for name in names:
                    await bus.delete_object(name)
                self._log.info("snapshots dropped", session=session, snapshots=len(names))
        except BusUnavailable as error:  # recording goes on; a connection that is lost ends it elsewhere
            self._log.warning("snapshots of ended sessions are kept for now", reason=str(error))

    async def _is_over(self, bus: Bus, session: str) -> bool:
        if not subjects.is_session(session):
            return False  # nobody of ours put it there
        stopped = await last_event(bus, subjects.event_subject("session.stopped", session), Stopped)
        return stopped is not None and stopped[0] <= self.committed


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of them ends; what ended with an error raises it."""
    done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future in done:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, _ReadingPaused):
            raise error


def check_session(dsn: str, announced: Announced, stream_seq: int) -> None:
    """Whether the recorder can take part: the database answers, and the name is not taken in it.

    Raises DatabaseUnavailable or SessionRefused. ``stream_seq`` is the announcement's own place.
    """
    from live_runner.services.runtime.postgres.database import connect

    with connect(dsn) as connection:
        row = connection.execute(
            "select state, first_stream_seq from sessions where session = %s", (announced.session,)
        ).fetchone()
    # One that was refused before it started may be announced again, which its number tells.
    is_again = announced.seq > 1 and row is not None and row[0] in ("announced", "refused")
    if row is not None and row[1] != stream_seq and not is_again:
        raise SessionRefused(
            f"The database already has a session called {announced.session} ({row[0]})",
            remedy="Give the new session another name",
            reason="session_exists",
        )
