# cython: language_level=3, annotation_typing=False, auto_pickle=False, nonecheck=True
"""A session in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cython

if TYPE_CHECKING:
    from live_runner.hotpath.engine.state import State
if not cython.compiled:
    from live_runner.hotpath.engine.python_money import money_text

__all__ = ["summary_of"]


def summary_of(state: State) -> dict[str, Any]:
    """Counts, and money as decimal text."""
    ledger = state.ledger
    open_legs = 0
    for market in state.markets:
        open_legs += (market.long.quantity > 0) + (market.short.quantity > 0)
    return {
        "intents": state.intents,
        "orders": state.requested,
        "fills": state.fills,
        "refused": state.denied,
        "rejected": state.rejected,
        "realised": money_text(ledger.realised),
        "unrealised": money_text(ledger.unrealised),
        "equity": money_text(ledger.cash + ledger.unrealised),
        "cash": money_text(ledger.cash),
        "fees": money_text(ledger.fees_maker + ledger.fees_taker),
        "fees_maker": money_text(ledger.fees_maker),
        "fees_taker": money_text(ledger.fees_taker),
        "funding": money_text(ledger.funding),
        "slippage": money_text(ledger.slippage),
        "turnover": money_text(ledger.turnover),
        "drawdown_realised": money_text(ledger.drawdown_realised),
        "drawdown_equity": money_text(ledger.drawdown_equity),
        "trades": ledger.trades,
        "margin_calls": ledger.margin_calls,
        "open_legs": open_legs,
        "liquidations": state.liquidations,
    }
