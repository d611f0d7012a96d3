"""Whole sessions made in one process: a simulated market, a shipped strategy, and every event as wire bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from live_runner.contracts import codec
from live_runner.contracts.config import Account, Config, Fees, Fills, Limits, Market, StrategyChoice
from live_runner.contracts.messages import BarSet, Event, FundingRate, SetBar
from live_runner.services.backtest.loop import Backtest, CommandAt
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import (
    Engine,
    MarketFacts,
    begin,
    load_strategy,
    warmup_needed,
    with_defaults,
)
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.core.sets import Item, SetTimeline
from live_runner.services.market_data.core.warmup import Plan, plan
from live_runner.strategies import loader

ENGINE = Engine(version="0.1.0", hash="e" * 32, platform={"architecture": "test", "numpy": "2"})

EMA = StrategyChoice(
    module="live_runner.strategies.ema_cross",
    parameters={"fast": 5, "slow": 12, "notional": 2000.0, "short": True},
)
LADDER = StrategyChoice(module="live_runner.strategies.dual_lifo", parameters={})


@dataclass
class World:
    """A session to be: configuration, strategy source, and its market."""

    config: Config
    source: loader.StrategySource
    columns: list[Candles]
    funding: dict[str, list[FundingRate]] = field(default_factory=dict)

    @property
    def strategy_class(self) -> type[Any]:
        return load_strategy(self.config, self.source)

    def _plan(self) -> Plan:
        needed = warmup_needed(self.config, self.strategy_class)
        return plan(self.columns, self.config.market.timeframe, needed, accept_holes=True)

    def timeline(self) -> SetTimeline:
        """The market's bar sets over its columns."""
        begins = self._plan()
        return SetTimeline(
            self.columns,
            self.config.market.timeframe,
            begin_ns=begins.begin_ns,
            first_open_ns=begins.first_open_ns,
            funding=self.funding,
        )

    def facts_and_items(self) -> tuple[MarketFacts, list[Item]]:
        begins = self._plan()
        facts = MarketFacts(
            instruments=[simulation.instrument(symbol, "simulated") for symbol in self.config.market.symbols],
            dataset={"name": "made for a test"},
            warmup_found=begins.warmup_found,
            first_open_ns=begins.first_open_ns,
        )
        return facts, list(self.timeline().items())

    def market(self) -> list[Event]:
        """The numbered events of the market."""
        return list(numbered(self.config.session, self.facts_and_items()[1]))

    def record(self, *, commands: Sequence[CommandAt] = (), market: Iterable[Event] | None = None) -> list[Event]:
        """Every event of the session, in log order."""
        facts, _ = self.facts_and_items()
        announced, started = begin(self.config, self.source, self.strategy_class, facts, ENGINE)
        events: list[Event] = [announced]
        backtest = Backtest(started, self.strategy_class, hashing=True, commands=commands, sink=events.append)
        backtest.run(self.market() if market is None else market)
        return events


def make_world(
    choice: StrategyChoice = EMA,
    *,
    market_seed: int,
    session: str = "test",
    symbols: Sequence[str] = ("BTC/USDT:USDT", "ETH/USDT:USDT"),
    bars: int = 400,
    first: int = 0,
    account: Account | None = None,
    fills: Fills | None = None,
    fees: Fees | None = None,
    limits: Limits | None = None,
    **market: Any,
) -> World:
    """A session to be over a simulated market."""
    config = Config(
        session=session,
        strategy=choice,
        market=Market(
            venue="simulated", symbols=tuple(symbols), timeframe="1m", source="simulated", bars=bars, **market
        ),
        account=account or Account(),
        fills=fills or Fills(slippage_bp="2"),
        fees=fees or Fees(),
        limits=limits or Limits(state_hash_every=100),
    )
    source = loader.collect(path=choice.path, module=choice.module, name=choice.name)
    config = with_defaults(config, load_strategy(config, source))
    columns = [simulation.simulate(market_seed, symbol, "1m", first, bars) for symbol in symbols]
    funding = {
        symbol: simulation.funding(market_seed, symbol, column) for symbol, column in zip(symbols, columns, strict=True)
    }
    return World(config, source, columns, funding)


def wires(events: Iterable[Event]) -> list[bytes]:
    """The events as they would stand in the stream, each with a time of publishing."""
    return [codec.stamp(codec.encode(event), 1_000_000 + number) for number, event in enumerate(events)]


def with_bar(event: BarSet, index: int, **changes: float) -> BarSet:
    """The set with one bar changed."""
    bars: list[SetBar] = list(event.bars)
    bars[index] = msgspec.structs.replace(bars[index], **changes)
    return msgspec.structs.replace(event, bars=bars)
