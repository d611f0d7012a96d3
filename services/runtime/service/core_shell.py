"""The shell around a core: reads its inputs from the log, publishes its outputs, and comes back after a crash.

There is one way to start, whether for the first time or after a kill:

1. take the role (ownership.py), which fences off every older process;
   a session that another engine recorded is refused here, before anything of it is folded;
2. restore the last snapshot that the log names, if any;
3. fold the inputs after it up to the own ``owned`` event, and compare each output with the stored one
   by number, id and canonical bytes: a difference stops the session with ``determinism_violation``;
4. publish the outputs that are missing: where the stream refused one of them and took later ones, a ``voided``
   names those first, and the refused one goes alone, so that a stream that refuses it again takes none behind it;
5. go on with what comes in.

Inputs are folded strictly in stream order and never handed to the core directly.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.bar_sequence import BarSequence
from live_runner.contracts.core import Core
from live_runner.contracts.engine import check_engine
from live_runner.contracts.errors import (
    DeterminismViolation,
    MessageError,
    OurFault,
    RunnerError,
    SnapshotLayout,
    SnapshotMismatch,
    TheirFault,
    VersionMismatch,
)
from live_runner.contracts.messages import (
    BarSet,
    Event,
    Incident,
    JoinDeclined,
    Joined,
    Snapshot,
    Started,
    Stopped,
    Voided,
)
from live_runner.contracts.sequence import Sequences, Tail, Verdict
from live_runner.services.runtime.config.masking import masked_values
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import canonical_event_of, event_of, last_event, manifest_of, pass_over
from live_runner.services.runtime.nats.publisher import Publisher
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.engine_facts import build_facts
from live_runner.services.runtime.service.ownership import Ownership
from live_runner.services.runtime.service.stored_snapshot import StoredSnapshot, unpack
from live_runner.services.runtime.service.voiding import publish_void

__all__ = ["CoreShell", "send_beat"]

_DEFAULT_SNAPSHOT_EVERY: Final = 5000


class CoreShell:
    """Runs one core for one session. Subclasses say which inputs it has and what surrounds it."""

    role: str
    inputs: frozenset[type[Event]]
    domains: tuple[str, ...]
    """Of the subjects that are followed: every numbered source but the core itself, whole, so that a hole shows."""
    announcement: str = ""
    """Id of the announcement that is answered."""
    last_output: type[Event]
    """After this output (or ``stopped``) the shell is done."""
    acted_on: tuple[type[Event], ...] = ()
    """Outputs by which others go on without reading every number before: they leave when those are acknowledged."""

    def __init__(self, bus: Bus, session: str, core: Core, instance: str) -> None:
        self.bus = bus
        self.session = session
        self.core = core
        self.instance = instance
        self.log = log.get(self.role).bind(session=session)
        self.progress: dict[str, Any] = {"sets": 0, "close_ns": 0}
        self.ownership: Ownership
        self._publisher: Publisher
        self._filters = subjects.of_domains(self.domains, session)
        self._numbers = Sequences({})
        self._bars = BarSequence()
        self._awaited: dict[str, int] = {}
        """By source the number that is still to come after a later one came too early."""
        self._tail = Tail()
        self._has_published = False
        self._snapshot_every = _DEFAULT_SNAPSHOT_EVERY
        self._snapshot_object = ""
        self._sets_since_snapshot = 0
        self._has_joined = False
        self._has_refused = False
        self._stored_notes: set[str] = set()
        self._ended = asyncio.Event()
        self.beside: list[asyncio.Future[Any]] = []
        """What runs beside the fold loop: the session ends with the error of any of them."""

    # -- what a subclass adds ------------------------------------------------------------------

    async def join(self) -> dict[str, Any]:
        """Facts that this role alone has, as fields of ``joined``. Raises TheirFault to refuse the session."""
        return {}

    def check(self, started: Started) -> None:
        """VersionMismatch for a session that this build cannot play."""
        check_engine(started.session, started.engine)

    async def taken(self) -> None:
        """Called once the role is taken, before recovery."""

    async def ready(self) -> None:
        """Called once after recovery, before the first new input."""

    async def folded(self, event: Event, effects: Sequence[Any], *, is_recovered: bool) -> None:
        """Called after each input, before its outputs are published."""

    def carry_out(self, effect: Any) -> None:
        """Called with each effect that is not an output, once all outputs before it have been sent."""

    # -- life ----------------------------------------------------------------------------------

    async def run(self, start_seq: int = 1) -> None:
        """Take the role, recover, and fold until the session ends. Always releases the role."""
        self.ownership = await Ownership.take(self.bus, self.session, self.role, self.instance)
        self._publisher = await self.bus.publisher(self.ownership.guard)
        beat = asyncio.create_task(self._beat())
        try:
            await self.taken()
            await self._recover(start_seq)
            if not self._ended.is_set():
                await self.ready()
                await self._follow()
            await self._publisher.flush()
            await self._send_beat()
        except (OurFault, TheirFault) as error:
            await self._give_up(error)
            raise
        finally:
            beat.cancel()
            if not self.bus.lost.done():
                await self.ownership.release()
                await self._publisher.close()

    async def _recover(self, start_seq: int) -> None:
        await self._check_manifest(start_seq)
        next_seq = max(start_seq, await self._restore_snapshot() + 1)
        produced: deque[Event] = deque()
        stored: deque[tuple[int, str, bytes]] = deque()
        first_new = self.core.seq + 1
        reader = await self.bus.reader(subjects.of_session(self.session), next_seq)
        try:
            async for message in reader:
                if message.stream_seq >= self.ownership.stream_seq:
                    break
                await self._refold(message, produced, stored, first_new)
        finally:
            await reader.close()
        if stored:
            seq, id_, _ = stored[0]
            raise DeterminismViolation(
                f"The log holds {id_} (number {seq}), which replaying its inputs does not reproduce",
                remedy=f"Run `live-runner replay {self.session}` to see the first difference",
                session=self.session,
                id=id_,
            )
        if not self._has_joined:
            await self._answer()
        if produced:
            self.log.info("missing outputs were published", count=len(produced), first=produced[0].id)
        await self._void()
        for event in produced:
            await self._publish_output(event)
        self.log.info("ready", epoch=self.ownership.epoch, core_seq=self.core.seq)

    async def _void(self) -> None:
        """Name the outputs that the stream took behind one that it refused: once, and before they come anew."""
        awaited = self._numbers.last(self.session, self.core.source) + 1
        span = self._tail.span(awaited, self.core.seq)
        if span is not None:
            await publish_void(self._publisher, self.ownership, self.role, *span)

    async def _publish_output(self, event: Event) -> None:
        """Publish the next output: the first of this process alone, and what others act on after those before it."""
        is_last = isinstance(event, (self.last_output, Stopped))
        if is_last or isinstance(event, self.acted_on):
            await self._publisher.flush()
        await self._publisher.publish(event)
        if not self._has_published:
            self._has_published = True
            await self._publisher.flush()
        if is_last:
            self._ended.set()

    async def _check_manifest(self, start_seq: int) -> None:
        """Refuse what another engine recorded: neither its snapshot nor its events are for these rules to read."""
        started = await manifest_of(self.bus, self.session)
        if started is None:
            return
        try:
            self.check(started)
        except VersionMismatch:
            await self._read_notes(start_seq)
            raise

    async def _read_notes(self, start_seq: int) -> None:
        """Which incidents this role has recorded already: each process that tries would record one more."""
        filters = [subjects.event_subject("ops.incident", self.session), subjects.owned(self.session, self.role)]
        reader = await self.bus.reader(filters, start_seq)
        try:
            async for message in reader:
                if message.stream_seq >= self.ownership.stream_seq:
                    break
                event = event_of(message)
                if isinstance(event, Incident) and event.source.startswith(f"{self.role}.shell"):
                    self._stored_notes.add(event.code + event.cause)
        finally:
            await reader.close()

    async def _refold(
        self,
        message: Message,
        produced: deque[Event],
        stored: deque[tuple[int, str, bytes]],
        first_new: int,
    ) -> None:
        # A core never sees when something was recorded: its state must be the same in every run.
        event = canonical_event_of(message)
        if event is None:
            return
        verdict = self._verdict(event, message)
        if verdict is Verdict.AHEAD and event.source == self.core.source:
            self._tail.came_early(event.seq, self._numbers.last(self.session, event.source) + 1)
        if not verdict.is_new:
            return
        if event.source == self.core.source:
            if event.seq >= first_new:
                stored.append((event.seq, event.id, codec.canonical(message.data)))
            if isinstance(event, (self.last_output, Stopped)):
                self._ended.set()
        elif isinstance(event, Voided):
            if event.role == self.role:
                self._tail.voided(event.from_seq, event.to_seq)
        elif isinstance(event, Joined | JoinDeclined):
            self._has_joined = self._has_joined or event.role == self.role
        elif isinstance(event, Incident) and event.source.startswith(f"{self.role}.shell"):
            self._stored_notes.add(event.code + event.cause)
        elif type(event) in self.inputs:
            effects = self._fold(event)
            await self.folded(event, effects, is_recovered=True)
            produced.extend(effect for effect in effects if isinstance(effect, Event))
        while produced and stored:
            _compare(self.session, produced.popleft(), *stored.popleft())

    async def _follow(self) -> None:
        # The own ``owned`` event is an input where a core asks for it, and stands behind all that was recovered.
        reader = await self.bus.reader(self._filters, self.ownership.stream_seq, self._on_message)
        ended = asyncio.ensure_future(self._ended.wait())
        waits: list[asyncio.Future[Any]] = [ended, reader.done, self._publisher.failed, self.bus.lost]
        waits += self.beside
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
        finally:
            ended.cancel()
            await reader.close()

    async def _on_message(self, message: Message) -> None:
        event = canonical_event_of(message)
        if event is None or event.source == self.core.source:
            return
        verdict = self._verdict(event, message)
        if type(event) not in self.inputs or verdict in (Verdict.AHEAD, Verdict.REFUSED):
            return
        if verdict is Verdict.REPEATED:
            await self.incident(
                "warning",
                "duplicate_event",
                f"{event.id} was delivered twice; the second was dropped",
                cause=event.id,
            )
            return
        effects = self._fold(event)
        await self.folded(event, effects, is_recovered=False)
        for effect in effects:
            if isinstance(effect, Event):
                await self._publish_output(effect)
            else:
                self.carry_out(effect)
        if isinstance(event, Stopped):
            self._ended.set()
        if isinstance(event, BarSet):
            self._sets_since_snapshot += 1
            if self._sets_since_snapshot >= self._snapshot_every:
                await self._take_snapshot(message.stream_seq)

    def _fold(self, event: Event) -> Sequence[Any]:
        if isinstance(event, Started):
            self.check(event)
            self._snapshot_every = int(event.config["limits"]["snapshot_every"])
        elif isinstance(event, BarSet):
            self.progress["sets"] += 1
            self.progress["close_ns"] = event.close_ns
        return self.core.handle(event)

    def _verdict(self, event: Event, message: Message) -> Verdict:
        """The place of the event's number. One not taken is logged, and its incident is the recorder's."""
        if event.seq == self._numbers.last(self.session, event.source) + 1:
            try:
                self._bars.refuse(event)
            except MessageError as error:
                pass_over(message.stream_seq, message.subject, error)
                return Verdict.REFUSED
        verdict = self._numbers.check(self.session, event.source, event.seq)
        if verdict.is_new:
            self._bars.follow(event)
        elif verdict is Verdict.AHEAD:
            awaited = self._numbers.last(self.session, event.source) + 1
            if self._awaited.get(event.source) != awaited:
                self._awaited[event.source] = awaited
                self.log.warning("an event comes before its number", id=event.id, awaited=awaited)
        return verdict

    # -- joining, snapshots, incidents ---------------------------------------------------------

    async def _answer(self) -> None:
        try:
            fields = await self.join()
        except RunnerError as error:
            await self._publisher.publish(self.ownership.refusal(error, announcement=self.announcement))
            await self._publisher.flush()
            self._has_refused = True
            raise
        await self._publisher.publish(
            self.ownership.note(
                Joined,
                cause=self.announcement,
                role=self.role,
                instance=self.instance,
                **fields,
                **await asyncio.to_thread(build_facts),
            )
        )

    async def _restore_snapshot(self) -> int:
        last = await last_event(self.bus, subjects.owned(self.session, self.role, "snapshot"), Snapshot)
        if last is None:
            return 0
        _, reference = last
        self._snapshot_object = reference.object
        try:
            stored = unpack(await self.bus.get_object(reference.object))
            self.core.restore(stored.core)
        except SnapshotLayout as error:  # another build's: nothing was read of it, and the log has everything
            self.log.warning("snapshot has another layout, folding the log from its start", error=str(error))
            return 0
        if self.core.seq != reference.core_seq or self.core.state_hash() != reference.state_hash:
            raise SnapshotMismatch(
                f"The snapshot {reference.object} does not fit its log (state hash {self.core.state_hash()}, "
                f"the log says {reference.state_hash})",
                remedy="Restore the NATS store from a backup in which both belong together",
                session=self.session,
                object=reference.object,
            )
        self._has_joined = True
        numbers = stored.numbers | {self.core.source: self.core.seq}
        self._numbers = Sequences({(self.session, source): seq for source, seq in numbers.items()})
        self._bars = stored.bars
        self.restored(reference)
        return reference.stream_seq

    def restored(self, reference: Snapshot) -> None:
        """Called once after a snapshot was restored."""

    async def _take_snapshot(self, stream_seq: int) -> None:
        self._sets_since_snapshot = 0
        # A snapshot promises that every output up to its number is in the log.
        await self._publisher.flush()
        data = StoredSnapshot(self.core.snapshot(), self._numbers.of(self.session), self._bars).pack()
        name = f"{self.session}/{self.role}/{stream_seq}"
        await self.bus.put_object(name, data)
        await self._publisher.publish(
            self.ownership.note(
                Snapshot,
                role=self.role,
                object=name,
                stream_seq=stream_seq,
                core_seq=self.core.seq,
                state_hash=self.core.state_hash(),
                bytes=len(data),
            )
        )
        await self._publisher.flush()
        if self._snapshot_object:
            await self.bus.delete_object(self._snapshot_object)
        self._snapshot_object = name

    async def incident(self, severity: str, code: str, message: str, *, cause: str = "", **details: Any) -> None:
        """Record and log something an operator should know; the same one of the same cause only once."""
        if code + cause in self._stored_notes:
            return
        self._stored_notes.add(code + cause)
        self.log.warning(message, code=code, severity=severity, **details)
        await self._publisher.publish(
            self.ownership.note(
                Incident,
                cause=cause,
                severity=severity,
                code=code,
                message=message,
                details=codec.portable(details),
            )
        )

    async def flush(self) -> None:
        """Wait until everything published so far is acknowledged."""
        await self._publisher.flush()

    async def _give_up(self, error: RunnerError) -> None:
        if self._publisher.error is not None or self._has_refused:
            return  # the log takes nothing from us any more, or knows already
        self.log.error(str(error), code=error.code)
        if error.code not in self._stored_notes:  # else a process before this one has said so
            await self._publisher.publish(self.ownership.fatal(error))
            await self._publisher.flush()

    # -- heartbeats ----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_EVERY_S)
            self._publisher.check_overdue()
            await self._send_beat()

    async def _send_beat(self) -> None:
        await send_beat(self.bus, self.role, self.session, self.instance, self.progress)


_BEAT_EVERY_S: Final = 0.5


async def send_beat(bus: Bus, role: str, session: str, instance: str, progress: dict[str, Any]) -> None:
    """Tell how far this role is; lost beats matter to nobody."""
    await bus.send(
        subjects.beat(role, session),
        msgspec.msgpack.encode({"role": role, "session": session, "instance": instance, **masked_values(progress)}),
    )


def _compare(session: str, produced: Event, seq: int, id_: str, stored: bytes) -> None:
    if produced.seq == seq and produced.id == id_ and codec.encode(produced) == stored:
        return
    raise DeterminismViolation(
        f"Replaying the log produced {produced.id} instead of the stored {id_} (number {seq})",
        remedy=f"Run `live-runner replay {session}` to see the difference field by field",
        session=session,
        id=id_,
        reason="determinism_violation",
    )
