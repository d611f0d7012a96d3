"""The most memory that a backtest of a million bars takes, its columns and its interpreter included.

Each engine runs in a process of its own. ``ema_cross``, one symbol.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.bench_peers import market
from bench.engines import ENGINES
from bench.peers.protocol import Case
from bench.rivals import OURS
from bench.table import Row, entry

_BARS = 1_000_000
_MOST_MIB = 200.0


def rows(quick: bool) -> list[Row]:
    """Of each engine that is run over so many bars."""
    count = _BARS // 10 if quick else _BARS
    bars, found = market(count), []
    for name, engine in ENGINES.items():
        if engine.bars_at_most < _BARS:
            continue
        answer = OURS.ask(f"cross {name}", bars, Case())
        if answer is None:
            raise RuntimeError(f"The engine '{name}' could not run")
        found.append(
            Row(
                what=f"most memory, ema_cross, {engine.name}, {count:,} bars",
                figure=answer["peak_mib"],
                unit="MiB",
                goal=_MOST_MIB,
                better="less",
                details=f"{answer['fills']:,} fills",
            )
        )
    return found


if __name__ == "__main__":
    entry("memory of a backtest", rows)
