"""What we ask of JetStream: streams, consumers, single messages. Each is a request with a JSON answer."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import msgspec

from live_runner.services.runtime.nats.nats_client import NatsClient, NatsError, header_block

__all__ = ["REQUEST_TIMEOUT_S", "WRONG_LAST_SEQUENCE", "JetStream", "JetStreamError", "NotFoundError"]

REQUEST_TIMEOUT_S: Final = 5.0
WRONG_LAST_SEQUENCE: Final = 10071
"""The server's error code for a condition that no longer holds."""
_NOT_FOUND: Final = 404


class JetStreamError(NatsError):
    """JetStream refused; ``code`` is its own error code."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class NotFoundError(JetStreamError):
    """No such stream, consumer, message or object."""


class JetStream:
    """Requests on one connection. NatsError when one fails."""

    def __init__(self, client: NatsClient) -> None:
        self.client = client

    async def ask(self, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the API, ``STREAM.INFO.<stream>`` for example."""
        data = b"" if body is None else msgspec.json.encode(body)
        answer = await self.client.request(f"$JS.API.{call}", data, REQUEST_TIMEOUT_S)
        return _checked(answer.data)

    async def publish(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> int:
        """Store one message; its stream sequence, once it is acknowledged."""
        block = header_block(headers) if headers else b""
        answer = await self.client.request(subject, data, REQUEST_TIMEOUT_S, block)
        return int(_checked(answer.data)["seq"])

    async def last(self, stream: str, subject: str) -> tuple[int, bytes]:
        """Sequence and data of the last message on a subject; NotFoundError when there is none."""
        found = (await self.ask(f"STREAM.MSG.GET.{stream}", {"last_by_subj": subject}))["message"]
        return int(found["seq"]), b64decode(found.get("data", ""))

    async def make_stream(self, config: dict[str, Any]) -> None:
        """Make a stream unless one of that name is there."""
        try:
            await self.ask(f"STREAM.INFO.{config['name']}")
        except NotFoundError:
            await self.ask(f"STREAM.CREATE.{config['name']}", config)

    async def make_consumer(self, stream: str, config: dict[str, Any]) -> str:
        """A consumer without a name of ours; the server's name for it."""
        answer = await self.ask(f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
        return str(answer["name"])

    async def drop_consumer(self, stream: str, name: str) -> None:
        """Drop a consumer."""
        await self.ask(f"CONSUMER.DELETE.{stream}.{name}")

    async def purge(self, stream: str, subject_filter: str, below_seq: int | None = None) -> int:
        """Drop the messages of a filter, below a sequence where one is given; how many went."""
        body: dict[str, Any] = {"filter": subject_filter}
        if below_seq is not None:
            body["seq"] = below_seq
        return int((await self.ask(f"STREAM.PURGE.{stream}", body)).get("purged", 0))


def _checked(data: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = msgspec.json.decode(data)
    error = answer.get("error")
    if error is not None:
        kind = NotFoundError if error.get("code") == _NOT_FOUND else JetStreamError
        raise kind(int(error.get("err_code", 0)), str(error.get("description", error)))
    return answer
