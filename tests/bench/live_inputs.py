"""Market data and strategy of a live session, as the bench plays them: inputs go to the log, events come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from live_runner.contracts import subjects
from live_runner.contracts.config import Config, StrategyChoice
from live_runner.contracts.engine import ENGINE
from live_runner.contracts.ids import event_id
from live_runner.contracts.manifest import config_hash
from live_runner.contracts.messages import Announced, BarSet, Decided, Event, Instrument, Intent, SetBar, Started
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.execution.core.models import model_names
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import event_of

__all__ = ["MINUTE_NS", "Inputs"]

MINUTE_NS = 60_000_000_000
EVENT_LIMIT_S = 60.0
RARELY_S = 600
"""Looks that nothing asks for: not while something is measured."""


def configuration(session: str, account: str, symbols: Sequence[str]) -> Config:
    """Caps that nothing meets, and no look but those that a stream or an order asks for."""
    caps = {"order_notional": "1000000", "total_notional": "100000000", "open_orders": 1000, "orders_per_minute": 10000}
    tree = {
        "session": session,
        "strategy": StrategyChoice(module="m"),
        "market": {"source": "ccxt", "venue": "binanceusdm", "symbols": list(symbols), "timeframe": "1m"},
        "account": {"name": account, "equity": "1000000", "leverage": "20"},
        "caps": caps,
        "risk": {"daily_loss": {"limit": "1000000", "action": "stop", "reset": "operator"}},
        "execution": {"late_decision": "send", "poll_s": RARELY_S, "account_every_s": RARELY_S},
    }
    return msgspec.convert(msgspec.to_builtins(tree), Config)


class Inputs:
    """One session; every event of its log in the order of the stream."""

    def __init__(self, bus: Bus, session: str, account: str, instruments: Sequence[Instrument]) -> None:
        self.bus = bus
        self.session = session
        self.log: list[Event] = []
        self.prices = dict.fromkeys((each.symbol for each in instruments), 0.0)
        config = configuration(session, account, list(self.prices))
        self._numbers: dict[str, int] = {}
        self._number = 0
        self.close_ns = time.time_ns() // MINUTE_NS * MINUTE_NS - 100_000 * MINUTE_NS
        self._grown = asyncio.Event()
        built: dict[str, Any] = msgspec.to_builtins(config)
        common: dict[str, Any] = {"stage": "live_small", "config": built, "engine": ENGINE, "warmup_bars": 0}
        common |= dict.fromkeys(("strategy", "strategy_hash", "engine_version", "engine_hash"), "")
        common |= {"config_hash": config_hash(built)}
        self.announced = Announced(**self._envelope("run"), **common, sources={})
        self.started = Started(
            **self._envelope("run"), **common, dataset={}, instruments=list(instruments), policy=ExecutionPolicy(),
            warmup_found=0, first_open_ns=self.close_ns, models=model_names(config), platform={}, packages={},
            compare_command="",
        )  # fmt: skip

    def _envelope(self, source: str) -> dict[str, Any]:
        seq = self._numbers[source] = self._numbers.get(source, 0) + 1
        identity = event_id(self.session, source, seq)
        return {"id": identity, "session": self.session, "source": source, "seq": seq, "event_ns": self.close_ns}

    async def follow(self) -> None:
        """Keep every event of the log."""
        async for message in await self.bus.reader(subjects.of_session(self.session)):
            if (event := event_of(message)) is not None:
                self.log.append(event)
                self._grown.set()
                self._grown = asyncio.Event()

    async def next(self, start: int, kind: type[Any], where: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first event of a kind at or after a place of the log."""
        at = start
        async with asyncio.timeout(EVENT_LIMIT_S):
            while True:
                for event in self.log[at:]:
                    at += 1
                    if isinstance(event, kind) and where(event):
                        return event
                await self._grown.wait()

    async def count(self, start: int, kind: type[Any], count: int) -> list[Any]:
        """The first events of a kind at or after a place of the log, so many."""
        async with asyncio.timeout(EVENT_LIMIT_S):
            while len(found := [event for event in self.log[start:] if isinstance(event, kind)]) < count:
                await self._grown.wait()
        return found[:count]

    async def bar(self) -> int:
        """The next bar of every symbol; when it was published, in nanoseconds."""
        open_ns, self.close_ns = self.close_ns, self.close_ns + MINUTE_NS
        self._number += 1
        bars = [SetBar(symbol, price, price, price, price, 1.0) for symbol, price in self.prices.items()]
        published_ns = time.time_ns()
        await self.bus.publish(
            BarSet(
                **self._envelope("market_data"), number=self._number, open_ns=open_ns, close_ns=self.close_ns,
                bars=bars, missing=[], funding=[],
            )
        )  # fmt: skip
        return published_ns

    async def decide(self, *asked: dict[str, Any]) -> None:
        """The decision on the last bar."""
        intents = [
            Intent(**{"id": f"{self.session}/{self.close_ns}/{at}"} | fields) for at, fields in enumerate(asked, 1)
        ]
        await self.bus.publish(Decided(**self._envelope("strategy"), close_ns=self.close_ns, intents=intents))
