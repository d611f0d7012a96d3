"""Adapter for old-style strategy classes: off unless the config's strategy.legacy asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from live_runner.contracts.errors import StrategyError
from live_runner.strategies.base import Strategy

__all__ = ["adapt", "is_old_style"]


def is_old_style(kind: type) -> bool:
    """Whether a class has the old methods and none of the new ones."""
    return not issubclass(kind, Strategy) and any(
        callable(getattr(kind, name, None)) for name in ("entry_signal", "manage_position")
    )


def adapt(kind: type, switches: Mapping[str, Any] | None) -> type[Strategy[Any, Any]]:
    """The old-style class behind the strategy interface."""
    raise StrategyError(
        f"{kind.__name__} is an old-style strategy (entry_signal, manage_position)",
        remedy="Port it to strategies.base.Strategy, or set strategy.legacy in the configuration",
        strategy=kind.__name__,
    )
