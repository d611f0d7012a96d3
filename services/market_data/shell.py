"""The market data service: closed bars into the log, each once, in order.

A recording follows the gate of step 5: the next set goes out when the decision on the one before is
carried out. So the stream is the same however fast the processes are. A live feed does not wait.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import DataError, OurFault, RunnerError, TheirFault
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    Announced,
    BarSet,
    Event,
    FeedEnded,
    Incident,
    JoinDeclined,
    Joined,
    Started,
    VenueCall,
)
from live_runner.contracts.numbering import Numbering, bar_hash
from live_runner.contracts.sequence import Tail
from live_runner.services.market_data.feed_progress import FeedProgress
from live_runner.services.market_data.pace import Pace
from live_runner.services.runtime.config.settings import Settings
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of, manifest_of
from live_runner.services.runtime.nats.publisher import Publisher
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.core_shell import send_beat
from live_runner.services.runtime.service.engine_facts import build_facts
from live_runner.services.runtime.service.hosting import Host, instance_name, stop_on_signals
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.runtime.service.voiding import publish_void, read_voids

if TYPE_CHECKING:
    from live_runner.services.market_data.core.sets import Item
    from live_runner.services.market_data.feed import Source

__all__ = ["MarketDataShell", "feed_session", "serve"]

STALL_AFTER_S: Final = 30.0
"""A recording that waits so long for a decision says so."""
READ_AHEAD_BYTES: Final = 32 * 1024 * 1024
"""A recording pauses while the recorder is so far behind the log, reckoned at the log's mean message size."""
STREAM_FULL_SHARE: Final = 0.9
"""A recording pauses while the stream is fuller than this share of its limit."""
LAG_CHECK_EVERY_SETS: Final = 500
LAG_WAIT_S: Final = 0.05
BEAT_EVERY_S: Final = 0.5
DISPUTED_MAX: Final = 100
"""Disputed numbers that wait to be looked at; after a foreign one every later number of ours is disputed too."""


class NumberTaken(Exception):  # noqa: N818  # not an error of this process: it feeds on from what the log has
    """Readers have taken an event of another program for one of ours, and drop ours as a repetition of its number."""


class MarketDataShell:
    """Feeds one session."""

    role = "market_data"

    def __init__(self, bus: Bus, announced: Announced, settings: Settings, instance: str) -> None:
        self.bus = bus
        self.session = announced.session
        self.instance = instance
        self._announced = announced
        self._config = config_of(announced.config)
        self._settings = settings
        self._log = log.get(self.role).bind(session=self.session)
        self._progress = FeedProgress()
        self._committed: int | None = None
        self._paused = False
        self._trouble = ""
        self._has_refused = False
        self._has_published = False
        self._tail = Tail()
        self._disputed: asyncio.Queue[int] = asyncio.Queue(DISPUTED_MAX)
        """Numbers of ours that a core has dropped as repeated."""
        self._recovered = 0
        self._first_seq = 1
        self._ownership: Ownership
        self._publisher: Publisher
        self._numbering: Numbering

    async def run(self, stream_seq: int) -> None:
        """Take the role and feed until the end of the feed. Always releases the role.

        VersionMismatch, with nothing written, when another engine plays the session. NumberTaken when a foreign event
        stands in the place of one of ours: run again, it gives what readers have dropped under the next numbers.
        """
        check_engine(self.session, self._announced.engine)
        self._ownership = await Ownership.take(self.bus, self.session, self.role, self.instance)
        self._publisher = await self.bus.publisher(self._ownership.guard)
        beat = asyncio.create_task(self._beat())
        source: Source | None = None
        try:
            has_joined = await self._recover(stream_seq)
            if self._progress.feed_ended:
                return
            source = await self._open(has_joined)
            await self._follow(source)
            await self._publisher.flush()
        except (OurFault, TheirFault) as error:
            await self._give_up(error)
            raise
        finally:
            beat.cancel()
            if source is not None:
                await source.close()
            if not self.bus.lost.done():
                await self._ownership.release()
                await self._publisher.close()

    async def _recover(self, stream_seq: int) -> bool:
        """Read where the session stands; whether this role has joined it before."""
        started = await manifest_of(self.bus, self.session)
        has_joined = started is not None
        if started is not None:
            self._progress.fold(started)
        self._first_seq = stream_seq
        stream_seq = await self._recover_own(stream_seq)
        reader = await self.bus.reader(subjects.of_session(self.session), stream_seq)
        try:
            async for message in reader:
                if message.stream_seq >= self._ownership.stream_seq:
                    break
                event = event_of(message)
                if event is None or event.source == self.role:
                    continue  # our own ones were read alone: here one may stand before its time
                self._progress.fold(event)
                if isinstance(event, Joined | JoinDeclined) and event.role == self.role:
                    has_joined = True
        finally:
            await reader.close()
        span = self._tail.span(self._progress.seq + 1)
        if span is not None:
            await publish_void(self._publisher, self._ownership, self.role, *span)
        self._recovered = self._progress.seq
        self._numbering = Numbering(self.session, self.role, seq=self._recovered, hashing=False)
        self._log.info("ready", epoch=self._ownership.epoch, sets=self._progress.number)
        return has_joined

    async def _recover_own(self, stream_seq: int) -> int:
        """Fold our own events alone, by their numbers; where the last bar set is, or ``stream_seq`` without one."""
        filters = subjects.of_domains(("market",), self.session)
        owned = self._ownership.guard.subject, self._ownership.stream_seq
        voids = await read_voids(self.bus, self.session, self.role, owned, stream_seq)
        reader = await self.bus.reader((*filters, owned[0]), stream_seq)
        try:
            async for message in reader:
                if message.stream_seq >= self._ownership.stream_seq:
                    break
                event = event_of(message)
                if event is None or event.source != self.role or voids.cover(message.stream_seq, event.seq):
                    continue
                number, awaited = self._progress.number, self._progress.seq + 1
                if awaited > 1:
                    self._tail.came_early(event.seq, awaited)
                self._progress.take_event(message, event)
                stream_seq = message.stream_seq if self._progress.number != number else stream_seq
        finally:
            await reader.close()
        return stream_seq

    async def _open(self, has_joined: bool) -> Source:
        # With it comes numpy, which a service without a session has no use for.
        from live_runner.services.market_data.feed import open_source

        try:
            source = await open_source(self._config, self._settings.home)
            plan = await source.plan(self._announced.warmup_bars)
        except RunnerError as error:
            if not has_joined:
                self._has_refused = True
                await self._publisher.publish(self._ownership.refusal(error, announcement=self._announced.id))
                await self._publisher.flush()
            raise
        if not has_joined:
            await self._publisher.publish(
                self._ownership.note(
                    Joined,
                    cause=self._announced.id,
                    role=self.role,
                    instance=self.instance,
                    instruments=source.instruments(),
                    dataset=source.manifest_view(),
                    warmup_found=plan.warmup_found,
                    first_open_ns=plan.first_open_ns,
                    **await asyncio.to_thread(build_facts),
                )
            )
        return source

    async def _follow(self, source: Source) -> None:
        kinds = ("session.started", "strategy.decided", "account.executed", "ops.command", "ops.incident")
        filters = [pattern for kind in kinds for pattern in subjects.of_type(kind, self.session)]
        reader = await self.bus.reader(filters, self._ownership.stream_seq + 1, self._on_message)
        undo = await self.bus.on(subjects.beat("recorder", self.session), self._on_recorder)
        feeding = asyncio.ensure_future(self._feed(source))
        checking = asyncio.ensure_future(self._check_numbers())
        try:
            waits: list[asyncio.Future[Any]] = [feeding, checking, reader.done, self._publisher.failed, self.bus.lost]
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
        finally:
            feeding.cancel()
            checking.cancel()
            await undo()
            await reader.close()

    async def _on_message(self, message: Message) -> None:
        event = self._progress.take(message)
        if isinstance(event, Incident) and event.code == "duplicate_event" and not self._disputed.full():
            source, _, number = event.cause.rpartition("/")
            if source == f"{self.session}/{self.role}" and number.isdecimal() and int(number) > self._recovered:
                self._disputed.put_nowait(int(number))

    async def _check_numbers(self) -> None:
        """NumberTaken when what a core has taken for an event of ours is another program's."""
        guard = self._ownership.guard.subject
        while True:
            seq = await self._disputed.get()
            place = await self._place_of(seq)
            if place is not None and not await self.bus.is_guarded(place, guard):
                await self._incident(
                    "number_taken",
                    f"Another program has published number {seq} of {self.role}; it stays in the log, and what was "
                    "dropped for it comes again under the next numbers",
                    stream_seq=place,
                )
                await self._publisher.flush()
                raise NumberTaken

    async def _place_of(self, seq: int) -> int | None:
        """Where the event stands that readers took for this number of ours; None where they took none."""
        progress = FeedProgress()
        assert self._progress.started is not None
        progress.fold(self._progress.started)
        owned = self._ownership.guard.subject, self._ownership.stream_seq
        voids = await read_voids(self.bus, self.session, self.role, owned, self._first_seq)
        reader = await self.bus.reader(subjects.of_domains(("market",), self.session), self._first_seq)
        try:
            async for message in reader:
                event = event_of(message)
                is_ours = event is not None and event.source == self.role
                if event is not None and is_ours and not voids.cover(message.stream_seq, event.seq):
                    progress.take_event(message, event)
                if progress.seq >= seq:
                    return message.stream_seq
                if message.pending == 0:
                    return None
        finally:
            await reader.close()
        return None

    # -- feeding -------------------------------------------------------------------------------

    async def _feed(self, source: Source) -> None:
        progress = self._progress
        await progress.has_started.wait()
        if progress.started is not None:
            _check_dataset(source, progress.started)
            # What the manifest says stands, also after a restart, when a live source would plan from now on.
            await source.resume(progress.started.first_open_ns, progress.started.warmup_bars)
        # A recording gives the same gaps again; what a live source has to say after a restart is new.
        given = [] if source.is_live else list(progress.after_set)
        reason = "end_of_recording"
        pace = Pace(self._announced.speed)
        async with aclosing(source.live_items(progress.close_ns, progress.number)) as items:
            async for item in items:
                if (same := next((event for event in given if _is_of(event, item)), None)) is not None:
                    given.remove(same)
                    continue
                if not source.is_live and not await self._may_publish(item, pace):
                    break
                if progress.is_over:
                    break
                await self._publish(item)
        if progress.end_requested is not None:
            reason = f"ended by {progress.end_requested.author}"
        if not source.is_live:
            await self._await_last_decision()
        if progress.aborted:
            return
        await self._publisher.flush()
        await self._publisher.publish(
            self._numbering.make(
                FeedEnded,
                cause="",
                event_ns=progress.close_ns or 0,
                reason=reason,
                sets=progress.number,
                close_ns=progress.close_ns or 0,
            )
        )

    async def _publish(self, item: Item) -> None:
        if item.kind in (VenueCall, Incident):
            await self._publisher.publish(self._ownership.note(item.kind, event_ns=item.event_ns, **item.fields))
            return
        event = self._numbering.make(item.kind, cause="", event_ns=item.event_ns, **item.fields)
        if isinstance(event, BarSet):
            event = msgspec.structs.replace(event, hash=bar_hash(self._progress.hash, event))
            self._progress.published(event)
        await self._publisher.publish(event)
        if not self._has_published:
            # Alone: a stream that refuses it again, or the first one of the session, takes none behind it.
            self._has_published = True
            await self._publisher.flush()

    async def _may_publish(self, item: Item, pace: Pace) -> bool:
        """Wait for the decision before this item, for the recorder and for the clock; False to end."""
        await self._decided()
        if self._progress.is_over:
            return False
        if item.kind is not BarSet:
            return True  # a gap: told after the decision before it, and at once
        if self._progress.number % LAG_CHECK_EVERY_SETS == 0:
            await self._await_recorder()
        if not item.fields["warmup"]:
            await pace.wait_until(item.event_ns)
        return True

    async def _await_last_decision(self) -> None:
        """The end follows the last decision, so that what a core holds at a close is the same in every run."""
        is_logged = False
        while not await self._progress.answered(STALL_AFTER_S):
            if not is_logged:
                is_logged = True
                await self._stalled()
            if self._progress.end_requested is not None:
                return

    async def _stalled(self) -> None:
        close_ns = self._progress.close_ns
        message = f"The decision of the set that closed at {close_ns} has been outstanding for {STALL_AFTER_S:g} s"
        await self._incident("session_stalled", message, close_ns=close_ns)

    async def _decided(self) -> None:
        """Wait until the decision on the last set is carried out, or the session is to end."""
        is_logged = False
        while not await self._progress.gate(STALL_AFTER_S):
            if not is_logged:
                is_logged = True
                await self._stalled()

    async def _await_recorder(self) -> None:
        while True:
            state = await self.bus.log_state()
            behind = self._committed is not None and state.bytes_after(self._committed) > READ_AHEAD_BYTES
            full = state.max_bytes > 0 and state.bytes > state.max_bytes * STREAM_FULL_SHARE
            if not behind and not full:
                break
            if not self._paused:
                self._paused = True
                why = "the recorder is behind" if behind else "the stream is nearly full"
                self._trouble = "" if behind else f"The stream is nearly full: {state.bytes} of {state.max_bytes} bytes"
                self._log.warning("the recording pauses", reason=why, committed=self._committed, last=state.last_seq)
            await asyncio.sleep(LAG_WAIT_S)
        self._paused, self._trouble = False, ""

    async def _on_recorder(self, subject: str, data: bytes) -> None:
        found = codec.beat(subject, data)
        if found is not None:
            self._committed = found[2].get("committed_seq", self._committed)

    async def _give_up(self, error: RunnerError) -> None:
        if self._publisher.error is not None or self._has_refused:
            return  # the log takes nothing from us any more, or knows already
        await self._publisher.publish(self._ownership.fatal(error))
        await self._publisher.flush()

    async def _incident(self, code: str, message: str, **details: Any) -> None:
        self._log.warning(message, code=code)
        await self._publisher.publish(
            self._ownership.note(
                Incident, severity="warning", code=code, message=message, details=codec.portable(details)
            )
        )

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            self._publisher.check_overdue()
            facts: dict[str, Any] = {"sets": self._progress.number, "close_ns": self._progress.close_ns or 0}
            facts |= {"paused": self._paused, "trouble": self._trouble}
            await send_beat(self.bus, self.role, self.session, self.instance, facts)


def _is_of(event: Event, item: Item) -> bool:
    """Whether the event is the one that this item makes."""
    fields = item.fields.items()
    return type(event) is item.kind and all(getattr(event, name) == value for name, value in fields)


def _check_dataset(source: Source, started: Started) -> None:
    """Whether the bars are still those that the session began with; a live venue has no others."""
    begun, here = started.dataset.get("hash"), source.manifest_view().get("hash")
    if not source.is_live and begun != here:
        raise DataError(
            f"The dataset '{started.dataset.get('name')}' was changed since the session {started.session} began: its "
            f"hash was {begun} and is {here}",
            remedy="Import the same files again under that name with --replace, or run a new session",
            session=started.session,
            begun=begun,
            here=here,
        )


async def feed_session(bus: Bus, announced: Announced, settings: Settings, instance: str, stream_seq: int) -> None:
    """Feed a session to its end, also where other programs publish under the numbers of its market data."""
    while True:
        try:
            await MarketDataShell(bus, announced, settings, instance).run(stream_seq)
        except NumberTaken:
            continue
        return


async def serve(settings: Settings, *, only: str | None = None) -> None:
    """The market data service, until it is asked to stop."""
    instance = instance_name("market_data")

    async def run_session(bus: Bus, announced: Announced, stream_seq: int) -> None:
        await feed_session(bus, announced, settings, instance, stream_seq)

    await Host(settings, "market_data", run_session, only=only).run(stop_on_signals())
