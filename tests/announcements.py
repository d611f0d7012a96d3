"""An announcement of a session, for tests of who reads it; nothing in it is played."""

from __future__ import annotations

from typing import Any

from live_runner.contracts.config import Config, Market, StrategyChoice
from live_runner.contracts.manifest import announce
from live_runner.contracts.messages import Announced

__all__ = ["announced"]


def announced(session: str = "mine", *, source: str = "text") -> Announced:
    """As ``run`` announces a session; ``source`` is the strategy's text."""
    market: dict[str, Any] = {"venue": "simulated", "symbols": ("BTC/USDT:USDT",), "timeframe": "1m"}
    return announce(
        Config(session=session, strategy=StrategyChoice(module="m"), market=Market(**market)),
        stage="paper",
        strategy="m:S",
        sources={"m": source},
        strategy_hash="h",
        engine_version="1",
        engine_hash="e",
        warmup_bars=0,
    )
