"""Reads the stream in order and in bulk, for a reader that may be some milliseconds late.

Delivering a message as soon as it is stored costs the server and the reader a wakeup each, thousands a
second at full speed. Here the reader asks: for one message, when nothing has come for a while, and
then, every ``GATHER_S``, for all there is. The server answers in one piece.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from nats import errors
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from live_runner.contracts.errors import BusUnavailable, RunnerError
from live_runner.contracts.subjects import STREAM
from live_runner.services.runtime.nats.connection import Connection
from live_runner.services.runtime.nats.consumers import Consumers, unreadable
from live_runner.services.runtime.nats.reader import RESTART_LIMIT, Handler, Message, is_status, place_of

__all__ = ["GATHER_S", "BulkReader"]

GATHER_S: Final = 0.01
"""Between two questions while messages come: how long the first of them waits for company."""
BATCH_MESSAGES: Final = 1_000
BATCH_BYTES: Final = 32 * 1024 * 1024
WAIT_S: Final = 4.0
"""For so long the server holds the question for one message."""
ANSWER_LIMIT_S: Final = 4.0
"""Beyond that; without an answer the consumer is made anew."""
INACTIVE_LIMIT_S: Final = 30.0
"""After which the server drops a consumer that asks for nothing."""
_NO_MORE: Final = (b"404", b"408")
_BATCH_IS_FULL: Final = (b"Batch Completed", b"Message Size Exceeds MaxBytes")
_STATUS_AT: Final = len(b"NATS/1.0 ")


class BulkReader:
    """Made with ``Bus.bulk_reader``. The handler's exception ends the reader and is in ``done``."""

    def __init__(
        self,
        connection: Connection,
        consumers: Consumers,
        api: str,
        filters: tuple[str, ...],
        start_seq: int,
        handler: Handler,
    ) -> None:
        """``api`` is the prefix of JetStream's subjects."""
        self._connection = connection
        self._consumers = consumers
        self._api = api
        self._filters = filters
        self._next_seq = max(1, start_seq)
        self._handler = handler
        self._inbox = b""
        self._subscription: Subscription | None = None
        self._subject = b""
        """Where the consumer is asked."""
        self._consumer = ""
        self._consumer_seq = 0
        self._questions = 0
        self._question = b""
        """Where the last question is answered."""
        self._expected = 0
        self._restarts = 0
        self._arrived: list[Message] = []
        self._pending = 0
        self._is_broken = False
        self._answered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done.add_done_callback(lambda future: future.cancelled() or future.exception())

    async def start(self) -> None:
        """Make the consumer; BusUnavailable when the stream refuses."""
        await self._subscribe()
        self._task = asyncio.create_task(self._run())

    async def _subscribe(self) -> None:
        self._inbox = self._connection.new_inbox().encode()
        self._arrived.clear()
        self._consumer_seq = self._pending = 0
        self._is_broken = False
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next_seq,
            filter_subjects=list(self._filters),
            inactive_threshold=INACTIVE_LIMIT_S,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            self._subscription = await self._connection.subscribe_direct(f"{self._inbox.decode()}.*", self._take)
        except (OSError, errors.Error) as error:
            raise unreadable(error) from error
        self._consumer = await self._consumers.make(config)
        self._subject = f"{self._api}.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer}".encode()

    def _take(self, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if is_status(reply, headers):
            if subject == self._question:
                self._end_of_answer(headers or b"")
            return
        stream_seq, consumer_seq, pending = place_of(reply)
        if consumer_seq != self._consumer_seq + 1:
            self._is_broken = True
            self._answered.set()
            return
        self._consumer_seq = consumer_seq
        self._pending = pending
        self._arrived.append(Message(stream_seq, subject.decode(errors="replace"), data, pending))
        if pending == 0 or len(self._arrived) >= self._expected:
            self._answered.set()

    def _end_of_answer(self, status: bytes) -> None:
        """The end of an answer; anything else is the end of the consumer."""
        if status[_STATUS_AT : _STATUS_AT + 3] in _NO_MORE:
            self._pending = 0
        elif not any(words in status for words in _BATCH_IS_FULL):
            self._is_broken = True
        self._answered.set()

    # -- asking --------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                self._ask(1, expires=int(WAIT_S * 1e9))
                await self._answer(WAIT_S + ANSWER_LIMIT_S)
                if self._arrived:
                    await self._follow()
        except RunnerError as error:
            self.fail(error)
        except (OSError, errors.Error) as error:
            self.fail(BusUnavailable(f"The stream cannot be read: {error}", remedy="The service starts anew"))
        except Exception as error:  # noqa: BLE001  # a handler's fault must end the reader, never vanish in a task
            if not self.done.done():
                self.done.set_exception(error)

    async def _follow(self) -> None:
        """Read on from the first message until no more come."""
        await self._gather()
        while self._arrived:
            messages, self._arrived = self._arrived, []
            is_behind = self._pending > 0
            if is_behind:
                # The server packs the next answer while this one is handled.
                self._ask(BATCH_MESSAGES, max_bytes=BATCH_BYTES, no_wait=True)
            for message in messages:
                self._next_seq = message.stream_seq + 1
                await self._handler(message)
            if is_behind:
                await self._answer(ANSWER_LIMIT_S)
            else:
                await self._gather()

    async def _gather(self) -> None:
        await asyncio.sleep(GATHER_S)
        self._ask(BATCH_MESSAGES, max_bytes=BATCH_BYTES, no_wait=True)
        await self._answer(ANSWER_LIMIT_S)

    def _ask(self, batch: int, **how: Any) -> None:
        self._questions += 1
        self._question = b"%b.%d" % (self._inbox, self._questions)
        self._expected = len(self._arrived) + batch
        self._answered.clear()
        body = msgspec.json.encode({"batch": batch, **how})
        self._connection.publish_direct(self._subject, body, self._question)

    async def _answer(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self._answered.wait()
        except TimeoutError:
            self._is_broken = True
        if self._is_broken:
            await self._again()
        elif self._arrived:
            self._restarts = 0

    async def _again(self) -> None:
        """A new consumer, after the last message that was handed over."""
        self._restarts += 1
        if self._restarts > RESTART_LIMIT:
            raise BusUnavailable(
                f"The stream skipped messages or fell silent {RESTART_LIMIT} times in a row",
                remedy="Look at the NATS server's log",
            )
        await self._drop()
        await self._subscribe()

    async def _drop(self) -> None:
        if self._subscription is not None:
            await self._connection.end_subscription(self._subscription)
        if self._consumer and self._connection.is_open:
            await self._consumers.drop(self._consumer)

    def fail(self, error: RunnerError | None) -> None:
        """End the reader: with an error, or quietly."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def close(self) -> None:
        """Stop reading and drop the consumer."""
        self.fail(None)
        if self._task is not None:
            self._task.cancel()
        await self._drop()
