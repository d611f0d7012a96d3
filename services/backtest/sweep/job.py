"""One run of a sweep, from its parameters to its row. This is the only place where a sweep runs a backtest."""

from __future__ import annotations

import time
from typing import Any, Final, Protocol

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError, SessionRefused
from live_runner.contracts.messages import Instrument
from live_runner.services.backtest.run import run_over
from live_runner.services.backtest.session import Engine, MarketFacts, begin, load_strategy, warmup_needed
from live_runner.services.backtest.sweep.plan import Setting, configured
from live_runner.services.backtest.sweep.rows import Row, done_row, manifest_fields, other_row
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.services.market_data.core.warmup import Plan as MarketPlan
from live_runner.strategies.base import Strategy
from live_runner.strategies.loader import StrategySource

__all__ = ["Job", "Market", "carry_out", "market_facts", "shared_manifest"]

MESSAGE_CHARS_MAX: Final = 2000
"""Of a refusal or failure in a row."""

_SHARED: Final = (
    "stage",
    "strategy",
    "strategy_hash",
    "engine_version",
    "engine_hash",
    "dataset",
    "instruments",
    "models",
    "platform",
    "packages",
    "compare_command",
)


class Market(Protocol):
    """The bars that every run of a sweep trades on, opened once in each process."""

    def manifest_view(self) -> dict[str, Any]:
        """Their provenance."""

    def instruments(self) -> list[Instrument]:
        """Market rules in symbol order."""

    def plan_now(self, warmup_bars: int) -> MarketPlan:
        """Where a run begins; SessionRefused when there is too little history for it."""

    def timeline(self) -> SetTimeline:
        """The planned run's bars."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Data that all runs of a sweep share; it is sent to every process that works on it."""

    config: Config
    source: StrategySource
    engine: Engine
    compiled: bool = False
    """Run the strategy's compiled twin."""
    shared: dict[str, Any] = {}
    """The part of the manifest that is the same for all."""


def carry_out(setting: Setting, job: Job, market: Market) -> Row:
    """Run one parameter set. Whatever goes wrong with it is a row that says so."""
    began_s = time.perf_counter()

    def other(status: str, message: str) -> Row:
        seconds = time.perf_counter() - began_s
        return other_row(setting, status, message[:MESSAGE_CHARS_MAX], job.shared, seconds=seconds)

    try:
        strategy_class = load_strategy(job.config, job.source)
        config = configured(job.config, strategy_class, setting)
        facts = market_facts(config, strategy_class, market)
        result = run_over(config, job.source, facts, market.timeline(), job.engine, compiled=job.compiled)
    except (ConfigError, SessionRefused) as error:
        return other("refused", str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a broken run is a result, and the others go on
        return other("failed", f"{type(error).__name__}: {error}")
    if result.failure:
        return other("failed", f"The strategy failed: {result.failure}")
    bars = result.sets * len(config.market.symbols)
    return done_row(setting, result, job.shared, bars=bars, seconds=time.perf_counter() - began_s)


def market_facts(config: Config, strategy_class: type[Strategy[Any, Any]], market: Market) -> MarketFacts:
    """Facts that market_data would have published before the first bar of this run."""
    plan = market.plan_now(warmup_needed(config, strategy_class))
    return MarketFacts(
        instruments=market.instruments(),
        dataset=market.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )


def shared_manifest(config: Config, job: Job, market: Market) -> dict[str, Any]:
    """The part of the manifest that does not depend on the parameters, as the run of ``config`` has it."""
    strategy_class = load_strategy(config, job.source)
    _, started = begin(config, job.source, strategy_class, market_facts(config, strategy_class, market), job.engine)
    fields = manifest_fields(started)
    return {key: fields[key] for key in _SHARED}
