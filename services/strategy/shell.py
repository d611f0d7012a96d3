"""The shell of one session's strategy: runs the strategy host over the log, in a process of its own.

While strategy code runs, the process shows since when in a word of memory that it shares with the
strategy service (watch.py), so that one which never returns can be ended from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from live_runner.contracts import subjects
from live_runner.contracts.errors import SessionRefused
from live_runner.contracts.manifest import config_of
from live_runner.contracts.messages import (
    Announced,
    BarSet,
    Decided,
    Event,
    FeedEnded,
    Finished,
    Settled,
    Started,
)
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.core_shell import CoreShell
from live_runner.services.runtime.service.engine_facts import package_versions
from live_runner.services.strategy.core.host import StrategyCore
from live_runner.services.strategy.core.news import NEWS
from live_runner.services.strategy.watchdog import BusyFlag
from live_runner.strategies.loader import installed_imports, load, source_hash
from live_runner.strategies.parameters import create

__all__ = ["StrategyShell"]


class StrategyShell(CoreShell):
    """Runs the strategy host of one session. Raises StrategyError when the sources do not load."""

    role = "strategy"
    inputs = frozenset({Started, BarSet, FeedEnded, Settled, *NEWS})
    domains = ("session", "market", "order", "account", "ops")
    last_output = Finished

    def __init__(self, bus: Bus, announced: Announced, instance: str, busy: BusyFlag) -> None:
        self._announced = announced
        self.announcement = announced.id
        self._config = config_of(announced.config)
        self._class = load(announced.strategy, announced.sources, legacy=self._config.strategy.legacy)
        super().__init__(bus, announced.session, StrategyCore(announced.session, self._class), instance)
        self._busy = busy
        self._is_ending = False
        self.trouble: str = ""
        self.progress |= {"decisions": 0}

    async def join(self) -> dict[str, Any]:
        given = source_hash(self._announced.sources)
        if given != self._announced.strategy_hash:
            raise SessionRefused(
                f"The announced strategy source has hash {given}, not {self._announced.strategy_hash}",
                remedy="Announce the session again from the unchanged source",
                reason="strategy_hash_mismatch",
            )
        market = self._config.market
        strategy = create(self._class, self._config.strategy.parameters, market.symbols, market.timeframe)
        return {"policy": strategy.policy(), "packages": _packages(self._announced.sources)}

    async def taken(self) -> None:
        # Before recovery: what ended the process before may well end this one too, while it folds the same bars.
        if self.trouble:
            await self.incident(
                "error",
                "strategy_restarted",
                f"{self.trouble}; it is restarted from the log",
                cause=f"epoch-{self.ownership.epoch}",
            )
            await self.flush()

    def _fold(self, event: Event) -> Sequence[Any]:
        self._busy.set()
        try:
            return super()._fold(event)
        finally:
            self._busy.clear()

    async def folded(self, event: Event, effects: Sequence[Any], *, is_recovered: bool) -> None:
        self.progress["decisions"] += sum(1 for effect in effects if isinstance(effect, Decided))
        core = self.core
        assert isinstance(core, StrategyCore)
        while core.failures:
            failed, trace, where = core.failures.pop(0)
            await self.incident(
                "error",
                "strategy_failed",
                f"{failed.call} of {failed.symbol} raised {failed.error}",
                cause=event.id + failed.symbol + failed.call,
                traceback=trace,
                where=where,
                symbol=failed.symbol,
                call=failed.call,
            )
        if not is_recovered and any(isinstance(effect, Finished) for effect in effects):
            for name in core.cold_indicators:
                await self.incident(
                    "warning",
                    "strategy_never_warm",
                    f"The indicator '{name}' never had a value",
                    cause=event.id + name,
                    indicator=name,
                )
            if (unasked := core.unasked) is not None:
                await self.incident(
                    "warning",
                    "strategy_never_asked",
                    unasked.first,
                    cause=event.id + unasked.reason,
                    reason=unasked.reason,
                    where=unasked.where,
                )
        if core.halted and not self._is_ending and not is_recovered:
            self._is_ending = True
            await self.bus.send(
                subjects.command("end", self.session),
                msgspec.msgpack.encode({"author": "strategy", "reason": "strategy code failed and on_error is stop"}),
            )


def _packages(sources: dict[str, str]) -> dict[str, str]:
    """Installed distributions that the sources import, by version."""
    return package_versions(installed_imports(sources))
