"""A dataset: its provenance, and its columns in memory.

The manifest's hash covers what the bars are (venue, symbols, files, sums), not how the dataset is
called or when it was built: the same bars under another name have the same hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import msgspec

from live_runner.contracts.messages import FundingRate, Instrument
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core.candles import Candles, holes

__all__ = [
    "ENRICHMENT_VERSION",
    "Dataset",
    "FileSource",
    "Manifest",
    "Part",
    "describe",
    "manifest_hash",
    "manifest_view",
]

ENRICHMENT_VERSION: Final = 1
"""Of what an import adds to the bars: instrument rules inferred from them, funding snapped to the minute."""


class FileSource(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was imported, by its bare name: folders differ from machine to machine."""

    file: str
    rows: int
    sha256: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of a dataset."""

    symbol: str
    rows: int
    first_open_ns: int
    last_open_ns: int
    gaps: int
    """Stretches without a candle between the first and the last one."""
    missing_bars: int
    duplicates_dropped: int = 0
    rows_reordered: int = 0
    zero_volume: int = 0
    funding_rates: int = 0
    sources: list[FileSource] = []
    file: str = ""
    """Name of the stored columns inside the dataset's folder."""
    sha256: str = ""
    """Of the stored columns."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Provenance of a dataset."""

    name: str
    venue: str
    market_type: str
    """``spot`` or ``swap``."""
    timeframe: str
    first_open_ns: int
    end_ns: int
    """Close time of the last bar."""
    rows: int
    gaps: int
    source: str
    """``recording``, ``simulated`` or ``ccxt``."""
    symbol_format: str = "ccxt"
    symbols: list[Part]
    instruments: list[Instrument] = []
    funding_sha256: str = ""
    """Of the stored funding rates; "" when there are none."""
    enrichment: int = ENRICHMENT_VERSION
    parameters: dict[str, Any] = {}
    """The parameters of a simulated market."""
    built: str = ""
    """When, ISO 8601 UTC; outside the hash and outside every event."""
    left_out: list[str] = []
    """Files of the folder that did not go in; outside the hash and outside every event."""

    @property
    def symbol_names(self) -> list[str]:
        """The symbols, in the dataset's order."""
        return [part.symbol for part in self.symbols]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A manifest with its bars, funding rates and market rules."""

    manifest: Manifest
    candles: dict[str, Candles]
    funding: dict[str, list[FundingRate]] = field(default_factory=dict)

    def instrument(self, symbol: str) -> Instrument:
        """Market rules of a symbol; KeyError when the dataset does not have it."""
        return {item.symbol: item for item in self.manifest.instruments}[symbol]


_OUTSIDE: Final = ("name", "built", "left_out")


def manifest_hash(manifest: Manifest) -> str:
    """sha256 over everything that says what the bars are."""
    plain = msgspec.to_builtins(manifest)
    for key in _OUTSIDE:
        del plain[key]
    return sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()


def manifest_view(manifest: Manifest) -> dict[str, Any]:
    """The manifest as events carry it: no dates of ours, no paths, and no market rules (they stand beside it)."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    for key in ("built", "left_out", "instruments"):
        del plain[key]
    plain["hash"] = manifest_hash(manifest)
    return plain


def describe(candles: Candles, timeframe: str, **more: Any) -> Part:
    """The manifest's part of one symbol; ``more`` are the fields that the rows do not tell."""
    length = duration_ns(timeframe)
    missing = holes(candles.open_ns, timeframe)
    return Part(
        symbol=candles.symbol,
        rows=len(candles),
        first_open_ns=int(candles.open_ns[0]),
        last_open_ns=int(candles.open_ns[-1]),
        gaps=len(missing),
        missing_bars=sum((to - since) // length for since, to in missing),
        zero_volume=int((candles.volume == 0).sum()),
        **more,
    )
