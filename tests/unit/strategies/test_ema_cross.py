"""ema_cross against a plain calculation over the whole column."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from fix_strategy import BTC, Stream, leg

from live_runner.contracts.errors import ConfigError
from live_runner.hotpath import indicators
from live_runner.strategies.ema_cross import EmaCross
from live_runner.strategies.parameters import create

FAST, SLOW = 5, 13


def walk(seed: int, bars: int) -> Any:
    """Closes of a random walk."""
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.004, bars)))


def expected(closes: Any) -> list[tuple[int, str]]:
    """Crosses of the two columns, as the vectorised libraries see them."""
    fast, slow = indicators.ema(closes, FAST), indicators.ema(closes, SLOW)
    found = []
    for n in range(1, len(closes)):
        if np.isnan(slow[n - 1]):
            continue
        if fast[n - 1] < slow[n - 1] and fast[n] > slow[n]:
            found.append((n, "long"))
        elif fast[n - 1] > slow[n - 1] and fast[n] < slow[n]:
            found.append((n, "short"))
    return found


def play(closes: Any, **parameters: Any) -> list[tuple[int, str, str]]:
    """Trades of the host, every order filled at once."""
    stream = Stream(EmaCross, {"fast": FAST, "slow": SLOW} | parameters, symbols=(BTC,)).start()
    found = []
    changed: list[Any] = []
    for number, close in enumerate(closes):
        intents = stream.step(close=float(close), legs=changed).intents
        changed = []
        for one in intents:
            found.append((number, one.action, one.leg))
            changed.append(leg(BTC, one.leg, ("1", "100")) if one.action == "open" else leg(BTC, one.leg))
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_long_only_trades_are_the_crosses_of_the_columns(seed: int) -> None:
    closes = walk(seed, 400)
    wanted = []
    is_open = False
    for number, side in expected(closes):
        if side == "long":
            wanted.append((number, "open", "long"))
            is_open = True
        elif is_open:
            wanted.append((number, "close", "long"))
            is_open = False

    assert wanted
    assert play(closes, quantity=1) == wanted


def test_with_short_each_cross_turns_the_position_close_first() -> None:
    closes = walk(4, 300)
    crosses = expected(closes)
    wanted = [(crosses[0][0], "open", crosses[0][1])]
    for (_, before), (number, side) in itertools.pairwise(crosses):
        wanted += [(number, "close", before), (number, "open", side)]

    assert play(closes, quantity=1, short=True) == wanted


@pytest.mark.parametrize(
    ("sizing", "quantity"),
    [({"quantity": 0.25}, "0.25"), ({"notional": 50}, "0.5"), ({"equity_fraction": 0.1}, "10")],
)
def test_the_size_is_explicit(sizing: dict[str, Any], quantity: str) -> None:
    stream = Stream(EmaCross, {"fast": 1, "slow": 2} | sizing, symbols=(BTC,)).start()
    for close in (110.0, 110.0, 90.0):
        stream.step(close=close)

    (one,) = stream.step(close=100.0).intents

    assert (one.quantity, one.sizing, one.style) == (quantity, "explicit", "market")


@pytest.mark.parametrize("sizing", [{}, {"quantity": 1, "notional": 1}])
def test_exactly_one_size_is_given(sizing: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="exactly one of quantity, notional and equity_fraction"):
        create(EmaCross, sizing, (BTC,), "1m")


def test_the_warmup_lets_the_first_tradable_bar_see_a_cross() -> None:
    assert create(EmaCross, {"quantity": 1}, (BTC,), "1m").warmup("1m") == 51
