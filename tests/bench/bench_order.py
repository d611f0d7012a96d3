"""One order from request to fill, with all its typed events.

Four runs of ``every_so_often`` over the same bars, in Python: with an order on every other bar and with none, each with
every event made and with none. What the orders add is theirs: intent, checks, order, fill and account, and with events
also their messages. The floor is the order without messages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engines import Contest, contest
from bench.table import Row, entry
from session_world import ENGINE

from live_runner.contracts.config import StrategyChoice
from live_runner.contracts.messages import Event
from live_runner.services.backtest.columns import ColumnsBacktest
from live_runner.services.backtest.session import begin, load_strategy
from live_runner.services.market_data.core import simulation

_STRATEGY = str(Path(__file__).parent / "strategies/every_so_often.py")
_BARS = 200_000
_REPEATS = 5


def _contest(every: int, bars: int) -> Contest:
    choice = StrategyChoice(path=_STRATEGY, parameters={"bars": every})
    return contest(choice, [simulation.simulate(17, "BTC/USDT:USDT", "1m", 0, bars, holes=False)])


def rows(quick: bool) -> list[Row]:
    """The cost of an order with its messages beside that of the order itself."""
    bars = _BARS // 8 if quick else _BARS
    often, never = _contest(2, bars), _contest(0, bars)
    seconds: dict[tuple[bool, bool], float] = {}
    orders = 0
    for ordering, given in ((True, often), (False, never)):
        for events in (True, False):
            timed = [_timed(given, (lambda event: None) if events else None) for _ in range(_REPEATS)]
            seconds[ordering, events], made = min(timed)
            orders = max(orders, made)
    with_messages = (seconds[True, True] - seconds[False, True]) / orders * 1e6
    without = (seconds[True, False] - seconds[False, False]) / orders * 1e6
    return [
        Row(
            what="one order, request to fill, Python strategy, with its three messages made",
            figure=with_messages,
            unit="us",
            floor=without,
            beside="the same order, no message",
            goal=5.0,
            better="less",
            details=f"{orders:,} orders over {bars:,} bars",
        )
    ]


def _timed(given: Contest, sink: Callable[[Event], None] | None) -> tuple[float, int]:
    """Seconds of one run, and its orders."""
    strategy_class = load_strategy(given.config, given.source)
    _, started = begin(given.config, given.source, strategy_class, given.facts, ENGINE)
    backtest = ColumnsBacktest(started, given.config, strategy_class, given.timeline(), sink=sink)
    began = process_time()
    backtest.run()
    return process_time() - began, int(backtest.engine.state.requested)


if __name__ == "__main__":
    entry("order", rows)
