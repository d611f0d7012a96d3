"""One order from request to fill in the compiled bar loop, with all its typed events.

Two runs of ``ema_cross`` over the same bars, both stopped at every set by a recorder that asks for messages: one makes
those of its orders (requested, accepted, filled), the other asks for none. The floor is the same run without any
recorder, per order: everything else that an order costs, bars included.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engines import Contest, contest
from bench.table import Row, entry
from session_world import ENGINE

from live_runner.contracts.config import StrategyChoice
from live_runner.contracts.messages import Event, Stopped
from live_runner.services.backtest.fast import FastBacktest
from live_runner.services.backtest.recorder import Recorder
from live_runner.services.backtest.session import begin, load_strategy
from live_runner.services.market_data.core import simulation

_OFTEN = StrategyChoice(
    module="live_runner.strategies.ema_cross", parameters={"fast": 3, "slow": 8, "notional": 1000.0, "short": True}
)
_BARS = 400_000
_REPEATS = 5


_NONE_YET = 1 << 40
"""The number of a message that no run comes to."""


class Idle(Recorder):
    """Asks at every set, and gets nothing."""

    def settled(self, number: int) -> None:
        for event in self._journal.events(_NONE_YET, ""):
            self._sink(event)

    def decided(self, number: int, asked: Any) -> None:
        rows = self._journal.events(_NONE_YET, "")
        for event in rows:
            self._sink(event)
        self._told = len(rows)

    def end(self, sets: int) -> Stopped:
        return Stopped(reason="", summary={}, id="", session="", source="", seq=1, event_ns=0)


class OrderEvents(Idle):
    """Gets the messages of orders, and nothing else."""

    def settled(self, number: int) -> None:
        for event in self._journal.events(self._told, ""):
            self._sink(event)

    def decided(self, number: int, asked: Any) -> None:
        rows = self._journal.events(0, "")
        for event in rows:
            self._sink(event)
        self._told = len(rows)


def rows(quick: bool) -> list[Row]:
    """The cost of an order's messages beside that of the order itself."""
    bars = _BARS // 8 if quick else _BARS
    given = contest(_OFTEN, [simulation.simulate(17, "BTC/USDT:USDT", "1m", 0, bars, holes=False)])
    told: list[Event] = []
    bare, orders = min(_timed(given, None, None) for _ in range(_REPEATS))
    idle, _ = min(_timed(given, told.append, Idle) for _ in range(_REPEATS))
    busy, _ = min(_timed(given, lambda event: None, OrderEvents) for _ in range(_REPEATS))
    order_us, events_us = bare / orders * 1e6, (busy - idle) / orders * 1e6
    return [
        Row(
            what="one order, request to fill, with its three messages made",
            figure=order_us + events_us,
            unit="us",
            floor=order_us,
            beside="the order and its bars, no message",
            goal=5.0,
            better="less",
            details=f"{orders:,} orders over {bars:,} bars; the messages alone {events_us:.2f} us",
        )
    ]


def _timed(given: Contest, sink: Callable[[Event], None] | None, recorder: type[Recorder] | None) -> tuple[float, int]:
    """Seconds of one run, and its orders."""
    strategy_class = load_strategy(given.config, given.source)
    _, started = begin(given.config, given.source, strategy_class, given.facts, ENGINE)
    backtest = FastBacktest(
        started, given.config, strategy_class, given.timeline(), compiled=True, sink=sink, recorder=recorder or Recorder
    )
    began = process_time()
    backtest.run()
    return process_time() - began, backtest.machine.totals()["orders"]


if __name__ == "__main__":
    entry("order", rows)
