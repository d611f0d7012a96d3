"""The connection to NATS JetStream: the log that carries everything.

Crash-only: there is no silent reconnect. When the connection is lost, everything that uses this bus
raises BusUnavailable, and the service starts anew from the log on a new connection (hosting.py). So
there is one way back after a kill, a network cut and a restart of the server, and it is tested daily.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from nats import errors
from nats.aio.msg import Msg
from nats.js.api import DEFAULT_PREFIX
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, DigestMismatchError, NotFoundError
from nats.js.object_store import ObjectStore

from live_runner.contracts import codec, subjects
from live_runner.contracts.errors import BusUnavailable, OwnershipLost, ServiceUnavailable, SnapshotMismatch
from live_runner.contracts.messages import Event
from live_runner.services.runtime.config.settings import NatsSettings
from live_runner.services.runtime.nats.bulk_reader import BulkReader
from live_runner.services.runtime.nats.connection import Connection, open_connection
from live_runner.services.runtime.nats.consumers import CONSUMERS_MAX, Consumers
from live_runner.services.runtime.nats.publisher import (
    GUARD_SUBJECT,
    WRONG_LAST_SEQUENCE,
    Guard,
    Publisher,
    check_size,
    refusal,
)
from live_runner.services.runtime.nats.reader import Handler, Message, Reader

__all__ = ["Bus", "LogState"]

CONNECT_RETRY_S: Final = 0.1
REQUEST_TIMEOUT_S: Final = 5.0
SNAPSHOT_BUCKET: Final = "SNAPSHOTS"
DEFAULT_MAX_BYTES: Final = 4 * 1024**3
_HEADER_BYTES_MAX: Final = 128
"""Of a condition on the message before."""
WAITING_MAX: Final = 65_536
"""Messages that wait for a callback; beyond that the connection is given up rather than one dropped."""
_NOT_FOUND: Final = 404
_FAILURES: Final = (OSError, errors.Error)
"""Errors of a call on a connection; nats-py's time limit is one of them."""


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

    def __init__(self, connection: Connection, settings: NatsSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._api = f"$JS.{settings.domain}.API" if settings.domain else DEFAULT_PREFIX
        self._jetstream: JetStreamContext = connection.jetstream(prefix=self._api, timeout=REQUEST_TIMEOUT_S)
        self._consumers = Consumers(self._jetstream)
        # Of whoever still holds them: a service that hosts sessions for months keeps none of those that are over.
        self._publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()
        self._readers: weakref.WeakSet[Reader | BulkReader] = weakref.WeakSet()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost.add_done_callback(lambda future: future.cancelled() or future.exception())
        connection.on_lost = self._abort

    @classmethod
    async def connect(
        cls, nats: NatsSettings | str, *, name: str = "live-runner", also: Sequence[str] = (), wait_s: float = 0.0
    ) -> Bus:
        """Connect, trying again for up to ``wait_s`` seconds; BusUnavailable after that.

        ``also`` are further addresses, which a former connection discovered (``discovered``). ConfigError when a file
        of the settings cannot be used.
        """
        settings = NatsSettings(nats) if isinstance(nats, str) else nats
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return cls(await open_connection(settings, name, also), settings)
            except ValueError as error:
                raise BusUnavailable(
                    f"'{settings.shown}' is not a valid address of NATS: {error}",
                    remedy="Set NATS_URL to nats://host:port, or to several of them with commas between",
                    url=settings.shown,
                ) from error
            except _FAILURES as error:
                if time.monotonic() >= deadline:
                    raise BusUnavailable(
                        f"NATS at {settings.shown} does not answer: {_reason(error)}",
                        remedy="Start it, or set NATS_URL (and NATS_TOKEN) to one that runs",
                        url=settings.shown,
                    ) from error
                await asyncio.sleep(CONNECT_RETRY_S)

    @property
    def discovered(self) -> list[str]:
        """Addresses of further servers of the cluster, as the connected one tells them."""
        return [parts.geturl() for parts in self._connection.discovered_servers]

    def _abort(self, why: str) -> None:
        """Give the connection up: everything that uses it raises BusUnavailable."""
        if self.lost.done():
            return
        error = BusUnavailable(
            why[0].upper() + why[1:], remedy="The service starts anew from the log once NATS is back"
        )
        self.lost.set_exception(error)
        self._connection.abort()
        for publisher in list(self._publishers):
            publisher.fail(error)
        for reader in list(self._readers):
            reader.fail(error)

    # -- the stream ----------------------------------------------------------------------------

    async def ensure_stream(self, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """Make the stream and the snapshot store; where they are there, give them the limits and copies they need."""
        config = {
            "name": subjects.STREAM,
            "subjects": subjects.STREAM_SUBJECTS,
            "retention": "limits",
            "max_msgs": -1,
            "max_bytes": max_bytes,
            "discard": "new",
            "storage": "file",
            "allow_direct": True,
        }
        snapshots = {
            "name": f"OBJ_{SNAPSHOT_BUCKET}",
            "subjects": [f"$O.{SNAPSHOT_BUCKET}.C.>", f"$O.{SNAPSHOT_BUCKET}.M.>"],
            "retention": "limits",
            "max_msgs": -1,
            "max_bytes": -1,
            "discard": "new",
            "storage": "file",
            "allow_rollup_hdrs": True,
            "allow_direct": True,
        }
        await self._ensure(config)
        await self._ensure(snapshots)

    async def _ensure(self, config: dict[str, Any]) -> None:
        name = config["name"]
        found = await self.jetstream(f"STREAM.INFO.{name}")
        wanted: dict[str, Any] = {"max_consumers": CONSUMERS_MAX}
        if self._settings.replicas:
            wanted["num_replicas"] = self._settings.replicas
        if "error" in found:
            if found["error"].get("code") != _NOT_FOUND:
                raise self._refused(f"The stream {name} cannot be read", _description(found))
            call, config = "CREATE", {"num_replicas": 1} | config | wanted
        elif found["config"] | wanted != found["config"]:
            # As the server gave it: the typed configuration of nats-py would drop what it does not know.
            call, config = "UPDATE", found["config"] | wanted
        else:
            return
        answer = await self.jetstream(f"STREAM.{call}.{name}", config)
        if "error" in answer:
            raise self._refused(f"The stream {name} cannot be {call.lower()}d", _description(answer))

    async def jetstream(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of JetStream's API, ``STREAM.INFO.<stream>`` for example; a refusal is in the answer's ``error``."""
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            reply = await self._connection.request(f"{self._api}.{call}", data, timeout=REQUEST_TIMEOUT_S)
        except _FAILURES as error:
            raise self._refused(f"JetStream did not answer {call}", error) from error
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        return answer

    async def log_state(self) -> LogState:
        """Epoch, first and last sequence, and size of the stream."""
        info = await self.jetstream(f"STREAM.INFO.{subjects.STREAM}")
        if "error" in info:
            raise BusUnavailable(
                f"The stream {subjects.STREAM} cannot be read: {_description(info)}",
                remedy="Start a service or `live-runner run`, which make it",
            )
        state = info["state"]
        return LogState(
            info["created"], state["first_seq"], state["last_seq"], state["bytes"], info["config"]["max_bytes"]
        )

    async def consumers(self) -> list[dict[str, Any]]:
        """Every consumer of the stream; none where there is no stream."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.jetstream(f"CONSUMER.LIST.{subjects.STREAM}", {"offset": len(found)})
            if "error" in answer:
                if answer["error"].get("code") == _NOT_FOUND:
                    return []
                raise self._refused("The readers of the log cannot be listed", _description(answer))
            page = answer.get("consumers") or []
            found += page
            if not page or len(found) >= answer["total"]:
                return found

    async def last_seq(self) -> int:
        """Sequence of the stream's last message."""
        return (await self.log_state()).last_seq

    async def last_message(self, subject: str) -> tuple[int, bytes] | None:
        """The last message on one subject (no wildcard), or None when there is none."""
        try:
            found = await self._jetstream.get_last_msg(subjects.STREAM, subject)
        except NotFoundError:
            return None
        except _FAILURES as error:
            raise self._refused(f"The last message on {subject} cannot be read", error) from error
        return int(found.seq or 0), found.data or b""

    async def message_at(self, stream_seq: int) -> Message | None:
        """The message at one place of the stream, or None when it is not there any more."""
        try:
            found = await self._jetstream.get_msg(subjects.STREAM, stream_seq)
        except NotFoundError:
            return None
        except _FAILURES as error:
            raise self._refused(f"Message {stream_seq} of the stream cannot be read", error) from error
        return Message(stream_seq, found.subject or "", found.data or b"", 0)

    async def is_guarded(self, stream_seq: int, subject: str) -> bool:
        """Whether the message at this place was published on condition of a message on ``subject`` (Guard)."""
        try:
            found = await self._jetstream.get_msg(subjects.STREAM, stream_seq)
        except NotFoundError:
            return False
        except _FAILURES as error:
            raise self._refused(f"Message {stream_seq} of the stream cannot be read", error) from error
        return (found.headers or {}).get(GUARD_SUBJECT) == subject

    async def last_seq_of(self, subject: str) -> int:
        """Stream sequence of the last message on one subject, whatever it holds; 0 when there is none."""
        last = await self.last_message(subject)
        return 0 if last is None else last[0]

    async def purge(self, subject_filter: str, up_to_seq: int) -> int:
        """Drop the messages of a filter below ``up_to_seq``; how many went."""
        answer = await self.jetstream(f"STREAM.PURGE.{subjects.STREAM}", {"filter": subject_filter, "seq": up_to_seq})
        if "error" in answer:
            raise self._refused("The stream cannot be purged", _description(answer))
        return int(answer.get("purged", 0))

    # -- writing -------------------------------------------------------------------------------

    async def publish(self, event: Event, *, expect_last_of_subject: int | None = None) -> int:
        """Publish one event and await its acknowledgement; its stream sequence.

        ``expect_last_of_subject`` makes it conditional: OwnershipLost when another message was faster.
        """
        headers = None
        if expect_last_of_subject is not None:
            headers = {"Nats-Expected-Last-Subject-Sequence": str(expect_last_of_subject)}
        data = codec.stamp(codec.encode(event), time.time_ns())
        check_size(subjects.of(event), len(data) + _HEADER_BYTES_MAX, self._connection.max_payload)
        try:
            return (await self._jetstream.publish(subjects.of(event), data, headers=headers)).seq
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise OwnershipLost(
                    f"Another process published on {subjects.of(event)} first",
                    remedy="Nothing to do: the other one goes on",
                    subject=subjects.of(event),
                ) from error
            raise refusal(f"{event.id} was not stored", error.err_code or 0, _reason(error)) from error
        except _FAILURES as error:
            raise self._refused(f"{event.id} was not acknowledged", error) from error

    async def publisher(self, guard: Guard | None = None) -> Publisher:
        """A window for publishing in order; every message asserts ``guard``."""
        try:
            publisher = await Publisher.open(self._connection, guard)
        except _FAILURES as error:
            raise self._refused("Nothing can be published", error) from error
        self._publishers.add(publisher)
        return publisher

    # -- reading -------------------------------------------------------------------------------

    async def reader(self, filters: Sequence[str], start_seq: int = 1, handler: Handler | None = None) -> Reader:
        """Read the stream in order from ``start_seq``: with ``async for``, or by ``handler``."""
        reader = Reader(self._connection, self._consumers, tuple(filters), start_seq, handler)
        self._readers.add(reader)
        await reader.start()
        return reader

    async def bulk_reader(self, filters: Sequence[str], start_seq: int, handler: Handler) -> BulkReader:
        """The same by ``handler``, many messages at a time and some milliseconds late."""
        reader = BulkReader(self._connection, self._consumers, self._api, tuple(filters), start_seq, handler)
        self._readers.add(reader)
        await reader.start()
        return reader

    # -- core NATS -----------------------------------------------------------------------------

    async def request(self, subject: str, data: bytes, timeout_s: float = REQUEST_TIMEOUT_S) -> bytes:
        """Send a request and await one reply.

        ServiceUnavailable: nobody is subscribed (``silent=False``) or no reply came in time (``silent=True``).
        """
        try:
            return (await self._connection.request(subject, data, timeout=timeout_s)).data
        except errors.NoRespondersError as error:
            raise ServiceUnavailable(
                f"Nobody answers on {subject}", remedy="Start the service", subject=subject, silent=False
            ) from error
        except errors.TimeoutError as error:
            raise ServiceUnavailable(
                f"No answer on {subject} within {timeout_s:g} s",
                remedy="Look at the service's log",
                subject=subject,
                silent=True,
            ) from error
        except _FAILURES as error:
            raise self._refused(f"The request on {subject} failed", error) from error

    async def on(
        self, subject: str, callback: Callable[[str, bytes], Awaitable[bytes | None]], *, at_once: int = 1
    ) -> Callable[[], Awaitable[None]]:
        """Call back on each message of a core subject; a returned value is the reply. Gives its undo.

        ``at_once`` callbacks may be under way together; with one the messages are taken one after another.
        """
        under_way: set[asyncio.Task[None]] = set()

        async def answer(message: Msg) -> None:
            try:
                reply = await callback(message.subject, message.data)
                if reply is not None and message.reply and self._connection.is_open:
                    await message.respond(reply)
            except Exception as error:
                self._abort(f"the answer on {subject} failed: {type(error).__name__}: {error}")
                raise

        async def handle(message: Msg) -> None:
            # nats-py cancels a callback when its subscription ends; ours is brought to its end.
            task = asyncio.ensure_future(answer(message))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if at_once == 1:
                await asyncio.shield(task)
                return
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it has given the connection up
            while len(under_way) >= at_once:
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)

        try:
            subscription = await self._connection.subscribe(
                subject, cb=handle, pending_msgs_limit=WAITING_MAX, pending_bytes_limit=0
            )
        except _FAILURES as error:
            raise self._refused(f"{subject} cannot be subscribed to", error) from error
        try:
            await self._ping()
        except BaseException as error:
            await self._connection.end_subscription(subscription)
            if isinstance(error, _FAILURES):
                raise self._refused(f"{subject} cannot be subscribed to", error) from error
            raise

        async def undo() -> None:
            await self._connection.end_subscription(subscription)

        return undo

    async def send(self, subject: str, data: bytes) -> None:
        """Publish on a core subject, not archived and not acknowledged; what NATS would not take is not sent."""
        if len(data) > self._connection.max_payload:
            return
        try:
            self._connection.publish_direct(subject.encode(), data)
            await self._connection.writable()
        except _FAILURES:
            return  # whoever needs the connection hears of it in ``lost``

    async def _ping(self) -> None:
        """Wait until the server has answered."""
        # Not cancelled with who waits: nats-py loses the connection by the answer to a ping that nobody waits for.
        await asyncio.shield(self._connection.flush(int(REQUEST_TIMEOUT_S)))

    async def flush(self) -> None:
        """Wait until the server has what was sent; returns when it does not answer in time."""
        try:
            await self._ping()
        except _FAILURES:
            return  # only beats go unacknowledged, and lost beats matter to nobody

    # -- snapshots -----------------------------------------------------------------------------

    def _snapshots(self) -> ObjectStore:
        return ObjectStore(SNAPSHOT_BUCKET, f"OBJ_{SNAPSHOT_BUCKET}", self._jetstream)

    async def put_object(self, name: str, data: bytes) -> None:
        """Store an object under a name."""
        try:
            await self._snapshots().put(name, data)
        except _FAILURES as error:
            raise self._refused(f"The snapshot {name} cannot be stored", error) from error

    async def get_object(self, name: str) -> bytes:
        """Read an object; SnapshotMismatch when it is not there, or not what was stored."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):  # nats-py waits for a missing chunk for ever
                return bytes((await self._snapshots().get(name)).data or b"")
        except (NotFoundError, DigestMismatchError) as error:
            raise SnapshotMismatch(
                f"The snapshot {name} that the log names is not in the object store, or is damaged",
                remedy="Restore the NATS store that belongs to this log",
                object=name,
            ) from error
        except _FAILURES as error:
            raise self._refused(f"The snapshot {name} cannot be read", error) from error

    async def object_names(self) -> list[str]:
        """Names of every object, those included of which only a part is left."""
        pattern = f"$O.{SNAPSHOT_BUCKET}.M.>"
        answer = await self.jetstream(f"STREAM.INFO.OBJ_{SNAPSHOT_BUCKET}", {"subjects_filter": pattern})
        if "error" in answer:
            raise self._refused("The snapshots cannot be listed", _description(answer))
        found = answer["state"].get("subjects") or {}
        names: list[str] = []
        for subject in sorted(found):
            try:
                names.append(urlsafe_b64decode(subject.rpartition(".")[2]).decode())
            except ValueError:
                continue  # nobody of ours put it there
        return names

    async def delete_object(self, name: str) -> None:
        """Drop an object that nothing names any more; nothing of it is left, where nats-py would leave a mark."""
        stream = f"OBJ_{SNAPSHOT_BUCKET}"
        meta = f"$O.{SNAPSHOT_BUCKET}.M.{urlsafe_b64encode(name.encode()).decode()}"
        try:
            found = await self._jetstream.get_last_msg(stream, meta)
            chunks = msgspec.json.decode(found.data or b"", type=_ObjectMeta).nuid
        except NotFoundError:
            return
        except (*_FAILURES, msgspec.MsgspecError) as error:
            raise self._refused(f"The snapshot {name} cannot be dropped", error) from error
        for subject in (f"$O.{SNAPSHOT_BUCKET}.C.{chunks}", meta):  # the name last: until then it can be tried again
            answer = await self.jetstream(f"STREAM.PURGE.{stream}", {"filter": subject})
            if "error" in answer:
                raise self._refused(f"The snapshot {name} cannot be dropped", _description(answer))

    async def close(self) -> None:
        """Close the connection; what was published and not acknowledged is given up."""
        for reader in list(self._readers):
            reader.fail(None)
        if not self.lost.done():
            self.lost.cancel()
        await self._connection.end()

    def _refused(self, what: str, reason: BaseException | str) -> BusUnavailable:
        return BusUnavailable(
            f"{what}: {reason if isinstance(reason, str) else _reason(reason)}",
            remedy="Check that NATS runs with JetStream enabled and has space left",
        )


class _ObjectMeta(msgspec.Struct):
    """What an object's name leads to."""

    nuid: str


def _description(answer: dict[str, Any]) -> str:
    return str(answer["error"].get("description", answer["error"]))


def _reason(error: BaseException) -> str:
    """The reason of an error, without nats-py's wrapping."""
    description = getattr(error, "description", None) or str(error) or type(error).__name__
    return str(description).removeprefix("nats: ")
