"""What ``paper`` plays: the shipped examples, on the simulated market or on a folder of candles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from live_runner.services.cli.output import note
from live_runner.services.cli.player import Request
from live_runner.services.runtime import config_file
from live_runner.services.runtime.settings import Settings

__all__ = ["EXAMPLES", "requests"]

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "infra" / "examples"
_PLAYED: Final = ("paper_dual_lifo.yaml", "paper_ema_cross.yaml")
_STEM_MAX: Final = 42
"""Characters of a name that a number still fits behind."""


def requests(settings: Settings, *, data: Path | None, speed: float | None, bars: int | None) -> list[Request]:
    """The sessions to play, each under a name of its market."""
    market = None if data is None else _market_of(settings, data)
    found = []
    for name in _PLAYED:
        path = EXAMPLES / name
        base = config_file.read(path).config.session
        session = base if market is None else f"{base}-{re.sub(r'[^a-z0-9_-]+', '-', market['dataset'])}"[:_STEM_MAX]
        found.append(
            Request(
                config=path,
                stage="paper",
                session=session,
                takes_next_name=True,
                speed=speed,
                bars=bars,
                market=market,
                verify=True,
            )
        )
    return found


def _market_of(settings: Settings, data: Path) -> dict[str, Any]:
    """The folder's candles as a dataset, and the fields of ``market`` that name it."""
    from live_runner.services.cli.data import import_data

    name = re.sub(r"[^a-z0-9_.-]+", "-", data.resolve().name.lower()).strip("-._")[:48] or "candles"
    markets = sorted(data.glob("*markets*.jsonl")) if data.is_dir() else []
    manifest = import_data([data], settings.home, name=name, markets=markets[0] if markets else None, replace=True)
    if manifest.left_out:
        note(f"{len(manifest.left_out)} files belong to other markets and were left out: {manifest.left_out[0]}, ...")
    return {
        "source": "recording",
        "dataset": name,
        "venue": manifest.venue,
        "timeframe": manifest.timeframe,
        "symbols": tuple(manifest.symbol_names),
    }
