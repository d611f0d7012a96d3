"""Reads the stream in order through one push consumer with several filters, without acks.

The server pushes at our pace (flow control) and tells when it is idle (heartbeats). Each delivery
carries its consumer sequence; a hole in it makes a new consumer start after the last message seen.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
from nats import errors
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from live_runner.contracts.errors import BusUnavailable, RunnerError
from live_runner.services.runtime.nats.connection import Connection
from live_runner.services.runtime.nats.consumers import Consumers, unreadable

__all__ = ["RESTART_LIMIT", "Handler", "Message", "Reader", "is_status", "place_of"]

type Handler = Callable[["Message"], Awaitable[None]]

IDLE_HEARTBEAT_S: Final = 2.0
SILENCE_LIMIT_S: Final = 8.0
"""Without a message or heartbeat for so long, the consumer is made anew."""
RESTART_LIMIT: Final = 5
"""Consumers made anew in a row without a message in between, before giving up."""
INACTIVE_LIMIT_S: Final = 10.0
"""After which the server drops a consumer that nobody listens to."""
QUEUE_LIMIT: Final = 4096
"""Messages that wait for ``async for``."""
_VERSION_BYTES: Final = len(b"NATS/1.0")
_LINE_END: Final = 0x0D
"""Follows the version in a message that was published with headers; in a status its code does."""
_DELIVERY: Final = b"$JS.ACK."
_STALLED: Final = b"Nats-Consumer-Stalled:"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One stored message. ``pending`` is how many more of the filters were stored when it was sent."""

    stream_seq: int
    subject: str
    data: bytes
    pending: int


def is_status(reply: bytes, headers: bytes | None) -> bool:
    """Whether it is a status of the server and no message of the stream, whose headers may look like one."""
    return headers is not None and headers[_VERSION_BYTES] != _LINE_END and not reply.startswith(_DELIVERY)


def place_of(reply: bytes) -> tuple[int, int, int]:
    """Stream sequence, consumer sequence and how many more there are, from a delivery's reply subject."""
    # $JS.ACK.[domain.account.]stream.consumer.deliveries.stream_seq.consumer_seq.time.pending[.token]
    tokens = reply.split(b".")
    at = 5 if len(tokens) == 9 else 7
    return int(tokens[at]), int(tokens[at + 1]), int(tokens[at + 3])


class Reader:
    """Made with ``Bus.reader``. With a handler, its exception ends the reader and is in ``done``."""

    def __init__(
        self,
        connection: Connection,
        consumers: Consumers,
        filters: tuple[str, ...],
        start_seq: int,
        handler: Handler | None,
    ) -> None:
        self._connection = connection
        self._consumers = consumers
        self._loop = asyncio.get_running_loop()
        self._filters = filters
        self._next_seq = max(1, start_seq)
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_LIMIT)
        self._handler: Handler = handler if handler is not None else self._enqueue
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._consumer_seq = 0
        self._received_at = time.monotonic()
        self._restarts = 0
        self._watch: asyncio.Task[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        # Bounded by the server: it stalls until its flow control message, which stands in this queue, is answered.
        self._arrived: deque[tuple[bytes, bytes, bytes, bytes | None]] = deque()
        self._is_handling = False
        self._error: RunnerError | None = None
        self._closed = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done.add_done_callback(lambda future: future.cancelled() or future.exception())

    async def start(self) -> None:
        """Make the consumer; BusUnavailable when the stream refuses."""
        await self._subscribe()
        self._watch = asyncio.create_task(self._watch_silence())

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        message = await self._queue.get()
        if message is None:
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration
        return message

    async def _enqueue(self, message: Message) -> None:
        await self._queue.put(message)

    async def _subscribe(self) -> None:
        inbox = self._connection.new_inbox()
        self._consumer_seq = 0
        config = ConsumerConfig(
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next_seq,
            filter_subjects=list(self._filters),
            flow_control=True,
            idle_heartbeat=IDLE_HEARTBEAT_S,
            inactive_threshold=INACTIVE_LIMIT_S,
            mem_storage=True,
            num_replicas=1,
        )
        self._arrived.clear()
        try:
            self._subscription = await self._connection.subscribe_direct(inbox, self._take)
        except (OSError, errors.Error) as error:
            raise unreadable(error) from error
        self._consumer = await self._consumers.make(config)
        self._received_at = time.monotonic()

    def _take(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self._received_at = time.monotonic()
        self._arrived.append((subject, reply, data, headers))
        if not self._is_handling and not self._closed:
            # Begun here and now: a handler that need not wait is done before the next message is even read.
            self._pump = asyncio.Task(self._handle_arrived(), loop=self._loop, eager_start=True)

    async def _handle_arrived(self) -> None:
        self._is_handling = True
        try:
            while self._arrived and not self._closed:
                await self._on_message(*self._arrived.popleft())
        except RunnerError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001  # a handler's fault must end the reader, never vanish in a task
            self._closed = True
            if not self.done.done():
                self.done.set_exception(error)
        finally:
            self._is_handling = False

    async def _on_message(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if is_status(reply, headers):
            self._on_status(reply, headers or b"")
            return
        stream_seq, consumer_seq, pending = place_of(reply)
        if consumer_seq != self._consumer_seq + 1:
            await self._again()
            return
        self._consumer_seq = consumer_seq
        self._restarts = 0
        self._next_seq = stream_seq + 1
        await self._handler(Message(stream_seq, subject.decode(errors="replace"), data, pending))

    def _on_status(self, reply: bytes, headers: bytes) -> None:
        """Answer flow control, in its place after the messages before it; the server sends on after that."""
        if not reply and _STALLED in headers:
            reply = headers.partition(_STALLED)[2].partition(b"\r\n")[0].strip()
        if reply and self._connection.is_open:
            self._connection.publish_direct(reply, b"")

    async def _again(self) -> None:
        self._restarts += 1
        if self._restarts > RESTART_LIMIT:
            self.fail(
                BusUnavailable(
                    f"The stream skipped messages {RESTART_LIMIT} times in a row",
                    remedy="Look at the NATS server's log",
                )
            )
            return
        if self._subscription is not None:
            await self._connection.end_subscription(self._subscription)
        try:
            await self._subscribe()
        except BusUnavailable as error:
            self.fail(error)

    async def _watch_silence(self) -> None:
        while not self._closed:
            await asyncio.sleep(IDLE_HEARTBEAT_S)
            if not self._closed and time.monotonic() - self._received_at > SILENCE_LIMIT_S:
                await self._again()

    def fail(self, error: RunnerError | None) -> None:
        """End the reader: with an error, or quietly."""
        if self._closed:
            return
        self._closed = True
        self._error = error
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
        if self._watch is not None and self._watch is not asyncio.current_task():
            self._watch.cancel()
        if self._pump is not None and self._pump is not asyncio.current_task():
            self._pump.cancel()
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def close(self) -> None:
        """Stop reading and drop the consumer."""
        self.fail(None)
        if self._subscription is not None:
            await self._connection.end_subscription(self._subscription)
        if self._consumer and self._connection.is_open:
            await self._consumers.drop(self._consumer)
