"""The demo sessions of ``paper``: the example strategies on the simulated market or on a folder of candles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from live_runner.services.cli.output import note
from live_runner.services.cli.runner import Request
from live_runner.services.runtime.config import config_file
from live_runner.services.runtime.config.settings import Settings

__all__ = ["EXAMPLES", "requests"]

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "infra" / "examples"
_PLAYED: Final = ("dual_lifo", "ema_cross")
_STEM_MAX: Final = 42
"""Characters of a name that a number still fits behind."""


def requests(settings: Settings, *, data: Path | None, speed: float | None, bars: int | None) -> list[Request]:
    """The sessions to play, each under a name of its market."""
    market = None
    if data is not None:
        from live_runner.services.cli.recorded_market import read_market

        market = read_market(settings.home, data)
        for line in market.summary():
            note(line)
    found = []
    for strategy in _PLAYED:
        path = EXAMPLES / f"paper_{strategy}.yaml"
        session = config_file.read(path).config.session
        if market is not None:
            session = f"{session}-{re.sub(r'[^a-z0-9_-]+', '-', market.manifest.name)}"[:_STEM_MAX]
        found.append(
            Request(
                config=path,
                stage="paper",
                session=session,
                takes_next_name=True,
                speed=speed,
                bars=bars,
                changes={} if market is None else market.changes(strategy),
                verify=True,
            )
        )
    return found
