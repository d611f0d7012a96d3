"""A backtest over a recording."""

from __future__ import annotations

from collections.abc import Callable

from live_runner.contracts.config import Config
from live_runner.hotpath.engine.host import GaveUpError
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.session import BacktestResult, Engine, MarketFacts
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.strategies.loader import StrategySource

__all__ = ["run_over"]


def run_over(
    config: Config,
    source: StrategySource,
    market: MarketFacts,
    timeline: SetTimeline,
    engine: Engine,
    *,
    compiled: bool = False,
    progress: Callable[[int], None] | None = None,
) -> BacktestResult:
    """Run the configuration over every set of the timeline.

    ``compiled`` runs the strategy's compiled twin (ConfigError when it has none); where that gives up, the Python
    strategy runs the session from the start and names what is wrong. ``progress`` is called with the number of the set
    now and then.
    """
    try:
        return run_columns(config, source, market, timeline, engine, compiled=compiled, progress=progress)
    except GaveUpError:
        return run_columns(config, source, market, timeline, engine, progress=progress)
