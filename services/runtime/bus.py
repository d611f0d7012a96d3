"""The connection to NATS JetStream: the log that carries everything.

Crash-only: there is no silent reconnect. When the connection is lost, everything that uses this bus
raises BusUnavailable, and the service starts anew from the log on a new connection (hosting.py). So
there is one way back after a kill, a network cut and a restart of the server, and it is tested daily.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import (
    DiscardPolicy,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, ServiceUnavailable, SnapshotMismatch
from live_runner.contracts.messages import Event
from live_runner.services.runtime.nats_client import LeanClient
from live_runner.services.runtime.publisher import WRONG_LAST_SEQUENCE, Guard, Publisher, refusal
from live_runner.services.runtime.reader import Handler, Reader

__all__ = ["Bus", "LogState"]

CONNECT_TIMEOUT_S: Final = 2.0
REQUEST_TIMEOUT_S: Final = 5.0
PENDING_BYTES: Final = 64 * 1024 * 1024
SNAPSHOT_BUCKET: Final = "SNAPSHOTS"
DEFAULT_MAX_BYTES: Final = 4 * 1024**3


class LogState:
    """Where the stream begins and ends. ``epoch`` is its creation time: another epoch is another log."""

    __slots__ = ("bytes", "epoch", "first_seq", "last_seq", "max_bytes")

    def __init__(self, epoch: str, first_seq: int, last_seq: int, bytes: int, max_bytes: int) -> None:
        self.epoch = epoch
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.bytes = bytes
        self.max_bytes = max_bytes

    def bytes_after(self, stream_seq: int) -> float:
        """About how many bytes follow a message, at the mean size of those stored."""
        stored = self.last_seq - self.first_seq + 1
        return max(0, self.last_seq - stream_seq) * self.bytes / stored if stored > 0 else 0.0


class Bus:
    """One connection. Make it with ``connect``."""

    def __init__(self, client: LeanClient) -> None:
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream(timeout=REQUEST_TIMEOUT_S)
        # Of whoever still holds them: a service that hosts sessions for months keeps none of those that are over.
        self._publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost.add_done_callback(lambda future: future.cancelled() or future.exception())

    @classmethod
    async def connect(cls, url: str, *, token: str = "", name: str = "live-runner", wait_s: float = 0.0) -> Bus:
        """Connect, trying again for up to ``wait_s`` seconds; BusUnavailable after that."""
        deadline = time.monotonic() + wait_s
        bus: Bus | None = None

        async def on_closed() -> None:
            if bus is not None:
                bus._lose("the connection to NATS was closed")

        async def on_error(error: Exception) -> None:
            # Slow consumers and permission errors arrive here and nowhere else.
            if bus is not None:
                bus._lose(f"NATS reported {type(error).__name__}: {error}")

        while True:
            client = LeanClient()
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await client.connect(
                        url,
                        token=token or None,
                        name=name,
                        allow_reconnect=False,
                        max_reconnect_attempts=1,
                        reconnect_time_wait=0,
                        pending_size=PENDING_BYTES,
                        closed_cb=on_closed,
                        disconnected_cb=on_closed,
                        error_cb=on_error,
                    )
                break
            except (OSError, nats.errors.Error, TimeoutError) as error:
                client.release()
                await asyncio.sleep(0)  # the transport closes in the loop's next turn
                if time.monotonic() >= deadline:
                    raise BusUnavailable(
                        f"NATS at {_without_secrets(url)} does not answer: {str(error) or type(error).__name__}",
                        remedy="Start it, or set NATS_URL (and NATS_TOKEN) to one that runs",
                        url=_without_secrets(url),
                    ) from error
                await asyncio.sleep(0.1)
        bus = cls(client)
        return bus

    def _lose(self, why: str) -> None:
        if self.lost.done():
            return
        error = BusUnavailable(
            why[0].upper() + why[1:], remedy="The service starts anew from the log once NATS is back"
        )
        self.lost.set_exception(error)
        for publisher in list(self._publishers):
            publisher.fail(error)
        for reader in list(self._readers):
            reader.fail(error)

    # -- the stream ----------------------------------------------------------------------------

    async def ensure_stream(self, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Make the stream and the snapshot store, unless they are there."""
        config = StreamConfig(
            name=subjects.STREAM,
            subjects=list(subjects.STREAM_SUBJECTS),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=max_bytes,
            allow_direct=True,
        )
        try:
            try:
                await self._jetstream.stream_info(subjects.STREAM)
            except nats.js.errors.NotFoundError:
                await self._jetstream.add_stream(config)
            try:
                await self._jetstream.object_store(SNAPSHOT_BUCKET)
            except nats.js.errors.NotFoundError:
                await self._jetstream.create_object_store(SNAPSHOT_BUCKET, config=ObjectStoreConfig())
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused("The stream cannot be made", error) from error

    async def log_state(self) -> LogState:
        """Epoch, first and last sequence, and size of the stream."""
        try:
            # The typed client drops the creation time, which is what tells one log from another.
            answer = await self._client.request(
                f"$JS.API.STREAM.INFO.{subjects.STREAM}", b"", timeout=REQUEST_TIMEOUT_S
            )
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused("The stream's state cannot be read", error) from error
        info = _json(answer.data)
        if "error" in info:
            raise BusUnavailable(
                f"The stream {subjects.STREAM} cannot be read: {info['error'].get('description', '')}",
                remedy="Start a service or `live-runner run`, which make it",
            )
        state = info["state"]
        return LogState(
            info["created"], state["first_seq"], state["last_seq"], state["bytes"], info["config"]["max_bytes"]
        )

    async def last_seq(self) -> int:
        """Sequence of the stream's last message."""
        return (await self.log_state()).last_seq

    async def last_message(self, subject: str) -> tuple[int, bytes] | None:
        """The last message on one subject (no wildcard), or None when there is none."""
        try:
            message = await self._jetstream.get_last_msg(subjects.STREAM, subject)
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"The last message on {subject} cannot be read", error) from error
        return int(message.seq or 0), message.data or b""

    async def purge(self, subject_filter: str, up_to_seq: int) -> int:
        """Drop the messages of a filter below ``up_to_seq``; how many went."""
        body = b'{"filter":"%b","seq":%d}' % (subject_filter.encode(), up_to_seq)
        try:
            answer = await self._client.request(
                f"$JS.API.STREAM.PURGE.{subjects.STREAM}", body, timeout=REQUEST_TIMEOUT_S
            )
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused("The stream cannot be purged", error) from error
        return int(_json(answer.data).get("purged", 0))

    # -- writing -------------------------------------------------------------------------------

    async def publish(self, event: Event, *, expect_last_of_subject: int | None = None) -> int:
        """Publish one event and await its acknowledgement; its stream sequence.

        ``expect_last_of_subject`` makes it conditional: OwnershipLost when another message was faster.
        """
        headers = None
        if expect_last_of_subject is not None:
            headers = {"Nats-Expected-Last-Subject-Sequence": str(expect_last_of_subject)}
        data = codec.stamp(codec.encode(event), time.time_ns())
        try:
            ack = await self._jetstream.publish(subjects.of(event), data, headers=headers, timeout=REQUEST_TIMEOUT_S)
        except nats.js.errors.APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise OwnershipLost(
                    f"Another process published on {subjects.of(event)} first",
                    remedy="Nothing to do: the other one goes on",
                    subject=subjects.of(event),
                ) from error
            raise refusal(f"{event.id} was not stored", error.err_code or 0, error.description or str(error)) from error
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"{event.id} was not acknowledged", error) from error
        return ack.seq

    async def publisher(self, guard: Guard | None = None) -> Publisher:
        """A window for publishing in order; every message asserts ``guard``."""
        try:
            publisher = await Publisher.open(self._client, guard)
        except nats.errors.Error as error:
            raise self._refused("Nothing can be published", error) from error
        self._publishers.add(publisher)
        return publisher

    # -- reading -------------------------------------------------------------------------------

    async def reader(self, filters: Sequence[str], start_seq: int = 1, handler: Handler | None = None) -> Reader:
        """Read the stream in order from ``start_seq``: with ``async for``, or by ``handler``."""
        reader = Reader(self._client, tuple(filters), start_seq, handler)
        self._readers.add(reader)
        await reader.start()
        return reader

    # -- core NATS -----------------------------------------------------------------------------

    async def request(self, subject: str, data: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> bytes:
        """Ask and await one reply. ServiceUnavailable: nobody listens (``silent=False``) or none in time."""
        try:
            return (await self._client.request(subject, data, timeout=timeout_s)).data
        except nats.errors.NoRespondersError as error:
            raise ServiceUnavailable(
                f"Nobody answers on {subject}", remedy="Start the service", subject=subject, silent=False
            ) from error
        except (nats.errors.TimeoutError, TimeoutError) as error:
            raise ServiceUnavailable(
                f"No answer on {subject} within {timeout_s:g} s",
                remedy="Look at the service's log",
                subject=subject,
                silent=True,
            ) from error
        except nats.errors.Error as error:
            raise self._refused(f"{subject} cannot be asked", error) from error

    async def on(
        self, subject: str, callback: Callable[[str, bytes], Awaitable[bytes | None]]
    ) -> Callable[[], Awaitable[None]]:
        """Call back on each message of a core subject; a returned value is the reply. Gives its undo."""

        async def handle(message: Msg) -> None:
            answer = await callback(message.subject, message.data)
            if answer is not None and message.reply:
                await message.respond(answer)

        try:
            subscription = await self._client.subscribe(subject, cb=handle)
            await self._client.flush(timeout=int(REQUEST_TIMEOUT_S))
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"{subject} cannot be listened to", error) from error

        async def undo() -> None:
            if not self._client.is_closed:
                await subscription.unsubscribe()

        return undo

    async def send(self, subject: str, data: bytes) -> None:
        """Publish on a core subject, not archived and not acknowledged."""
        if not self._client.is_closed:
            await self._client.publish(subject, data)

    async def flush(self) -> None:
        """Wait until the server has what was sent; returns when it does not answer in time."""
        try:
            await self._client.flush(timeout=int(REQUEST_TIMEOUT_S))
        except (nats.errors.Error, TimeoutError):
            return  # only beats go unacknowledged, and lost beats matter to nobody

    # -- snapshots -----------------------------------------------------------------------------

    async def put_object(self, name: str, data: bytes) -> None:
        """Store an object under a name."""
        try:
            store = await self._jetstream.object_store(SNAPSHOT_BUCKET)
            await store.put(name, data)
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"The snapshot {name} cannot be stored", error) from error

    async def get_object(self, name: str) -> bytes:
        """Read an object; SnapshotMismatch when it is not there."""
        try:
            store = await self._jetstream.object_store(SNAPSHOT_BUCKET)
            return bytes((await store.get(name)).data or b"")
        except nats.js.errors.NotFoundError as error:
            raise SnapshotMismatch(
                f"The snapshot {name} that the log names is not in the object store",
                remedy="Restore the NATS store that belongs to this log",
                object=name,
            ) from error
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"The snapshot {name} cannot be read", error) from error

    async def delete_object(self, name: str) -> None:
        """Drop an object that nothing names any more."""
        try:
            store = await self._jetstream.object_store(SNAPSHOT_BUCKET)
            await store.delete(name)
        except nats.js.errors.NotFoundError:
            return
        except (nats.errors.Error, TimeoutError) as error:
            raise self._refused(f"The snapshot {name} cannot be dropped", error) from error

    async def close(self) -> None:
        """Close the connection; what was published and not acknowledged is given up."""
        for reader in list(self._readers):
            reader.fail(None)
        if not self.lost.done():
            self.lost.cancel()
        if not self._client.is_closed:
            await self._client.close()
        self._client.release()
        await asyncio.sleep(0)  # the transport closes in the loop's next turn

    def _refused(self, what: str, error: BaseException) -> BusUnavailable:
        return BusUnavailable(
            f"{what}: {str(error) or type(error).__name__}",
            remedy="Check that NATS runs with JetStream enabled and has space left",
        )


def _json(data: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(data)
    return answer


def _without_secrets(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
