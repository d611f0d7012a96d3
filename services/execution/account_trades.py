"""Trades of the account on the session's symbols, by one cursor a symbol: those of orders that no session sent, too.

What the orders of the session have filled is booked by their reports. A trade that is still not booked when the symbol
is looked at again is handed to the core as ``account.traded``: it may have come after the end of its order, or be a
close by force, or somebody's by hand. The core decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from live_runner.contracts.core import QueryOrder
from live_runner.contracts.gateway import AccountTrade
from live_runner.contracts.messages import AccountReported, Event, Filled, Reconciled, Traded
from live_runner.services.execution.venue_effects import Note, VenueEffects
from live_runner.services.runtime.service.boot_clock import moment

__all__ = ["AccountTrades", "BookedTrades"]

OVERLAP_NS: Final = 600_000_000_000
"""A process that takes over lists trades from so long before the account was looked at last."""
KEPT_MAX: Final = 10_000
"""Trades of a symbol whose ids are remembered; one that is forgotten is handed to the core again, which has it."""
PAGES_MAX: Final = 50
"""Answers of one look at a symbol; the next look goes on from there."""


class BookedTrades:
    """What the log shows of trades: those that are booked, and until when the account was looked at."""

    def __init__(self, begin_ns: int) -> None:
        self.looked_ns = begin_ns
        self._ids: dict[tuple[str, str], None] = {}

    def __contains__(self, trade: AccountTrade) -> bool:
        return (trade.symbol, trade.trade.id) in self._ids

    def folded(self, event: Event, effects: Sequence[Any]) -> None:
        """Take note of an input of the core and of what it led to."""
        if isinstance(event, AccountReported):
            self.looked_ns = max(self.looked_ns, event.positions_asked_ns)
        elif isinstance(event, Traded):
            self._add(event.symbol, event.trade.id)
        for effect in effects:
            if isinstance(effect, Filled):
                self._add(effect.symbol, effect.fill_id)
            elif isinstance(effect, Reconciled):
                self._add(effect.symbol, effect.trade_id)

    def _add(self, symbol: str, trade_id: str) -> None:
        self._ids[(symbol, trade_id)] = None
        if len(self._ids) > KEPT_MAX:
            del self._ids[next(iter(self._ids))]


class _Cursor:
    """How far the trades of one symbol were listed."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.last_id = ""
        self.seen: dict[str, None] = {}
        self.waiting: dict[str, AccountTrade] = {}
        """Trades that nothing was booked for when they were seen."""
        self.turn = asyncio.Lock()


class AccountTrades:
    """Looks at the trades of some symbols. ``forced`` gives the cause by how the venue's own client ids begin."""

    def __init__(
        self, effects: VenueEffects, note: Note, symbols: Sequence[str], booked: BookedTrades, forced: Mapping[str, str]
    ) -> None:
        self._effects = effects
        self._note = note
        self._booked = booked
        self._forced = forced
        self._cursors = {symbol: _Cursor(booked.looked_ns - OVERLAP_NS) for symbol in symbols}

    async def look(self, symbol: str) -> bool:
        """List what is new; whether another look will have something to hand over."""
        cursor = self._cursors[symbol]
        async with cursor.turn:
            seen_before = list(cursor.waiting.values())
            for _ in range(PAGES_MAX):
                outcome = await self._effects.ask(
                    "trades_since", moment(), symbols=(symbol,), since_id=cursor.last_id, since_ns=cursor.since_ns
                )
                if outcome.fate != "done":
                    return bool(cursor.waiting)
                if not self._take(cursor, outcome.trades) or outcome.complete:
                    break
            for trade in seen_before:
                if trade in self._booked or await self._hand_over(trade):
                    cursor.waiting.pop(trade.trade.id, None)
            return bool(cursor.waiting)

    def _take(self, cursor: _Cursor, trades: Sequence[AccountTrade]) -> bool:
        """Move the cursor on; whether there was anything new."""
        fresh = [trade for trade in trades if trade.trade.id not in cursor.seen]
        for trade in fresh:
            cursor.seen[trade.trade.id] = None
            if len(cursor.seen) > KEPT_MAX:
                del cursor.seen[next(iter(cursor.seen))]
            if trade not in self._booked:
                cursor.waiting[trade.trade.id] = trade
            cursor.last_id = trade.trade.id
            cursor.since_ns = max(cursor.since_ns, trade.trade.at_ns)
        return bool(fresh)

    async def _hand_over(self, trade: AccountTrade) -> bool:
        """Log a trade with what its order is called; False where that is not known yet, or its order is to be asked."""
        order = QueryOrder("", "", trade.symbol, venue_order_id=trade.venue_order_id, triggered=True)
        outcome = await self._effects.ask("query", moment(), effect=order)
        if outcome.fate not in ("done", "gone"):
            return False
        ours, client = "", ""
        if outcome.orders:
            ours, client = outcome.orders[0].client_order_id, outcome.orders[0].named
        for query in self._effects.queries():
            if ours and query.client_order_id == ours:
                self._effects.take(query)
                return False
        forced = next((cause for begin, cause in self._forced.items() if client.startswith(begin)), "")
        await self._note(
            Traded,
            {
                "event_ns": trade.trade.at_ns, "symbol": trade.symbol, "leg": trade.leg, "side": trade.side,
                "trade": trade.trade, "venue_order_id": trade.venue_order_id, "client_order_id": client,
                "forced": forced,
            },
        )  # fmt: skip
        return True
