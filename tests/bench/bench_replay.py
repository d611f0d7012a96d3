"""Events per second of a replay and of a comparison, for both strategies.

Twice: from memory, beside decoding every recorded message once, in processor time so that other work on the
machine does not enter; and from the database, beside reading the same events from it and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import session_world
import uvloop
from bench.bench_recorder import Wire, recorder_s
from bench.house import edition, house
from bench.table import Row, entry
from fix_database import throwaway_database

from live_runner.contracts import codec, subjects
from live_runner.contracts.config import StrategyChoice
from live_runner.services.forensics.compare import compare
from live_runner.services.forensics.recording import Again
from live_runner.services.forensics.replay import replay
from live_runner.services.runtime.postgres import archive, database

_SESSION = "test"
_WARMUP = 1_441
_GOALS = {"ema_cross": 130_000.0}
"""Events a second, with the strategy in Python."""
_CASES = (
    (
        "ema_cross",
        StrategyChoice(
            module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "notional": 1000.0}
        ),
    ),
    ("dual_lifo", StrategyChoice(module="live_runner.strategies.dual_lifo")),
)


def rows(quick: bool) -> list[Row]:
    """Both strategies over bar sets of two symbols."""
    found = []
    with house() as home:
        about = edition(home.dsn)
        for name, choice in _CASES:
            world = session_world.make_world(choice, market_seed=3, bars=_WARMUP + (1_000 if quick else 6_000))
            wires = session_world.wires(world.record())
            found += from_memory(name, wires)
            with throwaway_database(home.dsn) as dsn:
                database.migrate(dsn)
                uvloop.run(recorder_s(dsn, published(wires)))
                found.append(from_database(name, dsn, about))
    return found


def published(wires: list[bytes]) -> list[Wire]:
    """The messages as the recorder reads them from the stream."""
    return [(number, subjects.of(codec.decode(wire)), wire) for number, wire in enumerate(wires, 1)]


def from_memory(name: str, wires: list[bytes]) -> list[Row]:
    """Replay and comparison of messages at hand."""
    began = process_time()
    for wire in wires:
        codec.decode(wire)
    decoded = process_time()
    replayed = replay(wires)
    folded = process_time()
    compared = compare(wires)
    ended = process_time()
    if not replayed.agrees or not compared.agrees:
        raise SystemExit(f"{name} does not agree with itself: {replayed.first or compared.first}")
    count = len(wires)

    def row(what: str, seconds: float) -> Row:
        floor, details = count / (decoded - began), f"{count:,} events, processor time"
        return Row(
            what=f"{what}, {name}, from memory",
            figure=count / seconds,
            unit="events/s",
            floor=floor,
            beside="decoding them",
            details=details,
        )

    return [row("replay", folded - decoded), row("comparison", ended - folded)]


def from_database(name: str, dsn: str, about: str) -> Row:
    """Replay as the command does it, by the clock on the wall."""
    began = perf_counter()
    count = sum(1 for _ in archive.events(dsn, _SESSION))
    read = perf_counter()
    result = replay(Again(lambda: archive.events(dsn, _SESSION)))
    ended = perf_counter()
    if not result.agrees or result.events != count:
        raise SystemExit(f"{name} does not agree with itself: {result.first}")
    return Row(
        what=f"replay, {name} in Python, from the database",
        figure=count / (ended - read),
        unit="events/s",
        floor=count / (read - began),
        beside="reading them",
        goal=_GOALS.get(name),
        details=f"{count:,} events; {about}",
    )


if __name__ == "__main__":
    entry("replay and comparison", rows)
