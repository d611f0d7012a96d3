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
from typing import Final

import msgspec

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, ServiceUnavailable, SnapshotMismatch
from live_runner.contracts.messages import Event
from live_runner.services.runtime.nats.bulk_reader import BulkReader
from live_runner.services.runtime.nats.jetstream import (
    REQUEST_TIMEOUT_S,
    WRONG_LAST_SEQUENCE,
    JetStream,
    JetStreamError,
    NotFoundError,
)
from live_runner.services.runtime.nats.listener import Listener
from live_runner.services.runtime.nats.nats_address import addresses, without_secrets
from live_runner.services.runtime.nats.nats_client import NatsClient, NatsError, NoAnswerError, NobodyListensError
from live_runner.services.runtime.nats.object_store import ObjectStore
from live_runner.services.runtime.nats.publisher import Guard, Publisher, refusal
from live_runner.services.runtime.nats.reader import Handler, Reader

__all__ = ["Bus", "LogState"]

CONNECT_TIMEOUT_S: Final = 2.0
CONNECT_RETRY_S: Final = 0.1
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

    def __init__(self, client: NatsClient) -> None:
        self._client = client
        self._jetstream = JetStream(client)
        self._snapshots = ObjectStore(self._jetstream, SNAPSHOT_BUCKET)
        # Of whoever still holds them: a service that hosts sessions for months keeps none of those that are over.
        self._publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
        self._readers: weakref.WeakSet[Reader | BulkReader] = weakref.WeakSet()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost.add_done_callback(lambda future: future.cancelled() or future.exception())

    @classmethod
    async def connect(cls, url: str, *, token: str = "", name: str = "live-runner", wait_s: float = 0.0) -> Bus:
        """Connect, trying again for up to ``wait_s`` seconds; BusUnavailable after that."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return await cls._connect(url, token, name)
            except (OSError, NatsError, TimeoutError, ValueError) as error:
                if time.monotonic() >= deadline or isinstance(error, ValueError):
                    raise BusUnavailable(
                        f"NATS at {without_secrets(url)} does not answer: {str(error) or type(error).__name__}",
                        remedy="Start it, or set NATS_URL (and NATS_TOKEN) to one that runs",
                        url=without_secrets(url),
                    ) from error
                await asyncio.sleep(CONNECT_RETRY_S)

    @classmethod
    async def _connect(cls, url: str, token: str, name: str) -> Bus:
        """Connect to the first server of the URL that answers."""
        found: list[Bus] = []

        def on_lost(why: str) -> None:
            for bus in found:
                bus._lose(why)

        failure: Exception = ValueError("it names no server")
        for address in addresses(url):
            if token and address.token is None and address.user is None:
                address = msgspec.structs.replace(address, token=token)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    client = await NatsClient.open(address, name, on_lost)
            except (OSError, NatsError, TimeoutError) as error:
                failure = error
                continue
            found.append(cls(client))
            return found[0]
        raise failure

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
        config = {
            "name": subjects.STREAM,
            "subjects": subjects.STREAM_SUBJECTS,
            "retention": "limits",
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": max_bytes,
            "discard": "new",
            "storage": "file",
            "num_replicas": 1,
            "allow_direct": True,
        }
        try:
            await self._jetstream.make_stream(config)
            await self._snapshots.make()
        except NatsError as error:
            raise self._refused("The stream cannot be made", error) from error

    async def log_state(self) -> LogState:
        """Epoch, first and last sequence, and size of the stream."""
        try:
            info = await self._jetstream.ask(f"STREAM.INFO.{subjects.STREAM}")
        except JetStreamError as error:
            raise BusUnavailable(
                f"The stream {subjects.STREAM} cannot be read: {error}",
                remedy="Start a service or `live-runner run`, which make it",
            ) from error
        except NatsError as error:
            raise self._refused("The stream's state cannot be read", error) from error
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
            return await self._jetstream.last(subjects.STREAM, subject)
        except NotFoundError:
            return None
        except NatsError as error:
            raise self._refused(f"The last message on {subject} cannot be read", error) from error

    async def purge(self, subject_filter: str, up_to_seq: int) -> int:
        """Drop the messages of a filter below ``up_to_seq``; how many went."""
        try:
            return await self._jetstream.purge(subjects.STREAM, subject_filter, up_to_seq)
        except NatsError as error:
            raise self._refused("The stream cannot be purged", error) from error

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
            return await self._jetstream.publish(subjects.of(event), data, headers)
        except JetStreamError as error:
            if error.code == WRONG_LAST_SEQUENCE:
                raise OwnershipLost(
                    f"Another process published on {subjects.of(event)} first",
                    remedy="Nothing to do: the other one goes on",
                    subject=subjects.of(event),
                ) from error
            raise refusal(f"{event.id} was not stored", error.code, error.description) from error
        except NatsError as error:
            raise self._refused(f"{event.id} was not acknowledged", error) from error

    async def publisher(self, guard: Guard | None = None) -> Publisher:
        """A window for publishing in order; every message asserts ``guard``."""
        try:
            publisher = Publisher.open(self._client, guard)
        except NatsError as error:
            raise self._refused("Nothing can be published", error) from error
        self._publishers.add(publisher)
        return publisher

    # -- reading -------------------------------------------------------------------------------

    async def reader(self, filters: Sequence[str], start_seq: int = 1, handler: Handler | None = None) -> Reader:
        """Read the stream in order from ``start_seq``: with ``async for``, or by ``handler``."""
        reader = Reader(self._jetstream, tuple(filters), start_seq, handler)
        self._readers.add(reader)
        await reader.start()
        return reader

    async def bulk_reader(self, filters: Sequence[str], start_seq: int, handler: Handler) -> BulkReader:
        """The same by ``handler``, many messages at a time and some milliseconds late."""
        reader = BulkReader(self._jetstream, tuple(filters), start_seq, handler)
        self._readers.add(reader)
        await reader.start()
        return reader

    # -- core NATS -----------------------------------------------------------------------------

    async def request(self, subject: str, data: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> bytes:
        """Ask and await one reply. ServiceUnavailable: nobody listens (``silent=False``) or none in time."""
        try:
            return (await self._client.request(subject, data, timeout_s)).data
        except NobodyListensError as error:
            raise ServiceUnavailable(
                f"Nobody answers on {subject}", remedy="Start the service", subject=subject, silent=False
            ) from error
        except NoAnswerError as error:
            raise ServiceUnavailable(
                f"No answer on {subject} within {timeout_s:g} s",
                remedy="Look at the service's log",
                subject=subject,
                silent=True,
            ) from error
        except NatsError as error:
            raise self._refused(f"{subject} cannot be asked", error) from error

    async def on(
        self, subject: str, callback: Callable[[str, bytes], Awaitable[bytes | None]]
    ) -> Callable[[], Awaitable[None]]:
        """Call back on each message of a core subject; a returned value is the reply. Gives its undo."""
        try:
            listener = Listener(self._client, subject, callback)
            await self._client.flush(REQUEST_TIMEOUT_S)
        except NatsError as error:
            raise self._refused(f"{subject} cannot be listened to", error) from error

        async def undo() -> None:
            listener.close()

        return undo

    async def send(self, subject: str, data: bytes) -> None:
        """Publish on a core subject, not archived and not acknowledged."""
        if self._client.is_connected:
            self._client.publish(subject.encode(), data)
            await self._client.writable()

    async def flush(self) -> None:
        """Wait until the server has what was sent; returns when it does not answer in time."""
        try:
            await self._client.flush(REQUEST_TIMEOUT_S)
        except NatsError:
            return  # only beats go unacknowledged, and lost beats matter to nobody

    # -- snapshots -----------------------------------------------------------------------------

    async def put_object(self, name: str, data: bytes) -> None:
        """Store an object under a name."""
        try:
            await self._snapshots.put(name, data)
        except NatsError as error:
            raise self._refused(f"The snapshot {name} cannot be stored", error) from error

    async def get_object(self, name: str) -> bytes:
        """Read an object; SnapshotMismatch when it is not there."""
        try:
            return await self._snapshots.get(name)
        except NotFoundError as error:
            raise SnapshotMismatch(
                f"The snapshot {name} that the log names is not in the object store",
                remedy="Restore the NATS store that belongs to this log",
                object=name,
            ) from error
        except NatsError as error:
            raise self._refused(f"The snapshot {name} cannot be read", error) from error

    async def delete_object(self, name: str) -> None:
        """Drop an object that nothing names any more."""
        try:
            await self._snapshots.delete(name)
        except NotFoundError:
            return
        except NatsError as error:
            raise self._refused(f"The snapshot {name} cannot be dropped", error) from error

    async def close(self) -> None:
        """Close the connection; what was published and not acknowledged is given up."""
        for reader in list(self._readers):
            reader.fail(None)
        if not self.lost.done():
            self.lost.cancel()
        await self._client.close()

    def _refused(self, what: str, error: BaseException) -> BusUnavailable:
        return BusUnavailable(
            f"{what}: {str(error) or type(error).__name__}",
            remedy="Check that NATS runs with JetStream enabled and has space left",
        )
