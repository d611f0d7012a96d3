"""One bounded window for publishing in order, with one reply inbox.

Messages of one session leave in order on one connection; up to ``WINDOW`` of them wait for their
acknowledgement. The first error acknowledgement fails the publisher: nothing is sent after it. What was under
way by then may still be taken, so the stream can hold later messages without the refused one (contracts/sequence.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any, Final

import msgspec
from nats import errors
from nats.aio.subscription import Subscription

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, MessageError, OwnershipLost, RunnerError
from live_runner.contracts.messages import Event
from live_runner.contracts.sequence import IN_FLIGHT_MAX
from live_runner.services.runtime.nats.connection import Connection, header_block

__all__ = [
    "ACK_TIMEOUT_S",
    "GUARD_SUBJECT",
    "WINDOW",
    "WRONG_LAST_SEQUENCE",
    "Guard",
    "Publisher",
    "StreamFull",
    "check_size",
    "refusal",
]

WINDOW: Final = IN_FLIGHT_MAX
"""Messages that may wait for their acknowledgement."""
ACK_TIMEOUT_S: Final = 10.0
WRONG_LAST_SEQUENCE: Final = 10071
"""The server's error code for a condition that no longer holds."""
GUARD_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence-Subject"
"""The header that names the subject of a guard."""
_NO_ROOM: Final = (10023, 10047, 10077)
"""Insufficient resources, insufficient storage, store failed (a size limit reached, or a disk that is full)."""


class StreamFull(BusUnavailable):
    """The stream has no room: what it refused had no effect, and what it accepted is kept."""


class Guard(msgspec.Struct, frozen=True):
    """The condition of every publish: the last message on ``subject`` still has sequence ``seq``."""

    subject: str
    seq: int

    def headers(self) -> dict[str, str]:
        """The header that makes the server check it."""
        return {
            "Nats-Expected-Last-Subject-Sequence": str(self.seq),
            GUARD_SUBJECT: self.subject,
        }


_STAMP_BYTES: Final = 8
"""More than the canonical bytes have, for the time of publishing."""
SUBJECT_SHOWN_MAX: Final = 200


class _Ack(msgspec.Struct):
    seq: int = 0
    error: dict[str, Any] | None = None


_ack_decoder: Final = msgspec.json.Decoder(_Ack)


class Publisher:
    """Publishes events in order. Make it with ``Bus.publisher``."""

    def __init__(self, connection: Connection, guard: Guard | None) -> None:
        self._connection = connection
        self._guard = guard
        self._block = header_block(guard.headers()) if guard else b""
        self._inbox = connection.new_inbox().encode()
        self._sent = 0
        self._acknowledged = 0
        self._sent_at: deque[float] = deque()
        self._changed = asyncio.Event()
        self._in_line = 0
        self._turn = asyncio.Lock()
        self._awaited: deque[tuple[int, asyncio.Future[int]]] = deque()
        self._subscription: Subscription | None = None
        self.error: RunnerError | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failed.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.last_stream_seq = 0

    @classmethod
    async def open(cls, connection: Connection, guard: Guard | None) -> Publisher:
        """A publisher whose inbox is subscribed."""
        publisher = cls(connection, guard)
        inbox = f"{publisher._inbox.decode()}.*"
        publisher._subscription = await connection.subscribe_direct(inbox, publisher._on_ack)
        return publisher

    async def publish(self, event: Event) -> None:
        """Send an event; waits only while the window is full. Raises what made the publisher fail."""
        await self.publish_bytes(subjects.of(event), codec.encode(event))

    async def publish_bytes(self, subject: str, canonical: bytes) -> None:
        """The same for canonical bytes."""
        if self.error is not None:
            raise self.error
        check_size(subject, len(canonical) + _STAMP_BYTES + len(self._block), self._connection.max_payload)
        if self._in_line or self._sent - self._acknowledged >= WINDOW:
            await self._wait_in_line()
        self._sent += 1
        self._sent_at.append(time.monotonic())
        data = codec.stamp(canonical, time.time_ns())
        try:
            self._connection.publish_direct(subject.encode(), data, b"%b.%d" % (self._inbox, self._sent), self._block)
            if self._connection.is_congested:
                await self._connection.writable()
        except (OSError, errors.Error) as error:
            raise BusUnavailable(
                "The connection to NATS is closed", remedy="The service starts anew from the log"
            ) from error

    async def _wait_in_line(self) -> None:
        """Wait for the window to open; who came first goes first, also before whoever comes as it opens."""
        self._in_line += 1
        try:
            async with self._turn:
                while self._sent - self._acknowledged >= WINDOW:
                    await self._wait("the window to open")
        finally:
            self._in_line -= 1

    def acknowledgement(self) -> asyncio.Future[int]:
        """Place in the stream of what was sent last, once it is acknowledged; fails as the publisher does."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.error is not None:
            future.set_exception(self.error)
        elif self._acknowledged == self._sent:
            future.set_result(self.last_stream_seq)
        else:
            self._awaited.append((self._sent, future))
        return future

    async def flush(self) -> None:
        """Wait until everything sent so far is acknowledged."""
        target = self._sent
        while self._acknowledged < target:
            await self._wait("acknowledgements")
        if self.error is not None:
            raise self.error

    async def _wait(self, what: str) -> None:
        if self.error is not None:
            raise self.error
        self._changed.clear()
        try:
            async with asyncio.timeout(ACK_TIMEOUT_S):
                await self._changed.wait()
        except TimeoutError:
            self.fail(
                BusUnavailable(
                    f"Waited {ACK_TIMEOUT_S:g} s for {what}; {self._sent - self._acknowledged} are missing",
                    remedy="Check that NATS runs and has space left",
                )
            )
        if self.error is not None:
            raise self.error

    def check_overdue(self) -> None:
        """Fail when the oldest unacknowledged message has waited longer than ``ACK_TIMEOUT_S``."""
        if self._sent_at and time.monotonic() - self._sent_at[0] > ACK_TIMEOUT_S:
            self.fail(
                BusUnavailable(
                    f"NATS has not acknowledged a message for {ACK_TIMEOUT_S:g} s",
                    remedy="Check that NATS runs and has space left",
                )
            )

    def fail(self, error: RunnerError) -> None:
        """Give up: every waiting and later publish raises ``error``."""
        if self.error is None:
            self.error = error
            if not self.failed.done():
                self.failed.set_exception(error)
            while self._awaited:
                _, future = self._awaited.popleft()
                if not future.done():
                    future.set_exception(error)
            self._changed.set()

    async def close(self) -> None:
        """Release the inbox."""
        if not self.failed.done():
            self.failed.cancel()
        if self._subscription is not None:
            await self._connection.end_subscription(self._subscription)

    def _on_ack(self, _subject: bytes, _reply: bytes, data: bytes, headers: bytes | None) -> None:
        if headers:
            # An acknowledgement has none; "no responders" has nothing else.
            self.fail(BusUnavailable("No stream takes our messages", remedy="Check that JetStream is enabled"))
            return
        ack = _ack_decoder.decode(data)
        if ack.error is not None:
            self.fail(self._refusal(ack.error))
            return
        self._acknowledged += 1
        self._sent_at.popleft()
        self.last_stream_seq = ack.seq
        while self._awaited and self._awaited[0][0] <= self._acknowledged:
            _, future = self._awaited.popleft()
            if not future.done():
                future.set_result(ack.seq)
        self._changed.set()

    def _refusal(self, error: dict[str, Any]) -> RunnerError:
        description = str(error.get("description", error))
        if error.get("err_code") == WRONG_LAST_SEQUENCE and self._guard is not None:
            return OwnershipLost(
                f"{self._guard.subject} has another owner now",
                remedy="Nothing to do: the other process goes on with this session",
                subject=self._guard.subject,
            )
        return refusal("The stream refused a message", int(error.get("err_code", 0)), description)


def check_size(subject: str, size: int, limit: int) -> None:
    """MessageError for a message that NATS would not take: it ends the connection of whoever sends it."""
    if size > limit:
        raise MessageError(
            f"A message of {size} bytes on {subject[:SUBJECT_SHOWN_MAX]} is larger than the {limit} that NATS takes",
            remedy="Return fewer intents at once, or raise max_payload of NATS",
            subject=subject[:SUBJECT_SHOWN_MAX],
            size=size,
            limit=limit,
        )


def refusal(what: str, code: int, description: str) -> BusUnavailable:
    """The error for the stream's refusal: no room, or something else."""
    kind = StreamFull if code in _NO_ROOM else BusUnavailable
    return kind(
        f"{what}: {description}",
        remedy=f"Free space on the disk of NATS, or raise the limit of its stream {subjects.STREAM}",
        description=description,
    )
