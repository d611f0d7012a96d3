"""A client of the local Binance exchange: requests as ccxt sends them, without the wire, at a time of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from live_runner.services.emulator.binance import (
    AccountOptions,
    Exchange,
    Options,
    Row,
    StreamEvent,
    SymbolRules,
)

__all__ = ["BTC", "ETH", "KEY", "MINUTE_MS", "START_MS", "Client"]

START_MS = 1_735_862_400_000
MINUTE_MS = 60_000
KEY = "key-of-the-client"
BTC = SymbolRules("BTCUSDT", "BTC", "USDT", tick=Decimal("0.1"), step=Decimal("0.001"), min_quantity=Decimal("0.001"))
ETH = SymbolRules("ETHUSDT", "ETH", "USDT", tick=Decimal("0.01"), step=Decimal("0.001"), min_quantity=Decimal("0.001"))


class Client:
    """One account of one exchange on which BTC stands at 50000 and ETH at 2000."""

    def __init__(self, account: AccountOptions | None = None, options: Options | None = None) -> None:
        self.exchange = Exchange([BTC, ETH], options=options)
        self.now_ms = START_MS
        self.exchange.open_account(KEY, account or AccountOptions(), self.now_ms)
        for symbol, price in (("BTCUSDT", "50000.0"), ("ETHUSDT", "2000.00")):
            self.exchange.load(symbol, [Row(START_MS - MINUTE_MS, price, price, price, price, "1.000")])
        self.events: list[StreamEvent] = []

    def call(self, endpoint: str, /, **params: object) -> Any:
        """One signed request; events that it causes are kept."""
        path = endpoint if "api/" in endpoint else endpoint.replace(" ", " /fapi/v1/")
        sent = {name: str(value) for name, value in params.items()}
        try:
            return self.exchange.handle(path, KEY, sent, self.now_ms)
        finally:
            self.events += self.exchange.take_events()

    def order(self, side: str, quantity: str, price: str | None = None, /, **params: object) -> Any:
        """A market order, or a limit order when a price is given; the answer is what became of it."""
        asked: dict[str, object] = {"symbol": "BTCUSDT", "side": side, "quantity": quantity}
        asked |= {"type": "MARKET"} if price is None else {"type": "LIMIT", "price": price, "timeInForce": "GTC"}
        return self.call("POST order", **(asked | {"newOrderRespType": "RESULT"} | params))

    def stop(self, side: str, quantity: str, trigger: str, /, **params: object) -> Any:
        """A conditional order, STOP_MARKET unless another type is given."""
        asked: dict[str, object] = {"symbol": "BTCUSDT", "side": side, "type": "STOP_MARKET", "triggerPrice": trigger}
        if quantity:
            asked["quantity"] = quantity
        return self.call("POST algoOrder", **({"algoType": "CONDITIONAL"} | asked | params))

    def act(self, verb: str, /, **params: object) -> Any:
        """An act of the venue or of others on this account."""
        try:
            return self.exchange.act(verb, {"account": KEY, **params} if verb in OF_ACCOUNTS else params, self.now_ms)
        finally:
            self.events += self.exchange.take_events()

    def price(self, price: str, symbol: str = "BTCUSDT", **how: Any) -> None:
        """One trade of the market, a second later."""
        self.now_ms += 1000
        self.exchange.price(symbol, Decimal(price), self.now_ms, **how)
        self.events += self.exchange.take_events()

    def wait(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_ms += milliseconds
        self.exchange.pass_time(self.now_ms)
        self.events += self.exchange.take_events()

    def position(self, symbol: str = "BTCUSDT", side: str = "BOTH") -> Decimal:
        """What is held, by the venue's own answer."""
        rows = self.call("GET /fapi/v3/positionRisk", symbol=symbol)
        return sum((Decimal(row["positionAmt"]) for row in rows if row["positionSide"] == side), Decimal(0))

    def balance(self, asset: str = "USDT") -> Decimal:
        """The wallet balance, by the venue's own answer."""
        return Decimal(next(line["balance"] for line in self.call("GET /fapi/v3/balance") if line["asset"] == asset))

    def trades(self, symbol: str = "BTCUSDT") -> list[dict[str, Any]]:
        """Trades of the last 7 days."""
        found: list[dict[str, Any]] = self.call("GET userTrades", symbol=symbol)
        return found

    def happened(self, name: str, *keys: str) -> list[tuple[Any, ...]]:
        """Of every event of that name so far, those fields of its body."""
        bodies = [event.payload.get("o", event.payload) for event in self.events if event.name == name]
        return [tuple(body[key] for key in keys) for body in bodies]


OF_ACCOUNTS = frozenset({"liquidate", "adl", "transfer", "mode", "leverage", "manual_order"})
