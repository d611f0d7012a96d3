"""Bars per second of the backtest, for both strategies.

The floor beside each figure, in the same run: the same bar sets built and walked by a bare loop, without
cores. Figures are of processor time, so that other work on the machine does not enter.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parents[1]))

import msgspec
import session_world
from session_world import ENGINE, World

from live_runner.contracts.config import StrategyChoice
from live_runner.contracts.messages import BarSet
from live_runner.services.backtest.market import numbered
from live_runner.services.backtest.session import run_backtest

_ONE = ("BTC/USDT:USDT",)
_TWELVE = tuple(
    f"{base}/USDT:USDT"
    for base in ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LINK", "AVAX", "LTC", "DOT", "TRX", "BNB")
)
_EMA = StrategyChoice(
    module="live_runner.strategies.ema_cross", parameters={"fast": 20, "slow": 50, "notional": 1000.0}
)
_LADDER = StrategyChoice(module="live_runner.strategies.dual_lifo")


class Row(msgspec.Struct, frozen=True):
    """One line of the table."""

    what: str
    bars_per_s: float
    floor_per_s: float
    details: str

    @property
    def share(self) -> float:
        """Share of the floor's speed that was reached."""
        return self.bars_per_s / self.floor_per_s


def rows(sets: int = 20_000) -> list[Row]:
    """Every case once, over so many bar sets of one symbol and a sixth of it of twelve."""
    cases = (("ema_cross", _EMA), ("dual_lifo", _LADDER))
    return [_row(name, choice, symbols, sets) for name, choice in cases for symbols in (_ONE, _TWELVE)]


def _row(name: str, choice: StrategyChoice, symbols: tuple[str, ...], sets: int) -> Row:
    count = sets if len(symbols) == 1 else max(sets // 6, 2_000)
    world = session_world.make_world(choice, market_seed=3, symbols=symbols, bars=count)
    facts, items = world.facts_and_items()
    bars = count * len(symbols)
    floor_s = _bare(world)
    began = process_time()
    result = run_backtest(world.config, world.source, facts, items, ENGINE)
    taken_s = process_time() - began
    fills = result.stopped.summary["fills"]
    return Row(f"{name}, {len(symbols)} symbols", bars / taken_s, bars / floor_s, f"{count} sets, {fills} fills")


def _bare(world: World) -> float:
    """Seconds to number every set and look at every bar, with no core behind."""
    items = world.facts_and_items()[1]
    highest = 0.0
    began = process_time()
    for event in numbered(world.config.session, items):
        if isinstance(event, BarSet):
            for bar in event.bars:
                if bar.high > highest:
                    highest = bar.high
    return process_time() - began


def main() -> None:
    """Print the table."""
    print(f"{'backtest':26} {'bars/s':>12} {'floor':>12} {'share':>7}  details")
    for row in rows():
        print(f"{row.what:26} {row.bars_per_s:12,.0f} {row.floor_per_s:12,.0f} {row.share:7.3f}  {row.details}")


if __name__ == "__main__":
    main()
