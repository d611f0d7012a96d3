"""Sessions drawn from their names, played by the engine and by the oracle side by side.

python -m tests.oracle 0:1000        plays so many and counts what was compared
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from corpus.draws import Draw
from fix_execution import MINUTE_NS, Driver
from oracle.market import Ask, Contract, Fill, Funding, Market, Rules
from oracle.simulator import Simulator

from live_runner.contracts.messages import Cancelled, Denied, Filled, FundingRate, Intent, Liquidated, Rejected, Settled

__all__ = ["play"]

SYMBOLS = ("AAA/USDT:USDT", "BBB/USDT:USDT", "CCC/USDT:USDT")
CONTRACTS = (("0.5", "0.1", "1"), ("0.25", "1", "50"), ("0.1", "0.001", "0.01"), ("2", "0.01", "1"))
BARS = 40
PARTS = {"stop": "sl", "take_profit": "tp"}

type Candle = tuple[Fraction, Fraction, Fraction, Fraction, Fraction]


def same(got: list[Any], expected: list[Any], where: str) -> None:
    """AssertionError with the first difference."""
    for number in range(max(len(got), len(expected))):
        ours = got[number] if number < len(got) else None
        other = expected[number] if number < len(expected) else None
        assert ours == other, f"{where}, number {number}: engine {shown(ours)}, oracle {shown(other)}"


def shown(row: Any) -> str:
    """A row with its numbers as decimals."""
    if isinstance(row, tuple):
        return " ".join(map(shown, row))
    return text_of(row) if isinstance(row, Fraction) else str(row)


def text_of(number: Fraction) -> str:
    """As a decimal number; every number here has an end."""
    scaled = number * 10**12
    assert scaled.denominator == 1
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled.numerator)).rjust(13, "0")
    return f"{sign}{digits[:-12]}.{digits[-12:]}".rstrip("0").rstrip(".")


@dataclass(frozen=True)
class Drawn:
    """One intent of a decision: for the engine its fields, for the oracle an ``Ask``, or the key to cancel."""

    symbol: str
    action: str
    ask: Ask | None
    leg: str
    cancels: str = ""


class Session:
    """One drawn session: both sides, and the draws that feed them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.draw = Draw(f"oracle {name}")
        draw = self.draw
        self.symbols = SYMBOLS[: draw.one_of((1, 1, 2, 3))]
        self.sizes = {symbol: draw.one_of(CONTRACTS) for symbol in self.symbols}
        self.texts: dict[str, Any] = {
            "equity": draw.one_of(("1000", "10000")),
            "leverage": draw.one_of(("2", "10", "50")),
            "maintenance_margin": draw.one_of(("0", "0.005", "0.005", "0.04")),
            "lots": draw.one_of(("lifo", "fifo", "average")),
            "position_mode": draw.one_of(("hedge", "hedge", "one_way")),
        }
        self.fees = draw.one_of((("0", "0"), ("0.0002", "0.0005"), ("-0.0001", "0.001")))
        self.slippage = draw.one_of(("0", "0", "5", "60"))
        self.participation = draw.one_of((None, None, "0.1"))
        self.limit = draw.one_of(("touch", "touch", "through"))
        self.market = draw.one_of(("next_open", "next_open", "bar_close"))
        self.engine = Driver(
            symbols=self.symbols,
            instruments={
                symbol: {"tick_size": tick, "lot_size": lot, "contract_size": size}
                for symbol, (tick, lot, size) in self.sizes.items()
            },
            account=self.texts,
            fees={"maker": self.fees[0], "taker": self.fees[1]},
            fills={
                "market": self.market,
                "limit": self.limit,
                "slippage_bp": self.slippage,
                "participation": self.participation,
            },
            hashing=False,
        )
        self.oracle = Simulator(
            Rules(
                equity=Fraction(self.texts["equity"]),
                leverage=Fraction(self.texts["leverage"]),
                maintenance=Fraction(self.texts["maintenance_margin"]),
                maker=Fraction(self.fees[0]),
                taker=Fraction(self.fees[1]),
                slippage=Fraction(self.slippage) / 10000,
                participation=None if self.participation is None else Fraction(self.participation),
                lots=self.texts["lots"],
                one_way=self.texts["position_mode"] == "one_way",
                through=self.limit == "through",
                at_close=self.market == "bar_close",
            ),
            {symbol: Contract(*map(Fraction, sizes)) for symbol, sizes in self.sizes.items()},
        )
        self.closing: set[str] = set()
        self.protections: set[str] = set()
        self.compared: Counter[str] = Counter(sessions=1)
        self.seen = 0

    # -- what is drawn ----------------------------------------------------------------------------

    def candle(self, market: Market) -> Candle:
        """A bar after the last close: mostly quiet, sometimes wide, sometimes beyond a gap."""
        draw, tick = self.draw, market.contract.tick
        last = market.close or tick * 200
        gap = draw.within(-40, 40) if draw.chance(8) else draw.within(-3, 3)
        opened = max(last + gap * tick, tick)
        reach = 40 if draw.chance(10) else 10
        high = opened + draw.within(0, reach) * tick
        low = max(opened - draw.within(0, reach) * tick, tick)
        close = low + draw.within(0, int((high - low) / tick)) * tick
        return opened, high, low, close, Fraction(draw.within(0, 40))

    def quantity(self, market: Market) -> Fraction:
        """An entry between nothing much and more than the account can carry."""
        rules, contract = self.oracle.rules, market.contract
        most = rules.equity * rules.leverage / (market.close * contract.size)
        share = Fraction(self.draw.one_of((5, 20, 40, 70, 95, 110)), 100) / len(self.symbols)
        return max(most * share // contract.lot * contract.lot, contract.lot)

    def near(self, market: Market, price: Fraction, way: int) -> Fraction:
        """A price some ticks away."""
        return max(price + way * self.draw.within(1, 12) * market.contract.tick, market.contract.tick)

    def limit_price(self, market: Market, kind: str) -> Fraction | None:
        """On either side of the close."""
        return None if kind == "market" else self.near(market, market.close, self.draw.one_of((-1, 1)))

    def entry(self, market: Market, leg: str, number: int, *, adds: bool, bare: bool) -> Drawn:
        """An open or an add; ``bare``: without a stop and a target of its own."""
        draw, sign = self.draw, 1 if leg == "long" else -1
        kind = draw.one_of(("market", "limit", "limit", "ioc", "post_only"))
        price = self.limit_price(market, kind)
        known = market.close if price is None else price
        stop = self.near(market, known, -sign) if draw.chance(60) else None
        target = self.near(market, known, sign) if draw.chance(50) else None
        stop = None if stop == known or bare else stop
        target = None if target == known or bare else target
        ask = Ask(
            key=self.key(number), symbol=market.symbol, leg=leg, kind=kind, quantity=self.quantity(market),
            price=price, stop=stop, target=target,
        )  # fmt: skip
        return Drawn(market.symbol, "add" if adds else "open", ask, leg)

    def exit(self, market: Market, leg: str, number: int) -> Drawn:
        """A close of the leg, or of a part of it."""
        draw, held, lot = self.draw, market.held(leg), market.contract.lot
        kind = draw.one_of(("market", "limit", "limit", "ioc", "post_only"))
        part = held * draw.one_of((25, 50)) // 100 // lot * lot
        whole = draw.chance(50) or not part
        ask = Ask(
            key=self.key(number), symbol=market.symbol, leg=leg, kind=kind, closes=True,
            quantity=None if whole else part, price=self.limit_price(market, kind),
        )  # fmt: skip
        if whole:
            self.closing.add(ask.key)
        return Drawn(market.symbol, "close" if whole else "partial_close", ask, leg)

    def protection(self, market: Market, leg: str, number: int, gone: set[str]) -> Drawn | None:
        """A stop, a target, both or neither for the whole leg; None where there is nothing to take off."""
        draw, sign, prices = self.draw, 1 if leg == "long" else -1, {}
        for kind, way in (("stop", -sign), ("take_profit", sign)):
            standing = [o.price for o in market.orders if o.leg == leg and o.kind == kind and o.key not in gone]
            price = draw.one_of(standing) if standing and draw.chance(30) else self.near(market, market.close, way)
            if draw.chance(60) and price is not None and (price - market.close) * way > 0:
                prices[kind] = price
        stands = any(o.leg == leg and o.kind in PARTS and o.key not in gone for o in market.orders)
        if not prices and not stands:
            return None
        ask = Ask(
            key=self.key(number), symbol=market.symbol, leg=leg, kind="protect",
            stop=prices.get("stop"), target=prices.get("take_profit"),
        )  # fmt: skip
        self.protections.add(ask.key)
        return Drawn(market.symbol, "protect", ask, leg)

    def key(self, number: int) -> str:
        """Of an intent of the last close."""
        return f"s1/{self.engine.close_ns}/{number}/1"

    def decision(self, traded: set[str]) -> list[Drawn]:
        """Intents that the engine carries out: cancels, then exits, then stops and targets of legs, then entries."""
        draw = self.draw
        cancels: list[Drawn] = []
        exits: list[Drawn] = []
        entries: list[Drawn] = []
        wanted = [(self.oracle.markets[s], leg) for s in self.symbols if s in traded for leg in ("long", "short")]
        for market, leg in wanted:
            resting = [order for order in market.orders if order.leg == leg and not order.at_once]
            if resting and draw.chance(6):
                order = draw.one_of(resting)
                cancels.append(Drawn(market.symbol, "cancel", None, leg, order.key))
        number = len(cancels)
        gone = {drawn.cancels for drawn in cancels}
        exiting: dict[tuple[str, str], Drawn] = {}
        for market, leg in wanted:
            waiting = [o for o in market.orders if o.leg == leg and o.closes and (o.key in self.closing or o.at_once)]
            if market.held(leg) and not waiting and draw.chance(18):
                number += 1
                exits.append(self.exit(market, leg, number))
                exiting[market.symbol, leg] = exits[-1]
        protected = {(m.symbol, o.leg) for m in self.oracle.markets.values() for o in m.orders if o.whole}
        protections: list[Drawn] = []
        for market, leg in wanted:
            exits_at_once = self.oracle.rules.at_close and (market.symbol, leg) in exiting
            if market.held(leg) and not exits_at_once and draw.chance(15):
                protection = self.protection(market, leg, number + 1, gone)
                if protection is not None:
                    number += 1
                    protections.append(protection)
                    protected.add((market.symbol, leg))
        for market, leg in wanted:
            other = "short" if leg == "long" else "long"
            blocked = self.oracle.rules.one_way and (
                market.held(other) > 0
                or any(d.symbol == market.symbol and d.leg == other for d in entries)
                or any(o.leg == other and not o.closes and o.key not in gone for o in market.orders)
            )
            if blocked or not draw.chance(22 if market.held(leg) else 40):
                continue
            leaving = exiting.get((market.symbol, leg))
            adds = market.held(leg) > 0
            if leaving is not None:
                assert leaving.ask is not None
                if leaving.ask.kind == "ioc" and self.oracle.rules.at_close:
                    continue  # it may leave the leg flat, or not
                adds = leaving.action != "close" or leaving.ask.kind != "market"
            number += 1
            entries.append(self.entry(market, leg, number, adds=adds, bare=(market.symbol, leg) in protected))
        return [*cancels, *exits, *protections, *entries]

    # -- playing ----------------------------------------------------------------------------------

    def play(self) -> Counter[str]:
        """Every bar on both sides, compared after each half."""
        for _ in range(BARS):
            self.play_set()
        self.compared["bars"] += BARS
        return self.compared

    def play_set(self) -> None:
        """One set and the decision on it."""
        draw = self.draw
        candles = {
            symbol: self.candle(market)
            for symbol, market in self.oracle.markets.items()
            if not market.close or draw.chance(95)
        }
        rates = []
        opens_ns = (self.engine.number + 1) * MINUTE_NS
        for symbol in candles:
            if draw.chance(12):
                rate, inside = Fraction(draw.within(-300, 300), 100_000), draw.chance(50)
                mark = Fraction(draw.within(1_000_000, 9_000_000), 10**5) if draw.chance(50) else None
                self.oracle.markets[symbol].due.append(Funding(inside, rate, mark))
                at = opens_ns + (MINUTE_NS // 2 if inside else 0)
                rates.append(FundingRate(symbol, at, text_of(rate), None if mark is None else float(mark)))
        volumes = {symbol: float(candle[4]) for symbol, candle in candles.items()}
        self.engine.bars(
            {symbol: tuple(map(float, candle[:4])) for symbol, candle in candles.items()},
            volume=volumes,
            funding=rates,
        )
        self.oracle.play(candles)
        self.compare_fills()
        self.compare_settled()
        drawn = self.decision(set(candles))
        self.engine.decide(*[self.intent(number, one) for number, one in enumerate(drawn, start=1)])
        for one in drawn:
            if one.cancels:
                self.oracle.cancel(one.symbol, one.cancels)
        asks = [one.ask for one in drawn if one.ask is not None]
        self.oracle.ask([ask for ask in asks if ask.closes])
        for ask in asks:
            if ask.kind == "protect":
                self.oracle.protect(ask.symbol, ask.leg, ask.key, ask.stop, ask.target)
        self.oracle.ask([ask for ask in asks if not ask.closes and ask.kind != "protect"])
        self.compare_fills()

    def intent(self, number: int, drawn: Drawn) -> Intent:
        """For the engine."""
        identity = f"s1/{self.engine.close_ns}/{number}"
        fields: dict[str, Any] = {}
        ask = drawn.ask
        if ask is None:
            fields["order_id"] = self.order_id(drawn.cancels)
        else:
            assert ask.key == f"{identity}/1"
            values = {
                "quantity": ask.quantity,
                "limit_price": ask.price,
                "stop_loss": ask.stop,
                "take_profit": ask.target,
            }
            fields = {name: text_of(value) for name, value in values.items() if value is not None}
            if ask.kind != "protect":
                fields["style"] = ask.kind
        return Intent(id=identity, symbol=drawn.symbol, leg=drawn.leg, action=drawn.action, **fields)

    # -- comparing --------------------------------------------------------------------------------

    @staticmethod
    def order_id(key: str) -> str:
        """The engine's name of an order of the oracle."""
        name, _, part = key.partition(" ")
        if not part:
            return name
        kind, number = part.split()
        return f"{name}{PARTS[kind]}{'' if number == '1' else number}"

    def compare_fills(self) -> None:
        """Every fill, liquidation and rejection since the last time, in order."""
        events = self.engine.seen[self.seen :]
        self.seen = len(self.engine.seen)
        got = [event for event in events if isinstance(event, Filled)]
        expected, self.oracle.fills = self.oracle.fills, []
        where = f"{self.name}, bar {self.oracle.bar}"
        same([self.row(fill) for fill in got], [self.oracle_row(fill) for fill in expected], where)
        ends = [(event.symbol, Fraction(event.price)) for event in events if isinstance(event, Liquidated)]
        same(ends, [(symbol, price) for _, symbol, price in self.oracle.liquidations], where)
        rejected = [event.order_id for event in events if isinstance(event, Rejected)]
        same(rejected, self.oracle.rejected, where)
        denied = [(event.reason, event.order_id) for event in events if isinstance(event, Denied)]
        same(denied, [("leg_is_protected", key) for key in self.oracle.bare], where)
        self.compared["bare"] += len(denied)
        self.compared["whole"] += sum(f"{fill.intent_id}/1" in self.protections for fill in got)
        self.compared["fills"] += len(got)
        self.compared["liquidations"] += len(ends)
        self.compared["rejected"] += len(rejected)
        self.compared["cancelled"] += sum(isinstance(event, Cancelled) for event in events)
        for fill in got:
            self.compared[fill.kind] += 1
        self.oracle.liquidations.clear()
        self.oracle.rejected.clear()
        self.oracle.bare.clear()

    @staticmethod
    def row(fill: Filled) -> tuple[Any, ...]:
        """What is compared of a fill of the engine."""
        name = f"liquidation {fill.leg}" if fill.reason == "liquidation" else fill.order_id
        money = (Fraction(text) for text in (fill.quantity, fill.price, fill.fee, fill.realised))
        return fill.symbol, name, fill.leg, fill.liquidity == "maker", *money

    def oracle_row(self, fill: Fill) -> tuple[Any, ...]:
        """The same of the oracle."""
        name = fill.key if fill.key.startswith("liquidation") else self.order_id(fill.key)
        return fill.symbol, name, fill.leg, fill.maker, fill.quantity, fill.price, fill.fee, fill.realised

    def compare_settled(self) -> None:
        """The account and the open orders at a close."""
        settled: Settled = self.engine.settled
        where = f"{self.name}, bar {self.oracle.bar}"
        resting = [(market, order) for market in self.oracle.markets.values() for order in market.orders]
        expected_rows = sorted((self.order_id(order.key), market.left(order)) for market, order in resting)
        same(sorted((row.order_id, Fraction(row.remaining)) for row in settled.pending), expected_rows, where)
        expected = {
            "equity": self.oracle.equity(),
            "cash": self.oracle.cash,
            "realised": self.oracle.realised,
            "fees": self.oracle.fees,
            "funding": self.oracle.funding,
        }
        same([(name, Fraction(getattr(settled, name))) for name in expected], list(expected.items()), where)
        self.compared["accounts"] += 1


def play(name: str) -> Counter[str]:
    """Play one session on both sides; AssertionError at the first difference. What was compared, counted."""
    return Session(name).play()
