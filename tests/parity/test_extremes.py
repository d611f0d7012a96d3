"""Markets and accounts at the limits: the compiled bar loop and the cores end alike, in a result or in an error.

LIVE_RUNNER_EXTREME_SEEDS=<first>:<end> draws other ones; docs/sanitizers.md tells of a long run.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import session_world
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Fees, Fills, StrategyChoice
from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import Event
from live_runner.services.backtest.fast import run_fast
from live_runner.services.backtest.session import MarketFacts, run_backtest
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import FIELDS, Candles

WILFUL = str(Path(__file__).parents[1] / "wilful.py")
SEEDS = range(*(int(text) for text in os.environ.get("LIVE_RUNNER_EXTREME_SEEDS", "0:40").split(":")))


def scaled(candles: Candles, prices: float, volumes: float, rows: int, holes: bool) -> Candles:
    """The candles at other prices and volumes, and fewer of them."""
    kept = slice(3, rows, 2) if holes else slice(0, rows)
    columns = (candles.column(field)[kept] * (volumes if field == "volume" else prices) for field in FIELDS)
    return Candles(candles.symbol, candles.open_ns[kept], *columns)


def drawn(draw: random.Random) -> tuple[World, MarketFacts]:
    """A session whose numbers are far from any market's."""
    parameters = {
        "seed": draw.randrange(1000),
        "ask_percent": draw.choice([20, 60]),
        "fails": draw.random() < 0.3,
        "max_failures": draw.choice([0, 1, 2**31 - 1]),
        "backoff_s": draw.choice([None, 0.0, -5.0, 120.0, 4e9, 9.1e9, 1e12]),
        "time_to_live_s": draw.choice([None, None, 180.0, 9.1e9]),
        "fallback": draw.choice([(), ("reject", "timeout")]),
    }
    world = session_world.make_world(
        StrategyChoice(path=WILFUL, parameters=parameters),
        market_seed=draw.randrange(1000),
        bars=120,
        account=Account(
            equity=draw.choice(["0.000000000001", "10000", "1000000000000000000", "1267650600228229401"]),
            leverage=draw.choice(["0.001", "1", "125", "1000000"]),
            position_mode=draw.choice(["hedge", "one_way"]),
            lots=draw.choice(["lifo", "fifo", "average"]),
            maintenance_margin=draw.choice(["0", "0.005", "0.99"]),
        ),
        fees=Fees(maker=draw.choice(["-0.0002", "0"]), taker=draw.choice(["0.0005", "0.999999"])),
        fills=Fills(
            market=draw.choice(["next_open", "bar_close"]),
            slippage_bp=draw.choice(["0", "2.5", "9999"]),
            participation=draw.choice([None, "0.0000000001", "1"]),
        ),
    )
    prices, rows = draw.choice([1.0, 1.0, 1e-18, 1e-9, 1e6, 1e12, 1e300]), draw.choice([0, 1, 2, 60, 120])
    columns = [
        scaled(candles, prices, draw.choice([0.0, 1.0, 1e300]), rows, draw.random() < 0.3) for candles in world.columns
    ]
    funding = draw.choice([None, "0.0001", "-1", "1e-30", "123456789.123456789123456789"])
    if funding is not None:
        rates = {
            symbol: [msgspec.structs.replace(rate, rate=funding) for rate in found]
            for symbol, found in world.funding.items()
        }
        world = replace(world, funding=rates)
    world = replace(world, columns=columns)
    tick, contract = draw.choice(["0.1", "1e-18", "0.000000000000000001", "1000000"]), draw.choice(["1", "1e6", "1e-8"])
    facts = MarketFacts(
        instruments=[
            msgspec.structs.replace(
                simulation.instrument(symbol, "simulated"),
                tick_size=tick, price_precision=tick, contract_size=contract,
            )
            for symbol in world.config.market.symbols
        ],
        dataset={"name": "made for a test"},
        warmup_found=0,
        first_open_ns=int(min((c.open_ns[0] for c in columns if len(c)), default=0)),
    )  # fmt: skip
    return world, facts


def ended(run: Any) -> tuple[Any, str]:
    """What a run gives, or the error that it ends in."""
    try:
        return run(), ""
    except (RunnerError, ArithmeticError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_at_the_limits_ends_alike_in_both(seed: int) -> None:
    world, facts = drawn(random.Random(seed))
    line, error = ended(world.timeline)
    if line is None:
        assert "DataError" in error or "Warmup" in error, error
        return
    expected: list[Event] = []
    found: list[Event] = []
    right, wrong = ended(
        lambda: run_backtest(world.config, world.source, facts, line.items(), ENGINE, sink=expected.append)
    )
    result, error = ended(lambda: run_fast(world.config, world.source, facts, line, ENGINE, sink=found.append))
    if wrong or error:
        assert result is None
        assert error in ("", wrong), wrong
        assert wrong, "the cores end where the loop does not"
    elif result is not None:
        assert right is not None
        assert found == expected
        assert result.stopped == right.stopped
