"""A backtest over a recording, in whichever speed is at hand: same results, to the bit.

The compiled bar loop runs it where it can. The cores run it with the reference hot path, and wherever the loop gives
up, because they name what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import IMPLEMENTATION
from live_runner.services.backtest.session import BacktestResult, Engine, MarketFacts, run_backtest
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

    ``compiled`` runs the strategy's compiled twin (ConfigError when it has none). ``progress`` is told the number
    of the set now and then.
    """
    if IMPLEMENTATION == "compiled":
        from live_runner.services.backtest.fast import run_fast

        result = run_fast(config, source, market, timeline, engine, compiled=compiled, progress=progress)
        if result is not None:
            return result
    elif compiled:
        raise ConfigError(
            "LIVE_RUNNER_HOTPATH=reference runs no compiled strategy",
            remedy="Leave it unset, or run the Python strategy",
            key="compiled",
        )
    return run_backtest(config, source, market, timeline.items(), engine)
