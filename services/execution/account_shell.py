"""The shell of an account: reads what its sessions publish, logs what its limits do, and sends their commands.

The account has a log of its own, named after it, with an owner like any role (ownership.py). There is one way to
start: take the role, restore the last snapshot, fold what the log has of the account's sessions since then, compare
each output with the stored one, and publish what is missing. A command is sent to the execution of its session until
the session's log has it; there the same command of the same trip is logged once, however often it arrives.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import (
    CommandRefused,
    DeterminismViolation,
    OurFault,
    OwnershipLost,
    RunnerError,
    ServiceUnavailable,
    SnapshotLayout,
    SnapshotMismatch,
    TheirFault,
)
from live_runner.contracts.messages import Command, Event, Owned, Snapshot
from live_runner.contracts.vocabulary import RISK_AUTHOR
from live_runner.services.execution.command import CommandAnswer, read_request
from live_runner.services.execution.core.account import OF_A_SESSION, AccountCore, OwedCommand, author_of
from live_runner.services.runtime.config.masking import masked
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import canonical_event_of, last_event
from live_runner.services.runtime.nats.publisher import Publisher
from live_runner.services.runtime.nats.reader import Message
from live_runner.services.runtime.service import log
from live_runner.services.runtime.service.core_shell import send_beat
from live_runner.services.runtime.service.ownership import Ownership

__all__ = ["ROLE", "AccountShell", "input_filters"]

ROLE: Final = "account"
SNAPSHOT_EVERY: Final = 5000
"""Inputs between two snapshots; each session that joins or ends makes one, too."""
BEAT_EVERY_S: Final = 0.5
ANSWER_LIMIT_S: Final = 1.0
"""An execution that lives logs a command in less; nobody else waits longer for one that does not."""
SEND_EVERY_S: Final = 0.5
"""Between two attempts at a command, for as long as its session is under way and has not taken it."""

_OF_ALL: Final = ("session.started", "session.stopped")


def input_filters(account: str, sessions: Sequence[str]) -> tuple[str, ...]:
    """Subjects of an account's inputs and outputs while these sessions of it are under way."""
    mine = (*subjects.of_domains(("account", "ops"), account), subjects.owned(account, ROLE))
    theirs = [filter_ for session in sessions for type_ in OF_A_SESSION for filter_ in subjects.of_type(type_, session)]
    return (*mine, *(filter_ for type_ in _OF_ALL for filter_ in subjects.of_type(type_)), *theirs)


class AccountShell:
    """Runs the core of one account until it is cancelled or its role is taken."""

    def __init__(self, bus: Bus, account: str, instance: str) -> None:
        self.bus = bus
        self.account = account
        self.instance = instance
        self.core = AccountCore(account)
        self.log = log.get(ROLE).bind(account=account)
        self.is_ready = False
        """Whether it has recovered and follows its log."""
        self.ownership: Ownership
        self._publisher: Publisher
        self._next_seq = 1
        self._since_snapshot = 0
        self._snapshot_object = ""
        self._produced: deque[Event] = deque()
        self._stored: deque[tuple[int, str, bytes]] = deque()
        self._changed = asyncio.Event()
        """Set when something was folded."""
        self._accepted: dict[str, tuple[OwedCommand, float]] = {}
        """By session the command that it has accepted and when: its log has it, and it will be folded from there."""
        self._refused: dict[str, tuple[OwedCommand, str]] = {}
        """By session the command that was not taken and why, as it was logged last."""

    async def run(self) -> None:
        """Take the role, recover, and go on. Never returns; always releases the role."""
        self.ownership = await Ownership.take(self.bus, self.account, ROLE, self.instance)
        self._publisher = await self.bus.publisher(self.ownership.guard)
        undo: Callable[[], Awaitable[None]] | None = None
        try:
            await self._recover()
            undo = await self.bus.on(subjects.command("*", self.account), self._on_command)
            await self._go_on()
        except (OurFault, TheirFault) as error:
            await self._give_up(error)
            raise
        finally:
            if not self.bus.lost.done():
                if undo is not None:
                    await undo()
                await self.ownership.release()
                await self._publisher.close()

    async def left(self, session: str) -> None:
        """Wait until the end of a session is folded."""
        while session in self.core.sessions:
            self._changed.clear()
            await self._changed.wait()

    # -- recovery -------------------------------------------------------------------------------

    async def _recover(self) -> None:
        await self._restore_snapshot()
        first_new, first_seq = self.core.seq + 1, self._next_seq
        await self._read(lambda message, event: self._refold(message, event, first_new), self.ownership.stream_seq)
        if self._stored:
            raise self._differs(*self._stored[0][:2])
        if self._produced:
            self.log.info("missing outputs were published", count=len(self._produced), first=self._produced[0].id)
        while self._produced:
            await self._publish(self._produced.popleft())
        if self._next_seq > first_seq:
            await self._take_snapshot(self._next_seq - 1)  # the stream keeps what follows it
        self.is_ready = True
        self.log.info("ready", epoch=self.ownership.epoch, sessions=self.core.sessions, tripped=self.core.tripped)

    async def _restore_snapshot(self) -> None:
        last = await last_event(self.bus, subjects.owned(self.account, ROLE, "snapshot"), Snapshot)
        if last is None:
            return
        _, reference = last
        self._snapshot_object = reference.object
        try:
            self.core.restore(await self.bus.get_object(reference.object))
        except SnapshotLayout as error:  # another build's: nothing was read of it, and the log has everything
            self.log.warning("snapshot has another layout, folding the log from its start", error=str(error))
            return
        if self.core.seq != reference.core_seq or self.core.state_hash() != reference.state_hash:
            raise SnapshotMismatch(
                f"The snapshot {reference.object} does not fit its log",
                remedy="Restore the NATS store from a backup in which both belong together",
                session=self.account,
                object=reference.object,
            )
        self._next_seq = reference.stream_seq + 1

    async def _refold(self, message: Message, event: Event, first_new: int) -> None:
        if self._is_own(event):
            if event.seq >= first_new:
                self._stored.append((event.seq, event.id, codec.canonical(message.data)))
        else:
            self._produced.extend(self.core.handle(event))
        while self._produced and self._stored:
            made, (seq, id_, stored) = self._produced.popleft(), self._stored.popleft()
            if (made.seq, made.id) != (seq, id_) or codec.encode(made) != stored:
                raise self._differs(seq, id_)

    def _differs(self, seq: int, id_: str) -> DeterminismViolation:
        return DeterminismViolation(
            f"The log holds {id_} (number {seq}), which folding the account's inputs does not reproduce",
            remedy=f"Run `live-runner replay {self.account}` to see the first difference",
            session=self.account,
            id=id_,
        )

    # -- following ------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Fold what comes and send what is owed, until either fails."""
        tasks = {asyncio.ensure_future(work) for work in (self._read(self._on_event), self._send_owed(), self._beat())}
        try:
            done, _ = await asyncio.wait({*tasks, self._publisher.failed}, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                future.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read(self, take: Callable[[Message, Event], Awaitable[None]], end_seq: int = 0) -> None:
        """Every input in stream order, up to ``end_seq`` if there is one.

        A session that joins or ends changes what is asked for: from the next message on, so that none is missed.
        """
        while True:
            sessions = self.core.sessions
            reader = await self.bus.reader(input_filters(self.account, sessions), self._next_seq)
            try:
                async for message in reader:
                    if end_seq and message.stream_seq >= end_seq:
                        return
                    self._next_seq = message.stream_seq + 1
                    event = canonical_event_of(message)
                    if event is not None:
                        await take(message, event)
                    if self.core.sessions != sessions:
                        break
                else:
                    return  # the connection is being closed
            finally:
                await reader.close()

    async def _on_event(self, message: Message, event: Event) -> None:
        if (
            isinstance(event, Owned)
            and event.session == self.account
            and message.stream_seq > self.ownership.stream_seq
        ):
            raise OwnershipLost(
                f"The account {self.account} has another owner now",
                remedy="Nothing to do: the other process goes on with it",
                subject=self.ownership.guard.subject,
            )
        if self._is_own(event):
            return
        sessions = self.core.sessions
        for made in self.core.handle(event):
            self.log.warning("a limit of the account", **msgspec.to_builtins(made))
            await self._publish(made)
        self._since_snapshot += 1
        for session in set(sessions) - set(self.core.sessions):
            self._accepted.pop(session, None)
            self._refused.pop(session, None)
        if self._since_snapshot >= SNAPSHOT_EVERY or self.core.sessions != sessions:
            await self._take_snapshot(message.stream_seq)
        self._changed.set()

    def _is_own(self, event: Event) -> bool:
        return event.session == self.account and event.source == self.core.source

    async def _publish(self, event: Event) -> None:
        # One at a time: a stream that refuses one has no later one of ours behind it.
        await self._publisher.publish(event)
        await self._publisher.flush()

    async def _take_snapshot(self, stream_seq: int) -> None:
        self._since_snapshot = 0
        data = self.core.snapshot()
        name = f"{self.account}/{ROLE}/{stream_seq}"
        await self.bus.put_object(name, data)
        reference = self.ownership.note(
            Snapshot,
            role=ROLE,
            object=name,
            stream_seq=stream_seq,
            core_seq=self.core.seq,
            state_hash=self.core.state_hash(),
            bytes=len(data),
        )
        await self._publish(reference)
        if self._snapshot_object and self._snapshot_object != name:
            await self.bus.delete_object(self._snapshot_object)
        self._snapshot_object = name

    async def _give_up(self, error: RunnerError) -> None:
        self.log.error(str(error), code=error.code)
        if self._publisher.error is None and not isinstance(error, OwnershipLost):
            await self._publish(self.ownership.fatal(error))

    async def _beat(self) -> None:
        while True:
            self._publisher.check_overdue()
            facts = {
                "sessions": list(self.core.sessions),
                "profit": self.core.profit,
                "gate": self.core.trading,
                "limits": msgspec.to_builtins(self.core.levels),
            }
            await send_beat(self.bus, ROLE, self.account, self.instance, facts)
            await asyncio.sleep(BEAT_EVERY_S)

    # -- commands -------------------------------------------------------------------------------

    async def _send_owed(self) -> None:
        """Send each session the command that it is owed, again and again until its log has it."""
        while True:
            self._changed.clear()
            owed = dict(self.core.owed)
            if owed:
                await asyncio.gather(*(self._send(session, command) for session, command in owed.items()))
            try:
                async with asyncio.timeout(SEND_EVERY_S if owed else None):
                    while dict(self.core.owed) == owed:
                        await self._changed.wait()
                        self._changed.clear()
            except TimeoutError:
                continue

    async def _send(self, session: str, owed: OwedCommand) -> None:
        accepted, at_s = self._accepted.get(session, (None, 0.0))
        if accepted == owed and time.monotonic() - at_s < SEND_EVERY_S:
            return
        body = {"author": author_of(self.account), "reason": owed.reason, "cause": owed.cause}
        try:
            reply = await self.bus.request(
                subjects.command(owed.command, session), msgspec.msgpack.encode(body), timeout_s=ANSWER_LIMIT_S
            )
            answer = msgspec.msgpack.decode(reply, type=CommandAnswer)
            why = "" if answer.accepted else answer.message
            if answer.accepted:
                self._accepted[session] = (owed, time.monotonic())
        except ServiceUnavailable as error:
            why = str(error)
        if why and self._refused.get(session) != (owed, why):
            self._refused[session] = (owed, why)
            self.log.warning("a command is not taken yet", to=session, command=owed.command, reason=why)

    async def _on_command(self, subject: str, data: bytes) -> bytes:
        """An operator's command to the account: ``resume`` resets its limits."""
        name = subject.split(".")[2]
        try:
            answer = CommandAnswer(True, id=await self._accept(name, data))
        except RunnerError as error:
            answer = CommandAnswer(False, message=masked(str(error)))
        return msgspec.msgpack.encode(answer)

    async def _accept(self, name: str, data: bytes) -> str:
        if name != "resume":
            raise CommandRefused(
                f"{self.account} is an account, which takes no {name}",
                remedy=f"Give it to each session: {', '.join(self.core.sessions) or 'none is under way'}",
            )
        request = read_request(name, data)
        if request.author.startswith(RISK_AUTHOR):
            raise CommandRefused(f"'{request.author}' is not a valid author of an operator's command")
        fields: dict[str, Any] = {"command": name, "author": request.author, "reason": request.reason}
        # Time in a simulated market is the market's, as in the commands of a session.
        command = self.ownership.note(Command, event_ns=self.core.now_ns, **fields)
        await self._publish(command)
        return command.id
