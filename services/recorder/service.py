"""The recorder service: records the whole stream, and joins each session with its word that it does.

Recording goes by the stream, not by session: it needs no session to be announced and misses none.
Joining tells `run` that the database answers and has no other session of that name.

Of two recorders on one database one writes and the other stands by (writer.py). Only the one that writes
takes the role in a session: the pace of a session follows what its recorder has stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from live_runner.contracts import subjects
from live_runner.contracts.errors import BusUnavailable, DatabaseUnavailable, RunnerError
from live_runner.contracts.messages import Announced, JoinDeclined, Joined, Stopped
from live_runner.services.recorder.shell import Recorder, check_session
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, last_event
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.core_shell import send_beat
from live_runner.services.runtime.service.engine_facts import build_facts
from live_runner.services.runtime.service.hosting import RECONNECT_EVERY_S, Host, instance_name, stop_on_signals
from live_runner.services.runtime.service.ownership import Ownership

__all__ = ["serve"]

BEAT_EVERY_S: Final = 0.25
AFTERGLOW_S: Final = 5.0
"""A finished session's beats go on so long after its last event is stored, so that `run` hears of it."""
DATABASE_WAIT_S: Final = 600.0
"""The database may take so long to answer when the service starts."""
DATABASE_RETRY_S: Final = 0.5
"""Between two attempts at a database that is away, and two looks whether a standby has become the one that writes."""


class RecorderService:
    """One recorder, and its part in every session."""

    role = "recorder"

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self._settings = settings
        self._dsn = settings.timescale_dsn or ""
        self._stop = stop
        self._recorder = Recorder()
        self._instance = instance_name(self.role)
        self._log = log.get(self.role)

    async def record(self) -> None:
        """Record until asked to stop, through every absence of NATS."""
        await self._migrate()
        discovered: list[str] = []
        while not self._stop.is_set():
            try:
                bus = await Bus.connect(self._settings.nats, name=self._instance, also=discovered)
                discovered = bus.discovered or discovered
                try:
                    await bus.ensure_stream()
                    await self._recorder.run(bus, self._dsn, self._stop)
                finally:
                    await bus.close()
            except BusUnavailable:
                await asyncio.sleep(RECONNECT_EVERY_S)

    def health(self) -> tuple[bool, Mapping[str, Any]]:
        """Whether it records or stands by for another that does, and how far it is."""
        status = self._recorder.status()
        return self._recorder.stands_by or (status["recording"] and status["database"] == "ok"), status

    async def _migrate(self) -> None:
        deadline = time.monotonic() + DATABASE_WAIT_S
        is_logged = False
        while True:
            try:
                await asyncio.to_thread(_migrate, self._dsn)
                return
            except DatabaseUnavailable as error:
                if time.monotonic() > deadline or self._stop.is_set():
                    raise
                if not is_logged:
                    is_logged = True
                    self._log.warning("the database is unavailable; waiting for it", reason=str(error))
                await asyncio.sleep(DATABASE_RETRY_S)

    async def run_session(self, bus: Bus, announced: Announced, stream_seq: int) -> None:
        """Join the session and tell how far its recording is, until it is over and stored.

        The role is held only while this process is the one that records.
        """
        is_over = False
        while not is_over:
            while not self._recorder.is_recording:  # noqa: ASYNC110  # the thread that writes finds out
                await asyncio.sleep(DATABASE_RETRY_S)
            ownership = await Ownership.take(bus, announced.session, self.role, self._instance)
            try:
                await self._join(bus, ownership, announced, stream_seq)
                is_over = await self._accompany(bus, announced.session)
            finally:
                if not bus.lost.done():
                    await ownership.release()

    async def _accompany(self, bus: Bus, session: str) -> bool:
        """Send heartbeats; True when the session is over and stored, False when another process records now."""
        stopped_seq = 0
        idle_since: float | None = None
        while idle_since is None or time.monotonic() - idle_since < AFTERGLOW_S:
            if not self._recorder.is_recording:
                self._log.warning("the role is left to the recorder that writes", session=session)
                return False
            if not stopped_seq:
                last = await last_event(bus, subjects.event_subject("session.stopped", session), Stopped)
                stopped_seq = last[0] if last is not None else 0
            elif self._recorder.committed >= stopped_seq and idle_since is None:
                idle_since = time.monotonic()
            await self._beat(bus, session)
            await asyncio.sleep(BEAT_EVERY_S)
        return True

    async def _beat(self, bus: Bus, session: str) -> None:
        recorder = self._recorder
        facts = {
            "stored": recorder.events_of[session],
            "committed_seq": recorder.committed,
            "lag_ms": recorder.lag_ms,
            "database": recorder.status()["database"],
        }
        await send_beat(bus, self.role, session, self._instance, facts)

    async def _join(self, bus: Bus, ownership: Ownership, announced: Announced, stream_seq: int) -> None:
        reader = await bus.reader(subjects.of_session(announced.session), stream_seq)
        try:
            async for message in reader:
                if message.stream_seq >= ownership.stream_seq:
                    break
                event = event_of(message)
                if isinstance(event, Joined | JoinDeclined) and event.role == self.role:
                    return
        finally:
            await reader.close()
        try:
            await self._check(bus, announced, stream_seq)
        except RunnerError as error:
            await bus.publish(ownership.refusal(error, announcement=announced.id))
            raise
        facts = await asyncio.to_thread(build_facts)
        await bus.publish(ownership.note(Joined, cause=announced.id, role=self.role, instance=self._instance, **facts))

    async def _check(self, bus: Bus, announced: Announced, stream_seq: int) -> None:
        """Check that the session can be stored, as soon as the database answers; errors as ``check_session``."""
        deadline = time.monotonic() + DATABASE_WAIT_S
        is_logged = False
        while True:
            try:
                await asyncio.to_thread(check_session, self._dsn, announced, stream_seq)
                return
            except DatabaseUnavailable as error:
                if time.monotonic() > deadline:
                    raise
                if not is_logged:
                    is_logged = True
                    self._log.warning("waiting for the database to join", session=announced.session, reason=str(error))
            facts = {"trouble": "the database is unavailable"}
            await send_beat(bus, self.role, announced.session, self._instance, facts)
            await asyncio.sleep(DATABASE_RETRY_S)


def _migrate(dsn: str) -> None:
    # In a thread, where loading the database's driver keeps nobody waiting.
    from live_runner.services.runtime.postgres.database import migrate

    migrate(dsn)


async def serve(settings: Settings, *, only: str | None = None) -> None:
    """The recorder service, until it is asked to stop. ``only`` restricts joining, never recording."""
    stop = stop_on_signals()
    service = RecorderService(settings, stop)
    host = Host(settings, RecorderService.role, service.run_session, only=only, check=service.health)
    recording = asyncio.ensure_future(service.record())
    hosting = asyncio.ensure_future(host.run(stop))
    try:
        await asyncio.wait([recording, hosting], return_when=asyncio.FIRST_COMPLETED)
        for task in (recording, hosting):
            if task.done():
                task.result()
        await asyncio.wait([recording, hosting])
        recording.result()
        hosting.result()
    finally:
        stop.set()
        await asyncio.wait([recording, hosting])
