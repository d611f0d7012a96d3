"""One account at a venue, through unmodified ccxt: each call sends at most one request that changes something.

ccxt's limiter is off (it waits after a time was checked), numbers are text, timestamps come from the venue's own clock,
and a session of wire.py sends each request once. What an answer means is read by answers.py; the exception that ccxt
raises is only its text here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import Any, Final, NamedTuple

import aiohttp
import ccxt

from live_runner.contracts.errors import ConfigError, RunnerError
from live_runner.contracts.messages import Instrument, Requested
from live_runner.services.venues.answers import AnswerTable, HttpExchange, Verdict, classify
from live_runner.services.venues.ccxt_markets import instrument_from_ccxt
from live_runner.services.venues.client_ids import ClientIds, NoCall, Operation
from live_runner.services.venues.recording import Recorder, Recording
from live_runner.services.venues.registry import profile_of
from live_runner.services.venues.sending import check_sending
from live_runner.services.venues.wire import Call, attach, attach_recording, open_session

__all__ = ["CallResult", "CcxtAccount", "Credentials", "private_config"]

_READING: Final = "GET"
_TRIGGERS: Final = ("stop", "take_profit")
# What ccxt's parsers raise on an answer of another shape than the documented one.
_UNREADABLE: Final = (TypeError, KeyError, IndexError, ValueError, AttributeError, ArithmeticError, InvalidOperation)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of an account; nothing of them is shown but the end of the key."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The last four characters of the key."""
        return f"...{self.key[-4:]}"


def private_config(venue: str, credentials: Credentials, options: Mapping[str, Any]) -> dict[str, Any]:
    """ccxt's configuration of a private connection."""
    profile = profile_of(venue)
    passed = {key: options[key] for key in ("httpsProxy", "wssProxy", "cafile", "timeout") if key in options}
    return {
        "enableRateLimit": False,
        "options": {**profile.options, **profile.sending_options},
        **profile.sending_config,
        **passed,
        "apiKey": credentials.key,
        "secret": credentials.secret,
        "password": credentials.password,
    }


class CallResult(NamedTuple):
    """One call of ccxt."""

    verdict: Verdict
    value: Any
    """What ccxt made of the answer; None unless the verdict is ``done``."""
    exchanges: list[HttpExchange]

    @property
    def sent_ns(self) -> int:
        """When the request that the verdict is about left, 0 where nothing did."""
        return self.exchanges[-1].sent_ns if self.exchanges else 0


class CcxtAccount:
    """Calls of one account. ``now_ns`` is the venue's time, by which requests are signed and dated."""

    def __init__(
        self,
        venue: str,
        credentials: Credentials,
        options: Mapping[str, Any],
        now_ns: Callable[[], int],
        *,
        recv_window_ms: int = 3000,
        is_demo: bool = False,
        recorder: Recorder | None = None,
        recording: Recording | None = None,
    ) -> None:
        """``options`` are those that ``market.options`` may hold while orders are sent; ConfigError for others.

        With a ``recording`` it stands in the venue's place and nothing leaves; a ``recorder`` makes one.
        """
        check_sending(venue, options)
        profile = profile_of(venue)
        if profile.answers is None or profile.client_ids is None:
            raise ConfigError(f"Nothing is known of the answers of {venue}", remedy="Trade elsewhere", key="venue")
        self.venue = venue
        self.table: AnswerTable = profile.answers
        self.ids: ClientIds = profile.client_ids
        self.now_ns = now_ns
        self._profile = profile
        config = private_config(venue, credentials, options)
        self.recv_window_ms = recv_window_ms
        config["options"]["recvWindow"] = recv_window_ms
        self._exchange = getattr(import_module("ccxt.async_support"), venue)(config)
        self._exchange.number = str
        # Signed times are the venue's: our wall clock may jump.
        self._exchange.milliseconds = lambda: now_ns() // 1_000_000
        self._exchange.nonce = self._exchange.milliseconds
        if is_demo:
            self._exchange.enable_demo_trading(True)
        self._session: aiohttp.ClientSession | None = None
        self._is_replay = recording is not None
        if recording is None:
            attach(self._exchange, recorder)
        else:
            attach_recording(self._exchange, recording)

    async def open(self) -> CallResult:
        """Connect, and load the venue's markets."""
        if not self._is_replay:
            self._session = open_session(self._exchange.cafile)
            self._exchange.session, self._exchange.own_session = self._session, False
        return await self.call("load_markets")

    async def close(self) -> None:
        """Close every connection."""
        await self._exchange.close()
        if self._session is not None:
            await self._session.close()

    # -- calls ----------------------------------------------------------------------------------

    async def call(self, method: str, *arguments: Any, check: Callable[[], str] = str, **named: Any) -> CallResult:
        """One call of ccxt. ``check`` is asked when a request is about to leave, and answers why it must not.

        A request that changes something leaves once per call, and only to an endpoint whose answers are known.
        """
        changes = 0

        def leaves(verb: str, path: str) -> str:
            nonlocal changes
            if verb != _READING:
                changes += 1
                if f"{verb} {path}" not in self.table.shapes:
                    return f"endpoint: {verb} {path} is not one whose answers are known"
                if changes > 1:
                    return "endpoint: one call sends one request that changes something"
            return check()

        value, error = None, None
        with Call(leaves, self.now_ns) as made:
            try:
                value = await getattr(self._exchange, method)(*arguments, **named)
            except (ccxt.BaseError, RunnerError, TimeoutError, *_UNREADABLE) as raised:
                error = raised
        exchanges = made.exchanges
        verdict = classify(self.table, exchanges[-1] if exchanges else None, error)
        return CallResult(verdict, value if verdict.fate == "done" else None, exchanges)

    def unavailable(self, operation: Operation, client_order_id: str) -> str:
        """Why an order cannot be handled by its client order id, "" where it can."""
        call = self.ids.call(operation, client_order_id)
        return call.reason if isinstance(call, NoCall) else ""

    async def place(
        self, order: Requested, *, one_way: bool, check: Callable[[], str] = str, test: bool = False
    ) -> CallResult:
        """Send one order, as it was requested. Its amount and price must stand on the venue's grid of this moment.

        ``test``: let the venue check it, and place none.
        """
        problem = self._off_grid(order)
        if problem:
            return CallResult(Verdict("not_sent", "rules_changed", problem, "", "rules"), None, [])
        is_trigger = order.kind in _TRIGGERS
        call = self.ids.call("place_trigger" if is_trigger else "place", order.client_order_id)
        if isinstance(call, NoCall):
            return CallResult(Verdict("not_sent", "not_available", call.reason), None, [])
        params = dict(call.arguments.get("params", {}))
        if not one_way:
            params["hedged"] = True
        if order.reduce_only:
            # Where the side names the position ccxt sends no flag: it takes from it which position is meant.
            params["reduceOnly"] = True
        price = order.price
        kind = "market"
        if order.kind == "stop":
            params["stopLossPrice"], price = order.price, None
        elif order.kind == "take_profit":
            params["takeProfitPrice"], price = order.price, None
        elif order.kind != "market":
            kind = "limit"
            if order.kind == "post_only":
                params["postOnly"] = True
            elif order.kind == "ioc":
                params["timeInForce"] = "IOC"
        arguments = (order.symbol, kind, order.side, order.quantity, price)
        if not test:
            return await self.call(call.method, *arguments, check=check, params=params)
        if is_trigger or not self._profile.validate_call:
            return CallResult(Verdict("not_sent", "not_available", "the venue checks no such order"), None, [])
        try:
            request = self._exchange.create_order_request(*arguments, params)
        except (ccxt.BaseError, *_UNREADABLE) as error:
            return CallResult(classify(self.table, None, error), None, [])
        return await self.call(self._profile.validate_call, request, check=check)

    async def by_client_id(
        self, operation: Operation, client_order_id: str, symbol: str, *, check: Callable[[], str] = str
    ) -> CallResult:
        """Fetch or cancel one order by its client order id."""
        call = self.ids.call(operation, client_order_id)
        if isinstance(call, NoCall):
            return CallResult(Verdict("not_sent", "not_available", call.reason), None, [])
        return await self.call(call.method, symbol=symbol, check=check, **call.arguments)

    def has(self, ability: str) -> bool:
        """Whether ccxt can do this at the venue, by its own name for it."""
        return self._exchange.has.get(ability) is True

    # -- rules ----------------------------------------------------------------------------------

    @property
    def symbols(self) -> Sequence[str]:
        """Symbols of linear perpetuals and futures."""
        markets: Mapping[str, Any] = self._exchange.markets or {}
        return [symbol for symbol, market in markets.items() if market.get("contract") and market.get("linear")]

    def rules(self, symbol: str) -> Instrument:
        """Market rules, as the venue stated them when they were loaded."""
        market = self._exchange.market(symbol)
        return instrument_from_ccxt(market, venue=self.venue, precision_mode=self._exchange.precisionMode)

    def status(self, symbol: str) -> str:
        """The venue's word for a market that takes no new positions, "" for one that does."""
        market = self._exchange.market(symbol)
        if market.get("active") is not False:
            return ""
        info = market.get("info") or {}
        return str(info.get("contractStatus") or info.get("status") or info.get("state") or "inactive")

    def symbol_of(self, market_id: object) -> str:
        """Our symbol for the venue's own name, "" for none."""
        return str(self._exchange.safe_symbol(str(market_id), None, None, "swap")) if market_id else ""

    def _off_grid(self, order: Requested) -> str:
        """ccxt rounds without a word; what it would send must be what was requested."""
        exchange = self._exchange
        try:
            amount = exchange.amount_to_precision(order.symbol, order.quantity)
            price = exchange.price_to_precision(order.symbol, order.price) if order.price is not None else None
        except (ccxt.BaseError, *_UNREADABLE) as error:
            return f"{type(error).__name__}: {error}"
        if _differs(amount, order.quantity):
            return f"the venue takes {amount} where {order.quantity} was requested"
        if price is not None and order.price is not None and _differs(price, order.price):
            return f"the venue takes the price {price} where {order.price} was requested"
        return ""


def _differs(one: str, other: str) -> bool:
    return Decimal(one) != Decimal(other)
