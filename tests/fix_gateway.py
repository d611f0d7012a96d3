"""A gateway's account at the local exchange, over TLS, and the requests that an execution service sends to it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from exchange_client import BTC, ETH, KEY
from fix_emulator import EmulatorClient

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.gateway import GatewayRequest, Moment
from live_runner.contracts.ids import client_order_id
from live_runner.contracts.messages import Requested
from live_runner.services.emulator.authentication import Keys, Permissions
from live_runner.services.emulator.binance import AccountOptions, Exchange, Refused, Row
from live_runner.services.emulator.rest import Refused as RestRefused
from live_runner.services.emulator.settings import EmulatorSettings
from live_runner.services.emulator.shell import emulator
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.requests import RequestAnswerer
from live_runner.services.venues.ccxt_account import CcxtAccount, Credentials

__all__ = ["BTC_SYMBOL", "SECRET", "TradingAccount", "cancel", "listing", "query", "requested", "send", "trading_venue"]

SECRET = "secret-of-the-account"
BTC_SYMBOL = "BTC/USDT:USDT"
MINUTE_MS = 60_000


class TradingAccount:
    """The account, the venue behind it and what the venue has seen."""

    def __init__(self, account: CcxtAccount, exchange: Exchange, client: EmulatorClient, keys: Keys) -> None:
        self.account = account
        self._keys = keys
        self.exchange = exchange
        self.client = client

    def answerer(self) -> RequestAnswerer:
        """With a budget of which nothing is used."""
        return RequestAnswerer(self.account, Budget(2400, 60_000_000_000), time.monotonic_ns)

    async def seen(self, method: str, path: str) -> int:
        """How many requests of an endpoint have reached the venue."""
        return len(await self.client.get("requests", method=method, path=path))

    def orders(self) -> list[dict[str, Any]]:
        """Orders that stand at the venue."""
        orders: list[dict[str, Any]] = self.exchange.handle("GET /fapi/v1/openOrders", KEY, {}, now_ms())
        return orders

    def revoke(self) -> None:
        """The venue knows the key no more."""
        self._keys.keys.clear()

    def place(self, params: dict[str, str]) -> None:
        """An order by somebody else of the account."""
        self.exchange.handle("POST /fapi/v1/order", KEY, params, now_ms())

    def price(self, price: str) -> None:
        """One trade of the market."""
        self.exchange.price("BTCUSDT", Decimal(price), now_ms())


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def trading_venue(*, hedge: bool = True) -> AsyncIterator[TradingAccount]:
    """An emulator that trades, and an account of it that is open."""
    with tempfile.TemporaryDirectory() as folder:
        settings = EmulatorSettings(port=0, admin_port=0, state=Path(folder))
        async with emulator(settings) as running, aiohttp.ClientSession() as http:
            exchange = Exchange([BTC, ETH])
            begin_ms = now_ms() // MINUTE_MS * MINUTE_MS
            exchange.open_account(KEY, AccountOptions(hedge=hedge), begin_ms)
            for symbol, price in (("BTCUSDT", "50000.0"), ("ETHUSDT", "2000.00")):
                exchange.load(symbol, [Row(begin_ms - MINUTE_MS, price, price, price, price, "1.000")])

            def execute(endpoint: str, account: str | None, params: Mapping[str, str], at_ms: int) -> Any:
                try:
                    return exchange.handle(endpoint, account, params, at_ms)
                except Refused as error:
                    raise RestRefused(error.status, error.code, error.message) from error

            running.execute = execute  # type: ignore[method-assign, assignment]  # until the emulator itself trades
            running.keys.keys[KEY] = Permissions(SECRET)
            client = EmulatorClient(running.facts(), http)
            options = {key: value for key, value in client.options.items() if key != "enableRateLimit"}
            account = CcxtAccount("binanceusdm", Credentials(KEY, SECRET), options, time.time_ns)
            opened = await account.open()
            assert opened.verdict.fate == "done", opened.verdict
            try:
                yield TradingAccount(account, exchange, client, running.keys)
            finally:
                await account.close()


_numbers = iter(range(1, 10_000))


def requested(side: str = "buy", kind: str = "limit", price: str | None = "40000", **fields: Any) -> Requested:
    """An order as the engine requests it, under an id of its own."""
    number = next(_numbers)
    order_id = f"s/d1/{number}"
    given: dict[str, Any] = {
        "id": f"s/execution/{number}", "session": "s", "source": "execution", "seq": number, "event_ns": 1,
        "order_id": order_id, "client_order_id": client_order_id(order_id), "intent_id": "s/d1", "attempt": 1,
        "symbol": BTC_SYMBOL, "leg": "long", "side": side, "action": "open", "kind": kind, "quantity": "0.01",
        "price": None if kind == "market" else price, "reduce_only": False, "reference_price": "50000",
        "expires_ns": None, "reason": "",
    }  # fmt: skip
    return Requested(**given | fields)


def send(order: Requested, verb: str = "send", **fields: Any) -> GatewayRequest:
    return listing(verb, effect=SendOrder(order, fields.pop("by_side", False)), **fields)


def cancel(order: Requested, **fields: Any) -> GatewayRequest:
    kind = order.kind
    return listing("cancel", effect=CancelOrder(order.order_id, order.client_order_id, order.symbol, kind), **fields)


def query(order: Requested, **fields: Any) -> GatewayRequest:
    effect = QueryOrder(order.order_id, order.client_order_id, order.symbol, order.kind)
    return listing("query", effect=effect, **fields)


def listing(verb: str, **fields: Any) -> GatewayRequest:
    """Any request."""
    made = Moment("boot", time.monotonic_ns(), time.time_ns())
    given: dict[str, Any] = {"verb": verb, "account": "main", "made": made, "session": "s", "epoch": 1}
    return GatewayRequest(**given | fields)
