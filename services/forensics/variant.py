"""The session as it would run with the code, parameters or configuration at hand."""

from __future__ import annotations

from typing import Any

import msgspec

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.manifest import config_fields, config_hash, config_of
from live_runner.contracts.messages import Announced, Started
from live_runner.strategies import loader
from live_runner.strategies.base import Strategy
from live_runner.strategies.loader import StrategySource
from live_runner.strategies.parameters import create

__all__ = ["Variant", "recorded_variant", "variant_of"]


class Variant(msgspec.Struct, frozen=True):
    """A manifest and the strategy class that goes with it."""

    started: Started
    strategy_class: type[Strategy[Any, Any]]


def recorded_variant(announced: Announced, started: Started) -> Variant:
    """The session's own code, from its announcement."""
    legacy = announced.config["strategy"]["legacy"]
    return Variant(started, loader.load(announced.strategy, announced.sources, legacy=legacy))


def variant_of(
    announced: Announced, started: Started, *, strategy: StrategySource | None, config: Config | None
) -> Variant:
    """The session's manifest with the given strategy or configuration in place of its own.

    Name, bars, instruments and inventory stay those of the session. ConfigError for another market.
    """
    own = config_of(started.config)
    fields = config_fields(own if config is None else msgspec.structs.replace(config, session=own.session))
    for key in ("venue", "symbols", "timeframe"):
        here, there = fields["market"][key], started.config["market"][key]
        if here != there:
            raise ConfigError(
                f"The session ran on {key} {there}, this configuration on {here}",
                remedy="Compare over the session's own market, or run: live-runner backtest CONFIG",
                key=f"market.{key}",
            )
    source = (announced.strategy, announced.sources) if strategy is None else (strategy.strategy, strategy.sources)
    strategy_class = loader.load(*source, legacy=fields["strategy"]["legacy"])
    made = create(
        strategy_class,
        fields["strategy"]["parameters"],
        tuple(fields["market"]["symbols"]),
        fields["market"]["timeframe"],
    )
    changed = msgspec.structs.replace(
        started,
        config=fields,
        config_hash=config_hash(fields),
        strategy=source[0],
        strategy_hash=started.strategy_hash if strategy is None else strategy.hash,
        policy=made.policy(),
    )
    return Variant(changed, strategy_class)
