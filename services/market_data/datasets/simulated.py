"""The bundled simulated market as a dataset: the same shape as an imported one, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence

from live_runner.contracts.messages import FundingRate
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core import simulation
from live_runner.services.market_data.core.candles import Candles
from live_runner.services.market_data.core.dataset import Dataset, Manifest, describe
from live_runner.services.market_data.core.simulated_symbols import SYMBOLS

__all__ = ["SYMBOLS", "simulated_dataset"]


def simulated_dataset(seed: int, symbols: Sequence[str], timeframe: str, bars: int, *, venue: str) -> Dataset:
    """``bars`` bars of each symbol; the same arguments always give the same dataset."""
    candles: dict[str, Candles] = {}
    funding: dict[str, list[FundingRate]] = {}
    parts = []
    for symbol in symbols:
        candles[symbol] = simulation.simulate(seed, symbol, timeframe, 0, bars)
        funding[symbol] = simulation.funding(seed, symbol, candles[symbol])
        parts.append(describe(candles[symbol], timeframe, funding_rates=len(funding[symbol])))
    manifest = Manifest(
        name="simulated",
        venue=venue,
        market_type="swap" if all(":" in symbol for symbol in symbols) else "spot",
        timeframe=timeframe,
        first_open_ns=min(part.first_open_ns for part in parts),
        end_ns=max(part.last_open_ns for part in parts) + duration_ns(timeframe),
        rows=sum(part.rows for part in parts),
        gaps=sum(part.gaps for part in parts),
        source="simulated",
        symbols=parts,
        instruments=[simulation.instrument(symbol, venue) for symbol in symbols],
        parameters={"seed": seed, "bars": bars, "market": simulation.VERSION},
    )
    return Dataset(manifest, candles, funding)
