"""Sources of a session's bars: one ``Source`` per session, recorded, simulated or live.

A source gives values, in publishing order; it numbers and publishes nothing. Recordings and the simulated
market are pure functions of the configuration and can go on anywhere; a live source (``is_live``) waits for
the venue.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, Protocol

from live_runner.contracts.config import Config
from live_runner.contracts.errors import ConfigError, OurFault
from live_runner.contracts.messages import Instrument
from live_runner.contracts.time import optional_time_ns
from live_runner.contracts.timeframe import duration_ns
from live_runner.services.market_data.core.dataset import Dataset, manifest_view
from live_runner.services.market_data.core.inferred_rules import override
from live_runner.services.market_data.core.sets import Item, SetTimeline
from live_runner.services.market_data.core.warmup import Plan, plan
from live_runner.services.market_data.datasets.simulated import simulated_dataset
from live_runner.services.market_data.datasets.store import read_dataset

__all__ = ["Item", "Plan", "RecordingSource", "Source", "open_source", "recording_source"]


class Source(Protocol):
    """A source of market data, as the shell uses it."""

    is_live: bool

    def manifest_view(self) -> dict[str, Any]:
        """Provenance as it enters events: no dates of ours, no paths."""

    def instruments(self) -> list[Instrument]:
        """Market rules in symbol order, with ``market.instruments`` applied over them."""

    async def plan(self, warmup_bars: int) -> Plan:
        """Where the session begins; WarmupRefused or DataError when it cannot."""

    async def resume(self, first_open_ns: int, warmup_bars: int) -> None:
        """Take up a session that has started already, with what its manifest says, instead of ``plan``."""

    def items(self, after_close_ns: int | None, number: int) -> Iterator[Item]:
        """The items after set ``number`` (0 and None: from the first one), for sources that are not live."""

    def live_items(self, after_close_ns: int | None, number: int) -> AsyncGenerator[Item]:
        """The same for every source; a live one waits for the venue, and ends at ``market.end`` only.

        A live one also gives ``VenueCall`` and ``Incident``: what it saw, for the shell's own numbering.
        """

    def drain(self) -> list[Item]:
        """Failed calls and incidents since the last time that are in no ``live_items`` (while planning)."""

    async def close(self) -> None:
        """Let go of connections."""


class RecordingSource:
    """A dataset in memory, recorded or simulated."""

    is_live = False

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self._market = config.market
        self._dataset = dataset
        self._columns = [dataset.candles[symbol] for symbol in config.market.symbols]
        self._plan: Plan | None = None

    def manifest_view(self) -> dict[str, Any]:
        """Provenance of the bars, with what the plan found out about late symbols."""
        return manifest_view(self._dataset.manifest) | (self._plan.details if self._plan else {})

    def instruments(self) -> list[Instrument]:
        """Market rules in symbol order."""
        market = self._market
        rules = (self._dataset.instrument(symbol) for symbol in market.symbols)
        return [override(rule, market.instruments.get(rule.symbol, {})) for rule in rules]

    async def plan(self, warmup_bars: int) -> Plan:
        """Where the session begins."""
        return self.plan_now(warmup_bars)

    def plan_now(self, warmup_bars: int) -> Plan:
        """The same without a loop, for the backtest."""
        market = self._market
        self._plan = plan(
            self._columns,
            market.timeframe,
            warmup_bars,
            start_ns=optional_time_ns(market.start, "market.start"),
            end_ns=optional_time_ns(market.end, "market.end"),
            accept_holes=market.warmup_holes == "accept",
        )
        return self._plan

    async def resume(self, first_open_ns: int, warmup_bars: int) -> None:
        """The plan is a function of the configuration; OurFault when the log says another."""
        made = self.plan_now(warmup_bars)
        if made.first_open_ns != first_open_ns:
            raise OurFault(
                f"The recording's first tradable bar opens at {made.first_open_ns}, the log says {first_open_ns}",
                remedy="The dataset was replaced since the session started; start a new session",
            )

    def timeline(self) -> SetTimeline:
        """Everything that the planned session publishes; ``plan`` must have been asked before."""
        if self._plan is None:
            raise ConfigError("The session was not planned yet", remedy="Ask for plan(warmup_bars) first")
        return SetTimeline(
            self._columns,
            self._market.timeframe,
            begin_ns=self._plan.begin_ns,
            first_open_ns=self._plan.first_open_ns,
            end_ns=optional_time_ns(self._market.end, "market.end"),
            funding=self._dataset.funding,
        )

    def items(self, after_close_ns: int | None, number: int) -> Iterator[Item]:
        """The items after set ``number``."""
        return self.timeline().items(after_close_ns, number)

    async def live_items(self, after_close_ns: int | None, number: int) -> AsyncGenerator[Item]:
        """The same, for callers that take any source."""
        for item in self.items(after_close_ns, number):
            yield item

    def drain(self) -> list[Item]:
        """A recording makes no calls."""
        return []

    async def close(self) -> None:
        """Nothing is held."""


async def open_source(config: Config, home: Path) -> Source:
    """The source of a session; DataError, ConfigError or VenueUnavailable when it cannot be opened."""
    _check(config)
    if config.market.source == "ccxt":
        # ccxt takes 0.4 s and 100 MB to import, which sessions over recordings need not pay.
        from live_runner.services.market_data.live.live_source import open_live_source

        return await open_live_source(config)
    return recording_source(config, home)


def recording_source(config: Config, home: Path) -> RecordingSource:
    """The recorded or simulated market of a session."""
    market = config.market
    _check(config)
    if market.source == "simulated":
        dataset = simulated_dataset(market.seed, market.symbols, market.timeframe, market.bars, venue=market.venue)
        return RecordingSource(config, dataset)
    if market.dataset is None:
        raise ConfigError(
            "market.dataset is missing: source 'recording' plays an imported dataset",
            remedy="Name one of: live-runner data list",
            key="market.dataset",
        )
    dataset = read_dataset(home, market.dataset, market.symbols)
    manifest = dataset.manifest
    for key, wanted, there in (
        ("market.timeframe", market.timeframe, manifest.timeframe),
        ("market.venue", market.venue, manifest.venue),
    ):
        if wanted != there:
            raise ConfigError(
                f"{key} is {wanted}, and dataset '{manifest.name}' is of {there}",
                remedy=f"Write {there}, or import another dataset",
                key=key,
            )
    return RecordingSource(config, dataset)


def _check(config: Config) -> None:
    market = config.market
    duration_ns(market.timeframe)
    if not market.symbols:
        raise ConfigError("market.symbols is empty", remedy="Name at least one symbol", key="market.symbols")
    if len(set(market.symbols)) != len(market.symbols):
        raise ConfigError("market.symbols lists a symbol twice", remedy="Name each once", key="market.symbols")
    stray = sorted(set(market.instruments) - set(market.symbols))
    if stray:
        raise ConfigError(
            f"market.instruments has rules for {stray[0]}, which is not in market.symbols",
            remedy="Correct the symbol",
            key=f"market.instruments.{stray[0]}",
        )
    if market.source == "simulated" and market.bars < 1:
        raise ConfigError("market.bars must be at least 1", remedy="Set market.bars", key="market.bars")
