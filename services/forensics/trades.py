"""Matching of the fills of two runs: in both, or in only one of them.

A fill is the same trade in both when symbol, leg, action and market time agree; the first such fill of one
run goes with the first of the other. Price and quantity may differ: then it is matched and changed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final

import msgspec

from live_runner.contracts.messages import Filled

__all__ = ["MAX_LISTED", "Trade", "TradeMatch", "match_trades"]

MAX_LISTED: Final = 100
"""Trades of one kind that are listed; all are counted."""

type _Key = tuple[str, str, str, int]


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One fill as a table shows it."""

    symbol: str
    leg: str
    action: str
    at_ns: int
    quantity: str
    price: str
    realised: str
    fee: str
    order_id: str


class TradeMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Fills of the session against those of the backtest."""

    matched: int
    changed: int
    """Matched, with another quantity, price, fee or PnL."""
    missing: int
    """In the backtest and not in the session."""
    extra: int
    """In the session and not in the backtest."""
    changed_trades: list[tuple[Trade, Trade]] = []
    """Of the backtest, of the session."""
    missing_trades: list[Trade] = []
    extra_trades: list[Trade] = []


def match_trades(backtest: Sequence[Filled], session: Sequence[Filled]) -> TradeMatch:
    """Pair the fills of a backtest with those of the session."""
    waiting: defaultdict[_Key, deque[Filled]] = defaultdict(deque)
    for fill in backtest:
        waiting[_key(fill)].append(fill)
    matched = 0
    changed: list[tuple[Trade, Trade]] = []
    extra: list[Filled] = []
    for fill in session:
        line = waiting.get(_key(fill))
        if not line:
            extra.append(fill)
            continue
        matched += 1
        pair = (_trade(line.popleft()), _trade(fill))
        if pair[0] != pair[1]:
            changed.append(pair)
    unpaired = {id(fill) for line in waiting.values() for fill in line}
    missing = [fill for fill in backtest if id(fill) in unpaired]
    return TradeMatch(
        matched=matched,
        changed=len(changed),
        missing=len(missing),
        extra=len(extra),
        changed_trades=changed[:MAX_LISTED],
        missing_trades=[_trade(fill) for fill in missing[:MAX_LISTED]],
        extra_trades=[_trade(fill) for fill in extra[:MAX_LISTED]],
    )


def _key(fill: Filled) -> _Key:
    return fill.symbol, fill.leg, fill.action, fill.event_ns


def _trade(fill: Filled) -> Trade:
    return Trade(
        symbol=fill.symbol,
        leg=fill.leg,
        action=fill.action,
        at_ns=fill.event_ns,
        quantity=fill.quantity,
        price=fill.price,
        realised=fill.realised,
        fee=fill.fee,
        order_id=fill.order_id,
    )
