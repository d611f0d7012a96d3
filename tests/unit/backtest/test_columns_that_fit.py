"""What the engine makes of columns, sets and funding rates that do not fit together: an error, never a wrong read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import session_world
from session_world import ENGINE

from live_runner.contracts.errors import DataError
from live_runner.hotpath.engine.columns import Columns
from live_runner.hotpath.engine.session import Session
from live_runner.services.backtest.session import begin

MINUTE_NS = 60_000_000_000


def times(*minutes: int) -> Any:
    return np.array(minutes, dtype=np.int64) * MINUTE_NS


def symbol(open_ns: Any, **changes: Any) -> tuple[Any, ...]:
    """The columns of one symbol, all at one price."""
    rows = len(open_ns)
    fields = {name: np.full(rows, 100.0) for name in ("open", "high", "low", "close", "volume")}
    return (open_ns, *{**fields, **changes}.values())


def play(columns: list[Any], grid: Any, *, length_ns: int = MINUTE_NS, warmup_sets: int = 0, due: Any = ()) -> Session:
    """A session of two symbols over these columns, checked as before it is played."""
    world = session_world.make_world(market_seed=1, bars=60)
    facts, _ = world.facts_and_items()
    _, started = begin(world.config, world.source, world.strategy_class, facts, ENGINE)
    session = Session(started, columns, False, False)
    session.check(grid, length_ns, warmup_sets, list(due))
    return session


def test_columns_that_fit_their_sets_are_taken() -> None:
    play([symbol(times(0, 2)), symbol(times(1))], times(0, 1, 2))
    play([symbol(times()), symbol(times())], times())
    play([symbol(times(5)), symbol(times())], times(5))


@pytest.mark.parametrize(
    ("columns", "grid", "row", "field"),
    [
        ([symbol(times(0, 1)), symbol(times(0, 3))], times(0, 1, 2), 1, "time"),
        ([symbol(times(0, 1)), symbol(times(1, 0))], times(0, 1), 1, "time"),
        ([symbol(times(0, 1)), symbol(times(0, 0))], times(0, 1), 1, "time"),
        ([symbol(times(0, 1)), symbol(times(0))], times(), 0, "time"),
        ([symbol(times(0)), symbol(times(0))], times(0, 0), 1, "time"),
        ([symbol(times(0)), symbol(times(0))], times(1, 0), 1, "time"),
        ([symbol(times(-1)), symbol(times())], times(-1), 0, "time"),
        ([symbol(np.array([2**63 - 1])), symbol(times())], np.array([2**63 - 1]), 0, "time"),
        ([symbol(times(0)), symbol(times(0), close=np.full(2, 1.0))], times(0), -1, "close"),
        ([symbol(times(0)), symbol(times(0), volume=np.full(0, 1.0))], times(0), -1, "volume"),
        ([symbol(times(0))], times(0), -1, "symbols"),
        ([symbol(times(0))] * 3, times(0), -1, "symbols"),
        ([symbol(times(0)), symbol(times(0))[:5]], times(0), -1, "symbols"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_row(columns: list[Any], grid: Any, row: int, field: str) -> None:
    with pytest.raises(DataError) as caught:
        play(columns, grid)

    assert (caught.value.fields["row"], caught.value.fields["field"]) == (row, field)


@pytest.mark.parametrize(
    "due",
    [
        [(0, 2, 0, "0.0001", None)],
        [(0, -1, 0, "0.0001", None)],
        [(-1, 0, 0, "0.0001", None)],
        [(1, 0, 0, "0.0001", None), (0, 0, 0, "0.0001", None)],
    ],
)
def test_a_funding_rate_of_nowhere_is_refused(due: Any) -> None:
    with pytest.raises(DataError) as caught:
        play([symbol(times(0, 1)), symbol(times(0, 1))], times(0, 1), due=due)

    assert caught.value.fields["field"] == "funding"


@pytest.mark.parametrize(("length_ns", "warmup_sets"), [(0, 0), (-1, 0), (2**62 + 1, 0), (MINUTE_NS, -1)])
def test_a_length_or_warmup_that_is_none_is_refused(length_ns: int, warmup_sets: int) -> None:
    with pytest.raises(DataError):
        play([symbol(times(0)), symbol(times(0))], times(0), length_ns=length_ns, warmup_sets=warmup_sets)


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: rows.astype(np.float32),
        lambda rows: rows.astype(np.int64),
        lambda rows: np.repeat(rows, 2)[::2],
        lambda rows: rows.reshape(1, -1),
    ],
)
def test_arrays_of_another_kind_or_layout_are_refused(make: Callable[[Any], Any]) -> None:
    with pytest.raises((ValueError, DataError)):
        play([symbol(times(0, 1)), symbol(times(0, 1), low=make(np.full(2, 100.0)))], times(0, 1))


def test_columns_live_as_long_as_the_session() -> None:
    columns = [symbol(times(0, 1)), symbol(times(0, 1))]
    session = play(columns, times(0, 1))
    del columns[:]
    np.full(200, -1.0)  # what would lie in their memory, were it free
    session.check(times(0, 1), MINUTE_NS, 0, [])


def test_columns_are_set_up_once() -> None:
    columns = Columns(1, [symbol(times(0))])
    with pytest.raises(RuntimeError, match="once"):
        Columns.__init__(columns, 1, [symbol(times(0))])


@pytest.mark.parametrize("at", [-1, 2, 2**31 - 1])
def test_the_number_of_no_symbol_is_refused(at: int) -> None:
    """A built engine would read beside its memory, where the interpreted one raises an error or takes the last."""
    columns = Columns(2)

    with pytest.raises(IndexError, match=f"no symbol {at} among 2"):
        columns.row(at)
    with pytest.raises(IndexError, match=f"no symbol {at} among 2"):
        columns.restore(at, [100.0, 1.0, False, 1])
    assert [columns.row(at) for at in range(2)] == [[0.0, 0.0, False, 0]] * 2


def test_a_session_is_not_played_without_a_host() -> None:
    host: Any = None
    with pytest.raises(TypeError, match="with a host"):
        play([symbol(times(0)), symbol(times(0))], times(0)).play(host, times(0), MINUTE_NS, 0, [], None, None)
