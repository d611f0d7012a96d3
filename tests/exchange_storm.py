"""Random life at the local exchange, and an account as its stream alone shows it.

``Storm`` draws one operation after another from a seed: requests good and bad, prices, acts of the venue and of others.
``StreamView`` folds the events into balances, positions and orders; it finds whatever contradicts itself or the ledger.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any, Final

from live_runner.contracts.errors import ConfigError
from live_runner.services.emulator.binance import (
    AccountOptions,
    Exchange,
    Options,
    Refused,
    Row,
    StreamEvent,
    SymbolRules,
)

__all__ = ["Storm", "StreamView"]

KEYS: Final = ("one-way", "hedge", "burns-bnb", "poor")
START_MS: Final = 1_735_862_400_000
TERMINAL: Final = frozenset({"FILLED", "CANCELED", "EXPIRED", "REJECTED"})
ALGO_MOVES: Final = {
    (None, "NEW"),
    ("NEW", "CANCELED"),
    ("NEW", "EXPIRED"),
    ("NEW", "REJECTED"),
    ("NEW", "TRIGGERING"),
    ("TRIGGERING", "TRIGGERED"),
    ("TRIGGERING", "REJECTED"),
    ("TRIGGERED", "FINISHED"),
}


class StreamView:
    """One account as its user data stream shows it."""

    def __init__(self, key: str, balances: dict[str, Decimal]) -> None:
        self.key = key
        self.wallet = dict(balances)
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.algos: dict[int, str] = {}
        self.trades: dict[int, dict[str, Any]] = {}
        self.light: set[int] = set()
        self.faults: list[str] = []

    def fold(self, event: StreamEvent) -> None:
        """Fold one event."""
        match event.name:
            case "ORDER_TRADE_UPDATE":
                self._order(event.payload["o"])
            case "TRADE_LITE":
                self.light.add(event.payload["t"])
            case "ACCOUNT_UPDATE":
                for line in event.payload["a"]["B"]:
                    self.wallet[line["a"]] = Decimal(line["wb"])
                for line in event.payload["a"]["P"]:
                    self.positions[line["s"], line["ps"]] = Decimal(line["pa"])
            case "ALGO_UPDATE":
                self._algo(event.payload["o"])

    def _order(self, body: dict[str, Any]) -> None:
        before = self.orders.get(body["i"])
        filled = Decimal(before["z"]) if before else Decimal(0)
        if (before is None) != (body["x"] in ("NEW", "CALCULATED") and not filled):
            self.faults.append(f"order {body['i']} begins with {body['x']}")
        if filled + Decimal(body["l"]) != Decimal(body["z"]) or Decimal(body["z"]) > Decimal(body["q"]):
            self.faults.append(f"order {body['i']}: {filled} and {body['l']} make {body['z']} of {body['q']}")
        if (body["X"] == "FILLED") != (body["z"] == body["q"]) and body["X"] not in ("EXPIRED", "CANCELED"):
            self.faults.append(f"order {body['i']}: {body['X']} with {body['z']} of {body['q']}")
        if before and before["X"] in TERMINAL and body["x"] != "TRADE":
            self.faults.append(f"order {body['i']} was {before['X']} and is {body['x']}")
        if Decimal(body["l"]):
            if body["t"] in self.trades:
                self.faults.append(f"trade {body['t']} came twice")
            self.trades[body["t"]] = body
            if (body["x"] == "TRADE") != (body["t"] in self.light):
                self.faults.append(f"trade {body['t']}: {body['x']} and TRADE_LITE do not go together")
        self.orders[body["i"]] = body

    def _algo(self, body: dict[str, Any]) -> None:
        before = self.algos.get(body["aid"])
        if (before, body["X"]) not in ALGO_MOVES:
            self.faults.append(f"algo order {body['aid']} goes from {before} to {body['X']}")
        if body["X"] in ("TRIGGERED", "FINISHED") and int(body["ai"] or 0) not in self.orders:
            self.faults.append(f"algo order {body['aid']}: the order {body['ai']} was not shown before it")
        if body["X"] == "FINISHED" and self.orders[int(body["ai"])]["z"] != body["aq"]:
            self.faults.append(f"algo order {body['aid']}: its order filled {self.orders[int(body['ai'])]['z']}")
        self.algos[body["aid"]] = body["X"]

    def compare(self, exchange: Exchange, now_ms: int) -> list[str]:
        """What the requests answer otherwise than the stream has shown."""
        found = list(self.faults)
        for line in exchange.handle("GET /fapi/v3/balance", self.key, {}, now_ms):
            if Decimal(line["balance"]) != self.wallet.get(line["asset"], Decimal(0)):
                found.append(
                    f"{self.key}: {line['asset']} {line['balance']}, the stream shows {self.wallet.get(line['asset'])}"
                )
        held = {
            (row["symbol"], row["positionSide"]): Decimal(row["positionAmt"])
            for row in exchange.handle("GET /fapi/v3/positionRisk", self.key, {}, now_ms)
            if Decimal(row["positionAmt"])
        }
        if held != {place: quantity for place, quantity in self.positions.items() if quantity}:
            found.append(f"{self.key}: holds {held}, the stream shows {self.positions}")
        listed = {
            row["orderId"]: row["executedQty"]
            for row in exchange.handle("GET /fapi/v1/openOrders", self.key, {}, now_ms)
        }
        shown = {i: body["z"] for i, body in self.orders.items() if body["X"] not in TERMINAL}
        if listed != shown:
            found.append(f"{self.key}: open {sorted(listed)}, the stream shows {sorted(shown)}")
        waiting = {row["algoId"] for row in exchange.handle("GET /fapi/v1/openAlgoOrders", self.key, {}, now_ms)}
        if waiting != {number for number, status in self.algos.items() if status == "NEW"}:
            found.append(f"{self.key}: waiting {sorted(waiting)}")
        booked = sum(
            len(account["trades"]) for key, account in exchange.ledger()["accounts"].items() if key == self.key
        )
        if booked != len(self.trades):
            found.append(f"{self.key}: {booked} trades, the stream shows {len(self.trades)}")
        return found


class Storm:
    """An exchange with four accounts and two symbols, and operations from a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        choose = self.draw.choice
        self.options = Options(
            unfillable_expires=choose((True, False)),
            own_child_ids=choose((True, False)),
            spread_ticks=choose((1, 1, 3)),
            level_quantity=choose((None, Decimal("0.05"), Decimal(1))),
            participation=choose((None, Decimal("0.3"))),
            through=choose((False, False, True)),
            hide_ms=choose((0, 2000)),
        )
        lot = Decimal("0.001")
        self.exchange = Exchange(
            [
                SymbolRules("BTCUSDT", "BTC", "USDT", tick=Decimal("0.1"), step=lot, min_quantity=lot),
                SymbolRules("BNBUSDT", "BNB", "USDT", tick=Decimal("0.01"), step=lot, min_quantity=lot),
            ],
            options=self.options,
        )
        self.now_ms = START_MS
        self.prices = {"BTCUSDT": Decimal(500), "BNBUSDT": Decimal(60)}
        deposits = {
            "one-way": {"USDT": Decimal(5000)},
            "hedge": {"USDT": Decimal(5000)},
            "burns-bnb": {"USDT": Decimal(5000), "BNB": Decimal("0.5")},
            "poor": {"USDT": Decimal(40)},
        }
        self.views = {key: StreamView(key, deposits[key]) for key in KEYS}
        for key in KEYS:
            options = AccountOptions(balances=deposits[key], hedge=key == "hedge", bnb_burn=key == "burns-bnb")
            self.exchange.open_account(key, options, self.now_ms)
        for symbol, price in self.prices.items():
            text = f"{price}.00"
            self.exchange.load(symbol, [Row(START_MS - 60_000, text, text, text, text, "1")])
        self.count: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()

    def go(self, operations: int, *, check_every: int = 200) -> list[str]:
        """Draw that many operations; the first things found wrong, empty when all is well."""
        for number in range(operations):
            self.now_ms += self.draw.choice((0, 1, 50, 1000, 20_000))
            self.one()
            for event in self.exchange.take_events():
                self.views[event.account].fold(event)
            if number % check_every == check_every - 1 and (found := self.faults()):
                return [f"after {number + 1} operations", *found]
        return self.faults()

    def faults(self) -> list[str]:
        """What is wrong now."""
        found = self.exchange.invariants()
        for view in self.views.values():
            found += view.compare(self.exchange, self.now_ms)
        return found

    def one(self) -> None:
        """Draw and do one operation; a refusal is an answer like any other."""
        kinds = ("price", "candle", "market", "limit", "stop", "cancel", "cancel_algo", "act", "setting", "bad")
        kind = self.draw.choices(kinds, weights=(24, 3, 14, 26, 10, 10, 3, 7, 1, 2))[0]
        self.count[kind] += 1
        try:
            getattr(self, f"_{kind}")()
        except Refused as refused:
            self.refused[refused.code] += 1
        except ConfigError:
            self.refused[0] += 1

    def _symbol(self) -> str:
        return self.draw.choice(("BTCUSDT", "BTCUSDT", "BNBUSDT"))

    def _tick(self, symbol: str) -> Decimal:
        return Decimal("0.1") if symbol == "BTCUSDT" else Decimal("0.01")

    def _fine(self, symbol: str, price: Decimal) -> str:
        """A limit that stands between two ticks of the market when the venue allows it."""
        rules = self.exchange.handle("GET /fapi/v1/exchangeInfo", None, {}, self.now_ms)["symbols"][0]
        return str(price + Decimal("0.05") if symbol == "BTCUSDT" and rules["pricePrecision"] == 2 else price)

    def _near(self, symbol: str, ticks: int = 60) -> Decimal:
        return max(self._tick(symbol), self.prices[symbol] + self.draw.randint(-ticks, ticks) * self._tick(symbol))

    def _price(self) -> None:
        symbol = self._symbol()
        drift = self.draw.choice((20, 20, 20, 200))
        # Prices come back to where they began, so that a long storm does not end at nothing.
        home = Decimal(500) if symbol == "BTCUSDT" else Decimal(60)
        back = int((home - self.prices[symbol]) / self._tick(symbol) / 20)
        price = max(self._tick(symbol) * 50, self._near(symbol, drift) + back * self._tick(symbol))
        self.prices[symbol] = price
        quantity = Decimal(self.draw.randint(0, 300)).scaleb(-3)
        self.exchange.price(symbol, price, self.now_ms, quantity=quantity, jumps=self.draw.random() < 0.1)

    def _candle(self) -> None:
        symbol = self._symbol()
        self.now_ms += 60_000 - self.now_ms % 60_000
        points = [self._near(symbol) for _ in range(4)]
        first, last = points[:2]
        row = Row(self.now_ms, str(first), str(max(points)), str(min(points)), str(last), "3.000")
        self.exchange.step(symbol, row)
        self.prices[symbol] = last
        self.now_ms += 60_000

    def _order(self, kind: str) -> dict[str, str]:
        key, symbol, side = self.draw.choice(KEYS), self._symbol(), self.draw.choice(("BUY", "SELL"))
        quantity = self.draw.choice(("0.020", "0.100", "0.333", "1.000"))
        asked = {"key": key, "symbol": symbol, "side": side, "type": kind, "quantity": quantity}
        if self.draw.random() < 0.3:
            asked["newClientOrderId"] = f"id{self.draw.randint(0, 9)}"
        mode = self.exchange.handle("GET /fapi/v1/positionSide/dual", key, {}, self.now_ms)
        if mode["dualSidePosition"] != (self.draw.random() < 0.02):
            asked["positionSide"] = self.draw.choice(("LONG", "SHORT"))
        elif self.draw.random() < 0.3:
            asked["reduceOnly"] = "true"
        return asked

    def _call(self, endpoint: str, asked: dict[str, str]) -> Any:
        params = {name: value for name, value in asked.items() if name != "key"}
        return self.exchange.handle(endpoint, asked["key"], params, self.now_ms)

    def _market(self) -> None:
        self._call("POST /fapi/v1/order", self._order("MARKET") | {"newOrderRespType": "RESULT"})

    def _limit(self) -> None:
        asked = self._order("LIMIT")
        times = self.draw.choice(("GTC", "GTC", "GTC", "IOC", "FOK", "GTX", "GTD"))
        asked |= {"price": self._fine(asked["symbol"], self._near(asked["symbol"])), "timeInForce": times}
        if times == "GTD":
            asked["goodTillDate"] = str(self.now_ms + 1_200_000)
        self._call("POST /fapi/v1/order", asked)

    def _stop(self) -> None:
        kinds = ("STOP_MARKET", "STOP", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
        asked = self._order(self.draw.choice(kinds)) | {"algoType": "CONDITIONAL"}
        asked["clientAlgoId"] = asked.pop("newClientOrderId", "")
        if asked["type"] == "TRAILING_STOP_MARKET":
            asked["callbackRate"] = self.draw.choice(("0.5", "1", "3"))
            if self.draw.random() < 0.5:
                asked["activatePrice"] = str(self._near(asked["symbol"]))
        else:
            asked["triggerPrice"] = str(self._near(asked["symbol"]))
        if asked["type"] in ("STOP", "TAKE_PROFIT"):
            asked["price"] = str(self._near(asked["symbol"]))
        if asked["type"] in ("STOP_MARKET", "TAKE_PROFIT_MARKET") and self.draw.random() < 0.3:
            asked["closePosition"] = "true"
            asked.pop("quantity")
        if self.draw.random() < 0.2:
            asked["workingType"] = "MARK_PRICE"
        self._call("POST /fapi/v1/algoOrder", asked)

    def _cancel(self) -> None:
        key = self.draw.choice(KEYS)
        orders = self.exchange.handle("GET /fapi/v1/openOrders", key, {}, self.now_ms)
        if orders:
            order = self.draw.choice(orders)
            asked = {"key": key, "symbol": order["symbol"]}
            by_id = self.draw.random() < 0.5
            asked |= {"orderId": str(order["orderId"])} if by_id else {"origClientOrderId": order["clientOrderId"]}
            self._call("DELETE /fapi/v1/order", asked)

    def _cancel_algo(self) -> None:
        key = self.draw.choice(KEYS)
        algos = self.exchange.handle("GET /fapi/v1/openAlgoOrders", key, {}, self.now_ms)
        if algos:
            self._call("DELETE /fapi/v1/algoOrder", {"key": key, "algoId": str(self.draw.choice(algos)["algoId"])})

    def _act(self) -> None:
        symbol, key = self._symbol(), self.draw.choice(KEYS)
        orders = [i for view in self.views.values() for i, body in view.orders.items() if self._recent(i)]
        algos = [i for view in self.views.values() for i, x in view.algos.items() if x == "NEW"]
        order = str(self.draw.choice(orders)) if orders else "none"
        verb, given = self.draw.choice(
            (
                ("fill", {"order": order, "quantity": "0.010"}),
                ("fill", {"order": order}),
                ("cancel", {"order": order}),
                ("expire", {"order": order}),
                ("reject", {"order": order}),
                ("resize", {"order": order, "quantity": "0.050"}),
                ("hide", {"order": order, "hide_ms": 1000}),
                ("trigger", {"order": str(self.draw.choice(algos)) if algos else "none"}),
                ("funding", {"symbol": symbol, "rate": self.draw.choice(("0.0001", "-0.003"))}),
                ("transfer", {"account": key, "amount": self.draw.choice(("150.5", "-20", "0.00000001"))}),
                ("transfer", {"account": key, "asset": "BNB", "amount": "0.01"}),
                ("market", {"symbol": symbol, "mark_gap": self.draw.choice(("0", "1.5", "-2"))}),
                ("market", {"symbol": symbol, "spread_ticks": 2, "level_quantity": self.draw.choice((None, "0.05"))}),
                ("rules", {"symbol": "BTCUSDT", "tick": self.draw.choice(("0.1", "0.05"))}),
                ("liquidate", {"account": key, "symbol": symbol}),
                ("adl", {"account": key, "symbol": symbol, "quantity": "0.050"}),
                ("leverage", {"account": key, "symbol": symbol, "leverage": self.draw.choice((5, 20, 50))}),
                (
                    "manual_order",
                    {"account": key, "symbol": symbol, "side": "BUY", "type": "MARKET", "quantity": "0.02"},
                ),
            )
        )
        self.exchange.act(verb, given, self.now_ms)

    def _recent(self, order: int) -> bool:
        return order > 1_000_000 + sum(len(view.orders) for view in self.views.values()) - 60

    def _setting(self) -> None:
        symbol, key = self._symbol(), self.draw.choice(KEYS)
        endpoint, asked = self.draw.choice(
            (
                ("DELETE /fapi/v1/allOpenOrders", {"symbol": symbol}),
                ("DELETE /fapi/v1/algoOpenOrders", {"symbol": symbol}),
                ("POST /fapi/v1/countdownCancelAll", {"symbol": symbol, "countdownTime": "5000"}),
                ("POST /fapi/v1/positionSide/dual", {"dualSidePosition": self.draw.choice(("true", "false"))}),
                ("POST /fapi/v1/leverage", {"symbol": symbol, "leverage": "10"}),
                ("POST /fapi/v1/marginType", {"symbol": symbol, "marginType": "ISOLATED"}),
                *[("POST /fapi/v1/marginType", {"symbol": symbol, "marginType": "CROSSED"})] * 4,
                ("POST /fapi/v1/feeBurn", {"feeBurn": self.draw.choice(("true", "false"))}),
            )
        )
        self._call(endpoint, {"key": key, **asked})

    def _bad(self) -> None:
        asked = self._order(self.draw.choice(("LIMIT", "MARKET", "STOP")))
        name = self.draw.choice(("symbol", "side", "type", "quantity", "price", "positionSide", "timeInForce"))
        asked[name] = self.draw.choice(("", "-1", "0", "1e5", "NaN", "0.00001", "99999999999", "LONG", "x" * 40))
        self._call(self.draw.choice(("POST /fapi/v1/order", "POST /fapi/v1/algoOrder")), asked)
