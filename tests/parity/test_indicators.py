"""Compiled indicators agree with the reference bit for bit: values, columns, states, errors."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from fix_hotpath import outcome, twins
from hypothesis import example, given, settings
from hypothesis import strategies as st

compiled, reference = twins("indicators")

BARS = ("high", "low", "close")
INDICATORS: dict[str, tuple[str, ...]] = {
    "Adx": BARS,
    "AnchoredVwap": (*BARS, "volume"),
    "Atr": BARS,
    "Bollinger": ("close",),
    "Dema": ("close",),
    "Donchian": ("high", "low"),
    "Ema": ("close",),
    "Keltner": BARS,
    "Macd": ("close",),
    "Mfi": (*BARS, "volume"),
    "Obv": ("close", "volume"),
    "Roc": ("close",),
    "Rsi": ("close",),
    "Slope": ("close",),
    "Sma": ("close",),
    "Stddev": ("close",),
    "Stochastic": BARS,
    "Supertrend": BARS,
    "Tema": ("close",),
    "Vwap": (*BARS, "volume"),
    "Wma": ("close",),
}
BATCHES = {"AnchoredVwap": "anchored_vwap"}
WITHOUT_PERIOD = ("AnchoredVwap", "Obv")
prices = st.one_of(
    st.floats(1e-8, 1e8), st.integers(0, 20).map(float), st.floats(-1e300, 1e300), st.sampled_from([0.0, -0.0, 1e-300])
)
volumes = st.one_of(st.floats(0, 1e8), st.integers(0, 3).map(float), st.sampled_from([0.0, 1e-300, 1e300]))
walks = st.lists(st.tuples(prices, prices, prices, volumes), max_size=80)
type Bar = tuple[float, ...]
periods = st.integers(1, 12)


def _arguments(name: str, period: int) -> tuple[Any, ...]:
    if name in WITHOUT_PERIOD:
        return ()
    return {
        "Bollinger": (period, 2.0),
        "Keltner": (period, period + 2, 1.5),
        "Macd": (period, period + 3, 4),
        "Slope": (period + 1,),
        "Stochastic": (period, 3, 2),
        "Supertrend": (period, 0.5),
    }.get(name, (period,))


def _batch(module: Any, name: str) -> Any:
    return getattr(module, BATCHES.get(name, name.lower()))


def _bits(value: Any) -> Any:
    """Floats as their bits: 0.0 and -0.0 differ, nan equals nan."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, (list, tuple)):
        return type(value), [_bits(part) for part in value]
    return value


def _column_bits(column: Any) -> bytes:
    return np.where(np.isnan(column), np.nan, column).tobytes()


def _bars(name: str, walk: list[Bar]) -> list[Bar]:
    columns = [(*BARS, "volume").index(field) for field in INDICATORS[name]]
    return [tuple(bar[column] for column in columns) for bar in walk]


@pytest.mark.parametrize("name", INDICATORS)
@settings(max_examples=150, deadline=None)
@given(period=periods, walk=walks, cut=st.integers(0, 80))
def test_streams_states_and_columns_agree(name: str, period: int, walk: list[Bar], cut: int) -> None:
    """I03"""
    arguments = _arguments(name, period)
    left, right = getattr(compiled, name)(*arguments), getattr(reference, name)(*arguments)
    bars = _bars(name, walk)
    column: list[Any] = []
    for number, bar in enumerate(bars):
        left.update(*bar)
        right.update(*bar)
        assert _bits(left.value) == _bits(right.value)
        assert (left.warm, left.warmup) == (right.warm, right.warmup)
        assert left.warm == (number + 1 >= left.warmup)
        assert _bits(left.state()) == _bits(right.state())
        column.append(right.value)
        if number == cut:  # each goes on from the other's snapshot
            state = left.state(), right.state()
            left, right = getattr(compiled, name)(*arguments), getattr(reference, name)(*arguments)
            left.restore(state[1])
            right.restore(state[0])
            assert _bits(left.value) == _bits(right.value)

    columns = [np.array([bar[index] for bar in bars]) for index in range(len(INDICATORS[name]))]
    for module in (compiled, reference):
        batch = _batch(module, name)(*columns, *arguments)
        parts = batch if isinstance(batch, tuple) else (batch,)
        wanted = [
            [value[part] if isinstance(value, tuple) else value for value in column] for part in range(len(parts))
        ]
        for got, want in zip(parts, wanted, strict=True):
            assert _column_bits(got) == _column_bits(np.array(want, dtype=np.float64))


@pytest.mark.parametrize("name", INDICATORS)
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_alike_and_changes_nothing(name: str, wrong: float) -> None:
    for place, field in enumerate(INDICATORS[name]):
        indicators = [getattr(module, name)(*_arguments(name, 3)) for module in (compiled, reference)]
        before = indicators[1].state()
        bar = [1.0] * len(INDICATORS[name])
        bar[place] = wrong
        left, right = (outcome(indicator.update, *bar) for indicator in indicators)

        assert left == right
        assert left[0] is ValueError
        assert left[1].startswith(f"{field} is ")
        assert [indicator.state() for indicator in indicators] == [before, before]

        columns = [np.array([1.0, 2.0, value]) for value in bar]
        left, right = (
            outcome(_batch(module, name), *columns, *_arguments(name, 3)) for module in (compiled, reference)
        )
        assert left == right
        assert left[0] is ValueError
        assert left[1].startswith(f"{field}[2] is ")


@pytest.mark.parametrize("name", INDICATORS)
@given(period=st.one_of(st.integers(-2, 3), st.sampled_from([10**6 + 1, 2**63])))
@settings(deadline=None, max_examples=20)
@example(period=0)
def test_periods_are_refused_alike(name: str, period: int) -> None:
    left, right = (
        outcome(lambda module=module: getattr(module, name)(*_arguments(name, period)).warmup)
        for module in (compiled, reference)
    )

    assert left == right


def test_a_fast_average_that_is_not_faster_is_refused_alike() -> None:
    for fast, slow, signal in ((5, 5, 3), (6, 5, 3), (3, 5, 0)):
        left, right = (
            outcome(lambda module=module, f=fast, s=slow, g=signal: module.Macd(f, s, g))
            for module in (compiled, reference)
        )
        assert left == right
        assert left[0] is ValueError


@pytest.mark.parametrize("name", INDICATORS)
def test_a_state_of_another_indicator_is_refused_alike(name: str) -> None:
    for state in ([], [1], [99999] * 5, [0, 0.0, [1.0, 2.0]], [-1, 0.0, 0.0, 0.0]):
        left, right = (
            outcome(getattr(module, name)(*_arguments(name, 3)).restore, state) for module in (compiled, reference)
        )
        assert left == right, state


def test_columns_of_different_length_are_refused_alike() -> None:
    for module in (compiled, reference):
        with pytest.raises(ValueError, match="high, low, close must be columns of one length"):
            module.atr(np.ones(3), np.ones(3), np.ones(2), 2)
        with pytest.raises(ValueError, match="close must be columns"):
            module.ema(np.ones((2, 2)), 2)
