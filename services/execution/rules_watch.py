"""The rules of a live session's markets as their venue has them: looked at now and then, and when a refusal says so.

What came is logged as it is; the engine takes it over where it differs.
"""

from __future__ import annotations

import asyncio
from typing import Final

from live_runner.contracts.messages import RulesReported
from live_runner.services.execution.venue_effects import Note, VenueEffects
from live_runner.services.runtime.service.boot_clock import moment

__all__ = ["RulesWatch"]

EVERY_S: Final = 3600.0
"""Between two looks at the rules of every symbol: a delisting is announced days before."""


class RulesWatch:
    """Looks for one session; ``effects`` says when a refusal names the rules of a symbol."""

    def __init__(self, effects: VenueEffects, note: Note, symbols: tuple[str, ...]) -> None:
        self._effects = effects
        self._note = note
        self._symbols = symbols
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        effects.on_follow_up = self._on_follow_up

    def _on_follow_up(self, what: str, symbol: str) -> None:
        if what == "rules" and symbol not in self._waiting:  # one look is enough for all refusals before it
            self._waiting.add(symbol)
            self._asked.put_nowait(symbol)

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(EVERY_S):
                    named = await self._asked.get()
            except TimeoutError:
                await self._look(self._symbols)
                continue
            self._waiting.discard(named)
            await self._look((named,))

    async def _look(self, symbols: tuple[str, ...]) -> None:
        outcome = await self._effects.ask("rules", moment(), symbols=symbols)
        for instrument in outcome.rules:
            status = outcome.statuses.get(instrument.symbol, "")
            fields = {"event_ns": outcome.answered_ns, "instrument": instrument, "status": status}
            await self._note(RulesReported, fields)
