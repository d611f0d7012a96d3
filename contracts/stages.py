"""Stages of a session, and what those whose orders go to a real venue ask of its configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import UnsetType

from live_runner.contracts.bounds import Violation
from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError

__all__ = ["REQUIRED_CAPS", "SENDING_STAGES", "check_stage"]

SENDING_STAGES: Final = ("live_small", "live")
"""Stages whose orders go to a real venue; in every other one the paper venue fills them."""
REQUIRED_CAPS: Final = ("order_notional", "total_notional", "open_orders", "orders_per_minute")
"""Caps without which no order is sent: none has a default."""


def check_stage(config: Config, stage: str) -> None:
    """ConfigError for the first thing that a stage needs and the configuration does not give."""
    if stage in SENDING_STAGES:
        for problem in _missing(config):
            what = f"{problem.key}: {problem.what} in stage {stage}"
            raise ConfigError(what, remedy=problem.remedy, key=problem.key)


def _missing(config: Config) -> Iterator[Violation]:
    for name in REQUIRED_CAPS:
        if isinstance(config.caps, UnsetType) or getattr(config.caps, name) is None:
            yield Violation(f"caps.{name}", "this cap is missing", "Give it: no cap has a default")
    if isinstance(config.risk, UnsetType) or config.risk.daily_loss is None:
        remedy = "Give `limit`, `action` and `reset`: no limit has a default"
        yield Violation("risk.daily_loss", "this limit is missing", remedy)
    if isinstance(config.execution, UnsetType) or config.execution.late_decision is None:
        remedy = "Say what becomes of opens and adds that come after the next bar: `send` or `deny`"
        yield Violation("execution.late_decision", "this choice is missing", remedy)
    if isinstance(config.account.name, UnsetType):
        yield Violation("account.name", "this name is missing", "Name the account whose gateway sends the orders")
