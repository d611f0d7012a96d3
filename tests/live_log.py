"""Logs of sessions whose orders go to a real venue, made in one process: a seeded script takes the venue's part.

The script answers what the execution core asks for and adds what a venue sends unasked: reports late and doubled, lost
answers, income, account reports, silent streams, and a process that takes over half way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
from session_world import ENGINE, World

from live_runner.contracts.core import CancelOrder, QueryOrder, SendOrder, SetTimer
from live_runner.contracts.messages import (
    AccountReported,
    BarSet,
    Event,
    Income,
    Owned,
    Quote,
    Report,
    Requested,
    Settled,
    StreamGap,
    Timer,
    Trade,
    VenuePosition,
)
from live_runner.services.backtest.session import begin
from live_runner.services.execution.core.engine import ExecutionCore
from live_runner.services.strategy.core.host import StrategyCore

TICK = Decimal("0.1")
TOO_LATE_NS = 10_000_000_000
"""After its request an order cannot arrive any more."""


class LiveLog:
    """One session at a stage; ``events`` are its log, in order."""

    def __init__(self, world: World, seed: int, *, stage: str = "live") -> None:
        facts, _ = world.facts_and_items()
        announced, started = begin(world.config, world.source, world.strategy_class, facts, ENGINE)
        self.session = world.config.session
        self.execution = ExecutionCore(self.session)
        self.strategy = StrategyCore(self.session, world.strategy_class)
        self.events: list[Event] = [msgspec.structs.replace(announced, stage=stage)]
        self.asked: deque[Any] = deque()
        """Effects of the execution core that the script has not answered yet."""
        self.timers: list[SetTimer] = []
        self.open: dict[str, Requested] = {}
        """Orders that the venue has, by client order id, and what of each is filled."""
        self.filled: dict[str, Decimal] = {}
        self.legs: dict[tuple[str, str], str] = {}
        self.prices: dict[str, float] = {}
        self.now_ns = 0
        self._random = Random(seed)
        self._epoch = 1
        self._numbers: dict[str, int] = {}
        self._trades = 0
        self._dies_next = False
        """The process that owns execution ends before it hands over the next order, and another goes on."""
        self._put(self._shell(Owned, role="execution", instance="one", epoch=1))
        self._put(msgspec.structs.replace(started, stage=stage))

    def play(self, market: Sequence[Event]) -> LiveLog:
        """Every event of the market, each with what the venue makes of it."""
        half = len(market) // 2
        for number, event in enumerate(market):
            if isinstance(event, BarSet):
                self.prices |= {bar.symbol: bar.close for bar in event.bars}
                self.now_ns = event.close_ns
            self._put(event)
            self._answer()
            self._dies_next = self._dies_next or number == half
            if isinstance(event, BarSet) and not event.warmup:
                self._add_unasked(event)
            self._answer()
        return self

    # -- the log ----------------------------------------------------------------------------------

    def _put(self, event: Event) -> None:
        """Append an event, and what the cores make of it."""
        waiting = deque([event])
        while waiting:
            item = waiting.popleft()
            self.events.append(item)
            if isinstance(item, Settled):
                self.legs |= {(leg.symbol, leg.leg): leg.quantity for leg in item.legs}
            if item.source != "execution":
                for effect in self.execution.handle(item):
                    if isinstance(effect, Event):
                        waiting.append(effect)
                    else:
                        self.asked.append(effect)
            if item.source != "strategy":
                waiting.extend(self.strategy.handle(item))

    def _shell(self, kind: type[Any], /, **fields: Any) -> Any:
        source = f"execution.shell.{self._epoch}"
        self._numbers[source] = number = self._numbers.get(source, 0) + 1
        identity = f"{self.session}/{source}/{number}"
        return kind(
            **fields, v=kind.VERSION, id=identity, session=self.session, source=source, seq=number, event_ns=self.now_ns
        )

    # -- the venue --------------------------------------------------------------------------------

    def _answer(self) -> None:
        """Answer what is asked, one after the other."""
        while self.asked:
            effect = self.asked.popleft()
            if isinstance(effect, SendOrder):
                self._take(effect.order)
            elif isinstance(effect, CancelOrder):
                self._cancel(effect.client_order_id)
            elif isinstance(effect, QueryOrder):
                self._look_up(effect.client_order_id, effect.symbol)
            elif isinstance(effect, SetTimer):
                self.timers.append(effect)

    def _take(self, order: Requested) -> None:
        draw, client = self._random.random(), order.client_order_id
        if self._dies_next and self._epoch == 1:
            self._epoch = 2
            self._put(self._shell(Owned, role="execution", instance="two", epoch=2))
            return
        if draw < 0.05:
            self._report(order, "rejected", code="-2019", message="Margin is insufficient", retryable=draw < 0.02)
            return
        if client not in self.open:
            self.open[client], self.filled[client] = order, Decimal(0)
        self._report(order, "submitted", via="send")
        if draw < 0.12:
            self._report(order, "unknown", message="timeout", via="send")
            return
        self._report(order, "accepted", venue_order_id=f"v{len(self.open)}", via="stream")
        if order.kind == "market" or draw < 0.5:
            self._fill(order, partly=draw > 0.8)

    def _fill(self, order: Requested, *, partly: bool = False) -> None:
        client, whole = order.client_order_id, Decimal(order.quantity)
        part = whole - self.filled[client]
        if partly and order.kind != "market":
            part = (part / 2).quantize(Decimal("0.001")) or part
        price = Decimal(order.price) if order.price is not None else self._price(order)
        self._trades += 1
        trade = Trade(f"t{self._trades}", str(part), str(price), self.now_ns, "0.01", "USDT", "taker")
        self.filled[client] += part
        status = "filled" if self.filled[client] == whole else "partly_filled"
        for _ in range(2 if self._random.random() < 0.2 else 1):  # a report that is delivered twice
            self._report(
                order,
                status,
                filled=str(self.filled[client]),
                trades=[trade],
                via="stream",
            )
        if status == "filled":
            del self.open[client]

    def _price(self, order: Requested) -> Decimal:
        close = Decimal(repr(self.prices[order.symbol])).quantize(TICK)
        return close + TICK * self._random.randint(-3, 3)

    def _cancel(self, client: str) -> None:
        order = self.open.pop(client, None)
        if order is not None:
            self._report(order, "cancelled", filled=str(self.filled[client]))

    def _look_up(self, client: str, symbol: str) -> None:
        order = self.open.get(client)
        if order is None:
            proof = {"complete": True, "asked_ns": self.now_ns + TOO_LATE_NS}
            self._put(self._shell(Report, client_order_id=client, symbol=symbol, status="absent", via="query", **proof))
            return
        if order.kind == "market":
            self._report(order, "accepted", via="query", asked_ns=self.now_ns)
            self._fill(order)
        else:
            self._report(order, "accepted", filled=str(self.filled[client]), via="query", asked_ns=self.now_ns)

    def _add_unasked(self, bars: BarSet) -> None:
        """What the venue sends unasked after a close."""
        for timer in [timer for timer in self.timers if timer.due_ns <= bars.close_ns]:
            self.timers.remove(timer)
            self._put(self._shell(Timer, role="execution", name=timer.name, due_ns=timer.due_ns))
        for order in list(self.open.values()):
            if self._random.random() < 0.3:
                self._fill(order)
        for rate in bars.funding:
            if any(self.legs.get((rate.symbol, leg), "0") != "0" for leg in ("long", "short")):
                amount = str(Decimal(self._random.randint(-500, 500)) / 1000)
                identity = f"{rate.symbol} {rate.funding_ns}"
                self._put(
                    self._shell(
                        Income, income_id=identity, kind="funding", amount=amount, currency="USDT", symbol=rate.symbol
                    )
                )
        draw = self._random.random()
        if draw < 0.03:
            held = [
                VenuePosition(symbol, leg, quantity if draw > 0.01 else "7")
                for (symbol, leg), quantity in self.legs.items()
                if quantity != "0"
            ]
            self._put(self._shell(AccountReported, positions=held, positions_complete=True))
        elif draw < 0.04:
            self._put(self._shell(StreamGap, stream="orders", from_ns=bars.open_ns, to_ns=bars.close_ns))
        elif draw < 0.05:
            self._put(self._shell(Income, income_id=f"x{bars.number}", kind="transfer", amount="5", currency="USDT"))
        elif draw < 0.06:
            self._put(self._shell(Quote, symbol=bars.bars[0].symbol, bid=99.5, ask=100.5))

    def _report(self, order: Requested, status: str, **fields: Any) -> None:
        self._put(
            self._shell(Report, client_order_id=order.client_order_id, symbol=order.symbol, status=status, **fields)
        )
