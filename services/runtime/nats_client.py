"""The NATS client, leaner on the path of every message.

Three things are different. Headers of delivered messages are parsed only when they carry a status: the
others are the conditions of our own publishes, meant for the server. And the header block of a
publisher, the same for all its messages, is made once. What the log delivers and acknowledges is
taken as it is read from the socket. So a message costs a service about half; it leans on inside parts
of the pinned nats-py, which tests/integration/runtime/test_bus.py holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nats.aio.client import Client
from nats.aio.subscription import Subscription

__all__ = ["Direct", "LeanClient", "header_block"]

type Direct = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes a message's subject, reply subject, data and header block; must not wait."""

_VERSION: Final = b"NATS/1.0"
_LINE_END: Final = 0x0D


def header_block(headers: Mapping[str, str]) -> bytes:
    """The header block of a message, as it stands on the wire."""
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
    return _VERSION + b"\r\n" + lines + b"\r\n"


class LeanClient(Client):
    """A connection for services that publish and read our own messages."""

    def __init__(self) -> None:
        super().__init__()
        self._direct: dict[int, Direct] = {}

    async def subscribe_direct(self, subject: str, direct: Direct) -> Subscription:
        """Hand each message over as it is read from the socket: no queue, no task, no message object."""
        subscription = await self.subscribe(subject)
        self._direct[subscription._id] = direct
        return subscription

    async def unsubscribe_direct(self, subscription: Subscription) -> None:
        """End such a subscription."""
        self._direct.pop(subscription._id, None)
        if not self.is_closed:
            await subscription.unsubscribe()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        direct = self._direct.get(sid)
        if direct is None:
            await super()._process_msg(sid, subject, reply, data, headers)
        else:
            direct(subject, reply, data, headers)

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        # A status follows the version on its own line; anything else is for the server.
        if not headers or headers[len(_VERSION)] == _LINE_END:
            return None
        parsed: dict[str, str] | None = await super()._process_headers(headers)
        return parsed

    async def status_of(self, headers: bytes | None) -> dict[str, str] | None:
        """The parsed headers of a status message; None for a message that was published."""
        return await self._process_headers(headers)

    async def publish_block(self, subject: str, reply: str, block: bytes, payload: bytes) -> None:
        """Publish with a ready header block (or none). Waits while the socket's buffer is full."""
        size = len(payload)
        if block:
            total = len(block) + size
            command = b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
                subject.encode(),
                reply.encode(),
                len(block),
                total,
                block,
                payload,
            )
        else:
            command = b"PUB %b %b %d\r\n%b\r\n" % (subject.encode(), reply.encode(), size, payload)
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += size
        await self._send_command(command)
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    def release(self) -> None:
        """Let go of the socket: a connection that broke while it was written to keeps it open."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
