"""The local exchange and the slow, obvious one side by side: both are given the same drawn operations."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

from exchange_client import MINUTE_MS, START_MS
from plain_exchange import PlainExchange, PlainOrder, PlainStop

from live_runner.services.emulator.binance import AccountOptions, Exchange, Options, Refused, Row, SymbolRules

__all__ = ["Both"]

KEY, SYMBOL = "key", "BTCUSDT"
DEPOSIT = Decimal(10_000_000)
FEES = (Decimal("0.0002"), Decimal("0.0005"))
KINDS = {
    "STOP": {True: "STOP", False: "STOP_MARKET"},
    "TAKE": {True: "TAKE_PROFIT", False: "TAKE_PROFIT_MARKET"},
    "TRAIL": {False: "TRAILING_STOP_MARKET"},
}


class Both:
    """Both exchanges, given the same."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        choose = self.draw.choice
        self.hedge = choose((False, True))
        spread, level, through = choose((1, 2)), choose((None, 40)), choose((False, True))
        self.share = choose((None, None, 3))
        rules = SymbolRules(
            SYMBOL,
            "BTC",
            "USDT",
            tick=Decimal("0.1"),
            step=Decimal("0.01"),
            min_quantity=Decimal("0.01"),
            min_notional=Decimal(0),
            multiplier_up=Decimal(100),
            multiplier_down=Decimal("0.01"),
        )
        options = Options(
            spread_ticks=spread,
            level_quantity=None if level is None else Decimal(level).scaleb(-2),
            levels=5,
            through=through,
            participation=None if self.share is None else Decimal(self.share) / 10,
        )
        self.fast = Exchange([rules], options=options)
        account = AccountOptions(balances={"USDT": DEPOSIT}, hedge=self.hedge, liquidates=False)
        self.fast.open_account(KEY, account, START_MS)
        self.fast.load(SYMBOL, [Row(START_MS - MINUTE_MS, "100.0", "100.0", "100.0", "100.0", "1")])
        fees = (Fraction(FEES[0]), Fraction(FEES[1]))
        self.slow = PlainExchange(self.hedge, 1000, spread, level, 5, through, fees, Fraction(1, 1000))
        self.now_ms, self.count = START_MS, 0
        self.names: list[str] = []
        self.stops: list[str] = []
        self.children: dict[int, str] = {}

    def ask(self, endpoint: str, **params: Any) -> Any:
        try:
            return self.fast.handle(endpoint, KEY, {name: str(value) for name, value in params.items()}, self.now_ms)
        except Refused as refused:
            return refused

    def one(self) -> None:
        """Draw one operation; both must answer it alike."""
        self.now_ms += 1000
        self.count += 1
        operations = (self.move, self.candle, self.place, self.stop, self.cancel)
        self.draw.choices(operations, weights=(36, 4, 40, 15, 8))[0]()

    def move(self) -> None:
        price = min(1400, max(700, self.slow.last + self.draw.choice((0, 1, -1, 3, -3, 17, -17, 60, -60))))
        jumps = self.draw.random() < 0.2
        quantity = self.draw.randint(0, 200)
        price_, quantity_ = Decimal(price).scaleb(-1), Decimal(quantity).scaleb(-2)
        self.fast.price(SYMBOL, price_, self.now_ms, quantity=quantity_, jumps=jumps)
        self.slow.trade(price, jumps=jumps, budget=self.budget(quantity))

    def budget(self, quantity: int) -> int | None:
        """The part of a print's quantity that orders at its price may have."""
        return None if self.share is None else quantity * self.share // 10

    def candle(self) -> None:
        self.now_ms += MINUTE_MS - self.now_ms % MINUTE_MS
        points = [min(1400, max(700, self.slow.last + self.draw.randint(-60, 60))) for _ in range(4)]
        opened, closed, quarter = points[0], points[1], self.draw.randint(0, 50)
        prices = (opened, max(points), min(points), closed)
        texts = [str(Decimal(price).scaleb(-1)) for price in prices]
        volume = str(Decimal(4 * quarter + 3).scaleb(-2))
        # Three prints have a quarter of the volume, rounded half to even, and the last what is left.
        part = round(Fraction(4 * quarter + 3, 4))
        quantities = (part, part, part, 4 * quarter + 3 - 3 * part)
        self.fast.step(SYMBOL, Row(self.now_ms, texts[0], texts[1], texts[2], texts[3], volume))
        self.slow.candle(*prices, [self.budget(quantity) for quantity in quantities])
        self.now_ms += MINUTE_MS

    def common(self) -> dict[str, Any]:
        side = self.draw.choice(("LONG", "SHORT")) if self.hedge else "BOTH"
        reduce_only = not self.hedge and self.draw.random() < 0.3
        drawn = {
            "buys": self.draw.random() < 0.5,
            "side": side,
            "quantity": self.draw.randint(1, 90),
            "reduce_only": reduce_only,
        }
        return {"name": f"n{self.count}", "number": 0, **drawn}

    @staticmethod
    def params(drawn: dict[str, Any]) -> dict[str, Any]:
        sent = {
            "symbol": SYMBOL,
            "side": "BUY" if drawn["buys"] else "SELL",
            "positionSide": drawn["side"],
            "quantity": Decimal(drawn["quantity"]).scaleb(-2),
        }
        return sent | ({"reduceOnly": "true"} if drawn["reduce_only"] else {})

    def place(self) -> None:
        drawn = self.common()
        limit = None if self.draw.random() < 0.4 else self.slow.last + self.draw.randint(-25, 25)
        time_in_force = "GTC" if limit is None else self.draw.choice(("GTC", "GTC", "IOC", "FOK", "GTX"))
        sent = self.params(drawn) | {"newClientOrderId": drawn["name"], "newOrderRespType": "RESULT"}
        if limit is None:
            sent |= {"type": "MARKET"}
        else:
            sent |= {"type": "LIMIT", "price": Decimal(limit).scaleb(-1), "timeInForce": time_in_force}
        answer = self.ask("POST /fapi/v1/order", **sent)
        expected = self.slow.place(PlainOrder(limit=limit, **drawn), time_in_force)

        assert (expected == "REFUSED") == isinstance(answer, Refused), (expected, answer)
        if not isinstance(answer, Refused):
            assert answer["status"] == expected
            self.names.append(drawn["name"])

    def stop(self) -> None:
        drawn = self.common()
        kind = self.draw.choice(("STOP", "STOP", "TAKE", "TRAIL"))
        trigger: int | None = self.slow.last + self.draw.randint(-40, 40)
        limited = kind != "TRAIL" and self.draw.random() < 0.4
        limit = self.slow.last + self.draw.randint(-40, 40) if limited else None
        closes = kind != "TRAIL" and limit is None and self.draw.random() < 0.3
        if kind == "TRAIL" and self.draw.random() < 0.5:
            trigger = None
        sent = self.params(drawn) | {"algoType": "CONDITIONAL", "type": KINDS[kind][limited]}
        sent["clientAlgoId"] = drawn["name"]
        if trigger is not None:
            sent["activatePrice" if kind == "TRAIL" else "triggerPrice"] = Decimal(trigger).scaleb(-1)
        if limit is not None:
            sent |= {"price": Decimal(limit).scaleb(-1)}
        if closes:
            sent |= {"closePosition": "true"}
            del sent["quantity"]
        callback = Fraction(0)
        if kind == "TRAIL":
            callback = Fraction(self.draw.choice((1, 7, 20)), 10)
            sent["callbackRate"] = Decimal(callback.numerator) / Decimal(callback.denominator)
        answer = self.ask("POST /fapi/v1/algoOrder", **sent)
        expected = self.slow.wait_for(
            PlainStop(trigger=trigger, limit=limit, kind=kind, closes=closes, callback=callback, **drawn)
        )

        assert (expected == "REFUSED") == isinstance(answer, Refused), (expected, answer)
        if not isinstance(answer, Refused):
            self.stops.append(drawn["name"])

    def cancel(self) -> None:
        if self.names and self.draw.random() < 0.7:
            name = self.draw.choice(self.names)
            answer = self.ask("DELETE /fapi/v1/order", symbol=SYMBOL, origClientOrderId=name)
            assert self.slow.cancel(name) != isinstance(answer, Refused)
        elif self.stops:
            name = self.draw.choice(self.stops)
            answer = self.ask("DELETE /fapi/v1/algoOrder", clientAlgoId=name)
            assert self.slow.cancel_stop(name) != isinstance(answer, Refused)

    def compare(self) -> None:
        """Every fill in its order, every position, and the cash to the last unit."""
        ledger = self.fast.ledger()
        parents = {algo["order_id"]: algo["client_id"] for algo in ledger["algo_orders"]}
        names = {
            order["id"]: f"child of {parents[order['id']]}" if order["algo_id"] else order["client_id"]
            for order in ledger["orders"]
        }
        account = ledger["accounts"][KEY]
        fills = [
            (
                names[trade["order_id"]],
                int(Decimal(trade["price"]) * 10),
                int(Decimal(trade["quantity"]) * 100),
                trade["maker"],
            )
            for trade in account["trades"]
        ]
        assert fills == self.slow.fills
        held = {position["side"]: int(Decimal(position["quantity"]) * 100) for position in account["positions"]}
        assert held == {side: quantity for side, quantity in self.slow.positions.items() if quantity}
        cost = sum(Fraction(Decimal(position["cost"])) for position in account["positions"])
        assert Fraction(Decimal(account["balances"]["USDT"])) - cost == Fraction(DEPOSIT) + self.slow.cash
        statuses = {
            algo["client_id"]: algo["status"].replace("FINISHED", "TRIGGERED") for algo in ledger["algo_orders"]
        }
        assert statuses == {stop.name: stop.status for stop in self.slow.stops}
        assert self.fast.invariants() == []
