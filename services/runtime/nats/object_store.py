"""Snapshots in NATS' object store, in its own format: `nats object ls SNAPSHOTS` lists them.

An object is a stream's messages on ``$O.<bucket>.C.<id>`` (chunks) and one on ``$O.<bucket>.M.<name>``
that names them, with size and digest; see ADR-20 of the NATS architecture decisions.
"""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from live_runner.services.runtime.nats.jetstream import REQUEST_TIMEOUT_S, JetStream, JetStreamError, NotFoundError
from live_runner.services.runtime.nats.nats_client import NoAnswerError

__all__ = ["ObjectStore"]

CHUNK_BYTES: Final = 128 * 1024
_ROLLUP: Final = {"Nats-Rollup": "sub"}


class ObjectStore:
    """One bucket. NatsError when the server refuses or is away."""

    def __init__(self, jetstream: JetStream, bucket: str) -> None:
        self._jetstream = jetstream
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"

    async def make(self) -> None:
        """Make the bucket unless it is there."""
        await self._jetstream.make_stream(
            {
                "name": self._stream,
                "subjects": [f"$O.{self._bucket}.C.>", f"$O.{self._bucket}.M.>"],
                "retention": "limits",
                "max_consumers": -1,
                "max_msgs": -1,
                "max_bytes": -1,
                "discard": "new",
                "storage": "file",
                "num_replicas": 1,
                "allow_rollup_hdrs": True,
                "allow_direct": True,
            }
        )

    async def put(self, name: str, data: bytes) -> None:
        """Store an object under a name; a former one of that name is dropped."""
        before = await self._find(name)
        id_ = os.urandom(11).hex()
        chunks = range(0, len(data), CHUNK_BYTES)
        try:
            for start in chunks:
                await self._jetstream.publish(self._chunks(id_), data[start : start + CHUNK_BYTES])
            await self._name(name, id_, size=len(data), chunks=len(chunks), digest=_digest(data))
        except BaseException:
            await self._jetstream.purge(self._stream, self._chunks(id_))
            raise
        if before is not None and not before.get("deleted"):
            await self._jetstream.purge(self._stream, self._chunks(before["nuid"]))

    async def get(self, name: str) -> bytes:
        """An object's bytes; NotFoundError when there is none, or it is not what was stored."""
        found = await self._find(name)
        if found is None or found.get("deleted"):
            raise NotFoundError(0, f"no object {name}")
        data = await self._read(found["nuid"], int(found.get("chunks") or 0)) if found.get("size") else b""
        if len(data) != found.get("size", 0) or (data and _digest(data) != found.get("digest")):
            raise NotFoundError(0, f"the object {name} is damaged")
        return data

    async def delete(self, name: str) -> None:
        """Drop an object; NotFoundError when there is none."""
        found = await self._find(name)
        if found is None or found.get("deleted"):
            raise NotFoundError(0, f"no object {name}")
        try:
            await self._name(name, found["nuid"], size=0, chunks=0, digest="", deleted=True)
        finally:
            await self._jetstream.purge(self._stream, self._chunks(found["nuid"]))

    def _chunks(self, id_: str) -> str:
        return f"$O.{self._bucket}.C.{id_}"

    def _meta(self, name: str) -> str:
        return f"$O.{self._bucket}.M.{urlsafe_b64encode(name.encode()).decode()}"

    async def _find(self, name: str) -> dict[str, Any] | None:
        try:
            _, data = await self._jetstream.last(self._stream, self._meta(name))
        except NotFoundError:
            return None
        found: dict[str, Any] = msgspec.json.decode(data)
        return found

    async def _name(self, name: str, id_: str, **facts: Any) -> None:
        meta = {
            "name": name,
            "bucket": self._bucket,
            "nuid": id_,
            "mtime": datetime.now(UTC).isoformat(),
            "options": {"max_chunk_size": CHUNK_BYTES},
            **facts,
        }
        await self._jetstream.publish(self._meta(name), msgspec.json.encode(meta), _ROLLUP)

    async def _read(self, id_: str, chunks: int) -> bytes:
        """The chunks in order, through a consumer of their own, which the server drops when it is left."""
        client = self._jetstream.client
        parts: list[bytes] = []
        whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def take(_subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
            if not reply.startswith(b"$JS.ACK"):
                return  # a status
            parts.append(data)
            if len(parts) == chunks and not whole.done():
                whole.set_result(None)

        inbox = client.new_inbox().decode()
        sid = client.subscribe(inbox, take)
        try:
            await self._jetstream.make_consumer(
                self._stream,
                {
                    "deliver_subject": inbox,
                    "ack_policy": "none",
                    "deliver_policy": "all",
                    "replay_policy": "instant",
                    "filter_subject": self._chunks(id_),
                    "inactive_threshold": int(REQUEST_TIMEOUT_S * 1e9),
                    "mem_storage": True,
                    "num_replicas": 1,
                },
            )
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await whole
        except TimeoutError:
            if not parts:
                raise JetStreamError(0, "the object's chunks are gone") from None
            raise NoAnswerError(f"{len(parts)} of {chunks} chunks came within {REQUEST_TIMEOUT_S:g} s") from None
        finally:
            client.unsubscribe(sid)
        return b"".join(parts)


def _digest(data: bytes) -> str:
    return f"SHA-256={urlsafe_b64encode(sha256(data).digest()).decode()}"
