"""A configuration with its strategy loaded and every default written out: what `run` announces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from live_runner.contracts.config import Config, check
from live_runner.contracts.errors import ConfigError
from live_runner.services.runtime.config import config_file

if TYPE_CHECKING:
    from live_runner.contracts.messages import Announced
    from live_runner.services.backtest.session import Engine
    from live_runner.services.backtest.tryout import Tryout
    from live_runner.strategies.base import Strategy
    from live_runner.strategies.loader import StrategySource

__all__ = ["TRIED_BARS", "LoadedConfig", "engine", "load_config", "tried_on_simulated_bars"]

TRIED_BARS: Final = 200
"""Bars of the simulated market that a strategy is tried on, after its warmup."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """Everything about a session that is known before a service is asked."""

    config: Config
    source: StrategySource
    strategy_class: type[Strategy[Any, Any]]
    warmup_bars: int
    dataset_hash: str | None = None
    """Of a recording that is in this data folder."""

    def changed(self, changes: Mapping[str, Any]) -> LoadedConfig:
        """The same with other settings, given section by section; ConfigError as for a file."""
        from live_runner.services.backtest.session import warmup_needed, with_defaults

        try:
            config = msgspec.convert(_merged(msgspec.to_builtins(self.config), changes), Config)
        except msgspec.ValidationError as error:
            raise ConfigError(f"These settings are invalid: {error}", remedy="See live-runner config schema") from error
        check(config)
        config = with_defaults(config, self.strategy_class)
        return LoadedConfig(config, self.source, self.strategy_class, warmup_needed(config, self.strategy_class))

    def with_session(self, session: str) -> LoadedConfig:
        """The same under another name."""
        config = msgspec.structs.replace(self.config, session=session)
        return replace(self, config=config)

    def with_dataset(self, dataset_hash: str) -> LoadedConfig:
        """The same, knowing which bars it will see."""
        return replace(self, dataset_hash=dataset_hash)

    def announced(self, stage: str) -> Announced:
        """The event that asks the services for this session."""
        from live_runner.contracts.manifest import announce
        from live_runner.contracts.stages import SENDING_STAGES, check_stage
        from live_runner.services.runtime.service.engine_facts import engine_hash, engine_version
        from live_runner.services.venues.sending import check_sending

        check_stage(self.config, stage)
        if stage in SENDING_STAGES:
            check_sending(self.config.market.venue, self.config.market.options)
        return announce(
            self.config,
            stage=stage,
            strategy=self.source.strategy,
            sources=self.source.sources,
            strategy_hash=self.source.hash,
            engine_version=engine_version(),
            engine_hash=engine_hash(),
            warmup_bars=self.warmup_bars,
        )


def _merged(plain: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(plain)
    for key, value in changes.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


def load_config(path: Path, *, session: str | None = None, speed: float | None = None) -> LoadedConfig:
    """Read a configuration and load its strategy; ConfigError and StrategyError say what is wrong."""
    file = config_file.read(path, session=session, speed=speed)
    from live_runner.services.backtest.session import load_strategy, warmup_needed, with_defaults

    source = strategy_source(file)
    strategy_class = load_strategy(file.config, source)
    config = with_defaults(file.config, strategy_class)
    return LoadedConfig(config, source, strategy_class, warmup_needed(config, strategy_class))


def tried_on_simulated_bars(loaded: LoadedConfig) -> Tryout:
    """The strategy over ``TRIED_BARS`` bars of the simulated market, after its warmup."""
    from live_runner.services.backtest.session import MarketFacts
    from live_runner.services.backtest.tryout import try_out
    from live_runner.services.market_data.feed import recording_source

    market = msgspec.structs.replace(
        loaded.config.market,
        source="simulated",
        dataset=None,
        start=None,
        end=None,
        bars=loaded.warmup_bars + TRIED_BARS,
    )
    config = msgspec.structs.replace(loaded.config, market=market)
    source = recording_source(config, Path())
    plan = source.plan_now(loaded.warmup_bars)
    facts = MarketFacts(
        instruments=source.instruments(),
        dataset=source.manifest_view(),
        warmup_found=plan.warmup_found,
        first_open_ns=plan.first_open_ns,
    )
    return try_out(config, loaded.source, loaded.strategy_class, facts, source.timeline(), engine(loaded.source))


def strategy_source(file: config_file.ConfigFile) -> StrategySource:
    """The strategy's text as a configuration names it."""
    from live_runner.strategies import loader

    choice = file.config.strategy
    return loader.collect(path=file.strategy_path, module=choice.module, name=choice.name, legacy=choice.legacy)


def engine(source: StrategySource) -> Engine:
    """The build that runs on this machine."""
    from live_runner.services.backtest.session import Engine
    from live_runner.services.runtime.service.engine_facts import (
        engine_hash,
        engine_version,
        package_versions,
        platform_facts,
    )

    return Engine(
        version=engine_version(),
        hash=engine_hash(),
        platform=platform_facts(),
        packages=package_versions(source.imports),
    )
