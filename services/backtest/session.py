"""A whole backtest from its configuration: the manifest as a session would have it, then the loop.

Opening the dataset is the caller's business. What it found (rules, provenance, first bar) comes in as
``MarketFacts``, the bars as the items that market_data's source gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from live_runner.contracts.config import Config
from live_runner.contracts.ids import event_id
from live_runner.contracts.manifest import announce, start
from live_runner.contracts.messages import Announced, Event, Instrument, Joined, Settled, Started, Stopped
from live_runner.contracts.policy import ExecutionPolicy
from live_runner.services.backtest.failures import Failure
from live_runner.services.backtest.loop import Backtest
from live_runner.services.backtest.market import numbered
from live_runner.services.execution.core.models import model_names
from live_runner.services.market_data.core.sets import Item
from live_runner.strategies.base import Strategy
from live_runner.strategies.loader import StrategySource, create, load, parameters_with_defaults

__all__ = [
    "BacktestResult",
    "Engine",
    "MarketFacts",
    "begin",
    "load_strategy",
    "policy_of",
    "run_backtest",
    "warmup_needed",
    "with_defaults",
]

_STAGE: Final = "paper"


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The build: version and hash of live-runner, platform, and the packages that strategy code may import."""

    version: str
    hash: str
    platform: dict[str, str]
    packages: dict[str, str] = {}


class MarketFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that market_data has before the first bar."""

    instruments: list[Instrument]
    dataset: dict[str, Any]
    warmup_found: int
    first_open_ns: int


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a backtest."""

    started: Started
    stopped: Stopped
    settled: Settled | None
    """The account at the last close; None when no bar was tradable."""
    sets: int
    failure: str = ""
    """The first call into strategy code that raised; from there on nothing was opened. "" when none did."""
    failures: list[Failure] = []
    """What went wrong, by kind and reason; only of a backtest over columns."""


def load_strategy(config: Config, source: StrategySource) -> type[Strategy[Any, Any]]:
    """The class that the configuration means, from its source text."""
    return load(source.strategy, source.sources, legacy=config.strategy.legacy)


def with_defaults(config: Config, strategy_class: type[Strategy[Any, Any]]) -> Config:
    """The configuration with the strategy's own defaults written out too, so that a changed one can be seen."""
    parameters = parameters_with_defaults(strategy_class, config.strategy.parameters)
    return replace(config, strategy=replace(config.strategy, parameters=parameters))


def warmup_needed(config: Config, strategy_class: type[Strategy[Any, Any]]) -> int:
    """Bars of history: what the strategy asks for, or the configuration if that is more."""
    strategy = _made(config, strategy_class)
    return max(strategy.warmup(config.market.timeframe), config.market.warmup_bars)


def begin(
    config: Config,
    source: StrategySource,
    strategy_class: type[Strategy[Any, Any]],
    market: MarketFacts,
    engine: Engine,
) -> tuple[Announced, Started]:
    """The events that ``run`` and the services would have published before the first bar of this session."""
    announced = announce(
        config,
        stage=_STAGE,
        strategy=source.strategy,
        sources=source.sources,
        strategy_hash=source.hash,
        engine_version=engine.version,
        engine_hash=engine.hash,
        warmup_bars=warmup_needed(config, strategy_class),
    )
    joined = {
        "market_data": _joined(
            announced,
            "market_data",
            instruments=market.instruments,
            dataset=market.dataset,
            warmup_found=market.warmup_found,
            first_open_ns=market.first_open_ns,
        ),
        "strategy": _joined(announced, "strategy", policy=policy_of(config, strategy_class), packages=engine.packages),
    }
    return announced, start(announced, joined, models=model_names(config), platform=engine.platform)


def run_backtest(
    config: Config,
    source: StrategySource,
    market: MarketFacts,
    items: Iterable[Item],
    engine: Engine,
    *,
    hashing: bool = False,
    sink: Callable[[Event], None] | None = None,
) -> BacktestResult:
    """Run the configuration over the items of its market.

    ``sink`` sees every event in log order, from ``announced`` on. With ``hashing`` the cores' events are byte
    for byte those of a session of the same name; without, their hashes are empty and it is faster.
    """
    strategy_class = load_strategy(config, source)
    config = with_defaults(config, strategy_class)
    announced, started = begin(config, source, strategy_class, market, engine)
    if sink is not None:
        sink(announced)
    backtest = Backtest(started, strategy_class, hashing=hashing, sink=sink)
    stopped = backtest.run(numbered(config.session, items))
    return BacktestResult(
        started=started,
        stopped=stopped,
        settled=backtest.settled,
        sets=backtest.sets,
        failure=backtest.strategy.trouble,
    )


def policy_of(config: Config, strategy_class: type[Strategy[Any, Any]]) -> ExecutionPolicy:
    """The execution policy that the strategy states with these parameters."""
    return _made(config, strategy_class).policy()


def _made(config: Config, strategy_class: type[Strategy[Any, Any]]) -> Strategy[Any, Any]:
    return create(strategy_class, config.strategy.parameters, config.market.symbols, config.market.timeframe)


def _joined(announced: Announced, role: str, **facts: Any) -> Joined:
    source = f"{role}.shell"
    return Joined(
        role=role,
        instance="backtest",
        v=Joined.VERSION,
        id=event_id(announced.session, source, 1),
        session=announced.session,
        source=source,
        seq=1,
        cause=announced.id,
        event_ns=0,
        **facts,
    )
