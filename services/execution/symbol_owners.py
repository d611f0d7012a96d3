"""Which session trades a symbol of a venue account: one at a time, by an epoch in the log.

    session.evt.owned.<account>.symbol-<symbol>     the last one names the owner: its ``instance`` is the session

Orders of two sessions on one symbol would share a position, and neither ledger could be the venue's. A session owns its
symbols from its beginning until it is over, whether a process of it runs or not; the gateway sends nothing of another.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from live_runner.contracts import subjects
from live_runner.contracts.errors import OwnershipLost, SessionRefused
from live_runner.contracts.messages import Owned
from live_runner.contracts.numbering import Numbering
from live_runner.services.runtime.nats.bus import Bus
from live_runner.services.runtime.nats.events import last_event

__all__ = ["own_symbols"]


async def own_symbols(bus: Bus, session: str, account: str, symbols: Iterable[str], under_way: Iterable[str]) -> None:
    """Take the symbols, or keep those that the session has; SessionRefused names the owner of one that is taken.

    ``under_way`` are the sessions that are known to be neither over nor refused.
    """
    known = frozenset(under_way)
    for symbol in symbols:
        role = subjects.symbol_role(symbol)
        last = await last_event(bus, subjects.owned(account, role), Owned)
        seq, epoch = (0, 0) if last is None else (last[0], last[1].epoch)
        owner = "" if last is None else last[1].instance
        if owner == session:
            continue
        if owner and (owner in known or await _goes_on(bus, owner, seq)):
            raise _taken(account, symbol, owner)
        numbering = Numbering(account, f"{role}.shell.{epoch + 1}", hashing=False)
        event = numbering.make(Owned, cause="", event_ns=time.time_ns(), role=role, instance=session, epoch=epoch + 1)
        try:
            await bus.publish(event, expect_last_of_subject=seq)
        except OwnershipLost as error:
            raise _taken(account, symbol, "a session that was faster") from error


async def _goes_on(bus: Bus, owner: str, since_seq: int) -> bool:
    """Whether a session that took a symbol at a place of the log is there and has not ended after it."""
    if not await bus.last_seq_of(subjects.event_subject("session.announced", owner)):
        return False
    ends = ("session.stopped", "session.refused")
    return all([await bus.last_seq_of(subjects.event_subject(end, owner)) < since_seq for end in ends])


def _taken(account: str, symbol: str, owner: str) -> SessionRefused:
    return SessionRefused(
        f"{symbol} of the account {account} is traded by {owner}",
        remedy="End that session first, or trade another symbol, or use another account",
        reason="symbol_taken",
        account=account,
        symbol=symbol,
        session=owner,
    )
