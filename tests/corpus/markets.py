"""Markets drawn for the corpus: whole ticks, so that touches and crossings are exact and no machine rounds otherwise.

The product's own simulated market is not used: a better simulation must not change the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from corpus.draws import Draw

from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core.candles import Candles

BEGIN_NS = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z."""

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "DOGE/USDT:USDT", "XRP/USDT:USDT")


@dataclass(frozen=True)
class Grid:
    """Steps of price and amount, the price that a market begins at, and what a lot is worth there."""

    tick: str
    lot: str
    ticks: int
    contract: str = "1"


USUAL = (
    Grid("0.1", "0.001", 450_000),
    Grid("0.01", "0.001", 200_000),
    Grid("0.01", "0.01", 14_000),
    Grid("0.00001", "1", 30_000),
    Grid("0.0001", "0.1", 21_000),
    Grid("0.5", "0.0001", 90_000),
    Grid("0.01", "0.01", 14_000, contract="0.1"),
    Grid("0.0001", "0.01", 21_000, contract="10"),
    Grid("0.25", "0.01", 800),
)
EXTREME = (
    Grid("0.000000000000000001", "1000000", 5_000_000),
    Grid("0.00000001", "0.001", 4_000_000_000_000),
    Grid("0.000000001", "1000", 7_000),
    Grid("1000000", "0.00000001", 40),
    Grid("1", "0.000000001", 1_500_000_000_000),
    Grid("0.1", "0.001", 450_000, contract="1000000"),
    Grid("0.01", "0.001", 200_000, contract="0.00000001"),
    Grid("0.1", "0.001", 3),
)


@dataclass(frozen=True)
class Shape:
    """How a market moves."""

    moves_bp: int = 12
    """Size of a bar's move, in basis points of the price."""
    jumps_percent: int = 1
    holes_percent: int = 0
    """Share of bars at which a stretch without bars begins."""
    still_percent: int = 3
    volume: float = 1.0
    late_begin: int = 0
    """Bars that the symbol is missing in the beginning."""


def instrument(draw: Draw, symbol: str, grid: Grid) -> Instrument:
    """Rules of a market on this grid: with limits or without, its prices counted in one way or another."""
    base = symbol.split("/", maxsplit=1)[0]
    mode, price, amount, tick = "tick_size", grid.tick, grid.lot, grid.tick
    kind = draw.below(10)
    if kind == 0 and grid.tick == "0.01":
        mode, price, amount = "decimal_places", "2", str(len(grid.lot.partition(".")[2]))
    if kind == 1 and grid in USUAL:
        mode, price, tick = "significant_digits", "5", "0.00000001"
        amount = "4"
    worth = Decimal(grid.tick) * grid.ticks * Decimal(grid.lot) * Decimal(grid.contract)
    return Instrument(
        symbol=symbol,
        venue="drawn",
        base=base,
        quote="USDT",
        settle="USDT",
        contract_size=grid.contract,
        tick_size=tick,
        lot_size="0.00000001" if mode == "significant_digits" else grid.lot,
        precision_mode=mode,
        price_precision=price,
        amount_precision=amount,
        min_amount=grid.lot if draw.chance(60) else "",
        max_amount=_text(Decimal(grid.lot) * _lots_worth(3000, worth)) if draw.chance(15) else "",
        min_price=grid.tick if draw.chance(40) else "",
        max_price=_text(Decimal(grid.tick) * grid.ticks * 3) if draw.chance(10) else "",
        min_notional="5" if draw.chance(50) else "",
        max_notional="2000" if draw.chance(10) else "",
        rules="given",
    )


def _lots_worth(money: int, worth: Decimal) -> int:
    return max(int(money / worth), 1)


def _text(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def candles(draw: Draw, symbol: str, grid: Grid, bars: int, timeframe: str, shape: Shape) -> Candles:
    """A walk over the grid; at least two bars, with holes where the shape has them."""
    length = duration_ns(timeframe)
    tick, lot = Decimal(grid.tick), Decimal(grid.lot)
    worth = tick * grid.ticks * lot * Decimal(grid.contract)
    size = max(grid.ticks * shape.moves_bp // 10_000, 1)
    usual_lots = _lots_worth(200_000, worth)
    rows: list[tuple[int, float, float, float, float, float]] = []
    close, missing = grid.ticks, 0
    for at in range(bars):
        opens = max(close + (draw.within(-1, 1) if draw.chance(30) else 0), 1)
        move = draw.within(-size, size)
        if draw.chance(shape.jumps_percent):
            move *= draw.within(8, 60)
        still = draw.chance(shape.still_percent)
        close = opens if still else max(opens + move, grid.ticks // 20, 1)
        reach = 0 if still else size
        high = max(opens, close) + draw.below(reach + 1)
        low = max(min(opens, close) - draw.below(reach + 1), 1)
        lots = 0 if still and draw.chance(50) else usual_lots * draw.within(1, 200) // 100
        if draw.chance(shape.holes_percent):
            missing = draw.one_of((1, 1, 2, 5, 12))
        missing -= 1
        if missing >= 0 or at < shape.late_begin:
            continue
        prices = (float(tick * ticks) for ticks in (opens, high, low, close))
        rows.append((BEGIN_NS + at * length, *prices, float(lot * lots) * shape.volume))  # type: ignore[arg-type]
    times = np.array([row[0] for row in rows], dtype=np.int64)
    return Candles(symbol, times, *(np.array([row[at] for row in rows], dtype=np.float64) for at in range(1, 6)))


def funding(
    draw: Draw, market: Candles, bars: int, timeframe: str, percent: int, rates: tuple[str, ...]
) -> list[FundingRate]:
    """Rates due at opens, inside bars, just before closes and several in one bar, with a mark and without."""
    length = duration_ns(timeframe)
    found: dict[int, FundingRate] = {}
    for at in range(bars):
        while draw.chance(percent):
            away = draw.one_of((0, 0, 1, length // 2, length // 3, length - 1))
            due = BEGIN_NS + at * length + away
            mark = float(market.open[min(at, len(market) - 1)]) if draw.chance(50) else None
            found[due] = FundingRate(market.symbol, due, draw.one_of(rates), mark)
    return [found[due] for due in sorted(found)]
