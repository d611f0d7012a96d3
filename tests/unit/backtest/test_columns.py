"""What a backtest makes of columns that are not closed candles: an error with symbol, row and field, before any bar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import session_world
from session_world import ENGINE, World

from live_runner.contracts.errors import DataError
from live_runner.services.backtest.run import run_over
from live_runner.services.backtest.session import BacktestResult
from live_runner.services.market_data.core.candles import FIELDS, PRICES, Candles, Floats
from live_runner.services.market_data.core.columns import OPEN_NS_MAX, check_columns

MINUTE_NS = 60_000_000_000
ROWS = 20_000  # more than one block of the check


def rows_of(count: int = ROWS) -> Candles:
    """Sound candles."""
    open_ns = np.arange(count, dtype=np.int64) * MINUTE_NS
    close: Floats = 100.0 + np.arange(count, dtype=np.float64) % 7.0
    return Candles("AAA", open_ns, close - 0.5, close + 1.0, close - 1.0, close, np.full(count, 3.0))


def changed(field: str, values: Any) -> Candles:
    columns = {name: getattr(rows_of(10), name) for name in ("open_ns", *FIELDS)}
    return Candles("AAA", **{**columns, field: values})


def run(world: World) -> BacktestResult:
    facts, _ = session_world.make_world(market_seed=3, bars=120).facts_and_items()
    return run_over(world.config, world.source, facts, world.timeline(), ENGINE)


def refused(candles: Candles) -> tuple[int, str]:
    """Row and field that the check names."""
    with pytest.raises(DataError) as caught:
        check_columns(candles)
    fields = caught.value.fields
    assert fields["symbol"] == candles.symbol
    assert str(caught.value).startswith(f"{candles.symbol}, row {fields['row']}: {fields['field']} ")
    return fields["row"], fields["field"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.0, -1.0])
def test_a_session_is_refused_over_a_value_that_is_none(field: str, value: float) -> None:
    world = session_world.make_world(market_seed=3, bars=120)
    world.columns[1].column(field)[77] = value
    if field == "volume" and value == 0.0:
        assert run(world).sets > 0  # nobody traded
        return
    with pytest.raises(DataError) as caught:
        run(world)

    symbol = world.columns[1].symbol
    assert caught.value.fields == {"symbol": symbol, "row": 78, "field": field}


@pytest.mark.parametrize("row", [0, 8191, 8192, 8193, ROWS - 1])
@pytest.mark.parametrize("field", FIELDS)
def test_a_bad_value_is_found_in_every_block(field: str, row: int) -> None:
    candles = rows_of()
    candles.column(field)[row] = float("nan")
    assert refused(candles) == (row + 1, field)


@pytest.mark.parametrize("row", [1, 8191, 8192, 8193, ROWS - 1])
@pytest.mark.parametrize("back_rows", [1, 0.5, 2])
def test_times_that_repeat_or_go_back_are_found_in_every_block(row: int, back_rows: float) -> None:
    candles = rows_of()
    candles.open_ns[row] -= int((back_rows if row > 1 else 1) * MINUTE_NS)
    if candles.open_ns[row] > candles.open_ns[row - 1]:
        check_columns(candles)
    else:
        assert refused(candles) == (row + 1, "time")


@pytest.mark.parametrize("at_ns", [-1, -(2**63), 2**63 - 1, OPEN_NS_MAX + 1])
def test_a_time_that_cannot_be_counted_on_from_is_refused(at_ns: int) -> None:
    candles = rows_of(1)
    candles.open_ns[0] = at_ns
    assert refused(candles) == (1, "time")


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("high", 104.9, "high"), ("low", 104.6, "low"), ("open", 107.0, "high"), ("close", 103.0, "low")],
)
def test_a_high_or_low_that_is_none_is_refused(field: str, value: float, named: str) -> None:
    candles = rows_of(10)  # row 6: 104.5, 106, 104, 105
    candles.column(field)[5] = value
    assert refused(candles) == (6, named)


def test_the_first_row_at_fault_is_named() -> None:
    candles = rows_of(10)
    candles.low[2] = -1.0
    candles.open_ns[7] = 0
    candles.open[4] = float("nan")
    assert refused(candles) == (3, "low")


@pytest.mark.parametrize("field", [*PRICES, "volume"])
@pytest.mark.parametrize("rows", [0, 9, 11])
def test_columns_of_different_length_are_refused(field: str, rows: int) -> None:
    assert refused(changed(field, np.full(rows, 100.0))) == (min(rows, 10) + 1, field)


@pytest.mark.parametrize(
    "make",
    [
        lambda: changed("open", np.full(10, 100)),
        lambda: changed("open", np.full(10, 100.0, dtype=np.float32)),
        lambda: changed("open", np.full((10, 1), 100.0)),
        lambda: changed("open", [100.0] * 10),
        lambda: changed("open", np.full(10, None)),
        lambda: changed("open_ns", np.arange(10) * 1.5),
    ],
)
def test_columns_of_another_kind_are_refused(make: Callable[[], Candles]) -> None:
    row, field = refused(make())
    assert (row, field in ("open", "time")) == (1, True)


@pytest.mark.parametrize("count", [0, 1, 8192, 8193])
def test_sound_columns_pass_whatever_their_length(count: int) -> None:
    check_columns(rows_of(count))


def test_the_extremes_that_are_prices_pass() -> None:
    tiny, huge = np.full(3, 5e-324), np.full(3, 1.7e308)
    times = np.array([0, 1, OPEN_NS_MAX])
    check_columns(Candles("AAA", times, tiny, huge, tiny, huge, huge))
