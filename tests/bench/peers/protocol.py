"""What a peer is given and what it answers: the same bars and the same rules for every engine.

A peer is a script of one file. It runs in an environment of its own, so nothing here needs more than the
standard library and numpy::

    python peer_NAME.py SCENARIO FOLDER ANSWER.json

FOLDER holds one ``.npy`` per column of the bars and ``case.json``; the answer is a JSON object. What is
timed is the peer's own run, in processor time: making its objects out of the columns is told apart.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

type Column = NDArray[np.float64]
type Times = NDArray[np.int64]
type Scenario = Callable[["Bars", "Case"], dict[str, Any]]

COLUMNS = ("open", "high", "low", "close", "volume")


class Bars(NamedTuple):
    """Closed candles of one symbol; times are those of their opens."""

    open_ns: Times
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column


class Case(NamedTuple):
    """A long-only cross of two averages: a market order at the next open, a fee per side."""

    fast: int = 20
    slow: int = 50
    quantity: float = 1.0
    """Of every entry: whole units, because not every peer knows fractions."""
    fee: float = 0.0004
    """Share of the notional."""
    cash: float = 1_000_000.0
    first: int = 51
    """The first bar on which a cross counts: one more than the slow average needs, for there to be one before."""
    price_decimals: int = 2
    quantity_decimals: int = 3


class Answer(NamedTuple):
    """What an engine made of the case."""

    trades: list[tuple[str, int, float]]
    """Side, number of the bar, price."""
    equity: list[float]
    """At the close of every bar."""


class Cross:
    """Two averages, each seeded with the mean of its first closes, and whether they crossed.

    Bars on which both are equal keep the order before; the first order of all is not a cross.
    """

    def __init__(self, fast: int, slow: int) -> None:
        self._periods = (fast, slow)
        self._factors = (2.0 / (fast + 1), 2.0 / (slow + 1))
        self._values = [0.0, 0.0]
        self._seen = 0
        self._above: bool | None = None

    def update(self, close: float) -> int:
        """Take a close: 1 for a cross upwards, -1 for one downwards, else 0."""
        self._seen += 1
        values = self._values
        for number, period in enumerate(self._periods):
            if self._seen > period:
                values[number] = (close - values[number]) * self._factors[number] + values[number]
                continue
            values[number] += close
            if self._seen == period:
                values[number] /= period
        if self._seen < self._periods[1] or values[0] == values[1]:
            return 0
        before, self._above = self._above, values[0] > values[1]
        if before is None or before == self._above:
            return 0
        return 1 if self._above else -1


def averages(closes: Column, period: int) -> Column:
    """The same average as a column, nan before it is warm."""
    values = closes.tolist()
    out = [float("nan")] * (period - 1)
    factor, value = 2.0 / (period + 1), sum(values[:period]) / period
    out.append(value)
    for close in values[period:]:
        value = (close - value) * factor + value
        out.append(value)
    return np.array(out)


def crosses(bars: Bars, case: Case) -> NDArray[np.int8]:
    """Where the averages cross, for engines that want whole columns of signals."""
    fast, slow = averages(bars.close, case.fast), averages(bars.close, case.slow)
    order = np.sign(fast - slow)
    order[np.isnan(order)] = 0.0
    # Equal averages keep the order before: carry the last number that is not zero.
    at = np.maximum.accumulate(np.where(order != 0.0, np.arange(len(order)), 0))
    order = order[at]
    before = np.concatenate(([0.0], order[:-1]))
    out = np.where((before != 0.0) & (order != before), order, 0.0)
    out[: case.first] = 0.0
    return out.astype(np.int8)


def part(bars: Bars, count: int) -> Bars:
    """The first so many bars."""
    return Bars(
        bars.open_ns[:count],
        bars.open[:count],
        bars.high[:count],
        bars.low[:count],
        bars.close[:count],
        bars.volume[:count],
    )


class Clock:
    """Processor time of parts of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add what happens inside to ``name``."""
        gc.collect()
        began = process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + process_time() - began


def per_call(call: Callable[[], object], calls: int) -> float:
    """Seconds of one of so many calls that ``call`` makes, the best of five."""
    best = float("inf")
    for _ in range(5):
        began = process_time()
        call()
        best = min(best, process_time() - began)
    return best / calls


def per_update(update: Callable[..., object], values: Sequence[Any]) -> float:
    """Seconds of one update, without the loop around it; of a tuple it gets high, low and close."""
    apart = type(values[0]) is tuple

    def updates() -> None:
        if apart:
            for high, low, close in values:
                update(high, low, close)
        else:
            for value in values:
                update(value)

    def loop() -> None:
        if apart:
            for _high, _low, _close in values:
                pass
        else:
            for _value in values:
                pass

    return per_call(updates, len(values)) - per_call(loop, len(values))


def told(answer: Answer, clock: Clock) -> dict[str, Any]:
    """A finished run as the bench reads it."""
    return {
        "seconds": clock.seconds,
        "fills": len(answer.trades),
        "equity": answer.equity[-1],
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def save(folder: Path, bars: Bars, case: Case) -> None:
    """Write what every peer is given."""
    for name in bars._fields:
        np.save(folder / f"{name}.npy", getattr(bars, name))
    (folder / "case.json").write_text(json.dumps(case._asdict()), encoding="utf-8")


def load(folder: Path) -> tuple[Bars, Case]:
    """Read it."""
    case = Case(**json.loads((folder / "case.json").read_text(encoding="utf-8")))
    return Bars(*(np.load(folder / f"{name}.npy") for name in Bars._fields)), case


def serve(package: str, scenarios: Mapping[str, Scenario]) -> None:
    """The command line of a peer, whose answer also tells the version of its package."""
    name, folder, answer = sys.argv[1:]
    bars, case = load(Path(folder))
    Path(answer).write_text(json.dumps({"version": version(package), **scenarios[name](bars, case)}), encoding="utf-8")
