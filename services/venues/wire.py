"""The last hop of a request to a venue: what leaves, when, how often, and what comes back.

ccxt and the library below it may send one call several times: a redirect repeats a POST with its body, a dead
connection repeats a DELETE. Here each request of ccxt leaves once, is checked at the moment when its first byte is
about to go (its time, its endpoint), and is kept as it came back.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from live_runner.services.venues.answers import HttpExchange

__all__ = ["Call", "attach", "open_session"]

CONNECTIONS_MAX: Final = 32
"""To one venue; more requests wait for one of them."""


class _NotSent(aiohttp.ClientConnectionError):
    """The request was stopped before its first byte."""


@dataclass(slots=True)
class _Sending:
    """One request on its way."""

    method: str
    path: str
    check: Callable[[str, str], str]
    now_ns: Callable[[], int]
    sent_ns: int = 0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    problem: str = ""

    def leave(self) -> None:
        """The first byte is about to go; raises where it must not."""
        problem = "it would have been sent a second time" if self.sent_ns else self.check(self.method, self.path)
        if problem:
            self.problem = problem
            raise _NotSent(problem)
        self.sent_ns = self.now_ns()


_call: Final[ContextVar[Call | None]] = ContextVar("call", default=None)
_sending: Final[ContextVar[_Sending | None]] = ContextVar("sending", default=None)


class Call:
    """One call of ccxt: ``with Call(...) as call``. Every request that it makes is kept, in order.

    ``check`` is asked with method and path when a request is about to leave, and answers why it must not, "" for go.
    ``now_ns`` is the clock of ``sent_ns``.
    """

    def __init__(self, check: Callable[[str, str], str], now_ns: Callable[[], int]) -> None:
        self._check = check
        self._now_ns = now_ns
        self._all: list[_Sending] = []
        self._token: Any = None

    def __enter__(self) -> Call:
        self._token = _call.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _call.reset(self._token)

    @property
    def exchanges(self) -> list[HttpExchange]:
        """The requests so far and what came back."""
        return [
            HttpExchange(each.method, each.path, each.sent_ns, each.status, each.headers, each.body, each.problem)
            for each in self._all
        ]

    def begin(self, method: str, url: str) -> _Sending:
        """ccxt makes a request."""
        sending = _Sending(method, urlsplit(url).path, self._check, self._now_ns)
        self._all.append(sending)
        return sending


class _Request(aiohttp.ClientRequest):
    """A request that asks once more when its connection stands and nothing of it has left."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        sending = _sending.get()
        if sending is not None:
            sending.leave()
        return await super().send(conn)


def open_session(cafile: str) -> aiohttp.ClientSession:
    """A session of which each request leaves once; ``cafile`` are the authorities that are trusted."""
    context = ssl.create_default_context(cafile=cafile)
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS_MAX)
    return aiohttp.ClientSession(connector=connector, request_class=_Request)


def attach(exchange: Any) -> None:
    """Let the requests of a ccxt exchange be kept by the ``Call`` in which they are made."""
    fetch, hook = exchange.fetch, exchange.on_rest_response

    async def kept(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        call = _call.get()
        if call is None:
            return await fetch(url, method, headers, body)
        token = _sending.set(call.begin(method, url))
        try:
            return await fetch(url, method, headers, body)
        finally:
            _sending.reset(token)

    def answered(status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
        sending = _sending.get()
        if sending is not None:
            sending.status, sending.headers, sending.body = status, dict(headers), str(body)
        return hook(status, reason, url, method, headers, body, *rest)

    exchange.fetch, exchange.on_rest_response = kept, answered
