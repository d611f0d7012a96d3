"""A session from outside: announce it, let the services join, start it, follow it to its end.

All of it is in the log, so it can be done again from any point: after a lost connection, or by another
``run`` that finds the session under way. What is there already is not said twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from live_runner.contracts import codec, manifest, subjects
from live_runner.contracts.config import Config
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import (
    BusUnavailable,
    OwnershipLost,
    SessionRefused,
    StrategyError,
    TheirFault,
)
from live_runner.contracts.messages import Announced, Incident, JoinDeclined, Joined, Started, Stopped
from live_runner.hotpath.engine.state import check_instruments
from live_runner.services.cli.session_errors import (
    RefusedInLogError,
    SessionStuckError,
    cannot_go_on,
    failure,
    fatal,
    refused,
    stuck,
)
from live_runner.services.cli.session_state import State, next_number, read_state
from live_runner.services.execution.core.models import check_models
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of
from live_runner.services.runtime.nats.reader import Reader
from live_runner.services.runtime.service.core_shell import send_beat
from live_runner.services.runtime.service.hosting import instance_name
from live_runner.services.runtime.services import SESSION_SERVICES

__all__ = ["FollowedSession", "View"]

RECONNECT_LIMIT_S: Final = 60.0
"""NATS may be away for so long while a session is followed."""
_RECONNECT_EVERY_S: Final = 0.2
FOLLOW_EVERY_S: Final = 0.25
"""Between two heartbeats of who follows a session; the services of a ``run`` take up no other session."""
STUCK_LIMIT_S: Final = 20.0
"""How long the stream may store nothing before the run ends; the recorder makes room within seconds if it can."""


class View(Protocol):
    """Who watches."""

    def phase(self, text: str) -> None:
        """Something begins: joining, playing, recording."""

    def beat(self, role: str, progress: Mapping[str, Any]) -> None:
        """A service tells how far it is."""

    def incident(self, incident: Incident) -> None:
        """Something an operator should know."""

    def trouble(self, text: str) -> None:
        """A service cannot go on for now."""

    def started(self, started: Started) -> None:
        """The manifest is in the log."""


class FollowedSession:
    """One session, from announcement to ``stopped``. ``stopped_seq`` is known afterwards."""

    def __init__(
        self,
        settings: Settings,
        announced: Announced,
        config: Config,
        view: View,
        *,
        models: Mapping[str, str],
        platform: Mapping[str, str],
        dataset_hash: str | None = None,
        ignored_before: int = 0,
    ) -> None:
        """``ignored_before`` is a stream sequence: incidents up to it ended services that are gone."""
        self._settings = settings
        self._announced = announced
        self._config = config
        self._view = view
        self._models = models
        self._platform = platform
        self._dataset_hash = dataset_hash
        self._ignored_before = ignored_before
        self._is_ours = False
        self._next_seq = 1
        self.stopped_seq = 0
        self.playing_since_s: float | None = None
        """Monotonic time at which the manifest was in the log."""
        self.was_under_way = False
        self._incidents: dict[str, str] = {}
        """The message of the session's first incident of each code."""
        self._reader: Reader | None = None
        self._away_since_s: float | None = None
        self._troubled: dict[str, float] = {}
        """Since when a role has been telling of trouble, monotonic seconds."""

    @property
    def session(self) -> str:
        """Its name."""
        return self._announced.session

    @property
    def read_seq(self) -> int:
        """Stream sequence of the last event of the session that was looked at; 0 before it plays."""
        return self._next_seq - 1

    async def play(self) -> Stopped:
        """See the session to its end. SessionRefused when a service refuses or the name is used up."""
        discovered: list[str] = []
        while True:
            try:
                bus = await Bus.connect(self._settings.nats, name="run", also=discovered)
                discovered = bus.discovered or discovered
            except BusUnavailable:
                if not self._is_ours or self._away_s() > RECONNECT_LIMIT_S:
                    raise
                await asyncio.sleep(_RECONNECT_EVERY_S)
                continue
            try:
                return await self._play(bus)
            except SessionStuckError:
                raise
            except BusUnavailable:
                if not self._is_ours or self._away_s() > RECONNECT_LIMIT_S:
                    raise
                self._view.phase("NATS is unavailable, waiting for it")
                await asyncio.sleep(_RECONNECT_EVERY_S)
            finally:
                await bus.close()

    def _away_s(self) -> float:
        """Seconds since NATS answered last."""
        now_s = time.monotonic()
        self._away_since_s = self._away_since_s or now_s
        return now_s - self._away_since_s

    async def _play(self, bus: Bus) -> Stopped:
        await bus.ensure_stream()
        # Before the state: whatever comes after it makes our own message fail, and not stand beside another one.
        after_seq = await bus.last_seq_of(subjects.event_subject("session.announced", self.session))
        started_after = await bus.last_seq_of(subjects.event_subject("session.started", self.session))
        state = await read_state(bus, self.session)
        self._away_since_s = None
        if state.announced is None:
            state.announced = await self._announce(bus, after_seq, self._announced)
        elif not self._is_ours and state.is_refused:
            again = manifest.announce_again(self._announced, await next_number(bus, *state.announced))
            state.announced = await self._announce(bus, after_seq, again)
        elif not self._is_ours:
            self._continue(state.announced[1], state)
        announced_seq, announced = state.announced
        self._is_ours = True
        if state.stopped is not None:
            self.stopped_seq = state.stopped[0]
            await self._read_incidents(bus, announced_seq)
            return state.stopped[1]
        undo = await bus.on(subjects.beat("*", self.session), self._on_beat)
        beat = asyncio.create_task(self._beat(bus))
        try:
            if state.started is None:
                self._view.phase("waiting for the services to join")
                started = await self._merged(bus, announced_seq, announced)
                await self._publish_started(bus, started, started_after)
            else:
                started = state.started[1]
            self._view.started(started)
            self.playing_since_s = self.playing_since_s or time.monotonic()
            self._view.phase("playing")
            return await self._follow(bus, announced_seq)
        finally:
            beat.cancel()
            await undo()

    async def _beat(self, bus: Bus) -> None:
        while True:
            await send_beat(bus, "run", self.session, instance_name("run"), {})
            await asyncio.sleep(FOLLOW_EVERY_S)

    def failure(self, stopped: Stopped) -> StrategyError | None:
        """The error of a session that its strategy ended before its time; None for any other."""
        return failure(self._announced, stopped, self._incidents)

    # -- beginning -----------------------------------------------------------------------------

    async def _announce(self, bus: Bus, after_seq: int, announced: Announced) -> tuple[int, Announced]:
        try:
            return await bus.publish(announced, expect_last_of_subject=after_seq), announced
        except OwnershipLost:
            raise SessionRefused(
                f"Another `run` announced the session {self.session} at the same moment",
                remedy="Choose another name with --session",
                reason="session_exists",
            ) from None

    async def _merged(self, bus: Bus, announced_seq: int, announced: Announced) -> Started:
        """The manifest of what the services said; what cannot be traded is refused in the log before it starts."""
        try:
            joined = await self._joined(bus, announced_seq, announced)
            manifest.check_builds(announced, joined, instance=instance_name("run"))
            started = manifest.start(announced, joined, models=self._models, platform=self._platform)
            check_instruments(self._config, started.instruments)
            if self._dataset_hash not in (None, started.dataset.get("hash")):
                raise self._differs(["dataset"])  # announced and joined by a run that ended before it started
        except RefusedInLogError:
            raise
        except TheirFault as error:
            reason = str(error.fields.get("reason", error.code))
            await bus.publish(manifest.refuse(announced, reason, masked(str(error))))
            raise
        return started

    def _continue(self, before: Announced, state: State) -> None:
        """Whether the session in the log is the one that we would run; SessionRefused when not."""
        name = self.session
        if state.stopped is not None:
            # Whoever ran it may have been killed before its end was stored.
            self._next_seq = state.stopped[0] + 1
            raise SessionRefused(
                f"The session {name} is finished",
                remedy=f"Choose another name with --session; look at this one with: live-runner replay {name}",
                reason="session_finished",
            )
        check_engine(name, before.engine)
        if state.started is not None:
            check_models(state.started[1])
        begun = None if state.started is None else state.started[1].dataset.get("hash")
        differing = [
            what
            for what, here, there in (
                ("dataset", self._dataset_hash or begun, begun or self._dataset_hash),
                ("configuration", self._announced.config_hash, before.config_hash),
                ("strategy", self._announced.strategy_hash, before.strategy_hash),
                ("stage", self._announced.stage, before.stage),
            )
            if here != there
        ]
        if state.started is None and self._announced.engine_hash != before.engine_hash:
            differing.append("build of live-runner")
        if differing:
            raise self._differs(differing)
        self.was_under_way = True

    def _differs(self, differing: list[str]) -> SessionRefused:
        return SessionRefused(
            f"The session {self.session} is already running with a different {' and '.join(differing)}",
            remedy="Run it with the same ones, or choose another name with --session",
            reason="session_differs",
            differing=differing,
        )

    async def _joined(self, bus: Bus, announced_seq: int, announced: Announced) -> dict[str, Joined]:
        filters = [subjects.event_subject(kind, self.session) for kind in ("session.joined", "session.refused")]
        reader = await bus.reader(filters, announced_seq)
        joined: dict[str, Joined] = {}
        limit_s = self._config.limits.join_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                async for message in reader:
                    event = event_of(message)
                    if event is None:
                        continue
                    is_answer = event.cause in ("", announced.id)  # and not a late one to an announcement before
                    if isinstance(event, JoinDeclined) and is_answer:
                        raise refused(event)
                    if isinstance(event, Joined) and is_answer:
                        joined[event.role] = event
                        self._view.phase(f"joined: {', '.join(joined)}")
                    if message.pending == 0 and all(role in joined for role in SESSION_SERVICES):
                        break
        except TimeoutError:
            absent = [role for role in SESSION_SERVICES if role not in joined]
            raise SessionRefused(
                f"{', '.join(absent)} did not join the session {self.session} within {limit_s:g} s",
                remedy=f"Check the log of {absent[0]}; start it with: live-runner serve {absent[0]}",
                reason="not_joined",
                absent=absent,
            ) from None
        finally:
            await reader.close()
        return joined

    async def _publish_started(self, bus: Bus, started: Started, after_seq: int) -> None:
        try:
            await bus.publish(started, expect_last_of_subject=after_seq)
        except OwnershipLost:
            return  # another `run` that follows this session was faster; the log has its manifest

    # -- following -----------------------------------------------------------------------------

    async def _follow(self, bus: Bus, announced_seq: int) -> Stopped:
        filters = [
            subjects.event_subject(kind, self.session)
            for kind in ("session.stopped", "session.refused", "ops.incident")
        ]
        reader = self._reader = await bus.reader(filters, max(announced_seq, self._next_seq))
        try:
            async for message in reader:
                self._next_seq = message.stream_seq + 1
                event = event_of(message)
                if isinstance(event, Stopped):
                    self.stopped_seq = message.stream_seq
                    return event
                if isinstance(event, JoinDeclined):
                    raise refused(event)
                if isinstance(event, Incident):
                    self._view.incident(event)
                    self._incidents.setdefault(event.code, event.message)
                    if event.severity == "fatal" and message.stream_seq > self._ignored_before:
                        raise fatal(event)
        finally:
            await reader.close()
        raise BusUnavailable("The session's log ended", remedy="Check that NATS runs")

    async def _read_incidents(self, bus: Bus, announced_seq: int) -> None:
        """Those of a session that stopped while nobody followed it: they say why."""
        subject = subjects.event_subject("ops.incident", self.session)
        if await bus.last_seq_of(subject) < announced_seq:
            return
        reader = await bus.reader([subject], announced_seq)
        try:
            async for message in reader:
                event = event_of(message)
                if isinstance(event, Incident):
                    self._incidents.setdefault(event.code, event.message)
                if message.pending == 0:
                    break
        finally:
            await reader.close()

    def _check_trouble(self, role: str, trouble: str) -> None:
        """Show trouble once; what lasts ``STUCK_LIMIT_S`` ends the run."""
        if not trouble:
            self._troubled.pop(role, None)
            return
        now_s = time.monotonic()
        since_s = self._troubled.setdefault(role, now_s)
        if since_s == now_s:
            self._view.trouble(f"{role} waits: {trouble}")
        elif now_s - since_s > STUCK_LIMIT_S and self._reader is not None:
            self._reader.fail(stuck(self.session, role, trouble, STUCK_LIMIT_S))

    async def _on_beat(self, subject: str, data: bytes) -> None:
        if subject == subjects.beat("run", self.session):
            return
        found = codec.beat(subject, data)
        if found is None:
            return
        role, _, progress = found
        dead = progress.get("fatal")
        if dead and self._reader is not None:
            self._reader.fail(cannot_go_on(self.session, dead.get("code", ""), dead.get("message", "")))
        self._check_trouble(role, progress.get("trouble", ""))
        self._view.beat(role, progress)
