"""A gateway's account at the local exchange, over TLS, and the requests that an execution service sends to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fix_emulator import EmulatorClient, emulated
from msgspec import UnsetType

from live_runner.contracts.config import Config
from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder
from live_runner.contracts.gateway import GatewayRequest, Moment
from live_runner.contracts.ids import client_order_id
from live_runner.contracts.messages import Requested
from live_runner.services.gateway.core.budget import Budget
from live_runner.services.gateway.requests import RequestAnswerer
from live_runner.services.venues.ccxt_account import CcxtAccount, Credentials
from live_runner.services.venues.recording import Recorder

__all__ = [
    "BTC_SYMBOL",
    "KEY",
    "SECRET",
    "TradingAccount",
    "cancel",
    "listing",
    "query",
    "requested",
    "send",
    "trading_venue",
]

KEY = "key-of-the-account"
SECRET = "secret-of-the-account"
BTC_SYMBOL = "BTC/USDT:USDT"
FAR_MS = 4_000_000_000_000


class TradingAccount:
    """The account, the venue behind it and what the venue has seen."""

    def __init__(self, account: CcxtAccount, client: EmulatorClient) -> None:
        self.account = account
        self.client = client

    async def reach(self, at_ns: int) -> None:
        """Set the venue's clock, which goes on by itself, to a moment unless that is over."""
        ms = -(-(at_ns - self.client.now_ns()) // 1_000_000)
        if ms > 0:
            skew_ms = (await self.client.get("clock"))["skew_ms"]
            await self.client.post("clock", {"skew_ms": skew_ms + ms})

    def answerer(self) -> RequestAnswerer:
        """With a budget of which nothing is used."""
        return RequestAnswerer(self.account, Budget(2400, 60_000_000_000), time.monotonic_ns)

    def counts_on(self, config: Config) -> None:
        """Say of the account what a session judges absence by: the venue takes orders for longer, and none is late."""
        assert not isinstance(config.execution, UnsetType)
        self.account.recv_window_ms = config.execution.recv_window_ms

    async def seen(self, method: str, path: str) -> int:
        """How many requests of an endpoint have reached the venue."""
        return len(await self.client.get("requests", method=method, path=path))

    async def standing(self) -> list[dict[str, Any]]:
        """Orders that stand at the venue, by its own ledger."""
        ledger = await self.client.get("ledger")
        return [order for kind in ("orders", "algo_orders") for order in ledger[kind] if order["status"] == "NEW"]

    async def sent(self, method: str = "POST", path: str = "/fapi/v1/order") -> list[dict[str, Any]]:
        """Parameters of the requests of an endpoint that have reached the venue, oldest first."""
        return [request["params"] for request in await self.client.get("requests", method=method, path=path)]

    async def price(self, price: str) -> None:
        """One trade of the market."""
        await self.client.post("market/BTCUSDT/price", {"price": price})


@asynccontextmanager
async def trading_venue(
    clock: str = "manual",
    *,
    hedge: bool = True,
    record: Path | None = None,
    account: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    symbols: tuple[str, ...] = (BTC_SYMBOL, "ETH/USDT:USDT"),
    timeout_ms: int = 10_000,
) -> AsyncIterator[TradingAccount]:
    """An emulator on which BTC stands at 50000, and an account of it that is open.

    With a manual clock the market stands still, except for what a test trades; with the wall's it moves on by itself.
    ``account`` and ``options`` are the emulator's own; an answer is waited for ``timeout_ms``.
    """
    begin_ns = time.time_ns() // 60_000_000_000 * 60_000_000_000
    start = {} if clock == "wall" else {"start": datetime.fromtimestamp(begin_ns / 1e9, UTC)}
    given = {"key": KEY, "secret": SECRET, "balances": {"USDT": "10000"}, "hedge": hedge, **(account or {})}
    profile = {"symbols": symbols, "accounts": [given], "options": options or {}}
    async with emulated(clock, **profile, **start) as client:
        if clock == "manual":
            await client.post("market/BTCUSDT/stall")
            await client.post("market/BTCUSDT", {"next_funding_ms": FAR_MS})
        await client.post("market/BTCUSDT/price", {"price": "50000"})
        reach = {key: value for key, value in client.options.items() if key != "enableRateLimit"}
        reach["timeout"] = timeout_ms
        recorder = None if record is None else Recorder(record)
        ours = CcxtAccount("binanceusdm", Credentials(KEY, SECRET), reach, client.now_ns, recorder=recorder)
        opened = await ours.open()
        assert opened.verdict.fate == "done", opened.verdict
        try:
            yield TradingAccount(ours, client)
        finally:
            await ours.close()
            if recorder is not None:
                recorder.close()


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
