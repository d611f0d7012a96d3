"""The life of a service: connect, find the sessions in the log, run each one, and start anew when NATS goes away.

A service is long-lived and hosts any number of sessions. Sessions are found in the log alone:
announced and not yet stopped or refused. A service of one ``run`` takes up only those that somebody follows,
which their heartbeats show. One that a living process owns is left to it; this process
stands by and takes over when the owner is gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from live_runner.contracts import subjects
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, RunnerError
from live_runner.contracts.messages import Announced, JoinDeclined, Stopped
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.health import Check, Health
from live_runner.services.runtime.service.ownership import AlreadyOwned

__all__ = ["Host", "SessionRunner", "instance_name", "stop_on_signals"]

RECONNECT_EVERY_S: Final = 0.2
REFUSED_RETRY_S: Final = 2.0
"""Between two attempts while NATS answers and its stream stores nothing, as when it is full."""
RECONNECT_LIMIT_S: Final = 600.0
"""NATS may be away for so long before the service gives up (and its supervisor starts it again)."""
STANDBY_EVERY_S: Final = 0.5
DRAIN_LIMIT_S: Final = 10.0
FATAL_BEAT_EVERY_S: Final = 0.5
FOLLOWED_MAX: Final = 10_000
"""Names of followed sessions that are kept; the oldest is forgotten first, and known again at its next beat."""


class SessionRunner(Protocol):
    """Runs one session on one connection until it ends."""

    def __call__(self, bus: Bus, announced: Announced, stream_seq: int) -> Awaitable[None]:
        """``stream_seq`` is where the session was announced."""


def instance_name(role: str) -> str:
    """Names this process: role, host and process id."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def stop_on_signals() -> asyncio.Event:
    """Set when the process is asked to end (SIGTERM, SIGINT)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


class Host:
    """One service process. ``only`` restricts it to one session, whose owner must not live."""

    def __init__(
        self,
        settings: Settings,
        role: str,
        run_session: SessionRunner,
        *,
        only: str | None = None,
        check: Check = lambda: (True, {}),
    ) -> None:
        """``check`` adds to the health what this role needs besides NATS."""
        self._further_check = check
        self._settings = settings
        self._role = role
        self._run_session = run_session
        self._only = only
        self._log = log.get(role)
        self._sessions: dict[str, tuple[Announced, int]] = {}
        self._under_way: dict[str, Announced] = {}
        """Every session of the log, also those that this process leaves to others."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[None] | None = None
        self._given_up: set[str] = set()
        """Ids of announcements."""
        self._refused_sessions: dict[str, str] = {}
        """Sessions of which NATS stores nothing just now, and what it says."""
        self._followed: dict[str, None] = {}
        """Sessions whose heartbeats were seen, the oldest first; used where only those are run."""
        self._connected = False
        self._discovered: list[str] = []
        """Further servers of a NATS cluster, where the configured ones may all be away."""
        self._is_refused = False
        self.health = Health(settings, role, self._check)

    @property
    def under_way(self) -> list[Announced]:
        """Sessions of the log that are neither over nor refused, in the order of their announcements."""
        return list(self._under_way.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until asked to stop. BusUnavailable when NATS stays away for ``RECONNECT_LIMIT_S``."""
        await self.health.start()
        away_since = time.monotonic()
        logged = ""
        try:
            while not stop.is_set():
                try:
                    await self._serve(stop)
                except BusUnavailable as error:
                    if self._connected:
                        self._connected = False
                        logged = logged if self._is_refused else ""
                        away_since = time.monotonic()
                    if logged != str(error):
                        logged = str(error)
                        what = (
                            "NATS refuses the connection; trying again"
                            if self._is_refused
                            else "NATS is unavailable; waiting for it"
                        )
                        self._log.warning(what, reason=logged, limit_s=RECONNECT_LIMIT_S)
                    if time.monotonic() - away_since > RECONNECT_LIMIT_S:
                        raise
                    await _wait(stop, REFUSED_RETRY_S if self._is_refused else RECONNECT_EVERY_S)
        finally:
            await self.health.stop()

    async def _serve(self, stop: asyncio.Event) -> None:
        self._is_refused = False
        bus = await Bus.connect(self._settings.nats, name=instance_name(self._role), also=self._discovered)
        self._failure = asyncio.get_running_loop().create_future()
        self._failure.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._sessions.clear()
        self._under_way.clear()
        try:
            await bus.ensure_stream()
            self._connected = True
            self._discovered = bus.discovered or self._discovered
            self._log.info("service is connected", **self._settings.described())
            kinds = ("session.announced", "session.stopped", "session.refused")
            if self._settings.sessions == "followed":
                await bus.on(subjects.beat("*", "*"), partial(self._on_beat, bus))
            filters = [pattern for kind in kinds for pattern in subjects.of_type(kind)]
            reader = await bus.reader(filters, 1, lambda message: self._on_lifecycle(bus, message))
            stopping = asyncio.ensure_future(stop.wait())
            waits: list[asyncio.Future[Any]] = [stopping, reader.done, bus.lost, self._failure]
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for future in done:
                future.result()
            await reader.close()
        except BusUnavailable as error:
            self._is_refused = not bus.lost.done()
            if self._is_refused:
                await self._report(bus, error)
            raise
        finally:
            await self._cancel_sessions()
            await bus.close()

    async def _report(self, bus: Bus, error: BusUnavailable) -> None:
        """Say by heartbeat, which needs no room in the stream, why sessions stand still."""
        for session in self._sessions:
            await self._beat_trouble(bus, session, str(error))
        await bus.flush()

    async def _beat_trouble(self, bus: Bus, session: str, trouble: str) -> None:
        beat = {"role": self._role, "session": session, "trouble": masked(trouble)}
        await bus.send(subjects.beat(self._role, session), msgspec.msgpack.encode(beat))

    async def _on_lifecycle(self, bus: Bus, message: Message) -> None:
        event = event_of(message)
        if isinstance(event, Announced):
            self._under_way.setdefault(event.session, event)
            if self._only in (None, event.session):
                # The first one stands until the session is refused or over, whoever announces the name again.
                self._sessions.setdefault(event.session, (event, message.stream_seq))
        elif isinstance(event, Stopped):
            self._under_way.pop(event.session, None)
            self._sessions.pop(event.session, None)
            task = self._tasks.get(event.session)
            if task is not None and event.source != "execution":
                task.cancel()  # closed by command: nobody ends the session's feed and strategy in order
        elif isinstance(event, JoinDeclined):
            self._refused(event)
        if message.pending == 0:
            self._begin(bus)

    async def _on_beat(self, bus: Bus, subject: str, _data: bytes) -> None:
        """Somebody follows or runs this session: a ``run``, or another service of one that was started again."""
        session = subject.split(".")[2]
        if session not in self._followed:
            if len(self._followed) >= FOLLOWED_MAX:
                del self._followed[next(iter(self._followed))]
            self._followed[session] = None
            self._begin(bus)

    def _refused(self, event: JoinDeclined) -> None:
        """Leave a session that another role refused; it may be announced again under the same name."""
        under_way = self._under_way.get(event.session)
        if under_way is not None and event.cause in ("", under_way.id):
            del self._under_way[event.session]
        announced, _ = self._sessions.get(event.session, (None, 0))
        if announced is None or event.cause not in ("", announced.id):
            return  # a late answer to an announcement before this one
        del self._sessions[event.session]
        task = self._tasks.get(event.session)
        if task is not None and event.role != self._role:
            task.cancel()

    def _begin(self, bus: Bus) -> None:
        for session, (announced, stream_seq) in self._sessions.items():
            if self._settings.sessions == "followed" and session not in self._followed:
                continue
            if session not in self._tasks and announced.id not in self._given_up:
                task = self._tasks[session] = asyncio.create_task(self._keep(bus, announced, stream_seq))
                # Not at the end of the task itself: one that is cancelled before its first step has no end.
                task.add_done_callback(partial(self._ended, bus, announced))

    def _ended(self, bus: Bus, announced: Announced, task: asyncio.Task[None]) -> None:
        if self._tasks.get(announced.session) is not task:
            return
        del self._tasks[announced.session]
        if not self._is_wanted(announced):
            self._begin(bus)  # it may have been announced again in the meantime

    async def _keep(self, bus: Bus, announced: Announced, stream_seq: int) -> None:
        """Run a session, standing by while another process owns it."""
        session = announced.session
        is_logged = False
        try:
            while self._is_wanted(announced):
                try:
                    await self._run_session(bus, announced, stream_seq)
                    self._log.info("session has ended", session=session)
                    return
                except AlreadyOwned as error:
                    if self._only is not None:
                        raise
                    if not is_logged:
                        self._log.error("session is left to its owner", session=session, reason=str(error))
                    is_logged = True
                    await asyncio.sleep(STANDBY_EVERY_S)
                except OwnershipLost as error:
                    self._log.error("session was taken over", session=session, reason=str(error))
                    is_logged = True
                except BusUnavailable as error:
                    if bus.lost.done():
                        raise
                    await self._stand_still(bus, session, error)
        except BusUnavailable as error:
            self._fail(error)
        except RunnerError as error:
            self._given_up.add(announced.id)
            self._log.error("session is given up", session=session, code=error.code, reason=str(error))
            if self._only is not None:
                self._fail(error)
            await self._beat_fatal(bus, announced, error)
        except Exception as error:  # noqa: BLE001  # a fault in one session ends this service loudly, not the task alone
            self._given_up.add(announced.id)
            self._log.exception("session is given up after an unexpected error", session=session)
            self._fail(error)

    async def _stand_still(self, bus: Bus, session: str, error: BusUnavailable) -> None:
        """A session alone is refused while our connection holds: it is tried again, and no other one is disturbed.

        There is no bound, as there is none for a stream that is full: it is shown by heartbeat and in the health.
        """
        if self._refused_sessions.get(session) != str(error):
            self._log.warning("NATS refuses the session; trying again", session=session, reason=str(error))
        self._refused_sessions[session] = str(error)
        try:
            deadline = time.monotonic() + REFUSED_RETRY_S
            while time.monotonic() < deadline:
                await self._beat_trouble(bus, session, str(error))
                await asyncio.sleep(FATAL_BEAT_EVERY_S)
        finally:
            del self._refused_sessions[session]

    async def _beat_fatal(self, bus: Bus, announced: Announced, error: RunnerError) -> None:
        """Show whoever follows the session that it cannot go on; its incident may be of a process before this one."""
        fatal = {"code": error.code, "message": masked(str(error))}
        beat = {"role": self._role, "session": announced.session, "instance": instance_name(self._role), "fatal": fatal}
        while self._is_wanted(announced) and not bus.lost.done():
            await asyncio.sleep(FATAL_BEAT_EVERY_S)
            await bus.send(subjects.beat(self._role, announced.session), msgspec.msgpack.encode(beat))

    def _is_wanted(self, announced: Announced) -> bool:
        current, _ = self._sessions.get(announced.session, (None, 0))
        return current is not None and current.id == announced.id

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _cancel_sessions(self) -> None:
        self._sessions.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_LIMIT_S)
        self._tasks.clear()

    def _check(self) -> tuple[bool, Mapping[str, Any]]:
        facts: dict[str, Any] = {"sessions": sorted(self._tasks), "given_up": sorted(self._given_up)}
        if self._refused_sessions:
            facts["refused"] = dict(self._refused_sessions)
        is_well, further = self._further_check()
        return self._connected and not self._refused_sessions and is_well, facts | dict(further)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
