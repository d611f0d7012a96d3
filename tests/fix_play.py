"""Scenarios of a live session at a local exchange, each of which ends with both ledgers side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from fix_gateway import TradingAccount, trading_venue
from fix_live_session import LiveSession, live_session
from fix_nats import BusFactory

__all__ = ["Play"]

SCENARIO_S = 60.0

type Work = Callable[[LiveSession, TradingAccount], Awaitable[None]]


class Play:
    """Plays a scenario of one session at a local exchange of its own, and looks at both ledgers when it is over."""

    def __init__(self, bus_factory: BusFactory, folder: Path) -> None:
        self.played = 0
        self._bus_factory = bus_factory
        self._folder = folder

    def __call__(
        self,
        work: Work,
        *,
        incidents: Collection[str] = (),
        clock: str = "manual",
        at_venue: dict[str, Any] | None = None,
        unlike: Collection[str] = (),
        **session: Any,
    ) -> None:
        """``at_venue`` is for ``trading_venue``, ``incidents`` and ``unlike`` for ``agree``, the rest the session's."""

        async def run() -> None:
            async with (
                asyncio.timeout(SCENARIO_S),
                self._bus_factory() as bus,
                trading_venue(clock, **(at_venue or {})) as trading,
                live_session(bus, trading, self._folder, **session) as live,
            ):
                await work(live, trading)
                await live.agree(trading, incidents, unlike)

        self.played += 1
        asyncio.run(run())


@pytest.fixture
def play(bus_factory: BusFactory, tmp_path: Path) -> Iterator[Play]:
    """Plays scenarios; none ends without our ledger being the venue's."""
    player = Play(bus_factory, tmp_path)
    yield player
    assert player.played > 0
