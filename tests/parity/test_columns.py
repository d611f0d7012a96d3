"""A session over columns and through messages: the same events, whatever it trades and asks for."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
import session_world
from msgspec.structs import replace
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Fills, StrategyChoice
from live_runner.contracts.errors import LedgerOverflow
from live_runner.contracts.messages import Event
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.run import run_over
from live_runner.services.backtest.session import run_backtest

WILFUL = str(Path(__file__).parents[1] / "wilful.py")
# Others on demand: LIVE_RUNNER_COLUMNS_SEEDS=60:400.
SEEDS = range(*(int(text) for text in os.environ.get("LIVE_RUNNER_COLUMNS_SEEDS", "0:60").split(":")))


def events_of_messages(world: World) -> tuple[list[Event], dict[str, Any]]:
    facts, items = world.facts_and_items()
    events: list[Event] = []
    result = run_backtest(world.config, world.source, facts, items, ENGINE, sink=events.append)
    return events, result.stopped.summary


def agree(world: World) -> dict[str, Any]:
    """Both give the same events, and columns the same end without them; the summary."""
    facts, _ = world.facts_and_items()
    expected, summary = events_of_messages(world)
    events: list[Event] = []
    run_columns(world.config, world.source, facts, world.timeline(), ENGINE, sink=events.append)
    for number, (event, right) in enumerate(zip(events, expected, strict=False)):
        assert event == right, number
    assert len(events) == len(expected)
    quiet = run_columns(world.config, world.source, facts, world.timeline(), ENGINE)
    assert quiet.stopped == expected[-1]
    return summary


@pytest.mark.parametrize("choice", [session_world.EMA, session_world.LADDER], ids=["ema_cross", "dual_lifo"])
@pytest.mark.parametrize("seed", range(3))
def test_a_shipped_strategy_trades_alike_in_both(choice: StrategyChoice, seed: int) -> None:
    world = session_world.make_world(choice, market_seed=seed, bars=2500)
    assert agree(world)["fills"] > 100


def test_an_account_that_runs_out_of_margin_is_rejected_and_liquidated_alike() -> None:
    account = Account(equity="200", leverage="50", maintenance_margin="0.019")
    choice = StrategyChoice(path=WILFUL, parameters={"seed": 5, "ask_percent": 80, "max_failures": 0})
    summary = agree(session_world.make_world(choice, market_seed=6, bars=1500, account=account))
    assert summary["rejected"] > 0
    assert summary["liquidations"] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_strategy_asks_for_is_checked_and_reported_alike(seed: int) -> None:
    draw = random.Random(seed)
    parameters = {
        "seed": seed,
        "ask_percent": draw.choice([5, 20, 50]),
        "fails": draw.random() < 0.3,
        "max_failures": draw.choice([0, 1, 3]),
        "backoff_s": draw.choice([None, 120.0]),
        "open_rounding": draw.choice(["down", "nearest"]),
        "add_style": draw.choice([None, "market", "limit"]),
        "fallback": draw.choice([(), ("reject",), ("timeout", "reject")]),
        "time_to_live_s": draw.choice([None, 180.0]),
    }
    world = session_world.make_world(
        StrategyChoice(path=WILFUL, parameters=parameters),
        market_seed=seed,
        bars=draw.choice([60, 300]),
        account=Account(
            equity=draw.choice(["50", "1000", "10000"]),
            leverage=draw.choice(["1", "10", "50"]),
            position_mode=draw.choice(["hedge", "one_way"]),
            lots=draw.choice(["lifo", "fifo", "average"]),
            maintenance_margin=draw.choice(["0", "0.005", "0.05"]),
        ),
        fills=Fills(
            market=draw.choice(["next_open", "bar_close"]),
            limit=draw.choice(["touch", "through"]),
            slippage_bp=draw.choice(["0", "2.5"]),
            participation=draw.choice([None, "0.0001", "0.01"]),
        ),
    )
    assert agree(world)["intents"] > 0


@pytest.mark.parametrize("fills", [Fills(market="next_open"), Fills(market="bar_close")], ids=["open", "close"])
def test_a_strategy_may_keep_the_bars_and_views_that_it_is_shown(tmp_path: Path, fills: Fills) -> None:
    path = tmp_path / "keeper.py"
    path.write_text(
        "from live_runner.strategies.base import *\n"
        "class Given(Parameters, frozen=True, kw_only=True):\n    pass\n"
        "class Keeper(Strategy[Given, LegState]):\n"
        "    def __init__(self, *given):\n        super().__init__(*given)\n        self.kept = []\n"
        "    def on_bar(self, bar, view):\n"
        "        self.kept.append((bar, view))\n"
        "        old_bar, old_view = self.kept[-8:][0]\n"  # of the last close that asked for something
        "        if len(self.kept) % 7:\n            return None\n"
        "        side = 'long' if old_bar.close < bar.close else 'short'\n"
        "        if view.leg(bar.symbol, side).is_open:\n"
        "            return [intent.close(bar.symbol, side, reason=str(old_view.equity))]\n"
        "        return [intent.open(bar.symbol, side, 100.0 / bar.close, reason=str(old_view.cash))]\n"
    )
    world = session_world.make_world(StrategyChoice(path=str(path)), market_seed=2, bars=300, fills=fills)
    assert agree(world)["fills"] > 20


def test_a_time_to_live_that_is_over_before_it_begins_is_refused_alike(tmp_path: Path) -> None:
    path = tmp_path / "hasty.py"
    path.write_text(
        "from live_runner.strategies.base import *\n"
        "class Given(Parameters, frozen=True, kw_only=True):\n    pass\n"
        "class Hasty(Strategy[Given, LegState]):\n"
        "    def on_bar(self, bar, view):\n"
        "        times = (0.0, -5.0, 1e-10, 90.0, 1e9, None)\n"
        "        at = bar.open_ns // 60_000_000_000 % len(times)\n"
        "        if view.leg(bar.symbol, 'long').is_open or view.pending(bar.symbol):\n            return []\n"
        "        price = bar.close * (0.999 if at < 4 else 1.001)\n"
        "        return [intent.open(bar.symbol, 'long', 200.0 / bar.close, style='limit', limit_price=price,\n"
        "                            time_to_live_s=times[at])]\n"
    )
    world = session_world.make_world(StrategyChoice(path=str(path)), market_seed=2, bars=60)
    assert agree(world)["refused"] > 3


def test_a_margin_that_no_integer_holds_is_named(tmp_path: Path) -> None:
    path = tmp_path / "huge.py"
    path.write_text(
        "from live_runner.strategies.base import *\n"
        "class Given(Parameters, frozen=True, kw_only=True):\n    pass\n"
        "class Huge(Strategy[Given, LegState]):\n"
        "    def on_bar(self, bar, view):\n        return [intent.open(bar.symbol, 'long', 8e9)]\n"
    )
    account = Account(leverage="0.000000000001")
    world = session_world.make_world(StrategyChoice(path=str(path)), market_seed=1, bars=20, account=account)
    facts, _ = world.facts_and_items()
    unbounded = [replace(rules, max_amount="", max_notional="") for rules in facts.instruments]
    facts = replace(facts, instruments=unbounded)

    with pytest.raises(LedgerOverflow, match="does not fit"):
        run_over(world.config, world.source, facts, world.timeline(), ENGINE)


def test_answers_that_are_none_fail_alike_where_legs_have_no_state(tmp_path: Path) -> None:
    path = tmp_path / "careless.py"
    path.write_text(
        "from live_runner.strategies.base import *\n"
        "class Given(Parameters, frozen=True, kw_only=True):\n    pass\n"
        "class Careless(Strategy[Given, LegState]):\n"
        "    def observe(self, bar):\n"
        "        at = bar.open_ns // 60_000_000_000 % 37\n"
        "        if at == 5:\n            return 'seen'\n"
        "        if at == 6:\n            raise KeyError(bar.symbol)\n"
        "    def on_bar(self, bar, view):\n"
        "        at = bar.open_ns // 60_000_000_000 % 23\n"
        "        wanted = intent.open(bar.symbol, 'long', 100.0 / bar.close)\n"
        "        if at == 1:\n            return wanted\n"
        "        if at == 2:\n            return [wanted, 'more']\n"
        "        if at == 3:\n            return self.some(wanted)\n"
        "        if at == 4:\n            raise SystemExit(3)\n"
        "        if at == 7:\n            return (draft for draft in [wanted])\n"
        "        if at == 8:\n            return [intent.close('nowhere', 'long')]\n"
        "        return [intent.close(bar.symbol, 'long')] if view.leg(bar.symbol, 'long').is_open else ()\n"
        "    def some(self, wanted):\n"
        "        yield wanted\n"
        "        raise ValueError('no more')\n"
    )
    for choice in (StrategyChoice(path=str(path)), StrategyChoice(path=str(path), on_error="stop")):
        agree(session_world.make_world(choice, market_seed=2, bars=200))
