"""What runs a backtest, one entry each: an engine that is added here joins every comparison of the bench.

A market is made once and given to every engine: configuration, rules, and columns of bars. What an engine does is
timed from the columns to the summary, in processor time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from session_world import ENGINE

from live_runner.contracts.config import Account, Config, Fees, Fills, Market, StrategyChoice
from live_runner.contracts.messages import Stopped
from live_runner.hotpath import IMPLEMENTATION
from live_runner.services.backtest.columns import ColumnsBacktest
from live_runner.services.backtest.session import (
    MarketFacts,
    begin,
    load_strategy,
    run_backtest,
    warmup_needed,
    with_defaults,
)
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.market_data.core.warmup import plan
from live_runner.strategies import loader

__all__ = ["ENGINES", "Contest", "Engine", "Ran", "contest"]

_FOLDER = Path(__file__).parent / "strategies"


@dataclass(frozen=True)
class Contest:
    """One strategy over one market, ready to be run."""

    config: Config
    source: loader.StrategySource
    facts: MarketFacts
    columns: Sequence[Candles]

    @property
    def bars(self) -> int:
        """Of all symbols, warmup included."""
        return sum(len(candles) for candles in self.columns)

    @property
    def first(self) -> int:
        """Number of the first set that is traded."""
        return self.facts.warmup_found

    def timeline(self) -> SetTimeline:
        """The bar sets, made anew."""
        return SetTimeline(
            self.columns,
            self.config.market.timeframe,
            begin_ns=int(self.columns[0].open_ns[0]),
            first_open_ns=self.facts.first_open_ns,
        )


class Ran(NamedTuple):
    """A finished backtest."""

    seconds: float
    """From the columns to the summary."""
    loop_seconds: float
    """Of them in the loop over the bars: what is left when a run is long."""
    summary: dict[str, Any]


@dataclass(frozen=True)
class Engine:
    """A way to run a backtest, and the strategies that it can run."""

    name: str
    strategies: Mapping[str, StrategyChoice]
    """By what they do: ``ema_cross``, ``dual_lifo``, ``averages`` (no orders), ``every_so_often``."""
    play: Callable[[Contest], tuple[Stopped, float]]
    """Its last message, and the processor time at which its loop began."""
    bars: int
    """Of an ordinary run: enough for what a run costs to begin to weigh little."""
    bars_at_most: int
    """In one run, so that it ends."""

    def run(self, given: Contest) -> Ran:
        """Play it once."""
        gc.collect()
        began = process_time()
        stopped, looping = self.play(given)
        ended = process_time()
        return Ran(ended - began, ended - looping, stopped.summary)


def contest(
    choice: StrategyChoice, columns: Sequence[Candles], *, equity: str = "1000000", fee: str = "0.0004"
) -> Contest:
    """Candles of each symbol, hedge mode, market orders at the next open without slippage."""
    config = Config(
        session="bench",
        strategy=choice,
        market=Market(
            venue="simulated",
            source="simulated",
            symbols=tuple(candles.symbol for candles in columns),
            timeframe="1m",
        ),
        account=Account(equity=equity),
        fills=Fills(slippage_bp="0"),
        fees=Fees(maker=fee, taker=fee),
    )
    source = loader.collect(path=choice.path, module=choice.module, name=choice.name)
    strategy = load_strategy(config, source)
    config = with_defaults(config, strategy)
    begins = plan(columns, "1m", warmup_needed(config, strategy), accept_holes=True)
    facts = MarketFacts(
        instruments=[simulation.instrument(candles.symbol, "simulated") for candles in columns],
        dataset={"name": "made for the bench"},
        warmup_found=begins.warmup_found,
        first_open_ns=begins.first_open_ns,
    )
    return Contest(config, source, facts, [candles.between(begins.begin_ns, 2**62) for candles in columns])


def _columns(given: Contest, *, compiled: bool = False) -> tuple[Stopped, float]:
    """The engine over columns, with the strategy in Python or its compiled twin."""
    strategy_class = load_strategy(given.config, given.source)
    config = with_defaults(given.config, strategy_class)
    _, started = begin(config, given.source, strategy_class, given.facts, ENGINE)
    backtest = ColumnsBacktest(started, config, strategy_class, given.timeline(), compiled=compiled)
    looping = process_time()
    return backtest.run(), looping


def _twin(given: Contest) -> tuple[Stopped, float]:
    return _columns(given, compiled=True)


def _messages(given: Contest) -> tuple[Stopped, float]:
    """The session's own cores in one process, a message for whatever passes between them."""
    looping = process_time()
    return run_backtest(given.config, given.source, given.facts, given.timeline().items(), ENGINE).stopped, looping


_STRATEGIES: Mapping[str, StrategyChoice] = {
    "ema_cross": StrategyChoice(module="live_runner.strategies.ema_cross", parameters={"quantity": 1.0}),
    "dual_lifo": StrategyChoice(module="live_runner.strategies.dual_lifo"),
    "averages": StrategyChoice(path=str(_FOLDER / "averages.py"), parameters={"quantity": 1.0}),
    "every_so_often": StrategyChoice(path=str(_FOLDER / "every_so_often.py")),
}


def _with_twin() -> dict[str, StrategyChoice]:
    """Those that name a compiled twin."""
    found = {}
    for name, choice in _STRATEGIES.items():
        source = loader.collect(path=choice.path, module=choice.module, name=choice.name)
        if loader.load(source.strategy, source.sources).compiled is not None:
            found[name] = choice
    return found


_INTERPRETED = "Python strategy, engine interpreted"
_OVER_COLUMNS: Mapping[str, Engine] = (
    {
        "compiled": Engine("compiled strategy", _with_twin(), _twin, bars=1_000_000, bars_at_most=10_000_000),
        "python": Engine("Python strategy", _STRATEGIES, _columns, bars=100_000, bars_at_most=3_000_000),
    }
    if IMPLEMENTATION == "compiled"
    else {"interpreted": Engine(_INTERPRETED, _STRATEGIES, _columns, bars=50_000, bars_at_most=300_000)}
)
ENGINES: Mapping[str, Engine] = {
    **_OVER_COLUMNS,
    "cores": Engine("Python strategy in the cores", _STRATEGIES, _messages, bars=20_000, bars_at_most=100_000),
}
"""One engine, three ways to play it: over columns with the strategy compiled, with the strategy in Python, and through
messages, as the services do. ``LIVE_RUNNER_HOTPATH=reference`` interprets the same files.
"""
