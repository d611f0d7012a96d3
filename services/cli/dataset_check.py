"""A session's bars beside those of the dataset that its manifest names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from live_runner.contracts.errors import RunnerError
from live_runner.contracts.messages import BarSet, Event

if TYPE_CHECKING:
    from live_runner.services.forensics.runs import Market
    from live_runner.services.forensics.session_log import SessionLog

__all__ = ["dataset_market"]


def dataset_market(log: SessionLog, home: Path) -> tuple[Market | None, str]:
    """The dataset's market, where a bar of the session is another one there; and a note, "" when all are the same.

    The session's own bars are compared where its dataset is in this data folder, or is the simulated market.
    """
    from live_runner.contracts.manifest import config_of
    from live_runner.services.backtest.market import numbered
    from live_runner.services.market_data.feed import recording_source

    started = log.started
    config = config_of(started.config)
    if config.market.source == "ccxt":
        return None, ""
    try:
        source = recording_source(config, home)
        source.plan_now(started.warmup_bars)
        here = source.manifest_view().get("hash")
    except RunnerError as error:
        return None, f"The bars were not compared with their dataset: {error}"
    if here != started.dataset.get("hash"):
        name = started.dataset.get("name", "")
        return None, f"The bars were not compared with their dataset: '{name}' is another one here, {here}"

    def market() -> Iterator[Event]:
        return numbered(started.session, source.items(None, 0))

    for mine, theirs in zip_longest(_sets(log.market()), _sets(market())):
        if mine is None:
            break  # it was ended before the dataset was
        if theirs is None or (mine.open_ns, mine.bars, mine.missing) != (theirs.open_ns, theirs.bars, theirs.missing):
            return market, f"Bar set {mine.number} of the session is not the one of its dataset"
    return None, ""


def _sets(market: Iterator[Event]) -> Iterator[BarSet]:
    return (event for event in market if isinstance(event, BarSet))
