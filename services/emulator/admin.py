"""The admin port: what tests and operators do to the venue, and what they see of it. Plain HTTP on loopback.

    GET  /health
    GET  /_/clock?after=N&wait_ms=M    POST {"mode": "manual"} {"advance_ms": 60000} {"skew_ms": -500}
    GET  /_/faults                     POST {"match": {...}, "before"|"after": {...}}    DELETE /_/faults[/ID]
    GET  /_/requests?after=N&count=C&wait_ms=M&path=P&method=M      every request, oldest first
    GET  /_/limits                     POST {"weight_per_minute": 100}
    POST /_/streams/close {"code": 1001}                            every WebSocket, at once

``wait_ms`` waits so long for an entry after N, or until there are C of them. A wrong call is answered by 400 and
``{"error": {"code": ..., "message": ...}}``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from live_runner.contracts.errors import ConfigError, RunnerError
from live_runner.services.emulator.clock import clock_rate
from live_runner.services.emulator.faults import converted
from live_runner.services.emulator.limits import LimitsOptions

if TYPE_CHECKING:
    from live_runner.services.emulator.shell import Emulator

__all__ = ["Admin"]

WAIT_MS_MAX: Final = 60_000
_MS: Final = 1_000_000

type Query = Mapping[str, str]


class _ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to become of the clock."""

    mode: str | None = None
    advance_ms: int | None = None
    skew_ms: int | None = None


class _Close(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: int = 1001


class Admin:
    """Every admin call, over HTTP and from a script."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._calls: dict[str, Callable[[str, Query, Any], Awaitable[Any]]] = {
            "GET health": self._health,
            "GET clock": self._clock,
            "POST clock": self._set_clock,
            "GET faults": self._faults,
            "POST faults": self._add_fault,
            "DELETE faults": self._lift_faults,
            "GET requests": self._requests,
            "GET limits": self._limits,
            "POST limits": self._set_limits,
            "POST streams": self._streams,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP call."""
        try:
            text = await request.text()
            body = msgspec.json.decode(text) if text else {}
            answer = await self.call(request.method, request.path, request.query, body)
        except msgspec.DecodeError as error:
            return _json({"error": {"code": "config_error", "message": f"The body is not valid JSON: {error}"}}, 400)
        except LookupError as error:
            return _json({"error": {"code": "unknown_call", "message": str(error.args[0])}}, 404)
        except RunnerError as error:
            return _json({"error": {"code": error.code, "message": str(error)}}, 400)
        return _json(answer)

    async def call(self, method: str, path: str, query: Query, body: Any) -> Any:
        """One call; LookupError when there is none of that name."""
        name, _, rest = path.removeprefix("/_/").strip("/").partition("/")
        found = self._calls.get(f"{method} {name}")
        if found is None or (name != "health" and not path.startswith("/_/")):
            raise LookupError(f"There is no admin call {method} {path}")
        return await found(rest, query, body)

    async def _health(self, _rest: str, _query: Query, _body: Any) -> Any:
        return {"service": "emulator", "connections": len(self._emulator.streams)}

    async def _clock(self, _rest: str, query: Query, _body: Any) -> Any:
        clock = self._emulator.clock
        after, wait_ms = _whole(query, "after", -1), _wait_ms(query)
        if wait_ms and clock.changes <= after:
            await clock.changed(wait_ms / 1000)
        return clock.view()

    async def _set_clock(self, _rest: str, _query: Query, body: Any) -> Any:
        change = converted(body, _ClockChange, "change of the clock")
        clock = self._emulator.clock
        if change.mode is not None:
            clock.set_rate(clock_rate(change.mode))
        if change.skew_ms is not None:
            clock.skew_ms = change.skew_ms
            clock.signal()
        if change.advance_ms is not None:
            clock.advance(change.advance_ms * _MS)
        return clock.view()

    async def _faults(self, _rest: str, _query: Query, _body: Any) -> Any:
        return self._emulator.faults.view()

    async def _add_fault(self, _rest: str, _query: Query, body: Any) -> Any:
        return self._emulator.faults.add(body).view()

    async def _lift_faults(self, rest: str, _query: Query, _body: Any) -> Any:
        return self._emulator.faults.lift(_number(rest) if rest else None)

    async def _requests(self, _rest: str, query: Query, _body: Any) -> Any:
        wanted = {name: value for name, value in query.items() if name not in ("after", "count", "wait_ms")}
        count = _whole(query, "count", 1)
        return await self._emulator.requests.wait(_whole(query, "after", 0), count, _wait_ms(query) / 1000, **wanted)

    async def _limits(self, _rest: str, _query: Query, _body: Any) -> Any:
        return self._emulator.limits.view()

    async def _set_limits(self, _rest: str, _query: Query, body: Any) -> Any:
        limits = self._emulator.limits
        limits.options = converted(msgspec.to_builtins(limits.options) | dict(body), LimitsOptions, "limit")
        return limits.view()

    async def _streams(self, rest: str, _query: Query, body: Any) -> Any:
        if rest != "close":
            raise LookupError(f"There is no admin call POST /_/streams/{rest}")
        return {"closed": await self._emulator.streams.close(converted(body, _Close, "close").code)}


def _json(answer: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(answer), content_type="application/json")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"'{text}' is not a valid whole number", remedy="Give the number that the call answered")
    return int(text)


def _whole(query: Query, name: str, default: int) -> int:
    return _number(query[name]) if name in query else default


def _wait_ms(query: Query) -> int:
    wait_ms = _whole(query, "wait_ms", 0)
    if wait_ms > WAIT_MS_MAX:
        raise ConfigError(f"'wait_ms' is at most {WAIT_MS_MAX}", remedy="Wait again with 'after'")
    return wait_ms
