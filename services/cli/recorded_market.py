"""A session's settings for candles that nobody has seen before, and what was chosen, in words.

The shipped examples name symbols, sizes and an account for the simulated market. Somebody's recording has
others: they are read off its manifest and its bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from live_runner.contracts.timeframe import duration_ns
from live_runner.services.cli.commands.data import dataset_name, import_data
from live_runner.services.cli.demo_sizing import DemoSizing, least_order
from live_runner.services.market_data.core.candles import holes
from live_runner.services.market_data.core.dataset import Dataset, Manifest
from live_runner.services.market_data.core.warmup import iso
from live_runner.services.market_data.datasets.store import read_dataset

__all__ = ["RecordedMarket", "read_market"]

_DAY_NS: Final = 86_400_000_000_000
_SHOWN: Final = 12
"""Symbols and files that are named; of more the rest is counted."""


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """An imported dataset and what follows from it."""

    manifest: Manifest
    sizing: DemoSizing
    has_holes: bool
    sets: int
    """Close times at which at least one symbol has a bar."""

    @property
    def is_contract(self) -> bool:
        """Whether it can be sold short: a spot account holds what it bought and nothing else."""
        return self.manifest.market_type != "spot"

    @property
    def has_a_day(self) -> bool:
        """Whether a strategy that looks back 24 hours has bars left to trade on."""
        return self.sets > -(-_DAY_NS // duration_ns(self.manifest.timeframe)) + 1

    def changes(self, strategy: str) -> dict[str, Any]:
        """Changes to the example of that strategy (``dual_lifo`` or ``ema_cross``), section by section."""
        manifest = self.manifest
        return {
            "market": {
                "source": "recording",
                "dataset": manifest.name,
                "venue": manifest.venue,
                "timeframe": manifest.timeframe,
                "symbols": list(manifest.symbol_names),
                "warmup_holes": "accept" if self.has_holes else "refuse",
            },
            "account": {"currency": self.sizing.currency, "equity": self.sizing.equity}
            | ({} if self.is_contract else {"leverage": "1"}),
            "strategy": {"parameters": self._ladders() if strategy == "dual_lifo" else self._cross()},
        }

    def _cross(self) -> dict[str, Any]:
        return {"notional": self.sizing.notional, "short": self.is_contract}

    def _ladders(self) -> dict[str, Any]:
        ladder: dict[str, Any] = {
            "base_notional": self.sizing.first_lot,
            "min_order_notional": self.sizing.least_notional,
        }
        if not self.has_a_day:
            ladder["regime_move"] = None
        return {"long": ladder, "short": ladder | {"enabled": self.is_contract}}

    def summary(self) -> list[str]:
        """A sentence for each choice, and for each thing that was left out."""
        manifest, sizing = self.manifest, self.sizing
        kind = "perpetuals" if self.is_contract else "spot"
        lines = [
            f"Dataset {manifest.name}: {manifest.venue} {kind} {manifest.timeframe}, {_listed(manifest.symbol_names)}; "
            f"{manifest.rows:,} bars from {iso(manifest.first_open_ns)} to {iso(manifest.end_ns)}."
        ]
        if manifest.left_out:
            lines.append(
                f"Left out, for one session has one venue, timeframe and settle currency (choose others with: "
                f"live-runner data import): {_listed(manifest.left_out)}."
            )
        if self.has_holes:
            missing = sum(part.missing_bars for part in manifest.symbols)
            what = (
                f"{missing:,} bars are missing, in {manifest.gaps:,} stretches" if missing else "The symbols have gaps"
            )
            lines.append(
                f"{what}; none is filled in, and the warmup uses the bars that exist (market.warmup_holes: accept)."
            )
        lines.append(
            f"The account has {sizing.equity} {sizing.currency}; "
            f"ema_cross opens {sizing.text(sizing.notional)} at a time, "
            f"dual_lifo begins with {sizing.text(sizing.first_lot)}."
        )
        if sizing.scale_up > 1:
            lines.append(
                f"That is {sizing.scale_up:f} times the usual, since no smaller order would do for every symbol here."
            )
        if any(rules.rules == "inferred" for rules in manifest.instruments):
            lines.append(
                "Tick and lot sizes are inferred from the bars where no *markets*.jsonl in the folder gives them."
            )
        if not self.is_contract:
            lines.append("A spot market: long only, leverage 1.")
        if not self.has_a_day:
            lines.append(
                "Less than 24 hours to warm up on: dual_lifo goes without its regime block (regime_move: null)."
            )
        return lines


def read_market(home: Path, data: Path) -> RecordedMarket:
    """Import a folder or file of candles under its own name, and look at it. DataError when it cannot be used."""
    name = dataset_name(data)
    markets = sorted(data.glob("*markets*.jsonl")) if data.is_dir() else []
    manifest = import_data([data], home, name=name, markets=markets[0] if markets else None, replace=True)
    return _market_of(manifest, read_dataset(home, name))


def _market_of(manifest: Manifest, dataset: Dataset) -> RecordedMarket:
    columns = list(dataset.candles.values())
    grid = np.unique(np.concatenate([candles.open_ns for candles in columns]))
    highest = {candles.symbol: float(candles.high.max()) for candles in columns}
    currency = manifest.instruments[0].settle
    return RecordedMarket(
        manifest=manifest,
        sizing=DemoSizing.of(currency, least_order(manifest.instruments, highest)),
        has_holes=manifest.gaps > 0 or bool(holes(grid, manifest.timeframe)),
        sets=len(grid),
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
