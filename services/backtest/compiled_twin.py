"""The compiled twin of a Python strategy, which a backtest may run in its place."""

from __future__ import annotations

import importlib
from typing import Any, Final

from live_runner.contracts.errors import ConfigError, StrategyError
from live_runner.hotpath import IMPLEMENTATION
from live_runner.strategies.base import Strategy

__all__ = ["compiled_twin"]

_INTERFACE: Final = "strategy_interface_"
"""Begins the name that a compiled strategy and the engine must agree on; setup.py makes it of their declarations."""


def compiled_twin(strategy_class: type[Strategy[Any, Any]]) -> type[Any]:
    """The compiled twin that the strategy names; ConfigError without one, StrategyError when it does not load."""
    if IMPLEMENTATION != "compiled":
        raise ConfigError(
            f"LIVE_RUNNER_HOTPATH={IMPLEMENTATION} runs no compiled strategy",
            remedy="Leave it unset, or run the Python strategy",
            key="compiled",
        )
    # Only where compiled strategies can run: the module is a compiled one itself.
    from live_runner.hotpath.engine.strategy import CompiledStrategy

    name = strategy_class.compiled
    if name is None:
        raise ConfigError(
            f"{strategy_class.__name__} has no compiled twin",
            remedy="Run it in Python, or write one: docs/compiled_strategies.md",
            key="strategy",
        )
    module, _, attribute = name.partition(":")
    try:
        twin: type[Any] = getattr(importlib.import_module(module), attribute)
        if not issubclass(twin, CompiledStrategy):
            raise TypeError("it is not a subclass of CompiledStrategy")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        why = "was built for another version of live-runner" if _INTERFACE in str(error) else "cannot be loaded"
        raise StrategyError(
            f"The compiled twin '{name}' of {strategy_class.__name__} {why}: {error}",
            remedy="Build it for this version, where Python finds it: docs/compiled_strategies.md",
            strategy=strategy_class.__name__,
        ) from error
    return twin
