"""ema_cross gives the trades and the equity that backtesting.py and backtrader give on the same bars.

Long only, a market order at the next open, a fee per side. The peers are the ones that the bench measures.
Their strategies share nothing with ours: they count in floats and compute their own averages.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from bench import bench_peers
from bench.engines import ENGINES
from bench.peers import peer_backtesting, peer_backtrader, peer_live_runner
from bench.peers.protocol import Answer, Bars, Case, Clock, averages
from crossing_series import KINDS, SCALES, Scale, bars
from msgspec.structs import replace
from session_world import ENGINE

from live_runner.contracts.config import Account, Config, Fees, Fills, Market, StrategyChoice
from live_runner.contracts.messages import BarSet, Event, Filled, Settled
from live_runner.services.backtest.session import MarketFacts, run_backtest
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.core.sets import SetTimeline
from live_runner.strategies import loader

_BARS = 2_000
_CASH = 1_000_000
_SEEDS = (1, 20240229)
_PEERS = {"backtesting.py": peer_backtesting.run, "backtrader": peer_backtrader.run}


def case(kind: str, scale: Scale) -> Case:
    # In floats two averages meet exactly only where their factors are powers of two, which 3 and 7 bars have.
    fast, slow = (3, 7) if kind == "flat" else (20, 50)
    return Case(fast=fast, slow=slow, first=slow + 1, quantity=float(scale.quantity), cash=float(_CASH))


def columns(candles: Candles) -> Bars:
    return Bars(candles.open_ns, *(candles.column(name) for name in ("open", "high", "low", "close", "volume")))


def ours(candles: Candles, scale: Scale, asked: Case) -> Answer:
    """The backtest's fills, and its equity at every close from the first tradable bar on."""
    symbol = candles.symbol
    choice = StrategyChoice(
        module="live_runner.strategies.ema_cross",
        parameters={"fast": asked.fast, "slow": asked.slow, "quantity": asked.quantity},
    )
    config = Config(
        session="known-answer",
        strategy=choice,
        market=Market(venue="simulated", symbols=(symbol,), timeframe="1m"),
        account=Account(equity=str(_CASH)),
        fees=Fees(maker=str(asked.fee), taker=str(asked.fee)),
        fills=Fills(slippage_bp="0"),
    )
    rules = replace(
        simulation.instrument(symbol, "simulated"),
        tick_size=f"{10.0**-scale.decimals:.{scale.decimals}f}",
        price_precision=f"{10.0**-scale.decimals:.{scale.decimals}f}",
        lot_size="1",
        amount_precision="1",
        min_amount="1",
    )
    first_open_ns = int(candles.open_ns[asked.first])
    timeline = SetTimeline([candles], "1m", begin_ns=int(candles.open_ns[0]), first_open_ns=first_open_ns)
    facts = MarketFacts(instruments=[rules], dataset={}, warmup_found=asked.first, first_open_ns=first_open_ns)
    events: list[Event] = []
    run_backtest(config, loader.collect(module=choice.module), facts, timeline.items(), ENGINE, sink=events.append)
    number = {event.open_ns: event.number - 1 for event in events if isinstance(event, BarSet)}
    fills = [event for event in events if isinstance(event, Filled)]
    return Answer(
        [(fill.side, number[fill.event_ns], float(fill.price)) for fill in fills],
        [float(event.equity) for event in events if isinstance(event, Settled)],
    )


@cache
def both(peer: str, kind: str, size: str, seed: int) -> tuple[Answer, Answer]:
    candles, scale = bars(kind, SCALES[size], seed, _BARS), SCALES[size]
    asked = case(kind, scale)
    run: Callable[[Bars, Case, Clock], Answer] = _PEERS[peer]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' own making
        theirs = run(columns(candles), asked, Clock())
    # backtrader's prices of fills went through a mean and back.
    trades = [(side, at, round(price, scale.decimals)) for side, at, price in theirs.trades]
    return ours(candles, scale, asked), theirs._replace(trades=trades)


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("size", SCALES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("peer", _PEERS)
def test_trades_are_the_same_at_the_same_bars_and_prices(peer: str, kind: str, size: str, seed: int) -> None:
    mine, theirs = both(peer, kind, size, seed)

    assert len(mine.trades) >= 10
    assert mine.trades == theirs.trades


@pytest.mark.parametrize("seed", _SEEDS)
@pytest.mark.parametrize("size", SCALES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("peer", _PEERS)
def test_equity_is_the_same_to_the_cent_at_every_close(peer: str, kind: str, size: str, seed: int) -> None:
    mine, theirs = both(peer, kind, size, seed)

    assert len(mine.equity) == _BARS - case(kind, SCALES[size]).first
    assert len(set(mine.equity)) > 20
    np.testing.assert_allclose(mine.equity, theirs.equity[-len(mine.equity) :], rtol=0.0, atol=0.001)


@pytest.mark.parametrize("seed", _SEEDS)
def test_the_flat_series_has_bars_on_which_both_averages_are_equal(seed: int) -> None:
    candles = bars("flat", SCALES["100"], seed, _BARS)
    asked = case("flat", SCALES["100"])
    apart = averages(candles.close, asked.fast)[asked.first :] != averages(candles.close, asked.slow)[asked.first :]
    met_again = apart[:-2] & ~apart[1:-1]

    assert np.count_nonzero(~apart) > 100
    assert np.count_nonzero(met_again) > 0


@pytest.mark.parametrize("engine", [name for name, one in ENGINES.items() if "ema_cross" in one.strategies])
@pytest.mark.parametrize(("count", "fills", "equity"), [(5_000, 90, 1_000_072.38), (20_000, 387, 999_505.36)])
def test_every_engine_gives_what_all_peers_gave_on_the_market_of_the_bench(
    engine: str, count: int, fills: int, equity: float
) -> None:
    """backtesting.py, backtrader, vectorbt and the C loop came to these figures; the bench prints them each time."""
    answer = peer_live_runner.run(bench_peers.market(count), Case(), engine, "ema_cross")

    assert (answer["fills"], round(answer["equity"], 2)) == (fills, equity)
