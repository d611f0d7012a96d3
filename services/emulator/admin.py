"""The admin port: what tests and operators do to the venue, and what they see of it. Plain HTTP on loopback.

    GET  /health
    GET  /_/clock?after=N&wait_ms=M    POST {"mode": "manual"} {"advance_ms": 60000} {"skew_ms": -500}
    POST /_/accounts                   {"key": ..., "secret": ..., "balances": {"USDT": "10000"}, "hedge": true ...}
    POST /_/accounts/KEY/VERB          liquidate, adl, funding, transfer, mode, leverage, manual_order; ban
    POST /_/orders/ID/VERB             fill, cancel, expire, reject, resize, trigger, hide (ID: number or client id)
    POST /_/market/SYMBOL[/WHAT]       price, trade, step, candles, stall, settle; without WHAT mark_gap ...
    POST /_/rules/SYMBOL               tick, step, min_notional, status, delivery_ms ...
    POST /_/listen_key                 {"account": KEY, "what": "expire"|"delete"|"steal"}
    GET  /_/faults                     POST {"match": {...}, "before"|"after": {...}}    DELETE /_/faults[/ID]
    GET  /_/streams?kind=user|market   the frames; POST a stream fault; DELETE /_/streams[/ID]; GET /_/streams/faults
    POST /_/streams/close              {"code": 1001}: every WebSocket, at once
    GET  /_/requests?after=N&count=C&wait_ms=M&path=P&method=M      every request, oldest first
    GET  /_/limits                     POST {"weight_per_minute": 100}
    GET  /_/script                     POST {"lines": TEXT} or {"seed": N, "lines": 20, "within_ms": 600000}
    GET  /_/ledger, /_/invariants      POST /_/snapshot, /_/restore {"path": FILE}

``wait_ms`` waits so long for an entry after N, or until there are C of them. A wrong call is answered by 400 and
``{"error": {"code": ..., "message": ...}}``, what the venue itself refuses by 409 and its code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from live_runner.contracts.errors import ConfigError, RunnerError
from live_runner.services.emulator import faults, script, stream_faults
from live_runner.services.emulator.binance import Refused
from live_runner.services.emulator.clock import clock_rate
from live_runner.services.emulator.faults import converted
from live_runner.services.emulator.limits import LimitsOptions

if TYPE_CHECKING:
    from live_runner.services.emulator.shell import Emulator

__all__ = ["Admin", "check_call"]

WAIT_MS_MAX: Final = 60_000
ADDRESS: Final = "127.0.0.1"
_MS: Final = 1_000_000
_PAGING: Final = ("after", "count", "wait_ms", "kind")
_ORDER_VERBS: Final = ("fill", "cancel", "expire", "reject", "resize", "trigger", "hide")
_ACCOUNT_VERBS: Final = ("liquidate", "adl", "funding", "transfer", "mode", "leverage", "manual_order", "ban")
_MARKET_VERBS: Final = {
    "": "market",
    "price": "price",
    "trade": "price",
    "step": "step",
    "candles": "candles",
    "stall": "stall",
    "settle": "settle",
}

type Query = Mapping[str, str]


class _ClockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: str | None = None
    advance_ms: int | None = None
    skew_ms: int | None = None


class _Close(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: int = 1001


class _Ban(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str = ADDRESS
    ms: int | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lines: str | int = 20
    seed: int | None = None
    within_ms: int = 600_000


class Admin:
    """Every admin call, over HTTP and from a script."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

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
        except Refused as error:
            return _json({"error": {"code": error.code, "message": error.message}}, 409)
        except RunnerError as error:
            return _json({"error": {"code": error.code, "message": str(error)}}, 400)
        return _json(answer)

    async def call(self, method: str, path: str, query: Query, body: Any) -> Any:
        """One call; LookupError for one that is not known."""
        verb, rest = _found(method, path)
        return await verb(self, rest, query, body)

    async def health(self, _rest: str, _query: Query, _body: Any) -> Any:
        """Whether it runs."""
        return {"service": "emulator", "connections": len(self._emulator.streams)}

    async def clock(self, _rest: str, query: Query, _body: Any) -> Any:
        """The clock; with ``wait_ms`` once it has been set or moved."""
        clock = self._emulator.clock
        after, wait_ms = _whole(query, "after", -1), _wait_ms(query)
        if wait_ms and clock.changes <= after:
            await clock.changed(wait_ms / 1000)
        return clock.view()

    async def set_clock(self, _rest: str, _query: Query, body: Any) -> Any:
        """Set or move the clock; what is due by then has happened when this answers."""
        change = converted(body, _ClockChange, "change of the clock")
        clock = self._emulator.clock
        if change.mode is not None:
            clock.set_rate(clock_rate(change.mode))
        if change.skew_ms is not None:
            clock.skew_ms = change.skew_ms
            clock.signal()
        if change.advance_ms is not None:
            await self._emulator.advance(change.advance_ms * _MS)
        else:
            await self._emulator.catch_up()
        return clock.view()

    async def open_account(self, rest: str, _query: Query, body: Any) -> Any:
        """Open an account, or do what others do to one."""
        if not rest:
            return {"account": self._emulator.open_account(body)}
        account, _, verb = rest.rpartition("/")
        if verb == "ban":
            ban, now_ms = converted(body, _Ban, "ban"), self._emulator.clock.now_ms()
            return {"until_ms": self._emulator.limits.ban(ban.address, now_ms, ban.ms)}
        return self._emulator.act(verb, {**_object(body), "account": account})

    async def act_on_order(self, rest: str, _query: Query, body: Any) -> Any:
        """The venue's own acts on an order."""
        order, _, verb = rest.rpartition("/")
        return self._emulator.act(verb, {**_object(body), "order": order})

    async def act_on_market(self, rest: str, _query: Query, body: Any) -> Any:
        """Prices, candles and the state of a market."""
        symbol, _, what = rest.partition("/")
        return self._emulator.act(_MARKET_VERBS[what], {**_object(body), "symbol": symbol})

    async def set_rules(self, rest: str, _query: Query, body: Any) -> Any:
        """Rules of a symbol."""
        return self._emulator.act("rules", {**_object(body), "symbol": rest})

    async def act_on_listen_key(self, _rest: str, _query: Query, body: Any) -> Any:
        """End a listen key."""
        return self._emulator.act("listen_key", _object(body))

    async def faults(self, _rest: str, _query: Query, _body: Any) -> Any:
        """Faults with their counts."""
        return self._emulator.faults.view()

    async def add_fault(self, _rest: str, _query: Query, body: Any) -> Any:
        """One fault more."""
        return self._emulator.faults.add(body).view()

    async def lift_faults(self, rest: str, _query: Query, _body: Any) -> Any:
        """One fault less, or all."""
        return self._emulator.faults.lift(_number(rest) if rest else None)

    async def streams(self, rest: str, query: Query, _body: Any) -> Any:
        """Frames that were sent, or should have been; or the stream faults."""
        streams = self._emulator.streams
        if rest == "faults":
            return streams.faults.view()
        log = streams.market_frames if query.get("kind") == "market" else streams.user_frames
        return await _waited(log, query)

    async def act_on_streams(self, rest: str, _query: Query, body: Any) -> Any:
        """One stream fault more, or the end of every connection."""
        streams = self._emulator.streams
        if rest == "close":
            return {"closed": await streams.close(converted(body, _Close, "close").code)}
        return streams.faults.add(body)

    async def lift_stream_faults(self, rest: str, _query: Query, _body: Any) -> Any:
        """One stream fault less, or all."""
        return self._emulator.streams.faults.lift(_number(rest) if rest else None)

    async def requests(self, _rest: str, query: Query, _body: Any) -> Any:
        """Every request that was received."""
        return await _waited(self._emulator.requests, query)

    async def limits(self, _rest: str, _query: Query, _body: Any) -> Any:
        """Limits, and what addresses have used."""
        return self._emulator.limits.view()

    async def set_limits(self, _rest: str, _query: Query, body: Any) -> Any:
        """Other limits."""
        limits = self._emulator.limits
        given = msgspec.to_builtins(limits.options) | _object(body)
        limits.options = converted(given, LimitsOptions, "limit")
        return limits.view()

    async def script(self, _rest: str, _query: Query, _body: Any) -> Any:
        """What of the script is done, with each answer, and how much is left."""
        return self._emulator.script_view()

    async def play(self, _rest: str, _query: Query, body: Any) -> Any:
        """Play a script from now on, a given or a drawn one; its lines."""
        given = converted(body, _Script, "script")
        if given.seed is None:
            lines = script.parse(str(given.lines), check_call, "the script")
        else:
            lines = script.drawn(given.seed, int(given.lines), given.within_ms)
        self._emulator.play(lines)
        return {"lines": msgspec.to_builtins(lines)}

    async def ledger(self, _rest: str, _query: Query, _body: Any) -> Any:
        """The truth about every account."""
        return self._emulator.venue.exchange.ledger()

    async def invariants(self, _rest: str, _query: Query, _body: Any) -> Any:
        """What does not hold of it; empty when all is well."""
        return self._emulator.venue.exchange.invariants()

    async def snapshot(self, _rest: str, _query: Query, body: Any) -> Any:
        """Store the venue in a file."""
        path = Path(converted(body, _File, "snapshot").path)
        self._emulator.store(path)
        return {"path": str(path)}

    async def restore(self, _rest: str, _query: Query, body: Any) -> Any:
        """Become what a file says."""
        self._emulator.restore(Path(converted(body, _File, "restore").path))
        return {"now_ms": self._emulator.clock.now_ms()}


type _Verb = Callable[[Admin, str, Query, Any], Awaitable[Any]]

_CALLS: Final[dict[str, _Verb]] = {
    "GET health": Admin.health,
    "GET clock": Admin.clock,
    "POST clock": Admin.set_clock,
    "POST accounts": Admin.open_account,
    "POST orders": Admin.act_on_order,
    "POST market": Admin.act_on_market,
    "POST rules": Admin.set_rules,
    "POST listen_key": Admin.act_on_listen_key,
    "GET faults": Admin.faults,
    "POST faults": Admin.add_fault,
    "DELETE faults": Admin.lift_faults,
    "GET streams": Admin.streams,
    "POST streams": Admin.act_on_streams,
    "DELETE streams": Admin.lift_stream_faults,
    "GET requests": Admin.requests,
    "GET limits": Admin.limits,
    "POST limits": Admin.set_limits,
    "GET script": Admin.script,
    "POST script": Admin.play,
    "GET ledger": Admin.ledger,
    "GET invariants": Admin.invariants,
    "POST snapshot": Admin.snapshot,
    "POST restore": Admin.restore,
}
# What may follow the name of a call.
_RESTS: Final[dict[str, Callable[[str], bool]]] = {
    "POST accounts": lambda rest: not rest or rest.rpartition("/")[2] in _ACCOUNT_VERBS,
    "POST orders": lambda rest: rest.rpartition("/")[2] in _ORDER_VERBS,
    "POST market": lambda rest: bool(rest) and rest.partition("/")[2] in _MARKET_VERBS,
    "POST rules": lambda rest: rest != "",
    "DELETE faults": lambda _: True,
    "DELETE streams": lambda _: True,
    "GET streams": lambda rest: rest in ("", "faults"),
    "POST streams": lambda rest: rest in ("", "close"),
}


def check_call(do: str, given: Any) -> None:
    """ConfigError for a call that does not exist, or a fault that is not one: before a script begins."""
    method, _, path = do.partition(" ")
    try:
        verb, rest = _found(method, path)
    except LookupError as error:
        raise ConfigError(str(error.args[0]), remedy="See the list of calls in the emulator's admin.py") from error
    if verb is Admin.add_fault:
        faults.checked(given)
    if verb is Admin.act_on_streams and not rest:
        stream_faults.checked(given)


def _found(method: str, path: str) -> tuple[_Verb, str]:
    name, _, rest = path.removeprefix("/_/").strip("/").partition("/")
    call = f"{method} {name}"
    is_there = path.startswith("/_/") or path == "/health"
    may_follow = _RESTS.get(call, _nothing)
    if call not in _CALLS or not is_there or not may_follow(rest):
        raise LookupError(f"'{method} {path}' is not an admin call")
    return _CALLS[call], rest


def _nothing(rest: str) -> bool:
    return not rest


async def _waited(log: Any, query: Query) -> Any:
    wanted = {name: value for name, value in query.items() if name not in _PAGING}
    return await log.wait(_whole(query, "after", 0), _whole(query, "count", 1), _wait_ms(query) / 1000, **wanted)


def _json(answer: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(answer), content_type="application/json")


def _object(body: Any) -> dict[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise ConfigError("The body is not a JSON object", remedy='Write for example {"quantity": "1"}')
    return body


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
