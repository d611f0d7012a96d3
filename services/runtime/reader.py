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
import nats.errors
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from live_runner.contracts.errors import BusUnavailable, RunnerError
from live_runner.contracts.subjects import STREAM
from live_runner.services.runtime.nats_client import LeanClient

__all__ = ["Handler", "Message", "Reader"]

type Handler = Callable[["Message"], Awaitable[None]]

IDLE_HEARTBEAT_S: Final = 2.0
SILENCE_LIMIT_S: Final = 8.0
"""Without a message or heartbeat for so long, the consumer is made anew."""
RESTART_LIMIT: Final = 5
"""Consumers made anew in a row without a message in between, before giving up."""
QUEUE_LIMIT: Final = 4096
"""Messages that wait for ``async for``."""


class Message(msgspec.Struct, frozen=True):
    """One stored message. ``pending`` is how many more of the filters were stored when it was sent."""

    stream_seq: int
    subject: str
    data: bytes
    pending: int


class Reader:
    """Made with ``Bus.reader``. With a handler, its exception ends the reader and is in ``done``."""

    def __init__(self, client: LeanClient, filters: tuple[str, ...], start_seq: int, handler: Handler | None) -> None:
        self._client = client
        self._filters = filters
        self._next_seq = max(1, start_seq)
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(QUEUE_LIMIT)
        self._handler: Handler = handler if handler is not None else self._enqueue
        self._subscription: Subscription | None = None
        self._consumer = ""
        self._consumer_seq = 0
        self._heard = time.monotonic()
        self._restarts = 0
        self._watch: asyncio.Task[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        # Bounded by the server: it stalls until its flow control message, which stands in this queue, is answered.
        self._arrived: deque[tuple[bytes, bytes, bytes, bytes | None]] = deque()
        self._wake = asyncio.Event()
        self._error: RunnerError | None = None
        self._closed = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done.add_done_callback(lambda future: future.cancelled() or future.exception())

    async def start(self) -> None:
        """Make the consumer; BusUnavailable when the stream refuses."""
        await self._subscribe()
        self._watch = asyncio.create_task(self._watch_silence())
        self._pump = asyncio.create_task(self._handle_arrived())

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
        inbox = self._client.new_inbox()
        self._consumer_seq = 0
        config = ConsumerConfig(
            deliver_subject=inbox,
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next_seq,
            filter_subjects=list(self._filters),
            flow_control=True,
            idle_heartbeat=IDLE_HEARTBEAT_S,
            inactive_threshold=10.0,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            self._arrived.clear()
            self._subscription = await self._client.subscribe_direct(inbox, self._take)
            info = await self._client.jetstream()._jsm.add_consumer(STREAM, config)
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(
                f"The stream cannot be read: {str(error) or type(error).__name__}",
                remedy="Check that NATS runs with JetStream enabled",
            ) from error
        self._consumer = info.name
        self._heard = time.monotonic()

    def _take(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self._heard = time.monotonic()
        self._arrived.append((subject, reply, data, headers))
        self._wake.set()

    async def _handle_arrived(self) -> None:
        try:
            while not self._closed:
                if self._arrived:
                    await self._on_message(*self._arrived.popleft())
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except RunnerError as error:
            self.fail(error)
        except Exception as error:  # noqa: BLE001  # a handler's fault must end the reader, never vanish in a task
            self._closed = True
            if not self.done.done():
                self.done.set_exception(error)

    async def _on_message(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        status = await self._client.status_of(headers)
        if status is not None:
            answer = reply.decode() or status.get("Nats-Consumer-Stalled", "")
            if answer:
                await self._client.publish(answer)
            return
        tokens = reply.split(b".")
        at = 5 if len(tokens) == 9 else 7
        consumer_seq = int(tokens[at + 1])
        if consumer_seq != self._consumer_seq + 1:
            await self._again()
            return
        self._consumer_seq = consumer_seq
        self._restarts = 0
        stream_seq = int(tokens[at])
        self._next_seq = stream_seq + 1
        await self._handler(Message(stream_seq, subject.decode(), data, int(tokens[at + 3])))

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
            await self._client.unsubscribe_direct(self._subscription)
        try:
            await self._subscribe()
        except BusUnavailable as error:
            self.fail(error)

    async def _watch_silence(self) -> None:
        while not self._closed:
            await asyncio.sleep(IDLE_HEARTBEAT_S)
            if not self._closed and time.monotonic() - self._heard > SILENCE_LIMIT_S:
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
            await self._client.unsubscribe_direct(self._subscription)
        if self._client.is_closed:
            return
        if self._consumer:
            try:
                await self._client.jetstream().delete_consumer(STREAM, self._consumer)
            except (nats.errors.Error, TimeoutError):
                return  # the server drops it by itself after its inactivity threshold
