"""S04: a paper session in which every limit trips that paper can trip; its backtest is the same."""

from __future__ import annotations

from collections.abc import Callable

from fix_house import House, result_of

from live_runner.contracts import codec
from live_runner.contracts.messages import LimitReset, LimitTripped, RiskLevels
from live_runner.services.runtime.postgres import archive

STRATEGY = """
from live_runner.strategies.base import LegState, Parameters, Strategy, intent


class Given(Parameters, frozen=True):
    pass


class Churn(Strategy[Given, LegState]):
    \"\"\"In and out with every bar, and now and then for less than the market takes.\"\"\"

    def on_bar(self, bar, view):
        if view.leg(bar.symbol, "long").is_open:
            return [intent.close(bar.symbol, "long")]
        small = (bar.open_ns // 60_000_000_000) % 60 in (7, 8)
        return [intent.open(bar.symbol, "long", 1e-9 if small else 20.0 / bar.close, style="market")]
"""
LIMITS = """
fills: {slippage_bp: 4}
caps: {total_notional: 45, orders_per_minute: 4}
risk:
  daily_loss: {limit: 0.5, action: stop, reset: cooldown, cooldown_s: 600}
  drawdown: {limit: 1, action: flatten, reset: cooldown, cooldown_s: 900}
  trailing_drawdown: {limit: 0.75, action: kill, reset: cooldown, cooldown_s: 1200}
  loss_streak: {limit: 3, action: stop, reset: cooldown, cooldown_s: 300}
  entry_slippage: {limit_bp: 3, action: close_leg, reset: each}
  p95_slippage: {limit_bp: 3.5, fills: 4, action: notify, reset: cooldown, cooldown_s: 600}
  minimum_size: {limit: 2, action: stop, reset: cooldown, cooldown_s: 300}
  spread: {limit_bp: 1, action: stop, reset: recovered}
"""


def test_every_limit_trips_and_the_session_equals_its_backtest(new_house: Callable[[], House]) -> None:
    house = new_house()
    house.home.mkdir(parents=True, exist_ok=True)
    (house.home / "churn.py").write_text(STRATEGY)
    config = house.config("limits", bars=1500, strategy="{path: churn.py}", extra=LIMITS)

    result = result_of(house.play(config, "--verify"))

    assert result["replay"]["agrees"], result["replay"]
    assert result["comparison"]["agrees"], result["comparison"]
    events = [codec.decode(data) for _, data in archive.events(house.dsn, "limits")]
    tripped = {event.limit for event in events if isinstance(event, LimitTripped)}
    reset = {event.limit for event in events if isinstance(event, LimitReset)}
    everything = {"daily_loss", "drawdown", "trailing_drawdown", "loss_streak", "p95_slippage", "minimum_size"}
    assert tripped == {*everything, "entry_slippage"}
    assert reset == everything
    last = next(event for event in reversed(events) if isinstance(event, RiskLevels))
    assert [level.name for level in last.levels if level.not_applied] == ["spread"]
