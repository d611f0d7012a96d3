"""Markets and accounts at the limits: columns and messages end alike, in a result or in an error.

LIVE_RUNNER_EXTREME_SEEDS=<first>:<end> draws other ones; docs/sanitizers.md has the runs so far.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import session_world
from session_world import ENGINE, World

from live_runner.contracts.config import Account, Fees, Fills, StrategyChoice
from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import Event
from live_runner.hotpath.engine.host import GaveUpError
from live_runner.services.backtest.columns import run_columns
from live_runner.services.backtest.session import MarketFacts, run_backtest
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import FIELDS, Candles

WILFUL = str(Path(__file__).parents[1] / "wilful.py")
# Without the day of history that it looks back on by default.
LADDER = msgspec.structs.replace(
    session_world.LADDER, parameters={"long": {"regime_move": None}, "short": {"regime_move": None}}
)
ENDLESS_S = (4e9, 9.1e9, 1e12)
"""Times to wait that are longer than any session."""
SEEDS = range(*(int(text) for text in os.environ.get("LIVE_RUNNER_EXTREME_SEEDS", "0:40").split(":")))


def scaled(candles: Candles, prices: float, volumes: float, rows: int, holes: bool) -> Candles:
    """The candles at other prices and volumes, and fewer of them."""
    kept = slice(3, rows, 2) if holes else slice(0, rows)
    columns = (candles.column(field)[kept] * (volumes if field == "volume" else prices) for field in FIELDS)
    return Candles(candles.symbol, candles.open_ns[kept], *columns)


def mostly[T](draw: random.Random, usual: T, *edges: T) -> T:
    """One edge now and then: with all of them at once a session ends before it begins."""
    return usual if draw.random() < 0.8 else draw.choice(edges)


def drawn(draw: random.Random) -> tuple[World, MarketFacts]:
    """A session some of whose numbers are far from any market's."""
    wilful = {
        "seed": draw.randrange(1000),
        "ask_percent": draw.choice([20, 60]),
        "fails": draw.random() < 0.3,
        "max_failures": draw.choice([0, 1, 2**31 - 1]),
        "backoff_s": mostly(draw, draw.choice([None, 0.0, -5.0, 120.0]), *ENDLESS_S),
        "time_to_live_s": mostly(draw, draw.choice([None, 180.0]), *ENDLESS_S),
        "fallback": draw.choice([(), ("reject", "timeout")]),
    }
    sized = draw.choice([{"notional": 2000.0}, {"equity_fraction": 0.5}, {"quantity": mostly(draw, 1.0, 1e-18, 1e12)}])
    world = session_world.make_world(
        draw.choice(
            [
                StrategyChoice(path=WILFUL, parameters=wilful),
                StrategyChoice(path=WILFUL, parameters=wilful),
                msgspec.structs.replace(session_world.EMA, parameters={"fast": 3, "slow": 8, "short": True, **sized}),
                LADDER,
            ]
        ),
        market_seed=draw.randrange(1000),
        bars=240,
        account=Account(
            equity=mostly(draw, "10000", "0.000000000001", "1000000000000000000", "1267650600228229401"),
            leverage=mostly(draw, "10", "0.001", "1", "125", "1000000"),
            position_mode=draw.choice(["hedge", "one_way"]),
            lots=draw.choice(["lifo", "fifo", "average"]),
            maintenance_margin=mostly(draw, "0.005", "0", "0.99"),
        ),
        fees=Fees(maker=mostly(draw, "0", "-0.0002"), taker=mostly(draw, "0.0005", "0.999999")),
        fills=Fills(
            market=draw.choice(["next_open", "bar_close"]),
            slippage_bp=mostly(draw, "0", "2.5", "9999"),
            participation=mostly(draw, None, "0.0000000001", "1"),
        ),
    )
    prices, tick = mostly(
        draw, (1.0, "0.1"), (1.0, "1e-8"), (1e-12, "1e-18"), (1e-9, "0.000000000000000001"), (1e6, "1000000"),
        (1e12, "1"), (1e-9, "0.1"), (1e300, "0.1"),
    )  # fmt: skip
    contract = mostly(draw, "1", "1e6", "1e-8")
    rows = mostly(draw, 240, 0, 1, 2)
    columns = [
        scaled(candles, prices, mostly(draw, 1.0, 0.0, 1e300), rows, draw.random() < 0.2) for candles in world.columns
    ]
    funding = mostly(draw, None, "0.0001", "-1", "1e-30", "123456789.123456789123456789")
    if funding is not None:
        rates = {
            symbol: [msgspec.structs.replace(rate, rate=funding) for rate in found]
            for symbol, found in world.funding.items()
        }
        world = replace(world, funding=rates)
    world = replace(world, columns=columns)
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
    except GaveUpError:
        return None, ""
    except (RunnerError, ArithmeticError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"


def waits_endlessly(world: World) -> bool:
    parameters = world.config.strategy.parameters
    return any(parameters.get(name) in ENDLESS_S for name in ("backoff_s", "time_to_live_s"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_at_the_limits_ends_alike_in_both(seed: int) -> None:
    world, facts = drawn(random.Random(seed))
    line, error = ended(world.timeline)
    if line is None:
        assert "DataError" in error or "Warmup" in error, error
        return
    expected: list[Event] = []
    right, wrong = ended(
        lambda: run_backtest(world.config, world.source, facts, line.items(), ENGINE, sink=expected.append)
    )
    for compiled in (False, True) if world.config.strategy.module else (False,):
        found: list[Event] = []
        result, error = ended(
            partial(run_columns, world.config, world.source, facts, line, ENGINE, compiled=compiled, sink=found.append)
        )
        if wrong or error:
            assert result is None
            assert error == wrong or (compiled and error == "")
        elif result is None:
            assert compiled
            assert waits_endlessly(world), "the compiled strategy gives up where the Python one does not"
        else:
            assert right is not None
            assert found == expected
            assert result.stopped == right.stopped
