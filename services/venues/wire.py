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

from live_runner.contracts.errors import DataError
from live_runner.services.venues.answers import HttpExchange
from live_runner.services.venues.recording import Recorder, Recording, question

__all__ = ["Call", "attach", "attach_recording", "open_session"]

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

    def exchange(self) -> HttpExchange:
        """What it has come to so far."""
        return HttpExchange(self.method, self.path, self.sent_ns, self.status, self.headers, self.body, self.problem)

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
        return [each.exchange() for each in self._all]

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


def attach(exchange: Any, recorder: Recorder | None = None) -> None:
    """Let the requests of a ccxt exchange be kept by the ``Call`` in which they are made, and by a recorder."""
    fetch, hook = exchange.fetch, exchange.on_rest_response

    async def kept(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        call = _call.get()
        if call is None:
            return await fetch(url, method, headers, body)
        sending = call.begin(method, url)
        token = _sending.set(sending)
        try:
            return await fetch(url, method, headers, body)
        except BaseException as error:
            if not sending.status and not sending.problem:
                sending.problem = type(error).__name__ if sending.sent_ns else f"not_sent: {type(error).__name__}"
            raise
        finally:
            _sending.reset(token)
            if recorder is not None:
                recorder.add(question(method, url, body), sending.exchange())

    def answered(status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
        sending = _sending.get()
        if sending is not None:
            sending.status, sending.headers, sending.body = status, dict(headers), str(body)
        return hook(status, reason, url, method, headers, body, *rest)

    exchange.fetch, exchange.on_rest_response = kept, answered


def attach_recording(exchange: Any, recording: Recording) -> None:
    """Let a ccxt exchange have its answers from a recording; nothing leaves."""

    async def replayed(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        call = _call.get()
        asked = question(method, url, body)
        if call is None:
            raise DataError(f"A request outside of any call: {asked}", remedy="Record it, or do not make it")
        sending = call.begin(method, url)
        sending.leave()
        found = recording.take(asked)
        if found is None:
            sending.sent_ns, sending.problem = 0, f"not_recorded: the recording has no answer to {asked}"
            raise DataError(sending.problem, remedy="Replay the requests that were recorded")
        sending.status, sending.headers, sending.body = found.status, found.headers, found.body
        sending.problem = found.problem
        if not found.status:
            raise TimeoutError(found.problem)
        parsed = exchange.parse_json(found.body)
        handled = (found.status, "", url, method)
        exchange.handle_errors(*handled, dict(found.headers), found.body, parsed, headers, body)
        exchange.handle_http_status_code(*handled, found.body)
        return found.body if parsed is None else parsed

    exchange.fetch = replayed
