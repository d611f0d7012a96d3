"""One request of the venue's API from its bytes to its answer.

    log -> faults before -> limits of the address -> key, time, signature -> limits of orders
        -> execution -> faults after

A delay before execution is the way to the venue: limits and the window of the signature are looked at when it is over.
What goes wrong after execution goes wrong with the answer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from live_runner.services.emulator.authentication import Keys
from live_runner.services.emulator.binance import Refused
from live_runner.services.emulator.clock import EmulatorClock
from live_runner.services.emulator.endpoints import ENDPOINTS, Endpoint
from live_runner.services.emulator.faults import Action, Faults, Request
from live_runner.services.emulator.limits import MINUTE_MS, TEN_SECONDS_MS, Limits, TooManyRequests
from live_runner.services.emulator.proxy import ConnectProxy, reset
from live_runner.services.emulator.request_log import WireLog

__all__ = ["Api", "Executor", "Message"]

KEY_HEADER: Final = "X-MBX-APIKEY"
_MS: Final = 1_000_000
_ANSWERED_ENTIRELY: Final = "whole"


class Executor(Protocol):
    """What executes a request that has come this far."""

    def execute(self, endpoint: str, account: str | None, params: Mapping[str, str], now_ms: int) -> Any:
        """The answer as JSON values; Refused otherwise."""

    def after_fault(self, action: Action, request: Request) -> None:
        """The venue's own acts of a fault: fill the order, hide it."""


@dataclass(slots=True)
class Message:
    """One request as it came."""

    endpoint: str
    path: str
    query: str
    body: str
    params: dict[str, str]
    key: str | None
    address: str
    entry: dict[str, Any] = field(default_factory=dict)
    """Of the log."""


@dataclass(slots=True)
class _Answer:
    """What the client is to get."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


class Api:
    """Requests of every tunnel. ``stream`` takes those that ask for a WebSocket."""

    def __init__(
        self,
        executor: Executor,
        *,
        clock: EmulatorClock,
        faults: Faults,
        limits: Limits,
        keys: Keys,
        log: WireLog,
        stream: Callable[[web.BaseRequest, Message], Any],
    ) -> None:
        self.proxy: ConnectProxy | None = None
        """Set once it listens."""
        self._executor = executor
        self._clock = clock
        self._faults = faults
        self._limits = limits
        self._keys = keys
        self._log = log
        self._stream = stream

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one request, or what is left of it."""
        message = await self._message(request)
        entry = message.entry
        asked = Request(request.method, message.path, message.params, message.key, self._clock.now_ms())
        before, after = self._faults.met(asked)
        if before is not None:
            await self._delay(before)
            if before.answers:
                return await self._broken(request, entry, before, None)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            entry["executed"] = True
            response: web.StreamResponse = await self._stream(request, message)
            return response
        answer = self._answer(message)
        if after is not None:
            if entry["executed"] and (after.fill is not None or after.hide_ms):
                self._executor.after_fault(after, asked)
            await self._delay(after)
            if after.answers:
                return await self._broken(request, entry, after, answer)
        self._finish(entry, answer.status, _ANSWERED_ENTIRELY)
        return _response(answer)

    async def _message(self, request: web.BaseRequest) -> Message:
        path, _, query = request.raw_path.partition("?")
        body = (await request.read()).decode("utf-8", "replace") if request.can_read_body else ""
        params = dict(parse_qsl("&".join(filter(None, (query, body))), keep_blank_values=True))
        peer = request.transport.get_extra_info("peername") if request.transport is not None else None
        address, port = (str(peer[0]), str(peer[1])) if peer else ("", "")
        entry = self._log.add(
            {
                "at_ms": self._clock.now_ms(),
                "connection": f"{address}:{port}",
                "host": request.host,
                "method": request.method,
                "path": path,
                "params": {name: value for name, value in params.items() if name != "signature"},
                "headers": {name: value for name, value in request.headers.items() if name.upper() != KEY_HEADER},
                "key": (request.headers.get(KEY_HEADER) or "")[-4:],
                "weight": 0,
                "executed": False,
                "answered": "no",
                "status": None,
            }
        )
        key = request.headers.get(KEY_HEADER)
        return Message(f"{request.method} {path}", path, query, body, params, key, address, entry)

    def _answer(self, message: Message) -> _Answer:
        """Execute, unless something stands against it."""
        now_ms = self._clock.now_ms()
        endpoint = ENDPOINTS.get(message.endpoint)
        entry = message.entry
        headers: dict[str, str] = {}
        try:
            weight = entry["weight"] = 1 if endpoint is None else endpoint.weight(message.params)
            headers["X-MBX-USED-WEIGHT-1M"] = str(self._limits.charge(message.address, weight, now_ms))
            if endpoint is None:
                method, _, path = message.endpoint.partition(" ")
                raise Refused(404, -5000, f"Path {path}, Method {method} is invalid")
            account = self._account(endpoint, message, now_ms)
            if endpoint.orders and account is not None:
                counts = self._limits.charge_orders(account, endpoint.orders, now_ms)
                headers["X-MBX-ORDER-COUNT-10S"] = str(counts[TEN_SECONDS_MS])
                headers["X-MBX-ORDER-COUNT-1M"] = str(counts[MINUTE_MS])
            payload = self._executor.execute(message.endpoint, account, message.params, now_ms)
        except TooManyRequests as error:
            headers["Retry-After"] = str(error.retry_after_s)
            return _Answer(error.status, _error_body(error.code, error.message), headers)
        except Refused as error:
            return _Answer(error.status, _error_body(error.code, error.message), headers)
        entry["executed"] = True
        return _Answer(200, msgspec.json.encode(payload), headers)

    def _account(self, endpoint: Endpoint, message: Message, now_ms: int) -> str | None:
        return self._keys.account(
            endpoint, message.key, message.query, message.body, message.params, message.address, now_ms
        )

    async def _delay(self, action: Action) -> None:
        if action.delay_ms:
            await self._clock.until(self._clock.now_ns() + action.delay_ms * _MS)

    async def _broken(
        self, request: web.BaseRequest, entry: dict[str, Any], action: Action, answer: _Answer | None
    ) -> web.StreamResponse:
        """What the client gets of a fault; ``answer`` is the true one, where the request was executed."""
        if action.reset:
            self._finish(entry, None, "reset")
            reset(request.transport)
            return web.Response()
        if action.drop:
            self._finish(entry, None, "dropped")
            if self.proxy is not None:
                await self.proxy.until_lost(request)
            return web.Response()
        broken = _changed(action, answer)
        if action.cut_body is not None:
            self._finish(entry, broken.status, "cut")
            return await _cut(request, broken, action.cut_body)
        self._finish(entry, broken.status, "changed")
        return _response(broken)

    def _finish(self, entry: dict[str, Any], status: int | None, answered: str) -> None:
        entry["status"] = status
        entry["answered"] = answered
        self._log.signal()


def _changed(action: Action, answer: _Answer | None) -> _Answer:
    if action.code is not None:
        changed = _Answer(400, _error_body(action.code, action.message))
    elif action.body is not None or action.status is not None or action.redirect is not None or answer is None:
        body = (action.body or "").encode()
        changed = _Answer(200, body, kind="application/json" if body[:1] in (b"{", b"[") else "text/html")
    else:
        changed = answer
    if action.redirect is not None:
        changed.status = 302
        changed.headers["Location"] = action.redirect
    if action.status is not None:
        changed.status = action.status
    changed.headers |= action.headers
    return changed


async def _cut(request: web.BaseRequest, answer: _Answer, length: int) -> web.StreamResponse:
    """The head and the beginning of the body, and then the end of the connection."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_type = answer.kind
    response.content_length = max(len(answer.body), length + 1)
    await response.prepare(request)
    await response.write(answer.body[:length])
    if request.transport is not None:
        request.transport.close()
    return response


def _response(answer: _Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, headers=answer.headers, content_type=answer.kind)


def _error_body(code: int, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "msg": message})
