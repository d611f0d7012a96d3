"""What stages that send orders ask of a configuration: nothing of it has a default."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from live_runner.contracts.config import Config, check
from live_runner.contracts.errors import ConfigError
from live_runner.contracts.stages import REQUIRED_CAPS, SENDING_STAGES, check_stage

GIVEN: dict[str, Any] = {
    "session": "s1",
    "strategy": {"module": "live_runner.strategies.ema_cross"},
    "market": {"venue": "sim", "symbols": ["AAA/USDT:USDT"], "timeframe": "1m"},
    "account": {"name": "main"},
    "execution": {"late_decision": "deny"},
    "caps": {"order_notional": "100", "total_notional": "500", "open_orders": 5, "orders_per_minute": 10},
    "risk": {"daily_loss": {"limit": "50", "action": "kill", "reset": "operator"}},
}
NEEDED = ("account.name", "execution.late_decision", "risk.daily_loss", *(f"caps.{name}" for name in REQUIRED_CAPS))


def config(without: str = "") -> Config:
    """The configuration above, with one key left out."""
    section, _, key = without.partition(".")
    given = {name: dict(value) if isinstance(value, dict) else value for name, value in GIVEN.items()}
    if without:
        del given[section][key]
    made = msgspec.convert(given, Config)
    check(made)
    return made


@pytest.mark.parametrize("stage", SENDING_STAGES)
def test_with_every_cap_limit_and_choice_a_stage_sends_orders(stage: str) -> None:
    check_stage(config(), stage)


@pytest.mark.parametrize("key", NEEDED)
@pytest.mark.parametrize("stage", SENDING_STAGES)
def test_without_one_no_order_is_sent(stage: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key}: this \w+ is missing in stage {stage}") as found:
        check_stage(config(key), stage)

    assert found.value.exit_code == 64
    assert found.value.remedy


@pytest.mark.parametrize("stage", ["paper", "shadow", "dry_order", "backtest"])
def test_a_stage_that_fills_on_paper_asks_for_none(stage: str) -> None:
    check_stage(msgspec.convert({name: GIVEN[name] for name in ("session", "strategy", "market")}, Config), stage)


RESETS: dict[str, dict[str, Any]] = {
    "risk.drawdown: reset is cooldown, and cooldown_s is missing": {"reset": "cooldown"},
    "risk.drawdown: cooldown_s is given, and reset is day": {"reset": "day", "cooldown_s": 60.0},
}


@pytest.mark.parametrize("message", RESETS)
def test_a_cooldown_goes_with_its_time(message: str) -> None:
    risk = {"drawdown": {"limit": "1", "action": "stop", **RESETS[message]}}

    with pytest.raises(ConfigError, match=message):
        check(msgspec.convert({**GIVEN, "risk": risk}, Config))


def test_a_limit_that_looks_at_each_fill_cannot_stop() -> None:
    risk = {"entry_slippage": {"limit_bp": "1", "action": "stop", "reset": "each"}}

    with pytest.raises(ConfigError, match="reset is each, and action stop would never end"):
        check(msgspec.convert({**GIVEN, "risk": risk}, Config))


@pytest.mark.parametrize("missing", ["action", "reset", "limit"])
def test_neither_limit_nor_action_nor_reset_has_a_default(missing: str) -> None:
    given = {"limit": "1", "action": "stop", "reset": "day"}
    del given[missing]

    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.convert({**GIVEN, "risk": {"daily_loss": given}}, Config)
