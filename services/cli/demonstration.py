"""What ``paper`` plays: the shipped examples, on the simulated market or on a folder of candles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from live_runner.contracts.errors import DataError
from live_runner.services.cli.output import note
from live_runner.services.cli.player import Request
from live_runner.services.runtime import config_file
from live_runner.services.runtime.settings import Settings

__all__ = ["EXAMPLES", "requests"]

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "infra" / "examples"
_PLAYED: Final = ("paper_dual_lifo.yaml", "paper_ema_cross.yaml")
RUNS_MAX: Final = 10_000
"""Numbers that a session's name is tried with."""


def requests(settings: Settings, *, data: Path | None, speed: float | None, bars: int | None) -> list[Request]:
    """The sessions to play, each under a name that is free in this data folder."""
    market = None if data is None else _market_of(settings, data)
    found = []
    for name in _PLAYED:
        path = EXAMPLES / name
        base = config_file.read(path).config.session
        found.append(
            Request(
                config=path,
                stage="paper",
                session=_free_name(settings, base),
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


def _free_name(settings: Settings, base: str) -> str:
    """The base name, or with the first number whose session folder is not there yet."""
    from live_runner.contracts.subjects import check_session

    folder = settings.home / "sessions"
    for number in range(1, RUNS_MAX):
        name = check_session(base if number == 1 else f"{base}-{number}")
        if not (folder / name).exists():
            return name
    raise DataError(
        f"There are {RUNS_MAX} sessions called {base} in {settings.home}", remedy="Choose another folder with --home"
    )
