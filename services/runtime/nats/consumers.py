"""Consumers of the log: made for readers a few at a time, and dropped when a reader is done."""

from __future__ import annotations

import asyncio
from typing import Final

from nats import errors
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

from live_runner.contracts.errors import BusUnavailable
from live_runner.contracts.subjects import STREAM

__all__ = ["CONSUMERS_MAX", "Consumers", "unreadable"]

CONSUMERS_MAX: Final = 100_000
"""Of the stream: a session holds three readers. Left open, nats-server 2.15 takes it for 1,000."""
AT_ONCE: Final = 32
"""Asked for side by side. A service that takes up 1,000 sessions would wait for all of them beyond its time limit."""
_TOO_MANY: Final = 10026
"""The server's error code for a limit of consumers that is reached."""


class Consumers:
    """Of one connection."""

    def __init__(self, jetstream: JetStreamContext) -> None:
        self._jetstream = jetstream
        self._room = asyncio.Semaphore(AT_ONCE)

    async def make(self, config: ConsumerConfig) -> str:
        """A consumer without a name of ours; the server's name for it. BusUnavailable when it refuses."""
        try:
            async with self._room:
                info = await self._jetstream.add_consumer(STREAM, config)
        except (OSError, errors.Error) as error:
            raise unreadable(error) from error
        return str(info.name)

    async def drop(self, name: str) -> None:
        """Drop a consumer; where that fails the server does it after the consumer's time of inactivity."""
        try:
            await self._jetstream.delete_consumer(STREAM, name)
        except (OSError, errors.Error):
            return


def unreadable(error: Exception) -> BusUnavailable:
    """The error for a consumer that cannot be made."""
    reason = str(getattr(error, "description", "") or error or type(error).__name__).removeprefix("nats: ")
    remedy = "Check that NATS runs with JetStream enabled"
    if getattr(error, "err_code", None) == _TOO_MANY:
        remedy = f"End sessions, or raise max_consumers of the stream {STREAM} or of the NATS account"
    return BusUnavailable(f"The stream cannot be read: {reason}", remedy=remedy)
