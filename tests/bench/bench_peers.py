"""The same work in other engines and libraries, in the same run: backtests, orders, memory, single calls.

Every engine trades the same long-only cross of two averages over the same bars. Agreement is printed, for a
faster answer is worth nothing when it is another one. In processor time, each engine in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.engines import ENGINES
from bench.peers.protocol import Bars, Case
from bench.rivals import OURS, RIVALS, Rival
from bench.table import Row, entry, note

from live_runner.services.market_data.core import simulation

_SYMBOL = "ETH/USDT:USDT"
_SEED = 5
_CENT = 0.005
_QUICK_BARS, _BARS = (20_000,), (100_000, 1_000_000)
_ORDER_BARS, _CALLS = 20_000, 20_000
_BATCH_BARS = 1_000_000
_TRIES, _LONG_S = 3, 2.0
_OFTEN = Case(fast=3, slow=7, first=8)
"""Averages that cross so often that orders are what a run spends its time on."""

_FASTER_THAN: dict[str, float] = {"python": 5.0}
"""Goal beside the best event-driven peer, by engine."""
_FASTER_THAN_COLUMNS = 2.0
"""Goal of the compiled engine beside vectorbt."""

type Answers = dict[str, dict[str, Any]]


def rows(quick: bool) -> list[Row]:
    """What there is to compare; peers that are not installed are left out."""
    found: list[Row] = []
    for count in _QUICK_BARS if quick else _BARS:
        found += _backtests(count, measures_memory=count == (_QUICK_BARS if quick else _BARS)[-1])
    found += _orders(_ORDER_BARS // 4 if quick else _ORDER_BARS)
    found += _calls(_CALLS // 4 if quick else _CALLS)
    found += _batches(_BATCH_BARS // 20 if quick else _BATCH_BARS)
    return found


def market(count: int) -> Bars:
    """So many minutes of the simulated market."""
    made = simulation.simulate(_SEED, _SYMBOL, "1m", 0, count, holes=False)
    return Bars(made.open_ns, made.open, made.high, made.low, made.close, made.volume)


# -- whole backtests ------------------------------------------------------------------------------


def _backtests(count: int, *, measures_memory: bool) -> Iterator[Row]:
    bars, case = market(count), Case()
    theirs: list[tuple[Rival, dict[str, Any]]] = []
    for rival in RIVALS:
        if count > rival.bars_at_most:
            note(f"{rival.name} is left out at {count:,} bars: it would take minutes")
        elif rival.event_driven or rival.name == "vectorbt":
            answer = _best(rival, "cross", bars, case)
            if answer is not None:
                theirs.append((rival, answer))
    best = min((answer["seconds"]["run"] for rival, answer in theirs if rival.event_driven), default=None)
    for engine in _that_run("ema_cross", count):
        ours = _best(OURS, f"cross {engine}", bars, case)
        if ours is None:
            raise RuntimeError(f"The engine '{engine}' could not run")
        what = f"ema_cross, {ENGINES[engine].name}, {count:,} bars"
        for rival, answer in theirs:
            goal = _FASTER_THAN.get(engine) if answer["seconds"]["run"] == best else None
            if rival.name == "vectorbt" and engine == "compiled":
                goal = _FASTER_THAN_COLUMNS
            yield Row(
                what=what,
                figure=count / ours["seconds"]["run"],
                unit="bars/s",
                floor=count / answer["seconds"]["run"],
                beside=_named(rival, answer),
                goal=goal,
                goal_is="ratio",
                details=_agreement(ours, answer),
            )
            if measures_memory:
                yield Row(
                    what=f"most memory, {what}",
                    figure=ours["peak_mib"],
                    unit="MiB",
                    floor=answer["peak_mib"],
                    beside=_named(rival, answer),
                    goal=200.0,
                    better="less",
                )


def _best(rival: Rival, scenario: str, bars: Bars, case: Case) -> dict[str, Any] | None:
    """The fastest of some runs, each in a process of its own; a long one is run once."""
    best: dict[str, Any] | None = None
    for _ in range(_TRIES):
        answer = rival.ask(scenario, bars, case)
        if answer is None:
            break
        if best is None or answer["seconds"]["run"] < best["seconds"]["run"]:
            best = answer
        if answer["seconds"]["run"] > _LONG_S:
            break
    return best


def _that_run(strategy: str, count: int) -> list[str]:
    return [name for name, engine in ENGINES.items() if strategy in engine.strategies and count <= engine.bars_at_most]


def _agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Whether both came to the same."""
    apart = abs(ours["equity"] - theirs["equity"])
    told = f"{ours['fills']:,} fills, {ours['equity']:,.2f}; theirs {theirs['fills']:,}, {theirs['equity']:,.2f}: "
    if ours["fills"] == theirs["fills"] and apart < _CENT:
        told += "equal to the cent"
    else:
        told += "not equal"
    made = {name: seconds for name, seconds in theirs["seconds"].items() if name != "run"}
    if made:
        told += "; not counted: " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in made.items())
    return told


def _named(rival: Rival, answer: dict[str, Any]) -> str:
    return f"{rival.name.removesuffix(' 1').removesuffix(' 2')} {answer['version']}"


# -- one order ------------------------------------------------------------------------------------


def _orders(count: int) -> Iterator[Row]:
    """From what a run with orders takes longer than one that only looks at its averages."""
    bars = market(count)
    theirs = [
        (rival, *cost)
        for rival in RIVALS
        if rival.name.startswith("NautilusTrader")
        for cost in _order_cost(rival, "cross", "indicators", bars)
    ]
    for engine in _that_run("averages", count):
        for answer, ours_us in _order_cost(OURS, f"cross {engine}", f"indicators {engine}", bars):
            for rival, told, theirs_us in theirs:
                yield Row(
                    what=f"one order, request to fill, {ENGINES[engine].name}",
                    figure=ours_us,
                    unit="us",
                    floor=theirs_us,
                    beside=_named(rival, told),
                    goal=5.0 if engine == "compiled" else None,
                    better="less",
                    details=f"{answer['fills']:,} orders over {count:,} bars, theirs {told['fills']:,}",
                )


def _order_cost(rival: Rival, with_orders: str, without: str, bars: Bars) -> Iterator[tuple[dict[str, Any], float]]:
    """The answer of the run with orders and microseconds of one of them; nothing for a peer that is not there."""
    answers = [(rival.ask(with_orders, bars, _OFTEN), rival.ask(without, bars, _OFTEN)) for _ in range(2)]
    pairs = [(one, two) for one, two in answers if one is not None and two is not None]
    if pairs:
        run = min(one["seconds"]["run"] for one, _ in pairs)
        bare = min(two["seconds"]["run"] for _, two in pairs)
        yield pairs[0][0], (run - bare) / pairs[0][0]["fills"] * 1e6


# -- single calls ---------------------------------------------------------------------------------


def _calls(count: int) -> Iterator[Row]:
    bars, case = market(count), Case()
    ours, theirs = _answers("calls", bars, case)
    for name, what, unit, goal in (
        ("ema", "EMA, one update from Python", "ns", 30.0),
        ("rsi", "RSI, one update from Python", "ns", 30.0),
        ("atr", "ATR, one update from Python", "ns", 30.0),
        ("precision", "a price and an amount at the market's precision", "us", 0.2),
        ("encode", "encode a typed bar", "us", 0.3),
        ("decode", "decode a typed bar", "us", 0.5),
    ):
        yield from _call_rows(name, what, unit, goal, ours, theirs)


def _batches(count: int) -> Iterator[Row]:
    bars, case = market(count), Case()
    ours, theirs = _answers("calls", bars, case, only="TA-Lib")
    for name in ("ema", "rsi", "atr"):
        yield from _call_rows(f"{name} batch", f"{name.upper()} over a column, one bar of it", "ns", 1.0, ours, theirs)


def _answers(scenario: str, bars: Bars, case: Case, *, only: str = "") -> tuple[dict[str, Any], Answers]:
    ours = OURS.ask(scenario, bars, case)
    if ours is None:
        raise RuntimeError(f"live-runner itself could not run '{scenario}'")
    theirs: Answers = {}
    for rival in RIVALS:
        if rival.name in ("backtesting.py", "backtrader", "vectorbt") or (only or rival.name) != rival.name:
            continue
        answer = rival.ask(scenario, bars, case)
        if answer is not None:
            theirs[_named(rival, answer)] = answer
    return ours, theirs


def _call_rows(name: str, what: str, unit: str, goal: float, ours: dict[str, Any], theirs: Answers) -> Iterator[Row]:
    scale = 1e9 if unit == "ns" else 1e6
    # A goal of 1 is a ratio: no slower than the peer.
    goal_is: Literal["ratio", "figure"] = "ratio" if goal == 1.0 else "figure"
    for beside, answer in theirs.items():
        if name in answer:
            yield Row(
                what=what,
                figure=ours[name] * scale,
                unit=unit,
                floor=answer[name] * scale,
                beside=beside,
                goal=goal,
                goal_is=goal_is,
                better="less",
                details=f"{ours['bytes']} bytes, theirs {answer['bytes']}" if name == "encode" else "",
            )


if __name__ == "__main__":
    entry("peers", rows)
