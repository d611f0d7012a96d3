"""The venue as a whole: its exchange, the market that moves it, API keys and listen keys.

Pure: every input is a method with its time, and the same inputs make the same venue. ``replay`` takes them from a
journal again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.authentication import Keys, Permissions
from live_runner.services.emulator.binance import AccountOptions, Exchange, Options, Refused, Row, StreamEvent
from live_runner.services.emulator.binance.state import Print
from live_runner.services.emulator.driver import Driver, Moved
from live_runner.services.emulator.endpoints import ENDPOINTS
from live_runner.services.emulator.faults import converted
from live_runner.services.emulator.listen_keys import ListenKeys, expired_event
from live_runner.services.emulator.market_source import Source

__all__ = ["Venue", "changes"]

LISTEN_KEY: Final = "/fapi/v1/listenKey"
_KEY_FIELDS: Final = frozenset(Permissions.__struct_fields__)


class Venue:
    """Everything that a ``kill -9`` must not lose."""

    def __init__(self, source: Source, options: Options, seed: int, start_ms: int) -> None:
        self.keys = Keys()
        self.listen_keys = ListenKeys(seed)
        self.exchange = Exchange(source.symbols(), options=options, interval_ms=source.interval_ms, history=source.rows)
        self.driver = Driver(self.exchange, source, start_ms)
        self.now_ms = start_ms
        self._expired: list[StreamEvent] = []
        self._moved: list[Moved] = []
        self._acts = {
            "listen_key": self._act_on_listen_key,
            "price": self._trade,
            "step": self._step,
            "candles": self._revise,
            "stall": self._stall,
        }

    def advance(self, now_ms: int) -> list[Moved]:
        """Let time pass: trades of the market, and what becomes due by itself."""
        self.now_ms = max(self.now_ms, now_ms)
        moved, self._moved = self._moved + self.driver.advance(self.now_ms), []
        self.exchange.pass_time(self.now_ms)
        for key, account in self.listen_keys.expire(self.now_ms):
            self._expire(key, account)
        return moved

    def open_account(self, given: Any, now_ms: int) -> str:
        """A key with its account, from one JSON object; the key. ConfigError for what is not part of one."""
        if not isinstance(given, dict) or not isinstance(given.get("key"), str) or not given["key"]:
            raise ConfigError("An account needs a 'key' and a 'secret'", remedy="Give both as text")
        key = given["key"]
        own = {name: value for name, value in given.items() if name in _KEY_FIELDS}
        money = {name: given[name] for name in AccountOptions.__struct_fields__ if name in given}
        unknown = set(given) - set(own) - set(money) - {"key"}
        if unknown:
            names = sorted({"key", *_KEY_FIELDS, *AccountOptions.__struct_fields__})
            raise ConfigError(f"'{min(unknown)}' is not part of an account", remedy=f"It may have {', '.join(names)}")
        permissions = converted({"created_ms": now_ms, **own}, Permissions, "key")
        self.exchange.open_account(key, converted(money, AccountOptions, "account"), now_ms)
        self.keys.keys[key] = permissions
        return str(key)

    def handle(self, endpoint: str, account: str | None, params: Mapping[str, str], now_ms: int) -> Any:
        """The answer to a request that is allowed; Refused otherwise."""
        method, _, path = endpoint.partition(" ")
        if path == LISTEN_KEY and account is not None:
            return self.listen_keys.handle(method, account, now_ms)
        return self.exchange.handle(endpoint, account, params, max(now_ms, self.now_ms))

    def act(self, verb: str, params: Mapping[str, Any], now_ms: int) -> Any:
        """What the venue or others do; ConfigError for a verb or parameter that is wrong."""
        if verb in self._acts:
            return self._acts[verb](params, max(now_ms, self.now_ms))
        return self.exchange.act(verb, params, max(now_ms, self.now_ms))

    def take_events(self) -> list[StreamEvent]:
        """What goes out on the user data streams, in order."""
        taken, self._expired = self._expired, []
        return self.exchange.take_events() + taken

    def replay(self, entry: Sequence[Any]) -> None:
        """Do again what a journal holds: kind, time, and the arguments of that kind."""
        kind, now_ms, *rest = entry
        self.advance(now_ms)
        try:
            if kind == "account":
                self.open_account(rest[0], now_ms)
            elif kind == "act":
                self.act(rest[0], rest[1], now_ms)
            elif kind == "handle":
                self.handle(rest[0], rest[1], rest[2], now_ms)
        except (Refused, ConfigError):
            pass  # it was refused the first time too, and may have changed something before
        self.take_events()

    def snapshot(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        return {
            "now_ms": self.now_ms,
            "done_ms": self.driver.done_ms,
            "stalled": sorted(self.driver.stalled),
            "keys": msgspec.to_builtins(self.keys.keys),
            "listen_keys": self.listen_keys.snapshot(),
            "exchange": self.exchange.snapshot(),
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Become what a snapshot says."""
        self.now_ms = stored["now_ms"]
        self.driver.done_ms = stored["done_ms"]
        self.driver.stalled = set(stored["stalled"])
        self.keys.keys = msgspec.convert(stored["keys"], dict[str, Permissions])
        self.listen_keys.restore(stored["listen_keys"])
        self.exchange.restore(stored["exchange"])

    def _trade(self, params: Mapping[str, Any], now_ms: int) -> Any:
        """One trade of the market, at the venue's time."""
        price, quantity = _decimal(params, "price"), _decimal(params, "quantity", "0")
        symbol, jumps = str(params.get("symbol", "")), bool(params.get("jumps", True))
        self.exchange.price(symbol, price, now_ms, quantity=quantity, jumps=jumps)
        self._moved.append(Moved(symbol, Print(now_ms, price, quantity, jumps)))
        return {"symbol": symbol, "price": str(price)}

    def _step(self, params: Mapping[str, Any], _now_ms: int) -> Any:
        """One whole candle, matched on the way that it goes: ``row`` is its open time in ms and five texts."""
        row = _row(params.get("row"))
        self.exchange.step(str(params.get("symbol", "")), row)
        return {"open_ms": row.open_ms}

    def _revise(self, params: Mapping[str, Any], _now_ms: int) -> Any:
        """Candles are served otherwise from now on: ``rows`` as of ``step``, and none of ``missing`` open times."""
        rows, missing = params.get("rows", []), params.get("missing", [])
        if not isinstance(rows, list | tuple) or not isinstance(missing, list | tuple):
            raise ConfigError("'rows' and 'missing' are lists", remedy='Write {"rows": [], "missing": [0]}')
        self.exchange.revise(str(params.get("symbol", "")), [_row(row) for row in rows], [int(ms) for ms in missing])
        return {"rows": len(rows), "missing": len(missing)}

    def _stall(self, params: Mapping[str, Any], _now_ms: int) -> Any:
        """The market of ``symbol`` stands still, or goes on (``stalled`` false), without what it would have traded."""
        symbol = str(params.get("symbol", ""))
        if params.get("stalled", True):
            self.driver.stalled.add(symbol)
        else:
            self.driver.stalled.discard(symbol)
        return {"stalled": sorted(self.driver.stalled)}

    def _act_on_listen_key(self, params: Mapping[str, Any], now_ms: int) -> Any:
        account, what = str(params.get("account", "")), params.get("what")
        if what not in ("expire", "delete", "steal") or account not in self.keys.keys:
            raise ConfigError(
                "A listen key needs an 'account' that is there, and 'what': expire, delete or steal",
                remedy='Write {"account": "KEY", "what": "expire"}',
            )
        gone = self.listen_keys.expire(now_ms, account)
        for key, of in gone if what == "expire" else ():
            self._expire(key, of)
        return {"keys": [key for key, _ in gone]}

    def _expire(self, key: str, account: str) -> None:
        payload = expired_event(key, self.now_ms)
        self._expired.append(StreamEvent(account, payload["e"], payload))


def _row(given: Any) -> Row:
    if not isinstance(given, list | tuple) or len(given) != len(Row.__struct_fields__):
        raise ConfigError("A candle is its open time and five texts", remedy='Write [0, "1", "2", "1", "2", "9"]')
    return converted([int(given[0]), *map(str, given[1:])], Row, "candle")


def _decimal(params: Mapping[str, Any], name: str, default: str = "") -> Decimal:
    try:
        value = Decimal(str(params.get(name, default)))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise ConfigError(f"'{params.get(name, '')}' is not a valid {name}", remedy="Give a decimal number as text")
    return value


def changes(endpoint: str) -> bool:
    """Whether a request changes the venue."""
    found = ENDPOINTS.get(endpoint)
    return found is not None and (found.changes or endpoint.endswith(LISTEN_KEY))
