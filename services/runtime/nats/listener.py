"""Answers the messages of a core subject one after the other: commands, liveness, heartbeats."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from live_runner.services.runtime.nats.nats_client import NatsClient

__all__ = ["Listener"]

WAITING_MAX: Final = 65_536
"""Messages that wait for the callback; beyond that the connection is given up rather than one dropped."""


class Listener:
    """A subscription with a callback that may wait; what it returns is the reply."""

    def __init__(
        self, client: NatsClient, subject: str, callback: Callable[[str, bytes], Awaitable[bytes | None]]
    ) -> None:
        self._client = client
        self._subject = subject
        self._callback = callback
        self._arrived: deque[tuple[bytes, bytes, bytes]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._sid = client.subscribe(subject, self._take)

    def close(self) -> None:
        """Listen no more; the callback under way is brought to its end."""
        self._arrived.clear()
        self._client.unsubscribe(self._sid)

    def _take(self, subject: bytes, reply: bytes, data: bytes, _headers: bytes | None) -> None:
        self._arrived.append((subject, reply, data))
        if len(self._arrived) > WAITING_MAX:
            self._client.lose(f"{WAITING_MAX} messages wait on {self._subject}")
        elif self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        try:
            while self._arrived:
                subject, reply, data = self._arrived.popleft()
                answer = await self._callback(subject.decode(), data)
                if answer is not None and reply and self._client.is_connected:
                    self._client.publish(reply, answer)
        except Exception as error:
            self._client.lose(f"the answer on {self._subject} failed: {type(error).__name__}: {error}")
            raise
