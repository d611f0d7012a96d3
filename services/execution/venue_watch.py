"""What a live session looks at without being asked: its open orders, and what the venue books and says of the account.

A stream only wakes: what happened is asked for. Nothing depends on it that a look every so often does not find too.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from msgspec import UnsetType

from live_runner.contracts import subjects
from live_runner.contracts.config import Config, Execution
from live_runner.contracts.gateway import AccountFacts, IncomeEntry, Outcome
from live_runner.contracts.messages import AccountReported, Income
from live_runner.services.execution.account_trades import AccountTrades, BookedTrades
from live_runner.services.execution.venue_effects import Note, VenueEffects
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.service.boot_clock import moment
from live_runner.services.venues.registry import profile_of

__all__ = ["VenueWatch"]

OVERLAP_NS: Final = 600_000_000_000
"""Income is listed from so long before the last entry: a venue may show one late."""
INCOMES_KEPT_MAX: Final = 10_000


class VenueWatch:
    """Looks for one session that began at ``begin_ns``."""

    def __init__(
        self,
        bus: Bus,
        config: Config,
        effects: VenueEffects,
        note: Note,
        begin_ns: int,
        booked: BookedTrades,
    ) -> None:
        execution = Execution() if isinstance(config.execution, UnsetType) else config.execution
        self._bus = bus
        self._symbols = tuple(config.market.symbols)
        self._poll_s = execution.poll_s
        self._account_every_s = execution.account_every_s
        self._effects = effects
        self._note = note
        self._since_ns = begin_ns
        self._begin_ns = begin_ns
        self._booked: dict[str, None] = {}
        self._trades = AccountTrades(effects, note, self._symbols, booked, profile_of(config.market.venue).forced_ids)
        self._woken = {symbol: asyncio.Event() for symbol in self._symbols}

    async def orders(self) -> None:
        """Look at every open order, every so often and whenever a stream of the account names its symbol."""
        undo = await self._bus.on(subjects.wakes(self._effects.account), self._on_wake)
        try:
            while True:
                await asyncio.sleep(self._poll_s)
                self._look("")
        finally:
            if not self._bus.lost.done():
                await undo()

    async def _on_wake(self, subject: str, _data: bytes) -> None:
        token = subject.rpartition(".")[2]
        self._look("" if token == subjects.EVERY_SYMBOL else token)
        for symbol, woken in self._woken.items():
            if token in (subjects.EVERY_SYMBOL, subjects.symbol_token(symbol)):
                woken.set()

    def _look(self, token: str) -> None:
        for query in self._effects.queries():
            # One of which nothing has been reported is on its way: its own answer comes first.
            if not self._effects.has_reported(query.client_order_id):
                continue
            if not token or subjects.symbol_token(query.symbol) == token:
                self._effects.take(query)

    async def trades(self) -> None:
        """Look at the account's trades of a symbol when a stream names it: no symbol waits for another."""
        async with asyncio.TaskGroup() as group:
            for symbol in self._symbols:
                group.create_task(self._trades_of(symbol))

    async def _trades_of(self, symbol: str) -> None:
        woken, is_waiting = self._woken[symbol], False
        while True:
            try:
                async with asyncio.timeout(self._poll_s if is_waiting else None):
                    await woken.wait()
            except TimeoutError:
                pass
            woken.clear()
            is_waiting = await self._trades.look(symbol)

    async def account(self) -> None:
        """Log what the venue has booked besides trades, and what it says of the account, every so often."""
        while True:
            await self._incomes()
            # Before positions: what somebody else's trade has changed there is known by it.
            await asyncio.gather(*(self._trades.look(symbol) for symbol in self._symbols))
            await self._positions()
            await asyncio.sleep(self._account_every_s)

    async def _incomes(self) -> None:
        outcome = await self._effects.ask("income", moment(), since_ns=max(self._since_ns - OVERLAP_NS, self._begin_ns))
        for entry in outcome.incomes:
            if entry.income_id in self._booked or (entry.symbol and entry.symbol not in self._symbols):
                continue
            self._booked[entry.income_id] = None
            if len(self._booked) > INCOMES_KEPT_MAX:
                del self._booked[next(iter(self._booked))]
            if entry.symbol:
                await self._note(Income, _fields_of(entry))
            self._since_ns = max(self._since_ns, entry.at_ns)

    async def look(self) -> bool:
        """Log what the venue says of the account now; whether its list of positions is whole."""
        return await self._positions()

    async def _positions(self) -> bool:
        positions = await self._effects.ask("positions", moment(), symbols=self._symbols)
        balances = await self._effects.ask("balances", moment())
        if positions.fate != "done" and balances.fate != "done":
            return False
        outcome = await self._effects.ask("account", moment(), symbols=self._symbols)
        facts = outcome.account if outcome.fate == "done" and outcome.account is not None else AccountFacts()
        await self._note(
            AccountReported,
            {
                "event_ns": max(positions.answered_ns, balances.answered_ns),
                "positions": positions.positions,
                "positions_complete": _is_whole(positions),
                "positions_asked_ns": positions.asked_ns if positions.fate == "done" else 0,
                "balances": balances.balances,
                "balances_complete": _is_whole(balances),
                "balances_asked_ns": balances.asked_ns if balances.fate == "done" else 0,
                "position_mode": facts.position_mode,
                "leverage": {name: facts.leverage[name] for name in self._symbols if name in facts.leverage},
                "margin_mode": {name: facts.margin_mode[name] for name in self._symbols if name in facts.margin_mode},
            },
        )
        return _is_whole(positions)


def _is_whole(outcome: Outcome) -> bool:
    return outcome.fate == "done" and outcome.complete


def _fields_of(entry: IncomeEntry) -> dict[str, Any]:
    return {
        "event_ns": entry.at_ns,
        "income_id": entry.income_id,
        "kind": entry.kind,
        "amount": entry.amount,
        "currency": entry.currency,
        "symbol": entry.symbol,
    }
