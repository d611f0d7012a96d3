"""How the cost of a backtest grows: with bars, with symbols, with the share of bars that have an order.

It should not: a bar costs the same in a run of ten thousand and in one of ten million. Every engine of the
bench is one curve, as far as it gets in bounded time; the C loop is another. Drawn into docs/scaling.svg
by a full run, into build/ by a quick one. Processor time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace as with_changes
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import c_floor, cython_module
from bench.chart import Line, Panel, chart, short
from bench.engines import ENGINES, Engine, contest
from bench.table import Row, entry, note
from msgspec.structs import replace

from live_runner.hotpath import IMPLEMENTATION
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles

_REPOSITORY = Path(__file__).parents[2]
PLOT = _REPOSITORY / "docs" / "scaling.svg"
_TWIN = Path(__file__).parent / "strategies" / "every_so_often_twin.pyx"
QUICK_PLOT = _REPOSITORY / "build" / "bench" / "scaling.svg"

_BARS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
_SYMBOLS = (1, 2, 5, 10, 20, 50, 100, 200)
_EVERY = (0, 50, 20, 10, 5, 3, 2)
"""An order every so many bars; 0 is none."""
_SYMBOL = "ETH/USDT:USDT"
_FAST, _SLOW = 20, 50
_BARS_AT_ONCE = 100_000
"""Of a run whose length is not what is looked at."""
_SETS_LEAST = 200
"""Of many symbols: enough for a warmup to weigh little."""
_QUICK_PART = 10
"""A quick run has so many times fewer bars."""

type Points = list[tuple[float, float]]
"""What is counted, and microseconds a bar."""


def rows(quick: bool) -> list[Row]:
    """The curves as a plot, and of each its dearest bar beside its cheapest run's."""
    panels = (
        Panel("bars in a run, ema_cross", "bars of one symbol", _along_bars(quick)),
        Panel("symbols in a run, ema_cross", "symbols, the same number of bars in all", _along_symbols(quick)),
        Panel("bars with an order", "per cent of bars", _along_orders(quick), logarithmic=False),
    )
    target = QUICK_PLOT if quick else PLOT
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(chart("Cost of a bar in a backtest", "microseconds of processor time", panels), encoding="utf-8")
    note(f"drawn into {target.relative_to(_REPOSITORY)}")
    return [_row(panel, line) for panel in panels for line in panel.lines]


def _row(panel: Panel, line: Line) -> Row:
    """How much dearer a bar gets from the first point to the last."""
    (first, cheap), (last, dear) = line.points[0], line.points[-1]
    return Row(
        what=f"cost of a bar, {panel.title}, {line.name}",
        figure=dear,
        unit="us",
        floor=cheap,
        beside=f"at {short(first)}",
        better="less",
        details=f"at {short(last)}; all: " + ", ".join(f"{short(x)}: {y:.3g}" for x, y in line.points),
    )


def _that_run(strategy: str) -> list[Engine]:
    return [engine for engine in ENGINES.values() if strategy in engine.strategies]


def _most(engine: Engine, quick: bool) -> int:
    return engine.bars_at_most // (_QUICK_PART if quick else 1)


def _market(symbols: int, bars: int) -> list[Candles]:
    """The same candles under as many names."""
    made = simulation.simulate(5, _SYMBOL, "1m", 0, bars, holes=False)
    if symbols == 1:
        return [made]
    return [with_changes(made, symbol=f"ETH{number}/USDT:USDT") for number in range(symbols)]


def _cost(engine: Engine, strategy: str, columns: Sequence[Candles], **parameters: object) -> float:
    choice = engine.strategies[strategy]
    given = contest(replace(choice, parameters={**choice.parameters, **parameters}), columns)
    best = min(engine.run(given).seconds for _ in range(3 if given.bars <= 30_000 else 1))
    return best / given.bars * 1e6


def _along_bars(quick: bool) -> list[Line]:
    lines = []
    for engine in _that_run("ema_cross"):
        counts = [bars for bars in _BARS if bars <= max(_most(engine, quick), _BARS[1])]
        note(f"{engine.name}: {counts[0]:,} to {counts[-1]:,} bars")
        lines.append(Line(engine.name, [(n, _cost(engine, "ema_cross", _market(1, n))) for n in counts]))
    most = _BARS[3] if quick else _BARS[-1]
    lines.append(Line("C loop", [(n, _floor_cost(n)) for n in _BARS if n <= most]))
    return lines


def _floor_cost(bars: int) -> float:
    given = contest(ENGINES["python"].strategies["ema_cross"], _market(1, bars))
    market = (given.config, given.facts.instruments[0], given.columns[0], given.first)
    floors = [c_floor.ema_cross(*market, fast=_FAST, slow=_SLOW) for _ in range(5)]
    return min(floor.seconds for floor in floors) / bars * 1e6


def _along_symbols(quick: bool) -> list[Line]:
    lines = []
    for engine in _that_run("ema_cross"):
        total = min(_most(engine, quick), _BARS_AT_ONCE)
        note(f"{engine.name}: {_SYMBOLS[0]} to {_SYMBOLS[-1]} symbols, {total:,} bars")
        points = [(float(n), _cost(engine, "ema_cross", _market(n, max(total // n, _SETS_LEAST)))) for n in _SYMBOLS]
        lines.append(Line(engine.name, points))
    return lines


def _along_orders(quick: bool) -> list[Line]:
    if IMPLEMENTATION == "compiled":
        cython_module.load(_TWIN)
    lines = []
    for engine in _that_run("every_so_often"):
        columns = _market(1, min(_most(engine, quick) // 4, _BARS_AT_ONCE))
        note(f"{engine.name}: orders on 0 to 50 % of {len(columns[0]):,} bars")
        points: Points = [
            (100.0 / every if every else 0.0, _cost(engine, "every_so_often", columns, bars=every)) for every in _EVERY
        ]
        lines.append(Line(engine.name, points))
    return lines


if __name__ == "__main__":
    entry("scaling", rows)
