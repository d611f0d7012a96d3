"""Events per second of a replay and of a comparison, for both strategies.

The floor beside each figure, in the same run: every recorded message decoded once and nothing else.
Figures are of processor time, so that other work on the machine does not enter.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import session_world

from live_runner.contracts import codec
from live_runner.contracts.config import StrategyChoice
from live_runner.services.forensics.compare import compare
from live_runner.services.forensics.replay import replay

_CASES = (
    (
        "ema_cross",
        StrategyChoice(
            module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "notional": 1000.0}
        ),
    ),
    ("dual_lifo", StrategyChoice(module="live_runner.strategies.dual_lifo")),
)


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    events: int
    replay_per_s: float
    compare_per_s: float
    floor_per_s: float

    @property
    def share(self) -> float:
        """Share of the floor's speed that a replay reached."""
        return self.replay_per_s / self.floor_per_s


def rows(sets: int = 6_000) -> list[Row]:
    """Both strategies over so many bar sets of two symbols."""
    return [_row(name, choice, sets) for name, choice in _CASES]


def _row(name: str, choice: StrategyChoice, sets: int) -> Row:
    wires = session_world.wires(session_world.make_world(choice, market_seed=3, bars=sets).record())
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
    return Row(name, count, count / (folded - decoded), count / (ended - folded), count / (decoded - began))


def main() -> None:
    """Print the table."""
    print(f"{'replay':12} {'events':>9} {'replay/s':>10} {'compare/s':>10} {'floor/s':>10} {'share':>7}")
    for row in rows():
        print(
            f"{row.what:12} {row.events:9,} {row.replay_per_s:10,.0f} {row.compare_per_s:10,.0f} "
            f"{row.floor_per_s:10,.0f} {row.share:7.3f}"
        )


if __name__ == "__main__":
    main()
